"""Flows beside densities, half of which have mass that no sample of the flow shows.

The first twenty were at hand while the search for such mass was made; `LATER` were
written when it was done, and changed nothing of it.
"""

import math
from typing import NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows as tff

tfd, tfb = tfp.distributions, tfp.bijectors


class Case(NamedTuple):
    """A flow, a density to judge it by, and how much of that is hidden from it."""

    flow: tfd.Distribution
    log_prob_fn: object
    hidden: float


def normal(size, first=0.0, scale=1.0):
    """N(first e_1, scale^2 I)."""
    loc = np.zeros(size, np.float32)
    loc[0] = first
    return tfd.MultivariateNormalDiag(loc, np.full(size, scale, np.float32))


def mixture(shares, parts):
    """A mixture of distributions of one class."""
    loc = np.stack([part.mean() for part in parts])
    scale = np.stack([part.stddev() for part in parts])
    return tfd.MixtureSameFamily(
        tfd.Categorical(probs=np.array(shares, np.float32)),
        tfd.MultivariateNormalDiag(loc, scale),
    )


def plain(target):
    """Its log density, as a function that says nothing of itself."""
    return lambda x: target.log_prob(x) + 3.0


def fitted(size, log_prob_fn, **arguments):
    """A planar flow after a fit of 300 steps."""
    flow = tff.planar_flow(size, 8, seed=0)
    options = dict(num_steps=300, sample_size=256, seed=0, progress_bar=False)
    tff.vi.fit_reverse_kl(flow, log_prob_fn, **options, **arguments)
    return flow


def missed(size, shares, parts):
    """N(0, I) beside a mixture of which it is the first part."""
    target = mixture(shares, [normal(size), *parts])
    return Case(normal(size), plain(target), 1.0 - shares[0])


def right(target, flow=None):
    """A flow that is the target, or is near it."""
    return Case(target if flow is None else flow, plain(target), 0.0)


def ring(size, radius, width, share):
    """N(0, I) beside a mixture of it with a shell."""
    log_area = math.log(2.0) + size / 2 * math.log(math.pi) - math.lgamma(size / 2)
    shell, inner = tfd.Normal(radius, width), normal(size)

    def log_prob_fn(x):
        distance = tff.numerics.safe_norm(x)
        outer = shell.log_prob(distance) - (size - 1) * tf.math.log(distance) - log_area
        parts = [outer + math.log(share), inner.log_prob(x) + math.log(1.0 - share)]
        return tf.reduce_logsumexp(parts, axis=0)

    return Case(inner, log_prob_fn, share)


def bent(size):
    """A normal whose second coordinate follows the square of the first."""

    def shift(x):
        rest = tf.zeros_like(x[..., 2:])
        first = tf.zeros_like(x[..., :1])
        return tf.concat([first, x[..., :1] ** 2, rest], axis=-1)

    bijector = tfb.Inline(
        forward_fn=lambda x: x + shift(x),
        inverse_fn=lambda y: y - shift(y),
        forward_log_det_jacobian_fn=lambda x: tf.zeros_like(x[..., 0]),
        forward_min_event_ndims=1,
    )
    return tfd.TransformedDistribution(normal(size), bijector)


def student(size, degrees, scale=1.0):
    """Independent Student-t coordinates."""
    zeros = np.zeros(size, np.float32)
    return tfd.Independent(tfd.StudentT(degrees, zeros, scale), 1)


def spike_after_a_fit():
    """What 300 steps make of half a normal and half a spike in it."""
    target = plain(mixture([0.5, 0.5], [normal(2), normal(2, scale=1e-3)]))
    return Case(fitted(2, target), target, 0.5)


def flow_of_itself():
    """A planar flow with layers far from the identity."""
    flow = tff.planar_flow(2, 8, seed=3, init_scale=1.0)
    return Case(flow, flow.log_prob, 0.0)


def two(size):
    """Two normals, with shares 0.4 and 0.6."""
    return mixture([0.4, 0.6], [normal(size), normal(size, 6.0)])


