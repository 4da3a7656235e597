"""Fits of flows in the coordinates of a Gaussian start."""

import types
from typing import Literal, TypeAlias

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

from tfp_flows.density import Density, RowwisePosterior
from tfp_flows.vi.gaussian_arguments import LARGEST_SIZE
from tfp_flows.vi.gaussian_start import GaussianStart, gaussian_start
from tfp_flows.vi.subsampled_start import subsampled_start

tfb = tfp.bijectors

# Those that a search is precise enough in.
_DTYPES = (tf.float32, tf.float64)

# Where a flow begins.
Start: TypeAlias = GaussianStart | Literal["gaussian", "auto"] | None


class AffineMap:
    """The trainable map L x + m that ends a flow built with `affine=True`."""

    def __init__(self, shift: tf.Variable, scale_tril: tf.Variable) -> None:
        """Takes m, `[..., D]`, and L, `[..., D, D]`, lower triangular."""
        self._shift, self._scale_tril = shift, scale_tril

    @classmethod
    def of(cls, flow: tfd.Distribution) -> "AffineMap | None":
        """That of a flow, or `None` if it has none."""
        last = getattr(getattr(flow, "bijector", None), "bijectors", [])[:2]
        if tuple(map(type, last)) != (tfb.Shift, tfb.ScaleMatvecTriL):
            return None
        shift, scale_tril = last[0].parameters["shift"], last[1].parameters["scale_tril"]
        is_trainable = hasattr(shift, "assign") and hasattr(scale_tril, "assign")
        return cls(shift, scale_tril) if is_trainable else None

    @property
    def is_identity(self) -> bool:
        """Whether it is the identity, as builders make it."""
        scale_tril = tf.convert_to_tensor(self._scale_tril)
        identity = tf.linalg.diag(tf.ones_like(self._shift))
        return not np.any(self._shift) and bool(np.all(scale_tril == identity))

    def reset(self) -> None:
        """Makes it the identity."""
        shift = tf.zeros_like(self._shift)
        self._shift.assign(shift)
        self._scale_tril.assign(tf.linalg.diag(tf.ones_like(shift)))

    def follow_with(self, start: GaussianStart) -> None:
        """Makes it scale_tril (L x + m) + location of the start."""
        location, scale_tril = (
            tf.cast(part, self._shift.dtype)
            for part in (start.location, start.scale_tril)
        )
        self._shift.assign(tf.linalg.matvec(scale_tril, self._shift) + location)
        self._scale_tril.assign(tf.linalg.matmul(scale_tril, self._scale_tril))


class Whitening:
    """A context in which a flow is fitted in the coordinates of a Gaussian start.

    There the Gaussian is a standard normal, whatever the units of the target, so that a
    step of the optimizer means the same for all variables. As the context ends, also by
    an exception, the affine map of the flow takes up the Gaussian.

    Attributes:
      target: what to fit the flow to within the context: a `Density`, or a
        `RowwisePosterior` if that was given.
      start: `GaussianStart`, or `None`, with which the context does nothing.
    """

    def __init__(
        self,
        flow: tfd.Distribution,
        target: Density | RowwisePosterior,
        start: Start,
        seed: tf.Tensor,
    ) -> None:
        """Finds the start.

        Args:
          flow: `tfd.Distribution` over vectors.
          target: `Density` in the target's own coordinates; or a `RowwisePosterior`, of
            which some rows are looked at.
          start: as `fit_reverse_kl` takes it.
          seed: stateless TFP seed of the search.

        Raises:
          TypeError: if `start` is no start.
          ValueError: if the flow has no affine map, `start` is of another size, or the
            search refuses the target.
        """
        self.target, self._affine = target, AffineMap.of(flow)
        self.start = _resolve(start, flow, self._affine, target, seed)
        if self.start is not None:
            if isinstance(target, RowwisePosterior):
                self.target = self.start.whitened_rows(target)
            else:
                self.target = self.start.whitened(target)

    @property
    def is_near(self) -> bool:
        """Whether there is a start with little left to find."""
        return self.start is not None and self.start.is_near

    def __enter__(self) -> "Whitening":
        """Makes the affine map of the flow the identity."""
        if self._affine is not None and self.start is not None:
            self._affine.reset()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: types.TracebackType | None,
    ) -> None:
        """Has the affine map of the flow take up the Gaussian."""
        if self._affine is not None and self.start is not None:
            self._affine.follow_with(self.start)


def _resolve(
    start: Start,
    flow: tfd.Distribution,
    affine: AffineMap | None,
    target: Density | RowwisePosterior,
    seed: tf.Tensor,
) -> GaussianStart | None:
    if start is None:
        return None
    is_name = isinstance(start, str) and start in ("gaussian", "auto")
    if not isinstance(start, GaussianStart) and not is_name:
        raise TypeError(
            "`start` must be 'gaussian', 'auto', a tff.vi.GaussianStart or None, but got "
            f"{start!r}."
        )
    event_size = flow.event_shape[0]
    if start == "auto":
        is_possible = flow.dtype in _DTYPES and event_size <= LARGEST_SIZE
        if affine is None or not affine.is_identity or not is_possible:
            return None
    if affine is None:
        raise ValueError(
            f"{flow.name} has no affine map to begin at a Gaussian; build it with "
            "affine=True, or pass start=None."
        )
    if isinstance(start, GaussianStart):
        if len(start.location) != event_size:
            raise ValueError(
                f"`start` is a Gaussian over vectors of size {len(start.location)}, but "
                f"{flow.name} a flow of vectors of size {event_size}."
            )
        return start
    seed = tfp.random.split_seed(seed, n=1, salt="start")[0]
    if isinstance(target, RowwisePosterior):
        found = subsampled_start(target, seed=seed)
    else:
        found = gaussian_start(target, event_size, dtype=flow.dtype, seed=seed)
    return found if start == "gaussian" or found.is_near else None
