"""Mass of a density that the samples of a flow have not seen."""

import dataclasses
import math
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from tfp_flows import numerics
from tfp_flows.density.checks import FAILURES, first_line
from tfp_flows.diagnostics.ascent import ascend
from tfp_flows.diagnostics.local_gaussian import LocalGaussian, fit_at
from tfp_flows.diagnostics.target import Target
from tfp_flows.diagnostics.whitened import WhitenedDensity

_SCALES = (2.0, 4.0, 8.0)
_NUM_STEPS = 40
# Samples of q that estimate the evidence in a region; the best weights are of all.
_MOST_SAMPLES = 16_384
_MOST_MODES = 16
# Local samples are this much wider than the normal at a mode.
_INFLATION = 1.25
# Standard errors by which a region must hold more than the samples of q say.
_SIGNIFICANCE = 3.0
# Share of the evidence that may be found outside of the samples.
_LARGEST_SHARE = 0.01
# Modes with less than exp of it of the evidence are left out.
_NEGLIGIBLE = -7.0


@dataclasses.dataclass(frozen=True)
class Outside:
    """What was found of p where samples of q are missing, and how far it looked.

    Attributes:
      share: share of the evidence of p that was found there, a lower bound; 0 if none.
      standard_error: of `share`.
      point: `[D]` list, a point in the largest part of it; `None` if there is none.
      scale: how far the search went: so many times the standard deviations of q.
      num_ascents: number of gradient ascents; 0 where no gradient reaches the points.
      num_modes: number of modes where these ended.
      failure: what the target raised further out, or in the ascents; else `None`.
    """

    share: float
    standard_error: float
    point: list[float] | None
    scale: float
    num_ascents: int
    num_modes: int
    failure: str | None = None

    @property
    def is_missed(self) -> bool:
        """Whether so much was found that q is not to be trusted."""
        return self.share > _LARGEST_SHARE

    @property
    def place(self) -> str:
        """The point, in short."""
        return np.array2string(
            np.array(self.point), precision=3, threshold=6, suppress_small=True
        )

    @property
    def reach(self) -> str:
        """How far the search went, in words."""
        if self.scale == 1.0:
            return "samples of the flow"
        return f"samples of the flow, widened {self.scale:.0f} times,"

    def __str__(self) -> str:
        modes = "mode" if self.num_modes == 1 else "modes"
        ascents = f"{self.num_ascents} ascents to {self.num_modes} {modes}"
        if not self.num_ascents:
            ascents = "no ascents, for want of a gradient"
        text = f"widened {self.scale:.0f} times, {ascents}: "
        text += f"{self.share:.1%} of the evidence found outside the samples"
        return text if self.failure is None else f"{text}; ended by: {self.failure}"


@dataclasses.dataclass(frozen=True)
class _Points:
    """Points `[S, D]` in white coordinates with log importance weights `[S]` of p."""

    z: np.ndarray
    log_weights: np.ndarray

    def integral(self, is_inside: np.ndarray, reference: float) -> tuple[float, float]:
        """Evidence in a region in units of exp(reference), and its standard error."""
        weights = np.exp(self.log_weights[is_inside] - reference)
        size = len(self.log_weights)
        mean = float(np.sum(weights)) / size
        return mean, math.sqrt(max(np.sum(weights**2) / size - mean**2, 0.0) / size)


