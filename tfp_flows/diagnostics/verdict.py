"""A plain verdict on a fit, with its reasons."""

import numpy as np

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


def judge(evaluation):
    """The verdict on an `Evaluation`: the worst of what each of its numbers says.

    Args:
      evaluation: `Evaluation`.

    Returns:
      `(verdict, reasons)`: one of `VERDICTS`, and a list of `str`, the findings that keep
      it from being better; empty for a good fit.
    """
    findings = []

    def check(value, good, usable, reason):
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
