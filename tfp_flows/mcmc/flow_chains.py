"""Chains in the space of a flow: jumps by draws of the flow, and Hamiltonian moves."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

from tfp_flows import numerics
from tfp_flows.mcmc.chain_result import ChainResult
from tfp_flows.mcmc.flow_space import FlowSpace, warn_of_invalid
from tfp_flows.mcmc.flow_transitions import FlowTransitions
from tfp_flows.mcmc.mode_crossings import mode_statistics, warn_of_separate_modes
from tfp_flows.mcmc.windows import window_lengths
from tfp_flows.training import xla_errors
from tfp_flows.types import LogProbFn, Seed

# The first step size, in standard deviations of the base.
_STEP_SIZE = 0.5
# How many draws the variance of the base, 1, is worth beside those of a window.
_PRIOR_DRAWS = 5.0
# Enough for R-hat to show a mode that they do not leave.
_CHAINS_FROM_EACH = 4


class FlowChains:
    """Chains that can be continued: each `sample` goes on where the last one ended.

    One compiled program serves burn-in and sampling; draws of the flow come from another
    one, many at once. See `FlowTransitions` for what a transition is.
    """

    def __init__(
        self,
        flow: tfd.Distribution,
        target: LogProbFn | tfd.Distribution,
        settings: dict[str, Any],
        *,
        kernel: str = "hmc",
        num_moves: int,
        has_jumps: bool,
        initial_state: npt.ArrayLike | tf.Tensor | None = None,
        also_from: np.ndarray | None = None,
        seed: Seed = None,
    ) -> None:
        """Checks `flow` and `target`, and starts the chains.

        Args:
          flow: as of `neutra`.
          target: as of `neutra`.
          settings: those of its arguments that are plain values, checked already, and
            `sampler`, the name of the function; without `seed`.
          kernel: `"hmc"`, or `"nuts"` without jumps.
          num_moves: number of Hamiltonian transitions after each jump.
          has_jumps: whether there are any.
          initial_state: as of `neutra`.
          also_from: points `[E, D]`; of the chains, `_CHAINS_FROM_EACH` start at each of
            them in place of elsewhere.
          seed: as of `neutra`.

        Raises:
          ValueError: beside what `neutra` raises, if chains cannot start at a point of
            `also_from`.
        """
        seed = numerics.stateless_seed(seed)
        self._settings = settings | dict(seed=np.asarray(seed).tolist())
        self._num_moves, self._has_jumps = num_moves, has_jumps
        check_seed, start_seed, self._seed = tf.unstack(
            tfp.random.split_seed(seed, n=3, salt="flow_chains")
        )
        self._space = FlowSpace(flow, target, seed=check_seed, is_moved=num_moves > 0)
        num_chains = settings["num_chains"]
        self._y = self._space.start(
            num_chains, initial_state, start_seed, settings["sampler"]
        )
        if also_from is not None and len(also_from):
            points = np.repeat(also_from, _CHAINS_FROM_EACH, axis=0)[:num_chains]
            z = self._space.start(len(points), points, start_seed, settings["sampler"])
            self._y = tf.concat([z, self._y[len(points) :]], axis=0)
        self._scale = tf.ones([self._space.event_size], self._space.dtype)
        self._starts = self._space.forward(self._y)
        self._num_done = 0
        # Transitions per call, which returns the states of all chains at each.
        wanted = settings["num_samples"] * settings["thinning"]
        self._size = int(np.clip(numerics.MOST_POINTS // num_chains, 1, wanted))
        transitions = FlowTransitions(
            self._space,
            kernel=kernel,
            num_moves=num_moves,
            has_jumps=has_jumps,
            num_chains=num_chains,
            size=self._size,
        )
        jit_compile = settings["jit_compile"]
        self._advance = _graph(transitions.advance, jit_compile=jit_compile)
        self._propose = _graph(transitions.draw_proposals)
        self._bootstrap = _graph(transitions.first_results)
        self._results = self._call(
            self._bootstrap,
            self._y,
            self._scale,
            tf.constant(_STEP_SIZE, self._space.dtype),
        )

    def run(self, started: float) -> ChainResult:
        """Burn-in and samples as the settings say, with a warning if no mode is left.

        Args:
          started: when the run started, by `time.perf_counter`.
        """
        self.burn_in(self._settings["num_burnin"])
        result = self.sample(started=started)
        density, crossings = self._space.density, result.mode_crossings
        warn_of_separate_modes(density, self._starts, crossings)
        return result

    def burn_in(self, num_steps: int) -> None:
        """Moves the chains on while step size and mass matrix are tuned.

        In windows, each as long as all before it together. All tune the step size, by
        dual averaging; the scales, one for each dimension, are the standard deviations of
        the chains' states in a window, for the next. The last one, half of the steps,
        keeps them.
        """
        if not self._num_moves:
            if num_steps:
                self._run(num_steps)
            return
        lengths = window_lengths(num_steps)
        for index, length in enumerate(lengths):
            self._results = self._results._replace(
                num_adaptation_steps=tf.constant(length)
            )
            z = self._run(length)["z"]
            if index < len(lengths) - 1:
                count = float(z.shape[0] * z.shape[1])
                total = count * np.var(z, axis=(0, 1)) + _PRIOR_DRAWS
                z_now = self._y * self._scale
                self._scale = tf.constant(
                    np.sqrt(total / (count + _PRIOR_DRAWS)), self._space.dtype
                )
                self._y = z_now / self._scale
                step_size = self._results.new_step_size
                self._results = self._call(
                    self._bootstrap, self._y, self._scale, step_size
                )

    @property
    def step_size(self) -> float:
        """Of the Hamiltonian moves."""
        return float(self._results.new_step_size)

    def sample(
        self, num_samples: int | None = None, *, started: float | None = None
    ) -> ChainResult:
        """The next samples of each chain, to which all transitions before are burn-in.

        Args:
          num_samples: how many to keep; `None` is as many as the settings say.
          started: when the run started, by `time.perf_counter`; `None` is now.
        """
        started = time.perf_counter() if started is None else started
        num_samples = num_samples or self._settings["num_samples"]
        thinning, num_burnin = self._settings["thinning"], self._num_done
        trace = self._run(num_samples * thinning)
        name = "accepted" if self._has_jumps else "acceptance_rate"
        acceptance = np.mean(trace[name], axis=0)
        kept = {key: array[thinning - 1 :: thinning] for key, array in trace.items()}
        samples, kept["lp"] = self._space.samples(kept.pop("z"), kept.pop("log_prob"))
        return ChainResult(
            samples=samples,
            acceptance_rate_per_chain=acceptance,
            step_size=self.step_size if self._num_moves else None,
            num_burnin=num_burnin,
            seconds=time.perf_counter() - started,
            settings=self._settings
            | dict(num_samples=num_samples, num_burnin=num_burnin),
            sample_stats=kept,
            **mode_statistics(self._space.density, samples),
        )

    def _run(self, num_steps: int) -> dict[str, np.ndarray]:
        """What the next transitions trace, `[num_steps, num_chains, ...]` arrays."""
        self._num_done += num_steps
        blocks = []
        for start in range(0, num_steps, self._size):
            number = min(self._size, num_steps - start)
            propose_seed, move_seed, self._seed = tf.unstack(
                tfp.random.split_seed(self._seed, n=3)
            )
            proposals: tuple = ()
            if self._has_jumps:
                *proposals, num_invalid = self._call(self._propose, propose_seed)
                warn_of_invalid(int(num_invalid), self._size * len(self._starts))
            self._y, self._results, trace = self._call(
                self._advance,
                self._y,
                self._results,
                self._scale,
                tuple(proposals),
                tf.constant(number),
                move_seed,
            )
            blocks.append({key: x.numpy()[:number] for key, x in trace.items()})
        return {key: np.concatenate([b[key] for b in blocks]) for key in blocks[0]}

    def _call(
        self, function: tf.types.experimental.PolymorphicFunction, *arguments: Any
    ) -> Any:
        # By the concrete function: a tf.function, new in each run, would warn of tracing.
        is_compiled = function is self._advance and self._settings["jit_compile"]
        with xla_errors(is_compiled):
            return function.get_concrete_function(*arguments)(*arguments)


def _graph(function: Callable, *, jit_compile: bool = False) -> Any:
    return tf.function(function, jit_compile=jit_compile, autograph=False)
