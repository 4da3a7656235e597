"""The kernel of random-walk Metropolis."""

import math
from typing import Any, NamedTuple

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows.types import LogProbFn, Seed


class RandomWalkResults(NamedTuple):
    """What a transition leaves behind: `Tensor`s of shape `[num_chains]`.

    Attributes:
      target_log_prob: the log density at the state.
      is_accepted: whether the state is the proposal.
      log_accept_ratio: log p(x') - log p(x); -inf where that is not finite.
      proposed_target_log_prob: the log density at the proposal.
    """

    target_log_prob: tf.Tensor
    is_accepted: tf.Tensor
    log_accept_ratio: tf.Tensor
    proposed_target_log_prob: tf.Tensor


class RandomWalk(tfp.mcmc.TransitionKernel):
    """Random-walk Metropolis with normal proposals, whose random numbers can be given.

    `one_step` does what that of `tfp.mcmc.RandomWalkMetropolis` does with
    `random_walk_normal_fn(scale)`, with the same random numbers and to the last bit.
    `move` is the transition without the drawing of them: a loop over it can draw for many
    transitions at once. Apart from that, it differs from TFP's in that

    - the state is one `Tensor` of vectors;
    - results are four numbers per chain, without the proposal and the seed;
    - vectors may lie along another axis than the last: with `event_axis=0` and states
      `[D, num_chains]` a coordinate of all chains is contiguous, as the instructions of
      processors want it, at D = 2 half of the time of a transition.
    """

    def __init__(
        self,
        target_log_prob_fn: LogProbFn,
        scale: tf.Tensor | float = 1.0,
        *,
        event_axis: int = -1,
    ) -> None:
        """Builds the kernel.

        Args:
          target_log_prob_fn: callable, states to log densities `[num_chains]`.
          scale: standard deviation of proposals, broadcasts with states.
          event_axis: the axis of states over which the target is one density, 0 or -1.
        """
        self._parameters = dict(
            target_log_prob_fn=target_log_prob_fn, scale=scale, event_axis=event_axis
        )

    @property
    def parameters(self) -> dict[str, Any]:
        """The arguments of `__init__` by name."""
        return self._parameters

    @property
    def is_calibrated(self) -> bool:
        """`True`: the target is its stationary distribution."""
        return True

    def bootstrap_results(self, init_state: tf.Tensor) -> RandomWalkResults:
        """The results before the first transition.

        Args:
          init_state: `Tensor` of states.

        Returns:
          `RandomWalkResults`, as if `init_state` had been accepted.
        """
        log_prob = self.parameters["target_log_prob_fn"](init_state)
        return RandomWalkResults(
            target_log_prob=log_prob,
            is_accepted=tf.ones_like(log_prob, tf.bool),
            log_accept_ratio=tf.zeros_like(log_prob),
            proposed_target_log_prob=log_prob,
        )

    def one_step(
        self,
        current_state: tf.Tensor,
        previous_kernel_results: RandomWalkResults,
        seed: Seed = None,
    ) -> tuple[tf.Tensor, RandomWalkResults]:
        """One transition of each chain.

        Args:
          current_state: `Tensor` of states.
          previous_kernel_results: results of the transition before.
          seed: `int` or stateless TFP seed; `None` draws a new one.

        Returns:
          `(state, results)`.
        """
        state = tf.convert_to_tensor(current_state)
        log_prob = previous_kernel_results.target_log_prob
        # As TFP's kernels split it, one after the other.
        proposal_seed, uniform_seed = tfp.random.split_seed(seed, n=2)
        (normal_seed,) = tf.unstack(tfp.random.split_seed(proposal_seed, n=1))
        noise = tf.random.stateless_normal(
            tf.shape(state), normal_seed, dtype=state.dtype
        )
        uniform = tf.random.stateless_uniform(
            tf.shape(log_prob), uniform_seed, dtype=log_prob.dtype
        )
        return self.move(state, log_prob, noise, tf.math.log(uniform))

    def move(
        self,
        state: tf.Tensor,
        log_prob: tf.Tensor,
        noise: tf.Tensor,
        log_uniform: tf.Tensor,
    ) -> tuple[tf.Tensor, RandomWalkResults]:
        """One transition of each chain with given random numbers.

        Args:
          state: `Tensor` of states.
          log_prob: their log densities, `[num_chains]`.
          noise: standard normal numbers, of the shape of `state`.
          log_uniform: logarithms of uniform numbers of [0, 1), `[num_chains]`.

        Returns:
          `(state, results)`.
        """
        proposal = noise * self.parameters["scale"] + state
        proposed = self.parameters["target_log_prob_fn"](proposal)
        # -inf also for a proposal of density +inf or NaN, which no chain would leave.
        ratio = proposed - log_prob
        ratio = tf.where(tf.math.is_finite(ratio), ratio, -math.inf)
        is_accepted = log_uniform < ratio
        is_moved = tf.expand_dims(is_accepted, self.parameters["event_axis"])
        return tf.where(is_moved, proposal, state), RandomWalkResults(
            target_log_prob=tf.where(is_accepted, proposed, log_prob),
            is_accepted=is_accepted,
            log_accept_ratio=ratio,
            proposed_target_log_prob=proposed,
        )
