"""How the training step grows with layers, dimensions, samples and restarts.

    python -m benchmarks.growth

One fit a process, of planar flows by plain Adam, and of the floor that `benchmarks.floor`
derives from rates measured in the same run. Writes growth.json, growth.md and growth.png.
"""

import argparse
import pathlib
import sys

from benchmarks import floor, jobs, machine
from benchmarks.markdown import MISSING, number
from benchmarks.registry import ROOT
from benchmarks.workloads import WORKLOADS
from tfp_flows import files
from tfp_flows.experiments.tables import table_lines

# What is varied, and what stays: `example1` in the plane, a Gaussian elsewhere.
_BASE = dict(K=16, D=2, S=500, R=1)
AXES = {
    "K": ("layers K", dict(_BASE), (4, 16, 64, 128, 256, 512)),
    "D": ("dimensions D", dict(_BASE, S=256), (2, 8, 32, 128, 512, 2_048, 10_000)),
    "S": ("samples S", dict(_BASE), (100, 1_000, 10_000, 100_000, 1_000_000)),
    "R": ("flows of a batch R", dict(_BASE, S=256), (1, 2, 4, 8, 16, 32, 64)),
}
# Steps of a fit, so that it takes a second or so.
_MOST_STEPS, _LEAST_STEPS, _SECONDS = 10_000, 5, 1.0


def num_steps(sizes, rates):
    """As many as take about a second if a step takes three times its floor."""
    steps = int(_SECONDS * 1e6 / (3.0 * floor_of(sizes, rates)))
    return min(_MOST_STEPS, max(_LEAST_STEPS, steps))


def floor_of(sizes, rates):
    """The lower bound of a step of R flows, in microseconds."""
    one = {key: sizes[key] for key in ("K", "D", "S")}
    return sizes["R"] * floor.floor_microseconds(one, rates)[0]


def measure(sizes, rates):
    """The numbers of one fit, and its floor."""
    batch_shape = [] if sizes["R"] == 1 else [sizes["R"]]
    job = dict(
        {key: sizes[key] for key in ("K", "D", "S")},
        batch_shape=batch_shape,
        target="example1" if sizes["D"] == 2 else "gaussian",
        num_steps=num_steps(sizes, rates),
    )
    found = worker("ours", "step-time", job)
    keys = ("microseconds_per_step", "compile_seconds", "increase_megabytes", "error")
    return dict(
        sizes,
        floor=floor_of(sizes, rates),
        **{key: found[key] for key in keys if key in found},
    )


def worker(module, task, fields):
    """What a worker answers."""
    fields = dict(fields, task=task, module=module, form=None)
    return jobs.run(jobs.Job(task, "", module, 0, fields), sys.executable)


def rates_now():
    """The best rate of each unit of work on this machine, in units per second."""
    workload = WORKLOADS["floor"]
    cases = {}
    for case, parameters in workload.cases.items():
        answer = worker("floor", "floor", workload.job("floor", parameters, False))
        if "error" in answer:
            raise RuntimeError(f"The rates of this machine: {answer['error']}")
        cases[case] = dict(floor=dict(median=answer))
    return floor.best_rates(cases)


def document(rows):
    """The tables in Markdown."""
    lines = ["# Growth", ""]
    lines += ["One process each; flows of K planar layers, in float32, by Adam.", ""]
    headings = ["", "µs per step", "over the floor", "compile, s", "memory, MB"]
    for axis, (label, base, _) in AXES.items():
        fixed = ", ".join(f"{k} = {v:,}" for k, v in base.items() if k != axis)
        lines += [f"## {label[0].upper()}{label[1:]} ({fixed})", ""]
        cells = [
            [f"{axis} = {row[axis]:,}", *_cells(row)]
            for row in rows
            if row["axis"] == axis
        ]
        lines += [*table_lines(headings, cells), ""]
    return "\n".join(lines)


def _cells(row):
    if "error" in row:
        return [row["error"], MISSING, MISSING, MISSING]
    step = row["microseconds_per_step"]
    return [
        number(step),
        f"{number(step / row['floor'], 2)}x",
        number(row["compile_seconds"], 2),
        number(row["increase_megabytes"]),
    ]


def draw(path, rows):
    """Step time and memory over each axis, log-log, with the floor."""
    # Imported late: the parent process stays small while workers are measured.
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    # Text is readable where the figure is shown half as wide.
    with matplotlib.rc_context({"font.size": 13, "axes.titlesize": 13}):
        figure = draw_all(rows)
        with files.replacing(path) as file:
            figure.savefig(file, format="png", dpi=120)
        plt.close(figure)


def draw_all(rows):
    """The figure: a column per axis."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, len(AXES), figsize=(13, 6), sharey="row")
    for column, (axis, (label, base, _)) in zip(axes.T, AXES.items(), strict=True):
        good = [row for row in rows if row["axis"] == axis and "error" not in row]
        x = [row[axis] for row in good]
        top, bottom = column
        top.plot(x, [r["microseconds_per_step"] for r in good], "o-", color="#d55e00")
        top.plot(x, [r["floor"] for r in good], "--", color="#555555")
        bottom.plot(x, [r["increase_megabytes"] for r in good], "o-", color="#0072b2")
        fixed = ", ".join(f"{k} = {v:,}" for k, v in base.items() if k != axis)
        top.set_title(fixed)
        bottom.set_xlabel(label)
        for ax in column:
            ax.set(xscale="log", yscale="log")
            ax.grid(True, which="major", alpha=0.3)
            ax.spines[["top", "right"]].set_visible(False)
    first = axes[0, 0]
    first.set_ylabel("µs per step", labelpad=8)
    first.legend(["measured", "floor"], frameon=False)
    axes[1, 0].set_ylabel("memory of the fit, MB")
    figure.tight_layout()
    return figure


def main(argv=None):
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = ROOT / "benchmarks" / "results"
    parser.add_argument("--out", type=pathlib.Path, default=default)
    out = files.prepare_folder(parser.parse_args(argv).out, "--out")
    rates, rows = rates_now(), []
    for axis, (_, base, values) in AXES.items():
        for value in values:
            rows.append(dict(axis=axis, **measure(dict(base, **{axis: value}), rates)))
            print(rows[-1], flush=True)
    found = dict(machine=machine.describe(), rates=rates, rows=rows)
    files.write_json(out / "growth.json", found)
    files.write_text(out / "growth.md", document(rows))
    draw(out / "growth.png", rows)
    print(document(rows))


if __name__ == "__main__":
    sys.exit(main())
