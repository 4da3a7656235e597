"""Random-walk Metropolis as one compiled program."""

import math
from typing import Any

import numpy as np
import tensorflow as tf

from tfp_flows.mcmc.arguments import BURNIN
from tfp_flows.mcmc.blocks import loop_over_transitions
from tfp_flows.mcmc.random_walk import RandomWalk
from tfp_flows.mcmc.scale_tuning import tune_parameter_scales, tune_scale
from tfp_flows.types import LogProbFn

# Where the seconds that XLA takes to compile are fewer than those it saves.
_XLA_STEPS = 20_000
_XLA_TRANSITIONS = 30_000_000


def run_program(
    log_prob_fn: LogProbFn,
    arguments: tuple[tf.Tensor, tf.Tensor, tf.Tensor],
    settings: dict,
    name: str,
) -> tuple[list[np.ndarray], bool]:
    """Compiles and runs burn-in and sampling of all chains.

    Args:
      log_prob_fn: callable, `[num_chains, D]` to `[num_chains]`.
      arguments: `(state, burnin_seed, sample_seed)`, the state `[num_chains, D]`.
      settings: those of `random_walk_metropolis`.
      name: prefix of the names of ops.

    Returns:
      `(arrays, is_xla)`: samples `[num_samples, num_chains, D]`, the numbers of accepted
      and of invalid proposals `[num_chains]`, and proposal scales `[D]`; and whether XLA
      compiled the program.

    Raises:
      RuntimeError: if XLA was asked for and cannot compile the target.
    """
    wanted = settings["jit_compile"]
    num_steps = settings["num_burnin"] + settings["num_samples"] * settings["thinning"]
    pays = num_steps >= _XLA_STEPS or (
        num_steps * settings["num_chains"] >= _XLA_TRANSITIONS
    )
    if pays if wanted is None else wanted:
        try:
            return _run(log_prob_fn, arguments, settings, name, jit_compile=True), True
        except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError) as error:
            if wanted:
                raise RuntimeError(
                    "XLA could not compile the target; pass jit_compile=False. It said: "
                    f"{str(error).strip().splitlines()[0]}"
                ) from error
    return _run(log_prob_fn, arguments, settings, name, jit_compile=False), False


def _run(
    log_prob_fn: LogProbFn,
    arguments: tuple[tf.Tensor, tf.Tensor, tf.Tensor],
    settings: dict,
    name: str,
    jit_compile: bool,
) -> list[np.ndarray]:
    run = _build_run(log_prob_fn, settings, name, jit_compile)
    # One concrete function: a tf.function, new in each call, would warn of retracing.
    return [x.numpy() for x in run.get_concrete_function(*arguments)(*arguments)]


def _build_run(
    log_prob_fn: LogProbFn, settings: dict, name: str, jit_compile: bool
) -> Any:
    """The compiled program: burn-in and sampling of all chains."""
    given = settings["parameter_scales"]
    tune = tune_parameter_scales if given == BURNIN else tune_scale
    relative = tf.constant(given if isinstance(given, list) else [1.0], settings["dtype"])

    # In here, points are [D, num_chains]: see `RandomWalk`.
    def make_kernel(scale: tf.Tensor | float) -> RandomWalk:
        return RandomWalk(
            lambda points: log_prob_fn(tf.transpose(points)),
            scale * relative[:, tf.newaxis],
            event_axis=0,
        )

    # AutoGraph off, with explicit loops: `for` loops over tensors are slow under XLA.
    @tf.function(jit_compile=jit_compile, autograph=False)
    def run(
        state: tf.Tensor, burnin_seed: tf.Tensor, sample_seed: tf.Tensor
    ) -> tuple[tf.Tensor, ...]:
        with tf.name_scope(name):
            state, log_prob, scale = tune(
                make_kernel,
                tf.transpose(state),
                log_prob_fn(state),
                num_steps=settings["num_burnin"],
                scale=settings["initial_scale"],
                acceptance=settings["target_acceptance"],
                seed=burnin_seed,
            )
            kernel = make_kernel(scale)
            samples, *counts = _sample(kernel, state, log_prob, settings, sample_seed)
            scales = kernel.parameters["scale"] * tf.ones_like(state[:, :1])
            return samples, *counts, scales[:, 0]

    return run


def _sample(
    kernel: RandomWalk,
    state: tf.Tensor,
    log_prob: tf.Tensor,
    settings: dict,
    seed: tf.Tensor,
) -> tuple[tf.Tensor, ...]:
    """Samples, and how many proposals of each chain were accepted, and invalid."""
    num_samples, thinning = settings["num_samples"], settings["thinning"]
    samples = tf.TensorArray(
        state.dtype, num_samples, element_shape=tf.transpose(state).shape
    )

    def transition(
        step: tf.Tensor,
        noise: tf.Tensor,
        log_uniform: tf.Tensor,
        state: tf.Tensor,
        log_prob: tf.Tensor,
        num_accepted: tf.Tensor,
        num_invalid: tf.Tensor,
        samples: tf.TensorArray,
    ) -> tuple:
        state, results = kernel.move(state, log_prob, noise, log_uniform)
        proposed = results.proposed_target_log_prob
        is_invalid = tf.math.is_nan(proposed) | (proposed == math.inf)
        return (
            state,
            results.target_log_prob,
            num_accepted + tf.cast(results.is_accepted, tf.int32),
            num_invalid + tf.cast(is_invalid, tf.int32),
            # Written over until the last of the transitions that lead to it.
            samples.write((step + thinning - 1) // thinning, tf.transpose(state)),
        )

    zeros = tf.zeros_like(log_prob, tf.int32)
    *_, num_accepted, num_invalid, samples = loop_over_transitions(
        transition,
        (state, log_prob, zeros, zeros, samples),
        num_steps=(num_samples - 1) * thinning + 1,
        state_shape=state.shape,
        dtype=state.dtype,
        seed=seed,
    )
    return samples.stack(), num_accepted, num_invalid
