"""radial_flow: its initial values; what all builders share is in test_base.py."""

import math

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import bijectors
from tfp_flows.distributions import radial_flow


def base_name(variable):
    """The name without the scope it was made in."""
    return variable.name.split("/")[-1].split(":")[0]


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
def test_variables_of_the_fused_flow(dtype):
    stack = radial_flow(3, 5, seed=0, dtype=dtype, batch_shape=(2,)).bijector
    assert isinstance(stack, bijectors.RadialStack)
    for name, shape in (("center", (2, 5, 3)), ("alpha", (2, 5)), ("beta", (2, 5))):
        parameter = getattr(stack, name)
        assert parameter.shape == shape
        assert parameter.dtype == dtype
    names = {base_name(variable) for variable in stack.trainable_variables}
    assert names == {"center", "alpha", "beta"}


def test_variables_of_the_chain():
    chain = radial_flow(3, 2, seed=0, fused=False).bijector
    assert isinstance(chain, tfp.bijectors.Chain)
    # A chain applies its last bijector first.
    for k, layer in enumerate(reversed(chain.bijectors)):
        assert isinstance(layer, bijectors.Radial)
        assert base_name(layer.center) == f"center_{k}"
        assert layer.center.shape == (3,)
        assert layer.alpha.shape == ()


@pytest.mark.parametrize("fused", [True, False])
def test_alpha_stays_positive_whatever_its_variable(fused):
    flow = radial_flow(2, 2, seed=0, fused=fused, validate_args=True)
    for variable in flow.trainable_variables:
        if "alpha" in variable.name:
            variable.assign(-20.0 * tf.ones_like(variable))
    layers = [flow.bijector] if fused else flow.bijector.bijectors
    for layer in layers:
        alpha = tf.convert_to_tensor(layer.alpha).numpy()
        assert np.all((alpha > 0.0) & (alpha < 1e-6))
    assert np.all(np.isfinite(flow.sample(5, seed=(0, 1))))


@pytest.mark.parametrize("init_scale", [0.0, 0.1, 2.0])
def test_initial_values(init_scale):
    stack = radial_flow(3, 2000, seed=0, dtype=tf.float64, init_scale=init_scale).bijector
    np.testing.assert_allclose(stack.alpha + 0.0, np.ones(2000), rtol=1e-12)
    noise = stack.beta.numpy() - math.log(math.e - 1.0)
    # 2,000 numbers: the standard deviation is known to a sixtieth.
    assert np.std(noise) == pytest.approx(init_scale, rel=0.08, abs=1e-12)
    assert abs(np.mean(noise)) <= 0.12 * init_scale + 1e-12
    assert np.std(stack.center.numpy()) == pytest.approx(1.0, rel=0.05)


def test_layers_and_batch_members_start_apart():
    stack = radial_flow(2, 3, seed=0, batch_shape=[4]).bijector
    for parameter in (stack.center.numpy(), stack.beta.numpy()):
        assert len(np.unique(parameter)) == parameter.size


def test_bfloat16_is_refused():
    with pytest.raises(TypeError, match="does not know bfloat16; pass"):
        radial_flow(2, 3, dtype=tf.bfloat16)
