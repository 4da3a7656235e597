"""Evaluations against closed forms and ArviZ."""

import dataclasses
import functools
import json
import math
import types

import arviz
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows as tff
from tfp_flows.diagnostics.estimates import estimates
from tfp_flows.diagnostics.moments import moment_errors

tfd = tfp.distributions


def standard_flow(dtype=tf.float32):
    """A planar flow that is the identity: a standard normal in the plane."""
    return tff.planar_flow(2, 2, seed=0, init_scale=0.0, dtype=dtype)


def wide_normal(x):
    """exp of it integrates to 2 pi * 4."""
    return -0.5 * tf.reduce_sum(x**2, axis=-1) / 4.0


# KL(N(0, I) || N(0, 4 I)) in two dimensions.
KL_WIDE = 2 * (math.log(2.0) + 1.0 / 8.0 - 0.5)
LOG_Z_WIDE = math.log(2.0 * math.pi * 4.0)


@pytest.mark.parametrize("dtype", [tf.bfloat16, tf.float16], ids=lambda d: d.name)
def test_sixteen_bits(dtype):
    report = tff.diagnostics.evaluate(
        standard_flow(dtype), wide_normal, num_samples=1_000, seed=1
    )
    assert report.elbo == pytest.approx(LOG_Z_WIDE - KL_WIDE, abs=0.1)


def test_elbo_and_evidence_match_closed_forms():
    report = tff.diagnostics.evaluate(standard_flow(), wide_normal, seed=1)
    assert abs(report.elbo - (LOG_Z_WIDE - KL_WIDE)) < 4 * report.elbo_standard_error
    # Weights of a too narrow proposal have infinite variance: a rough check only.
    assert report.log_evidence == pytest.approx(LOG_Z_WIDE, abs=0.2)
    assert report.khat > 0.7
    assert report.kl is None
    assert report.mode_mass is None


@pytest.mark.parametrize("share", [1.0, 0.8])
def test_standard_errors_match_the_spread_of_repeats(share, rng):
    reports = []
    for _ in range(100):
        log_weights = 0.5 * rng.normal(size=1_000)
        log_weights[rng.uniform(size=1_000) > share] = -np.inf
        report = estimates(log_weights)
        report["gap"] = report["log_evidence"] - report["elbo"]
        reports.append(report)
    for name in ("elbo", "log_evidence", "gap"):
        spread = np.std([report[name] for report in reports], ddof=1)
        stated = np.mean([report[f"{name}_standard_error"] for report in reports])
        assert 0.8 < spread / stated < 1.25


def test_perfect_fit():
    target = tfd.MultivariateNormalDiag([0.0, 0.0], [1.0, 1.0])
    report = tff.diagnostics.evaluate(standard_flow(), target, seed=1)
    assert abs(report.kl) < 1e-5
    assert abs(report.log_evidence) < 1e-5
    assert report.ess == pytest.approx(report.num_samples, rel=1e-4)
    assert report.khat == 0.0
    assert report.verdict == "good"


def test_ess_and_khat_match_definitions():
    flow, seed = standard_flow(), 7
    report = tff.diagnostics.evaluate(flow, wide_normal, num_samples=5_000, seed=seed)
    first = tf.random.experimental.stateless_fold_in(tf.constant([0, seed]), 0)
    x, log_q = flow.experimental_sample_and_log_prob(5_000, seed=first)
    log_weights = np.asarray(wide_normal(x), np.float64) - np.asarray(log_q, np.float64)
    weights = np.exp(log_weights - log_weights.max())
    assert report.ess == pytest.approx(weights.sum() ** 2 / (weights**2).sum(), rel=1e-4)
    _, khat = arviz.psislw(log_weights.copy())
    assert report.khat == pytest.approx(float(khat), abs=1e-3)


@pytest.mark.parametrize("as_method", [False, True])
def test_kl_where_the_target_knows_its_normalizer(as_method):
    target = tff.targets.get("example3")
    given = target.unnormalized_log_prob if as_method else target
    report = tff.diagnostics.evaluate(standard_flow(), given, seed=1)
    assert report.log_normalizer == pytest.approx(1.961307, abs=1e-6)
    assert report.kl == pytest.approx(report.log_normalizer - report.elbo)
    # A standard normal has the symmetry of the target: a quarter in each mode.
    np.testing.assert_allclose(report.mode_mass, 0.25, atol=0.01)
    assert report.true_mode_mass == [0.25] * 4


def test_normalized_log_prob_method_has_log_z_zero():
    target = tff.targets.get("u1")
    report = tff.diagnostics.evaluate(standard_flow(), target.log_prob, seed=1)
    assert report.log_normalizer == 0.0
    assert report.kl == pytest.approx(-report.elbo)


