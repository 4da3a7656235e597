"""Fitting a flow to a density that a user brings, with its files."""

import dataclasses
import os
import pathlib
from typing import Any

import numpy as np

from tfp_flows import bijectors, distributions, vi
from tfp_flows.density import Density, RowwisePosterior, as_density
from tfp_flows.experiments.configs import FitConfig
from tfp_flows.experiments.outputs import new_folder, write_results
from tfp_flows.files import write_csv


def fit(
    out: str | os.PathLike,
    target: Any,
    config: FitConfig,
    *,
    overwrite: bool = False,
    checkpoint_dir: str | os.PathLike | None = None,
    tensorboard_dir: str | os.PathLike | None = None,
    progress_bar: bool = True,
) -> vi.FitResult:
    """Fits a flow and writes `flow.npz`, `loss.csv` and `fit.json` under `out`.

    Args:
      out: folder, made if need be.
      target: a density over vectors, as for `as_density`. The flow of a
        `RowwisePosterior` ends with an affine map, which begins at a Gaussian.
      config: `FitConfig`.
      overwrite: whether to replace a flow that is already there.
      checkpoint_dir: as in `tff.vi.fit_reverse_kl`.
      tensorboard_dir: as in `tff.vi.fit_reverse_kl`.
      progress_bar: whether to show one, on stderr.

    Returns:
      `tff.vi.FitResult`.

    Raises:
      FileExistsError: if there is a flow already and not `overwrite`.
      OSError: if `out` cannot be written to.
      ValueError, TypeError: as `as_density` and `tff.vi.fit_reverse_kl`; and if the
        event size is unknown or another than the target's. All before any training.
      FitError: as `tff.vi.fit_reverse_kl`; the files hold the best parameters then.
    """
    density = as_density(target)
    event_size = event_size_of(density, config.event_size)
    config = dataclasses.replace(config, event_size=event_size)
    with new_folder(out, "flow.npz", overwrite=overwrite) as folder:
        family = bijectors.FAMILIES[config.family]
        flow = distributions.build_flow(
            family,
            event_size,
            config.num_layers,
            seed=config.seed,
            affine=isinstance(target, RowwisePosterior),
        )
        try:
            result = vi.fit_reverse_kl(
                flow,
                target,
                num_steps=config.num_steps,
                sample_size=config.sample_size,
                batch_size=config.batch_size,
                seed=config.seed,
                jit_compile=config.jit_compile,
                checkpoint_dir=checkpoint_dir,
                tensorboard_dir=tensorboard_dir,
                progress_bar=progress_bar,
            )
        except vi.FitError as error:
            _write(folder, error.result, config)
            raise
        _write(folder, result, config)
        return result


def event_size_of(density: Density, given: int | None) -> int:
    """The size of the vectors of a density, which `given` must not contradict.

    Args:
      density: `Density`.
      given: the size that is asked for, or `None`.

    Returns:
      `int`.

    Raises:
      ValueError: if both are unknown, or they differ.
    """
    event_size = density.event_size
    if event_size is None:
        if given is None:
            raise ValueError(
                "The size of the target's vectors is unknown; pass it with --event-size."
            )
        return given
    if given not in (None, event_size):
        raise ValueError(
            f"Wrong event size: the flow's is {given}, but target {density.name} is a "
            f"density of vectors of size {event_size}; use a flow with --event-size "
            f"{event_size}."
        )
    return event_size


def _write(out: pathlib.Path, result: vi.FitResult, config: FitConfig) -> None:
    """The files of a fit, complete or not."""
    distributions.save(result.flow, out / "flow.npz")
    names = ("loss", "beta", "gradient_norm")
    traces = {name: getattr(result, name) for name in names}
    write_csv(out / "loss.csv", dict(step=range(len(result.loss)), **traces))
    final_loss = float(result.final_loss)
    write_results(
        out / "fit.json",
        config,
        final_loss=final_loss if np.isfinite(final_loss) else None,
        num_steps_done=result.num_steps_done,
        num_skipped_steps=int(result.num_skipped_steps),
        num_rollbacks=result.num_rollbacks,
        seconds=result.seconds,
        settings=result.settings,
    )
