"""A plain verdict on a fit, with its reasons."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tfp_flows import numerics

if TYPE_CHECKING:
    from tfp_flows.diagnostics.evaluation import Evaluation

GOOD = "good"
USABLE = "usable with importance weights"
UNDECIDED = "undecided"
BAD = "do not trust"
VERDICTS = (GOOD, USABLE, UNDECIDED, BAD)

# What a number says of draws.
_RIGHT, _OPEN, _WRONG = range(3)

# Standard errors by which a number must be on one side of its limit.
_CERTAINTY = 2.0
# KL(q || p) in nats; errors of means in standard deviations, and of the logarithms of
# standard deviations.
LARGEST_GAP, _MEAN, _SD = 0.05, 0.1, math.log(1.1)
# Shares of the samples inside the support, and of its mass that a mode must have: of
# draws that are not weighted, and of weighted ones.
_SUPPORT, _WEIGHTED_SUPPORT = 0.999, 0.95
_MODE, _WEIGHTED_MODE = 0.8, 0.5
# Effective samples, which give weighted means to a tenth of a standard deviation.
_ESS = 400.0
# No one draws so many times the samples at hand.
_MOST = 100.0
# Nats by which a log weight may be rounded.
_ROUNDING = 0.05
# What contradicts a known log Z: so many standard errors, and more nats than rounding and
# the soft edges of built-in targets explain, or than rare mass that no sample has found.
_CONTRADICTION, _KL_SLACK, _EVIDENCE_SLACK = 4.0, 0.002, 0.01
# Nats of a known log Z that weighted draws may miss.
_MISSED = 0.05


class _Finding(NamedTuple):
    """What a number says of draws without weights, and of those with them.

    `hint` says how many samples would tell, where that is open.
    """

    raw: int
    weighted: int
    reason: str
    hint: str = ""


def judge(evaluation: "Evaluation") -> tuple[str, list[str]]:
    """One of `VERDICTS`, and what keeps it from better; nothing does of a good fit."""
    if evaluation.rounding > _ROUNDING:
        return UNDECIDED, [
            f"log densities are rounded by up to {evaluation.rounding:.2g} nats: leave a "
            "constant out that makes them large, or write a target that takes float64"
        ]
    findings = list(_findings(evaluation))
    raw = max(finding.raw for finding in findings)
    weighted = max(finding.weighted for finding in findings)
    if raw == _RIGHT:
        return GOOD, []
    if raw == _OPEN:
        return UNDECIDED, [f.reason + f.hint for f in findings if f.raw == _OPEN]
    if weighted == _RIGHT:
        return USABLE, [f.reason for f in findings if f.raw == _WRONG]
    if weighted == _OPEN:
        return UNDECIDED, [f.reason + f.hint for f in findings if f.weighted == _OPEN]
    return BAD, [f.reason for f in findings if _WRONG in (f.raw, f.weighted)]


def _findings(evaluation: "Evaluation") -> Iterator[_Finding]:
    yield from _contradictions(evaluation)
    yield from _outside(evaluation)
    yield from _shares(evaluation)
    yield _gap(evaluation)
    yield from _moments(evaluation)
    yield from _weights(evaluation)


def _compare(value: float, error: float, limit: float, n: int) -> tuple[int, str]:
    """Whether `value`, of standard error `error` in n samples, is at most `limit`.

    Returns:
      The level, and, where it is open, how many samples would tell.
    """
    distance = abs(value - limit)
    if _CERTAINTY * error < distance or value == limit:
        return (_RIGHT if value <= limit else _WRONG), ""
    needed = n * (_CERTAINTY * error / max(distance, 0.01 * limit)) ** 2
    return _OPEN, _would_tell(needed)


def _compare_share(share: float, limit: float, n: int) -> tuple[int, str]:
    """The same for a share of n samples, by the standard error that `limit` would have.

    This is Wilson's score test: it knows that what none of n samples shows may still be.
    """
    return _compare(share, math.sqrt(limit * (1.0 - limit) / n), limit, n)


def _would_tell(num_samples: float) -> str:
    """Says so of about as many samples, rounded up to one digit."""
    unit = 10.0 ** math.floor(math.log10(num_samples))
    return f"; {math.ceil(num_samples / unit) * unit:,.0f} samples would tell"


def _contradictions(evaluation: "Evaluation") -> Iterator[_Finding]:
    """A known log Z that the samples contradict."""
    log_z = evaluation.log_normalizer
    if log_z is None or evaluation.kl is None:
        return
    error = evaluation.elbo_standard_error
    if evaluation.kl < -max(_CONTRADICTION * error, _KL_SLACK):
        yield _Finding(
            _WRONG,
            _WRONG,
            f"a KL of {evaluation.kl:.2g} +- {error:.1g} nats, below 0: the target's "
            f"log Z is not {log_z:.4g}, or its density not one of vectors",
        )
    excess = evaluation.log_evidence - log_z
    error = evaluation.log_evidence_standard_error
    is_off = abs(excess) > max(_CONTRADICTION * error, _EVIDENCE_SLACK)
    if is_off and evaluation.khat <= numerics.LARGEST_KHAT:
        # Too little may also be mass that the flow misses: its KL accounts for that, but
        # no weights do.
        yield _Finding(
            _WRONG,
            _WRONG if excess > 0.0 or excess < -_MISSED else _RIGHT,
            f"a log evidence of {evaluation.log_evidence:.4g} +- {error:.1g}, which "
            f"contradicts the target's log Z of {log_z:.4g}",
        )


def _outside(evaluation: "Evaluation") -> Iterator[_Finding]:
    outside = evaluation.outside
    if outside is not None and outside.is_missed:
        yield _Finding(
            _WRONG,
            _WRONG,
            f"at least {outside.share:.0%} of the evidence where samples of the flow are "
            f"missing, around {outside.place}"
            + (" (is the sign of the density right?)" if outside.share == 1.0 else ""),
        )


def _shares(evaluation: "Evaluation") -> Iterator[_Finding]:
    """What too many samples have, or too few."""
    n = evaluation.num_samples
    outside = 1.0 - evaluation.support_mass
    raw, hint = _compare_share(outside, 1.0 - _SUPPORT, n)
    weighted, _ = _compare_share(outside, 1.0 - _WEIGHTED_SUPPORT, n)
    text = f"{outside:.2%} of the samples outside the target's support"
    if outside == 0.0:
        text = (
            f"only {n} samples, which need not show what {1.0 - _SUPPORT:.1%} of q does"
        )
    yield _Finding(raw, weighted, text, hint)
    if evaluation.mode_mass is None or evaluation.true_mode_mass is None:
        return
    for mode, (found, true) in enumerate(
        zip(evaluation.mode_mass, evaluation.true_mode_mass, strict=True)
    ):
        raw, hint = _compare_share(1.0 - found, 1.0 - _MODE * true, n)
        weighted, _ = _compare_share(1.0 - found, 1.0 - _WEIGHTED_MODE * true, n)
        yield _Finding(
            raw, weighted, f"mode {mode} with {found / true:.0%} of its mass", hint
        )


def _gap(evaluation: "Evaluation") -> _Finding:
    gap, error = evaluation.kl, evaluation.elbo_standard_error
    if gap is None:
        gap, error = evaluation.gap, evaluation.gap_standard_error
    level, hint = _compare(gap, error, LARGEST_GAP, evaluation.num_samples)
    text = f"KL to the target of {gap:.2g} +- {_CERTAINTY * error:.1g} nats"
    return _Finding(level, _RIGHT, text, hint)


def _moments(evaluation: "Evaluation") -> Iterator[_Finding]:
    """The largest errors of means and standard deviations, if the weights tell them."""
    moments, n = evaluation.moments, evaluation.num_samples
    if moments is None or _tail(evaluation)[0] != _RIGHT:
        return

    def worst(
        values: list[float], errors: list[float], limit: float
    ) -> tuple[int, float, str, str]:
        found = []
        for name, value, error in zip(moments.names, values, errors, strict=True):
            level, hint = _compare(abs(value), error, limit, n)
            found.append((level, abs(value), name, hint))
        return max(found)

    level, value, name, hint = worst(moments.mean, moments.mean_standard_error, _MEAN)
    text = f"the mean of {name} off by {value:.2g} standard deviations"
    # Infinite numbers have no weighted mean either.
    yield _Finding(level, _RIGHT if math.isfinite(value) else _WRONG, text, hint)
    level, value, name, hint = worst(moments.sd, moments.sd_standard_error, _SD)
    text = f"the standard deviation of {name} off by {math.expm1(value):.0%}"
    yield _Finding(level, _RIGHT, text, hint)


def _weights(evaluation: "Evaluation") -> Iterator[_Finding]:
    """Whether averages with weights can be relied on, and what they say of the KL."""
    khat, n = evaluation.khat, evaluation.num_samples
    level, hint = _tail(evaluation)
    yield _Finding(
        _RIGHT if evaluation.kl is not None else level,
        level if khat <= numerics.LARGEST_KHAT else _WRONG,
        f"Pareto k-hat of {khat:.2f}: heavy-tailed weights",
        hint,
    )
    if evaluation.ess < _ESS:
        hint = _would_tell(n * _ESS / evaluation.ess)
        text = f"an effective sample size of {evaluation.ess:.0f}"
        yield _Finding(_RIGHT, _OPEN, text, hint)


def _tail(evaluation: "Evaluation") -> tuple[int, str]:
    """Whether there are enough samples for estimates from weights of such a tail.

    Vehtari et al. (2024): their number must be at least 10^(1 / (1 - k-hat)).
    """
    khat, n = evaluation.khat, evaluation.num_samples
    if khat <= 1.0 - 1.0 / math.log10(n):
        return _RIGHT, ""
    exponent = 1.0 / (1.0 - khat) if khat < 1.0 else np.inf
    if exponent > math.log10(_MOST * n):
        return _WRONG, ""
    return _OPEN, _would_tell(10.0**exponent)
