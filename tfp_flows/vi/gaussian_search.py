"""The search for the Gaussian nearest to a target."""

import math
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfp_flows.vi.gaussian import Estimate, Gaussian
from tfp_flows.vi.natural_gradient import step

# Share of points at which the target must be finite: of the first Gaussian, and of those
# after it, if the one before is no worse.
_FIRST_INSIDE, _INSIDE = 0.5, 0.9
# Where points are looked for, in standard deviations of the first Gaussian.
_WIDENINGS = (10.0, 100.0)
# How often the first Gaussian may be made ten times as narrow.
_MOST_NARROWINGS = 8
# Gradients this many times their noise are not noise.
_SIGNAL = 2.0
# Estimates of one Gaussian at most; in large dimensions the noise remains.
_MOST_ESTIMATES = 40
# Standard errors and nats by which the ELBO may seem to fall.
_STANDARD_ERRORS, _SLACK = 3.0, 0.01
# Where steps at this rate fail, too, the Gaussian is too wide for its gradients.
_SMALLEST_RATE = 1.0 / 16.0
# No density is so many times as wide as the first Gaussian.
_WIDEST = 1e12
# Nor does one rise to where the rounding of its logarithm is so many nats.
_MOST_ROUNDING = 1e3
_ADVICE = "Is its sign right? Is its prior improper? Give it a proper one."


