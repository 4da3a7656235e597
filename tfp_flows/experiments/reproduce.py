"""The predecessor's result figure, remade: three densities, chains and flows."""

import functools
import itertools
import os
import pathlib
import time
from typing import Any

import numpy as np

from tfp_flows import bijectors, diagnostics, distributions, mcmc, plotting, targets, vi
from tfp_flows.experiments.configs import ReproduceConfig
from tfp_flows.experiments.outputs import new_folder, write_results
from tfp_flows.experiments.side_by_side import run_side_by_side
from tfp_flows.experiments.tables import reproduction_table
from tfp_flows.files import prepare_folder
from tfp_flows.plotting.figures import Panel

NUM_POINTS = 500
# The length of the flow that is drawn beside the true density.
_BESIDE = 16


def reproduce(
    out: str | os.PathLike,
    config: ReproduceConfig | None = None,
    *,
    images: str | os.PathLike | None = None,
    num_workers: int | None = None,
    progress_bar: bool = True,
) -> dict[str, Any]:
    """Runs the experiment and writes its files.

    Writes under `out`: `report/imgs/{example}-density.png`, `-samples.png`, `-k{K}.png`
    (planar) and `-radial-k{K}.png`; `{example}-beside.png`, the density and the planar
    flow of 16 layers side by side; the figures `report/imgs/summary-planar.png` and
    `-radial.png`; `results.json`; and `results.md`, its table. Densities of flows are
    their `log_prob` on a grid.

    Args:
      out: folder, made if need be.
      config: `ReproduceConfig`; `None` is the default one.
      images: folder of the figures; `None` is `report/imgs` under `out`.
      num_workers: chains and fits that run side by side, each in a process of its own,
        so that a script needs the guard `if __name__ == "__main__"`; `None` is one per
        core, 1 is this process. Results do not depend on it.
      progress_bar: whether to show one, on stderr.

    Returns:
      The content of `results.json`, a `dict`.

    Raises:
      OSError: if `out` cannot be written to, or another experiment writes there; before
        any training.
    """
    config = config or ReproduceConfig()
    started = time.perf_counter()
    with new_folder(out, "results.json", overwrite=True) as folder:
        images = prepare_folder(images or folder / "report" / "imgs")
        fits = list(
            itertools.product(config.examples, config.families, config.num_layers)
        )
        truths = {name: _draw_truth(name, images) for name in config.examples}
        # Those that take longest come first, so that no core is idle at the end.
        tasks: dict[str, tuple[Any, ...]] = {
            "{} {} K={}".format(*fit): (_run_fit, *fit, truths[fit[0]], config, images)
            for fit in sorted(fits, key=lambda fit: -fit[-1])
        }
        tasks |= {
            f"{name} chains": (_run_chains, name, config, images)
            for name in config.examples
        }
        done = run_side_by_side(tasks, num_workers=num_workers, progress_bar=progress_bar)

        _save_figures(images, config, truths, done)
        return write_results(
            folder / "results.json",
            config,
            table=reproduction_table,
            chains=[done[f"{name} chains"][1] for name in config.examples],
            fits=[done["{} {} K={}".format(*fit)][1] for fit in fits],
            seconds=time.perf_counter() - started,
        )


def _save_figures(
    images: pathlib.Path,
    config: ReproduceConfig,
    truths: dict[str, functools.partial],
    done: dict[str, tuple[Panel, dict[str, Any]]],
) -> None:
    """A figure of all results per family, and density and flow side by side."""
    for family in config.families:
        plotting.save_grid(
            images / f"summary-{family}.png",
            [
                [
                    (truths[name], ""),
                    done[f"{name} chains"][0],
                    *(done[f"{name} {family} K={k}"][0] for k in config.num_layers),
                ]
                for name in config.examples
            ],
            column_titles=[
                "density",
                "Metropolis",
                *(f"{family} K = {k}" for k in config.num_layers),
            ],
            row_titles=config.examples,
        )
    for name in config.examples:
        if f"{name} planar K={_BESIDE}" in done:
            plotting.save_grid(
                images / f"{name}-beside.png",
                [[(truths[name], ""), done[f"{name} planar K={_BESIDE}"][0]]],
                column_titles=["density", f"planar K = {_BESIDE}"],
                row_titles=[name],
                size=3.5,
            )


