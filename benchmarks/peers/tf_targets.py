"""The target densities in TensorFlow operations, for graphs of version 1 and 2."""

import numpy as np
import tensorflow as tf

from benchmarks.peers import numpy_targets


def example1(x):
    """See `numpy_targets.example1`."""
    across = (tf.norm(x, axis=-1) - 4.0) / 0.4
    right = -0.5 * tf.square((x[..., 0] - 2.0) / 0.8)
    left = -0.5 * tf.square((x[..., 0] + 2.0) / 0.8)
    # tf has no logaddexp: the larger plus softplus(minus the distance).
    stripes = tf.maximum(right, left) + tf.math.softplus(-tf.abs(right - left))
    return stripes - 0.5 * tf.square(across)


def gaussian(x):
    """See `numpy_targets.gaussian`."""
    scales = numpy_targets.gaussian_scales(x.shape[-1]).astype(np.float32)
    return -0.5 * tf.reduce_sum(tf.square(x * tf.constant(1.0 / scales)), axis=-1)


def get(name):
    """The target of that name, a function of points `[..., D]`."""
    return {"example1": example1, "gaussian": gaussian}[name]
