"""Images to train on: from an `.npz` file, or Keras' MNIST."""

import os
import pathlib
from typing import Any

import numpy as np

from tfp_flows.files import InvalidFileError, read_arrays


def load_images(source: str | os.PathLike) -> dict[str, Any]:
    """Training and test images with values in [0, 1], and their labels.

    Args:
      source: "mnist", which Keras downloads, or the path of an `.npz` file with the
        arrays `x_train` and `x_test`, `[N, height, width]` or with 1 or 3 channels last,
        bytes or floats in [0, 1], and optionally `y_test`, `[N]`.

    Returns:
      `dict` of float32 arrays `x_train`, `x_test`, and `y_test`, `[N]` or `None`.

    Raises:
      OSError: if there is no such file, or no network for MNIST.
      InvalidFileError: if the file is not of this form; a `ValueError`.
    """
    arrays = _download_mnist() if source == "mnist" else _read(pathlib.Path(source))
    images = {
        name: _intensities(arrays[name], name, source) for name in ("x_train", "x_test")
    }
    if images["x_train"].shape[1:] != images["x_test"].shape[1:]:
        raise InvalidFileError(
            f"Images of two shapes in {source}: x_train has {images['x_train'].shape[1:]}"
            f", x_test {images['x_test'].shape[1:]}; make them the same."
        )
    labels = arrays.get("y_test")
    shape = (len(images["x_test"]),)
    if labels is not None and (labels.shape != shape or labels.dtype.kind not in "biuf"):
        raise InvalidFileError(
            f"y_test of {source} must have one number for each of the {shape[0]} test "
            f"images, but is {labels.dtype} of shape {labels.shape}."
        )
    return dict(images, y_test=labels)


def _download_mnist() -> dict[str, np.ndarray]:
    import keras

    try:
        (x_train, _), (x_test, y_test) = keras.datasets.mnist.load_data()
    except Exception as error:  # Keras raises a bare Exception when there is no network
        raise OSError(
            f"Cannot download MNIST ({error}); connect to a network, or pass --data with "
            "the path of an .npz file with x_train and x_test."
        ) from error
    return dict(x_train=x_train, x_test=x_test, y_test=y_test)


def _read(path: pathlib.Path) -> dict[str, np.ndarray]:
    if not path.is_file():
        raise FileNotFoundError(
            f"There is no file {path}; pass --data with the path of an .npz file with "
            "x_train and x_test, or mnist."
        )
    try:
        arrays = read_arrays(path, names=("x_train", "x_test", "y_test"), compressed=True)
    except InvalidFileError as error:
        raise InvalidFileError(
            f"{path} is not an .npz file of plain arrays ({error}); write one with "
            "np.savez(path, x_train=..., x_test=...)."
        ) from error
    missing = [name for name in ("x_train", "x_test") if name not in arrays]
    if missing:
        raise InvalidFileError(
            f"{path} has no array {' and no '.join(missing)}; name them as "
            "keras.datasets.mnist does."
        )
    return arrays


def _intensities(images: np.ndarray, name: str, source: str | os.PathLike) -> np.ndarray:
    """Bytes divided by 255; floats as they are, if they are in [0, 1]."""
    if images.ndim not in (3, 4) or 0 in images.shape:
        raise InvalidFileError(
            f"{name} of {source} must be images [N, height, width] or [N, height, width, "
            f"channels], but has shape {images.shape}."
        )
    if images.ndim == 4 and images.shape[-1] not in (1, 3):
        raise InvalidFileError(
            f"{name} of {source} must have 1 or 3 channels, grey or red, green and blue, "
            f"but has shape {images.shape}; leave out an alpha channel."
        )
    if images.dtype == np.uint8:
        return (images / 255.0).astype(np.float32)
    if images.dtype != np.bool_ and not np.issubdtype(images.dtype, np.floating):
        raise InvalidFileError(
            f"{name} of {source} must be bytes (uint8) or floats in [0, 1], but is "
            f"{images.dtype}."
        )
    if not (np.min(images) >= 0 and np.max(images) <= 1):
        raise InvalidFileError(
            f"{name} of {source} has values from {np.min(images)} to {np.max(images)}; "
            "floats must be in [0, 1], bytes of dtype uint8."
        )
    return images.astype(np.float32)
