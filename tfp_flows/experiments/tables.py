"""Tables as Markdown: of any rows, and of the results files of the experiments."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any


def table_lines(
    headings: Sequence[str], rows: Iterable[Sequence[str]], *, num_left: int = 1
) -> list[str]:
    """Lines of a Markdown table, and an empty one after it.

    Args:
      headings: of the columns.
      rows: texts of the cells.
      num_left: how many columns stand to the left; the others, numbers, to the right.

    Returns:
      List of `str`.
    """
    rule = "|" + "---|" * num_left + "---:|" * (len(headings) - num_left)
    lines = ["| " + " | ".join(line) + " |" for line in (headings, *rows)]
    return [lines[0], rule, *lines[1:], ""]


# What stands behind the KL of a flow that is not to be taken as it is; nothing behind one
# that is good.
MARKS = {
    "good": "",
    "usable with importance weights": " w",
    "undecided": " ?",
    "do not trust": " ✗",
}


def reproduction_table(results: dict[str, Any]) -> str:
    """Results of `reproduce` as Markdown.

    Args:
      results: `dict`, the content of `results.json`.

    Returns:
      `str`: KL by target, family and K; then the chains.
    """
    config = results["config"]
    cells = {
        (row["target"], row["family"], row["num_layers"]): f"{row['kl']:.3f} ± "
        f"{row['elbo_standard_error']:.3f}{MARKS[row['verdict']]}"
        for row in results["fits"]
    }
    fits = [
        [target, family, *(cells[target, family, k] for k in config["num_layers"])]
        for target in config["examples"]
        for family in config["families"]
    ]
    chains = [
        [
            row["target"],
            f"{row['num_chains']:,} x {row['num_samples']:,}",
            f"{row['acceptance_rate']:.2f}",
            f"{max(row['rhat']):.3f}",
            f"{1.0 + row['num_chains'] / min(row['ess']):.3f}",
            f"{min(row['ess']):,.0f}",
            f"{row['seconds']:.1f}",
        ]
        for row in results["chains"]
    ]
    lengths = [f"K = {k}" for k in config["num_layers"]]
    chain_headings = ["target", "chains x samples", "acceptance", "worst R-hat"]
    chain_headings += ["1 + 1 / (2 n)", "least ESS", "seconds"]
    lines = [
        f"KL(flow ‖ target) in nats ± standard error of the evaluation, of one seed each "
        f"({config['seed']}), after {_budgets(results)}:",
        "",
        *table_lines(["target", "flow", *lengths], fits, num_left=2),
        f"The package's own verdicts: {_verdicts(results)}.",
        "",
        "Random-walk Metropolis, the baseline; R-hat of chains that have mixed is about "
        "1 + 1 / (2 n), with n the ESS of half a chain:",
        "",
        *table_lines(chain_headings, chains),
    ]
    return "\n".join(lines)


def density_table(results: dict[str, Any]) -> str:
    """Results of `estimate_densities` as Markdown.

    Args:
      results: `dict`, the content of `density.json`.

    Returns:
      `str`: NLL by flow and points, with the number of parameters.
    """
    config = results["config"]
    fits = {(row["flow"], row["points"]): row for row in results["fits"]}
    truths = {row["points"]: row for row in results["truths"]}
    rows = [["true density", "", *(_nll(truths[name]) for name in config["points"])]]
    for flow in config["flows"]:
        of_flow = [fits[flow, name] for name in config["points"]]
        size = f"{of_flow[0]['num_parameters']:,}"
        rows.append([flow, size, *map(_nll, of_flow)])
    titles = [truths[name]["title"] for name in config["points"]]
    K = config["num_layers"]
    lines = [
        f"Mean negative log likelihood of {config['num_test']:,} test points, in nats ± "
        f"standard error over these points, of one seed ({config['seed']}), after at "
        f"most {config['num_steps']:,} steps on {config['num_train']:,} training points "
        "(a tenth of them held out to stop by: * marks fits that these ended early). "
        f"Planar and radial flows have {K} layers, Sylvester ones {max(1, K // 2)} of "
        "two units, RealNVP 6 couplings:",
        "",
        *table_lines(["flow", "parameters", *titles], rows),
    ]
    return "\n".join(lines)


def _nll(row: dict[str, Any]) -> str:
    mark = "*" if row.get("stop_reason") == "early_stopping" else ""
    return f"{row['nll']:.3f} ± {row['standard_error']:.3f}{mark}"


def _verdicts(results: dict[str, Any]) -> str:
    """How many fits have each verdict, with its mark."""
    counts = Counter(row["verdict"] for row in results["fits"])
    return ", ".join(
        f"{counts[verdict]} {verdict}{f' ({mark.strip()})' if mark else ''}"
        for verdict, mark in MARKS.items()
        if counts[verdict]
    )


def _budgets(results: dict[str, Any]) -> str:
    """The numbers of steps and samples of the fits, with the lengths K they are of."""
    lengths: dict[str, set[int]] = {}
    for row in results["fits"]:
        settings = row["fit_settings"]
        budget = f"{row['num_steps']:,} steps of {settings['sample_size']:,} samples"
        lengths.setdefault(budget, set()).add(row["num_layers"])
    if len(lengths) == 1:
        return next(iter(lengths))
    return "; ".join(
        f"{budget} (K = {', '.join(map(str, sorted(layers)))})"
        for budget, layers in lengths.items()
    )
