"""Loops over transitions whose random numbers are drawn in blocks, ahead of them."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from tfp_flows import numerics

# Random numbers in a block: few enough for the caches of a core, and enough for drawing
# them at once to cost nothing beside the drawing itself.
_BLOCK_SIZE = 1 << 16


def loop_over_transitions(
    transition_fn: Callable[..., tuple],
    loop_vars: tuple,
    *,
    num_steps: int | tf.Tensor,
    state_shape: Sequence[int],
    dtype: tf.DType,
    seed: tf.Tensor,
) -> tuple:
    """Calls `transition_fn` once for each transition, in a `tf.while_loop`.

    A transition is little work, of which the generator would be the most: it comes in an
    outer loop. What is left of the inner one XLA makes, for one chain, a single function.
    The first transitions of a longer loop have the same random numbers.

    Args:
      transition_fn: callable, `(step, noise, log_uniform, *loop_vars)` to `loop_vars`,
        with the index of the transition, standard normal numbers `[D, num_chains]`, and
        logarithms of uniform numbers `[num_chains]`.
      loop_vars: a tuple of structures of `Tensor`s.
      num_steps: number of transitions.
      state_shape: `[D, num_chains]`.
      dtype: of the random numbers.
      seed: stateless TFP seed.

    Returns:
      `loop_vars` after the last transition.
    """
    event_size, num_chains = state_shape
    size = max(1, _BLOCK_SIZE // ((event_size + 1) * num_chains))

    def outer_body(block: tf.Tensor, loop_vars: tuple) -> tuple:
        # Generators scramble seeds: they may count up. To split them takes XLA a third of
        # a second to compile.
        normal_seed, uniform_seed = (
            seed + tf.stack([0, 2 * block + stream]) for stream in (0, 1)
        )
        noise = numerics.stateless_normal([size, *state_shape], normal_seed, dtype)
        log_uniform = tf.math.log(
            numerics.stateless_uniform([size, num_chains], uniform_seed, dtype)
        )
        start = size * block

        def inner_body(index: tf.Tensor, loop_vars: tuple) -> tuple:
            drawn = tf.gather(noise, index), tf.gather(log_uniform, index)
            return index + 1, transition_fn(start + index, *drawn, *loop_vars)

        _, loop_vars = tf.while_loop(
            lambda index, _: index < tf.minimum(size, num_steps - start),
            inner_body,
            (tf.constant(0), loop_vars),
        )
        return block + 1, loop_vars

    outer_vars: Any = (tf.constant(0), loop_vars)
    _, loop_vars = tf.while_loop(
        lambda block, _: size * block < num_steps, outer_body, outer_vars
    )
    return loop_vars
