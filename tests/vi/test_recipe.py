"""The default annealing and optimizer."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

import tfp_flows as tff
from tfp_flows import vi
from tfp_flows.vi import recipe


def test_annealing_rises_linearly_to_one():
    annealing_fn = vi.linear_annealing(1000, initial=0.01, fraction=0.5)
    found = [float(annealing_fn(tf.constant(step))) for step in (0, 250, 500, 999)]
    np.testing.assert_allclose(found, [0.01, 0.505, 1.0, 1.0], rtol=1e-6)


@pytest.mark.parametrize(
    "bad", [dict(initial=0.0), dict(initial=2.0), dict(fraction=0.0)]
)
def test_annealing_rejects(bad):
    with pytest.raises(ValueError, match=r"\(0, 1\]"):
        vi.linear_annealing(100, **bad)


def test_flows_whose_scales_are_exponentials_are_not_annealed():
    flows = [
        tff.autoregressive_flow(3, 2, seed=0),
        tff.autoregressive_flow(3, 2, fused=False, affine=True, seed=0),
    ]
    inverted = tfd.TransformedDistribution(
        flows[0].distribution, tfb.Invert(flows[0].bijector)
    )
    assert [recipe.default_annealing(f, 9) for f in (*flows, inverted)] == [None] * 3
    for build in (tff.planar_flow, tff.radial_flow, tff.sylvester_flow):
        flow = build(3, 2, affine=True, seed=0)
        assert recipe.default_annealing(flow, 9) == vi.linear_annealing(9)


def test_learning_rate_warms_up_and_decays_to_zero():
    optimizer = vi.default_optimizer(200, learning_rate=0.02)
    variable = tf.Variable(0.0)
    optimizer.build([variable])
    rates = []
    for _ in range(200):
        rates.append(float(optimizer.learning_rate))
        optimizer.apply_gradients([(tf.constant(1.0), variable)])
    assert max(rates) == pytest.approx(0.02, rel=1e-3)
    assert np.argmax(rates) == 10
    assert rates[0] == 0.0
    # By a cosine: half of it half-way.
    assert rates[10 + 95] == pytest.approx(0.01, rel=1e-3)
    assert rates[-1] < 1e-5


def test_works_for_one_step():
    optimizer = vi.default_optimizer(1)
    variable = tf.Variable(1.0)
    optimizer.build([variable])
    optimizer.apply_gradients([(tf.constant(1.0), variable)])
    assert np.isfinite(variable)


@pytest.mark.parametrize(
    ("num_layers", "batch_shape", "budget"),
    [
        (20, (), (6_000, 2_048)),  # 100 parameters
        (20, (3,), (6_000, 2_048)),
        (21, (), (4_000, 4_096)),
        (64, (), (4_000, 4_096)),  # 320
        (65, (), (10_000, 4_096)),
    ],
)
def test_the_budget_follows_the_parameters_of_one_flow(num_layers, batch_shape, budget):
    flow = tff.planar_flow(2, num_layers, seed=0, batch_shape=batch_shape)
    assert recipe.default_budget(flow) == budget


def test_a_fit_takes_the_budget_but_what_it_is_given(monkeypatch, eagerly):
    monkeypatch.setattr(recipe, "_BUDGETS", ((100, 2, 32),))
    flow = tff.planar_flow(2, 2, seed=0)

    def settings(**arguments):
        result = vi.fit_reverse_kl(
            flow,
            lambda x: -0.5 * tf.reduce_sum(x**2, axis=-1),
            num_starts=1,
            seed=0,
            jit_compile=False,
            progress_bar=False,
            **arguments,
        )
        return result.num_steps_done, result.settings["sample_size"]

    assert settings() == (2, 32)
    assert settings(num_steps=1) == (1, 32)
    assert settings(sample_size=16) == (2, 16)
