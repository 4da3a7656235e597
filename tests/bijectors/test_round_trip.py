"""Round trips over six orders of magnitude of every parameter: thousands, or a million.

No inverse can return the point itself. Rounding the image y alone moves the preimage by
the norm of the inverse Jacobian times the epsilon of the dtype times |y|; and where w.x
and b cancel, or u_hat is far above x, their rounding counts as well. `planar_condition`
and its like add these up, kappa, as a multiple of epsilon relative to |x|. The bound that
is tested is

    |inverse(forward(x)) - x| <= 8 kappa epsilon |x|

for all pairs, and with it the plain bounds, 1e-12 in float64 and 2e-6 in float32,
wherever 8 kappa epsilon is below them.
"""

import numpy as np
import pytest
import tensorflow as tf

from tfp_flows import bijectors

# dtype: plain bound of the relative error, least share of pairs that it must cover.
PLAIN = {"float64": (1e-12, 0.7), "float32": (2e-6, 0.2)}


def log_uniform(rng, low, high, shape):
    """Stratified: of n numbers, one in each of n equal parts of the range of the log."""
    n = np.prod(shape)
    share = np.reshape((rng.permutation(n) + rng.uniform(size=n)) / n, shape)
    return low * (high / low) ** share


def norm(vectors):
    return np.sqrt(np.sum(np.square(vectors), axis=-1))


def unit(rng, shape):
    vectors = rng.normal(size=shape)
    return vectors / norm(vectors)[..., np.newaxis]


