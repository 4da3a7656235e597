"""The table of the README, between its markers."""

import pathlib

from benchmarks.markdown import MISSING
from benchmarks.registry import PEERS
from benchmarks.tables import cell
from benchmarks.workloads import WORKLOADS
from tfp_flows import files
from tfp_flows.experiments.tables import table_lines

START, END = "<!-- benchmark -->", "<!-- end of benchmark -->"

# Heading, workload, case and the index of the metric.
_COLUMNS = (
    ("µs per step, K = 16, D = 2", "step-time", "K = 16", 0),
    ("seconds from start to fitted flow", "wall-time", "K = 16", 0),
    ("µs per step, K = 32, D = 512", "large-step-time", "D = 512", 0),
    ("samples with `log_prob` per second", "throughput", "K = 16", 0),
    (
        "`log_prob` of given points, of a fitted flow, per second",
        "external-log-prob",
        "K = 16",
        0,
    ),
)
# Its rows; the others are in the tables of all results.
_PEERS = (
    "ours",
    "flowjax_scan",
    "flowjax_fit",
    "flowjax_inverse",
    "normflows",
    "pyro",
    "tfb_chain_xla",
    "scipy_root",
)
# Whose versions are named.
_PACKAGES = ("tfp_flows", "tensorflow", "flowjax", "normflows", "pyro-ppl")


def summary(found):
    """The README's table, from all results.

    Args:
      found: results as `results.read` returns them.

    Returns:
      `str`.

    Raises:
      ValueError: if the results have none of the table's workloads.
    """
    columns = [
        (heading, WORKLOADS[name], case, WORKLOADS[name].metrics[index])
        for heading, name, case, index in _COLUMNS
        if case in found.get(name, {}).get("cases", {})
    ]
    if not columns:
        names = ", ".join(dict.fromkeys(name for _, name, _, _ in _COLUMNS))
        raise ValueError(
            f"There is no result for the README's table yet; run one of {names}, or pass "
            "--no-readme."
        )
    rows = []
    for peer in _PEERS:
        row = [
            cell(found[workload.name]["cases"], case, peer, metric)
            + once(found[workload.name]["cases"][case].get(peer))
            for _, workload, case, metric in columns
        ]
        if any(text != MISSING for text in row):
            rows.append([PEERS[peer].label, *row])
    table = table_lines(["", *(column[0] for column in columns)], rows)
    return "\n".join([*table, measured_on(found, columns)])


def measured_on(found, columns):
    """What the numbers are, and the versions, machines and days that they are of."""
    runs, versions, refused = {}, {}, {}
    for _, workload, case, _ in columns:
        for date, run in found[workload.name]["runs"].items():
            machine = run["machine"]
            runs[f"{machine['cpu']}, {machine['cores']} cores"] = date.split()[0]
        for peer, entry in found[workload.name]["cases"][case].items():
            versions |= entry.get("versions", {})
            if any("cannot" in answer for answer in entry["repeats"]):
                refused[PEERS[peer].label.split(",")[0]] = None
    refusal = f" {', '.join(refused)} alone raise for given points." if refused else ""
    named = [f"{name} {versions[name]}" for name in _PACKAGES if name in versions]
    listing = [f"{machine}, {day}" for machine, day in runs.items()]
    return (
        "Medians over processes, or (¹) of one process; in brackets how many times "
        f"tfp_flows is faster.{refusal} {'; '.join([*listing, *named])}."
    )


def once(entry):
    """The mark of a number that was measured once; nothing of others."""
    return "¹" if entry is not None and len(entry["repeats"]) == 1 else ""


def check(path):
    """The README's text.

    Args:
      path: the README.

    Returns:
      `str`.

    Raises:
      ValueError: if it lacks one of the markers, has it twice, or has them in the wrong
        order.
    """
    text = pathlib.Path(path).read_text("utf-8")
    if (
        text.count(START) != 1
        or text.count(END) != 1
        or text.find(START) > text.find(END)
    ):
        raise ValueError(
            f"{pathlib.Path(path).name} must have the line {START} once and after it the "
            f"line {END} once; add them where the table belongs, or pass --no-readme."
        )
    return text


def refresh(path, table):
    """Puts `table` between the markers of the README `path`; see `check` for errors."""
    before, rest = check(path).split(START)
    _, after = rest.split(END)
    files.write_text(path, f"{before}{START}\n\n{table.strip()}\n\n{END}{after}")
