"""What a workload is."""

import dataclasses
from collections.abc import Callable


@dataclasses.dataclass(frozen=True)
class Metric:
    """One number of an answer, and how tables show it.

    Attributes:
      key: its name in the worker's answer.
      label: its name in tables, with the unit.
      digits: significant digits shown.
      ratio: `None`, or which is better, `"low"` or `"high"`: tables then show how many
        times better `ours` is.
    """

    key: str
    label: str
    digits: int = 3
    ratio: str | None = None


@dataclasses.dataclass(frozen=True)
class Workload:
    """Work that several peers do.

    Attributes:
      name: what `--only` calls it; also the task that workers look up.
      title: heading and first sentence of its tables.
      peers: names of its peers; the first one is the reference of ratios.
      cases: `{label: parameters}`, what is varied.
      metrics: the numbers to show; the first one is the result.
      job: callable, `(peer name, parameters, quick) -> dict`, the job for the worker.
      skips: callable, `(peer name, parameters) -> bool`: cases that are not for a peer.
      once: callable, `(peer name, parameters) -> bool`: what is measured once only, as
        it takes minutes.
      compare_cases: whether ratios are to the first case instead of the first peer.
    """

    name: str
    title: str
    peers: tuple[str, ...]
    cases: dict[str, dict]
    metrics: tuple[Metric, ...]
    job: Callable[[str, dict, bool], dict]
    skips: Callable[[str, dict], bool] = lambda peer, parameters: False
    once: Callable[[str, dict], bool] = lambda peer, parameters: False
    compare_cases: bool = False


EAGER = ("pyro", "normflows")
# They trace and compile every layer on its own, for minutes where there are many.
CHAINS = ("tfb_chain", "tfb_chain_xla")
MEMORY = (
    Metric("peak_megabytes", "peak memory of the process, MB"),
    Metric("increase_megabytes", "increase by the fit, MB", ratio="low"),
)
