"""tfp_flows itself, by its public functions.

Fits are `tff.vi.fit_reverse_kl` with a plain Adam and without annealing; the steps and
their compilation are timed by the result's `train_seconds` and `compile_seconds`.
Throughput is of a `tf.function` with XLA, whose input is a seed, or points as numbers,
so that no bijector cache can answer. TensorFlow is loaded as the commands do, and as
docs/performance.md says for scripts.
"""
# ruff: noqa: E402

import functools
import time

import tfp_flows as tff

tff.startup.load_tensorflow()

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from benchmarks.peers import given_points, rates, scipy_root, tf_targets, training

PACKAGES = ("tfp_flows", "tensorflow", "tensorflow-probability", "keras", "numpy")


def target_fn(name):
    """The built-in target, or the benchmark's own."""
    if name == "example1":
        return tff.targets.get(name).unnormalized_log_prob
    return tf_targets.get(name)


def build_flow(job):
    """The default flow of the job's size."""
    batch_shape = tuple(job.get("batch_shape", ()))
    return tff.planar_flow(job["D"], job["K"], batch_shape=batch_shape, seed=0)


def fit(job, flow, **options):
    """The fit that all training tasks share."""
    return tff.vi.fit_reverse_kl(
        flow,
        target_fn(job["target"]),
        num_steps=job["num_steps"],
        sample_size=job["S"],
        optimizer=keras.optimizers.Adam(1e-3),
        annealing_fn=None,
        seed=0,
        # As fits of 1,000 steps and more are by default; some here are shorter.
        jit_compile=True,
        **{"progress_bar": False, **options},
    )


class Target:
    """For `training.check_target`."""

    def __init__(self, job):
        self._log_prob = target_fn(job["target"])

    def log_prob(self, points):
        """The target."""
        return self._log_prob(tf.constant(points)).numpy()


def step_time(job):
    """One fit of `num_steps` steps."""
    return timed_fit(job)


def timed_fit(job, **options):
    """Times and memory of one fit."""
    started = time.perf_counter()
    flow = build_flow(job)
    build_seconds = time.perf_counter() - started
    before = training.peak_memory()
    result = fit(job, flow, **options)
    memory = training.memory(before)
    training.check_target(Target(job), job)
    return dict(
        microseconds_per_step=1e6 * result.train_seconds / job["num_steps"],
        compile_seconds=result.compile_seconds,
        fit_seconds=result.seconds,
        build_seconds=build_seconds,
        steps_timed=job["num_steps"],
        **memory,
    )


def wall_time(job):
    """Where the time of a whole fit goes; the parent times the process."""
    started = time.perf_counter()
    flow = build_flow(job)
    build_seconds = time.perf_counter() - started
    result = fit(job, flow)
    return dict(
        build_seconds=build_seconds,
        compile_seconds=result.compile_seconds,
        train_seconds=result.train_seconds,
        final_loss=training.final_loss(result.loss),
    )


def second_start(job):
    """`wall_time`, with what XLA compiles kept for the next process."""
    return training.second_start(job, tff.startup.cache_compilations, wall_time)


def chunks(job):
    """A fit with its bar and chunks as they are by default, or as one chunk."""
    # The bar goes to stderr, which the parent reads through a pipe.
    if job["one_chunk"]:
        return timed_fit(job, steps_per_execution=job["num_steps"])
    return timed_fit(job, progress_bar=True)


def throughput(job):
    """Samples with their log_prob, and `log_prob` of those numbers, per second."""
    flow, n = build_flow(job), job["N"]

    @tf.function(jit_compile=True, autograph=False)
    def draw(seed):
        return flow.experimental_sample_and_log_prob(n, seed=seed)

    seeds = iter(range(1, 1_000_000))

    def run():
        x, log_prob = draw(tf.constant([0, next(seeds)]))
        return x.numpy(), log_prob.numpy()

    started = time.perf_counter()
    x, _ = run()
    compile_seconds = time.perf_counter() - started
    return dict(
        samples_per_second=rates.per_second(run, n, job["seconds"]),
        compile_seconds=compile_seconds,
        log_probs_per_second=log_prob_rate(flow, x, job["seconds"]),
    )


def log_prob_rate(flow, points, seconds):
    """Points per second whose `log_prob` is evaluated, compilation not counted."""
    log_prob = tf.function(flow.log_prob, jit_compile=True, autograph=False)
    points = tf.constant(points)

    def run():
        return log_prob(points).numpy()

    if not np.all(np.isfinite(run())):
        raise ValueError("log_prob is not finite at some of the points.")
    return rates.per_second(run, len(points), seconds)


def fitted_flow():
    """The flow of `given_points`."""
    numbers = given_points.parameters()
    layers = tff.bijectors.PlanarStack(*(numbers[name] for name in ("u", "w", "b")))
    base = tfp.distributions.MultivariateNormalDiag(tf.zeros([2]))
    return tfp.distributions.TransformedDistribution(base, layers)


def external_log_prob(job):
    """`log_prob` of points that the flow did not draw."""
    flow, points = fitted_flow(), tf.constant(given_points.points(job["N"]))

    @tf.function(jit_compile=True, autograph=False)
    def with_gradients(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            values = flow.log_prob(x)
        return values, tape.gradient(values, x)

    def run():
        return [tensor.numpy() for tensor in with_gradients(points)]

    exact = functools.partial(scipy_root.log_prob, *scipy_root.parameters())
    return dict(
        **given_points.judge(exact, *run()),  # the first run compiles
        log_probs_per_second=log_prob_rate(flow, points, job["seconds"]),
        gradients_per_second=rates.per_second(run, job["N"], job["seconds"]),
    )


def mcmc(job):
    """Transitions per second of all chains, with and without compilation.

    A chain result's `seconds` include it; the difference of a long and a short run
    does not.
    """

    def run(num_samples):
        return tff.mcmc.random_walk_metropolis(
            tff.targets.get("example1").unnormalized_log_prob,
            num_chains=job["num_chains"],
            num_samples=num_samples,
            num_burnin=0,
            initial_scale=1.0,
            seed=0,
            # As long runs are by default.
            jit_compile=True,
        )

    short = 10
    run(short)  # the first call in a process also pays for what TensorFlow sets up once
    short_result, result = run(short), run(job["num_steps"])
    seconds = result.seconds - short_result.seconds
    rate = (job["num_steps"] - short) * job["num_chains"] / seconds
    return dict(
        transitions_per_second=rate,
        rate_of_ten_seconds=rates.of_ten_seconds(rate, short_result.seconds),
        compile_seconds=short_result.seconds,
        acceptance=result.acceptance_rate,
    )


TASKS = {
    "step-time": step_time,
    "large-step-time": step_time,
    "memory": step_time,
    "restarts": step_time,
    "wall-time": wall_time,
    "second-start": second_start,
    "chunks": chunks,
    "throughput": throughput,
    "external-log-prob": external_log_prob,
    "mcmc": mcmc,
}
