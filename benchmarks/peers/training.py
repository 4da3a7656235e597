"""The tasks that train a flow, for every worker whose trainer has two methods.

A trainer is built from a job and has `compile(num_steps)`, which does what must precede
a run of that many steps (nothing, where the library compiles nothing), `run(num_steps)`,
which returns the losses as NumPy array when all is done, and `log_prob(points)`, the
target's log density of points `[N, D]` as the worker computes it.
"""

import resource
import shutil
import time

import numpy as np

from benchmarks.peers import numpy_targets


def tasks(build):
    """The training tasks of a worker, from `build(job)`, which makes its trainer."""
    return {
        "step-time": lambda job: step_time(build, job),
        "large-step-time": lambda job: step_time(build, job),
        "memory": lambda job: step_time(build, job),
        "wall-time": lambda job: wall_time(build, job),
    }


def second_start(job, keep_compilations, wall_time):
    """`wall_time(job)`, where `keep_compilations(folder)` is told of the job's folder."""
    if job["is_first"]:
        shutil.rmtree(job["compiled"], ignore_errors=True)
    keep_compilations(job["compiled"])
    return wall_time(job)


def step_time(build, job):
    """Microseconds per step in the steady state, compile seconds and memory.

    Blocks of `job["block"]` steps, until `job["seconds"]` have passed. What the first
    block takes beyond a later one counts as compilation.
    """
    started = time.perf_counter()
    trainer = build(job)
    build_seconds = time.perf_counter() - started
    memory_before = peak_memory()
    block = job["block"]

    started = time.perf_counter()
    trainer.compile(block)
    trainer.run(block)
    first = time.perf_counter() - started

    num_blocks, started = 0, time.perf_counter()
    while num_blocks == 0 or time.perf_counter() - started < job["seconds"]:
        trainer.run(block)
        num_blocks += 1
    per_block = (time.perf_counter() - started) / num_blocks
    check_target(trainer, job)
    return dict(
        microseconds_per_step=1e6 * per_block / block,
        compile_seconds=max(0.0, first - per_block),
        build_seconds=build_seconds,
        steps_timed=num_blocks * block,
        **memory(memory_before),
    )


def wall_time(build, job):
    """Where the time of a whole fit goes; the parent times the process."""
    started = time.perf_counter()
    trainer = build(job)
    built = time.perf_counter()
    trainer.compile(job["num_steps"])
    compiled = time.perf_counter()
    losses = trainer.run(job["num_steps"])
    trained = time.perf_counter()
    return dict(
        build_seconds=built - started,
        compile_seconds=compiled - built,
        train_seconds=trained - compiled,
        final_loss=final_loss(losses),
    )


def final_loss(losses):
    """Mean over the last twentieth of the steps, or `None` if it is not finite."""
    losses = np.asarray(losses)
    value = float(np.mean(losses[-max(1, len(losses) // 20) :]))
    return value if np.isfinite(value) else None


def check_target(trainer, job):
    """Raises if the trainer's target is not the one that NumPy computes."""
    points = numpy_targets.check_points(job["D"])
    expected = numpy_targets.get(job["target"])(points)
    actual = np.asarray(trainer.log_prob(points.astype(np.float32)))
    if not np.allclose(actual, expected, rtol=1e-4, atol=1e-3):
        raise ValueError(
            f"The worker computes another target than {job['target']}: {actual} instead "
            f"of {expected}; correct its formula."
        )


def memory(before):
    """The peak so far, and how much it grew beyond `before`, in megabytes."""
    peak = peak_memory()
    return dict(peak_megabytes=peak, increase_megabytes=peak - before)


def peak_memory():
    """The largest resident memory of this process so far, in megabytes (Linux: KiB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
