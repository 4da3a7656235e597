"""The posterior of a model that a user brings, with its files."""

import dataclasses
import json
import os
import pathlib
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from tfp_flows import numerics, plotting, posteriors
from tfp_flows.experiments.configs import PosteriorConfig
from tfp_flows.experiments.outputs import new_folder, write_results
from tfp_flows.files import InvalidFileError, read_arrays, replacing, write_text

if TYPE_CHECKING:
    import pandas

RESULT = "posterior.npz"
# Densities in a row of the figure, and at most so many of them.
_NUM_COLUMNS, _NUM_SHOWN = 4, 32


def read_data(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Arrays by name, of a JSON or npz file.

    Raises:
      OSError: if the file cannot be read.
      InvalidFileError: if it holds anything else.
    """
    path = pathlib.Path(path)
    if path.suffix == ".npz":
        return dict(read_arrays(path, compressed=True))
    try:
        values = json.loads(path.read_text("utf-8"))
        return {name: np.asarray(value) for name, value in values.items()}
    except (AttributeError, RecursionError, ValueError) as error:
        raise InvalidFileError(
            f"{path} holds no arrays by name ({error}); write a JSON object, such as "
            '{"y": [1.0, 2.0]}, or an .npz file.'
        ) from error


def posterior(
    out: str | os.PathLike,
    model: Any,
    data: dict[str, Any],
    config: PosteriorConfig,
    *,
    overwrite: bool = False,
    progress_bar: bool = True,
) -> tuple[posteriors.Posterior, "pandas.DataFrame"]:
    """Fits the posterior and writes it, with summary, ArviZ' data and a figure.

    Args:
      out: folder, made if need be.
      model: as for `tff.fit_posterior`.
      data: name = array of the observed parts.
      config: `PosteriorConfig`.
      overwrite: whether to replace a posterior that is already there.
      progress_bar: whether to show one, on stderr.

    Returns:
      `tff.posteriors.Posterior`, and its summary.

    Raises:
      FileExistsError: if there is a posterior already and not `overwrite`.
      OSError: if `out` cannot be written to.
      ValueError, TypeError, FitError: as `tff.fit_posterior`.
    """
    with new_folder(out, RESULT, overwrite=overwrite) as folder:
        fitted = posteriors.fit_posterior(
            model, **dataclasses.asdict(config), progress_bar=progress_bar, **data
        )
        posteriors.save(fitted, folder)
        summary = fitted.summary()
        text = summary.to_csv(index_label="name", float_format="%.6g")
        write_text(folder / "summary.csv", text)
        with replacing(folder / "posterior.nc") as file:
            fitted.to_arviz(seed=config.seed).to_netcdf(file.name)
        _draw(folder / "posterior.png", fitted)
        write_results(
            folder / "posterior.json", config, evaluation=fitted.evaluation.to_dict()
        )
    return fitted, summary


def _draw(path: pathlib.Path, fitted: posteriors.Posterior) -> None:
    """The marginal densities of the unknowns."""
    arviz = numerics.load_arviz()
    data = fitted.to_arviz(predictive=False)
    count = min(fitted.summary(100).shape[0], _NUM_SHOWN)
    num_columns = min(count, _NUM_COLUMNS)
    num_rows = -(-count // num_columns)

    def draw(figure: Figure) -> None:
        axes = figure.subplots(num_rows, num_columns, squeeze=False)
        flat = axes.ravel()
        with arviz.rc_context({"plot.max_subplots": count}):
            arviz.plot_posterior(
                data, ax=flat[:count], point_estimate=None, hdi_prob="hide", textsize=8
            )
        for ax in flat[count:]:
            ax.set_visible(False)
        figure.suptitle(f"Marginal densities; verdict: {fitted.verdict}")

    plotting.save_figure(path, draw, (2.6 * num_columns, 2.0 * num_rows + 0.4))
