"""The order of jobs, their processes, and what is kept of an error."""

import sys

import pytest

from benchmarks import jobs
from benchmarks.registry import PEERS
from benchmarks.workloads import WORKLOADS
from benchmarks.workloads.base import Workload

WORKLOAD = Workload(
    name="work",
    title="Work",
    peers=("ours", "pyro", "numpy_lean"),
    cases={"a": {"n": 1}, "b": {"n": 2}},
    metrics=(),
    job=lambda peer, parameters, quick: dict(parameters, quick=quick),
    skips=lambda peer, parameters: peer == "numpy_lean" and parameters["n"] == 2,
    once=lambda peer, parameters: peer == "pyro" and parameters["n"] == 1,
)


def test_jobs_are_interleaved():
    plan = jobs.plan(WORKLOAD, list(PEERS), 2, quick=False)
    assert [(job.repeat, job.case, job.peer) for job in plan] == [
        (0, "a", "ours"),
        (0, "a", "pyro"),
        (0, "a", "numpy_lean"),
        (0, "b", "ours"),
        (0, "b", "pyro"),
        (1, "a", "ours"),
        (1, "a", "numpy_lean"),
        (1, "b", "ours"),
        (1, "b", "pyro"),
    ]
    fields = dict(n=1, quick=False, task="work", module="pyro", form=None)
    assert plan[1].fields == fields


def test_peers_can_be_selected():
    plan = jobs.plan(WORKLOAD, ["pyro"], 1, quick=True)
    assert [(job.case, job.peer) for job in plan] == [("a", "pyro"), ("b", "pyro")]
    assert all(job.fields["quick"] for job in plan)


@pytest.mark.parametrize("name", WORKLOADS)
def test_every_workload_plans_jobs_for_each_of_its_peers(name):
    workload = WORKLOADS[name]
    for quick in (False, True):
        plan = jobs.plan(workload, list(PEERS), 5, quick)
        assert {job.peer for job in plan} == set(workload.peers)
        assert {job.case for job in plan} == set(workload.cases)


def job_for(**fields):
    fields = dict(module="numpy_mcmc", form="lean", task="mcmc", **fields)
    return jobs.Job("mcmc", "1 chains", "numpy_lean", 0, fields)


def test_a_worker_answers_with_one_line():
    job = job_for(num_chains=1, num_steps=9)
    answer = jobs.run(job, sys.executable)
    assert answer["transitions_per_second"] > 0
    assert 0 <= answer["acceptance"] <= 1
    assert answer["process_seconds"] > answer["answered_seconds"]
    assert answer["answered_seconds"] > answer["import_seconds"] > 0
    assert answer["exit_seconds"] > 0
    assert set(answer["versions"]) == {"numpy"}


def test_a_failed_worker_says_why():
    job = job_for(num_chains=3)
    assert jobs.run(job, sys.executable) == dict(
        error="ValueError: The loop runs one chain, not 3."
    )


def test_a_worker_that_takes_too_long_is_ended():
    job = job_for(num_chains=1, num_steps=10**9)
    assert "more than 1 seconds" in jobs.run(job, sys.executable, timeout=1.0)["error"]


def test_errors_have_no_paths_and_addresses():
    stderr = (
        "Traceback\n  File '/a/b.py'\nOSError: no '/home/me/x.so' at http://h.org/y\n\n"
    )
    assert jobs.error_of(stderr, 1) == "OSError: no '(path)' at (address)"
    assert jobs.error_of("", -9) == "ended by signal 9"
    assert jobs.without_places("1/2 of a/b, and/or") == "1/2 of a/b, and/or"
