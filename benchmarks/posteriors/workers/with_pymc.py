"""PyMC's variational inference with a full-rank Gaussian, 30,000 steps."""

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt

from benchmarks.posteriors import reference
from benchmarks.posteriors.workers.protocol import answer

NUM_DRAWS, NUM_STEPS = 20_000, 30_000


def eight_schools_noncentered(data):
    mu, tau = pm.Normal("mu", 0.0, 5.0), pm.HalfCauchy("tau", 5.0)
    raw = pm.Normal("theta_trans", 0.0, 1.0, shape=8)
    pm.Normal("y", mu + tau * raw, data["sigma"], observed=data["y"])


def eight_schools_centered(data):
    mu, tau = pm.Normal("mu", 0.0, 5.0), pm.HalfCauchy("tau", 5.0)
    theta = pm.Normal("theta", mu, tau, shape=8)
    pm.Normal("y", theta, data["sigma"], observed=data["y"])


def kidscore_interaction(data):
    design, y = reference.designs("kidscore_interaction", data)
    beta = pm.Normal("beta", 0.0, 1e5, shape=4)
    pm.Normal("y", pt.dot(design, beta), pm.HalfCauchy("sigma", 2.5), observed=y)


def mesquite(data):
    design, y = reference.designs("mesquite", data)
    beta = pm.Normal("beta", 0.0, 1e6, shape=7)
    pm.Normal("y", pt.dot(design, beta), pm.HalfNormal("sigma", 1e6), observed=y)


def diamonds(data):
    design, y = reference.designs("diamonds", data)
    b = pm.Normal("b", 0.0, 1.0, shape=24)
    intercept = pm.StudentT("intercept", nu=3.0, mu=8.0, sigma=10.0)
    sigma = pm.HalfStudentT("sigma", nu=3.0, sigma=10.0)
    pm.Normal("y", intercept + pt.dot(design, b), sigma, observed=y)


def garch11(data):
    y, first = np.asarray(data["y"], np.float64), np.float64(data["sigma1"] ** 2)
    mu, alpha0 = pm.Normal("mu", 0.0, 1e4), pm.HalfNormal("alpha0", 1e4)
    # Uniform on the triangle alpha1 + beta1 < 1.
    alpha1 = pm.Beta("alpha1", 1.0, 2.0)
    beta1 = pm.Uniform("beta1", 0.0, 1.0 - alpha1)
    later, _ = pytensor.scan(
        lambda value, variance, a0, a1, b1, m: a0 + a1 * (value - m) ** 2 + b1 * variance,
        sequences=[pt.as_tensor(y[:-1])],
        outputs_info=[pt.constant(first)],
        non_sequences=[alpha0, alpha1, beta1, mu],
    )
    variance = pt.concatenate([[first], later])
    pm.Normal("y", mu, pt.sqrt(variance), observed=y)


def gp_pois_regr(data):
    x = data["x"]
    rho, alpha = pm.Gamma("rho", alpha=25.0, beta=4.0), pm.HalfNormal("alpha", 2.0)
    raw = pm.Normal("f_tilde", 0.0, 1.0, shape=len(x))
    kernel = alpha**2 * pt.exp(-0.5 * (x[:, None] - x) ** 2 / rho**2)
    factor = pt.linalg.cholesky(kernel + 1e-10 * np.eye(len(x)))
    pm.Poisson("k", pt.exp(pt.dot(factor, raw)), observed=data["k"])


def advi(name, found, seed):
    def run():
        with pm.Model():
            globals()[name](found.data)
            fit = pm.fit(
                NUM_STEPS, method="fullrank_advi", random_seed=seed, progressbar=False
            )
            return fit.sample(NUM_DRAWS, random_seed=seed).posterior

    def collect(draws):
        return {key: np.asarray(values)[0] for key, values in draws.items()}

    return run, collect


if __name__ == "__main__":
    answer(dict(advi=advi))
