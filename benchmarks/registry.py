"""Who is measured: the peers, their worker modules and their environments."""

import dataclasses
import pathlib

ROOT = pathlib.Path(__file__).parents[1]
REQUIREMENTS = pathlib.Path(__file__).parent / "requirements"


@dataclasses.dataclass(frozen=True)
class Peer:
    """One way of doing the work.

    Attributes:
      name: what `--peers` and the results file call it.
      label: what the tables call it.
      module: the worker, a module of `benchmarks.peers`.
      environment: name of its file in `requirements/`. Of tfp_flows there are the
        dependencies alone: its code is this checkout's.
      form: which of the worker's forms, if it has several.
    """

    name: str
    label: str
    module: str
    environment: str
    form: str | None = None


_ALL = (
    Peer("ours", "**tfp_flows**", "ours", "tfp_flows"),
    Peer("flowjax_scan", "FlowJAX, in one hand-written scan", "flowjax", "jax", "scan"),
    Peer("flowjax_fit", "FlowJAX, its own fit loop", "flowjax", "jax", "fit"),
    Peer(
        "flowjax_inverse",
        "FlowJAX, with an optimistix root finder",
        "flowjax_inverse",
        "jax",
    ),
    Peer("pyro", "Pyro", "pyro", "torch"),
    Peer("normflows", "normflows", "normflows", "torch"),
    Peer("tf1_graph", "the predecessor's TF1 graph", "tf1_graph", "tfp_flows"),
    Peer("tfb_chain", "TFP, layer by layer, graph", "tfb_chain", "tfp_flows", "graph"),
    Peer("tfb_chain_xla", "TFP, layer by layer, XLA", "tfb_chain", "tfp_flows", "xla"),
    Peer(
        "scipy_root",
        "a SciPy root per point and layer, as Bijectors.jl",
        "scipy_root",
        "scipy",
    ),
    Peer("blackjax", "BlackJAX", "blackjax", "jax"),
    Peer("numpy_lean", "a lean NumPy loop", "numpy_mcmc", "scipy", "lean"),
    Peer(
        "numpy_predecessor",
        "the predecessor's NumPy loop",
        "numpy_mcmc",
        "scipy",
        "predecessor",
    ),
    Peer("floor", "rates of this machine", "floor", "tfp_flows"),
)

PEERS = {peer.name: peer for peer in _ALL}
