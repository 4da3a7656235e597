"""The search of a contestant's settings on one target, in one process.

From the contestant's first settings on: three learning rates, then without annealing,
then four times as many samples per step in a quarter of the steps. Each trial is one
seed, and the best so far is kept.
"""

import math
import time

from benchmarks.time_to_kl.judge import judge

RATES = (1e-3, 3e-3, 1e-2)
_NUM_SAMPLES = 20_000


def run(trainer, job):
    """The trials, in the process of a worker.

    Args:
      trainer: see `workers.protocol`.
      job: has `target`, the `settings` to begin with, `can_anneal`, and the `folder` of
        the posteriors' data.

    Returns:
      `dict` of `trials`, a list of `dict`s of settings, `distance`, and the seconds of
      compiling and of training; and `imported_seconds`. All are of the processor, which
      other work on the machine does not lengthen: for the estimate of a run.
    """
    imported, trials = time.process_time(), []

    def attempt(**changes):
        settings = dict(
            best(trials)["settings"] if trials else job["settings"], **changes
        )
        # What is compiled for these numbers of samples, and the rest for the trial.
        started = time.process_time()
        trainer.train(dict(settings, num_steps=2))
        compiled = time.process_time()
        fit = trainer.train(settings)
        trained = time.process_time()
        x, log_q = trainer.draw(fit, _NUM_SAMPLES, seed=1)
        trials.append(
            dict(
                settings=settings,
                first_seconds=compiled - started,
                train_seconds=trained - compiled,
                **judge(job["target"], x, log_q, job["folder"]),
            )
        )

    for rate in RATES:
        attempt(rate=rate)
    if job["can_anneal"]:
        attempt(annealed=False)
    settings = best(trials)["settings"]
    attempt(sample_size=4 * settings["sample_size"], num_steps=settings["num_steps"] // 4)
    return dict(trials=trials, imported_seconds=imported)


def best(trials):
    """The trial of the smallest distance, the first of several."""
    return min(trials, key=distance)


def distance(row):
    """That of a trial or a fit; infinite where it failed or had no finite one."""
    value = row.get("distance")
    return math.inf if value is None else value
