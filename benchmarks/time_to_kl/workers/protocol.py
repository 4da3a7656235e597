"""What a worker is asked, and what it answers.

A worker has a trainer, built of the job, with `train(settings)`, which returns a fit when
all is done, and `draw(fit, num_samples, seed)`, which returns samples and the log density
of the fit there, as NumPy arrays. `settings` has `num_steps`, `sample_size`, `rate` (the
learning rate at its peak), `annealed` (whether the target's weight rises from 0.01 to 1
over the first half of the steps, as by default in tfp_flows) and `seed`.
"""

import json
import sys
import time

import numpy as np

from benchmarks import machine
from benchmarks.time_to_kl import search
from benchmarks.time_to_kl.judge import NUM_SAMPLES


def answer(build, packages):
    """Does the job of the command line, and prints the answer as JSON.

    Args:
      build: callable, from the job to its trainer.
      packages: whose versions are part of the answer.
    """
    job = json.loads(sys.argv[1])
    # Since the parent started the process: on one machine both read the same clock.
    job["imported"] = time.perf_counter() - job["started"]
    trainer = build(job)
    numbers = (search.run if job["task"] == "search" else _measure)(trainer, job)
    versions = machine.versions_of(packages)
    print(json.dumps(dict(numbers, versions=versions)), flush=True)


def _measure(trainer, job):
    """The seconds until the fit is there; its samples go to a file, to be judged."""
    fit = trainer.train(job["settings"])
    seconds = time.perf_counter() - job["started"]
    x, log_q = trainer.draw(fit, NUM_SAMPLES, seed=job["settings"]["seed"] + 1_000)
    np.savez(job["samples"], x=x, log_q=log_q)
    phases = dict(getattr(fit, "phases", {}), import_seconds=job["imported"])
    ended = time.perf_counter() - job["started"]
    return dict(seconds=seconds, answered_seconds=ended, **phases)
