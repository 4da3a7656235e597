"""Medians, ratios, and runs merged into one file."""

import dataclasses

import pytest

from benchmarks import results
from benchmarks.jobs import Job
from benchmarks.workloads.base import Metric, Workload

LOW = Metric("us", "us", ratio="low")
HIGH = Metric("rate", "rate", ratio="high")
WORKLOAD = Workload(
    name="work",
    title="Work",
    peers=("ours", "other"),
    cases={"small": {}, "large": {}},
    metrics=(LOW, HIGH),
    job=lambda peer, parameters, quick: {},
)
OTHER = dataclasses.replace(WORKLOAD, name="more")


def answers(case, peer, values, **more):
    return [
        (Job("work", case, peer, i, {}), dict(us=value, rate=1.0 / value, **more))
        for i, value in enumerate(values)
    ]


def run_of(date, *groups):
    return results.gather([answer for group in groups for answer in group], date)


def test_medians_of_all_repeats_and_raw_numbers():
    cases = run_of("d", answers("small", "ours", [3.0, 1.0, 2.0, 9.0, 2.5]))
    entry = cases["small"]["ours"]
    assert entry["median"]["us"] == 2.5
    assert [r["us"] for r in entry["repeats"]] == [3.0, 1.0, 2.0, 9.0, 2.5]
    assert "error" not in entry


def test_versions_are_kept_once_and_texts_have_no_median():
    found = answers("small", "ours", [1.0, 2.0], versions={"a": "1"}, cannot="x: y")
    entry = run_of("d", found)["small"]["ours"]
    assert entry["versions"] == {"a": "1"}
    assert all("versions" not in r for r in entry["repeats"])
    assert set(entry["median"]) == {"us", "rate"}


def test_missing_numbers_have_no_median():
    assert results.medians([dict(a=1.0, b=None), dict(a=3.0, b=2.0)]) == {"a": 2.0}
    assert results.medians([]) == {}


def test_an_error_is_kept_beside_the_good_repeats():
    failed = [(Job("work", "small", "other", 1, {}), dict(error="no memory"))]
    entry = run_of("d", answers("small", "other", [4.0]), failed)["small"]["other"]
    assert entry["error"] == "no memory"
    assert len(entry["repeats"]) == 1


def test_ratio_says_how_many_times_ours_is_better():
    cases = run_of("d", answers("small", "ours", [2.0]), answers("small", "other", [6.0]))
    for metric in (LOW, HIGH):
        assert results.ratio(WORKLOAD, metric, cases, "small", "other") == pytest.approx(
            3
        )
        assert results.ratio(WORKLOAD, metric, cases, "small", "ours") is None


def test_ratio_to_the_first_case():
    workload = dataclasses.replace(WORKLOAD, compare_cases=True)
    cases = run_of("d", answers("small", "ours", [2.0]), answers("large", "ours", [5.0]))
    assert results.ratio(workload, LOW, cases, "large", "ours") == 2.5
    assert results.ratio(workload, LOW, cases, "small", "ours") is None


def test_no_ratio_between_runs_or_without_a_reference():
    ours = run_of("monday", answers("small", "ours", [2.0]))
    other = run_of("tuesday", answers("small", "other", [6.0]))
    merged = results.merge({}, WORKLOAD, ours, "monday", {})
    merged = results.merge(merged, WORKLOAD, other, "tuesday", {})
    cases = merged["work"]["cases"]
    assert results.ratio(WORKLOAD, LOW, cases, "small", "other") is None
    assert results.ratio(WORKLOAD, LOW, other, "small", "other") is None


def test_merge_keeps_what_was_not_measured():
    first = run_of("1", answers("small", "ours", [2.0]), answers("small", "other", [6.0]))
    old = results.merge({}, WORKLOAD, first, "1", {"machine": "a"})
    old = results.merge(old, OTHER, first, "1", {"machine": "a"})
    second = run_of("2", answers("small", "ours", [1.0]))
    new = results.merge(old, WORKLOAD, second, "2", {"machine": "b"})
    assert new["more"] == old["more"]
    assert new["work"]["cases"]["small"]["ours"]["date"] == "2"
    assert new["work"]["cases"]["small"]["other"]["date"] == "1"
    assert new["work"]["runs"] == {"1": {"machine": "a"}, "2": {"machine": "b"}}
    assert old["work"]["cases"]["small"]["ours"]["date"] == "1"  # untouched
    # The ratio of the run before, whose reference is gone, is gone too.
    assert old["work"]["cases"]["small"]["other"]["ratio"] == dict(us=3.0, rate=3.0)
    assert new["work"]["cases"]["small"]["other"]["ratio"] == {}


def test_merge_forgets_runs_of_which_nothing_is_left():
    first = run_of("1", answers("small", "ours", [2.0]))
    second = run_of("2", answers("small", "ours", [1.0]))
    merged = results.merge({}, WORKLOAD, first, "1", {})
    assert list(results.merge(merged, WORKLOAD, second, "2", {})["work"]["runs"]) == ["2"]


def test_file_round_trip(tmp_path):
    path = tmp_path / "results.json"
    assert results.read(path) == {}
    found = results.merge(
        {}, WORKLOAD, run_of("1", answers("small", "ours", [2.0])), "1", {}
    )
    results.write(path, found)
    assert results.read(path) == found
