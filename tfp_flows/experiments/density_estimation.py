"""Density estimation on points in the plane: flows beside the true density."""

import dataclasses
import functools
import os
import time
from collections.abc import Collection, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import plotting, vi
from tfp_flows.experiments.configs import DensityConfig
from tfp_flows.experiments.density_flows import FLOWS
from tfp_flows.experiments.outputs import new_folder, write_results
from tfp_flows.experiments.side_by_side import run_side_by_side
from tfp_flows.experiments.tables import density_table
from tfp_flows.experiments.toy_points import TOY_POINTS, in_parts
from tfp_flows.files import prepare_folder
from tfp_flows.plotting.figures import Draw, Panel

# Standardised points are within these limits, but for a few.
_LIMITS = (-2.6, 2.6)
_NUM_SHOWN = 2_000


def estimate_densities(
    out: str | os.PathLike,
    config: DensityConfig | None = None,
    *,
    num_workers: int | None = None,
    progress_bar: bool = True,
) -> dict[str, Any]:
    """Runs the experiment and writes its files.

    Points are drawn, standardised by mean and standard deviation of the training points,
    and every flow is fitted to them by maximum likelihood. A flow is judged by its mean
    negative log likelihood (NLL) of test points, in nats, beside that of the true density
    on the same points: the difference is an estimate of KL(true density || flow).

    Writes under `out`: `density.json`; `density.md`, its table;
    `imgs/density-{points}.png`, the points, the true density and `log_prob` of each flow
    on a grid; and `imgs/density-summary.png`, all of them.

    Args:
      out: folder, made if need be.
      config: `DensityConfig`; `None` is the default one.
      num_workers: fits that run side by side, each in a process of its own, so that a
        script needs the guard `if __name__ == "__main__"`; `None` is one per core, 1 is
        this process. Results do not depend on it.
      progress_bar: whether to show one, on stderr.

    Returns:
      The content of `density.json`, a `dict`.

    Raises:
      OSError: if `out` cannot be written to, or another experiment writes there; before
        any training.
      ValueError: if `config` names unknown points or flows.
    """
    config = config or DensityConfig()
    started = time.perf_counter()
    _check_names("points", config.points, TOY_POINTS)
    _check_names("flows", config.flows, FLOWS)
    with new_folder(out, "density.json", overwrite=True) as folder:
        images = prepare_folder(folder / "imgs")
        titles = ["points", "true density", *(FLOWS[name].title for name in config.flows)]
        drawn = {name: _draw(name, config) for name in config.points}
        tasks = {
            f"{name} {flow}": (_run_fit, name, flow, drawn[name], config)
            # Sylvester flows take longest, and come first.
            for flow in sorted(config.flows, key=lambda flow: "sylvester" not in flow)
            for name in config.points
        }
        done = run_side_by_side(tasks, num_workers=num_workers, progress_bar=progress_bar)
        panels = []
        for name, data in drawn.items():
            fitted = [done[f"{name} {flow}"][0] for flow in config.flows]
            panels.append([*_panels_of_truth(data), *fitted])
            plotting.save_grid(
                images / f"density-{name}.png",
                panels[-1:],
                column_titles=titles,
                row_titles=[TOY_POINTS[name].title],
                size=2.2,
            )
        plotting.save_grid(
            images / "density-summary.png",
            panels,
            column_titles=titles,
            row_titles=[TOY_POINTS[name].title for name in config.points],
        )
        return write_results(
            folder / "density.json",
            config,
            table=density_table,
            truths=[data.row for data in drawn.values()],
            fits=[
                done[f"{name} {flow}"][1]
                for name in config.points
                for flow in config.flows
            ],
            seconds=time.perf_counter() - started,
        )


@dataclasses.dataclass(frozen=True)
class _Data:
    """Standardised points, and the log density of the test points under the truth."""

    train: np.ndarray
    test: np.ndarray
    test_log_density: np.ndarray
    grid_density: np.ndarray
    row: dict[str, Any]


