"""The judgement of a saved flow, with what is known of its fit, and its figure."""

import json
import os
import pathlib
import types
from typing import Any

import numpy as np
import tensorflow_probability as tfp
from matplotlib.figure import Figure

from tfp_flows import diagnostics, plotting
from tfp_flows.files import InvalidFileError
from tfp_flows.plotting.figures import figure_format

_NUM_SHOWN = 2_000


def evaluate_file(
    path: str | os.PathLike,
    flow: tfp.distributions.Distribution,
    target: Any,
    *,
    num_samples: int,
    seed: int,
    figure: str | os.PathLike | None = None,
) -> diagnostics.Evaluation:
    """Judges a saved flow, with the traces of its fit if they lie beside it.

    Args:
      path: the file that the flow was loaded from; `fit.json` and `loss.csv` beside it,
        as `tfp-flows fit` writes them, are read.
      flow: what `tff.distributions.load` made of it.
      target: as for `tff.diagnostics.evaluate`.
      num_samples: as for `tff.diagnostics.evaluate`.
      seed: `int`.
      figure: file to write the report card to, or `None`.

    Returns:
      `tff.diagnostics.Evaluation`.

    Raises:
      ValueError, TypeError: as `tff.diagnostics.evaluate`; and ValueError if there is a
        figure to draw of a flow that is not in the plane, or of an unknown format.
      InvalidFileError: if the files of the fit are damaged.
    """
    path = pathlib.Path(path)
    if figure is not None and flow.event_shape != [2]:
        raise ValueError(
            f"A report card is for flows in the plane, but the flow of {path} is over "
            f"vectors of size {flow.event_shape[0]}; leave out --figure."
        )
    if figure is not None:
        figure_format(figure)  # before the work
    fit = _read_fit(path.parent, flow)
    report = diagnostics.evaluate(
        flow if fit is None else fit, target, num_samples=num_samples, seed=seed
    )
    if figure is not None:
        samples = flow.sample(_NUM_SHOWN, seed=seed).numpy()
        loss = None if fit is None else fit.loss

        def draw(canvas: Figure) -> None:
            plotting.draw_report_card(
                canvas,
                flow,
                samples,
                np.asarray(report.log_weights),
                loss=loss,
                log_normalizer=report.log_normalizer,
            )
            canvas.suptitle(f"{report.verdict}: {_headline(report)}")

        plotting.save_figure(figure, draw, (13.0 if loss is not None else 10.0, 3.8))
    return report


def _headline(report: diagnostics.Evaluation) -> str:
    known = f"ELBO {report.elbo:.3f}" if report.kl is None else f"KL {report.kl:.3f}"
    ess = report.ess / report.num_samples
    return f"{known} nats, k-hat {report.khat:.2f}, ESS {ess:.0%}"


def _read_fit(
    folder: pathlib.Path, flow: tfp.distributions.Distribution
) -> types.SimpleNamespace | None:
    """What `tfp-flows fit` has written of a fit, or `None`."""
    summary, trace = folder / "fit.json", folder / "loss.csv"
    if not summary.exists() or not trace.exists():
        return None
    try:
        values = json.loads(summary.read_text("utf-8"))
        loss = np.loadtxt(trace, delimiter=",", skiprows=1, usecols=1, ndmin=1)
        numbers = dict(
            num_steps_done=int(values["num_steps_done"]),
            seconds=float(values["seconds"]),
            num_skipped_steps=int(values["num_skipped_steps"]),
        )
    except (LookupError, OverflowError, RecursionError, TypeError, ValueError) as error:
        raise InvalidFileError(
            f"{summary} and {trace} are not what tfp-flows fit wrote of this flow "
            f"({error}); move them away, to judge the flow alone."
        ) from error
    return types.SimpleNamespace(flow=flow, loss=loss, **numbers)