def test_hard_support_is_judged_by_the_restricted_flow():
    # Uniform on the half-plane x_1 > 0 times a normal: restricting the standard normal
    # to it gives exactly the target, after losing half of the samples.
    def half_normal(x):
        log_prob = -0.5 * tf.reduce_sum(x**2, axis=-1)
        return tf.where(x[:, 0] > 0, log_prob, -np.inf)

    report = tff.diagnostics.evaluate(standard_flow(), half_normal, seed=1)
    log_z = math.log(math.pi)
    assert report.support_mass == pytest.approx(0.5, abs=0.01)
    assert abs(report.elbo - log_z) < 4 * report.elbo_standard_error
    assert 1e-3 < report.elbo_standard_error < 1e-2
    assert abs(report.log_evidence - log_z) < 4 * report.log_evidence_standard_error
    assert report.ess == pytest.approx(report.num_samples / 2, rel=0.02)


def test_standard_error_where_half_of_the_samples_are_outside():
    def half_wide_normal(x):
        return tf.where(x[:, 0] > 0, wide_normal(x), -np.inf)

    flow, n = standard_flow(), 2_000
    report = tff.diagnostics.evaluate(flow, half_wide_normal, num_samples=n, seed=1)
    inside = report.log_weights[np.isfinite(report.log_weights)]
    share = len(inside) / n
    variance = np.var(inside, ddof=1) / len(inside) + (1.0 - share) / (n * share)
    assert report.elbo_standard_error == pytest.approx(math.sqrt(variance), rel=1e-3)


def test_seeds():
    flow = standard_flow()
    first, again, other = (
        tff.diagnostics.evaluate(flow, wide_normal, num_samples=1_000, seed=seed)
        for seed in (3, 3, 4)
    )
    assert first == again
    assert first.elbo != other.elbo
    assert first.num_samples == 1_000


def test_to_dict_is_json_and_str_is_readable():
    report = tff.diagnostics.evaluate(
        standard_flow(), tff.targets.get("example2"), seed=1
    )
    restored = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert restored["kl"] == report.kl
    assert tff.diagnostics.Evaluation.from_dict(restored) == report
    for text in (
        "ELBO",
        "KL",
        "log evidence",
        "ESS",
        "k-hat",
        "mass per mode",
        "support",
    ):
        assert text in str(report)


@pytest.mark.parametrize(
    ("target", "error", "message"),
    [
        (lambda x: x, ValueError, "one number per point"),
        (lambda x: tf.cast(x[:, 0], tf.float64), TypeError, "float64"),
        (lambda x: x[:, 0] * np.nan, ValueError, "NaN"),
        (
            lambda x: tf.where(x[:, 0] > 3.0, np.inf, 0.0),
            ValueError,
            "NaN or infinite at",
        ),
        (lambda x: x[:, 0] - np.inf, ValueError, "Only 0 of"),
        (3.0, TypeError, "function"),
    ],
)
def test_bad_targets(target, error, message):
    with pytest.raises(error, match=message):
        tff.diagnostics.evaluate(standard_flow(), target, seed=1)


def test_bad_arguments():
    with pytest.raises(ValueError, match=r"at least 100.*99"):
        tff.diagnostics.evaluate(standard_flow(), wide_normal, num_samples=99)
    batch = tff.planar_flow(2, 2, seed=0, batch_shape=(3,))
    with pytest.raises(ValueError, match=r"batch shape \(3,\)"):
        tff.diagnostics.evaluate(batch, wide_normal)
    with pytest.raises(ValueError, match=r"flow of vectors.* are \(\)"):
        tff.diagnostics.evaluate(tfd.Normal(0.0, 1.0), wide_normal)
    joint = tfd.JointDistributionSequential([tfd.Normal(0.0, 1.0)] * 2)
    with pytest.raises(ValueError, match="flow of vectors"):
        tff.diagnostics.evaluate(joint, wide_normal)


def test_the_result_of_a_fit_brings_its_numbers():
    flow = standard_flow()
    result = tff.vi.fit_reverse_kl(
        flow, wide_normal, num_steps=40, sample_size=64, seed=0, progress_bar=False
    )
    report = tff.diagnostics.evaluate(result, wide_normal, num_samples=500, seed=1)
    assert report.num_steps == 40
    assert report.seconds == result.seconds
    assert report.num_skipped_steps == 0
    assert "40 steps" in str(report)
    # Of what has a flow, but was no fit, as a posterior, it takes that.
    plain = tff.diagnostics.evaluate(
        types.SimpleNamespace(flow=flow), wide_normal, num_samples=500, seed=1
    )
    assert plain.num_steps is None
    assert report == dataclasses.replace(
        plain,
        num_steps=40,
        seconds=result.seconds,
        num_skipped_steps=0,
    )
    values = json.loads(json.dumps(report.to_dict()))
    assert values["num_steps"] == 40
    assert "log_weights" not in values
    assert report.elbo == pytest.approx(np.mean(report.log_weights))


