"""Densities that a start must survive: made-up data, odd scales, odd supports.

Each is a function of points `[S, D]` in any floating dtype, in unconstrained coordinates.
"""

import numpy as np
import tensorflow as tf

_LOG_2PI = float(np.log(2.0 * np.pi))


def _normal(x, loc=0.0, scale=1.0):
    return -0.5 * ((x - loc) / scale) ** 2 - tf.math.log(scale + tf.zeros_like(x))


def _sum(x):
    return tf.reduce_sum(x, axis=-1)


def _constant(value, like):
    return tf.constant(value, like.dtype)


def poisson_random_effects(num_groups, *, is_centered=False, seed=0):
    """Counts of groups, ten each: mu, slope, log sigma, and an effect a group."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=[num_groups, 10])
    effects = 0.7 * rng.normal(size=[num_groups, 1])
    counts = rng.poisson(np.exp(1.0 + 0.5 * x + effects))

    def log_prob_fn(z):
        mu, slope, log_sigma, raw = z[..., 0], z[..., 1], z[..., 2], z[..., 3:]
        sigma = tf.exp(log_sigma)
        scale = tf.ones_like(sigma) if is_centered else sigma
        effect = scale[..., None] * raw
        eta = (mu[..., None] + effect)[..., None] + slope[..., None, None] * _constant(
            x, z
        )
        likelihood = _sum(_sum(_constant(counts, z) * eta - tf.exp(eta)))
        spread = sigma[..., None] if is_centered else tf.ones_like(raw)
        prior = _normal(mu, 0.0, 5.0) + _normal(slope, 0.0, 2.0) + log_sigma
        return likelihood + prior - 0.5 * sigma**2 + _sum(_normal(raw, 0.0, spread))

    return log_prob_fn, num_groups + 3


def natural_units(seed=0):
    """Sales of 1e4 by year, 2000 to 2039, with an intercept of -8e4: no centring."""
    rng = np.random.default_rng(seed)
    year = np.arange(2000.0, 2040.0)
    y = -8e4 + 45.0 * year + 300.0 * rng.normal(size=40)

    def log_prob_fn(z):
        sigma = tf.exp(z[..., 2])
        mean = z[..., :1] + z[..., 1:2] * _constant(year, z)
        return _sum(_normal(_constant(y, z), mean, sigma[..., None])) - z[..., 2] / 100.0

    return log_prob_fn, 3


def arma(seed=0):
    """ARMA(1, 1) of 200 observations: mu, phi, theta, log sigma."""
    rng = np.random.default_rng(seed)
    y, errors = np.zeros(200), rng.normal(size=200)
    for t in range(1, 200):
        y[t] = 0.5 + 0.7 * y[t - 1] + 0.4 * errors[t - 1] + errors[t]

    def log_prob_fn(z):
        mu, phi, theta, log_sigma = tf.unstack(z, axis=-1)
        values = _constant(y, z)
        first = values[0] - mu - phi * mu

        def next_error(error, t):
            return values[t] - mu - phi * values[t - 1] - theta * error

        errors = tf.scan(next_error, tf.range(1, 200), first)
        errors = tf.concat([first[None], errors], axis=0)
        likelihood = tf.reduce_sum(_normal(errors, 0.0, tf.exp(log_sigma)), axis=0)
        prior = _normal(mu, 0.0, 10.0) + _normal(phi, 0.0, 2.0) + _normal(theta, 0.0, 2.0)
        return likelihood + prior - 0.5 * (tf.exp(log_sigma) / 2.5) ** 2 + log_sigma

    return log_prob_fn, 4


def mixture(seed=0):
    """Two Gaussians: a mean, the log gap to the other, two log scales, a logit."""
    rng = np.random.default_rng(seed)
    y = np.concatenate([rng.normal(-2.7, 1.0, 300), rng.normal(2.9, 1.0, 200)])

    def log_prob_fn(z):
        low, gap = z[..., 0], tf.exp(z[..., 1])
        scales, logit = tf.exp(z[..., 2:4]), z[..., 4]
        values = _constant(y, z)
        first = _normal(values, low[..., None], scales[..., :1])
        second = _normal(values, (low + gap)[..., None], scales[..., 1:])
        first += tf.math.log_sigmoid(logit)[..., None]
        second += tf.math.log_sigmoid(-logit)[..., None]
        likelihood = _sum(tf.reduce_logsumexp(tf.stack([first, second]), axis=0))
        prior = _normal(low, 0.0, 2.0) + _normal(low + gap, 0.0, 2.0) + z[..., 1]
        prior += _sum(-0.5 * (scales / 2.0) ** 2 + z[..., 2:4])
        return likelihood + prior - _sum(tf.nn.softplus(tf.stack([logit, -logit], -1)))

    return log_prob_fn, 5


def hidden_markov(seed=0):
    """Two states of 100 steps: two logits of staying, two ordered means, log scale."""
    rng = np.random.default_rng(seed)
    states = np.cumsum(rng.uniform(size=100) < 0.15) % 2
    y = np.where(states, 9.0, 3.0) + rng.normal(size=100)

    def log_prob_fn(z):
        stay, leave = tf.math.log_sigmoid(z[..., :2]), tf.math.log_sigmoid(-z[..., :2])
        low = z[..., 2]
        means = tf.stack([low, low + tf.exp(z[..., 3])], axis=-1)
        values, scale = _constant(y, z), tf.exp(z[..., 4:])

        def forward(log_alpha, value):
            same = log_alpha + stay
            other = tf.reverse(log_alpha + leave, axis=[-1])
            moved = tf.reduce_logsumexp(tf.stack([same, other]), axis=0)
            return moved + _normal(value, means, scale)

        start = _normal(values[0], means, scale)
        last = tf.scan(forward, values[1:], start)[-1]
        prior = _sum(stay + leave) + _sum(_normal(means, 5.0, 5.0)) + z[..., 3]
        return tf.reduce_logsumexp(last, axis=-1) + prior + _normal(z[..., 4])

    return log_prob_fn, 5


def lotka_volterra(seed=0):
    """Predator and prey over 20 years by Runge-Kutta steps: NaN where they explode."""
    rng = np.random.default_rng(seed)

    def solve(alpha, beta, gamma, delta, u, v, steps=40, h=0.5):
        def slope(u, v):
            return (alpha - beta * v) * u, (delta * u - gamma) * v

        path = []
        for _ in range(steps):
            a = slope(u, v)
            b = slope(u + 0.5 * h * a[0], v + 0.5 * h * a[1])
            c = slope(u + 0.5 * h * b[0], v + 0.5 * h * b[1])
            d = slope(u + h * c[0], v + h * c[1])
            u = u + h / 6.0 * (a[0] + 2.0 * b[0] + 2.0 * c[0] + d[0])
            v = v + h / 6.0 * (a[1] + 2.0 * b[1] + 2.0 * c[1] + d[1])
            path.append((u, v))
        return path[1::2]

    truth = solve(0.55, 0.028, 0.80, 0.024, 33.0, 6.0)
    y = np.log(np.array(truth)) + 0.25 * rng.normal(size=[20, 2])
    centers = np.log([1.0, 0.05, 1.0, 0.05, 10.0, 10.0])
    spreads = np.array([0.5, 1.0, 0.5, 1.0, 1.0, 1.0])

    def log_prob_fn(z):
        parameters = tf.unstack(tf.exp(z[..., :6]), axis=-1)
        path = tf.stack([tf.stack(pair, axis=-1) for pair in solve(*parameters)], axis=-2)
        errors = (_constant(y, z) - tf.math.log(path)) / tf.exp(z[..., None, 6:])
        likelihood = -0.5 * _sum(_sum(errors**2)) - 20.0 * _sum(z[..., 6:])
        prior = _sum(_normal(z[..., :6], _constant(centers, z), _constant(spreads, z)))
        return likelihood + prior + _sum(_normal(z[..., 6:], -1.0, 1.0))

    return log_prob_fn, 8


def gaussian(event_size, *, condition=1e4, seed=0):
    """Any covariance, any mean, log Z = 0."""
    rng = np.random.default_rng(seed)
    q, _ = np.linalg.qr(rng.normal(size=[event_size, event_size]))
    sd = np.geomspace(1.0 / np.sqrt(condition), np.sqrt(condition), event_size)
    mean, precision = 3.0 * sd @ q.T, (q / sd**2) @ q.T
    log_z = 0.5 * event_size * _LOG_2PI + np.log(sd).sum()

    def log_prob_fn(z):
        centered = z - _constant(mean, z)
        return (
            -0.5 * _sum(tf.matmul(centered, _constant(precision, z)) * centered) - log_z
        )

    return log_prob_fn, event_size


def rescaled(log_prob_fn, event_size, scales):
    """The density of `scales * x`, where x has the given one."""

    def log_prob_of_scaled(z):
        log_det = float(np.sum(np.log(scales)))
        return log_prob_fn(z / _constant(scales, z)) - log_det

    return log_prob_of_scaled, event_size


def mostly_nan():
    """Gamma(4, 1) from 1.5 on in the first of three coordinates, NaN before."""

    def log_prob_fn(z):
        return (
            3.0 * tf.math.log(z[..., 0] - 1.5) - z[..., 0] - 0.5 * _sum(z[..., 1:] ** 2)
        )

    return log_prob_fn, 3


def hard_edge():
    """Exponential on the positive half-line, -inf beyond it, beside a normal."""

    def log_prob_fn(z):
        inside = -z[..., 0] - 0.5 * z[..., 1] ** 2
        return tf.where(z[..., 0] > 0.0, inside, _constant(-np.inf, z))

    return log_prob_fn, 2


def heavy_curvature():
    """Walls that grow like exp(x) and x^8 beside a flat Cauchy coordinate."""

    def log_prob_fn(z):
        walls = 8.0 * z[..., 0] - tf.exp(z[..., 0]) - z[..., 1] ** 8
        return walls - tf.math.log1p((z[..., 2] / 1e4) ** 2)

    return log_prob_fn, 3


def flat():
    """One coordinate without any prior: improper."""
    return lambda z: -0.5 * _sum(z[..., :2] ** 2), 3


def bimodal(event_size=4, distance=10.0):
    """Two equal Gaussians far apart."""

    def log_prob_fn(z):
        tail = -0.5 * _sum(z[..., 1:] ** 2)
        ends = [_normal(z[..., 0], sign * distance / 2.0) for sign in (-1.0, 1.0)]
        return tail + tf.reduce_logsumexp(tf.stack(ends), axis=0)

    return log_prob_fn, event_size


def funnel(event_size=10):
    """Neal's: log scale N(0, 3^2), the others N(0, exp(v))."""

    def log_prob_fn(z):
        v, rest = z[..., 0], z[..., 1:]
        return (
            -0.5 * (v / 3.0) ** 2
            - 0.5 * tf.exp(-v) * _sum(rest**2)
            - 0.5 * (event_size - 1) * v
        )

    return log_prob_fn, event_size


def banana():
    """A parabola-shaped ridge."""
    return (
        lambda z: -0.5 * (z[..., 0] ** 2 / 4 + (z[..., 1] - z[..., 0] ** 2 / 2) ** 2),
        2,
    )


def student(event_size=10, degrees=1.5):
    """Heavy tails in all directions."""
    power = 0.5 * (degrees + event_size)
    return lambda z: -power * tf.math.log1p(_sum(z**2) / degrees), event_size


def all_of_them():
    """Name and `(log_prob_fn, D)` of each."""
    made = dict(
        poisson_effects_40=poisson_random_effects(40),
        poisson_effects_40_centered=poisson_random_effects(40, is_centered=True),
        natural_units=natural_units(),
        arma=arma(),
        mixture=mixture(),
        hidden_markov=hidden_markov(),
        lotka_volterra=lotka_volterra(),
        gaussian_30=gaussian(30),
        mostly_nan=mostly_nan(),
        hard_edge=hard_edge(),
        heavy_curvature=heavy_curvature(),
        flat=flat(),
        bimodal=bimodal(),
        funnel=funnel(),
        banana=banana(),
        student=student(),
    )
    return made.items()
