"""The table of the density estimation, from its results file."""


def markdown_table(results):
    """Results of `estimate_densities` as Markdown.

    Args:
      results: `dict`, the content of `density.json`.

    Returns:
      `str`: NLL by flow and points, with the number of parameters.
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
        + " |",
        "|---|---:|" + "---:|" * len(names),
        "| true density | | " + " | ".join(_nll(truths[n]) for n in names) + " |",
    ]
    for flow in config["flows"]:
        rows = [cells[flow, name] for name in names]
        lines.append(
            f"| {flow} | {rows[0]['num_parameters']:,} | "
            + " | ".join(_nll(row) for row in rows)
            + " |"
        )
    return "\n".join(lines) + "\n"


def _nll(row):
    return f"{row['nll']:.3f} ± {row['standard_error']:.3f}"