def test_samples_are_those_of_the_weights():
    flow = standard_flow()
    target = tfd.MultivariateNormalDiag([0.5, 0.0], [0.8, 1.0])
    report = tff.diagnostics.evaluate(
        flow, target, num_samples=70_000, keep_samples=True, seed=1
    )
    log_weights = target.log_prob(report.samples) - flow.log_prob(report.samples)
    np.testing.assert_allclose(report.log_weights, log_weights, atol=1e-4)
    draws = report.resample(5_000, seed=2)
    np.testing.assert_allclose(draws.mean(axis=0), [0.5, 0.0], atol=0.06)
    np.testing.assert_allclose(draws.std(axis=0), [0.8, 1.0], atol=0.04)
    np.testing.assert_array_equal(draws, report.resample(5_000, seed=2))
    assert "samples" not in report.to_dict()
    with pytest.raises(ValueError, match="keep_samples=True"):
        tff.diagnostics.evaluate(flow, target, num_samples=100, seed=1).resample(10)
    # Kept or not, in batches, they are the same; moments are of all of them.
    assert report == tff.diagnostics.evaluate(flow, target, num_samples=70_000, seed=1)
    log_weights, _ = tff.numerics.psis(report.log_weights)
    expected = moment_errors([dict(x=report.samples)], log_weights)
    np.testing.assert_allclose(report.moments.mean, expected.mean, rtol=1e-9)
    assert report.samples.shape == (70_000, 2)


def test_quantities_are_what_the_verdict_is_about():
    flow = tfd.MultivariateNormalDiag([0.0, 0.0], [1.0, 1.0])
    target = tfd.MultivariateNormalDiag([0.0, 0.08], [1.0, 1.0])
    judge = functools.partial(tff.diagnostics.evaluate, num_samples=10_000, seed=1)
    as_is, scaled = (
        judge(flow, target, quantities_fn=fn)
        for fn in (None, lambda x: dict(mu=x[:, 0], beta=tf.exp(x[:, tf.newaxis, 1:])))
    )
    assert as_is.moments.names == ["x[0]", "x[1]"]
    assert as_is.verdict == "good"
    assert scaled.moments.names == ["mu", "beta[0, 0]"]
    assert scaled.moments.mean[0] == as_is.moments.mean[0]
    # Means and standard deviations of log-normal variables.
    mean, sd = math.exp(0.5), math.sqrt(math.exp(2.0) - math.exp(1.0))
    shift = mean * (math.exp(-0.08) - 1.0) / sd
    assert scaled.moments.mean[1] == pytest.approx(shift, abs=0.01)
    assert scaled.moments.sd[1] == pytest.approx(-0.08, abs=0.03)
    overflowing = judge(flow, target, quantities_fn=lambda x: dict(a=tf.exp(50.0 * x)))
    assert overflowing.verdict == "do not trust"
    assert "the mean of a[1] off by inf" in str(overflowing)
    for report in (overflowing, dataclasses.replace(as_is, khat=math.inf)):
        text = json.dumps(report.to_dict(), allow_nan=False)
        assert tff.diagnostics.Evaluation.from_dict(json.loads(text)) == report


def test_claimed_normalizers_are_not_trusted():
    class Posterior:
        def log_prob(self, x):
            return 30.0 + wide_normal(x)

    for target in (Posterior(), Posterior().log_prob):
        report = tff.diagnostics.evaluate(standard_flow(), target, seed=1)
        assert report.kl is None
        assert report.elbo == pytest.approx(30.0 + LOG_Z_WIDE - KL_WIDE, abs=0.02)


def test_numpy_densities_and_pinned_joint_distributions():
    report = tff.diagnostics.evaluate(standard_flow(), wide_normal, seed=1)
    by_numpy = tff.diagnostics.evaluate(
        standard_flow(), lambda x: -0.5 * np.sum(np.square(x), axis=-1) / 4.0, seed=1
    )
    assert by_numpy.elbo == pytest.approx(report.elbo, rel=1e-6)
    model = tfd.JointDistributionSequential(
        [
            tfd.Sample(tfd.Normal(0.0, 1.0), 2),
            lambda x: tfd.Independent(tfd.Normal(x, 1.0), 1),
        ]
    )
    pinned = tff.diagnostics.evaluate(
        tfd.MultivariateNormalDiag([0.5, 0.0], [0.5**0.5] * 2),
        model.experimental_pin(None, tf.constant([1.0, 0.0])),
        seed=1,
    )
    evidence = tfd.MultivariateNormalDiag([0.0, 0.0], [2.0**0.5] * 2).log_prob([1.0, 0.0])
    assert pinned.log_evidence == pytest.approx(float(evidence), abs=1e-4)
    assert pinned.verdict == "good"
