"""The pages of the API reference, one a package, from the `__all__` of each."""

import importlib
import inspect
import pkgutil

import tfp_flows

HEADER = """# {title}

```{{eval-rst}}
.. automodule:: {module}
   :no-members:

.. currentmodule:: {module}

.. autosummary::
   :nosignatures:

{names}
"""

INDEX = """# API reference

Every public name, by package. `import tfp_flows as tff` gives {lazy}, imported at first
use, and the builders of flows at the top level:

{builders}

`tff.fit_posterior` is {{py:func}}`tfp_flows.posteriors.fit_posterior`, and
`tff.optimizers` has {{py:class}}`EigenbasisAdam <tfp_flows.training.EigenbasisAdam>`.
The other packages, {others}, are imported by their full names.

```{{toctree}}
:maxdepth: 2

{pages}
```
"""


# What the package itself is made with; its names may change.
INTERNAL = {"numerics"}

# What Keras calls, not people.
HOOKS = {
    "build",
    "call",
    "compute_output_shape",
    "compute_output_spec",
    "get_compile_config",
    "compile_from_config",
    "from_config",
    "get_config",
    "test_step",
    "train_step",
}

# What TFP documents of every bijector.
OF_BIJECTORS = {
    "forward",
    "forward_log_det_jacobian",
    "inverse",
    "inverse_log_det_jacobian",
}


def packages():
    """The names of the subpackages with public names, sorted."""
    found = []
    for info in pkgutil.iter_modules(tfp_flows.__path__):
        is_public = info.ispkg and info.name not in INTERNAL
        if is_public and hasattr(_package(info.name), "__all__"):
            found.append(info.name)
    return sorted(found)


def write(folder):
    """Writes `index.md` and a page for each package to `folder`.

    Args:
      folder: `pathlib.Path`; made if it does not exist, and emptied of other pages.
    """
    folder.mkdir(exist_ok=True)
    names = packages()
    texts = {f"{name}.md": page(name) for name in names} | {"index.md": index(names)}
    for path in folder.glob("*.md"):
        if path.name not in texts:
            path.unlink()
    for name, text in texts.items():
        path = folder / name
        # Sphinx reads again what is newer than its last build.
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")


def index(names):
    """The text of the index of the packages `names`."""
    builders = [
        f"- `tff.{name}` is {{py:func}}`tfp_flows.distributions.{name}`"
        for name in tfp_flows.__all__
        if name in _package("distributions").__all__
    ]
    lazy = [f"`tff.{name}`" for name in names if name in tfp_flows.__all__]
    others = [f"`tfp_flows.{name}`" for name in names if name not in tfp_flows.__all__]
    return INDEX.format(
        builders="\n".join(builders),
        lazy=", ".join(lazy),
        others=", ".join(others),
        pages="\n".join(names),
    )


def page(name):
    """The text of the page of the package `name`."""
    package = _package(name)
    # Functions first, which most readers look for; then classes, then the rest.
    members = sorted(package.__all__, key=lambda member: _kind(package, member))
    names = "\n".join(f"   {m}" for m in members if _kind(package, m) < 2)
    title = f"`tfp_flows.{name}`"
    lines = [HEADER.format(title=title, module=package.__name__, names=names)]
    for member in members:
        value = getattr(package, member)
        if inspect.isclass(value):
            lines += [f".. autoclass:: {member}{_signature(value)}"]
            # A class that another package lends has its entry there.
            lines += [] if _is_at_home(value, package) else ["   :no-index:"]
            methods = ", ".join(documented_members(value))
            lines += [f"   :members: {methods}", ""] if methods else [""]
        elif callable(value):
            lines += [f".. autofunction:: {member}", ""]
        else:
            lines += [f".. autodata:: {member}", ""]
    return "\n".join([*lines, "```", ""])


def _kind(package, member):
    """0 for a function, 1 for a class, 2 for anything else."""
    value = getattr(package, member)
    return 1 if inspect.isclass(value) else 0 if callable(value) else 2


def _is_at_home(cls, package):
    """Whether `cls` is of `package`, or of none that has it among its public names."""
    home = ".".join(cls.__module__.split(".")[:2])
    is_public_there = home.removeprefix("tfp_flows.") in packages()
    return home == package.__name__ or not is_public_there


def documented_members(cls):
    """Public methods and properties of `cls` that this package itself documents."""
    found = []
    for owner in reversed(cls.__mro__):
        if not owner.__module__.startswith("tfp_flows."):
            continue
        for name, value in vars(owner).items():
            is_ours = inspect.isfunction(value) or isinstance(value, property)
            is_hidden = name.startswith("_") or name in HOOKS | OF_BIJECTORS
            if is_ours and value.__doc__ and not is_hidden:
                found.append(name)
    return list(dict.fromkeys(found))


def _signature(cls):
    """That of `__init__`, which metaclasses of Keras and TFP hide; else none.

    Without types, which the arguments' descriptions have in words.
    """
    if "__init__" not in vars(cls) or not cls.__init__.__doc__:
        return ""
    parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
    untyped = [p.replace(annotation=inspect.Parameter.empty) for p in parameters]
    return str(inspect.Signature(untyped))


def _package(name):
    return importlib.import_module(f"tfp_flows.{name}")
