"""Seven posteriors of posteriordb as joint distributions of TFP.

Where posteriordb has no prior, a wide one stands for the flat one: over a thousand
posterior standard deviations.
"""

import dataclasses
import json
import pathlib
from collections.abc import Callable

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

tfd = tfp.distributions


@dataclasses.dataclass(frozen=True)
class Posterior:
    """A joint distribution with its data.

    Attributes:
      name: that of posteriordb.
      joint: `tfd.JointDistributionCoroutineAutoBatched`.
      pins: dict of what is observed.
      parameters: callable, draws of the variables that are left, a namedtuple of
        `[S, ...]`, to `[S, P]`, in the order of the reference.
      dtype: `tf.DType` of the model.
      mean: `[P]`, reference mean of each parameter.
      sd: `[P]`, reference standard deviation.
    """

    name: str
    joint: tfd.JointDistribution
    pins: dict[str, np.ndarray]
    parameters: Callable
    dtype: tf.DType
    mean: np.ndarray
    sd: np.ndarray


def load(name, folder):
    """The posterior of that name, with data and reference of the JSON files in `folder`.

    Returns:
      `Posterior`.
    """
    data_name, build, dtype = _MODELS[name]
    folder = pathlib.Path(folder)
    data = json.loads((folder / f"{data_name}.json").read_text("utf-8"))
    reference = json.loads((folder / "reference.json").read_text("utf-8"))[name]
    arrays = {key: np.asarray(value) for key, value in data.items()}
    model, pins, parameters = build(arrays, dtype.as_numpy_dtype)
    return Posterior(
        name,
        tfd.JointDistributionCoroutineAutoBatched(model, name=name),
        pins,
        parameters,
        dtype,
        np.array(reference["mean"]),
        np.array(reference["sd"]),
    )


def names():
    """Those that `load` knows."""
    return tuple(_MODELS)


def _columns(*values):
    """`[S]` and `[S, n]` side by side, `[S, P]`."""
    return np.concatenate([np.reshape(v, [len(v), -1]) for v in values], axis=1)


def _eight_schools_noncentered(data, dtype):
    sigma = data["sigma"].astype(dtype)

    def model():
        mu = yield tfd.Normal(dtype(0.0), 5.0, name="mu")
        tau = yield tfd.HalfCauchy(dtype(0.0), 5.0, name="tau")
        raw = yield tfd.Sample(tfd.Normal(dtype(0.0), 1.0), 8, name="theta_trans")
        yield tfd.Normal(mu + tau * raw, sigma, name="y")

    def parameters(draws):
        theta = draws.mu[:, None] + draws.tau[:, None] * draws.theta_trans
        return _columns(theta, draws.mu, draws.tau)

    return model, dict(y=data["y"].astype(dtype)), parameters


def _eight_schools_centered(data, dtype):
    sigma = data["sigma"].astype(dtype)

    def model():
        mu = yield tfd.Normal(dtype(0.0), 5.0, name="mu")
        tau = yield tfd.HalfCauchy(dtype(0.0), 5.0, name="tau")
        theta = yield tfd.Sample(tfd.Normal(mu, tau), 8, name="theta")
        yield tfd.Normal(theta, sigma, name="y")

    def parameters(draws):
        return _columns(draws.theta, draws.mu, draws.tau)

    return model, dict(y=data["y"].astype(dtype)), parameters


def _kidscore_interaction(data, dtype):
    hs, iq = data["mom_hs"], data["mom_iq"]
    design = np.stack([np.ones_like(hs), hs, iq, hs * iq], axis=1).astype(dtype)

    def model():
        beta = yield tfd.Sample(tfd.Normal(dtype(0.0), 1e5), 4, name="beta")
        sigma = yield tfd.HalfCauchy(dtype(0.0), 2.5, name="sigma")
        yield tfd.Normal(tf.linalg.matvec(design, beta), sigma, name="y")

    def parameters(draws):
        return _columns(draws.beta, draws.sigma)

    return model, dict(y=data["kid_score"].astype(dtype)), parameters


def _mesquite(data, dtype):
    keys = "diam1", "diam2", "canopy_height", "total_height", "density", "group"
    ones = np.ones(len(data["weight"]))
    design = np.stack([ones, *(data[key] for key in keys)], axis=1).astype(dtype)

    def model():
        beta = yield tfd.Sample(tfd.Normal(dtype(0.0), 1e6), 7, name="beta")
        sigma = yield tfd.HalfNormal(dtype(1e6), name="sigma")
        yield tfd.Normal(tf.linalg.matvec(design, beta), sigma, name="y")

    def parameters(draws):
        return _columns(draws.beta, draws.sigma)

    return model, dict(y=data["weight"].astype(dtype)), parameters


def _diamonds(data, dtype):
    design = data["X"][:, 1:]
    design = (design - design.mean(axis=0)).astype(dtype)

    def model():
        b = yield tfd.Sample(tfd.Normal(dtype(0.0), 1.0), 24, name="b")
        intercept = yield tfd.StudentT(dtype(3.0), 8.0, 10.0, name="intercept")
        sigma = yield tfd.HalfStudentT(dtype(3.0), 0.0, 10.0, name="sigma")
        yield tfd.Normal(intercept + tf.linalg.matvec(design, b), sigma, name="y")

    def parameters(draws):
        return _columns(draws.b, draws.intercept, draws.sigma)

    return model, dict(y=data["Y"].astype(dtype)), parameters


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

    def parameters(draws):
        return _columns(draws.mu, draws.alpha0, draws.alpha1, draws.beta1)

    return model, dict(y=y), parameters


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

    def parameters(draws):
        f = tf.linalg.matvec(factor(draws.rho, draws.alpha), draws.f_tilde)
        return _columns(draws.rho, draws.alpha, f)

    return model, dict(k=data["k"].astype(dtype)), parameters


# Data file, builder of (model, pins, parameters), dtype.
_MODELS = {
    "eight_schools_noncentered": (
        "eight_schools",
        _eight_schools_noncentered,
        tf.float32,
    ),
    "eight_schools_centered": ("eight_schools", _eight_schools_centered, tf.float32),
    "kidscore_interaction": ("kidiq", _kidscore_interaction, tf.float32),
    "mesquite": ("mesquite", _mesquite, tf.float32),
    "diamonds": ("diamonds", _diamonds, tf.float32),
    "garch11": ("garch", _garch11, tf.float32),
    "gp_pois_regr": ("gp_pois_regr", _gp_pois_regr, tf.float64),
}
