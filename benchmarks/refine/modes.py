"""The four modes of example3, by draws of a flow as proposals and by a random walk."""

import math
import sys
import time

import numpy as np

import tfp_flows as tff

_NUM_CHAINS, _NUM_SAMPLES, _NUM_BURNIN = 32, 10_000, 500
# Samples of a chain that are asked for their modes: the first ones for crossings, and as
# many from all of the chain for masses.
_MOST = 20_000


def measure():
    """The default fit of a planar flow, its verdict, and the rows of the samplers.

    The random walk has as many transitions as the independence chains, then as many
    seconds at least. Each chain of it starts in one of the modes, as many in each.
    """
    target = tff.targets.get("example3")
    flow = tff.planar_flow(2, 16, seed=0)
    fit = tff.vi.fit_reverse_kl(flow, target, seed=1, progress_bar=False)
    evaluation = tff.diagnostics.evaluate(fit, target, seed=2)
    print(evaluation, file=sys.stderr, flush=True)
    started = time.perf_counter()
    jumps = tff.mcmc.independence_metropolis(
        flow,
        target,
        num_samples=_NUM_SAMPLES,
        num_chains=_NUM_CHAINS,
        num_burnin=_NUM_BURNIN,
        seed=2,
    )
    seconds = time.perf_counter() - started
    rows = [_row("independence", jumps, seconds, target)]
    starts = _one_of_each_mode(target)
    num_samples, walk_seconds = _NUM_SAMPLES, 0.0
    while walk_seconds < seconds:
        started = time.perf_counter()
        walk = tff.mcmc.random_walk_metropolis(
            target,
            num_chains=_NUM_CHAINS,
            num_samples=num_samples,
            num_burnin=_NUM_BURNIN,
            initial_state=starts,
            seed=3,
        )
        walk_seconds = time.perf_counter() - started
        if num_samples == _NUM_SAMPLES:
            rows.append(_row("random walk, as many steps", walk, walk_seconds, target))
        num_samples *= 2
    rows.append(_row("random walk, as many seconds", walk, walk_seconds, target))
    return dict(
        fit_seconds=fit.seconds,
        verdict=evaluation.verdict,
        gap=evaluation.gap,
        rows=rows,
    )


def _one_of_each_mode(target):
    """Starting points `[num_chains, 2]` in the modes in turn, draws of the target."""
    draws = target.sample(1_000, seed=[0, 4]).numpy()
    labels = np.argmax(target.mode_responsibilities(draws).numpy(), axis=-1)
    num_modes = len(target.mode_probabilities())
    each = _NUM_CHAINS // num_modes
    return np.concatenate([draws[labels == mode][:each] for mode in range(num_modes)])


def _row(name, chains, seconds, target):
    first = chains.samples[:_MOST]
    labels = np.argmax(_responsibilities(first, target), axis=-1)
    spaced = chains.samples[:: math.ceil(len(chains.samples) / _MOST)]
    mass = np.mean(_responsibilities(spaced, target), axis=(0, 1))
    pairs = set(zip(labels[:-1].flat, labels[1:].flat, strict=True))
    row = dict(
        name=name,
        seconds=seconds,
        num_samples=len(chains.samples),
        rhat=float(np.max(chains.rhat)),
        ess_per_second=float(np.min(chains.ess) / seconds),
        acceptance=chains.acceptance_rate,
        crossings_per_thousand=1_000.0 * float(np.mean(labels[1:] != labels[:-1])),
        pairs_of_modes_crossed=int(sum(i != j for i, j in pairs)),
        mode_error=float(np.max(np.abs(mass - target.mode_probabilities().numpy()))),
    )
    print(row, file=sys.stderr, flush=True)
    return row


def _responsibilities(samples, target):
    """The probability of each mode, `[num_samples, num_chains, M]`."""
    flat = target.mode_responsibilities(samples.reshape(-1, 2)).numpy()
    return flat.reshape(*samples.shape[:-1], -1)
