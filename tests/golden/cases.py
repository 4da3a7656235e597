"""Parameters and points that the golden vectors are made of, drawn by NumPy alone.

A case is a chain of K layers of event size D; its parameters are those of this package
(`u`, `w`, `b`; `center`, `alpha`, `beta`), float64, first layer first.
"""

import json
import pathlib

import numpy as np

NUM_POINTS = 6
#   (K, D, scale of the parameters)
SIZES = [(1, 2, 0.1), (1, 2, 1.0), (1, 2, 3.0), (1, 5, 1.0), (4, 2, 1.0), (8, 3, 0.5)]


def planar():
    """Dicts of name, u [K, D], w [K, D], b [K], z [N, D]."""
    rng = np.random.default_rng(1505)
    for num_layers, size, scale in SIZES:
        yield dict(
            name=f"K={num_layers} D={size} scale={scale}",
            u=scale * rng.normal(size=(num_layers, size)),
            w=scale * rng.normal(size=(num_layers, size)),
            b=scale * rng.normal(size=num_layers),
            z=2.0 * rng.normal(size=(NUM_POINTS, size)),
        )


def radial():
    """Dicts of name, center [K, D], alpha [K], beta [K], z [N, D]."""
    rng = np.random.default_rng(5770)
    for num_layers, size, scale in SIZES:
        yield dict(
            name=f"K={num_layers} D={size} scale={scale}",
            center=scale * rng.normal(size=(num_layers, size)),
            alpha=scale * rng.uniform(0.5, 2.0, size=num_layers),
            beta=scale * rng.normal(size=num_layers),
            z=2.0 * rng.normal(size=(NUM_POINTS, size)),
        )


def write(name, content):
    """Writes `content`, whose arrays become lists, beside this file as `name`."""
    path = pathlib.Path(__file__).with_name(name)
    path.write_text(json.dumps(content, indent=1, default=np.ndarray.tolist) + "\n")
