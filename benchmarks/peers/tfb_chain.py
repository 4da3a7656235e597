"""Layer by layer in TFP: a `tfb.Chain` of K planar layers under TFP's own fit.

`tff.planar_flow(..., fused=False)`, the same numbers as `ours`, in
`tfp.vi.fit_surrogate_posterior`: what a TFP user would write. (Its layers are this
package's single layers, whose log-determinants take more operations than those of
`tf1_graph`, and do not cancel.) Two forms: `graph`, one
`tf.function`, and `xla`, the same with `jit_compile=True`. TFP bakes the number of steps
into the program, so that its first run, with the tracing, is one of as many steps as
the later ones. The optimizer is Keras 3's Adam, its slots made beforehand.
"""

import keras
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows as tff
from benchmarks.peers import tf_targets, training

PACKAGES = ("tensorflow", "tensorflow-probability", "keras", "tfp_flows", "numpy")


class ChainTrainer:
    """One compiled fit, called again and again."""

    def __init__(self, job):
        self._flow = tff.planar_flow(job["D"], job["K"], seed=0, fused=False)
        self._log_prob = tf_targets.get(job["target"])
        self._sample_size = job["S"]
        self._jit_compile = {"graph": False, "xla": True}[job["form"]]
        self._optimizer = keras.optimizers.Adam(1e-3)
        self._optimizer.build(self._flow.trainable_variables)
        self._compiled = {}

    def compile(self, num_steps):
        """Traces the fit of that many steps; XLA compiles it in its first run."""

        @tf.function(jit_compile=self._jit_compile, autograph=False)
        def fit(seed):
            return tfp.vi.fit_surrogate_posterior(
                self._log_prob,
                self._flow,
                optimizer=self._optimizer,
                num_steps=num_steps,
                sample_size=self._sample_size,
                trainable_variables=self._flow.trainable_variables,
                seed=seed,
            )

        signature = tf.TensorSpec([2], tf.int32)
        self._compiled[num_steps] = fit.get_concrete_function(signature)

    def run(self, num_steps):
        """Makes the steps."""
        return self._compiled[num_steps](tf.constant([0, 1])).numpy()

    def log_prob(self, points):
        """The target."""
        return self._log_prob(tf.constant(points)).numpy()


TASKS = training.tasks(ChainTrainer)
