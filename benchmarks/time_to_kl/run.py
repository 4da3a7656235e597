"""The processes of a search and of a measurement, and the files that keep the results."""

import dataclasses
import json
import pathlib
import tempfile
import time

import numpy as np
from tqdm import tqdm

from benchmarks import jobs, machine
from benchmarks.time_to_kl import plan
from benchmarks.time_to_kl.contestants import (
    CONTESTANTS,
    SEARCHED,
    first_settings,
    searched,
)
from benchmarks.time_to_kl.judge import judge
from tfp_flows import files

RESULTS, SEARCH = "time_to_kl.json", "time_to_kl_search.json"
_TIMEOUT = 900.0


@dataclasses.dataclass(frozen=True)
class Session:
    """Where things are.

    Attributes:
      folder: that of the posteriors' data.
      pythons: the interpreter of each environment.
      out: folder of the results.
    """

    folder: pathlib.Path
    pythons: dict
    out: pathlib.Path

    def work(self, name, target, **fields):
        """The answer of the worker of a contestant."""
        contestant = CONTESTANTS[name]
        job = dict(
            fields,
            target=target,
            form=contestant.form,
            folder=str(self.folder),
            # Last: the clock that the worker goes on to read.
            started=time.perf_counter(),
        )
        module = f"benchmarks.time_to_kl.workers.{contestant.worker}"
        python = self.pythons[contestant.environment]
        return jobs.run_worker([python, "-m", module, json.dumps(job)], _TIMEOUT)


def read(path, **default):
    """A file of results, or `default` if there is none."""
    return json.loads(path.read_text("utf-8")) if path.exists() else default


def search_all(session, targets, names):
    """Searches the settings of those that have not been, and stores all trials."""
    path = session.out / SEARCH
    found = read(path)
    left = [
        (target, name)
        for target in dict.fromkeys(SEARCHED[target] for target in targets)
        for name in searched(target)
        if name in names and name not in found.get(target, {})
    ]
    for target, name in tqdm(left, unit="search", smoothing=0):
        answer = session.work(
            name,
            target,
            task="search",
            settings=first_settings(CONTESTANTS[name]),
            can_anneal=CONTESTANTS[name].can_anneal,
        )
        if "error" in answer:
            raise RuntimeError(f"The search of {name} on {target}: {answer['error']}")
        found.setdefault(target, {})[name] = answer
        files.write_json(path, found)


def measure_all(session, targets, names, seeds, minutes):
    """Makes the fits that have not been made, seed by seed, and stores each.

    After so many `minutes` none is begun; the next run goes on from there.

    Raises:
      ValueError: if fits of one of the targets are from another machine.
    """
    started = time.monotonic()
    found, path = read(session.out / SEARCH), session.out / RESULTS
    stored = read(path, machines={}, rows=[])
    rows, machines, here = stored["rows"], stored["machines"], machine.describe()
    for target in targets:
        there = machines.get(target, here)
        if there != here:
            raise ValueError(
                f"The fits of {target} in {path} were timed on {there}, but this is "
                f"{here}; take another folder as --out, or other --targets."
            )
    most, likely = plan.estimate(targets, names, found, seeds, rows)
    print(f"About {likely / 60:.0f} minutes, {most / 60:.0f} at most.", flush=True)
    for seed in seeds:
        done = {plan.key(row) for row in rows if "error" not in row}
        left = [
            job
            for job in plan.jobs(targets, names, found, seed)
            if job.key not in done and not (seed != seeds[0] and plan.is_far(job, rows))
        ]
        for job in tqdm(left, desc=f"seed {seed}", unit="fit", smoothing=0):
            if time.monotonic() - started > 60.0 * minutes:
                print(f"\n{minutes:g} minutes are over; run it again for the rest.")
                return
            row = measure(session, job)
            machines[job.target] = here
            rows = [other for other in rows if plan.key(other) != job.key] + [row]
            files.write_json(path, dict(machines=machines, rows=rows))


def measure(session, job):
    """The row of a fit: its seconds, and how far it is from the target."""
    row = dict(
        contestant=job.contestant,
        target=job.target,
        budget=job.budget,
        settings=job.settings,
    )
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "samples.npz"
        answer = session.work(
            job.contestant,
            job.target,
            task="measure",
            settings=job.settings,
            samples=str(path),
        )
        if "error" in answer:
            return row | answer
        with np.load(path) as samples:
            found = judge(job.target, samples["x"], samples["log_q"], session.folder)
    del answer["answered_seconds"]
    return row | answer | found
