"""The verdict on a fit: its levels, its reasons, and real fits, good and bad."""

import dataclasses
import json
import re

import pytest
import tensorflow_probability as tfp

import tfp_flows as tff
from tfp_flows.diagnostics import Evaluation
from tfp_flows.diagnostics.moments import MomentErrors
from tfp_flows.diagnostics.outside import Outside
from tfp_flows.diagnostics.verdict import BAD, GOOD, UNDECIDED, USABLE

PERFECT = Evaluation(
    elbo=-1.0,
    elbo_standard_error=0.001,
    log_evidence=-1.0,
    log_evidence_standard_error=0.001,
    gap_standard_error=0.001,
    ess=9_000.0,
    khat=0.1,
    num_samples=10_000,
)


def with_known_z(kl, **changes):
    return dict(kl=kl, log_normalizer=-1.0 + kl, log_evidence=-1.0 + kl) | changes


def moments(mean=0.0, sd=0.0, error=0.001):
    errors = [[mean, 0.0], [error] * 2, [0.0, sd], [error] * 2]
    return dict(moments=MomentErrors(["mu", "tau"], *errors))


def outside(share, **changes):
    return dict(outside=Outside(share, 0.001, [20.0, 0.0], 8.0, 128, 2, **changes))


@pytest.mark.parametrize(
    ("changes", "verdict", "reason"),
    [
        ({}, GOOD, None),
        (dict(log_evidence=-0.97), GOOD, None),
        (dict(log_evidence=-0.9), USABLE, "KL to the target of 0.1"),
        (dict(log_evidence=-0.5), USABLE, "KL to the target of 0.5"),
        (with_known_z(0.1), USABLE, "KL to the target of 0.1"),
        # A limit within two standard errors is one that so many samples cannot tell.
        (dict(log_evidence=-0.9515), UNDECIDED, r"KL .*; 20,000 samples would tell"),
        (
            dict(log_evidence=2_999.0, gap_standard_error=1_700.0),
            UNDECIDED,
            r"KL to the target of 3e\+03 \+- 3e\+03 nats; 20,000 samples would tell",
        ),
        (with_known_z(0.0, elbo_standard_error=0.1), UNDECIDED, "KL to the target of 0 "),
        (dict(num_samples=3_000), UNDECIDED, "only 3000 samples, .* 4,000 samples would"),
        # Where log Z is known, its estimate counts if it contradicts it.
        (with_known_z(0.01, log_evidence=-0.985), GOOD, None),
        (
            with_known_z(0.01, log_evidence=-0.97),
            BAD,
            r"evidence of -0.97 \+- 0.001, which contradicts the target's log Z of -0.99",
        ),
        (with_known_z(0.04, log_evidence=-0.98), USABLE, "contradicts"),
        (with_known_z(0.5, log_evidence=-0.7), BAD, "contradicts"),
        (
            with_known_z(0.04, log_evidence=-0.98, log_evidence_standard_error=0.006),
            GOOD,
            None,
        ),
        (dict(kl=-0.0015, log_normalizer=-1.0015), GOOD, None),
        (dict(kl=-0.005, log_normalizer=-1.005), BAD, "KL of -0.005 .* below 0"),
        (
            dict(kl=-0.005, log_normalizer=-1.005, elbo_standard_error=0.0015),
            GOOD,
            None,
        ),
        # k-hat judges weighted draws, and from what number of samples on the KL is known.
        (dict(khat=0.69), GOOD, None),
        (dict(khat=0.74), GOOD, None),
        (dict(khat=0.78), UNDECIDED, "k-hat of 0.78: .*; 40,000 samples would tell"),
        (dict(khat=0.9), BAD, "k-hat of 0.90"),
        (with_known_z(0.01, khat=0.9), GOOD, None),
        (dict(khat=0.74, log_evidence=-0.9), BAD, "KL .* k-hat of 0.74"),
        (dict(ess=300.0), GOOD, None),
        (
            dict(ess=300.0, log_evidence=-0.5),
            UNDECIDED,
            "an effective sample size of 300; 20,000 samples would tell",
        ),
        (moments(mean=-0.09, sd=0.09), GOOD, None),
        (moments(mean=-0.11), USABLE, "mean of mu off by 0.11 standard dev"),
        (moments(sd=-0.12), USABLE, "deviation of tau off by 13%"),
        (moments(mean=0.09, error=0.01), UNDECIDED, "mean .* 40,000 samples would tell"),
        (dict(support_mass=0.99), USABLE, "1.00% of the samples outside"),
        (dict(support_mass=0.9), BAD, "10.00% of the samples outside"),
        (dict(mode_mass=[0.5, 0.5], true_mode_mass=[0.5, 0.5]), GOOD, None),
        (
            dict(mode_mass=[0.7, 0.3], true_mode_mass=[0.5, 0.5]),
            USABLE,
            "mode 1 with 60%",
        ),
        (dict(mode_mass=[0.0, 1.0], true_mode_mass=[0.5, 0.5]), BAD, "mode 0 with 0%"),
        (outside(0.005), GOOD, None),
        (outside(0.3), BAD, r"at least 30% of the evidence .* around \[20"),
        (dict(rounding=8.0), UNDECIDED, "rounded by up to 8 nats"),
    ],
)
def test_levels_and_reasons(changes, verdict, reason):
    evaluation = dataclasses.replace(PERFECT, **changes)
    assert evaluation.verdict == verdict
    assert (evaluation.reasons == []) == (reason is None)
    last = str(evaluation).splitlines()[-1]
    assert last.startswith("verdict")
    assert verdict in last
    if reason is not None:
        assert re.search(reason, last)
    record = json.loads(json.dumps(evaluation.to_dict()))
    assert record["verdict"] == verdict
    assert record["reasons"] == evaluation.reasons


