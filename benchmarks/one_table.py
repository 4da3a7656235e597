"""The command of a benchmark of one table: NAME.json, and NAME.md made from it."""

import argparse
import pathlib

from benchmarks import machine
from benchmarks.registry import ROOT
from tfp_flows import files

RESULTS = ROOT / "benchmarks" / "results"


def run(argv, description, name, measure, document):
    """Measures, stores and prints.

    Args:
      argv: arguments of the command, or `None` for those of the process.
      description: docstring of the benchmark; its first line is shown by `--help`.
      name: of the files.
      measure: callable, to a `dict` of what was found.
      document: callable, of that and the `machine`, to Markdown.
    """
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=RESULTS)
    out = files.prepare_folder(parser.parse_args(argv).out, "--out")
    store(out, name, dict(machine=machine.describe(), **measure()), document)


def store(folder, name, found, document):
    """Writes what was found and its document, and prints the document."""
    text = document(found)
    files.write_json(folder / f"{name}.json", found)
    files.write_text(folder / f"{name}.md", text)
    print(text)
