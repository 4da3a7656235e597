"""exp(log_prob) of flows integrates to one, by quadrature in the plane."""

import numpy as np
import pytest
import tensorflow as tf

import tfp_flows as tff


def integral(flow):
    """The trapezoidal rule, whose error for a density that ends inside is tiny."""
    axis, density = tff.plotting.density_on_grid(flow, (-9.0, 9.0), resolution=400)
    assert np.all(np.isfinite(density))
    return np.sum(density, dtype=np.float64) * (axis[1] - axis[0]) ** 2


@pytest.mark.slow
@pytest.mark.parametrize("build", [tff.planar_flow, tff.radial_flow, tff.sylvester_flow])
def test_flows_far_from_the_identity(build):
    flow = build(2, 3, seed=1, init_scale=0.5, dtype=tf.float64)
    # Densities of radial flows have cusps, where the rule converges slowly.
    assert integral(flow) == pytest.approx(1.0, abs=1e-4)


def test_a_fitted_flow(fitted):
    # Its ridges are sharp, and float32: not so exact on a grid of this size.
    assert integral(fitted.flow) == pytest.approx(1.0, abs=2e-3)
    margins = tff.diagnostics.injectivity_margin(fitted.flow)
    assert margins.shape == (16,)
    assert 0.0 < np.min(margins) < 1.0


def test_log_prob_of_any_point_is_that_of_its_sample(fitted):
    # Of points that the flow drew, past TFP's cache.
    x, log_q = fitted.flow.experimental_sample_and_log_prob(10_000, seed=(0, 1))
    error = np.abs(fitted.flow.log_prob(tf.identity(x)) - log_q)
    # float32 loses more where 16 inverses in a row meet the flow's steepest ridges.
    assert np.quantile(error, 0.999) < 1e-4
    assert np.max(error) < 1e-3
