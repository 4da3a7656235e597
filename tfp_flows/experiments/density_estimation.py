"""Density estimation on points in the plane: flows beside the true density."""

import dataclasses
import functools
import time

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import distributions, numerics, plotting, vi
from tfp_flows.experiments.density_table import markdown_table
from tfp_flows.experiments.environment import describe_environment
from tfp_flows.experiments.real_nvp import real_nvp
from tfp_flows.experiments.side_by_side import run_side_by_side
from tfp_flows.experiments.toy_points import TOY_POINTS, in_parts
from tfp_flows.files import prepare_folder, write_json, write_text

# Standardised points are within these limits, but for a few.
_LIMITS = (-2.6, 2.6)
_NUM_SHOWN = 2_000


def _inverted(builder, num_layers, seed):
    """The flow whose log_prob is the forward map of the layers."""
    flow = builder(2, num_layers, seed=seed)
    return tfp.distributions.TransformedDistribution(
        flow.distribution, tfp.bijectors.Invert(flow.bijector), name=flow.name
    )


def _planar(num_layers, seed):
    return distributions.planar_flow(2, num_layers, seed=seed)


def _radial(num_layers, seed):
    return distributions.radial_flow(2, num_layers, seed=seed)


def _sylvester_inverted(num_layers, seed):
    # Two units per layer, M = D = 2: as many as planar layers in all.
    builder = functools.partial(
        distributions.sylvester_flow, form="householder", num_reflections=1
    )
    return _inverted(builder, max(1, num_layers // 2), seed)


def _small_real_nvp(num_layers, seed):
    del num_layers  # as many parameters as 32 planar layers: 156 and 160
    return real_nvp(2, 6, hidden=(6,), seed=numerics.stateless_seed(seed))


def _large_real_nvp(num_layers, seed):
    del num_layers  # of a common size
    return real_nvp(2, 6, hidden=(32, 32), seed=numerics.stateless_seed(seed))


# What can be fitted, by name: a title, a callable `(num_layers, seed) -> flow`, and the
# peak of the learning rate. Large networks need a lower one: at 0.02 the held-out NLL of
# the large RealNVP is 2.37 on circles, at 0.005 1.86; of the small one, 2.03 and 2.04.
FLOWS = {
    "planar": ("planar", _planar, 0.02),
    "planar_inverted": (
        "planar, inverted",
        functools.partial(_inverted, distributions.planar_flow),
        0.02,
    ),
    "radial": ("radial", _radial, 0.02),
    "radial_inverted": (
        "radial, inverted",
        functools.partial(_inverted, distributions.radial_flow),
        0.02,
    ),
    "sylvester_inverted": ("Sylvester, inverted", _sylvester_inverted, 0.02),
    "real_nvp": ("RealNVP, small", _small_real_nvp, 0.02),
    "real_nvp_large": ("RealNVP, large", _large_real_nvp, 0.005),
}


@dataclasses.dataclass(frozen=True)
class DensityConfig:
    """What to run; the defaults are the full experiment.

    Attributes:
      points: names of `TOY_POINTS`.
      flows: names of `FLOWS`.
      num_layers: K of planar and radial flows; Sylvester ones have K / 2 layers of two
        units, RealNVP 6 couplings.
      num_train: points to train on, of which a tenth is held out to stop by.
      num_test: other points, by which flows are judged.
      num_steps: updates per fit, at most.
      batch_size: points per update.
      jit_compile: as for `tff.vi.fit_maximum_likelihood`.
      seed: of everything.
    """

    points: tuple[str, ...] = tuple(TOY_POINTS)
    flows: tuple[str, ...] = tuple(FLOWS)
    num_layers: int = 32
    num_train: int = 10_000
    num_test: int = 10_000
    num_steps: int = 10_000
    batch_size: int = 256
    jit_compile: bool | None = None
    seed: int = 0

    @classmethod
    def quick(cls, seed=0):
        """A short version: fewer flows, points and steps, the same files."""
        return cls(
            points=("two_moons", "circles", "pinwheel"),
            flows=("planar_inverted", "radial_inverted", "real_nvp"),
            num_test=2_000,
            num_steps=1_500,
            seed=seed,
        )


def estimate_densities(out, config=None, *, num_workers=None, progress_bar=True):
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
      OSError: if `out` cannot be written to; before any training.
      ValueError: if `config` names unknown points or flows.
    """
    config = config or DensityConfig()
    started = time.perf_counter()
    _check_names("points", config.points, TOY_POINTS)
    _check_names("flows", config.flows, FLOWS)
    out = prepare_folder(out)
    images = prepare_folder(out / "imgs")
    titles = ["points", "true density", *(FLOWS[name][0] for name in config.flows)]
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
    results = dict(
        config=dataclasses.asdict(config),
        environment=describe_environment(),
        truths=[data.row for data in drawn.values()],
        fits=[
            done[f"{name} {flow}"][1] for name in config.points for flow in config.flows
        ],
        seconds=time.perf_counter() - started,
    )
    write_json(out / "density.json", results)
    write_text(out / "density.md", markdown_table(results))
    return results


@dataclasses.dataclass(frozen=True)
class _Data:
    """Standardised points, and the log density of the test points under the truth."""

    train: np.ndarray
    test: np.ndarray
    test_log_density: np.ndarray
    grid_density: np.ndarray
    row: dict


def _draw(name, config):
    """The points of one experiment, and what to record of them."""
    toy = TOY_POINTS[name]
    # Each kind of points has numbers of its own.
    rng = np.random.default_rng([config.seed, *name.encode()])
    train, test = toy.sample(config.num_train, rng), toy.sample(config.num_test, rng)
    mean, std = np.mean(train, axis=0), np.std(train, axis=0)

    def log_density(x):
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


def _run_fit(name, flow_name, data, config):
    """Fits and judges one flow: a panel and a row of results."""
    _, build, learning_rate = FLOWS[flow_name]
    flow = build(config.num_layers, config.seed)
    result = vi.fit_maximum_likelihood(
        flow,
        data.train,
        num_steps=config.num_steps,
        batch_size=config.batch_size,
        optimizer=vi.default_optimizer(config.num_steps, learning_rate=learning_rate),
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
        best_step=int(result.best_step),
        stop_reason=result.stop_reason,
        num_skipped_steps=int(result.num_skipped_steps),
        microseconds_per_step=1e6 * result.train_seconds / result.num_steps_done,
        seconds=result.seconds,
        fit_settings=result.settings,
    )
    return (_draw_density(data, density), f"NLL {nll:.3f}"), row


def _log_prob(flow, points):
    """The log density of points, `[N]`, as a graph: eager layers take far longer."""
    points = tf.constant(points, flow.dtype)
    function = tf.function(flow.log_prob, autograph=False).get_concrete_function(points)
    return function(points).numpy().astype(np.float64)


def _panels_of_truth(data):
    """Some of the training points, and the true density."""
    points = functools.partial(
        plotting.plot_samples,
        samples=data.train[:_NUM_SHOWN],
        limits=_LIMITS,
        size=1.5,
    )
    nll = f"NLL {data.row['nll']:.3f}"
    return [(points, ""), (_draw_density(data, data.grid_density), nll)]


def _draw_density(data, density):
    # The darkest colour is the peak of the truth, so that panels compare.
    return functools.partial(
        plotting.plot_grid_density,
        density=density,
        limits=_LIMITS,
        vmax=np.max(data.grid_density),
    )


def _standard_error(values):
    return float(np.std(values, ddof=1) / np.sqrt(len(values)))


def _check_names(what, names, known):
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(
            f"Unknown {what} {', '.join(map(repr, unknown))}; there are "
            f"{', '.join(known)}."
        )
