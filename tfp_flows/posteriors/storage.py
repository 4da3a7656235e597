"""Posteriors in files: arrays and what they mean, never pickles."""

import pathlib
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfp_flows import diagnostics, distributions
from tfp_flows.files import Format, InvalidFileError, as_path, prepare_folder
from tfp_flows.posteriors.model import Model, as_model
from tfp_flows.posteriors.posterior import Posterior
from tfp_flows.types import PathLike

_FORMAT = Format(
    "tfp_flows/posterior",
    versions=(1,),
    is_not="not a saved posterior",
    advice="pass a folder that tff.posteriors.save wrote",
)
_FILE, _FLOW_FILE = "posterior.npz", "flow.npz"
# Points at which a model is recognised.
_NUM_POINTS = 5


def save(posterior: Posterior, folder: PathLike) -> None:
    """Saves a posterior, without its model.

    Args:
      posterior: `Posterior`.
      folder: where to write `posterior.npz`, with the evaluation, and `flow.npz`, which
        `tff.distributions.load` reads, unless the posterior is a Gaussian: then a
        `flow.npz` that an earlier one left there is removed.

    Raises:
      TypeError: if `posterior` is none, such as its draws.
      OSError: if the folder cannot be written.
    """
    if not isinstance(posterior, Posterior):
        raise TypeError(
            "`save` takes the posterior that tff.fit_posterior returns, but got "
            f"{type(posterior).__name__}: save draws by "
            "posterior.to_arviz(draws=draws).to_netcdf(path)."
        )
    path = prepare_folder(folder, "folder")
    model, flow = posterior.model, posterior.flow
    points = flow.sample(_NUM_POINTS, seed=[0, 1])
    arrays = dict(
        points=points.numpy(),
        log_prob=model.log_prob_fn(points).numpy(),
        flow_log_prob=flow.log_prob(points).numpy(),
    )
    is_gaussian = isinstance(flow, tfd.MultivariateNormalTriL)
    if is_gaussian:
        arrays |= dict(location=np.asarray(flow.loc))
        arrays |= dict(scale_tril=flow.scale.to_dense().numpy())
    else:
        distributions.save(flow, path / _FLOW_FILE)
    metadata = dict(
        version=1,
        names=list(model.names),
        shapes=_shapes(model),
        evaluation=posterior.evaluation.to_dict(),
    )
    _FORMAT.write(path / _FILE, metadata, arrays)
    if is_gaussian:
        (path / _FLOW_FILE).unlink(missing_ok=True)


def load(
    folder: PathLike,
    joint: Any,
    *,
    event_shape: Any = None,
    bijector: Any = None,
    dtype: tf.DType = tf.float32,
    **pins: Any,
) -> Posterior:
    """Loads a posterior that `save` wrote, with the model that it is of.

    Args:
      folder: the folder.
      joint: the model, as of `tff.fit_posterior`.
      event_shape: as of `tff.fit_posterior`.
      bijector: as of `tff.fit_posterior`.
      dtype: as of `tff.fit_posterior`.
      **pins: as of `tff.fit_posterior`.

    Returns:
      `Posterior`, without `fit`.

    Raises:
      TypeError: as of `tff.fit_posterior`.
      OSError: if a file cannot be read.
      InvalidFileError: if a file is damaged, or no saved posterior, or its two files are
        not of one.
      ValueError: if the model or its data are others.
    """
    path = as_path(folder, "folder")
    metadata, arrays = _FORMAT.read(path / _FILE)
    model = as_model(joint, pins, event_shape=event_shape, bijector=bijector, dtype=dtype)
    try:
        _check_same(model, metadata, arrays)
        if "scale_tril" in arrays:
            flow = tfd.MultivariateNormalTriL(
                tf.constant(arrays["location"]), tf.constant(arrays["scale_tril"])
            )
        else:
            flow = distributions.load(path / _FLOW_FILE)
            _check_flow(flow, arrays, path)
        evaluation = diagnostics.Evaluation.from_dict(metadata["evaluation"])
    except (LookupError, TypeError) as error:
        raise InvalidFileError(
            f"{path / _FILE} is damaged: its metadata and arrays do not fit ({error})."
        ) from error
    return Posterior(model, flow, evaluation)


def _shapes(model: Model) -> list[list[int]]:
    return [list(shape) for shape in tf.nest.flatten(model.event_shape)]


def _check_same(model: Model, metadata: Any, arrays: Any) -> None:
    """Raises ValueError unless the model has the unknowns and the density of a file."""
    stored, given = metadata["names"], list(model.names)
    if stored != given or metadata["shapes"] != _shapes(model):
        raise ValueError(
            f"The posterior is of {', '.join(stored)} of shapes {metadata['shapes']}, "
            f"but the model has {', '.join(given)} of shapes {_shapes(model)}; pass the "
            "model that was fitted."
        )
    points = tf.constant(arrays["points"])
    if points.dtype != model.dtype or points.shape[-1:] != [model.event_size]:
        raise ValueError(
            f"The posterior is of {points.shape[-1]} numbers of {points.dtype.name}, but "
            f"the model has {model.event_size} of {model.dtype.name}."
        )
    if not _is_close(model.log_prob_fn(points), arrays["log_prob"]):
        raise ValueError(
            "The log density of the model is not that of the posterior in the file: pass "
            "the same model with the same data."
        )


def _check_flow(flow: tfd.Distribution, arrays: Any, path: pathlib.Path) -> None:
    """Raises InvalidFileError if the flow's file is not of the posterior's.

    So it is where a process was killed while it saved over another posterior. Files of
    earlier versions do not tell.
    """
    if "flow_log_prob" not in arrays:
        return
    points = tf.constant(arrays["points"])
    is_of_points = flow.event_shape == points.shape[-1:] and flow.dtype == points.dtype
    if not is_of_points or not _is_close(flow.log_prob(points), arrays["flow_log_prob"]):
        raise InvalidFileError(
            f"The flow in {path / _FLOW_FILE} is not that of {path / _FILE}: a save over "
            "an earlier posterior was cut short. Fit and save it again."
        )


def _is_close(found: tf.Tensor, stored: np.ndarray) -> bool:
    """Whether log densities are those of the file, but for rounding."""
    rounding = np.sqrt(np.finfo(stored.dtype).eps)
    return np.allclose(found, stored, rounding, rounding)
