"""tfp_flows by its public functions, as its documentation says.

`planar`, `deep` and `autoregressive` are a builder and `tff.vi.fit_reverse_kl`,
`posterior` is `tff.fit_posterior` on TFP's joint distribution. Settings are the number of
steps and of samples alone, `None` by default: nothing was searched. TensorFlow is loaded
as docs/performance.md says for scripts.
"""
# ruff: noqa: E402

import tfp_flows as tff

tff.startup.load_tensorflow()

import tensorflow as tf

from benchmarks.posteriors import models, reference
from benchmarks.recipe import targets
from benchmarks.time_to_kl.densities import DENSITIES
from benchmarks.time_to_kl.judge import POSTERIOR
from benchmarks.time_to_kl.workers.protocol import answer

_NUM_LAYERS = dict(planar=16, deep=32)
_OTHERS = dict(banana=targets.banana, funnel=targets.funnel)


class Fit:
    """What samples are drawn from, and where the time of the fit went."""

    def __init__(self, draw, result):
        self.draw = draw
        self.phases = {}
        if result is not None:
            self.phases = dict(
                setup_seconds=result.seconds
                - result.compile_seconds
                - result.train_seconds,
                compile_seconds=result.compile_seconds,
                train_seconds=result.train_seconds,
            )


class Trainer:
    """See `protocol`."""

    def __init__(self, job):
        self._job = job

    def train(self, settings):
        """See `protocol`."""
        budget = {key: settings[key] for key in ("num_steps", "sample_size")}
        arguments = dict(budget, seed=settings["seed"], progress_bar=False)
        if self._job["form"] == "posterior":
            return self._posterior(arguments)
        name, event_size = self._job["target"], DENSITIES[self._job["target"]].event_size
        target = _OTHERS.get(name) or tff.targets.get(name)
        if self._job["form"] in _NUM_LAYERS:
            num_layers = _NUM_LAYERS[self._job["form"]]
            flow = tff.planar_flow(event_size, num_layers, seed=settings["seed"])
        else:
            flow = tff.autoregressive_flow(
                event_size, 3, affine=True, seed=settings["seed"]
            )
        result = tff.vi.fit_reverse_kl(flow, target, **arguments)
        return Fit(flow.experimental_sample_and_log_prob, result)

    def _posterior(self, arguments):
        built = models.build(
            POSTERIOR, reference.read(POSTERIOR, self._job["folder"]).data
        )
        fitted = tff.fit_posterior(built.joint, **arguments, **built.pins)

        def draw(num_samples, seed):
            values = fitted.draws(num_samples, seed=seed).values
            log_tau = tf.math.log(values.tau)
            x = tf.concat(
                [values.mu[:, None], log_tau[:, None], values.theta_trans], axis=-1
            )
            return x, tf.zeros([num_samples])

        return Fit(draw, fitted.fit)

    def draw(self, fit, num_samples, seed):
        """See `protocol`."""
        x, log_q = fit.draw(num_samples, seed=seed)
        return x.numpy(), log_q.numpy()


if __name__ == "__main__":
    answer(Trainer, ("tfp_flows", "tensorflow", "tensorflow-probability", "numpy"))
