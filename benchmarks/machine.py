"""What the numbers were measured on: no host names, no paths."""

import datetime
import importlib
import importlib.metadata
import os
import pathlib
import platform


def describe():
    """Processor, cores, memory, system and Python, a `dict` of plain values."""
    return dict(
        cpu=cpu_model(),
        cores=len(os.sched_getaffinity(0)),
        memory_gigabytes=round(
            os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
        ),
        system=platform.system(),
        python=platform.python_version(),
    )


def cpu_model():
    """The processor's name as the kernel gives it."""
    path = pathlib.Path("/proc/cpuinfo")
    if path.exists():
        for line in path.read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def now():
    """The time in UTC, to the second."""
    time = datetime.datetime.now(datetime.timezone.utc)
    return time.strftime("%Y-%m-%d %H:%M:%S UTC")


def versions_of(packages):
    """The version of each package; of this one that of its code.

    An editable installation keeps the version of the day on which it was made.
    """
    ours = importlib.import_module("tfp_flows.version").__version__
    return {
        name: ours if name == "tfp_flows" else importlib.metadata.version(name)
        for name in packages
    }
