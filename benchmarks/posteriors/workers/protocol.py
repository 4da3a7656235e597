"""What a worker is asked, and what it answers."""

import json
import sys
import time

from benchmarks.posteriors import reference


def answer(methods):
    """Runs the method that the command line asks for, and prints its answer as JSON.

    The job, in JSON, has `name` of a posterior, `folder` of its data, `method`, `seed`.
    The seconds are those from the model to the summary: compilation counts, imports do
    not.

    Args:
      methods: dict of name = callable, `(name, Reference, seed)` to two callables: the
        first does what is timed, the second makes of its result draws by name, or these
        and a dict of further answers.
    """
    job = json.loads(sys.argv[1])
    found = reference.read(job["name"], job["folder"])
    run, collect = methods[job["method"]](job["name"], found, job["seed"])
    started = time.perf_counter()
    result = run()
    seconds = time.perf_counter() - started
    draws = collect(result)
    draws, further = draws if isinstance(draws, tuple) else (draws, {})
    values = reference.parameters(job["name"], found.data, draws)
    raw = reference.errors(found, *reference.moments(values))
    print(json.dumps(dict(seconds=seconds, raw=raw, **further)))
