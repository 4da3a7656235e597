"""How far the layers of a flow are from losing their inverse."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow_probability as tfp


def injectivity_margin(
    flow: tfp.distributions.Distribution | tfp.bijectors.Bijector,
) -> np.ndarray:
    """How far each layer is from flattening space.

    It is `1 + w.u_hat` of a planar layer and `p / alpha` of a radial one, the least slope
    of the map if below 1; of a Sylvester layer the least `1 + R_mm R2_mm` of its units.
    All are positive by construction, 0 only where they underflow: softplus(w.u) does at
    w.u < -87 in float32. Below 1 the layer flattens space on its hyperplane
    (or at its center), and its inverse amplifies rounding there, by up to one over the
    margin: at 1e-7 a float32 `log_prob` has lost its digits there, at 1e-16 a float64
    one has.

    Args:
      flow: `tfd.TransformedDistribution` or `tfb.Bijector`, made of any bijector with an
        `injectivity_margin`, `[...]` of a layer or `[..., K]` of a stack with
        `num_layers`, possibly in a `tfb.Chain` or `tfb.Invert`, and of others, which are
        left out.

    Returns:
      Array of shape `[..., K]`, the margins of the K layers in the order in which
      `forward` applies them.

    Raises:
      ValueError: if `flow` has no layer with a margin.
    """
    layers = layer_margins(flow)
    if not layers:
        raise ValueError(
            f"{flow!r} has no layer with an injectivity margin; pass a flow or bijector "
            "with planar, radial or Sylvester layers, or any bijector with an "
            "`injectivity_margin`."
        )
    batch_shape = np.broadcast_shapes(*(margins.shape[:-1] for margins in layers))
    return np.concatenate(
        [np.broadcast_to(m, (*batch_shape, m.shape[-1])) for m in layers], axis=-1
    )


def layer_margins(
    flow: tfp.distributions.Distribution | tfp.bijectors.Bijector,
) -> list[np.ndarray]:
    """Margins `[..., K]` of the layers and stacks in `flow` that have one."""
    is_bijector = isinstance(flow, tfp.bijectors.Bijector)
    return list(_layers(flow if is_bijector else getattr(flow, "bijector", None)))


def _layers(bijector: Any) -> Iterator[np.ndarray]:
    """Margins `[..., K]` of the parts of a bijector, in the order of application."""
    if isinstance(bijector, tfp.bijectors.Chain):
        for part in reversed(bijector.bijectors):
            yield from _layers(part)
    elif isinstance(bijector, tfp.bijectors.Invert):
        yield from reversed([m[..., ::-1] for m in _layers(bijector.bijector)])
    elif hasattr(bijector, "injectivity_margin"):
        margins = np.asarray(bijector.injectivity_margin.numpy())
        yield margins if hasattr(bijector, "num_layers") else margins[..., np.newaxis]
