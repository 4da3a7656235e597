"""Time to KL: the same densities as ours, what a time is, and what is not repeated."""

import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf

import tfp_flows as tff
from benchmarks.posteriors import models
from benchmarks.recipe import targets
from benchmarks.time_to_kl import plan, run, search, tables
from benchmarks.time_to_kl.contestants import CONTESTANTS
from benchmarks.time_to_kl.densities import DENSITIES
from benchmarks.time_to_kl.judge import judge

RESULTS = pathlib.Path(__file__).parents[2] / "benchmarks" / "results"


def log_prob_of_ours(name, x):
    if name == "eight_schools":
        data = dict(y=np.array([28, 8, -3, 7, -1, 1, 18, 12]))
        data["sigma"] = np.array([15, 10, 16, 11, 9, 11, 10, 18])
        built = models.build("eight_schools_noncentered", data)
        parts = dict(mu=x[:, 0], tau=tf.exp(x[:, 1]), theta_trans=x[:, 2:])
        return [
            built.joint.log_prob(**{k: v[i] for k, v in parts.items()}, **built.pins)
            + x[i, 1]
            for i in range(len(x))
        ]
    if name in ("banana", "funnel"):
        return getattr(targets, name)(x)
    return tff.targets.get(name).unnormalized_log_prob(x)


@pytest.mark.parametrize("name", DENSITIES)
def test_densities_are_those_that_ours_is_fitted_to(name, rng):
    x = 2.0 * rng.normal(size=(5, DENSITIES[name].event_size))
    x[0, 0] = 4.01  # outside the support of u3
    difference = log_prob_of_ours(name, tf.constant(x, tf.float32))
    difference = np.array(difference) - DENSITIES[name].log_prob(np, x)
    np.testing.assert_allclose(difference, difference[1], atol=2e-3)


@pytest.mark.parametrize("name", ["example1", "example3", "u3"])
def test_normalizers(name):
    expected = tff.targets.get(name, tf.float64).log_normalizer()
    assert DENSITIES[name].log_normalizer == pytest.approx(float(expected), abs=1e-9)


def test_a_shifted_gaussian_has_its_kl(rng, tmp_path):
    # The banana without its bend is N(0, diag(4, 1)) in (x1, x2 - x1^2 / 2 + 2).
    z = rng.normal(size=(100_000, 2))
    x1 = 2.0 * z[:, 0]
    x = np.stack([x1, z[:, 1] + 0.5 * x1**2 - 2.0 + 0.2], axis=-1)
    log_q = -0.5 * np.sum(z**2, axis=-1) - np.log(4.0 * np.pi)
    found = judge("banana", x, log_q, tmp_path)
    assert found["distance"] == pytest.approx(0.02, abs=4 * found["standard_error"])
    log_q[0] = np.nan
    assert judge("banana", x, log_q, tmp_path) == dict(distance=None)


def test_the_tables_are_those_of_the_results():
    names = ("time_to_kl.json", "time_to_kl_search.json")
    found, searches = (json.loads((RESULTS / name).read_text("utf-8")) for name in names)
    text = (RESULTS / "time_to_kl.md").read_text("utf-8")
    assert text == tables.document(found, searches)
    rows = [row for row in found["rows"] if row["target"] != "funnel"]
    text = tables.document(found | dict(rows=rows), searches)
    assert "On the funnel there was a search alone" in text


def row(contestant, budget, seed, seconds, distance):
    settings = dict(num_steps=1, seed=seed)
    return dict(
        contestant=contestant,
        target="u3",
        budget=budget,
        settings=settings,
        seconds=seconds,
        distance=distance,
    )


ROWS = [
    row("planar", "short", 0, 8.0, 0.05),
    row("planar", "short", 1, 9.0, 0.02),
    row("planar", "short", 2, 7.0, 0.2),
    row("planar", "long", 0, 20.0, 0.01),
    row("planar", "long", 1, 22.0, 0.002),
    row("planar", "long", 2, 21.0, None),
    row("zuko_spline", "short", 0, 6.0, 0.4),
    row("flowjax_block", "short", 0, 16.0, 0.09),
]


