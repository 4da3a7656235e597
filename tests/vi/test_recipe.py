"""The default annealing and optimizer."""

import numpy as np
import pytest
import tensorflow as tf

from tfp_flows import vi


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
