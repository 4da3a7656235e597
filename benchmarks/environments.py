"""Virtual environments of the peers, made once and kept."""

import hashlib
import importlib.util
import pathlib
import shutil
import subprocess
import sys

from benchmarks.registry import REQUIREMENTS

_STAMP = "requirements.sha256"


def interpreters(names, folder):
    """The Python interpreter of each environment, which is made if need be.

    Args:
      names: names of files in `requirements/`; `None` is the current interpreter.
      folder: where environments are kept.

    Returns:
      `{name: (interpreter, error)}`; the error is `None`, or why there is none.

    Raises:
      RuntimeError: if the current interpreter is wanted and has no tfp_flows.
    """
    found = {}
    for name in sorted(names, key=str):
        if name is None:
            check_current()
            found[name] = sys.executable, None
            continue
        try:
            found[name] = prepare(name, pathlib.Path(folder)), None
        except RuntimeError as error:
            found[name] = None, str(error)
    return found


def check_current():
    """Raises `RuntimeError` unless this interpreter can import what `ours` needs."""
    for package in ("tfp_flows", "tensorflow", "tensorflow_probability"):
        if importlib.util.find_spec(package) is None:
            raise RuntimeError(
                f"The interpreter that runs the benchmark has no {package}; install the "
                "checkout there (pip install -e .) and run the benchmark with it."
            )


def prepare(name, folder, requirements=REQUIREMENTS):
    """The interpreter of the environment `name`, made anew if its requirements changed.

    Args:
      name: name of a file in `requirements`, without its suffix.
      folder: where environments are kept.
      requirements: folder of the requirement files.

    Returns:
      Path of the interpreter, `str`.

    Raises:
      RuntimeError: if the environment cannot be made.
    """
    path = requirements / f"{name}.txt"
    environment = (folder / name).absolute()
    python = environment / "bin" / "python"
    stamp = environment / _STAMP
    wanted = fingerprint(path)
    if python.exists() and stamp.exists() and stamp.read_text("utf-8") == wanted:
        return str(python)
    print(f"Installing {path.name} into {environment} ...", file=sys.stderr, flush=True)
    shutil.rmtree(environment, ignore_errors=True)
    environment.parent.mkdir(parents=True, exist_ok=True)
    _run([sys.executable, "-m", "venv", str(environment)], name)
    _run([str(python), "-m", "pip", "install", "--quiet", "-r", str(path)], name)
    # Last: an interrupted installation has no stamp, and is made anew.
    stamp.write_text(wanted, "utf-8")
    return str(python)


def fingerprint(path):
    """What an environment is made from: the requirements and the version of Python."""
    version = ".".join(map(str, sys.version_info[:3]))
    content = path.read_bytes() + version.encode()
    return hashlib.sha256(content).hexdigest()


def _run(command, name):
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        print(run.stdout + run.stderr, file=sys.stderr)
        raise RuntimeError(
            f"The environment {name} could not be installed (exit status "
            f"{run.returncode}); its log is above."
        )
