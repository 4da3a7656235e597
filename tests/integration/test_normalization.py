"""exp(log_prob) of fitted flows integrates to one, by quadrature in the plane."""

import numpy as np
import pytest
import tensorflow as tf

import tfp_flows as tff

LIMITS = (-9.0, 9.0)


def integral(flow, resolution=400):
    """The trapezoidal rule, whose error for a density that ends inside is tiny."""
    axis, density = tff.plotting.density_on_grid(flow, LIMITS, resolution=resolution)
    assert np.all(np.isfinite(density))
    return np.sum(density, dtype=np.float64) * (axis[1] - axis[0]) ** 2


def fitted(build, name, num_layers, num_steps, dtype):
    flow = build(2, num_layers, seed=0, dtype=dtype)
    target = tff.targets.get(name, dtype=dtype)
    tff.vi.fit_reverse_kl(
        flow,
        target.unnormalized_log_prob,
        num_steps=num_steps,
        seed=0,
        progress_bar=False,
    )
    return flow


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dtype", "steps", "resolution"),
    # The ridges of a good fit are sharp: 400 points a side are off by 2e-4.
    [("float32", 10_000, 3_200), ("float64", 2_000, 400)],
)
def test_planar_flow_fitted_to_example1(dtype, steps, resolution):
    flow = fitted(tff.planar_flow, "example1", 16, steps, dtype)
    assert integral(flow, resolution) == pytest.approx(1.0, abs=1e-5)
    margins = tff.diagnostics.injectivity_margin(flow)
    assert margins.shape == (16,)
    assert 0.0 < np.min(margins) < 1.0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["example2", "example3"])
@pytest.mark.parametrize("build", [tff.planar_flow, tff.radial_flow])
def test_other_fitted_flows(build, name):
    flow = fitted(build, name, 8, 2_000, "float32")
    assert integral(flow, resolution=800) == pytest.approx(1.0, abs=2e-3)


@pytest.mark.slow
def test_log_prob_of_any_point_is_that_of_its_sample():
    # Of points that the flow drew, past TFP's cache.
    flow = fitted(tff.planar_flow, "example1", 16, 2_000, "float32")
    x, log_q = flow.experimental_sample_and_log_prob(10_000, seed=(0, 1))
    error = np.abs(flow.log_prob(tf.identity(x)) - log_q)
    # float32 loses more where 16 inverses in a row meet the flow's steepest ridges.
    assert np.quantile(error, 0.999) < 1e-4
    assert np.max(error) < 1e-3
