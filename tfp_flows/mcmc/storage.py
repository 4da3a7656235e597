"""Chains in files: arrays and plain values, never pickles."""

from typing import Any

from tfp_flows.files import Format, prepare_file
from tfp_flows.mcmc.chain_result import ChainResult
from tfp_flows.types import PathLike

_FORMAT = Format(
    "tfp_flows/chains",
    versions=(1,),
    is_not="not a file of chains",
    advice="pass a file that tff.mcmc.save wrote",
)
_ARRAYS = (
    "samples",
    "acceptance_rate_per_chain",
    "proposal_scales",
    "mode_mass",
    "mode_crossings",
)
_VALUES = ("num_burnin", "seconds", "settings", "proposal_scale", "step_size")
# Before the names of sample statistics, which are the sampler's.
_STATS = "sample_stats/"


def save(chains: ChainResult, path: PathLike) -> None:
    """Saves chains as `.npz`.

    `chains.to_arviz().to_netcdf(path)` writes what ArviZ reads instead.

    Args:
      chains: `ChainResult`.
      path: the file to write; one of that name is replaced.

    Raises:
      OSError: if the file cannot be written.
    """
    path = prepare_file(path)
    arrays = {name: getattr(chains, name) for name in _ARRAYS}
    arrays |= {_STATS + name: array for name, array in chains.sample_stats.items()}
    metadata = {name: getattr(chains, name) for name in _VALUES}
    given = {name: array for name, array in arrays.items() if array is not None}
    _FORMAT.write(path, dict(metadata, version=1), given)


def load(path: PathLike) -> ChainResult:
    """Loads chains that `save` wrote.

    Args:
      path: the file.

    Returns:
      `ChainResult`.

    Raises:
      OSError: if the file cannot be read.
      InvalidFileError: if it is damaged, or no file of chains.
    """
    metadata, arrays = _FORMAT.read(path)
    stats = {
        name.removeprefix(_STATS): array
        for name, array in arrays.items()
        if name.startswith(_STATS)
    }
    try:
        fields: dict[str, Any] = {name: metadata[name] for name in _VALUES}
        fields |= {name: arrays.get(name) for name in _ARRAYS}
        chains = ChainResult(**fields, sample_stats=stats)
        _check(chains)
    except (LookupError, AttributeError, TypeError, ValueError) as error:
        raise _FORMAT.invalid(path, error) from error
    return chains


def _check(chains: ChainResult) -> None:
    """Raises unless arrays and values are of one run."""
    num_samples, num_chains, event_size = chains.samples.shape
    shapes = {
        "acceptance_rate_per_chain": (num_chains,),
        "proposal_scales": (event_size,),
        "mode_crossings": (num_chains,),
    }
    for name, shape in shapes.items():
        array = getattr(chains, name)
        is_missing = array is None and name != "acceptance_rate_per_chain"
        if not is_missing and array.shape != shape:
            raise ValueError(f"its array {name} has shape {array.shape}, not {shape}")
    for name, array in chains.sample_stats.items():
        if array.shape != (num_samples, num_chains):
            raise ValueError(f"its statistic {name} has shape {array.shape}")
    for name in ("num_burnin", "seconds"):
        value = getattr(chains, name)
        if not isinstance(value, int | float):
            raise TypeError(f"its {name} is {value!r}")
