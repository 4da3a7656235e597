"""What is measured of the recipe: every value, by seed."""

import subprocess
import sys
import time

import keras
import numpy as np
import tensorflow as tf

import tfp_flows as tff
from benchmarks.recipe import targets as own_targets
from tfp_flows.vi import recipe

# Of the studies that compare gradients, loops and other targets.
SAMPLE_SIZE = 4_096


def energies(names, layers, num_seeds, num_steps=None, sample_size=None):
    """KL of the seven energies, all seeds of one as a batch of flows.

    Each member of a batch has starts, norms and rounds of its own, as a single fit has.
    """
    for name in names:
        target = tff.targets.get(name)
        for num_layers in layers:
            flows = tff.planar_flow(
                2, num_layers, seed=num_layers, batch_shape=(num_seeds,)
            )
            steps, samples = recipe.default_budget(flows)
            steps, samples = num_steps or steps, sample_size or samples
            flows, seconds = _fit(
                target.unnormalized_log_prob, flows, steps, sample_size=samples
            )
            reports = [
                tff.diagnostics.evaluate(flow, target, seed=index)
                for index, flow in enumerate(members(flows, num_layers))
            ]
            sizes = dict(num_layers=num_layers, num_steps=steps, sample_size=samples)
            yield dict(target=name, **_summary(sizes, seconds, reports))


def elsewhere(entries, num_seeds):
    """KL, or k-hat and verdict, of other targets, each seed a fit of its own."""
    for name, entry in entries:
        event_size, log_prob_fn, log_z, num_layers, arguments, num_steps = entry
        reports, seconds = [], 0.0
        for seed in range(num_seeds):
            flow = tff.planar_flow(event_size, num_layers, seed=seed, **arguments)
            flow, fit_seconds = _fit(
                log_prob_fn, flow, num_steps, seed=seed, sample_size=SAMPLE_SIZE
            )
            seconds += fit_seconds
            reports.append(tff.diagnostics.evaluate(flow, log_prob_fn, seed=seed))
        sizes = dict(num_layers=num_layers, num_steps=num_steps, sample_size=SAMPLE_SIZE)
        summary = _summary(sizes, seconds, reports, log_z)
        yield dict(target=name, event_size=event_size, **arguments, **summary)


# Lengths of the fits by which time is compared with quality; `None` is the default.
_LADDER = (500, 1_500, None, 20_000)

_FIT = """
import sys
import tfp_flows as tff
name, num_layers, num_steps = sys.argv[1], *map(int, sys.argv[2:])
target = tff.targets.get(name).unnormalized_log_prob
flow = tff.planar_flow(2, num_layers, seed=0)
tff.vi.fit_reverse_kl(flow, target, num_steps=num_steps, seed=0, progress_bar=False)
"""


def time_to_quality(names, layers, num_seeds):
    """Seconds from the start of a process to a fitted flow, beside the KL of such fits.

    The KL is of fits of several seeds, the time of one, in a process of its own.
    """
    for name in names:
        for num_layers in layers:
            for num_steps in _LADDER:
                (entry,) = energies([name], [num_layers], num_seeds, num_steps)
                arguments = [name, str(num_layers), str(entry["num_steps"])]
                started = time.perf_counter()
                subprocess.run(
                    [sys.executable, "-c", _FIT, *arguments],
                    check=True,
                    stderr=subprocess.DEVNULL,
                )
                entry["process_seconds"] = time.perf_counter() - started
                yield entry


def wall_time(layers, num_steps=10_000, repeats=3):
    """Seconds of a fit as given, and of a bare loop, in turns; the medians."""
    target = tff.targets.get("example1").unnormalized_log_prob
    for num_layers in layers:
        whole, bare = [], []
        for repeat in range(repeats):
            flow = tff.planar_flow(2, num_layers, seed=repeat)
            whole.append(_fit(target, flow, num_steps, sample_size=SAMPLE_SIZE)[1])
            flow = tff.planar_flow(2, num_layers, seed=repeat)
            bare.append(_bare_loop(target, flow, num_steps))
        whole, bare = float(np.median(whole)), float(np.median(bare))
        yield dict(
            num_layers=num_layers,
            recipe_seconds=whole,
            bare_loop_seconds=bare,
            ratio=whole / bare,
        )


