"""Transitions a second of random walks, beside other libraries and beside their floor.

    python -m benchmarks.mcmc_rate --out benchmarks/results

Writes mcmc_rate.json, and mcmc_rate.md, its tables: rates, and a floor. A transition
needs D normal numbers, the logarithm of a uniform one, one log density and D + 1
selections. The floor is the time of these for many points at once, in a loop whose steps
do not wait for one another, compiled by the same compiler: what is above it is what the
order of transitions costs.
"""

import argparse
import time

import tensorflow as tf

from benchmarks import environments, jobs, machine, results, tables
from benchmarks.markdown import number
from benchmarks.registry import PEERS, ROOT
from benchmarks.workloads.mcmc import WORKLOAD
from tfp_flows import files, numerics, targets
from tfp_flows.experiments.tables import table_lines

_TITLE = "# Random-walk Metropolis\n\nMade by `python -m benchmarks.mcmc_rate`.\n"
_NUM_POINTS = 1 << 13  # their numbers stay in the cache of a core


def floor_nanoseconds(num_loops):
    """The time of the work of a transition of `example1`, for one chain."""
    log_prob_fn = targets.get("example1").unnormalized_log_prob

    def body(i, total):
        noise = numerics.stateless_normal([2, _NUM_POINTS], [0, i], tf.float32)
        uniform = numerics.stateless_uniform([_NUM_POINTS], [1, i], tf.float32)
        log_prob = log_prob_fn(tf.transpose(noise))
        is_accepted = tf.math.log(uniform) < log_prob
        chosen = tf.where(is_accepted, noise, 0.0), tf.where(is_accepted, log_prob, 0.0)
        return i + 1, total + chosen[0] + chosen[1]

    @tf.function(jit_compile=True, autograph=False)
    def run(start):
        loop_vars = start, tf.zeros([2, _NUM_POINTS])
        return tf.while_loop(lambda i, _: i < start + num_loops, body, loop_vars)[1]

    run(tf.constant(0)).numpy()
    started = time.perf_counter()
    run(tf.constant(num_loops)).numpy()
    return 1e9 * (time.perf_counter() - started) / (num_loops * _NUM_POINTS)


def document(found):
    """The tables as Markdown."""
    found = found[WORKLOAD.name]
    return "\n".join([_TITLE, tables.section(WORKLOAD, found), floor_section(found)])


def floor_section(found):
    """Markdown: how far the rates are from the floor."""
    (run,) = found["runs"].values()
    floor, rows = run["floor_nanoseconds"], []
    for case, entries in found["cases"].items():
        rate = entries["ours"]["median"].get("transitions_per_second")
        if rate is not None:
            rows.append([case, number(1e9 / rate), f"{number(1e9 / rate / floor, 2)}x"])
    headings = ["", "ns per transition", "over the floor"]
    lines = ["## Beside the floor", "", f"The floor is {number(floor)} ns.", ""]
    return "\n".join(lines + table_lines(headings, rows))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="benchmarks/results", help="folder")
    parser.add_argument("--repeats", type=int, default=3, help="processes per number")
    parser.add_argument("--quick", action="store_true", help="a twentieth of the steps")
    parser.add_argument("--environments", default=str(ROOT / ".bench"))
    args = parser.parse_args()
    out = files.prepare_folder(args.out)
    names = {PEERS[peer].environment for peer in WORKLOAD.peers}
    pythons = environments.interpreters(names, args.environments)
    date, answers = machine.now(), []
    for job in jobs.plan(WORKLOAD, WORKLOAD.peers, args.repeats, args.quick):
        python, error = pythons[PEERS[job.peer].environment]
        answer = dict(error=error) if error is not None else jobs.run(job, python)
        print(job.case, job.peer, answer, flush=True)
        answers.append((job, answer))
    floor = floor_nanoseconds(200 if args.quick else 4_000)
    run = dict(
        machine=machine.describe(),
        settings=dict(repeats=args.repeats, quick=args.quick),
        floor_nanoseconds=floor,
    )
    found = results.merge({}, WORKLOAD, results.gather(answers, date), date, run)
    results.write(out / "mcmc_rate.json", found)
    files.write_text(out / "mcmc_rate.md", document(found))
    print(document(found))


if __name__ == "__main__":
    main()
