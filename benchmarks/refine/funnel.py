"""The neck of Neal's funnel, by refinement and by Hamiltonian chains."""

import json
import math
import pathlib
import sys
import tempfile
import time

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows as tff
from benchmarks import environments, jobs
from benchmarks.registry import ROOT
from tfp_flows import numerics

tfd, tfb = tfp.distributions, tfp.bijectors
SIZE, NECK_SD = 10, 3.0
_NUM_LAYERS, _NUM_REPEATS = 16, 2
_NUM_CHAINS, _NUM_SAMPLES = 32, 2_000
# What counts as right: of the mean 5 % of the standard deviation.
_TOLERANCE = 0.05
# Label and method of the worker.
_WORKERS = {
    "NumPyro NUTS, bare density": "nuts",
    "NumPyro NUTS, NeuTraReparam by AutoIAFNormal": "neutra",
    "BlackJAX NUTS, bare density": "blackjax",
}
_TIMEOUT = 240.0


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


def measure(environment_folder=ROOT / ".bench"):
    """The default fit of a planar flow, its verdict, and a row per method and repeat."""
    target = funnel(SIZE).log_prob
    flow = tff.planar_flow(SIZE, _NUM_LAYERS, seed=0)
    fit = tff.vi.fit_reverse_kl(flow, target, seed=1, progress_bar=False)
    evaluation = tff.diagnostics.evaluate(fit, target, seed=2)
    print(evaluation, file=sys.stderr, flush=True)
    python, error = environments.interpreters(["numpyro"], environment_folder)["numpyro"]
    rows = []
    for repeat in range(_NUM_REPEATS):
        rows += _ours(flow, target, evaluation, repeat)
        for name, method in _WORKERS.items():
            found = dict(error=error) if error else _work(python, method, repeat)
            rows.append(dict(name=name, repeat=repeat) | found)
            print(rows[-1], file=sys.stderr, flush=True)
    return dict(
        fit_seconds=fit.seconds,
        verdict=evaluation.verdict,
        gap=evaluation.gap,
        rows=rows,
    )


def _ours(flow, target, evaluation, repeat):
    """Rows of `refine`, of chains through the flow that it found, and of bare ones."""
    options = dict(
        num_chains=_NUM_CHAINS, num_samples=_NUM_SAMPLES, seed=[repeat, 4], num_burnin=500
    )
    started = time.perf_counter()
    found = tff.posteriors.refine(
        flow, target, 20_000, evaluation=evaluation, seed=[repeat, 3]
    )
    seconds = time.perf_counter() - started
    name = "`refine`"
    rows = [dict(name=name, repeat=repeat, method=found.method, seconds=seconds)]
    if found.chains is None:
        # Independent draws, or nearly so.
        rows[0] |= _moments(found.samples[:, 0])
        rows[0] |= dict(ess=found.ess, ess_per_second=found.ess / seconds)
    else:
        rows[0] |= _describe(found.chains.samples[..., 0], seconds)
    started = time.perf_counter()
    chains = tff.mcmc.neutra(found.flow, target, **options)
    seconds += time.perf_counter() - started
    row = dict(name="`refine`, then `neutra` through its flow", repeat=repeat)
    rows.append(row | _describe(chains.samples[..., 0], seconds))
    started = time.perf_counter()
    chains = tff.mcmc.neutra(standard_normal(SIZE), target, **options)
    seconds = time.perf_counter() - started
    row = dict(name="HMC (TFP), bare density", repeat=repeat)
    rows.append(row | _describe(chains.samples[..., 0], seconds))
    for row in rows:
        print(row, file=sys.stderr, flush=True)
    return rows


def _work(python, method, repeat):
    """What a worker finds, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "neck.npy"
        job = dict(method=method, seed=repeat, size=SIZE, sd=NECK_SD, path=str(path))
        command = [python, "-m", "benchmarks.refine.with_numpyro", json.dumps(job)]
        answer = jobs.run_worker(command, _TIMEOUT)
        if "error" in answer:
            return answer
        return _describe(np.load(path), answer["seconds"])


def _describe(neck, seconds):
    """What `[num_samples, num_chains]` samples say, after so many seconds."""
    ess = float(numerics.bulk_ess(neck[..., np.newaxis])[0])
    return _moments(neck) | dict(
        rhat=float(numerics.split_rhat(neck[..., np.newaxis])[0]),
        ess=ess,
        ess_per_second=ess / seconds,
        seconds=seconds,
    )


def _moments(neck):
    mean, sd = float(np.mean(neck)), float(np.std(neck))
    is_right = max(abs(mean), abs(sd - NECK_SD)) < _TOLERANCE * NECK_SD
    return dict(mean=mean, sd=sd, is_right=bool(is_right))
