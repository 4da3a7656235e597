"""Calls public functions with values of every kind, and counts what comes of it.

    python -m benchmarks.fuzz --inputs 10000

An input is a function of the public API (`benchmarks/fuzz/calls.py`), called with good
arguments of which one or two, by its signature, are replaced: by one of the values of
`benchmarks/fuzz/values.py`, of which some fit the argument, or plain ones that Hypothesis
draws. Equal inputs count once.
What comes of it is

- good: a result that is finite and, as far as the arguments say what it is, right;
- refused: a ValueError, TypeError, OSError or FitError whose message names one of the
  arguments that were replaced;
- unclear: any other error, or one that takes a minute of the processor's time;
- silent: a result that is not finite, or wrong.

None may be unclear or silent. A quarter of as many damaged files are read besides by
`python -m benchmarks.damaged_files`.
"""

import argparse
import collections
import os
import pathlib
import random
import signal
import tempfile
import time
import warnings

import hypothesis
import tensorflow as tf
from hypothesis import strategies as st

from benchmarks import machine
from benchmarks.fuzz.calls import CALLS
from benchmarks.fuzz.judge import judge
from benchmarks.fuzz.values import draw_value
from tfp_flows import files
from tfp_flows.experiments.tables import table_lines

RESULTS = pathlib.Path(__file__).parents[1] / "results" / "fuzz.json"
KINDS = ("good", "refused", "unclear", "silent")
MAX_SECONDS = 60


@st.composite
def inputs(draw, calls=CALLS):
    """A strategy of a `Call`, and of names and makers of its changed arguments."""
    rng = random.Random(draw(st.binary(min_size=8, max_size=8)))
    call = rng.choice([call for call in calls for _ in range(call.weight)])
    names = call.parameters()
    changed = rng.sample(names, min(rng.randint(1, 2), len(names)))
    return call, {name: draw_value(draw, rng, name) for name in changed}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--only", nargs="+", default=None, help="names of functions")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=pathlib.Path, default=RESULTS)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    tf.get_logger().setLevel("ERROR")
    calls = [call for call in CALLS if args.only is None or call.name in args.only]
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)  # for values that are taken for paths
        counts, examples = count(calls, args.inputs, args.seed)
    results = dict(
        date=machine.now(),
        machine=machine.describe(),
        seed=args.seed,
        seconds=time.perf_counter() - started,
        counts=counts,
        examples=examples,
    )
    files.write_json(args.out, results)
    files.write_text(args.out.with_suffix(".md"), "\n".join(markdown(counts, examples)))
    print("\n".join(markdown(counts, examples)))


def count(calls, num_inputs, seed):
    """Outcomes by function, and what the unclear and silent inputs were."""
    counts = collections.defaultdict(lambda: dict.fromkeys(KINDS, 0))
    examples, seen = [], set()

    def interrupt(signum, frame):
        raise RuntimeError(f"more than {MAX_SECONDS} s")

    signal.signal(signal.SIGPROF, interrupt)

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=2 * num_inputs,
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(inputs(calls))
    def call_once(drawn):
        call, changed = drawn
        what = f"{call.name}({', '.join(f'{n}={w}' for n, (w, _) in changed.items())})"
        if what in seen or len(seen) >= num_inputs:
            return
        seen.add(what)
        signal.setitimer(signal.ITIMER_PROF, MAX_SECONDS)
        outcome = judge(call, {name: make() for name, (_, make) in changed.items()})
        signal.setitimer(signal.ITIMER_PROF, 0)
        counts[call.name][outcome.kind] += 1
        if outcome.kind in ("unclear", "silent"):
            examples.append(f"{outcome.kind}: {what[:200]}: {outcome.why[:300]}")
            print(examples[-1], flush=True)  # those before a crash are known

    call_once()
    return dict(counts), examples


def markdown(counts, examples):
    """A table of the counts, and the inputs that are not as they should be."""
    rows = [
        [name, f"{sum(found.values()):,}", *(f"{found[kind]:,}" for kind in KINDS)]
        for name, found in sorted(counts.items())
    ]
    total = [sum(found[kind] for found in counts.values()) for kind in KINDS]
    rows.append(["all", f"{sum(total):,}", *(f"{number:,}" for number in total)])
    lines = ["# Inputs", "", *table_lines(["function", "inputs", *KINDS], rows), ""]
    return lines + [f"- {' '.join(example.split())}" for example in examples]


if __name__ == "__main__":
    main()
