"""The log density of a flow at many points, compiled once."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfp_flows.training import xla_errors
from tfp_flows.vi.data_arguments import align

# Points per call of the compiled density, if there are as many.
_SMALLEST_BLOCK, _LARGEST_BLOCK = 1_024, 4_096


def compile_log_prob(
    flow: tfd.Distribution, *arrays: np.ndarray, jit_compile: bool
) -> Callable[[np.ndarray], np.ndarray]:
    """Compiles the log density of any number of points, in blocks of one size.

    `arrays` are what it will be asked for, the most frequent first. It maps an array
    `[N, *event_shape]` to one `[N, *batch_shape]`.
    """
    block = min(max(len(arrays[0]), _SMALLEST_BLOCK), _LARGEST_BLOCK)
    block = min(block, max(map(len, arrays)))

    @tf.function(jit_compile=jit_compile, autograph=False)
    def log_prob_of_block(points: tf.Tensor) -> tf.Tensor:
        return flow.log_prob(align(flow, points))

    def log_prob_fn(points: np.ndarray) -> np.ndarray:
        parts = []
        for start in range(0, len(points), block):
            part = points[start : start + block]
            padding = np.repeat(part[:1], block - len(part), axis=0)
            with xla_errors(jit_compile):
                values = log_prob_of_block(tf.constant(np.concatenate([part, padding])))
            parts.append(values.numpy()[: len(part)])
        return np.concatenate(parts)

    return log_prob_fn
