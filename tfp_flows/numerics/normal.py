"""Standard normal numbers, fast under XLA."""

import math

import tensorflow as tf

# As TFP does, to choose between implementations.
from tensorflow.python.ops import control_flow_util


def stateless_normal(shape, seed, dtype):
    """Like `tf.random.stateless_normal`; in float32 under XLA, five to nine times faster.

    There, TensorFlow's own op takes 19 to 35 ns per number on CPUs, a third of a training
    step of a two-dimensional flow: its default generator, and its fusion of generator and
    inverse error function, are not vectorised. The same two apart, with the Threefry
    generator, take 4 ns.

    Args:
      shape: integer `Tensor` or list.
      seed: stateless seed, an integer `Tensor` of shape `[2]`.
      dtype: floating `tf.DType`.

    Returns:
      `Tensor` of shape `shape`. The numbers differ between XLA and other modes.
    """
    graph = tf.compat.v1.get_default_graph()
    is_xla = control_flow_util.GraphOrParentsInXlaContext(graph)
    if not is_xla or dtype != tf.float32:
        return tf.random.stateless_normal(shape, seed, dtype=dtype)
    bits = tf.random.stateless_uniform(
        shape, seed, minval=None, maxval=None, dtype=tf.int32, alg="threefry"
    )
    # The 24 highest bits, as the midpoints of 2^24 intervals of (-1, 1): symmetric, and
    # never the ends, where the inverse error function is infinite.
    uniform = (tf.cast(tf.bitwise.right_shift(bits, 8), dtype) + 0.5) * 2.0**-23
    return math.sqrt(2.0) * tf.math.erfinv(uniform)