def test_fits_of_a_target_are_of_one_machine(tmp_path):
    stored = dict(machines=dict(u3=dict(cpu="another")), rows=[])
    (tmp_path / run.RESULTS).write_text(json.dumps(stored), "utf-8")
    session = run.Session(folder=tmp_path, pythons={}, out=tmp_path)
    with pytest.raises(ValueError, match=r"u3 .*timed on .*another.*--targets"):
        run.measure_all(session, ["example1", "u3"], [], [0], minutes=1.0)
    run.measure_all(session, ["example1"], [], [0], minutes=1.0)


def test_a_time_is_that_of_the_shortest_budget_whose_median_is_so_small():
    found = tables.points(ROWS, "u3", "planar")
    assert [(p["budget"], p["seconds"], p["distance"]) for p in found] == [
        ("short", 8.0, 0.05),
        ("long", 21.0, 0.01),
    ]
    assert found[1]["worst"] == np.inf
    times = [tables.time_to(found, limit) for limit in tables.THRESHOLDS]
    assert times == [8.0, 21.0, 21.0, None]


def test_ours_is_compared_with_the_fastest_of_the_others():
    assert tables.fastest(ROWS, "u3", 0.1, is_ours=True) == ("planar", 8.0)
    assert tables.fastest(ROWS, "u3", 0.1, is_ours=False) == ("flowjax_block", 16.0)
    assert tables.fastest(ROWS, "u3", 0.03, is_ours=False) == (None, None)
    assert tables._against(ROWS, "u3", 0.1)[-1] == "2.0"


def searched(distance):
    settings = dict(num_steps=100, sample_size=8, rate=0.01, annealed=True, seed=0)
    far = dict(settings=dict(settings, rate=1.0), distance=None)
    trial = dict(settings=settings, distance=distance)
    trials = [dict(t, first_seconds=2.0, train_seconds=1.0) for t in (far, trial)]
    return dict(trials=trials, imported_seconds=1.0)


def test_the_best_of_the_search_has_more_budgets_and_what_is_far_is_not_repeated():
    names = ["planar", "flowjax_block", "flowjax_planar", "zuko_spline"]
    distances = dict(flowjax_block=0.1, flowjax_planar=0.9, zuko_spline=0.2)
    found = dict(example3={name: searched(d) for name, d in distances.items()})
    jobs = plan.jobs(["u3"], names, found, seed=3)
    of = {name: [job for job in jobs if job.contestant == name] for name in names}
    assert [len(of[name]) for name in names] == [5, 3, 1, 3]
    steps = [job.settings["num_steps"] for job in of["zuko_spline"]]
    samples = [job.settings["sample_size"] for job in of["zuko_spline"]]
    assert (steps, samples) == ([100, 400, 200], [8, 8, 32])
    assert of["zuko_spline"][2].estimate == pytest.approx(5.0 + 8.0)
    assert all(job.settings["seed"] == 3 for job in jobs)
    assert of["flowjax_planar"][0].settings["rate"] == 0.01
    far = dict(
        contestant="flowjax_planar",
        target="u3",
        budget=of["flowjax_planar"][0].budget,
        settings=dict(of["flowjax_planar"][0].settings, seed=0),
        distance=0.9,
    )
    assert plan.is_far(of["flowjax_planar"][0], [far])
    assert not any(plan.is_far(job, [far]) for job in of["zuko_spline"])
    with pytest.raises(ValueError, match="has not been searched"):
        plan.jobs(["funnel"], names, found, seed=0)
    assert search.best(found["example3"]["zuko_spline"]["trials"])["distance"] == 0.2


def test_every_contestant_has_a_worker_and_searches_begin_with_settings():
    for contestant in CONTESTANTS.values():
        assert (contestant.num_steps is None) == (contestant.worker == "ours")
        assert set(contestant.targets) <= set(DENSITIES)