def third(size):
    """A flow that has two of three modes."""
    parts = [normal(size), normal(size, 6.0), normal(size, -8.0, 0.5)]
    target = mixture([0.32, 0.48, 0.2], parts)
    return Case(two(size), plain(target), 0.2)


FIRST = {
    "a far mode with 99 %, D = 2": lambda: missed(2, [0.01, 0.99], [normal(2, 20.0)]),
    "a far mode with 99 %, D = 10": lambda: missed(10, [0.01, 0.99], [normal(10, 20.0)]),
    "a spike of 1e-3 inside, D = 2": lambda: missed(
        2, [0.5, 0.5], [normal(2, scale=1e-3)]
    ),
    "a spike of 1e-3 inside, D = 10": lambda: missed(
        10, [0.5, 0.5], [normal(10, scale=1e-3)]
    ),
    "a spike of 1e-4 aside, D = 2": lambda: missed(
        2, [0.5, 0.5], [normal(2, 1.1, scale=1e-4)]
    ),
    "a far ring, D = 2": lambda: ring(2, 15.0, 0.3, 0.99),
    "a far ring, D = 10": lambda: ring(10, 15.0, 0.3, 0.99),
    "the third mode, D = 2": lambda: third(2),
    "the third mode, D = 10": lambda: third(10),
    "a spike of 1e-3, a fit of 300 steps, D = 2": spike_after_a_fit,
    "a normal, D = 2": lambda: right(normal(2)),
    "a normal, D = 10": lambda: right(normal(10)),
    "nearly a normal, D = 2": lambda: right(normal(2), normal(2, 0.05, 1.03)),
    "nearly a normal, D = 10": lambda: right(normal(10), normal(10, 0.05, 1.01)),
    "two normals, D = 2": lambda: right(two(2)),
    "two normals, D = 10": lambda: right(two(10)),
    "a bent normal, D = 2": lambda: right(bent(2)),
    "a bent normal, D = 10": lambda: right(bent(10)),
    "Student-t, 4 degrees, D = 2": lambda: right(student(2, 4.0)),
    "a planar flow, D = 2": flow_of_itself,
}


def at(loc, scale):
    """N(loc, scale^2 I)."""
    loc = np.array(loc, np.float32)
    return tfd.MultivariateNormalDiag(loc, np.full(loc.shape, scale, np.float32))


