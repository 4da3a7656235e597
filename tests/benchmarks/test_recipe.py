"""The evidence for the default recipe: its table and its targets."""

import json
import pathlib
import types

import numpy as np
import pytest
import tensorflow as tf
from shortened import running_eagerly, shorten

import tfp_flows as tff
from benchmarks.recipe import studies, targets
from benchmarks.recipe.__main__ import markdown

RESULTS = pathlib.Path(__file__).parents[2] / "benchmarks" / "results"


def test_the_table_is_that_of_the_results():
    results = json.loads((RESULTS / "recipe.json").read_text("utf-8"))
    assert (RESULTS / "recipe.md").read_text("utf-8") == markdown(results)
    for entries in results.values():
        for entry in entries:
            if "kl" in entry:
                assert entry["median"] == pytest.approx(np.median(entry["kl"]))
                assert entry["worst"] == max(entry["kl"])


ARGUMENTS = dict(
    energies=(["u1"], [1], 1),
    time_to_quality=(["u1"], [1], 1),
    held_out=(1,),
    other_dimensions=(1,),
    wall_time=([1], 1, 1),
    gradient_variance=(1, 2, 64),
)


@pytest.mark.slow
@pytest.mark.parametrize("study", studies.STUDIES)
def test_every_study_runs(study, monkeypatch):
    def few_targets():
        yield "step", (2, targets.step, 0.0, 1, {}, 1)

    shorten(monkeypatch)
    report = types.SimpleNamespace(kl=0.1, elbo=-0.1, khat=0.2, verdict="good")
    monkeypatch.setattr(tff.diagnostics, "evaluate", lambda *args, **options: report)
    monkeypatch.setattr(studies.subprocess, "run", lambda *args, **options: None)
    for name in ("held_out", "other_dimensions"):
        monkeypatch.setattr(targets, name, few_targets)
    if study in ("wall_time", "gradient_variance"):  # the energies have fits
        monkeypatch.setattr(
            studies, "_fit", lambda _, flow, *args, **options: (flow, 1.0)
        )
    with running_eagerly():
        entries = list(studies.STUDIES[study](*ARGUMENTS[study]))
    assert markdown({study: entries}).count("\n| ") == len(entries) + 1


@pytest.mark.parametrize("event_size", [16, 64])
def test_normalizers_of_gaussians(event_size):
    log_prob_fn, log_z = targets.gaussian(event_size)
    point = tf.zeros([event_size])
    with tf.GradientTape(persistent=True) as outer:
        outer.watch(point)
        with tf.GradientTape() as inner:
            inner.watch(point)
            value = log_prob_fn(point)
        gradient = inner.gradient(value, point)
    precision = -outer.jacobian(gradient, point).numpy().astype(np.float64)
    sign, log_det = np.linalg.slogdet(precision)
    assert sign > 0
    expected = 0.5 * (event_size * np.log(2.0 * np.pi) - log_det)
    assert log_z == pytest.approx(expected, abs=1e-3)
    assert np.linalg.cond(precision) == pytest.approx(100.0, rel=1e-3)


@pytest.mark.parametrize("log_prob_fn", [targets.five_modes, targets.banana])
def test_normalizers_in_the_plane(log_prob_fn):
    expected = {"five_modes": np.log(2.0 * np.pi), "banana": np.log(2.0 * np.pi * 2.0)}
    log_z = targets._log_z_in_plane(log_prob_fn, 40.0, 1_001)
    assert log_z == pytest.approx(expected[log_prob_fn.__name__], abs=1e-4)


def test_the_funnel_is_normalized():
    v = 3.0 * tf.random.stateless_normal([5], (0, 1))
    rest = tf.exp(0.5 * v)[:, tf.newaxis] * tf.random.stateless_normal([5, 9], (0, 2))
    expected = -0.5 * (v / 3.0) ** 2 - np.log(3.0 * np.sqrt(2.0 * np.pi))
    expected += tf.reduce_sum(
        -0.5 * rest**2 * tf.exp(-v)[:, tf.newaxis]
        - 0.5 * v[:, tf.newaxis]
        - 0.5 * np.log(2.0 * np.pi),
        axis=-1,
    )
    points = tf.concat([v[:, tf.newaxis], rest], axis=-1)
    np.testing.assert_allclose(targets.funnel(points), expected, rtol=1e-4)
