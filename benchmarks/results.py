"""The results file: answers gathered into entries, and runs merged.

```none
{section: {"runs": {date: {"machine": ..., "settings": ...}},
           "cases": {case: {peer: entry}}}}
```

An entry has the date of its run, all its raw answers (`repeats`), their medians, the
ratios of these to the reference, the versions of its libraries and, if a measurement
failed, its `error`.
"""

import json
import numbers
import pathlib
import statistics

from tfp_flows import files


def gather(answers, date):
    """Entries from the answers of one workload's jobs.

    Args:
      answers: list of `(Job, answer)`.
      date: the date of the run.

    Returns:
      `{case: {peer: entry}}`.
    """
    raw = {}
    for job, answer in answers:
        raw.setdefault(job.case, {}).setdefault(job.peer, []).append(answer)
    return {
        case: {peer: entry(repeats, date) for peer, repeats in peers.items()}
        for case, peers in raw.items()
    }


def entry(answers, date):
    """What is kept of the repeats of one peer and case."""
    good = [dict(answer) for answer in answers if "error" not in answer]
    errors = [answer["error"] for answer in answers if "error" in answer]
    versions = [answer.pop("versions", {}) for answer in good]
    result = dict(date=date, repeats=good, median=medians(good))
    if versions:
        result["versions"] = versions[-1]
    if errors:
        result["error"] = errors[0]
    return result


def medians(answers):
    """The median of each number that all `answers` have."""
    if not answers:
        return {}
    return {
        key: statistics.median(answer[key] for answer in answers)
        for key in answers[0]
        if all(_is_number(answer.get(key)) for answer in answers)
    }


def _is_number(value):
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def ratio(workload, metric, cases, case, peer):
    """How many times better the reference is, or `None` if there is no such number.

    The reference is the workload's first peer in the same case or, where cases are
    compared, the first case of the same peer; then it is how many times more the case
    takes. Only numbers of one run are compared.
    """
    if workload.compare_cases:
        reference = cases.get(next(iter(workload.cases)), {}).get(peer)
        is_reference = case == next(iter(workload.cases))
    else:
        reference = cases[case].get(workload.peers[0])
        is_reference = peer == workload.peers[0]
    mine = cases[case][peer]
    if metric.ratio is None or is_reference or reference is None:
        return None
    values = [e["median"].get(metric.key) for e in (mine, reference)]
    if not all(values) or mine["date"] != reference["date"]:
        return None
    return values[0] / values[1] if metric.ratio == "low" else values[1] / values[0]


def merge(results, workload, cases, date, run):
    """`results` with the entries of one run of a workload.

    Entries of peers and cases that the run did not measure are kept, with the date and
    description of their own run. All entries of the workload get their ratios.

    Args:
      results: results so far, not changed.
      workload: `Workload`.
      cases: entries as `gather` returns them.
      date: the date of the run.
      run: `dict` that describes it.

    Returns:
      Results.
    """
    old = results.get(workload.name, {"runs": {}, "cases": {}})
    merged = {case: dict(peers) for case, peers in old["cases"].items()}
    for case, peers in cases.items():
        merged.setdefault(case, {}).update(peers)
    with_ratios = {
        case: {
            peer: dict(entry, ratio=ratios(workload, merged, case, peer))
            for peer, entry in peers.items()
        }
        for case, peers in merged.items()
    }
    runs = dict(old["runs"], **{date: run})
    dates = {e["date"] for peers in merged.values() for e in peers.values()}
    runs = {key: value for key, value in runs.items() if key in dates}
    return dict(results, **{workload.name: dict(runs=runs, cases=with_ratios)})


def ratios(workload, cases, case, peer):
    """The ratios of one entry, by the key of the metric."""
    found = {m.key: ratio(workload, m, cases, case, peer) for m in workload.metrics}
    return {key: value for key, value in found.items() if value is not None}


def read(path):
    """The results in the file `path`; none, if there is no such file."""
    path = pathlib.Path(path)
    return json.loads(path.read_text("utf-8")) if path.exists() else {}


def write(path, results):
    """Replaces the file `path` as a whole."""
    files.write_json(path, results)
