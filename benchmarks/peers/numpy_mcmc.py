"""Random-walk Metropolis as a Python loop over one chain, in two forms.

- `predecessor`: as in abdulfatir/normalizing-flows, written anew: a proposal from
  `np.random.multivariate_normal`, and the density of both points at every step.
- `lean`: what such a loop can reach: a plain normal, and one log density per step.
"""

import time

import numpy as np

from benchmarks.peers import numpy_targets

PACKAGES = ("numpy",)


def predecessor_loop(num_steps):
    """The chain, `[num_steps, 2]`, and its share of accepted proposals."""
    np.random.seed(0)
    identity = np.eye(2)
    state, samples, num_accepted = np.zeros((1, 2)), [], 0
    for _ in range(num_steps):
        proposal = np.random.multivariate_normal(state[0], identity)[np.newaxis]
        ratio = np.exp(numpy_targets.example1(proposal)) / np.exp(
            numpy_targets.example1(state)
        )
        if np.random.uniform() < ratio:
            state = proposal
            num_accepted += 1
        samples.append(state)
    return np.concatenate(samples), num_accepted / num_steps


def lean_loop(num_steps):
    """The chain, `[num_steps, 2]`, and its share of accepted proposals."""
    rng = np.random.default_rng(0)
    state = rng.normal(size=2)
    log_prob = numpy_targets.example1(state)
    samples, num_accepted = np.empty((num_steps, 2)), 0
    for step in range(num_steps):
        proposal = state + rng.normal(size=2)
        proposed_log_prob = numpy_targets.example1(proposal)
        if np.log(rng.uniform()) < proposed_log_prob - log_prob:
            state, log_prob = proposal, proposed_log_prob
            num_accepted += 1
        samples[step] = state
    return samples, num_accepted / num_steps


def mcmc(job):
    """Transitions per second."""
    if job["num_chains"] != 1:
        raise ValueError(f"The loop runs one chain, not {job['num_chains']}.")
    loop = {"predecessor": predecessor_loop, "lean": lean_loop}[job["form"]]
    started = time.perf_counter()
    _, acceptance = loop(job["num_steps"])
    seconds = time.perf_counter() - started
    rate = job["num_steps"] / seconds
    return dict(
        transitions_per_second=rate,
        rate_of_ten_seconds=rate,
        compile_seconds=0.0,
        acceptance=acceptance,
    )


TASKS = {"mcmc": mcmc}
