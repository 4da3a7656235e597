"""The results as Markdown."""

from benchmarks import floor
from benchmarks.markdown import MISSING, number
from benchmarks.registry import PEERS
from benchmarks.workloads import WORKLOADS
from tfp_flows.experiments.tables import table_lines

_HEADING = """# Benchmark

Made by `python -m benchmarks`; the raw numbers are in `results.json`. Each number is the
median over processes of their own, run in turn, but for those that the line below a table
says were measured once. In brackets: how many times better tfp_flows is in the same run
(below 1: how much worse). The predecessor is abdulfatir/normalizing-flows (TF1).
"""


def document(found):
    """All tables.

    Args:
      found: results as `results.read` returns them.

    Returns:
      `str`.
    """
    parts = [_HEADING]
    parts += [
        section(workload, found[name])
        for name, workload in WORKLOADS.items()
        if name in found
    ]
    if "floor" in found:
        parts.append(floor.section(found))
    return "\n".join(parts)


def section(workload, found):
    """The tables of one workload, with what they were measured on."""
    cases = {
        case: {p: e for p, e in found["cases"][case].items() if p in workload.peers}
        for case in workload.cases
        if case in found["cases"]
    }
    peers = [p for p in workload.peers if any(p in entries for entries in cases.values())]
    lines = [f"## {workload.title}", ""]
    if len(workload.cases) == 1:
        (case,) = cases
        columns = [(metric.label, case, metric) for metric in workload.metrics]
        lines += table(cases, peers, columns)
    elif len(workload.peers) == 1:
        lines += transposed(workload, cases, peers[0])
        if workload.compare_cases:
            lines += ["In brackets: how many times the first row.", ""]
    else:
        for metric in workload.metrics:
            columns = [(case, case, metric) for case in cases]
            lines += [f"{metric.label}:", ""]
            lines += table(cases, peers, columns)
    lines += notes(cases, found["runs"])
    return "\n".join(lines)


def table(cases, peers, columns):
    """Lines of a table: a row per peer, and columns `(heading, case, metric)`."""
    rows = [
        [PEERS[peer].label]
        + [cell(cases, case, peer, metric) for _, case, metric in columns]
        for peer in peers
    ]
    return table_lines(["", *(heading for heading, _, _ in columns)], rows)


def transposed(workload, cases, peer):
    """Lines of a table of one peer: a row per case, and columns of metrics."""
    rows = [
        [case] + [cell(cases, case, peer, m) for m in workload.metrics] for case in cases
    ]
    return table_lines(["", *(metric.label for metric in workload.metrics)], rows)


def cell(cases, case, peer, metric):
    """One number with its ratio, or why there is none."""
    found = cases[case].get(peer)
    if found is None:
        return MISSING
    if "error" in found:
        return "failed"
    value = found["median"].get(metric.key)
    if value is None:
        is_refused = any(
            answer.get("cannot", "").startswith(f"{metric.key}:")
            for answer in found["repeats"]
        )
        return "raises" if is_refused else MISSING
    times = found["ratio"].get(metric.key)
    text = number(value, metric.digits)
    return text if times is None else f"{text} ({number(times, 2)}x)"


def notes(cases, runs):
    """Lines under a table: failures, single measurements, machine, versions, date."""
    found = [
        (case, peer, entry)
        for case, entries in cases.items()
        for peer, entry in entries.items()
    ]
    lines = [
        f"- {PEERS[peer].label}, {case}, failed: {entry['error']}"
        for case, peer, entry in found
        if "error" in entry
    ]
    for date, run in runs.items():
        mine = [
            (case, peer, entry) for case, peer, entry in found if entry["date"] == date
        ]
        who = dict.fromkeys(PEERS[peer].label for _, peer, _ in mine)
        of = f" ({', '.join(who)})" if len(runs) > 1 else ""
        repeats = run["settings"]["repeats"]
        once = [
            f"{PEERS[peer].label} ({case})"
            for case, peer, entry in mine
            if len(entry["repeats"]) == 1 < repeats
        ]
        versions = {}
        for _, _, entry in mine:
            versions.update(entry.get("versions", {}))
        lines.append(
            f"- {date}{of}: {machine_line(run['machine'])}; {repeats} repeats"
            + (", quick" if run["settings"]["quick"] else "")
            + (f"; measured once: {', '.join(once)}" if once else "")
            + "".join(f"; {name} {version}" for name, version in versions.items())
            + "."
        )
    return [*lines, ""]


def machine_line(machine):
    """The machine in a few words."""
    return f"{machine['cpu']}, {machine['cores']} cores, Python {machine['python']}"
