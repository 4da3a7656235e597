"""What `evaluate` returns."""

import dataclasses
import math
from typing import Any

import numpy as np

from tfp_flows import numerics
from tfp_flows.diagnostics.moments import MomentErrors
from tfp_flows.diagnostics.outside import Outside
from tfp_flows.diagnostics.verdict import GOOD, USABLE, judge
from tfp_flows.types import Seed


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """How well a flow q fits a density p = exp(log p~) / Z, from samples of q.

    Attributes:
      elbo: E_q[log p~ - log q], a lower bound on log Z, in nats.
      elbo_standard_error: of `elbo`.
      log_evidence: log Z estimated by importance sampling with proposal q.
      log_evidence_standard_error: of `log_evidence`, by the delta method.
      gap_standard_error: of `log_evidence - elbo`, whose errors are not independent.
      ess: effective sample size of the importance weights, between 1 and `num_samples`
        (Kong 1992).
      khat: shape of the generalised Pareto tail of the importance weights (Vehtari et
        al. 2024). Below 0.7 the importance-sampling estimates can be trusted.
      num_samples: number of samples of q.
      support_mass: share of the samples where p is positive. Where it is below 1, KL(q ||
        p) is infinite, and `elbo` and `kl` are those of q restricted to the support of p,
        which is what is left after discarding impossible samples.
      kl: KL(q || p) = log Z - elbo in nats, where log Z is known; else `None`. Its
        standard error is `elbo_standard_error`.
      log_normalizer: the known log Z, else `None`.
      mode_mass: share of q's samples in each mode of the target, a list, else `None`.
      true_mode_mass: the target's own mass per mode, else `None`.
      moments: `MomentErrors` of draws without weights.
      outside: `Outside`, mass of p that was found where samples of q are missing, and
        how far the search for it went.
      rounding: by how many nats log densities of p may be rounded, in the precision in
        which they were evaluated.
      injectivity_margin: the least of the layers' margins, see
        `tff.diagnostics.injectivity_margin`; `None` if no layer has one.
      num_steps, seconds, num_skipped_steps: of the fit, where `evaluate` was given its
        result; else `None`.
      log_weights: `[num_samples]` float64 array, log p~ - log q of each sample, -inf
        outside the support of p; not part of `to_dict`.
      samples: `[num_samples, D]` array, the samples that have these weights, with
        `keep_samples=True`; else `None`. Not part of `to_dict`.
    """

    elbo: float
    elbo_standard_error: float
    log_evidence: float
    log_evidence_standard_error: float
    gap_standard_error: float
    ess: float
    khat: float
    num_samples: int
    support_mass: float = 1.0
    kl: float | None = None
    log_normalizer: float | None = None
    mode_mass: list[float] | None = None
    true_mode_mass: list[float] | None = None
    moments: MomentErrors | None = None
    outside: Outside | None = None
    rounding: float = 0.0
    injectivity_margin: float | None = None
    num_steps: int | None = None
    seconds: float | None = None
    num_skipped_steps: int | None = None
    log_weights: np.ndarray | None = dataclasses.field(
        default=None, repr=False, compare=False
    )
    samples: np.ndarray | None = dataclasses.field(
        default=None, repr=False, compare=False
    )

    def resample(self, n: int, seed: Seed = None) -> np.ndarray:
        """Draws from the samples with their weights: nearly draws from p.

        Sampling importance resampling: with replacement, so that `n` should be small
        beside `ess`. To be trusted where `khat` is below 0.7.

        Args:
          n: number of draws.
          seed: `int` or stateless TFP seed; `None` draws a new one.

        Returns:
          `[n, D]` array.

        Raises:
          ValueError: if `n` is no integer >= 1, or the samples were not kept.
        """
        if self.samples is None or self.log_weights is None:
            raise ValueError(
                "The samples were not kept; pass keep_samples=True to `evaluate`."
            )
        return self.samples[numerics.draw_rows(self.log_weights, n, seed)]

    @property
    def gap(self) -> float:
        """KL(q || p) in nats: `kl` where log Z is known, else log evidence - ELBO."""
        return self.log_evidence - self.elbo if self.kl is None else self.kl

    @property
    def verdict(self) -> str:
        """One of four, for draws of the flow as they are and for weighted ones.

        - `"good"`: draws are right as they are. KL(q || p) is at most 0.05 nats, means
          are off by at most 0.1 standard deviations of p and standard deviations by at
          most 10 %, 99.9 % of the samples are in the support, and no mode has less than
          80 % of its mass.
        - `"usable with importance weights"`: weighted draws are. k-hat is at most 0.7,
          the effective sample size at least 400, and 95 % of the samples are in the
          support and 50 % of each mode's mass in it.
        - `"undecided"`: a number is within two standard errors of its limit, or there are
          too few samples to tell (4,000 for the support alone); `reasons` say how many
          would tell. Or log densities are too large for the precision.
        - `"do not trust"`: neither, or more than 1 % of the evidence was found where
          samples of the flow are missing, or samples contradict the known log Z: a KL
          below 0, or another log evidence, by more than 4 standard errors.

        Where log Z is not known, the KL is log evidence - ELBO, which is to be relied on,
        like the errors of means, from 10^(1 / (1 - k-hat)) samples on (Vehtari et al.
        2024).
        """
        return judge(self)[0]

    @property
    def reasons(self) -> list[str]:
        """What keeps the verdict from being better, a list of `str`."""
        return judge(self)[1]

    def to_dict(self) -> dict[str, Any]:
        """The attributes as plain Python values, ready for JSON; `None` for infinity."""
        values = dataclasses.asdict(
            dataclasses.replace(self, log_weights=None, samples=None)
        )
        del values["log_weights"], values["samples"]
        values = _replace(values, math.inf, None)
        return values | dict(verdict=self.verdict, reasons=self.reasons)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Evaluation":
        """What `to_dict` made a dictionary of.

        Args:
          values: `dict`, which may have come by JSON; the verdict is made anew.

        Returns:
          `Evaluation`, without weights and samples.

        Raises:
          TypeError: if fields are missing.
        """
        names = {field.name for field in dataclasses.fields(cls)}
        fields = {name: value for name, value in values.items() if name in names}
        if "khat" in fields:
            fields["khat"] = _replace(fields["khat"], None, math.inf)
        if fields.get("moments") is not None:
            moments = _replace(fields["moments"], None, math.inf)
            fields["moments"] = MomentErrors(**moments)
        if fields.get("outside") is not None:
            fields["outside"] = Outside(**fields["outside"])
        return cls(**fields)

    @property
    def _by_what(self) -> str:
        """How the evidence was estimated, and that it is too low where mass is missed."""
        how = "importance sampling"
        if self.outside is not None and self.outside.is_missed:
            how += " of what samples of the flow reach alone"
        return how

    def __str__(self) -> str:
        kl = f"{self.gap:.4f} "
        if self.kl is None:
            kl += f"+- {self.gap_standard_error:.4f} nats (log evidence - ELBO)"
        else:
            kl += f"nats (log Z {self.log_normalizer:.4f})"
        rows = [
            ("ELBO", f"{self.elbo:.4f} +- {self.elbo_standard_error:.4f} nats"),
            (
                "log evidence",
                f"{self.log_evidence:.4f} +- {self.log_evidence_standard_error:.4f} "
                f"nats ({self._by_what})",
            ),
            ("KL", kl),
            ("ESS", f"{self.ess:.0f} of {self.num_samples}"),
            ("Pareto k-hat", f"{self.khat:.2f}"),
        ]
        if self.moments is not None:
            rows.append(("draws", str(self.moments)))
        if self.outside is not None:
            rows.append(("search", str(self.outside)))
        if self.support_mass < 1.0:
            rows.append(("in support", f"{self.support_mass:.4%} of the samples"))
        if self.mode_mass is not None:
            found = np.array2string(np.array(self.mode_mass), precision=3)
            true = np.array2string(np.array(self.true_mode_mass), precision=3)
            rows.append(("mass per mode", f"{found}, target {true}"))
        if self.injectivity_margin is not None:
            rows.append(("margin", f"{self.injectivity_margin:.3g} (injectivity)"))
        if self.num_steps is not None:
            rows.append(
                (
                    "fit",
                    f"{self.num_steps} steps in {self.seconds:.1f} s, "
                    f"{self.num_skipped_steps} skipped",
                )
            )
        verdict = self.verdict
        if self.outside is not None and verdict in (GOOD, USABLE):
            verdict += f", as far as {self.outside.reach} reach"
        if self.reasons:
            verdict += f": {'; '.join(self.reasons)}"
        rows.append(("verdict", verdict))
        return "\n".join(f"{name:<14}{value}" for name, value in rows)


def _replace(values: Any, old: Any, new: Any) -> Any:
    """`values`, in structures of `dict`s and lists, with one value for another."""
    if isinstance(values, dict):
        return {name: _replace(value, old, new) for name, value in values.items()}
    if isinstance(values, list):
        return [_replace(value, old, new) for value in values]
    return new if values == old else values
