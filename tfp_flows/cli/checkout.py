"""Commands that a source checkout has, and the installed package hands on to it."""

import argparse
import functools
import pathlib
import subprocess
import sys

from tfp_flows.cli.options import Subparsers


def add_checkout_command(
    subparsers: Subparsers,
    name: str,
    module: str,
    summary: str,
    *,
    what: str,
) -> None:
    """Adds a command whose arguments, `--help` too, are for `python -m module`.

    Args:
      subparsers: of the parser of `tfp-flows`.
      name: of the command.
      module: a package in the top folder of a checkout, with a `__main__.py`.
      summary: what the command does, one line.
      what: what it is called where there is no checkout.
    """
    # Without a prefix character no argument is an option of this parser;
    # argparse.REMAINDER would refuse an option in the first place.
    parser = subparsers.add_parser(name, help=summary, add_help=False, prefix_chars="\0")
    parser.add_argument("arguments", nargs="*")
    run = functools.partial(_run, name=name, module=module, what=what)
    parser.set_defaults(run=run, needs_tensorflow=False)


def _run(args: argparse.Namespace, *, name: str, module: str, what: str) -> int:
    root = find_checkout(module, name=name, what=what)
    # A process of its own, as small as can be: the memory of the benchmark's workers is
    # measured, and a process starts with the peak of its parent. Not `-m`, so that it
    # runs in the current folder, which relative paths among the arguments mean, without
    # importing from there.
    code = (
        f"import runpy, sys; sys.path.insert(0, {str(root)!r}); "
        f"runpy.run_module({module!r}, run_name='__main__', alter_sys=True)"
    )
    options = ["--traceback"] if args.traceback else []
    command = [sys.executable, "-c", code, *options, *args.arguments]
    return subprocess.run(command, check=False).returncode


def find_checkout(module: str, *, name: str, what: str) -> pathlib.Path:
    """The top folder of a checkout: that of this package, or the current one.

    Args:
      module: as for `add_checkout_command`, as the others.
      name: of the command.
      what: what it runs.

    Returns:
      Path of the folder that holds `module`.

    Raises:
      FileNotFoundError: if neither does.
    """
    for folder in (pathlib.Path(__file__).parents[2], pathlib.Path.cwd()):
        if (folder / module / "__main__.py").exists():
            return folder
    raise FileNotFoundError(
        f"The {what} is part of a source checkout of tfp_flows, not of the installed "
        f"package, and the current folder has no {module}/__main__.py; run "
        f"tfp-flows {name} in the top folder of a checkout."
    )
