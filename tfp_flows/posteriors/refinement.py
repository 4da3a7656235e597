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
      converged: whether the draws are what was asked for: by the verdict on `flow` for
        the first two, which no more than its samples can tell of mass that all of
        them miss; and of chains, R-hat below 1.01 and the asked ESS in each dimension.
      ess: effective number of independent draws, that of the worst dimension of chains.
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
    flow: tfd.Distribution
    evaluation: Evaluation
    refit_evaluation: Evaluation | None
    chains: mcmc.ChainResult | None
    seconds: float

    def __str__(self) -> str:
        how = "converged" if self.converged else "NOT CONVERGED"
        text = (
            f"{len(self.samples)} draws by {self.method}, {how}: ESS {self.ess:.0f}, in "
            f"{self.seconds:.1f} s; the flow's verdict: {self.evaluation.verdict}"
        )
        if self.refit_evaluation is not None:
            text += f"; of a richer one, fitted here: {self.refit_evaluation.verdict}"
        return text if self.chains is None else f"{text}\n{self.chains}"
