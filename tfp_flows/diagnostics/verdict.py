"""A plain verdict on a fit, with its reasons."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tfp_flows.diagnostics.evaluation import Evaluation

GOOD = "good"
USABLE = "usable with importance weights"
BAD = "do not trust"
VERDICTS = (GOOD, USABLE, BAD)

# Gaps in nats between the evidence and the ELBO, which is KL(q || p): at 0.05 the weights
# vary by a third, at 0.25 by more than two thirds.
_GOOD_GAP, _USABLE_GAP = 0.05, 0.25
# Vehtari et al. (2024): above 0.7, importance sampling is not reliable at any practical
# number of samples.
_KHAT = 0.7
# Shares of the samples inside the support, and of its mass that a mode may lack.
_GOOD_SUPPORT, _USABLE_SUPPORT = 0.999, 0.95
_GOOD_MODE, _USABLE_MODE = 0.8, 0.5
# What contradicts a known log Z: so many standard errors, and more nats than rounding and
# the soft edges of built-in targets explain, or than rare mass that no sample has found.
_CONTRADICTION, _KL_SLACK, _EVIDENCE_SLACK = 4.0, 0.002, 0.01


def judge(evaluation: "Evaluation") -> tuple[str, list[str]]:
    """One of `VERDICTS`, the worst that a number says, and what keeps it from better.

    The reasons are empty for a good fit.
    """
    findings = _contradictions(evaluation)

    def check(value: float, good: float, usable: float, reason: str) -> None:
        level = 0 if value <= good else 1 if value <= usable else 2
        if level:
            findings.append((level, reason))

    gap = evaluation.kl
    if gap is None:
        gap = evaluation.log_evidence - evaluation.elbo
    # What the standard error leaves open counts for the fit.
    gap -= 2.0 * evaluation.elbo_standard_error
    check(gap, _GOOD_GAP, _USABLE_GAP, f"KL to the target of {gap:.2g} nats or more")
    khat = evaluation.khat
    check(khat, _KHAT, _KHAT, f"Pareto k-hat of {khat:.2f}: heavy-tailed weights")
    outside = 1.0 - evaluation.support_mass
    check(
        outside,
        1.0 - _GOOD_SUPPORT,
        1.0 - _USABLE_SUPPORT,
        f"{outside:.2%} of the samples outside the target's support",
    )
    if evaluation.mode_mass is not None:
        shares = np.array(evaluation.mode_mass) / np.array(evaluation.true_mode_mass)
        mode = int(np.argmin(shares))
        check(
            1.0 - shares[mode],
            1.0 - _GOOD_MODE,
            1.0 - _USABLE_MODE,
            f"mode {mode} with {shares[mode]:.0%} of its mass",
        )
    worst = max((level for level, _ in findings), default=0)
    return VERDICTS[worst], [reason for level, reason in findings if level == worst]


def _contradictions(evaluation: "Evaluation") -> list[tuple[int, str]]:
    """Findings `(level, reason)` on a known log Z that the samples contradict."""
    log_z = evaluation.log_normalizer
    if log_z is None or evaluation.kl is None:
        return []
    findings = []
    error = evaluation.elbo_standard_error
    if evaluation.kl < -max(_CONTRADICTION * error, _KL_SLACK):
        findings.append(
            (
                2,
                f"a KL of {evaluation.kl:.2g} +- {error:.1g} nats, below 0: the target's "
                f"log Z is not {log_z:.4g}, or its density not one of vectors",
            )
        )
    excess = evaluation.log_evidence - log_z
    error = evaluation.log_evidence_standard_error
    is_off = abs(excess) > max(_CONTRADICTION * error, _EVIDENCE_SLACK)
    if is_off and evaluation.khat <= _KHAT:
        # Too little may also be mass that the flow misses, which its KL accounts for.
        findings.append(
            (
                2 if excess > 0.0 else 1,
                f"a log evidence of {evaluation.log_evidence:.4g} +- {error:.1g}, which "
                f"contradicts the target's log Z of {log_z:.4g}",
            )
        )
    return findings