def test_evidence_without_what_is_missed_says_so():
    for share, is_said in ((0.005, False), (0.3, True)):
        text = str(dataclasses.replace(PERFECT, **outside(share)))
        assert "nats (importance sampling" in text
        assert ("of what samples of the flow reach alone" in text) == is_said


def test_every_verdict_says_how_far_it_looked():
    texts = [
        str(dataclasses.replace(PERFECT, **outside(0.0), **changes))
        for changes in ({}, dict(log_evidence=-0.9), dict(num_samples=1_000))
    ]
    for text in texts:
        assert "widened 8 times, 128 ascents to 2 modes" in text
    for text in texts[:2]:
        assert "as far as samples of the flow, widened 8 times, reach" in text
    failed = Outside(0.0, 0.0, None, 1.0, 0, 0, failure="Cholesky")
    text = str(dataclasses.replace(PERFECT, outside=failed))
    assert "as far as samples of the flow reach" in text
    assert "ended by: Cholesky" in text


def test_a_bad_fit_is_not_trusted():
    target = tff.targets.get("example3")
    flow = tff.planar_flow(2, 2, seed=0)
    for judged_by in (target, lambda x: target.log_prob(x)):  # log Z known, or not
        evaluation = tff.diagnostics.evaluate(flow, judged_by, seed=1)
        assert evaluation.verdict in (USABLE, BAD)
        assert "KL to the target" in evaluation.reasons[0]


def test_a_good_fit_is_trusted():
    target = tfp.distributions.MultivariateNormalDiag([0.05, 0.0], [0.95, 0.98])
    flow = tff.planar_flow(2, 2, seed=0, init_scale=0.0)  # a standard normal
    evaluation = tff.diagnostics.evaluate(flow, target, seed=1)
    assert evaluation.verdict == GOOD
    assert evaluation.reasons == []
    assert evaluation.injectivity_margin > 0.0


def test_a_wrong_log_normalizer_is_found_out():
    class Claimed:
        log_normalizer = 0.0

        def log_prob(self, x):
            return tfp.distributions.MultivariateNormalDiag([0.0, 0.0]).log_prob(x) + 0.1

    flow = tff.planar_flow(2, 2, seed=0, init_scale=0.0)  # a standard normal
    evaluation = tff.diagnostics.evaluate(flow, Claimed(), seed=1)
    assert evaluation.verdict == BAD
    assert len(evaluation.reasons) == 2


@pytest.mark.parametrize(
    ("target", "loc", "scale"),
    [
        (tfp.distributions.VonMises(3.0, 20.0), 3.0, 0.23),  # half of it is beyond pi
        (tfp.distributions.Exponential(1.0), 0.5, 0.5),
        (tfp.distributions.Beta(2.0, 2.0), 0.5, 0.22),
    ],
)
def test_a_target_that_the_flow_leaves_is_not_good(target, loc, scale):
    flow = tfp.distributions.MultivariateNormalDiag([loc], [scale])
    target = tfp.distributions.Sample(target, 1)
    evaluation = tff.diagnostics.evaluate(flow, target, seed=1)
    assert evaluation.verdict != GOOD
    assert any("outside the target's support" in r for r in evaluation.reasons)
