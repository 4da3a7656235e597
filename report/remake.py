"""The technical report, remade: experiments, figures, PDF."""

import dataclasses
import json
import os
import pathlib
import sys
from collections.abc import Callable
from typing import Any

from report.depth_figure import save_depth_figure
from report.pdf import check_sources, compile_report
from tfp_flows.experiments.configs import (
    DensityConfig,
    ReproduceConfig,
    full_or_quick,
)
from tfp_flows.experiments.density_estimation import estimate_densities
from tfp_flows.experiments.reproduce import reproduce
from tfp_flows.files import prepare_folder
from tfp_flows.progress import tqdm
from tfp_flows.version import __version__


@dataclasses.dataclass(frozen=True)
class Experiment:
    """An experiment whose results the report shows.

    Attributes:
      name: what messages call it.
      results_file: its JSON, under the folder of the report, with the entries `config`
        and `environment`.
      run: callable `(out, config, progress_bar)` that writes it.
      config: callable `(quick, seed)`, what to run: a dataclass.
      images: callable `(config)`, the figures that the report shows, under the folder of
        the JSON.
    """

    name: str
    results_file: str
    run: Callable[[pathlib.Path, Any, bool], None]
    config: Callable[[bool, int], Any]
    images: Callable[[Any], list[str]]


def _run_reproduce(
    out: pathlib.Path, config: ReproduceConfig, progress_bar: bool
) -> None:
    reproduce(out, config, images=out / "imgs", progress_bar=progress_bar)
    save_depth_figure(out / "imgs" / "depth.png", out / "results.json")


def _reproduce_config(quick: bool, seed: int) -> ReproduceConfig:
    return full_or_quick(ReproduceConfig, quick, seed)


def _reproduce_images(config: ReproduceConfig) -> list[str]:
    return ["imgs/depth.png", *(f"imgs/summary-{name}.png" for name in config.families)]


def _run_energies(out: pathlib.Path, config: ReproduceConfig, progress_bar: bool) -> None:
    _run_reproduce(prepare_folder(out / "energies"), config, progress_bar)


def _energies_config(quick: bool, seed: int) -> ReproduceConfig:
    config = _reproduce_config(quick, seed)
    # U_2 of the paper is `example2`, which is among the figures.
    return dataclasses.replace(config, examples=("u1", "u3", "u4"))


def _run_density(out: pathlib.Path, config: DensityConfig, progress_bar: bool) -> None:
    estimate_densities(out, config, progress_bar=progress_bar)


def _density_config(quick: bool, seed: int) -> DensityConfig:
    return full_or_quick(DensityConfig, quick, seed)


EXPERIMENTS = (
    Experiment(
        "density estimation",
        "density.json",
        _run_density,
        _density_config,
        lambda config: ["imgs/density-summary.png"],
    ),
    Experiment(
        "figures and chains",
        "results.json",
        _run_reproduce,
        _reproduce_config,
        _reproduce_images,
    ),
    Experiment(
        "the paper's energies",
        "energies/results.json",
        _run_energies,
        _energies_config,
        _reproduce_images,
    ),
)


def report(
    out: str | os.PathLike,
    root: str | os.PathLike,
    *,
    quick: bool = False,
    rerun: bool = False,
    seed: int = 0,
    progress_bar: bool = True,
) -> pathlib.Path:
    """Runs the experiments that have no current results, and compiles the report.

    Results are current if their file records the wanted configuration and this version
    of the package, and the figures are there. Where there are several cores, the fits of
    an experiment run beside one another, each in a process of its own; the seconds that
    they record are then a little longer. A script needs the guard
    `if __name__ == "__main__"` for it.

    Args:
      out: folder of the results, figures and `report.pdf`, made if need be.
      root: top folder of a source checkout: it has the text, `report/*.typ`, and what
        is measured elsewhere, `benchmarks/results` and, if there, `report/vae.json`.
      quick: whether to run the short versions.
      rerun: whether to run experiments that have current results, too.
      seed: of all experiments.
      progress_bar: whether to show progress on stderr.

    Returns:
      `pathlib.Path` of `report.pdf`.

    Raises:
      ImportError: if the package typst is missing; before any training, like the next.
      OSError: if a file of the checkout is missing, or `out` cannot be written to.
      RuntimeError: if the text does not compile.
    """
    check_sources(root)
    out = prepare_folder(out)
    for experiment in EXPERIMENTS:
        config = experiment.config(quick, seed)
        reason = "asked for" if rerun else stale_reason(experiment, config, out)
        if progress_bar:
            done = f"running ({reason})" if reason else "results are current"
            tqdm.write(f"{experiment.name}: {done}", file=sys.stderr)
        if reason:
            experiment.run(out, config, progress_bar)
    return compile_report(out, root)


def stale_reason(
    experiment: Experiment, config: Any, out: str | os.PathLike
) -> str | None:
    """Why an experiment must run.

    Args:
      experiment: `Experiment`.
      config: what is wanted.
      out: folder of the results.

    Returns:
      `str`, or `None` if the results there are those of `config` and of this version.
    """
    path = pathlib.Path(out) / experiment.results_file
    if not path.is_file():
        return f"no {experiment.results_file} yet"
    try:
        results = json.loads(path.read_text("utf-8"))
        stored, version = results["config"], results["environment"]["tfp_flows"]
    except (KeyError, TypeError, ValueError):
        return f"{experiment.results_file} is damaged"
    # As JSON has it: lists for tuples.
    wanted = json.loads(json.dumps(dataclasses.asdict(config)))
    names = wanted.keys() | stored.keys()
    changed = sorted(n for n in names if wanted.get(n) != stored.get(n))
    if changed:
        return f"{experiment.results_file} has another {', '.join(changed)}"
    if version != __version__:
        return f"{experiment.results_file} is of version {version}"
    for image in experiment.images(config):
        if not (path.parent / image).is_file():
            return f"no {image} yet"
    return None
