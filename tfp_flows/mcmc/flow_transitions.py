"""Transitions of chains in the space of a flow, many in one graph."""

from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows.mcmc import hamiltonian
from tfp_flows.mcmc.flow_space import FlowSpace


class FlowTransitions:
    """Blocks of transitions of y = z / scale, for the z of a `FlowSpace`.

    A transition is a jump, to a draw of the flow or nowhere, if there are jumps, and
    `num_moves` Hamiltonian moves after it.
    """

    def __init__(
        self,
        space: FlowSpace,
        *,
        kernel: str,
        num_moves: int,
        has_jumps: bool,
        num_chains: int,
        size: int,
    ) -> None:
        """Makes no graph yet.

        Args:
          space: `FlowSpace`.
          kernel: `"hmc"`, or `"nuts"` without jumps.
          num_moves: number of Hamiltonian transitions after each jump.
          has_jumps: whether there are any.
          num_chains: number of chains.
          size: most transitions of a block.
        """
        self._space, self._kernel = space, kernel
        self._num_moves, self._has_jumps = num_moves, has_jumps
        self._num_chains, self._size = num_chains, size

    def first_results(self, y: tf.Tensor, scale: tf.Tensor, step_size: tf.Tensor) -> Any:
        """What goes from one transition to the next beside y: the kernel's results.

        Without moves it is the log density of y alone.
        """
        if not self._num_moves:
            return self._space.log_prob(scale * y)
        kernel = hamiltonian.make_kernel(self._kernel, self._space, step_size, scale)
        return kernel.bootstrap_results(y)

    def draw_proposals(self, seed: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """What a block of jumps needs; see `FlowSpace.proposals`."""
        shape = [self._size, self._num_chains]
        return self._space.proposals(shape, seed, has_gradient=self._num_moves > 0)

    def advance(
        self,
        y: tf.Tensor,
        results: Any,
        scale: tf.Tensor,
        proposals: tuple[tf.Tensor, ...],
        num_steps: tf.Tensor,
        seed: tf.Tensor,
    ) -> tuple[tf.Tensor, Any, dict[str, tf.Tensor]]:
        """Up to `size` transitions.

        Args:
          y: `[num_chains, D]`, where the chains are.
          results: as of `first_results`, or the last block's.
          scale: `[D]`.
          proposals: as of `draw_proposals`, or none without jumps.
          num_steps: number of transitions, scalar `int32`.
          seed: stateless seed.

        Returns:
          The last y and results; and what is traced, name = `[size, num_chains, ...]`.
        """

        def transition(
            step: tf.Tensor, seed: tf.Tensor, y: tf.Tensor, results: Any
        ) -> Any:
            trace = {}
            if proposals:
                proposal = tuple(tf.gather(array, step) for array in proposals)
                y, results, trace["accepted"] = self._jump(y, results, scale, proposal)
            if self._num_moves:
                y, results = self._move(y, results, scale, seed)
                trace |= hamiltonian.trace_step(self._kernel, results)
            else:
                trace["log_prob"] = results
            return y, results, dict(trace, z=scale * y)

        def body(
            step: tf.Tensor, seed: tf.Tensor, y: tf.Tensor, results: Any, arrays: dict
        ) -> tuple:
            step_seed, seed = tf.unstack(tfp.random.split_seed(seed, n=2))
            y, results, trace = transition(step, step_seed, y, results)
            arrays = {name: arrays[name].write(step, trace[name]) for name in arrays}
            return step + 1, seed, y, results, arrays

        arrays = {
            name: tf.TensorArray(dtype, self._size, element_shape=shape)
            for name, (dtype, shape) in self._traced().items()
        }
        _, _, y, results, arrays = tf.while_loop(
            lambda step, *_: step < num_steps,
            body,
            (tf.constant(0), seed, y, results, arrays),
        )
        return y, results, {name: array.stack() for name, array in arrays.items()}

    def _traced(self) -> dict[str, tuple[tf.DType, list[int]]]:
        """Name = dtype and shape of what is traced of a transition."""
        dtype, shape = self._space.dtype, [self._num_chains]
        traced = dict(
            z=(dtype, [*shape, self._space.event_size]), log_prob=(dtype, shape)
        )
        if self._has_jumps:
            traced |= dict(accepted=(tf.bool, shape))
        if self._num_moves:
            traced |= dict(
                acceptance_rate=(dtype, shape),
                diverging=(tf.bool, shape),
                n_steps=(tf.int32, shape),
            )
        return traced

    def _jump(
        self,
        y: tf.Tensor,
        results: Any,
        scale: tf.Tensor,
        proposal: tuple[tf.Tensor, ...],
    ) -> tuple[tf.Tensor, Any, tf.Tensor]:
        """Takes a draw of the flow with probability min(1, w' / w), w = p / q."""
        z, log_prob, gradient, log_base, log_uniform = proposal
        now = hamiltonian.log_prob_of(results) if self._num_moves else results
        log_weight = now - self._space.base.log_prob(scale * y)
        is_accepted = log_uniform < log_prob - log_base - log_weight
        y = tf.where(is_accepted[:, tf.newaxis], z / scale, y)
        if self._num_moves:
            results = hamiltonian.replace_state(
                results, is_accepted, log_prob, scale * gradient
            )
        else:
            results = tf.where(is_accepted, log_prob, now)
        return y, results, is_accepted

    def _move(
        self, y: tf.Tensor, results: Any, scale: tf.Tensor, seed: tf.Tensor
    ) -> tuple[tf.Tensor, Any]:
        """`num_moves` Hamiltonian transitions."""
        kernel = hamiltonian.make_kernel(
            self._kernel, self._space, results.new_step_size, scale
        )

        def body(move: tf.Tensor, seed: tf.Tensor, y: tf.Tensor, results: Any) -> tuple:
            move_seed, seed = tf.unstack(tfp.random.split_seed(seed, n=2))
            return move + 1, seed, *kernel.one_step(y, results, seed=move_seed)

        return tf.while_loop(
            lambda move, *_: move < self._num_moves,
            body,
            (tf.constant(0), seed, y, results),
        )[2:]
