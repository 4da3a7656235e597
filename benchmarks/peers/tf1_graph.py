"""The predecessor's training step: a static TensorFlow 1 graph, one `Session.run` a step.

The formulas of abdulfatir/normalizing-flows, written anew: per layer variables u, w, b;
u_hat = u + (m(w.u) - w.u) w / ||w|| with m(x) = log(1 + e^x) - 1 (the division by ||w||
instead of ||w||^2 is a fault of it that costs no time); log |1 + u_hat.(1 - tanh^2) w|;
Adam. Each layer adds its own operations to the graph; each step fetches the loss.
"""

import numpy as np
import tensorflow as tf

from benchmarks.peers import tf_targets, training

PACKAGES = ("tensorflow", "numpy")

v1 = tf.compat.v1


def planar(z, index):
    """One layer: its image of `z`, `[S, D]`, and its log-determinant, `[S]`."""
    shape = (1, z.shape[-1])
    with v1.variable_scope(f"layer_{index}"):
        u = v1.get_variable("u", shape)
        w = v1.get_variable("w", shape)
        b = v1.get_variable("b", ())
    wu = tf.reduce_sum(w * u)
    u_hat = u + (tf.math.log(1.0 + tf.exp(wu)) - 1.0 - wu) * w / tf.norm(w)
    activation = tf.tanh(tf.reduce_sum(z * w, axis=-1, keepdims=True) + b)
    psi = (1.0 - activation**2) * w
    log_det = tf.math.log(tf.abs(1.0 + tf.reduce_sum(psi * u_hat, axis=-1)))
    return z + u_hat * activation, log_det


class GraphTrainer:
    """One graph and session."""

    def __init__(self, job):
        log_prob = tf_targets.get(job["target"])
        self._graph = tf.Graph()
        with self._graph.as_default():
            v1.set_random_seed(0)
            z = tf.random.normal([job["S"], job["D"]])
            constant = 0.5 * job["D"] * np.log(2.0 * np.pi)
            log_q = -0.5 * tf.reduce_sum(z**2, axis=-1) - constant
            for index in range(job["K"]):
                z, log_det = planar(z, index)
                log_q -= log_det
            self._loss = tf.reduce_mean(log_q - log_prob(z))
            self._train = v1.train.AdamOptimizer(1e-3).minimize(self._loss)
            self._points = v1.placeholder(tf.float32, [None, job["D"]])
            self._target = log_prob(self._points)
            self._session = v1.Session()
            self._session.run(v1.global_variables_initializer())

    def compile(self, num_steps):
        """Nothing: the graph is built, and its first run prepares it."""

    def run(self, num_steps):
        """Makes the steps."""
        fetches = [self._loss, self._train]
        return np.array([self._session.run(fetches)[0] for _ in range(num_steps)])

    def log_prob(self, points):
        """The target."""
        return self._session.run(self._target, {self._points: points})


TASKS = training.tasks(GraphTrainer)