def tilted_mode():
    """A narrow, tilted mode off the axes, with 30 %."""
    angle = math.pi / 6.0
    turn = np.array(
        [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
    )
    factor = (turn * [2.0, 0.1]).astype(np.float32)
    far = tfd.MultivariateNormalLinearOperator(
        tf.constant([-9.0, 9.0]), tf.linalg.LinearOperatorFullMatrix(factor)
    )

    def log_prob_fn(x):
        parts = [
            normal(2).log_prob(x) + math.log(0.7),
            far.log_prob(x) + math.log(0.3),
        ]
        return tf.reduce_logsumexp(parts, axis=0)

    return Case(normal(2), log_prob_fn, 0.3)


def wall():
    """A thin wall, 40 wide, beyond a normal, with 60 %."""
    along, across = tfd.Normal(0.0, 20.0), tfd.Normal(12.0, 0.05)

    def log_prob_fn(x):
        parts = [
            normal(2).log_prob(x) + math.log(0.4),
            along.log_prob(x[..., 0]) + across.log_prob(x[..., 1]) + math.log(0.6),
        ]
        return tf.reduce_logsumexp(parts, axis=0)

    return Case(normal(2), log_prob_fn, 0.6)


def after_a_fit(size):
    """What a fit without annealing leaves out, of two modes with 40 and 60 %."""
    target = mixture([0.4, 0.6], [normal(size), normal(size, 14.0)])
    flow = fitted(size, plain(target), annealing_fn=lambda step: tf.constant(1.0))
    return Case(flow, plain(target), 0.6)


def funnel(size):
    """Neal's funnel, with a scale of 1 for its neck."""

    def scale(x):
        ones = tf.ones_like(x[..., :1])
        return tf.concat([ones, tf.exp(0.5 * x[..., :1]) * tf.ones_like(x[..., 1:])], -1)

    bijector = tfb.Inline(
        forward_fn=lambda x: x * scale(x),
        inverse_fn=lambda y: y / scale(y),
        forward_log_det_jacobian_fn=lambda x: 0.5 * (size - 1) * x[..., 0],
        forward_min_event_ndims=1,
    )
    return tfd.TransformedDistribution(normal(size), bijector)


def correlated(size):
    """A normal with correlations of 0.9."""
    covariance = 0.1 * np.eye(size, dtype=np.float32) + np.float32(0.9)
    return tfd.MultivariateNormalTriL(
        np.zeros(size, np.float32), np.linalg.cholesky(covariance).astype(np.float32)
    )


def regression():
    """The posterior of a linear regression of 200 points, which is a normal."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 10)).astype(np.float32)
    y = (x @ rng.normal(size=10) + rng.normal(size=200)).astype(np.float32)
    covariance = np.linalg.inv(x.T @ x + np.eye(10))
    loc = covariance @ x.T @ y
    flow = tfd.MultivariateNormalTriL(
        loc.astype(np.float32), np.linalg.cholesky(covariance).astype(np.float32)
    )

    def log_prob_fn(beta):
        residuals = y - tf.matmul(beta, x, transpose_b=True)
        return -0.5 * tf.reduce_sum(residuals**2, -1) - 0.5 * tf.reduce_sum(beta**2, -1)

    return Case(flow, log_prob_fn, 0.0)


def independent(part):
    """Coordinates of one scalar distribution, exactly fitted."""
    return right(tfd.Sample(part, 2))


SQUARE = [[0.0, 0.0], [5.0, 0.0], [0.0, 5.0], [5.0, 5.0]]
LATER = {
    "a wide mode with 70 %, 36 away, D = 2": lambda: missed(
        2, [0.3, 0.7], [at([30.0, -20.0], 6.0)]
    ),
    "a wide mode with 50 %, 12 away, D = 10": lambda: missed(
        10, [0.5, 0.5], [normal(10, 12.0, 2.0)]
    ),
    "a thin wall with 60 %, D = 2": wall,
    "a tilted mode with 30 %, D = 2": tilted_mode,
    "a halo of 30 times the width with 30 %, D = 2": lambda: missed(
        2, [0.7, 0.3], [normal(2, scale=30.0)]
    ),
    "a halo of 3 times the width with 20 %, D = 10": lambda: missed(
        10, [0.8, 0.2], [normal(10, scale=3.0)]
    ),
    "a mode of width 0.2 with 50 %, 6 away, D = 10": lambda: missed(
        10, [0.5, 0.5], [normal(10, 6.0, 0.2)]
    ),
    "one of four modes, D = 2": lambda: missed(
        2, [0.25] * 4, [at(loc, 1.0) for loc in ([9, 0], [0, 9], [9, 9])]
    ),
    "a mode lost in a fit of 300 steps, D = 2": lambda: after_a_fit(2),
    "a mode lost in a fit of 300 steps, D = 10": lambda: after_a_fit(10),
    "four normals, D = 2": lambda: right(
        mixture([0.1, 0.2, 0.3, 0.4], [at(loc, 0.8) for loc in SQUARE])
    ),
    "a correlated normal, D = 10": lambda: right(correlated(10)),
    "uniform, D = 2": lambda: independent(tfd.Uniform(0.0, 1.0)),
    "exponential, D = 2": lambda: independent(tfd.Exponential(1.0)),
    "Laplace, D = 2": lambda: independent(tfd.Laplace(0.0, 1.0)),
    "skewed and heavy-tailed, D = 2": lambda: independent(
        tfd.SinhArcsinh(0.0, 1.0, skewness=0.5, tailweight=1.3)
    ),
    "Student-t, 8 degrees, D = 10": lambda: right(student(10, 8.0)),
    "a funnel, D = 10": lambda: right(funnel(10)),
    "a regression of 200 points, D = 10": regression,
    "nearly a correlated normal, D = 10": lambda: right(
        correlated(10), tfb.Scale(1.01)(correlated(10))
    ),
}
