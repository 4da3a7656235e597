"""What `refine` returns."""

import dataclasses

import numpy as np
from tensorflow_probability import distributions as tfd

from tfp_flows import mcmc
from tfp_flows.diagnostics import Evaluation


@dataclasses.dataclass(frozen=True, eq=False)
class Refinement:
    """Draws of a target, how they were made, and whether they can be relied on.

    Attributes:
      samples: `[n, D]` array, draws of equal weight.
      method: `"flow"`, the flow's own draws; `"psis"`, those drawn by importance weights;
        `"neutra"` or `"independence"`, samples of chains.
      converged: whether the draws can be relied on: the flow's own by its verdict, which
        no more than its samples can tell of mass that all of them miss; those by weight
        by a `khat` of at most 0.7; and chains by an R-hat below 1.01 and the asked ESS in
        each dimension, and at most one transition in a thousand that diverges.
      ess: effective number of independent draws: n of the flow's own; of those by weight
        1 / (1 / n + 1 / ESS of the samples that they are drawn from); of chains that of
        all their samples, in the worst dimension.
      khat: Pareto k-hat of the importance weights that draws were taken by, or `None`.
      flow: the distribution that was sampled, or in whose space chains moved: the given
        one, or the richer one that was fitted in its place.
      evaluation: `tff.diagnostics.Evaluation` of the given flow.
      refit_evaluation: that of the richer flow, or `None` if there is none.
      chains: `tff.mcmc.ChainResult`, all samples of the last round, or `None`.
      seconds: wall time, with all fits and evaluations.
    """

    samples: np.ndarray
    method: str
    converged: bool
    ess: float
    khat: float | None
    flow: tfd.Distribution
    evaluation: Evaluation
    refit_evaluation: Evaluation | None
    chains: mcmc.ChainResult | None
    seconds: float

    def __str__(self) -> str:
        how = "converged" if self.converged else "NOT CONVERGED"
        worth = f"ESS {self.ess:.0f}"
        if self.khat is not None:
            worth += f", k-hat {self.khat:.2f}"
        text = (
            f"{len(self.samples)} draws by {self.method}, {how}: {worth}, in "
            f"{self.seconds:.1f} s; the flow's verdict: {self.evaluation.verdict}"
        )
        if self.refit_evaluation is not None:
            text += f"; of a richer one, fitted here: {self.refit_evaluation.verdict}"
        return text if self.chains is None else f"{text}\n{self.chains}"
