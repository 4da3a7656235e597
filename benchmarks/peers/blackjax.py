"""BlackJAX: its additive-step random walk, the chains under `vmap`, the steps in `scan`.

One jitted program of all steps, compiled ahead of time, that keeps all positions, as
BlackJAX documents for many chains; one key per step is split over the chains.
"""

import time

import blackjax
import jax
import jax.numpy as jnp
import jax.random as jr

from benchmarks.peers import jax_targets, rates

PACKAGES = ("blackjax", "jax", "jaxlib")


def mcmc(job):
    """Transitions per second of all chains, with and without compilation."""
    num_chains, num_steps = job["num_chains"], job["num_steps"]
    sampler = blackjax.additive_step_random_walk(
        jax_targets.example1, blackjax.mcmc.random_walk.normal(jnp.ones(2))
    )

    def step(states, key):
        states, info = jax.vmap(sampler.step)(jr.split(key, num_chains), states)
        return states, (states.position, info.is_accepted)

    @jax.jit
    def run(states, key):
        return jax.lax.scan(step, states, jr.split(key, num_steps))

    states = jax.vmap(sampler.init)(jr.normal(jr.key(0), (num_chains, 2)))
    started = time.perf_counter()
    compiled = run.lower(states, jr.key(1)).compile()
    compile_seconds = time.perf_counter() - started

    jax.block_until_ready(compiled(states, jr.key(2)))
    started = time.perf_counter()
    _, (_, is_accepted) = jax.block_until_ready(compiled(states, jr.key(3)))
    seconds = time.perf_counter() - started
    rate = num_steps * num_chains / seconds
    return dict(
        transitions_per_second=rate,
        rate_of_ten_seconds=rates.of_ten_seconds(rate, compile_seconds),
        compile_seconds=compile_seconds,
        acceptance=float(jnp.mean(is_accepted)),
    )


TASKS = {"mcmc": mcmc}