def _draw(name: str, config: DensityConfig) -> _Data:
    """The points of one experiment, and what to record of them."""
    toy = TOY_POINTS[name]
    # Each kind of points has numbers of its own.
    rng = np.random.default_rng([config.seed, *name.encode()])
    train, test = toy.sample(config.num_train, rng), toy.sample(config.num_test, rng)
    mean, std = np.mean(train, axis=0), np.std(train, axis=0)

    def log_density(x: npt.ArrayLike) -> np.ndarray:
        x = np.asarray(x, np.float64)
        return in_parts(toy.log_density, mean + std * x) + np.sum(np.log(std))

    train, test = (train - mean) / std, (test - mean) / std
    test_log_density = log_density(test)
    _, grid_density = plotting.density_on_grid(log_density, _LIMITS, resolution=200)
    row = dict(
        points=name,
        title=toy.title,
        num_train=config.num_train,
        num_test=config.num_test,
        nll=float(-np.mean(test_log_density)),
        standard_error=_standard_error(test_log_density),
        standard_deviations=[float(s) for s in std],
    )
    return _Data(train, test, test_log_density, grid_density, row)


def _run_fit(
    name: str, flow_name: str, data: _Data, config: DensityConfig
) -> tuple[Panel, dict[str, Any]]:
    """Fits and judges one flow: a panel and a row of results."""
    kind = FLOWS[flow_name]
    flow = kind.build(config.num_layers, config.seed)
    result = vi.fit_maximum_likelihood(
        flow,
        data.train,
        num_steps=config.num_steps,
        batch_size=config.batch_size,
        optimizer=vi.default_optimizer(
            config.num_steps, learning_rate=kind.learning_rate
        ),
        jit_compile=config.jit_compile,
        seed=config.seed,
        progress_bar=False,
    )
    log_prob = _log_prob(flow, data.test)
    _, density = plotting.density_on_grid(flow, _LIMITS, resolution=200)
    nll = float(-np.mean(log_prob))
    row = dict(
        points=name,
        flow=flow_name,
        num_parameters=int(sum(np.prod(v.shape) for v in flow.trainable_variables)),
        nll=nll,
        standard_error=_standard_error(log_prob),
        kl=float(np.mean(data.test_log_density - log_prob)),
        kl_standard_error=_standard_error(data.test_log_density - log_prob),
        mass_on_grid=float(np.sum(density) * ((_LIMITS[1] - _LIMITS[0]) / 199) ** 2),
        num_steps=result.num_steps_done,
        best_step=np.asarray(result.best_step).item(),
        stop_reason=result.stop_reason,
        num_skipped_steps=int(result.num_skipped_steps),
        microseconds_per_step=1e6 * result.train_seconds / result.num_steps_done,
        seconds=result.seconds,
        fit_settings=result.settings,
    )
    return (_draw_density(data, density), f"NLL {nll:.3f}"), row


def _log_prob(flow: tfp.distributions.Distribution, points: np.ndarray) -> np.ndarray:
    """The log density of points, `[N]`, as a graph: eager layers take far longer."""
    points = tf.constant(points, flow.dtype)
    function = tf.function(flow.log_prob, autograph=False).get_concrete_function(points)
    return function(points).numpy().astype(np.float64)


def _panels_of_truth(data: _Data) -> list[Panel]:
    """Some of the training points, and the true density."""
    points = functools.partial(
        plotting.plot_samples,
        samples=data.train[:_NUM_SHOWN],
        limits=_LIMITS,
        size=1.5,
    )
    nll = f"NLL {data.row['nll']:.3f}"
    return [(points, ""), (_draw_density(data, data.grid_density), nll)]


def _draw_density(data: _Data, density: np.ndarray) -> Draw:
    # The darkest colour is the peak of the truth, so that panels compare.
    return functools.partial(
        plotting.plot_grid_density,
        density=density,
        limits=_LIMITS,
        vmax=np.max(data.grid_density),
    )


def _standard_error(values: np.ndarray) -> float:
    return float(np.std(values, ddof=1) / np.sqrt(len(values)))


def _check_names(what: str, names: Iterable[str], known: Collection[str]) -> None:
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(
            f"Unknown {what} {', '.join(map(repr, unknown))}; there are "
            f"{', '.join(known)}."
        )
