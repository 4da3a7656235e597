"""Parameters of each kind of layer at random, float64, of a given magnitude.

Arguments are `rng`, the magnitude `scale`, `batch_shape` and `event_size`; `layer_shape`
is `(K,)` for stacks.
"""


def normal(**event_ndims):
    """The draw of parameters that are normal numbers, of so many axes of size D each."""

    def draw(rng, scale, batch_shape, event_size, layer_shape=()):
        shape = (*batch_shape, *layer_shape)
        return {
            name: scale * rng.normal(size=(*shape, *[event_size] * ndims))
            for name, ndims in event_ndims.items()
        }

    return draw


def radial(rng, scale, batch_shape, event_size, layer_shape=()):
    """Center `[..., D]`, alpha > 0 and beta `[...]`."""
    shape = (*batch_shape, *layer_shape)
    return dict(
        center=scale * rng.normal(size=(*shape, event_size)),
        alpha=scale * rng.uniform(0.5, 2.0, size=shape),
        beta=scale * rng.normal(size=shape),
    )


def sylvester(
    rng,
    scale,
    batch_shape,
    event_size,
    layer_shape=(),
    *,
    num_units,
    num_reflections,
):
    """r, r2 `[..., M, M]`, b `[..., M]`, and v `[..., H, D]` or none."""
    m, shape = num_units(event_size), (*batch_shape, *layer_shape)
    parameters = dict(
        r=scale * rng.normal(size=(*shape, m, m)),
        r2=scale * rng.normal(size=(*shape, m, m)),
        b=scale * rng.normal(size=(*shape, m)),
    )
    if num_reflections is not None:
        vectors = (*shape, num_reflections(event_size), event_size)
        parameters["v"] = scale * rng.normal(size=vectors)
    return parameters


def autoregressive(rng, scale, batch_shape, event_size, layer_shape=()):
    """w `[..., H, D]`, b `[..., H]`, v `[..., 2, D, H]`, c `[..., 2, D]`; H = D + 1."""
    shape, num_units = (*batch_shape, *layer_shape), event_size + 1
    # Log scales of order 1 at most: with all of them at their bounds, +-5, the Jacobian
    # of three layers has a condition of e^30.
    gain = 0.3 * min(scale, 1.0 / scale)
    return dict(
        w=scale * rng.normal(size=(*shape, num_units, event_size)),
        b=scale * rng.normal(size=(*shape, num_units)),
        v=gain * rng.normal(size=(*shape, 2, event_size, num_units)),
        c=gain * rng.normal(size=(*shape, 2, event_size)),
    )