class GaussianSearch:
    """The present Gaussian, what is known of it, and how far the next step may go.

    Attributes:
      gaussian: `Gaussian`, the best so far.
      num_iterations: how many estimates were made.
      converged: whether there is no more to gain.
    """

    def __init__(
        self,
        estimate_fn: Callable[[Gaussian, tf.Tensor], Estimate],
        first: Gaussian,
        seed: tf.Tensor,
        rounding: float,
    ) -> None:
        """Begins at `first`, or where the target is finite.

        Args:
          estimate_fn: callable, `(Gaussian, stateless seed)` to `Estimate`.
          first: `Gaussian`.
          seed: stateless TFP seed.
          rounding: relative error of the target's values.

        Raises:
          ValueError: if the target is not finite at any point tried.
        """
        self._estimate_fn, self._seed, self._rounding = estimate_fn, seed, rounding
        self.num_iterations = 0
        self.converged = False
        event_size = len(first.location)
        self._tolerance = 0.005 + 0.0005 * event_size
        self._widest = _WIDEST * float(tf.reduce_max(first.scale_tril))
        self._rate, radius = 1.0, math.sqrt(event_size)
        self._shortest_reach, self._reach = 0.5 * radius, 2.0 * radius
        self._begin(first)
        self._first_height = self._estimate.best_log_prob

    def advance(self) -> None:
        """Makes a step, or adds points if the gradient may be noise, or ends.

        Raises:
          ValueError: if the target turns out to be no density.
        """
        gains, noise = self._estimate.gains(), self._estimate.noise()
        is_signal = any(g > _SIGNAL * n for g, n in zip(gains, noise, strict=True))
        is_inside = self._estimate.support_mass >= _INSIDE
        is_precise = sum(noise) < self._tolerance or self._is_full()
        if is_inside and (
            sum(gains) < 0.2 * self._tolerance or (is_precise and not is_signal)
        ):
            self.converged = True
        elif not is_signal and not self._is_full():
            self._add_points()
        else:
            self._try_step()

    def look_at(self, gaussian: Gaussian) -> Estimate:
        """What new points of `gaussian` say."""
        self.num_iterations += 1
        seed = tf.random.experimental.stateless_fold_in(self._seed, self.num_iterations)
        return self._estimate_fn(gaussian, seed)

    def _begin(self, first: Gaussian) -> None:
        self._go_to(first)
        if self._estimate.support_mass < _FIRST_INSIDE:
            self._go_to(Gaussian(self._find_inside(), first.scale_tril))
        # As narrow as raises the ELBO: where it is far too wide, gradients say nothing.
        for _ in range(_MOST_NARROWINGS):
            present, estimate = self.gaussian, self._estimate
            self._go_to(Gaussian(present.location, 0.1 * present.scale_tril))
            if _rank(self._estimate) < _rank(estimate):
                self._go_to(present, estimate)
                break

    def _find_inside(self) -> tf.Tensor:
        """The point of the highest density that is found."""
        first, tried = self.gaussian, [self._estimate]
        for widening in _WIDENINGS:
            wide = Gaussian(first.location, widening * first.scale_tril)
            tried.append(self.look_at(wide))
        best = max(tried, key=lambda estimate: estimate.best_log_prob)
        if best.support_mass == 0.0:
            widest = _WIDENINGS[-1] * float(tf.reduce_max(first.scale_tril))
            center = np.array2string(first.location.numpy(), threshold=8)
            raise ValueError(
                "The target or its gradient is infinite or NaN at all points drawn with "
                f"standard deviations up to {widest:g} around {center}; pass a "
                "`location` at which it is finite."
            )
        return best.best_point

    def _is_full(self) -> bool:
        return self._num_estimates >= _MOST_ESTIMATES

    def _go_to(self, gaussian: Gaussian, estimate: Estimate | None = None) -> None:
        self.gaussian = gaussian
        self._estimate = self.look_at(gaussian) if estimate is None else estimate
        self._num_estimates = 1

    def _add_points(self) -> None:
        self._estimate = self._estimate.with_more(self.look_at(self.gaussian))
        self._num_estimates += 1

    def _try_step(self) -> None:
        moved, length = step(self.gaussian, self._estimate, self._rate, self._reach)
        self._check_width(moved)
        found = self.look_at(moved)
        if self._is_better(found):
            if length > self._reach:
                self._reach *= 4.0
            self._rate = self._next_rate(found)
            self._go_to(moved, found)
            self._check_height(found.best_log_prob)
            return
        self._reach = max(0.5 * min(self._reach, length), self._shortest_reach)
        if self._rate > _SMALLEST_RATE:
            self._rate *= 0.5
            self._add_points()
        else:
            present = self.gaussian
            self._go_to(Gaussian(present.location, 0.5 * present.scale_tril))

    def _is_better(self, found: Estimate) -> bool:
        """Whether the ELBO has not fallen, as far as the points tell."""
        present = self._estimate
        least = min(present.support_mass, _INSIDE)
        if found.support_mass < least:
            return False
        before, after = present.penalised, found.penalised
        variance = np.var(before) * (1.0 / len(before) + 1.0 / len(after))
        slack = _STANDARD_ERRORS * math.sqrt(variance) + _SLACK
        slack += self._rounding * abs(np.mean(before))
        return bool(np.mean(after) > np.mean(before) - slack)

    def _next_rate(self, found: Estimate) -> float:
        """By the share of the gradient that the step has left.

        If it left r of it, 1 / (1 - r) of the rate would have left none; r is negative
        where the step went too far, as it does at rate 1 for targets far from Gaussian.
        """
        before, after = self._estimate.deviation(), found.deviation()
        left = float(tf.reduce_sum(before * after) / tf.reduce_sum(before**2))
        return min(1.0, self._rate / float(np.clip(1.0 - left, 0.5, 2.0)))

    def _check_width(self, gaussian: Gaussian) -> None:
        deviations = tf.norm(gaussian.scale_tril, axis=1).numpy()
        index = int(np.argmax(deviations))
        if deviations[index] > self._widest:
            raise ValueError(
                f"The target does not fall off: after {self.num_iterations} iterations "
                f"the Gaussian has a standard deviation of {deviations[index]:.1g} along "
                f"coordinate {index}. {_ADVICE}"
            )

    def _check_height(self, height: float) -> None:
        first = self._first_height
        if self._rounding * min(height, height - first) > _MOST_ROUNDING:
            raise ValueError(
                f"The target does not fall off, but grows: after {self.num_iterations} "
                f"iterations its log density is {height:.1g}, at first {first:.1g}. "
                f"{_ADVICE}"
            )


def _rank(estimate: Estimate) -> tuple[bool, float]:
    """What the first Gaussians are compared by."""
    return estimate.support_mass >= _FIRST_INSIDE, float(np.mean(estimate.penalised))
