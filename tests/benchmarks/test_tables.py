"""Markdown of results."""

import pathlib

import matplotlib.figure
import pytest

from benchmarks import floor, markdown, mcmc_rate, plot, results, tables
from benchmarks.jobs import Job
from benchmarks.workloads import WORKLOADS

RESULTS = pathlib.Path(__file__).parents[2] / "benchmarks" / "results"
RUN = dict(
    machine=dict(cpu="A CPU", cores=2, python="3.11.7"),
    settings=dict(repeats=5, quick=False),
)


def merged(found, name, answers, date="2030-01-02 03:04:05 UTC"):
    answers = [
        (Job(name, case, peer, 0, {}), dict(answer)) for case, peer, answer in answers
    ]
    return results.merge(found, WORKLOADS[name], results.gather(answers, date), date, RUN)


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (1234567.0, 3, "1,230,000"),
        (123.4, 3, "123"),
        (12.345, 3, "12.3"),
        (0.04567, 2, "0.046"),
        (0.0, 3, "0.0"),
        (99.96, 3, "100"),
        (-1.5, 2, "-1.5"),
        (1.5e-6, 2, "0.0000"),
    ],
)
def test_numbers(value, digits, text):
    assert markdown.number(value, digits) == text


def test_a_table_per_metric_with_ratios_failures_and_machine():
    found = merged(
        {},
        "step-time",
        [
            ("K = 4", "ours", dict(microseconds_per_step=50.0, compile_seconds=1.0)),
            ("K = 4", "pyro", dict(microseconds_per_step=1000.0, compile_seconds=0.0)),
            ("K = 16", "ours", dict(microseconds_per_step=80.0, versions={"lib": "1.2"})),
            ("K = 16", "pyro", dict(error="no memory")),
        ],
    )
    text = tables.document(found)
    assert "µs per step:" in text
    assert "|  | K = 4 | K = 16 |\n|---|---:|---:|" in text
    assert "| **tfp_flows** | 50.0 | 80.0 |" in text
    assert "| Pyro | 1,000 (20x) | failed |" in text
    assert "- Pyro, K = 16, failed: no memory" in text
    assert "2030-01-02 03:04:05 UTC: A CPU, 2 cores, Python 3.11.7; 5 repeats" in text
    assert "measured once: **tfp_flows** (K = 4)" in text
    assert "lib 1.2" in text


def test_of_several_runs_each_says_whose_it_is():
    answers = [("K = 4", "ours", dict(microseconds_per_step=50.0))]
    answers += [("K = 4", "pyro", dict(microseconds_per_step=1000.0))]
    found = merged({}, "step-time", answers)
    found = merged(found, "step-time", answers[:1], "2030-02-01 03:04:05 UTC")
    text = tables.document(found)
    assert "| Pyro | 1,000 |" in text
    assert "- 2030-01-02 03:04:05 UTC (Pyro): A CPU" in text
    assert "- 2030-02-01 03:04:05 UTC (**tfp_flows**): A CPU" in text


def test_one_case_is_one_table_of_metrics():
    answers = [
        ("K = 16", "ours", dict(samples_per_second=2e6, log_probs_per_second=3e6)),
        (
            "K = 16",
            "pyro",
            dict(
                samples_per_second=1e6,
                log_probs_per_second=None,
                cannot="log_probs_per_second: KeyError",
            ),
        ),
    ]
    text = tables.document(merged({}, "throughput", answers))
    assert "| **tfp_flows** | 2,000,000 | 3,000,000 | - |" in text
    assert "| Pyro | 1,000,000 (2.0x) | raises | - |" in text


def test_one_peer_is_one_table_of_cases():
    answers = [
        ("R = 1", "ours", dict(microseconds_per_step=50.0, compile_seconds=1.0)),
        ("R = 8", "ours", dict(microseconds_per_step=150.0, compile_seconds=1.0)),
    ]
    text = tables.document(merged({}, "restarts", answers))
    assert "| R = 1 | 50.0 | 1.0 |" in text
    assert "| R = 8 | 150 (3.0x) | 1.0 |" in text


def test_the_tables_of_random_walks_are_those_of_the_results():
    text = (RESULTS / "mcmc_rate.md").read_text("utf-8")
    assert text == mcmc_rate.document(results.read(RESULTS / "mcmc_rate.json"))


def test_floor_is_the_larger_of_operations_and_bytes():
    work = floor.counts(K=16, D=2, S=500)
    assert work["tanh"] == 16 * 500
    rates = dict.fromkeys(work, 1e9)
    bound, times = floor.step_microseconds(work, rates)
    assert bound == pytest.approx(sum(work.values()) / 1e3 - times["copied_bytes"])
    slow_memory = dict(rates, copied_bytes=1e3)
    assert floor.step_microseconds(work, slow_memory)[0] == pytest.approx(
        1e6 * work["copied_bytes"] / 1e3
    )


def test_floor_is_that_of_the_cheaper_form():
    rates = dict.fromkeys(floor.counts(1, 1, 1), 1e9)
    # Many layers: one by one. Many dimensions, where matrix products pay: together.
    deep, wide = dict(K=512, D=2, S=500), dict(K=16, D=512, S=500)
    for sizes, is_compact, rate in ((deep, False, 1e9), (wide, True, 1e11)):
        rates["matmul"] = rate
        work = floor.counts(**sizes, is_compact=is_compact)
        expected = floor.step_microseconds(work, rates)
        assert floor.floor_microseconds(sizes, rates) == expected
        other = floor.counts(**sizes, is_compact=not is_compact)
        assert expected[0] < floor.step_microseconds(other, rates)[0]


def test_floor_beside_the_measured_time():
    rates = dict.fromkeys(floor.counts(1, 1, 1), 1.0)
    answers = [
        ("NumPy", "floor", dict(rates)),
        ("TF with XLA", "floor", {k: 2 * v for k, v in rates.items()}),
    ]
    found = merged({}, "floor", answers)
    bound, _ = floor.floor_microseconds(
        dict(K=16, D=2, S=500), floor.best_rates(found["floor"]["cases"])
    )
    assert "| K = 16, D = 2, S = 500 |" in floor.section(found)
    answer = dict(microseconds_per_step=2.0 * bound)
    found = merged(found, "step-time", [("K = 16", "ours", answer)])
    assert "| 2.0x |" in tables.document(found)


def test_every_case_of_the_floor_and_every_rate_exists():
    for _, workload, case in floor._STEPS.values():
        assert case in WORKLOADS[workload].cases
    keys = {metric.key for metric in WORKLOADS["floor"].metrics}
    assert keys == set(floor.counts(1, 1, 1))


def test_lines_of_the_figure_are_of_one_run():
    step = dict(microseconds_per_step=50.0)
    old = [("K = 4", peer, step) for peer in ("ours", "pyro", "flowjax_scan")]
    found = merged({}, "step-time", old, date="2030-01-01 00:00:00 UTC")
    found = merged(found, "step-time", [old[0], old[2]])
    ax = matplotlib.figure.Figure().subplots()
    plot.draw(ax, WORKLOADS["step-time"], found["step-time"]["cases"], "K")
    assert [line.get_label() for line in ax.lines] == [
        "FlowJAX, in one hand-written scan",
        "tfp_flows",
    ]
