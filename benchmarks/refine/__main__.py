"""What sampling in the space of a flow makes of fits that are not good enough.

    python -m benchmarks.refine [funnel modes invariance]

- funnel: Neal's funnel in ten dimensions, whose log-scale x1, the neck, has a standard
  deviation of 3, after a default fit of a planar flow: x1 by `refine`, by chains through
  the flow that it fits, by the same Hamiltonian chains on the bare density, and by NUTS
  of NumPyro, bare and through a flow of NumPyro's, and of BlackJAX, in processes of their
  own, all in turn, twice. Right is what has mean and standard deviation within 5 % of the
  latter.
- modes: the four modes of example3, by independence chains and by a random walk with as
  many transitions and as many seconds. Of the 12 ordered pairs of modes, how many are
  crossed, and the largest error of the mass of a mode, which is 1/4.
- invariance: chains that start at exact draws of the target, with a flow that fits badly,
  are at exact draws after a few transitions: ranks among fresh ones are uniform.

Times are wall times with compilation, and with the fits of flows that a method makes
itself; that of the first flow is named beside.
"""

import argparse
import json
import pathlib
import warnings

from benchmarks import machine
from benchmarks.refine import funnel, invariance, modes
from tfp_flows import files
from tfp_flows.experiments.tables import table_lines

RESULTS = pathlib.Path(__file__).parents[1] / "results"
PARTS = dict(funnel=funnel.measure, modes=modes.measure, invariance=invariance.measure)


def document(found):
    """Markdown: a table for each part."""
    lines = ["# Refinement", "", "Made by `python -m benchmarks.refine`."]
    if "note" in found:
        lines += [found["note"]]
    lines += ["", __doc__.split("\n\n", 2)[2]]
    for part, result in found["parts"].items():
        lines += [f"## {part}", ""]
        if "verdict" in result:
            lines += [
                f"The first flow: {result['verdict']}, KL {result['gap']:.2g} nats, "
                f"fitted in {result['fit_seconds']:.0f} s.",
                "",
            ]
        columns = list({column: None for row in result["rows"] for column in row})
        cells = [[_cell(row.get(column)) for column in columns] for row in result["rows"]]
        headings = [column.replace("_", " ") for column in columns]
        lines += [*table_lines(headings, cells), ""]
    return "\n".join(lines)


def _cell(value):
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_cell(part)}" for key, part in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", default=list(PARTS), help=" ".join(PARTS))
    parser.add_argument("--out", default=RESULTS / "refine.json", type=pathlib.Path)
    parser.add_argument("--note", help="a sentence about the run, for the document")
    args = parser.parse_args()
    found = dict(parts={})
    if args.out.exists():
        found = json.loads(args.out.read_text("utf-8"))
    found |= dict(machine=machine.describe(), time=machine.now())
    found.pop("note", None)
    if args.note is not None:
        found["note"] = args.note
    for part in args.parts:
        with warnings.catch_warnings():
            warnings.simplefilter("always", RuntimeWarning)
            found["parts"][part] = PARTS[part]()
        files.write_json(args.out, found)
        files.write_text(args.out.with_suffix(".md"), document(found))
    print(document(found))


if __name__ == "__main__":
    main()
