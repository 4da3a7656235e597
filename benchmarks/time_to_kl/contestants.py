"""Who takes part, with which settings, and for how long."""

import dataclasses

from benchmarks.time_to_kl.densities import DENSITIES

PLANE = tuple(name for name, density in DENSITIES.items() if density.event_size == 2)

# The target whose search is that of another: one in the plane stands for all.
SEARCHED = {name: PLANE[1] if name in PLANE else name for name in DENSITIES}


# Ours: label, number of steps, samples per step, and about how many seconds.
BUDGETS = (
    ("1,500 x 512", 1_500, 512, 8.0),
    ("3,000 x 1,024", 3_000, 1_024, 9.0),
    ("default", None, None, 11.0),
    ("10,000 x 2,048", 10_000, 2_048, 13.0),
    ("20,000 x 4,096", 20_000, 4_096, 22.0),
)

# Those of flows that are twice as deep.
DEEP_BUDGETS = BUDGETS[1:3]


@dataclasses.dataclass(frozen=True)
class Contestant:
    """A flow of a library.

    Attributes:
      label: what the tables call it.
      library: what has a colour in the figure.
      worker: a module of `workers`.
      environment: a file of `requirements`.
      form: which of the worker's flows.
      num_steps: of a trial of the search, some three seconds of training.
      sample_size: samples per step that the search begins with.
      targets: names of those that it is fitted to.
      can_anneal: whether the library can weigh the target.
      budgets: of ours, as `BUDGETS`; those of others are found by a search.
    """

    label: str
    library: str
    worker: str
    environment: str
    form: str
    num_steps: int | None = None
    sample_size: int | None = None
    targets: tuple[str, ...] = tuple(DENSITIES)
    can_anneal: bool = True
    budgets: tuple = ()


def _flowjax(label, form, num_steps, sample_size=256):
    label = f"FlowJAX {label}"
    return Contestant(
        label, "FlowJAX", "with_flowjax", "jax", form, num_steps, sample_size
    )


def _numpyro(label, form, num_steps):
    label = f"NumPyro {label}"
    return Contestant(label, "NumPyro", "with_numpyro", "numpyro", form, num_steps, 256)


def _torch(library, label, form, num_steps, **options):
    label, worker = f"{library} {label}", f"with_{library}"
    return Contestant(label, library, worker, "torch", form, num_steps, 256, **options)


def _ours(label, form, targets, budgets=BUDGETS):
    label = f"tfp_flows {label}"
    return Contestant(
        label, "tfp_flows", "ours", "tfp_flows", form, targets=targets, budgets=budgets
    )


CONTESTANTS = dict(
    planar=_ours("planar, K = 16", "planar", (*PLANE, "funnel")),
    deep=_ours("planar, K = 32", "deep", PLANE, DEEP_BUDGETS),
    autoregressive=_ours("autoregressive, K = 3", "autoregressive", ("funnel",)),
    posterior=_ours("fit_posterior", "posterior", ("eight_schools",)),
    flowjax_planar=_flowjax("planar, K = 16", "planar", 6_000, 512),
    flowjax_coupling=_flowjax("spline couplings", "coupling", 2_000, 512),
    flowjax_autoregressive=_flowjax("autoregressive", "autoregressive", 5_000),
    flowjax_block=_flowjax("block autoregressive", "block", 5_000),
    flowjax_spline=_flowjax("triangular splines", "spline", 3_500),
    zuko_spline=_torch("zuko", "NSF", "spline", 500),
    zuko_autoregressive=_torch("zuko", "MAF", "autoregressive", 700),
    normflows_spline=_torch("normflows", "spline couplings", "spline", 200),
    normflows_residual=_torch("normflows", "residual", "residual", 200, targets=PLANE),
    numpyro_block=_numpyro("AutoBNAFNormal", "block", 4_000),
    numpyro_iaf=_numpyro("AutoIAFNormal", "iaf", 6_000),
    pymc_advi=Contestant(
        "PyMC full-rank ADVI", "PyMC", "with_pymc", "pymc", "fullrank", 20_000, 4,
        can_anneal=False,
    ),
)  # fmt: skip

# How many times the steps, and the samples per step, of the best trial a fit has: of all,
# and of those that were best in the search of the target.
MULTIPLES, MULTIPLES_OF_BEST, NUM_BEST = ((2, 1),), ((1, 1), (4, 1), (2, 4)), 2


def searched(target):
    """Names of those that are searched on a target."""
    return [
        name
        for name, contestant in CONTESTANTS.items()
        if contestant.worker != "ours" and target in contestant.targets
    ]


def first_settings(contestant):
    """What the search begins with."""
    return dict(
        num_steps=contestant.num_steps,
        sample_size=contestant.sample_size,
        rate=None,
        annealed=contestant.can_anneal,
        seed=0,
    )
