"""planar_flow: its initial values; what all builders share is in test_base.py."""

import math

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import bijectors
from tfp_flows.distributions import planar_flow


def base_name(variable):
    """The name without the scope it was made in."""
    return variable.name.split("/")[-1].split(":")[0]


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
def test_variables_of_the_fused_flow(dtype):
    flow = planar_flow(3, 5, seed=0, dtype=dtype, batch_shape=(2,))
    stack = flow.bijector
    assert isinstance(stack, bijectors.PlanarStack)
    for name, shape in (("u", (2, 5, 3)), ("w", (2, 5, 3)), ("b", (2, 5))):
        variable = getattr(stack, name)
        assert isinstance(variable, tf.Variable)
        assert base_name(variable) == name
        assert variable.shape == shape


def test_variables_of_the_chain():
    chain = planar_flow(3, 2, seed=0, fused=False).bijector
    assert isinstance(chain, tfp.bijectors.Chain)
    # A chain applies its last bijector first.
    for k, layer in enumerate(reversed(chain.bijectors)):
        assert isinstance(layer, bijectors.Planar)
        assert base_name(layer.u) == f"u_{k}"
        assert layer.u.shape == (3,)
        assert layer.b.shape == ()


@pytest.mark.parametrize("event_size", [1, 2, 50, 500])
def test_pre_activations_start_of_order_one_at_any_size(event_size, rng):
    stack = planar_flow(event_size, 64, seed=0).bijector
    s = rng.normal(size=(200, event_size)) @ stack.w.numpy().T
    assert 1.0 < np.std(s) < 2.0
    # Hyperplanes through points of N(0, 1.5^2): b has 1.5 times that deviation.
    assert 1.5 < np.std(stack.b) < 3.0


@pytest.mark.parametrize("init_scale", [0.0, 0.1, 2.0])
def test_displacements_start_at_the_identity_plus_noise(init_scale):
    stack = planar_flow(3, 2000, seed=0, dtype=tf.float64, init_scale=init_scale).bijector
    w = stack.w.numpy()
    identity = math.log(math.e - 1.0) * w / np.sum(w**2, axis=-1, keepdims=True)
    noise = stack.u.numpy() - identity
    # 6,000 numbers: the standard deviation is known to a hundredth.
    assert np.std(noise) == pytest.approx(init_scale, rel=0.05, abs=1e-12)
    assert abs(np.mean(noise)) <= 0.07 * init_scale + 1e-12


def test_layers_and_batch_members_start_apart():
    stack = planar_flow(2, 3, seed=0, batch_shape=[4]).bijector
    for parameter in (stack.w.numpy(), stack.u.numpy()):
        assert len(np.unique(parameter)) == parameter.size