def _draw_truth(name: str, images: pathlib.Path) -> functools.partial:
    """Writes the panel of a target's density; returns the function that draws it."""
    target = targets.get(name)
    _, density = plotting.density_on_grid(target, target.plot_limits)
    draw = functools.partial(
        plotting.plot_grid_density,
        density=density,
        limits=target.plot_limits,
        vmax=np.max(density),
    )
    plotting.save_panel(images / f"{name}-density.png", draw, title=name)
    return draw


def _run_chains(
    name: str, config: ReproduceConfig, images: pathlib.Path
) -> tuple[Panel, dict[str, Any]]:
    """Samples of a target: a panel and a row of results."""
    target = targets.get(name)
    chain = mcmc.random_walk_metropolis(
        target.log_prob,
        num_chains=config.num_chains,
        num_samples=config.num_chain_samples,
        num_burnin=config.num_burnin,
        thinning=config.thinning,
        seed=config.seed,
    )
    points = chain.draw(NUM_POINTS, seed=config.seed)
    draw_points = functools.partial(
        plotting.plot_samples, samples=points, limits=target.plot_limits
    )
    plotting.save_panel(
        images / f"{name}-samples.png",
        draw_points,
        title=f"{name}: {NUM_POINTS} Metropolis samples",
    )
    row = dict(
        target=name,
        num_chains=config.num_chains,
        num_samples=config.num_chain_samples,
        num_burnin=config.num_burnin,
        thinning=config.thinning,
        proposal_scale=chain.proposal_scale,
        acceptance_rate=float(chain.acceptance_rate),
        rhat=[float(r) for r in chain.rhat],
        ess=[float(e) for e in chain.ess],
        seconds=float(chain.seconds),
        seed=config.seed,
    )
    small_points = functools.partial(draw_points, size=1.5)
    caption = f"R-hat {np.max(chain.rhat):.2f}"
    return (small_points, caption), row


def _run_fit(
    name: str,
    family: str,
    num_layers: int,
    truth: functools.partial,
    config: ReproduceConfig,
    images: pathlib.Path,
) -> tuple[Panel, dict[str, Any]]:
    """Fits and judges one flow: a panel and a row of results."""
    target = targets.get(name)
    flow = distributions.build_flow(
        bijectors.FAMILIES[family], 2, num_layers, seed=config.seed
    )
    result = vi.fit_reverse_kl(
        flow,
        target.unnormalized_log_prob,
        num_steps=config.num_steps,
        sample_size=config.sample_size,
        jit_compile=config.jit_compile,
        seed=config.seed,
        progress_bar=False,
    )
    report = diagnostics.evaluate(
        flow, target, num_samples=config.num_evaluation_samples, seed=config.seed + 1
    )
    axis, density = plotting.density_on_grid(flow, target.plot_limits)
    # The darkest colour is the target's peak, so that panels compare.
    draw = functools.partial(truth, density=density)
    infix = "" if family == "planar" else f"{family}-"
    plotting.save_panel(
        images / f"{name}-{infix}k{num_layers}.png",
        draw,
        title=f"{name}: {family}, K = {num_layers}",
    )
    row = report.to_dict() | dict(
        target=name,
        family=family,
        num_layers=num_layers,
        loss=float(result.final_loss),
        num_steps=result.num_steps_done,
        num_skipped_steps=int(result.num_skipped_steps),
        seconds=result.seconds,
        mass_on_grid=float(np.sum(density) * (axis[1] - axis[0]) ** 2),
        flow_seed=config.seed,
        fit_settings=result.settings,
    )
    return (draw, f"KL {report.kl:.3f}"), row
