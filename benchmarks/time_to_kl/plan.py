"""The jobs of a run: which fits, with which settings, how often."""

import dataclasses
import statistics

from benchmarks.time_to_kl import search
from benchmarks.time_to_kl.contestants import (
    CONTESTANTS,
    MULTIPLES,
    MULTIPLES_OF_BEST,
    NUM_BEST,
    SEARCHED,
)

# Whose first seed is farther than this misses all thresholds by far, and is not repeated.
FAR = 0.3

# Seconds from a fit to the end of its process, in the estimate.
_REST = 2.0


@dataclasses.dataclass(frozen=True)
class Job:
    """One fit.

    Attributes:
      contestant: a name of `CONTESTANTS`.
      target: a name of `DENSITIES`.
      budget: what the tables call its length.
      settings: see `workers.protocol`, with the seed.
      estimate: seconds of the process.
    """

    contestant: str
    target: str
    budget: str
    settings: dict
    estimate: float

    @property
    def key(self):
        """What a row of the results answers."""
        return key(dataclasses.asdict(self))


def key(row):
    """What a row, or a job as `dict`, is about."""
    settings = tuple(sorted(row["settings"].items()))
    return row["contestant"], row["target"], row["budget"], settings


def jobs(targets, names, found, seed):
    """The jobs of one seed: each contestant on each target in turn.

    Args:
      targets: names of `DENSITIES`.
      names: those of the contestants that take part.
      found: results of the search, `{target: {contestant: {"trials": ...}}}`.
      seed: `int`.

    Returns:
      List of `Job`.

    Raises:
      ValueError: if a contestant has not been searched.
    """
    return [
        job
        for target in targets
        for name in names
        if target in CONTESTANTS[name].targets
        for job in _of_contestant(name, target, found, seed)
    ]


def _of_contestant(name, target, found, seed):
    if CONTESTANTS[name].worker == "ours":
        for budget, num_steps, sample_size, estimate in CONTESTANTS[name].budgets:
            settings = dict(num_steps=num_steps, sample_size=sample_size, seed=seed)
            yield Job(name, target, budget, settings, estimate + _REST)
        return
    searched = found.get(SEARCHED[target], {})
    if name not in searched:
        raise ValueError(
            f"{name} has not been searched on {SEARCHED[target]}; run "
            "`python -m benchmarks.time_to_kl search` first."
        )
    distances = {other: search.distance(_best(searched[other])) for other in searched}
    leaders = sorted(distances, key=distances.get)[:NUM_BEST]
    trial = _best(searched[name])
    # The first trial has compiled most, which a later one found there.
    start = searched[name]["imported_seconds"]
    start += searched[name]["trials"][0]["first_seconds"] + _REST
    for longer, larger in MULTIPLES_OF_BEST if name in leaders else MULTIPLES:
        settings = dict(trial["settings"], seed=seed)
        settings["num_steps"] *= longer
        settings["sample_size"] *= larger
        estimate = start + longer * larger * trial["train_seconds"]
        budget = f"{settings['num_steps']:,} x {settings['sample_size']:,}"
        yield Job(name, target, budget, settings, estimate)


def _best(searched):
    return search.best(searched["trials"])


def is_far(job, rows):
    """Whether fits of this contestant, target and budget are known to be far off."""
    distances = [
        search.distance(row)
        for row in rows
        if (row["contestant"], row["target"], row["budget"])
        == (job.contestant, job.target, job.budget)
        and dict(row["settings"], seed=None) == dict(job.settings, seed=None)
    ]
    return bool(distances) and statistics.median(distances) > FAR


def estimate(targets, names, found, seeds, rows):
    """Seconds of what is left to do: if all is repeated, and if what is far is not.

    How far a fit gets is not known before its first seed: in the second number it is as
    far as the search of its settings was.
    """
    done = {key(row) for row in rows}
    most = likely = 0.0
    for i, seed in enumerate(seeds):
        for job in jobs(targets, names, found, seed):
            if job.key in done:
                continue
            most += job.estimate
            trials = found.get(SEARCHED[job.target], {}).get(job.contestant)
            far = trials is not None and search.distance(_best(trials)) > FAR
            likely += 0.0 if i > 0 and (far or is_far(job, rows)) else job.estimate
    return most, likely
