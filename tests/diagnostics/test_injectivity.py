"""Injectivity margins of single layers, stacks, chains and what wraps them."""

import numpy as np
import pytest
import tensorflow_probability as tfp

import tfp_flows as tff

tfb = tfp.bijectors
W = np.array([0.5, -1.25])


def planar(w_u):
    return tff.bijectors.Planar(w_u * W / np.sum(W**2), W, 0.0)


def softplus(x):
    return np.logaddexp(0.0, x)


def test_planar_margin_is_the_least_slope():
    # Across the hyperplane the slope is 1 + w.u_hat sech^2(s), least at s = 0.
    margin = tff.diagnostics.injectivity_margin(planar(-3.0))
    assert margin.shape == (1,)
    assert margin[0] == pytest.approx(softplus(-3.0), rel=1e-12)
    s = np.linspace(-4.0, 4.0, 801)
    x = s[:, np.newaxis] * W / np.sum(W**2)
    slopes = np.exp(planar(-3.0).forward_log_det_jacobian(x))
    assert np.min(slopes) == pytest.approx(margin[0], rel=1e-12)


def test_radial_margin_is_the_slope_at_the_center():
    radial = tff.bijectors.Radial(np.zeros(2), 0.5, -2.0)
    margin = tff.diagnostics.injectivity_margin(radial)
    assert margin == pytest.approx([softplus(-2.0) / 0.5], rel=1e-12)
    log_det = radial.forward_log_det_jacobian(np.zeros(2)).numpy()
    assert np.exp(log_det) == pytest.approx(margin[0] ** 2, rel=1e-12)


def test_tiny_margins_keep_their_digits():
    for dtype, w_u in (("float32", -80.0), ("float64", -700.0)):
        u = np.array([w_u], dtype)
        layer = tff.bijectors.Planar(u, np.ones(1, dtype), np.zeros((), dtype))
        margin = tff.diagnostics.injectivity_margin(layer)
        assert margin[0] == pytest.approx(np.exp(w_u), rel=1e-6)


def test_sylvester_margin_is_that_of_the_worst_unit():
    r, r2 = np.diag([3.0, -1.0]), np.diag([1.0, 2.0])
    layer = tff.bijectors.Sylvester(r, r2, np.zeros(2))
    margin = tff.diagnostics.injectivity_margin(layer)
    np.testing.assert_allclose(margin, [np.exp(np.arcsinh(-2.0))], rtol=1e-12)
    flow = tff.sylvester_flow(3, 4, seed=0, batch_shape=[2])
    assert tff.diagnostics.injectivity_margin(flow).shape == (2, 4)
    # On both hyperplanes, the Jacobian is diag(1 + R_mm R2_mm).
    log_det = layer.forward_log_det_jacobian(np.zeros(2)).numpy()
    assert log_det == pytest.approx(np.arcsinh(3.0) - np.arcsinh(2.0), rel=1e-12)


@pytest.mark.parametrize("build", [tff.planar_flow, tff.radial_flow])
def test_fused_and_chained_flows_agree(build):
    flows = (build(3, 4, seed=1, fused=f, dtype="float64") for f in (True, False))
    fused, chained = flows
    margins = tff.diagnostics.injectivity_margin(fused)
    assert margins.shape == (4,)
    np.testing.assert_allclose(
        tff.diagnostics.injectivity_margin(chained), margins, rtol=1e-12
    )
    batched = build(3, 4, seed=1, batch_shape=[2])
    assert tff.diagnostics.injectivity_margin(batched).shape == (2, 4)


def test_order_is_that_of_application():
    chain = tfb.Chain([planar(1.0), tfb.Shift(W), planar(-1.0)])
    expected = softplus(np.array([-1.0, 1.0]))
    np.testing.assert_allclose(tff.diagnostics.injectivity_margin(chain), expected)
    inverted = tff.diagnostics.injectivity_margin(tfb.Invert(chain))
    np.testing.assert_allclose(inverted, expected[::-1])
    stack = tff.bijectors.PlanarStack(
        np.array([[-1.0], [1.0]]) * W / np.sum(W**2), [W, W], np.zeros(2)
    )
    np.testing.assert_allclose(tff.diagnostics.injectivity_margin(stack), expected)
    inverted = tff.diagnostics.injectivity_margin(tfb.Invert(stack))
    np.testing.assert_allclose(inverted, expected[::-1])
    nested = tfb.Chain([planar(2.0), tfb.Chain([planar(1.0), planar(-1.0)])])
    np.testing.assert_allclose(
        tff.diagnostics.injectivity_margin(nested), softplus(np.array([-1.0, 1.0, 2.0]))
    )


def test_bijectors_without_layers_are_refused():
    with pytest.raises(ValueError, match="no layer with an injectivity margin"):
        tff.diagnostics.injectivity_margin(tfb.Shift(1.0))
