"""The verdict on a fit: its levels, its reasons, and real fits, good and bad."""

import dataclasses
import json
import re

import pytest
import tensorflow_probability as tfp

import tfp_flows as tff
from tfp_flows.diagnostics import Evaluation
from tfp_flows.diagnostics.verdict import BAD, GOOD, USABLE

PERFECT = Evaluation(
    elbo=-1.0,
    elbo_standard_error=0.001,
    log_evidence=-1.0,
    log_evidence_standard_error=0.001,
    ess=1000.0,
    khat=0.1,
    num_samples=1000,
)


@pytest.mark.parametrize(
    ("changes", "verdict", "reason"),
    [
        ({}, GOOD, None),
        (dict(log_evidence=-0.97), GOOD, None),
        (dict(log_evidence=-0.9), USABLE, "KL to the target of 0.098"),
        (dict(log_evidence=-0.5), BAD, "KL to the target of 0.5"),
        (dict(kl=0.1, log_normalizer=-0.9), USABLE, "KL"),
        # Where log Z is known, its estimate counts if it contradicts it.
        (dict(kl=0.01, log_normalizer=-0.99, log_evidence=-0.985), GOOD, None),
        (
            dict(kl=0.01, log_normalizer=-0.99, log_evidence=-0.97),
            BAD,
            r"evidence of -0.97 \+- 0.001, which contradicts the target's log Z of -0.99",
        ),
        (dict(kl=0.04, log_normalizer=-0.96, log_evidence=-0.98), USABLE, "contradicts"),
        (
            dict(
                kl=0.04,
                log_normalizer=-0.96,
                log_evidence=-0.98,
                log_evidence_standard_error=0.006,
            ),
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
        (dict(khat=0.69), GOOD, None),
        (dict(khat=0.71), BAD, "k-hat of 0.71"),
        (dict(support_mass=0.99), USABLE, "1.00% of the samples outside"),
        (dict(support_mass=0.9), BAD, "10.00% of the samples outside"),
        (dict(mode_mass=[0.5, 0.5], true_mode_mass=[0.5, 0.5]), GOOD, None),
        (
            dict(mode_mass=[0.7, 0.3], true_mode_mass=[0.5, 0.5]),
            USABLE,
            "mode 1 with 60%",
        ),
        (dict(mode_mass=[0.0, 1.0], true_mode_mass=[0.5, 0.5]), BAD, "mode 0 with 0%"),
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


def test_the_worst_finding_decides():
    evaluation = dataclasses.replace(PERFECT, log_evidence=-0.9, khat=0.9)
    assert evaluation.verdict == BAD
    assert evaluation.reasons == ["Pareto k-hat of 0.90: heavy-tailed weights"]


def test_a_bad_fit_is_not_trusted():
    target = tff.targets.get("example3")
    flow = tff.planar_flow(2, 2, seed=0)
    for judged_by in (target, lambda x: target.log_prob(x)):  # log Z known, or not
        evaluation = tff.diagnostics.evaluate(flow, judged_by, seed=1)
        assert evaluation.verdict == BAD
        assert evaluation.reasons


def test_a_good_fit_is_trusted():
    target = tfp.distributions.MultivariateNormalDiag([0.1, 0.0], [0.95, 0.9])
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
