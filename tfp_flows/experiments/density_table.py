"""The table of the density estimation, from its results file."""


def markdown_table(results):
    """Results of `estimate_densities` as Markdown.

    Args:
      results: `dict`, the content of `density.json`.

    Returns:
      `str`: NLL by flow and points, with the number of parameters and the time of a step.
    """
    config = results["config"]
    cells = {(row["flow"], row["points"]): row for row in results["fits"]}
    truths = {row["points"]: row for row in results["truths"]}
    names = config["points"]
    lines = [
        f"Mean negative log likelihood of {config['num_test']:,} test points, in nats ± "
        f"standard error, after at most {config['num_steps']:,} steps on "
        f"{config['num_train']:,} training points (a tenth of them held out to stop by), "
        f"K = {config['num_layers']}:",
        "",
        "| flow | parameters | "
        + " | ".join(truths[name]["title"] for name in names)
        + " | µs per step |",
        "|---|---:|" + "---:|" * (len(names) + 1),
        "| true density | | " + " | ".join(_nll(truths[n]) for n in names) + " | |",
    ]
    for flow in config["flows"]:
        rows = [cells[flow, name] for name in names]
        time = sorted(row["microseconds_per_step"] for row in rows)[len(rows) // 2]
        lines.append(
            f"| {flow} | {rows[0]['num_parameters']:,} | "
            + " | ".join(_nll(row) for row in rows)
            + f" | {time:.0f} |"
        )
    return "\n".join(lines) + "\n"


def _nll(row):
    return f"{row['nll']:.3f} ± {row['standard_error']:.3f}"
