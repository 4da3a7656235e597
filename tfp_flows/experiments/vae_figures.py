"""Pictures of a variational autoencoder: samples, reconstructions, the latent map."""

import functools
import pathlib

import numpy as np
from matplotlib.figure import Figure

from tfp_flows import models, plotting

# Pictures per row and column of the samples, and columns of reconstructions.
_SIDE = 10


def save_figures(
    out: pathlib.Path,
    model: models.FlowVAE,
    images: np.ndarray,
    labels: np.ndarray | None,
    *,
    seed: int,
) -> None:
    """Writes `samples.png`, `reconstructions.png` and, for D = 2, `latent-map.png`.

    Args:
      out: folder.
      model: `tff.models.FlowVAE`.
      images: array `[N, ...]`, of which the first are reconstructed, and all encoded.
      labels: array `[N]`, for colours, or `None`.
      seed: of the samples.
    """
    samples = model.sample(_SIDE**2, seed=seed).numpy()
    plotting.save_panel(
        out / "samples.png",
        functools.partial(plotting.plot_images, images=samples, num_columns=_SIDE),
        title="samples",
    )
    columns = min(_SIDE, len(images))
    pairs = []
    for start in range(0, min(5, len(images) // columns) * columns, columns):
        row = images[start : start + columns]
        pairs += [row, model.reconstruct(row).numpy()]
    plotting.save_panel(
        out / "reconstructions.png",
        functools.partial(
            plotting.plot_images,
            images=np.concatenate(pairs),
            num_columns=columns,
        ),
        title="images, and below each its reconstruction",
    )
    if model.latent_size == 2:
        _save_latent_map(out / "latent-map.png", model, images, labels)


def _save_latent_map(
    path: pathlib.Path,
    model: models.FlowVAE,
    images: np.ndarray,
    labels: np.ndarray | None,
) -> None:
    _, grid = model.latent_grid()
    codes = np.concatenate(
        [
            model.encode(images[start : start + 1_000]).numpy()
            for start in range(0, len(images), 1_000)
        ]
    )

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        # Rows of pictures go down, z_2 goes up.
        flat = grid[::-1].reshape([-1, *grid.shape[2:]])
        plotting.plot_images(left, flat, num_columns=len(grid))
        left.set(title="decoded grid of prior quantiles", xlabel="$z_1$", ylabel="$z_2$")
        plotting.plot_labelled_points(right, codes, labels)
        right.set_title("encoded test images")

    plotting.save_figure(path, draw, (10.0, 5.0))
