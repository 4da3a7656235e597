"""Standard normal numbers, fast under XLA."""

import math

import tensorflow as tf

# As TFP does, to choose between implementations.
from tensorflow.python.ops import control_flow_util

# Bits of a random integer, and how many of the highest make a uniform number.
_BITS = {tf.float32: (tf.int32, 24), tf.float64: (tf.int64, 53)}


def stateless_normal(shape, seed, dtype):
    """Like `tf.random.stateless_normal`, but under XLA in a fraction of the time.

    There, TensorFlow's own op takes 19 to 35 ns per number on CPUs, a third of a training
    step of a two-dimensional flow: its default generator, and its fusion of generator and
    inverse error function, are not vectorised. The same two apart, with the Threefry
    generator, take 4 ns; in float64, 6 to 9 ns instead of 19 to 60.

    Args:
      shape: integer `Tensor` or list.
      seed: stateless seed, an integer `Tensor` of shape `[2]`.
      dtype: floating `tf.DType`.

    Returns:
      `Tensor` of shape `shape`. The numbers differ between XLA and other modes.
    """
    graph = tf.compat.v1.get_default_graph()
    is_xla = control_flow_util.GraphOrParentsInXlaContext(graph)
    if not is_xla or dtype not in _BITS:
        return tf.random.stateless_normal(shape, seed, dtype=dtype)
    integer, num_bits = _BITS[dtype]
    bits = tf.random.stateless_uniform(
        shape, seed, minval=None, maxval=None, dtype=integer, alg="threefry"
    )
    # The midpoints of 2^num_bits intervals of (-1, 1): symmetric, and never the ends,
    # where the inverse error function is infinite.
    highest = tf.bitwise.right_shift(bits, 8 * integer.size - num_bits)
    uniform = (tf.cast(highest, dtype) + 0.5) * 2.0 ** (1 - num_bits)
    return math.sqrt(2.0) * tf.math.erfinv(uniform)
