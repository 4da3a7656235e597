"""Flows and densities over vectors of other sizes never meet."""

import functools

import pytest
import tensorflow_probability as tfp

import tfp_flows as tff

tfd, tfb = tfp.distributions, tfp.bijectors

SCALAR = tfd.Sample(tfd.Normal(0.0, 1.0), 1)
NORMAL = tfd.MultivariateNormalDiag([0.0, 0.0])


def fit_model(flow, target):
    del flow
    model = tff.models.FlowModel(2, [tff.layers.SharedPlanar(2)], seed=0)
    model.compile("adam", target_log_prob_fn=target, sample_size=8)
    model.fit(steps_per_epoch=1, verbose=0)


def fit_restarts(flow, target):
    del flow
    build = functools.partial(tff.planar_flow, 2, 2)
    tff.vi.fit_restarts(build, target, num_restarts=2, num_steps=2, sample_size=8)


MEETINGS = [
    tff.diagnostics.evaluate,
    functools.partial(tff.vi.fit_reverse_kl, num_steps=2, sample_size=8),
    lambda flow, target: tff.vi.fit(
        flow, tff.vi.ReverseKL(target, sample_size=8), num_steps=2
    ),
    fit_restarts,
    fit_model,
]


@pytest.mark.parametrize("meet", MEETINGS)
@pytest.mark.parametrize("target", [SCALAR, SCALAR.log_prob])
def test_a_flow_and_a_density_of_other_vectors(meet, target):
    with pytest.raises(ValueError, match=r"vectors of size 2, but .* of size 1"):
        meet(tff.planar_flow(2, 2, seed=0), target)


def test_flows_of_structures_are_refused_with_a_way():
    flow = tff.planar_flow(4, 2, seed=0)
    for bijector in (tfb.Split([1, 3]), tfb.Reshape([2, 2], [4])):
        parts = tfd.TransformedDistribution(flow, bijector)
        for meet in MEETINGS[:3]:
            with pytest.raises(ValueError, match=r"flow of vectors.*bijector\.forward"):
                meet(parts, lambda x: x[..., 0])


@pytest.mark.parametrize(
    "judge",
    [
        tff.diagnostics.evaluate,
        functools.partial(tff.mcmc.importance_sample, num_samples=100),
        functools.partial(tff.mcmc.importance_resample, num_samples=100),
        tff.mcmc.neutra,
        tff.mcmc.independence_metropolis,
        tff.posteriors.refine,
    ],
)
def test_batches_of_flows_are_refused_where_one_is_asked(judge):
    flow = tff.planar_flow(2, 1, batch_shape=[3], seed=0)
    with pytest.raises(
        ValueError, match=r"single flow.* \(3,\); pass one of its members"
    ):
        judge(flow, NORMAL, seed=0)
