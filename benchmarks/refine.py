"""What sampling in the space of a flow makes of fits that are not good enough.

    python -m benchmarks.refine [funnel modes invariance]

- funnel: Neal's funnel in ten dimensions, with a neck of standard deviation 3, after a
  default fit of a planar flow: the neck by `refine`, and by the same Hamiltonian chains
  on the bare density.
- modes: the four modes of example3, by independence chains and by a random walk in the
  same time.
- invariance: chains that start at exact draws of the target, with a flow that fits badly,
  are at exact draws after a few transitions: ranks among fresh ones are uniform.

Times are wall times with compilation, without the fit of the flow.
"""

import argparse
import json
import math
import pathlib
import sys
import time
import warnings

import numpy as np
import scipy.stats
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows as tff
from benchmarks import machine
from tfp_flows import files
from tfp_flows.experiments.tables import table_lines

tfd, tfb = tfp.distributions, tfp.bijectors
RESULTS = pathlib.Path(__file__).parent / "results"
NECK_SD = 3.0
_NUM_REPLICATIONS, _NUM_FRESH = 1_000, 99


def funnel(size, sd=NECK_SD):
    """Neal's funnel: x_1 ~ N(0, sd^2), and the others N(0, exp(x_1))."""
    bijector = tfb.Inline(
        forward_fn=lambda z: tf.concat(
            [sd * z[..., :1], tf.exp(0.5 * sd * z[..., :1]) * z[..., 1:]], -1
        ),
        inverse_fn=lambda x: tf.concat(
            [x[..., :1] / sd, tf.exp(-0.5 * x[..., :1]) * x[..., 1:]], -1
        ),
        forward_log_det_jacobian_fn=lambda z: (
            math.log(sd) + 0.5 * sd * (size - 1) * z[..., 0]
        ),
        forward_min_event_ndims=1,
    )
    return tfd.TransformedDistribution(standard_normal(size), bijector)


def standard_normal(size):
    """N(0, I)."""
    return tfd.MultivariateNormalDiag(tf.zeros(size), tf.ones(size))


def describe(name, samples, chains, seconds, converged):
    """A row about the first coordinate, whose mean is 0."""
    first = samples[..., 0]
    row = dict(
        name=name,
        mean=float(np.mean(first)),
        sd=float(np.std(first)),
        seconds=seconds,
        converged=bool(converged),
    )
    if chains is not None:
        row |= dict(
            rhat=float(np.max(chains.rhat)),
            ess=float(chains.ess[0]),
            ess_per_second=float(chains.ess[0] / seconds),
            acceptance=chains.acceptance_rate,
            divergences=chains.num_divergences,
        )
    print(row, file=sys.stderr, flush=True)
    return row


def measure_funnel(num_layers=16):
    """The neck of the funnel."""
    target = funnel(10)
    flow = tff.planar_flow(10, num_layers, seed=0)
    fit = tff.vi.fit_reverse_kl(flow, target.log_prob, seed=1, progress_bar=False)
    evaluation = tff.diagnostics.evaluate(fit, target.log_prob, seed=2)
    print(evaluation, file=sys.stderr, flush=True)
    start = time.perf_counter()
    found = tff.posteriors.refine(flow, target.log_prob, evaluation=evaluation, seed=3)
    seconds = time.perf_counter() - start
    samples = found.samples if found.chains is None else found.chains.samples
    rows = [describe(found.method, samples, found.chains, seconds, found.converged)]
    draws = flow.sample(10_000, seed=[0, 4]).numpy()
    rows.append(describe("the flow alone", draws, None, fit.seconds, False))
    # The same chains on the bare density, for as long at least.
    start, num_samples = time.perf_counter(), 1_000
    bare = None
    while bare is None or time.perf_counter() - start < seconds:
        once = time.perf_counter()
        bare = tff.mcmc.neutra(
            standard_normal(10),
            target.log_prob,
            num_chains=32,
            num_samples=num_samples,
            num_burnin=500,
            seed=5,
        )
        spent = time.perf_counter() - once
        num_samples *= 4
    is_there = np.all(bare.rhat < 1.01)
    rows.append(describe("HMC, bare density", bare.samples, bare, spent, is_there))
    return dict(verdict=evaluation.verdict, kl=evaluation.kl or evaluation.gap, rows=rows)


def measure_modes():
    """The modes of example3."""
    target = tff.targets.get("example3")
    flow = tff.planar_flow(2, 16, seed=0)
    tff.vi.fit_reverse_kl(flow, target, num_steps=3_000, seed=1, progress_bar=False)
    start = time.perf_counter()
    jumps = tff.mcmc.independence_metropolis(
        flow, target, num_samples=10_000, num_chains=32, seed=2
    )
    seconds = time.perf_counter() - start
    rows = [_mode_row("independence", jumps, seconds, target)]
    num_samples = 2_000
    while True:
        start = time.perf_counter()
        walk = tff.mcmc.random_walk_metropolis(
            target, num_chains=32, num_samples=num_samples, num_burnin=500, seed=3
        )
        walk_seconds = time.perf_counter() - start
        if walk_seconds >= seconds:
            break
        num_samples = int(num_samples * 2)
    rows.append(_mode_row("random walk", walk, walk_seconds, target))
    return dict(rows=rows)


def _mode_row(name, chains, seconds, target):
    samples = chains.samples[:20_000]
    flat = samples.reshape(-1, 2)
    mass = np.mean(target.mode_responsibilities(flat).numpy(), axis=0)
    truth = target.mode_probabilities().numpy()
    labels = np.argmax(target.mode_responsibilities(flat).numpy(), axis=-1)
    labels = labels.reshape(samples.shape[:-1])
    row = dict(
        name=name,
        seconds=seconds,
        num_samples=len(chains.samples),
        rhat=float(np.max(chains.rhat)),
        ess_per_second=float(np.min(chains.ess) / seconds),
        acceptance=chains.acceptance_rate,
        crossings=int(np.sum(labels[1:] != labels[:-1])),
        mode_error=float(np.max(np.abs(mass - truth))),
    )
    print(row, file=sys.stderr, flush=True)
    return row


def measure_invariance():
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


PARTS = dict(funnel=measure_funnel, modes=measure_modes, invariance=measure_invariance)


def document(found):
    """Markdown: a table for each part."""
    lines = ["# Refinement", "", *__doc__.split("\n\n")[2].splitlines(), ""]
    for part, result in found["parts"].items():
        rows = result["rows"]
        columns = list(rows[0])
        lines += [f"## {part}", ""]
        if "verdict" in result:
            text = f"The verdict on the flow alone: {result['verdict']}, KL "
            lines += [text + f"{result['kl']:.2g} nats.", ""]
        cells = [[_cell(row.get(column)) for column in columns] for row in rows]
        lines += [*table_lines(columns, cells), ""]
    return "\n".join(lines)


def _cell(value):
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_cell(part)}" for key, part in value.items())
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", default=list(PARTS), help=" ".join(PARTS))
    parser.add_argument("--out", default=RESULTS / "refine.json", type=pathlib.Path)
    args = parser.parse_args()
    found = dict(parts={})
    if args.out.exists():
        found = json.loads(args.out.read_text("utf-8"))
    found |= dict(machine=machine.describe(), time=machine.now())
    for part in args.parts:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            found["parts"][part] = PARTS[part]()
        files.write_json(args.out, found)
        files.write_text(args.out.with_suffix(".md"), document(found))
    print(document(found))


if __name__ == "__main__":
    main()
