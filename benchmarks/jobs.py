"""The jobs of a run, in their order, and the process of each."""

import dataclasses
import json
import os
import re
import subprocess
import sys
import time

from benchmarks.registry import PEERS, ROOT

# The largest chains of bijectors take minutes to trace and compile.
_TIMEOUT = 1_800.0


@dataclasses.dataclass(frozen=True)
class Job:
    """One measurement: a peer, a case, and the index of the repeat."""

    workload: str
    case: str
    peer: str
    repeat: int
    fields: dict


def plan(workload, peers, num_repeats, quick):
    """The jobs of one workload: round robin, so that a drift of the machine hits all.

    Args:
      workload: `Workload`.
      peers: names of the peers that may take part.
      num_repeats: number of measurements of each peer and case.
      quick: whether jobs are short.

    Returns:
      List of `Job`: for each repeat, for each case, one of each peer.
    """
    return [
        Job(
            workload.name,
            case,
            peer,
            repeat,
            dict(
                workload.job(peer, parameters, quick),
                task=workload.name,
                module=PEERS[peer].module,
                form=PEERS[peer].form,
            ),
        )
        for repeat in range(num_repeats)
        for case, parameters in workload.cases.items()
        for peer in workload.peers
        if peer in peers
        and not workload.skips(peer, parameters)
        and not (repeat > 0 and workload.once(peer, parameters))
    ]


def run(job, interpreter, timeout=_TIMEOUT):
    """The numbers of a job, from a process of its own.

    Args:
      job: `Job`.
      interpreter: path of the Python of the peer's environment.
      timeout: seconds after which the process is ended.

    Returns:
      `dict` of the worker's numbers, `process_seconds` and `exit_seconds`, or of `error`
      alone.
    """
    # The clock that the worker goes on to read.
    fields = dict(job.fields, started=time.perf_counter())
    command = [interpreter, "-m", "benchmarks.peers", json.dumps(fields)]
    return run_worker(command, timeout)


def run_worker(command, timeout=_TIMEOUT):
    """The JSON that ends the output of a command, with seconds; or `error`.

    They are `process_seconds`, and, of a worker that says when it had its answer
    (`answered_seconds`), `exit_seconds`.
    """
    environment = dict(os.environ, TF_CPP_MIN_LOG_LEVEL="3", PYTHONNOUSERSITE="1")
    if command[0] != sys.executable:
        environment.pop("PYTHONPATH", None)
    started = time.perf_counter()
    try:
        process = subprocess.run(
            command,
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return dict(error=f"took more than {timeout:,.0f} seconds")
    seconds = time.perf_counter() - started
    if process.returncode:
        return dict(error=error_of(process.stderr, process.returncode))
    numbers = json.loads(process.stdout.splitlines()[-1])
    numbers["process_seconds"] = seconds
    if "answered_seconds" in numbers:
        numbers["exit_seconds"] = seconds - numbers["answered_seconds"]
    return numbers


def error_of(stderr, status):
    """The last line of a traceback, without paths and addresses, which stay here."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    last = lines[-1] if lines and status > 0 else f"ended by signal {-status}"
    return without_places(last)[:300]


def without_places(text):
    """`text` without paths and addresses."""
    text = re.sub(r"\w+://\S+", "(address)", text)
    return re.sub(r"(?<![\w.])~?/[^\s'\":,)]+", "(path)", text)
