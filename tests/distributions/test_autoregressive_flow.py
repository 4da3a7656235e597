"""autoregressive_flow: its sizes, initial values, files, and training."""

import numpy as np
import pytest
import tensorflow as tf

import tfp_flows as tff
from tfp_flows.distributions import autoregressive_flow


def test_sizes():
    stack = autoregressive_flow(10, 3, seed=0).bijector
    assert stack.w.shape == (3, 84, 10)
    assert stack.v.shape == (3, 2, 10, 84)
    flow = autoregressive_flow(4, 2, hidden_units=7, seed=0, batch_shape=[5])
    assert flow.bijector.b.shape == (5, 2, 7)


def test_pre_activations_and_outputs_start_as_said(rng):
    stack = autoregressive_flow(20, 4, seed=0).bijector
    # The least and the most that units see, 1 and 19 coordinates.
    for units, num_seen in ((slice(5), 1), (slice(-5, None), 19)):
        norms = np.sqrt(np.sum(np.square(stack.w[:, units, :num_seen]), axis=-1))
        assert 0.6 < np.mean(norms) < 1.2
    z = rng.normal(size=(500, 20)).astype("float32")
    y, log_det = stack.forward_and_log_det(z)
    assert 0.02 < np.std(y - z) < 0.3
    assert 0.05 < np.std(log_det) < 1.0


@pytest.mark.parametrize("fused", [True, False])
def test_files(fused, tmp_path):
    flow = autoregressive_flow(4, 2, hidden_units=5, seed=7, fused=fused, affine=True)
    tff.distributions.save(flow, tmp_path / "flow.npz")
    loaded = tff.distributions.load(tmp_path / "flow.npz")
    pairs = list(zip(loaded.trainable_variables, flow.trainable_variables, strict=True))
    assert len(pairs) == (4 if fused else 8) + 2
    for actual, expected in pairs:
        np.testing.assert_array_equal(actual, expected)
    x = tf.random.stateless_normal([5, 4], (1, 2))
    np.testing.assert_array_equal(loaded.log_prob(x), flow.log_prob(x))


def banana(x):
    """Five coordinates, of which each second one is bent over the one before."""
    even, odd = x[:, ::2], x[:, 1::2]
    odd = odd - 0.7 * (tf.square(even[:, :2]) - 1.0)
    squares = tf.reduce_sum(even**2, axis=1) + tf.reduce_sum(odd**2, axis=1)
    return -0.5 * squares - 2.5 * np.log(2.0 * np.pi)


@pytest.mark.parametrize(
    ("estimator", "num_starts"), [("path", 1), ("reparameterized", 4)]
)
def test_training(estimator, num_starts):
    flow = autoregressive_flow(5, 2, hidden_units=12, seed=0)
    result = tff.vi.fit_reverse_kl(
        flow,
        banana,
        num_steps=150,
        sample_size=128,
        num_starts=num_starts,
        optimizer=tff.vi.default_optimizer(150),
        annealing_fn=None,
        seed=1,
        jit_compile=False,
        gradient_estimator=estimator,
        progress_bar=False,
    )
    # The KL, as log Z = 0; at the start it is 1.5.
    assert -0.05 < result.final_loss < 0.3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(hidden_units=0), "`hidden_units` must be an integer of at least 1.*0"),
        (dict(hidden_units=2.5), "`hidden_units`.*2.5"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        autoregressive_flow(3, 2, seed=0, **arguments)