def _bare_loop(log_prob_fn, flow, num_steps, sample_size=SAMPLE_SIZE):
    """Seconds of one compiled loop of gradient steps and nothing else, compiled anew.

    It returns the loss of each step, as `tfp.math.minimize` does. Without, XLA would
    leave out all that serves the loss alone, the values of the log-dets among it.
    """
    started = time.perf_counter()
    variables = flow.trainable_variables
    optimizer = keras.optimizers.Adam(0.01)
    optimizer.build(variables)

    def step(index, losses):
        with tf.GradientTape() as tape:
            x, log_q = flow.experimental_sample_and_log_prob(
                sample_size, seed=tf.stack([0, index])
            )
            loss = tf.reduce_mean(log_q - log_prob_fn(x))
        gradients = tape.gradient(loss, variables)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return index + 1, losses.write(index, loss)

    @tf.function(jit_compile=True, autograph=False)
    def run():
        losses = tf.TensorArray(flow.dtype, num_steps, element_shape=[])
        _, losses = tf.while_loop(
            lambda index, _: index < num_steps, step, (tf.constant(0), losses)
        )
        return losses.stack()

    run().numpy()
    return time.perf_counter() - started


_ESTIMATORS = dict(reparameterized=tff.vi.ReverseKL, path=tff.vi.PathReverseKL)


def gradient_variance(num_layers=16, num_draws=200, sample_size=SAMPLE_SIZE):
    """Trace of the covariance of both gradient estimators, far from and at a fit."""
    target = tff.targets.get("example1").unnormalized_log_prob
    for moment, num_steps in (("start", 0), ("after 500 steps", 500), ("fitted", 10_000)):
        flow = tff.planar_flow(2, num_layers, seed=0)
        if num_steps:
            _fit(target, flow, num_steps, sample_size=sample_size)
        traces = {
            name: _trace_of_covariance(estimator, target, flow, num_draws, sample_size)
            for name, estimator in _ESTIMATORS.items()
        }
        ratio = traces["reparameterized"] / traces["path"]
        yield dict(moment=moment, **traces, ratio=ratio)


def _trace_of_covariance(estimator, target, flow, num_draws, sample_size):
    objective = estimator(target, sample_size=sample_size)
    objective = objective.bind(flow, seed=tf.constant([7, 0]))

    @tf.function(autograph=False)
    def gradient(step):
        with tf.GradientTape() as tape:
            value, _, _ = objective(step)
        parts = tape.gradient(value, flow.trainable_variables)
        return tf.concat([tf.reshape(part, [-1]) for part in parts], axis=0)

    draws = [gradient(tf.constant(i)).numpy() for i in range(num_draws)]
    return float(np.sum(np.var(np.array(draws, np.float64), axis=0, ddof=1)))


def members(flows, num_layers):
    """The single flows of a batch of planar flows."""
    (size,) = flows.batch_shape
    for index in range(size):
        flow = tff.planar_flow(2, num_layers, seed=0)
        pairs = zip(flow.trainable_variables, flows.trainable_variables, strict=True)
        for variable, batch in pairs:
            variable.assign(batch[index])
        yield flow


def _fit(log_prob_fn, flow, num_steps, *, seed=1, **arguments):
    started = time.perf_counter()
    tff.vi.fit_reverse_kl(
        flow, log_prob_fn, num_steps=num_steps, seed=seed, progress_bar=False, **arguments
    )
    return flow, time.perf_counter() - started


def _summary(sizes, seconds, reports, log_z=None):
    if log_z is None:
        kls = [report.kl for report in reports]
    else:
        kls = [log_z - report.elbo for report in reports]
    values = dict(
        **sizes,
        seconds=seconds,
        khat=[report.khat for report in reports],
        verdicts=[report.verdict for report in reports],
    )
    if kls[0] is not None:
        values.update(median=float(np.median(kls)), worst=float(np.max(kls)), kl=kls)
    return values


STUDIES = {
    "energies": energies,
    "time_to_quality": time_to_quality,
    "held_out": lambda n_seeds: elsewhere(own_targets.held_out(), n_seeds),
    "other_dimensions": lambda n_seeds: elsewhere(
        own_targets.other_dimensions(), n_seeds
    ),
    "wall_time": wall_time,
    "gradient_variance": gradient_variance,
}
