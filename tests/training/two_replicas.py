"""A script: what two replicas, on two logical CPUs, do of a fit, is what one does.

Logical devices are made before TensorFlow starts, so that it is a process of its own.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

import tfp_flows as tff

cpu = tf.config.list_physical_devices("CPU")[0]
two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(cpu, two)
STRATEGY = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
DATA = np.random.default_rng(0).normal([2.0, -1.0], 1.0, [50, 2])


class InTurn(tff.vi.ReverseKL):
    """On one device, the mean of what each of two replicas does."""

    def __call__(self, step):
        seed = tf.random.experimental.stateless_fold_in(self.seed, step)
        seeds = [tf.random.experimental.stateless_fold_in(seed, i) for i in range(2)]
        beta, density = self._beta(step), self._density_at(step)
        parts = [self._estimate(seed, beta, density) for seed in seeds]
        objective, difference = (sum(terms) / 2.0 for terms in zip(*parts, strict=True))
        return objective, tf.reduce_mean(difference, axis=0), beta


def target(x):
    return -0.5 * tf.reduce_sum((x - 1.0) ** 2, axis=-1) + tf.cos(x[..., 0])


def fit(objective, dtype, **arguments):
    mean = tf.Variable([0.1, -0.2], dtype=dtype)
    flow = tfd.MultivariateNormalDiag(mean, tf.Variable([1.0, 1.5], dtype=dtype))
    settings = dict(optimizer=keras.optimizers.SGD(0.1), seed=1, progress_bar=False)
    return tff.vi.fit(flow, objective, num_steps=5, **settings, **arguments)


def assert_equal(shared, alone, rtol):
    assert shared.settings["num_replicas"] == 2
    np.testing.assert_allclose(shared.loss, alone.loss, rtol=rtol)
    variables = shared.flow.trainable_variables, alone.flow.trainable_variables
    for one, other in zip(*variables, strict=True):
        np.testing.assert_allclose(one, other, rtol=rtol)


for dtype, rtol in ((tf.float32, 1e-6), (tf.float64, 1e-12)):
    shared = fit(tff.vi.ReverseKL(target, sample_size=64), dtype, strategy=STRATEGY)
    assert_equal(shared, fit(InTurn(target, sample_size=32), dtype), rtol)

    # Also of weighted points, of which the replicas have different sums of weights.
    arguments = dict(sample_weight=np.arange(1.0, 51.0), batch_size=10)
    nll = tff.vi.NegativeLogLikelihood(DATA, **arguments)
    assert_equal(fit(nll, dtype, strategy=STRATEGY), fit(nll, dtype), rtol)

with pytest.raises(ValueError, match="2 replicas cannot share equally"):
    fit(tff.vi.ReverseKL(target, sample_size=63), tf.float32, strategy=STRATEGY)
