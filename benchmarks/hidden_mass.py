"""Whether `evaluate` sees mass of the target that no sample of the flow shows.

    python -m benchmarks.hidden_mass --before REVISION

Forty flows stand beside densities of two and ten dimensions, half of which have a mode,
a spike, a ring or a halo where the flow has no samples. A verdict of "good" on one of
those is false, any other on the rest a false alarm. The time is that of the processor,
the least of three runs. `--before` runs the same cases with the package as it was at a
revision.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import tfp_flows as tff
from benchmarks import machine
from benchmarks.hidden_mass_targets import FIRST, LATER
from tfp_flows import files
from tfp_flows.experiments.tables import table_lines

ROOT = pathlib.Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
_NUM_RUNS = 3


def judge(names):
    """The verdict on each case, with its seconds, by the package that is imported."""
    rows = []
    for name in names:
        case = (FIRST | LATER)[name]()
        seconds = []
        for _ in range(_NUM_RUNS):
            start = time.process_time()
            report = tff.diagnostics.evaluate(case.flow, case.log_prob_fn, seed=1)
            seconds.append(time.process_time() - start)
        verdict = str(report).splitlines()[-1].split(maxsplit=1)[1]
        rows.append(
            dict(
                name=name,
                hidden=case.hidden,
                verdict=report.verdict,
                text=verdict,
                seconds=min(seconds),
            )
        )
        print(f"{name}: {min(seconds):.2f} s, {verdict}", file=sys.stderr, flush=True)
    return rows


def judge_with(revision, names):
    """The same with the package of a revision, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        archive = subprocess.run(
            ["git", "archive", revision, "tfp_flows"],
            cwd=ROOT,
            check=True,
            capture_output=True,
        )
        subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)
        os.symlink(ROOT / "benchmarks", pathlib.Path(folder) / "benchmarks")
        command = [sys.executable, "-m", "benchmarks.hidden_mass", "--print", *names]
        run = subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE)
    return json.loads(run.stdout)


def counts(rows):
    """False verdicts of "good", and false alarms, and what they are out of."""
    hidden = [row for row in rows if row["hidden"] > 0.0]
    right = [row for row in rows if row["hidden"] == 0.0]
    return dict(
        false_good=sum(row["verdict"] == "good" for row in hidden),
        hidden=len(hidden),
        false_alarms=sum(row["verdict"] != "good" for row in right),
        right=len(right),
    )


def document(found):
    """Markdown: the counts and the table of all cases."""
    before, after = found["before"], found["after"]
    lines = ["# Hidden mass", "", __doc__.split("\n\n")[2].replace("\n", " "), ""]
    rows = []
    for group, names in found["groups"].items():
        for label, judged in (("before", before), ("after", after)):
            number = counts([row for row in judged if row["name"] in names])
            false_good = f"{number['false_good']} of {number['hidden']}"
            alarms = f"{number['false_alarms']} of {number['right']}"
            rows.append([group, label, false_good, alarms])
    lines += table_lines(["targets", "", 'false "good"', "false alarms"], rows)
    ratios = [b["seconds"] / a["seconds"] for a, b in zip(before, after, strict=True)]
    lines += [
        "",
        f"An evaluation takes {statistics.median(ratios):.2f} times as long as before, "
        f"the median, and at most {max(ratios):.2f} times.",
        "",
    ]
    headings = ["target", "hidden", "before", "after", "s before", "s after"]
    lines += table_lines(
        headings,
        [
            [
                a["name"],
                f"{a['hidden']:.0%}",
                a["verdict"],
                b["verdict"],
                f"{a['seconds']:.2f}",
                f"{b['seconds']:.2f}",
            ]
            for a, b in zip(before, after, strict=True)
        ],
    )
    return "\n".join([*lines, ""])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--before", help="revision to compare with")
    parser.add_argument("--print", nargs="+", metavar="NAME", help="judge these alone")
    parser.add_argument("--out", default=RESULTS / "hidden_mass.json", type=pathlib.Path)
    args = parser.parse_args()
    if args.print:
        print(json.dumps(judge(args.print)))
        return
    names = [*FIRST, *LATER]
    found = dict(
        machine=machine.describe(),
        time=machine.now(),
        groups={"first": list(FIRST), "later": list(LATER)},
        revision=args.before,
        before=judge_with(args.before, names),
        after=judge(names),
    )
    files.write_json(args.out, found)
    files.write_text(args.out.with_suffix(".md"), document(found))
    print(document(found))


if __name__ == "__main__":
    main()
