"""Whether chains leave their target invariant, also with a flow that fits badly."""

import sys

import numpy as np
import scipy.stats
import tensorflow as tf

import tfp_flows as tff
from benchmarks.refine.funnel import funnel

_NUM_REPLICATIONS, _NUM_FRESH = 1_000, 99


def measure():
    """Ranks of states after transitions that start at exact draws."""
    target = funnel(4, sd=1.0)
    bad = tff.planar_flow(4, 4, seed=7, init_scale=0.5)
    options = dict(
        num_chains=_NUM_REPLICATIONS,
        num_samples=5,
        num_burnin=0,
        initial_state=target.sample(_NUM_REPLICATIONS, seed=[0, 1]),
        seed=2,
    )
    jump = tff.mcmc.independence_metropolis
    samplers = {
        "neutra, hmc": lambda: tff.mcmc.neutra(bad, target.log_prob, **options),
        "neutra, nuts": lambda: tff.mcmc.neutra(
            bad, target.log_prob, kernel="nuts", **options
        ),
        "independence": lambda: jump(bad, target.log_prob, **options),
        "independence, 1 local step": lambda: jump(
            bad, target.log_prob, num_local_steps=1, **options
        ),
    }
    fresh = target.sample([_NUM_FRESH, _NUM_REPLICATIONS], seed=[0, 3])
    rows = []
    for name, run in samplers.items():
        chains = run()
        last = tf.constant(chains.samples[-1])
        p_values = {}
        quantities = {f"x[{i}]": lambda x, i=i: x[..., i] for i in range(4)}
        for label, of in (quantities | {"log p": target.log_prob}).items():
            ranks = np.sum(of(fresh).numpy() < of(last).numpy(), axis=0)
            counts = np.bincount(ranks // 5, minlength=20)
            p_values[label] = float(scipy.stats.chisquare(counts).pvalue)
        rows.append(dict(name=name, acceptance=chains.acceptance_rate, p_values=p_values))
        print(rows[-1], file=sys.stderr, flush=True)
    return dict(rows=rows, num_replications=_NUM_REPLICATIONS)
