"""The verdict on a fit: its levels, its reasons, and real fits, good and bad."""

import dataclasses
import json

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
        # Where log Z is known, its estimate does not count.
        (dict(kl=0.01, log_normalizer=-0.99, log_evidence=1.0), GOOD, None),
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
        assert reason in last
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
