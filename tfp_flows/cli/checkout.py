"""Commands of a source checkout, to which the installed package hands them on."""

import argparse
import functools
import pathlib
import subprocess
import sys

# By name: a package in the top folder of a checkout, which `python -m` runs; what it is
# called where there is no checkout; and what the command does.
_COMMANDS = {
    "report": (
        "report",
        "report",
        "Remake the technical report, report.pdf, from a source checkout.",
    ),
    "notebooks": (
        "notebooks",
        "set of notebooks",
        "Run the notebooks of a source checkout, each in a new kernel.",
    ),
    "bench": (
        "benchmarks",
        "benchmark",
        "Time this package beside others, from a source checkout.",
    ),
}


def add_commands(subparsers: argparse._SubParsersAction) -> None:
    """Adds the commands; their arguments, `--help` too, are for the checkout's parsers.

    Args:
      subparsers: of the parser of `tfp-flows`.
    """
    for name, (package, what, summary) in _COMMANDS.items():
        # Without a prefix character no argument is an option of this parser;
        # argparse.REMAINDER would refuse an option in the first place.
        parser = subparsers.add_parser(
            name, help=summary, add_help=False, prefix_chars="\0"
        )
        parser.add_argument("arguments", nargs="*")
        run = functools.partial(_run, name, package, what)
        parser.set_defaults(run=run, needs_tensorflow=False)


def _run(name: str, package: str, what: str, args: argparse.Namespace) -> int:
    root = _find_checkout(name, package, what)
    # A process of its own, as small as can be: the memory of the benchmark's workers is
    # measured, and a process starts with the peak of its parent. Not `-m`, so that it
    # runs in the current folder, which relative paths among the arguments mean, without
    # importing from there.
    code = (
        f"import runpy, sys; sys.path.insert(0, {str(root)!r}); "
        f"runpy.run_module({package!r}, run_name='__main__', alter_sys=True)"
    )
    options = ["--traceback"] if args.traceback else []
    command = [sys.executable, "-c", code, *options, *args.arguments]
    return subprocess.run(command, check=False).returncode


def _find_checkout(name: str, package: str, what: str) -> pathlib.Path:
    """The folder that holds `package`: that of tfp_flows, or the current one."""
    for folder in (pathlib.Path(__file__).parents[2], pathlib.Path.cwd()):
        if (folder / package / "__main__.py").exists():
            return folder
    raise FileNotFoundError(
        f"The {what} is part of a source checkout of tfp_flows, not of the installed "
        f"package, and the current folder has no {package}/__main__.py; run "
        f"tfp-flows {name} in the top folder of a checkout."
    )
