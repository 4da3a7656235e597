"""PyMC's ADVI with a full-rank Gaussian, its Adam at a constant rate, unannealed."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from benchmarks.time_to_kl.densities import DENSITIES
from benchmarks.time_to_kl.workers.protocol import answer


class Trainer:
    """See `protocol`; a fit is the mean and the factor of the covariance."""

    def __init__(self, target):
        density = DENSITIES[target]
        with pm.Model() as self._model:
            x = pm.Flat("x", shape=density.event_size)
            pm.Potential("log_prob", density.log_prob(pt, x))

    def train(self, settings):
        """See `protocol`."""
        with self._model:
            fit = pm.fit(
                settings["num_steps"],
                method="fullrank_advi",
                random_seed=settings["seed"],
                obj_optimizer=pm.adam(learning_rate=settings["rate"]),
                obj_n_mc=settings["sample_size"],
                progressbar=False,
            )
        return fit.mean.eval(), np.linalg.cholesky(fit.cov.eval())

    def draw(self, fit, num_samples, seed):
        """See `protocol`."""
        mean, factor = fit
        z = np.random.default_rng(seed).normal(size=(num_samples, len(mean)))
        log_det = np.sum(np.log(np.diag(factor)))
        log_z = 0.5 * np.sum(z**2 + np.log(2.0 * np.pi), axis=-1)
        return mean + z @ factor.T, -log_z - log_det


if __name__ == "__main__":
    answer(lambda job: Trainer(job["target"]), ("pymc", "pytensor", "numpy"))
