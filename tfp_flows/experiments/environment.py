"""What a result was made with."""

import importlib.metadata
import os
import platform

from tfp_flows.version import __version__

_PACKAGES = ("tensorflow", "tensorflow-probability", "keras", "numpy", "arviz")


def describe_environment():
    """Versions and machine, as a `dict` of plain values."""
    versions = {name: importlib.metadata.version(name) for name in _PACKAGES}
    return dict(
        tfp_flows=__version__,
        python=platform.python_version(),
        machine=platform.machine(),
        cpus=os.cpu_count(),
        **versions,
    )
