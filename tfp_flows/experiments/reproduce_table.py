"""The table of the reproduction, from its results file."""


def markdown_table(results):
    """Results of `reproduce` as Markdown.

    Args:
      results: `dict`, the content of `results.json`.

    Returns:
      `str`: KL by target, family and K; then the chains.
    """
    lengths = results["config"]["num_layers"]
    cells = {
        (row["target"], row["family"], row["num_layers"]): row for row in results["fits"]
    }
    lines = [
        f"KL(flow ‖ target) in nats ± standard error, after {_budgets(results)}:",
        "",
        "| target | flow | " + " | ".join(f"K = {k}" for k in lengths) + " |",
        "|---|---|" + "---:|" * len(lengths),
    ]
    for target in results["config"]["examples"]:
        for family in results["config"]["families"]:
            row = [cells[target, family, k] for k in lengths]
            values = [f"{c['kl']:.3f} ± {c['elbo_standard_error']:.3f}" for c in row]
            lines.append(f"| {target} | {family} | " + " | ".join(values) + " |")
    lines += [
        "",
        "Random-walk Metropolis, the baseline:",
        "",
        "| target | chains x samples | acceptance | worst R-hat | least ESS | seconds |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for row in results["chains"]:
        lines.append(
            f"| {row['target']} | {row['num_chains']:,} x {row['num_samples']:,} | "
            f"{row['acceptance_rate']:.2f} | {max(row['rhat']):.3f} | "
            f"{min(row['ess']):,.0f} | {row['seconds']:.1f} |"
        )
    return "\n".join(lines) + "\n"


def _budgets(results):
    """The numbers of steps and samples of the fits, with the lengths K they are of."""
    lengths = {}
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
