"""Fitting a flow to a density that a user brings, with its files."""

import dataclasses

import numpy as np

from tfp_flows import distributions, vi
from tfp_flows.experiments.builders import BUILDERS
from tfp_flows.experiments.environment import describe_environment
from tfp_flows.files import prepare_folder, write_json, write_text


@dataclasses.dataclass(frozen=True)
class FitConfig:
    """What to fit, and how.

    Attributes:
      family: "planar", "radial" or "sylvester".
      event_size: D.
      num_layers: K.
      num_steps: number of updates; `None` as in `tff.vi.fit_reverse_kl`.
      sample_size: samples per update; `None` as in `tff.vi.fit_reverse_kl`.
      seed: of the flow's initial values and of the fit.
      jit_compile: `None`, `True` or `False`, as for `tff.vi.fit_reverse_kl`.
    """

    family: str = "planar"
    event_size: int = 2
    num_layers: int = 16
    num_steps: int | None = None
    sample_size: int | None = None
    seed: int = 0
    jit_compile: bool | None = None


def fit(
    out,
    target_log_prob_fn,
    config,
    *,
    overwrite=False,
    checkpoint_dir=None,
    tensorboard_dir=None,
    progress_bar=True,
):
    """Fits a flow and writes `flow.npz`, `loss.csv` and `fit.json` under `out`.

    Args:
      out: folder, made if need be.
      target_log_prob_fn: callable, `[S, D]` to `[S]`, the log density up to a constant.
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
      ValueError, TypeError: as `tff.vi.fit_reverse_kl`; all before any training.
      FitError: as `tff.vi.fit_reverse_kl`; the files hold the best parameters then.
    """
    out = prepare_folder(out)
    if (out / "flow.npz").exists() and not overwrite:
        raise FileExistsError(
            f"{out / 'flow.npz'} exists already; pass another folder with --out, or "
            "--overwrite to replace it."
        )
    flow = BUILDERS[config.family](config.event_size, config.num_layers, seed=config.seed)
    try:
        result = vi.fit_reverse_kl(
            flow,
            target_log_prob_fn,
            num_steps=config.num_steps,
            sample_size=config.sample_size,
            seed=config.seed,
            jit_compile=config.jit_compile,
            checkpoint_dir=checkpoint_dir,
            tensorboard_dir=tensorboard_dir,
            progress_bar=progress_bar,
        )
    except vi.FitError as error:
        _write(out, error.result, config)
        raise
    _write(out, result, config)
    return result


def _write(out, result, config):
    """The files of a fit, complete or not."""
    distributions.save(result.flow, out / "flow.npz")
    columns = np.stack([result.loss, result.beta, result.gradient_norm], axis=-1)
    rows = [
        ",".join([str(step), *(f"{value:.7g}" for value in row)])
        for step, row in enumerate(columns)
    ]
    header = "step,loss,beta,gradient_norm"
    write_text(out / "loss.csv", "\n".join([header, *rows]) + "\n")
    final_loss = float(result.final_loss)
    write_json(
        out / "fit.json",
        dict(
            config=dataclasses.asdict(config),
            environment=describe_environment(),
            final_loss=final_loss if np.isfinite(final_loss) else None,
            num_steps_done=result.num_steps_done,
            num_skipped_steps=int(result.num_skipped_steps),
            num_rollbacks=result.num_rollbacks,
            seconds=result.seconds,
            settings=result.settings,
        ),
    )