def look_outside(
    target: Target,
    samples: np.ndarray,
    log_weights: np.ndarray,
    seed: tf.Tensor,
) -> Outside:
    """Looks for evidence of p that importance sampling with q has not seen.

    Points of the normal with q's moments, widened 2, 4 and 8 times, and gradient ascents
    from some of them and from the samples of q with the largest weights, find modes. The
    evidence in a region around each is estimated twice: with samples of the normal that
    has the curvature there, and with those of q. Another region is all that lies further
    out than any sample of q, where the widened points estimate it. Where q's estimate is
    less, by more than the error of both, q misses mass.

    Args:
      target: `Target` p.
      samples: `[S, D]` array, of q.
      log_weights: `[N]` array, log p - log q at these S and at N - S more.
      seed: stateless seed.

    Returns:
      `Outside`.
    """
    n = target.num_samples
    rng = numerics.numpy_generator(seed)
    some = samples[:_MOST_SAMPLES]
    white = WhitenedDensity(target, some)
    own = _Points(white.to_z(some), log_weights[: len(some)])
    log_z = float(np.logaddexp.reduce(log_weights) - math.log(len(log_weights)))
    wide, scale, failure = _widened(white, max(n // 48, 32), rng)
    modes: list[LocalGaussian] = []
    local: list[_Points] = []
    starts = np.zeros([0, white.event_size])
    if target.has_gradient:
        best = np.argsort(-log_weights[: len(samples)])[: target.num_starts // 4]
        starts = np.concatenate([white.to_z(samples[best]), *_starts(wide, len(best))])
        try:
            tops, values = ascend(white.value_and_gradient, starts, _NUM_STEPS)
            modes = _modes(white, tops, values, log_z)
            local = [_local(white, mode, max(n // 100, 100), rng) for mode in modes]
        except FAILURES as raised:
            failure, modes = first_line(raised), []
    regions = list(_regions(own, wide, modes, local))
    reference = max([log_z, *(np.max(region.points.log_weights) for region in regions)])
    evidence = math.exp(log_z - reference)
    missed, variance, largest, point = 0.0, 0.0, 0.0, None
    for region in regions:
        found, found_error = region.points.integral(region.is_inside, reference)
        seen, seen_error = own.integral(region.is_own, reference)
        # Also q may have 1 / S of its mass in a region without any of its S samples.
        error = math.hypot(found_error, seen_error, evidence / len(own.z))
        if found - seen > _SIGNIFICANCE * error:
            missed, variance = missed + found - seen, variance + error**2
            if found - seen > largest:
                largest, point = found - seen, region.top()
    if evidence == 0.0:  # beside that of one point, as of a density that grows outwards
        top = max(regions, key=lambda region: np.max(region.points.log_weights))
        missed, point = 1.0, top.top()
    total = missed + evidence
    return Outside(
        share=missed / total,
        standard_error=math.sqrt(variance) / total,
        point=None if point is None else white.to_x(point).tolist(),
        scale=scale,
        num_ascents=len(starts),
        num_modes=len(modes),
        failure=failure,
    )


def _widened(
    white: WhitenedDensity, size: int, rng: np.random.Generator
) -> tuple[_Points, float, str | None]:
    """Points of the widened normals, the largest scale, and why none is larger."""
    parts, values, failure = [], [], None
    for scale in _SCALES:
        z = scale * rng.standard_normal([size, white.event_size])
        try:
            values.append(white.log_prob(z))
        except FAILURES as raised:
            failure = first_line(raised)
            break
        parts.append(z)
    if not parts:
        nothing = np.zeros([0, white.event_size])
        return _Points(nothing, np.zeros(0)), 1.0, failure
    z, used = np.concatenate(parts), _SCALES[: len(parts)]
    squares = np.sum(z**2, axis=1)
    log_q = np.logaddexp.reduce(
        [_log_normal(squares, scale, z.shape[1]) for scale in used]
    )
    log_weights = np.concatenate(values) - log_q + math.log(len(used))
    return _Points(z, log_weights), used[-1], failure


def _starts(wide: _Points, size: int) -> Iterator[np.ndarray]:
    """Where ascents begin, `[M, D]`: at about `size` of the points of each scale."""
    per_scale = max(len(wide.z) // len(_SCALES), 1)
    for first in range(0, len(wide.z), per_scale):
        part = slice(first, first + per_scale)
        z, order = wide.z[part], np.argsort(-wide.log_weights[part])
        # Half of them are the best, and half are any.
        yield z[order[: size // 2]]
        yield z[: size - size // 2]


def _modes(
    white: WhitenedDensity, tops: np.ndarray, values: np.ndarray, log_z: float
) -> list[LocalGaussian]:
    """The normals at distinct modes, the highest first."""
    least = log_z + _NEGLIGIBLE - 0.5 * white.event_size * math.log(2.0 * math.pi)
    order = np.argsort(-values)
    tops, values = tops[order], values[order]
    modes: list[LocalGaussian] = []
    while len(tops) and len(modes) < _MOST_MODES and np.isfinite(values[0]):
        mode = fit_at(white, tops[0])
        if values[0] + mode.log_det > least:
            modes.append(mode)
        is_new = ~mode.contains(tops)
        is_new[0] = False
        tops, values = tops[is_new], values[is_new]
    return modes


@dataclasses.dataclass(frozen=True)
class _Region:
    """Points whose `is_inside` estimate the evidence in a region, and q's own there."""

    points: _Points
    is_inside: np.ndarray
    is_own: np.ndarray

    def top(self) -> np.ndarray:
        """The point of the largest weight, `[D]`."""
        weights = np.where(self.is_inside, self.points.log_weights, -np.inf)
        return self.points.z[np.argmax(weights)]


def _regions(
    own: _Points, wide: _Points, modes: list[LocalGaussian], local: list[_Points]
) -> Iterator[_Region]:
    """Disjoint regions: those around modes, and what lies beyond the samples of q."""
    is_left = np.ones(len(own.z), bool)
    for index, (mode, points) in enumerate(zip(modes, local, strict=True)):
        is_inside, is_own = mode.contains(points.z), is_left & mode.contains(own.z)
        for earlier in modes[:index]:
            is_inside &= ~earlier.contains(points.z)
        is_left &= ~is_own
        yield _Region(points, is_inside, is_own)
    if len(wide.z):
        is_far = np.sum(wide.z**2, axis=1) > np.max(np.sum(own.z**2, axis=1))
        for mode in modes:
            is_far &= ~mode.contains(wide.z)
        yield _Region(wide, is_far, np.zeros(len(own.z), bool))


def _local(
    white: WhitenedDensity, mode: LocalGaussian, size: int, rng: np.random.Generator
) -> _Points:
    """Points of a normal, somewhat wider than it is, that `white` finds at a mode."""
    y = rng.standard_normal([size, white.event_size])
    z = mode.mean + _INFLATION * y @ mode.factor.T
    log_q = _log_normal(np.sum(y**2, axis=1), 1.0, white.event_size) - mode.log_det
    log_q -= white.event_size * math.log(_INFLATION)
    return _Points(z, white.log_prob(z) - log_q)


def _log_normal(squares: np.ndarray, scale: float, size: int) -> np.ndarray:
    """Log density of N(0, scale^2 I) where the squared norm of points is `squares`."""
    return -0.5 * squares / scale**2 - size * (
        math.log(scale) + 0.5 * math.log(2.0 * math.pi)
    )
