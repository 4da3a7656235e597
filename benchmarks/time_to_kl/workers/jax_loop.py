"""The training loop of the workers on JAX: one compiled loop, of any number of steps.

Neither FlowJAX nor NumPyro ships it for flows: FlowJAX has a Python loop over a compiled
step, and NumPyro's `SVI.run` compiles anew for each number of steps. Adam of optax, its
rate under a cosine, gradients clipped at norm 1, those that are not finite zero.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks.time_to_kl.densities import DENSITIES


class Trainer:
    """See `protocol`; a fit is the parameters of the flow."""

    def __init__(self, target, initialize):
        """Of a target's name.

        Args:
          target: a name of `DENSITIES`.
          initialize: callable, from a key to the parameters of a flow and a callable that
            draws from it, `(parameters, key, n)` to x `[n, D]` and log q `[n]`.
        """
        self._log_prob = functools.partial(DENSITIES[target].log_prob, jnp)
        self._initialize = initialize
        # The same objects in every call, or all would be compiled anew.
        _, self._sample_and_log_prob = initialize(jax.random.key(0))
        self._draw = jax.jit(self._sample_and_log_prob, static_argnums=2)
        self._optimizer = optax.chain(
            optax.zero_nans(), optax.clip_by_global_norm(1.0), optax.scale_by_adam()
        )
        self._run = jax.jit(self._steps, static_argnames="sample_size")

    def _steps(self, parameters, key, num_steps, rate, annealed, sample_size):
        def loss(parameters, key, beta):
            x, log_q = self._sample_and_log_prob(parameters, key, sample_size)
            return jnp.mean(log_q - beta * self._log_prob(x))

        def step(i, state):
            parameters, moments = state
            progress = i / num_steps
            rising = jnp.minimum(0.01 + 0.99 * 2.0 * progress, 1.0)
            beta = jnp.where(annealed, rising, 1.0)
            gradients = jax.grad(loss)(parameters, jax.random.fold_in(key, i), beta)
            updates, moments = self._optimizer.update(gradients, moments)
            scale = -0.5 * rate * (1.0 + jnp.cos(jnp.pi * progress))
            updates = jax.tree.map(lambda update: scale * update, updates)
            return optax.apply_updates(parameters, updates), moments

        state = parameters, self._optimizer.init(parameters)
        return jax.lax.fori_loop(0, num_steps, step, state)[0]

    def train(self, settings):
        """See `protocol`."""
        first, later = jax.random.split(jax.random.key(settings["seed"]))
        parameters, _ = self._initialize(first)
        run = self._run(
            parameters,
            later,
            settings["num_steps"],
            settings["rate"],
            settings["annealed"],
            settings["sample_size"],
        )
        return jax.block_until_ready(run)

    def draw(self, fit, num_samples, seed):
        """See `protocol`."""
        x, log_q = self._draw(fit, jax.random.key(seed), num_samples)
        return np.asarray(x), np.asarray(log_q)
