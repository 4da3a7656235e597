"""Fits of flows in the coordinates of a Gaussian start."""

import types
from typing import Literal, TypeAlias

import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

from tfp_flows.density import Density
from tfp_flows.vi.gaussian_start import GaussianStart, gaussian_start

tfb = tfp.bijectors

# Where a flow begins.
Start: TypeAlias = GaussianStart | Literal["gaussian"] | None


class AffineMap:
    """The trainable map L x + m that ends a flow built with `affine=True`."""

    def __init__(self, flow: tfd.Distribution) -> None:
        """Finds the map.

        Raises:
          ValueError: if the flow has none.
        """
        last = getattr(getattr(flow, "bijector", None), "bijectors", [])[:2]
        kinds = tuple(map(type, last))
        if kinds != (tfb.Shift, tfb.ScaleMatvecTriL):
            raise ValueError(
                f"{flow.name} has no affine map to begin at a Gaussian; build it with "
                "affine=True, or pass start=None."
            )
        self._shift = last[0].parameters["shift"]
        self._scale_tril = last[1].parameters["scale_tril"]

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
      density: `Density` to fit the flow to within the context.
      start: `GaussianStart`, or `None`, with which the context does nothing.
    """

    def __init__(
        self, flow: tfd.Distribution, density: Density, start: Start, seed: tf.Tensor
    ) -> None:
        """Finds the start.

        Args:
          flow: `tfd.Distribution` over vectors, with an affine map unless `start` is
            `None`.
          density: `Density` in the target's own coordinates.
          start: `"gaussian"`, a `GaussianStart`, or `None`.
          seed: stateless TFP seed of the search.

        Raises:
          TypeError: if `start` is no start.
          ValueError: if the flow has no affine map, `start` is of another size, or the
            search refuses the target.
        """
        self.density = density
        self.start: GaussianStart | None = None
        self._affine: AffineMap | None = None
        if start is None:
            return
        affine, event_size = AffineMap(flow), flow.event_shape[0]
        if isinstance(start, str) and start == "gaussian":
            seed = tfp.random.split_seed(seed, n=1, salt="Whitening")[0]
            start = gaussian_start(density, event_size, dtype=flow.dtype, seed=seed)
        if not isinstance(start, GaussianStart):
            raise TypeError(
                "`start` must be 'gaussian', a tff.vi.GaussianStart or None, but got "
                f"{start!r}."
            )
        if len(start.location) != event_size:
            raise ValueError(
                f"`start` is a Gaussian over vectors of size {len(start.location)}, but "
                f"{flow.name} a flow of vectors of size {event_size}."
            )
        self.density, self.start = start.whitened(density), start
        self._affine = affine

    def __enter__(self) -> "Whitening":
        """Makes the affine map of the flow the identity."""
        if self._affine is not None:
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