def planar_pairs(rng, n, event_size):
    """u, w, b, x: a third contracts down to q = 1e-7; half are near the hyperplane."""
    u = unit(rng, (n, event_size)) * log_uniform(rng, 1e-3, 1e3, (n, 1))
    w = unit(rng, (n, event_size)) * log_uniform(rng, 1e-3, 1e3, (n, 1))
    x = unit(rng, (n, event_size)) * log_uniform(rng, 1e-3, 1e4, (n, 1))
    w_u = np.sum(w * u, axis=-1)
    target = np.log(np.expm1(log_uniform(rng, 1e-7, 1.0, n)))
    shift = np.where(np.arange(n) < n // 3, target - w_u, 0.0)
    u += (shift / norm(w) ** 2)[:, np.newaxis] * w
    b = rng.choice([-1.0, 1.0], size=n) * log_uniform(rng, 1e-3, 1e3, n)
    near = np.clip(3.0 * rng.normal(size=n) - np.sum(w * x, axis=-1), -1e3, 1e3)
    return u, w, np.where(rng.uniform(size=n) < 0.5, near, b), x


def planar_condition(layer, u, w, b, x):
    u_hat, q = layer.u_hat.numpy(), layer.injectivity_margin.numpy()
    s = np.abs(np.sum(w * x, axis=-1) + b)
    sech = 4.0 * np.exp(-2.0 * s) / (1.0 + np.exp(-2.0 * s)) ** 2
    # |u_hat| sech^2 / slope is how far the preimage moves for a change of w.y + b.
    reach = norm(u_hat) * sech / (q * sech + np.tanh(s) ** 2)
    size = norm(x) + norm(u_hat)
    return (size * (1.0 + reach * norm(w)) + reach * np.abs(b)) / norm(x)


def radial_pairs(rng, n, event_size):
    """center, alpha, beta, x: softplus(beta) from 1e-4 to 1e3, half near the center."""
    center = unit(rng, (n, event_size)) * log_uniform(rng, 1e-3, 1e3, (n, 1))
    alpha = log_uniform(rng, 1e-3, 1e3, n)
    p = log_uniform(rng, 1e-4, 1e3, n)
    beta = p + np.log(-np.expm1(-p))
    x = unit(rng, (n, event_size)) * log_uniform(rng, 1e-3, 1e4, (n, 1))
    is_near = rng.uniform(size=(n, 1)) < 0.5
    return center, alpha, beta, np.where(is_near, center + 0.1 * x, x)


def radial_condition(layer, center, alpha, beta, x):
    r, p = norm(x - center), np.logaddexp(0.0, beta)
    along = (alpha + r) ** 2 / (r**2 + 2.0 * alpha * r + alpha * p)
    stretch = np.maximum(along, (alpha + r) / (p + r))
    image = r * (p + r) / (alpha + r) + norm(center)
    return (norm(x) + norm(center) + stretch * (image + norm(center))) / norm(x)


def sylvester_pairs(rng, n, event_size):
    """r, r2, b, v, x: two units, a third contract, half near a hyperplane."""
    m = 2
    signs = rng.choice([-1.0, 1.0], size=(2, n, m, m))
    r, r2 = signs * log_uniform(rng, 1e-3, 1e3, (2, n, m, m))
    diagonal = np.arange(m)
    third = n // 3
    contracting = -np.abs(r * r2)[:third, diagonal, diagonal]
    r[:third, diagonal, diagonal] = contracting / r2[:third, diagonal, diagonal]
    v = unit(rng, (n, m, event_size)) * log_uniform(rng, 1e-3, 1e3, (n, m, 1))
    x = unit(rng, (n, event_size)) * log_uniform(rng, 1e-3, 1e4, (n, 1))
    b = rng.choice([-1.0, 1.0], size=(n, m)) * log_uniform(rng, 1e-3, 1e3, (n, m))
    q = bijectors.Sylvester(r, r2, b, v).q.numpy()
    along = np.einsum("nij,ndj,nd->ni", np.triu(r2), q, x)
    near = np.clip(3.0 * rng.normal(size=(n, m)) - along, -1e3, 1e3)
    return r, r2, np.where(rng.uniform(size=(n, 1)) < 0.5, near, b), v, x


def sylvester_condition(layer, r, r2, b, v, x):
    # f(x) = x + U tanh(W x + b), W = R2 Q^T, U = Q R.
    q, big_r2 = layer.q.numpy(), np.triu(r2)
    product = np.diagonal(r * r2, axis1=1, axis2=2)
    factor = np.exp(np.arcsinh(product))
    diagonal = np.diagonal(r, axis1=1, axis2=2) * 2.0 * factor / (1.0 + factor)
    big_r = np.triu(r, 1) + diagonal[:, np.newaxis] * np.eye(r.shape[-1])
    w, u = big_r2 @ np.swapaxes(q, 1, 2), q @ big_r
    s = np.squeeze(w @ x[..., np.newaxis], -1) + b
    sech = 4.0 * np.exp(-2.0 * np.abs(s)) / (1.0 + np.exp(-2.0 * np.abs(s))) ** 2
    # J^-1 = I - Q R (I + D R2 R)^-1 D R2 Q^T, D = diag(sech^2).
    system = np.eye(r.shape[-1]) + sech[..., np.newaxis] * (big_r2 @ big_r)
    reach = u @ np.linalg.solve(system, sech[..., np.newaxis] * np.eye(r.shape[-1]))
    units = np.sqrt(np.sum(u**2, axis=1))
    rows = np.sqrt(np.sum(w**2, axis=2))
    size = norm(x) + np.sum(units, axis=-1)
    # |u_hat| sech^2 / slope of each unit, through the units before it.
    reach = np.sqrt(np.sum(reach**2, axis=1))
    return (size + np.sum(reach * (rows * size[:, np.newaxis] + np.abs(b)), -1)) / norm(x)


LAYERS = {
    "planar": (bijectors.Planar, planar_pairs, planar_condition),
    "radial": (bijectors.Radial, radial_pairs, radial_condition),
    "sylvester": (bijectors.Sylvester, sylvester_pairs, sylvester_condition),
}


def assert_round_trips(kind, num_pairs, dtype, event_size, rng):
    layer_class, draw, condition = LAYERS[kind]
    pairs = draw(rng, num_pairs, event_size)
    *parameters, x = (value.astype(dtype) for value in pairs)
    layer = layer_class(*parameters)
    y = tf.identity(layer.forward(x))  # past TFP's cache
    returned = layer.inverse(y).numpy()
    assert returned.dtype == dtype
    assert np.all(np.isfinite(returned))

    wide = [value.astype(np.float64) for value in (*parameters, x)]
    epsilon = np.finfo(dtype).eps
    bound = 8.0 * epsilon * condition(layer_class(*wide[:-1]), *wide)
    error = norm(returned.astype(np.float64) - wide[-1]) / norm(wide[-1])
    assert np.max(error / bound) <= 1.0

    plain, least_share = PLAIN[dtype]
    is_covered = bound <= plain
    assert np.mean(is_covered) >= least_share
    assert np.max(error[is_covered]) <= plain
    # The test would notice an inverse that is a few bits off.
    assert np.max(error / bound) >= 0.05


@pytest.mark.parametrize("event_size", [2, 5])
@pytest.mark.parametrize("dtype", PLAIN)
@pytest.mark.parametrize("kind", LAYERS)
def test_round_trips(kind, dtype, event_size, rng):
    assert_round_trips(kind, 2_000, dtype, event_size, rng)


@pytest.mark.evidence
@pytest.mark.parametrize("event_size", [2, 5])
@pytest.mark.parametrize("dtype", PLAIN)
@pytest.mark.parametrize("kind", LAYERS)
def test_a_million_round_trips(kind, dtype, event_size, rng):
    num_pairs = 10**5 if kind == "sylvester" else 10**6
    assert_round_trips(kind, num_pairs, dtype, event_size, rng)


def test_the_pairs_reach_the_ends_of_the_ranges(rng):
    num_pairs = 2_000
    u, w, b, x = planar_pairs(rng, num_pairs, 2)
    q = bijectors.Planar(u, w, b).injectivity_margin.numpy()
    assert np.min(q[: num_pairs // 3]) == pytest.approx(1e-7, rel=0.02)
    for values in (norm(w), np.abs(b)):
        assert np.min(values) < 1.1e-3
        assert np.max(values) > 0.95e3
    assert np.max(norm(x)) > 0.99e4
