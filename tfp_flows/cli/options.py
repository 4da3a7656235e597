"""Options that commands share; those of an experiment come from its configuration."""

import argparse
import dataclasses
import typing
from collections.abc import Sequence
from typing import Any, TypeVar

_Config = TypeVar("_Config")


def add_experiment(
    parser: argparse.ArgumentParser, config_class: type, *, quick: str
) -> None:
    """Adds the options of an experiment of ours, which runs in full or in short.

    Args:
      parser: `argparse.ArgumentParser`, changed.
      config_class: a dataclass with a field `seed`.
      quick: what the short version is.
    """
    add_out(parser)
    parser.add_argument("--quick", action="store_true", help=quick)
    add_config(parser, config_class, only=["seed"])


def add_config(
    parser: argparse.ArgumentParser,
    config_class: type,
    *,
    only: Sequence[str] | None = None,
) -> None:
    """Adds an option for each field of a configuration, with its default and meaning.

    Args:
      parser: `argparse.ArgumentParser`, changed.
      config_class: a dataclass with fields by `experiments.configs.setting`, of types
        `int`, `float`, `str`, `bool`, or one of these or `None`.
      only: names of fields; `None` means all.
    """
    for field in dataclasses.fields(config_class):
        if only is not None and field.name not in only:
            continue
        settings: dict[str, Any] = dict(default=field.default)
        settings["help"] = field.metadata["help"]
        kind = (typing.get_args(field.type) or (field.type,))[0]
        if kind is bool:
            settings["action"] = argparse.BooleanOptionalAction
        else:
            settings |= dict(type=kind, choices=field.metadata["choices"])
        parser.add_argument(f"--{_option(field).replace('_', '-')}", **settings)


def parsed_config(config_class: type[_Config], args: argparse.Namespace) -> _Config:
    """The configuration of these arguments, which `add_config` has the options of."""
    fields = dataclasses.fields(config_class)  # type: ignore[arg-type]
    return config_class(**{field.name: getattr(args, _option(field)) for field in fields})


def _option(field: "dataclasses.Field[Any]") -> str:
    return field.metadata["option"] or field.name


def add_out(parser: argparse.ArgumentParser) -> None:
    """Adds `--out`, the folder that an experiment writes to."""
    parser.add_argument("--out", required=True, help="folder for the results")


def add_target(parser: argparse.ArgumentParser) -> None:
    """Adds the target, by its name."""
    parser.add_argument(
        "target",
        help="a built-in density (example1 to example3, u1 to u4), or module:function, a "
        "function of points [S, D] that returns log densities [S]; the module is looked "
        "up in the current folder too",
    )


def add_data(parser: argparse.ArgumentParser) -> None:
    """Adds the file of the data of a posterior."""
    parser.add_argument(
        "--data",
        default=None,
        metavar="FILE",
        help="arrays (.npy, .npz, or .csv with a header) of which module:function makes "
        "a tff.density.RowwisePosterior",
    )


def add_flow_file(parser: argparse.ArgumentParser) -> None:
    """Adds the file of a saved flow."""
    parser.add_argument("flow", help="flow.npz, as `tfp-flows fit` writes it")


def add_samples(parser: argparse.ArgumentParser, num_samples: int) -> None:
    """Adds the number of samples, and their seed."""
    parser.add_argument("--num-samples", type=int, default=num_samples, help="samples")
    parser.add_argument("--seed", type=int, default=0, help="seed of the samples")
