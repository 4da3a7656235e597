"""Seven posteriors of posteriordb as joint distributions of TFP.

Where posteriordb has no prior, a wide one stands for the flat one: over a thousand
posterior standard deviations.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from benchmarks.posteriors import reference

tfd = tfp.distributions


class Posterior(NamedTuple):
    """A joint distribution with its data.

    Attributes:
      joint: `tfd.JointDistributionCoroutineAutoBatched`.
      pins: dict of what is observed.
    """

    joint: tfd.JointDistribution
    pins: dict[str, np.ndarray]


def build(name, data):
    """The `Posterior` of that name, with data as `reference.read` returns them."""
    make, dtype = _MODELS[name]
    model, pins = make(data, dtype.as_numpy_dtype)
    joint = tfd.JointDistributionCoroutineAutoBatched(model, name=name)
    return Posterior(joint, pins)


def _eight_schools_noncentered(data, dtype):
    sigma = data["sigma"].astype(dtype)

    def model():
        mu = yield tfd.Normal(dtype(0.0), 5.0, name="mu")
        tau = yield tfd.HalfCauchy(dtype(0.0), 5.0, name="tau")
        raw = yield tfd.Sample(tfd.Normal(dtype(0.0), 1.0), 8, name="theta_trans")
        yield tfd.Normal(mu + tau * raw, sigma, name="y")

    return model, dict(y=data["y"].astype(dtype))


def _eight_schools_centered(data, dtype):
    sigma = data["sigma"].astype(dtype)

    def model():
        mu = yield tfd.Normal(dtype(0.0), 5.0, name="mu")
        tau = yield tfd.HalfCauchy(dtype(0.0), 5.0, name="tau")
        theta = yield tfd.Sample(tfd.Normal(mu, tau), 8, name="theta")
        yield tfd.Normal(theta, sigma, name="y")

    return model, dict(y=data["y"].astype(dtype))


def _kidscore_interaction(data, dtype):
    design, y = reference.designs("kidscore_interaction", data)
    design = design.astype(dtype)

    def model():
        beta = yield tfd.Sample(tfd.Normal(dtype(0.0), 1e5), 4, name="beta")
        sigma = yield tfd.HalfCauchy(dtype(0.0), 2.5, name="sigma")
        yield tfd.Normal(tf.linalg.matvec(design, beta), sigma, name="y")

    return model, dict(y=y.astype(dtype))


def _mesquite(data, dtype):
    design, y = reference.designs("mesquite", data)
    design = design.astype(dtype)

    def model():
        beta = yield tfd.Sample(tfd.Normal(dtype(0.0), 1e6), 7, name="beta")
        sigma = yield tfd.HalfNormal(dtype(1e6), name="sigma")
        yield tfd.Normal(tf.linalg.matvec(design, beta), sigma, name="y")

    return model, dict(y=y.astype(dtype))


def _diamonds(data, dtype):
    design, y = reference.designs("diamonds", data)
    design = design.astype(dtype)

    def model():
        b = yield tfd.Sample(tfd.Normal(dtype(0.0), 1.0), 24, name="b")
        intercept = yield tfd.StudentT(dtype(3.0), 8.0, 10.0, name="intercept")
        sigma = yield tfd.HalfStudentT(dtype(3.0), 0.0, 10.0, name="sigma")
        yield tfd.Normal(intercept + tf.linalg.matvec(design, b), sigma, name="y")

    return model, dict(y=y.astype(dtype))


def _garch11(data, dtype):
    y, first = data["y"].astype(dtype), dtype(data["sigma1"]) ** 2

    def volatility(alpha0, alpha1, beta1, mu):
        """h_t = a_t + beta1 h_{t-1}, all t at once."""
        a = alpha0 + alpha1 * (y[:-1] - mu) ** 2
        a = tf.concat([[first], a], axis=0)
        b = tf.fill(tf.shape(a), beta1)

        def compose(left, right):
            return right[0] + right[1] * left[0], right[1] * left[1]

        return tf.sqrt(tfp.math.scan_associative(compose, (a, b))[0])

    def model():
        mu = yield tfd.Normal(dtype(0.0), 1e4, name="mu")
        alpha0 = yield tfd.HalfNormal(dtype(1e4), name="alpha0")
        # Uniform on the triangle alpha1 + beta1 < 1.
        alpha1 = yield tfd.Beta(dtype(1.0), 2.0, name="alpha1")
        beta1 = yield tfd.Uniform(dtype(0.0), 1.0 - alpha1, name="beta1")
        yield tfd.Normal(mu, volatility(alpha0, alpha1, beta1, mu), name="y")

    return model, dict(y=y)


def _gp_pois_regr(data, dtype):
    x = data["x"].astype(dtype)
    squares, jitter = (x[:, None] - x) ** 2, 1e-10 * np.eye(len(x), dtype=dtype)

    def factor(rho, alpha):
        rho, alpha = rho[..., tf.newaxis, tf.newaxis], alpha[..., tf.newaxis, tf.newaxis]
        kernel = alpha**2 * tf.exp(-0.5 * squares / rho**2)
        return tf.linalg.cholesky(kernel + jitter)

    def model():
        rho = yield tfd.Gamma(dtype(25.0), 4.0, name="rho")
        alpha = yield tfd.HalfNormal(dtype(2.0), name="alpha")
        raw = yield tfd.Sample(tfd.Normal(dtype(0.0), 1.0), len(x), name="f_tilde")
        f = tf.linalg.matvec(factor(rho, alpha), raw)
        yield tfd.Poisson(log_rate=f, name="k")

    return model, dict(k=data["k"].astype(dtype))


# Builder of (model, pins), and dtype.
_MODELS = dict(
    eight_schools_noncentered=(_eight_schools_noncentered, tf.float32),
    eight_schools_centered=(_eight_schools_centered, tf.float32),
    kidscore_interaction=(_kidscore_interaction, tf.float32),
    mesquite=(_mesquite, tf.float32),
    diamonds=(_diamonds, tf.float32),
    garch11=(_garch11, tf.float32),
    gp_pois_regr=(_gp_pois_regr, tf.float64),
)
