"""`log_prob` of given points: the flow, the points, and what the values are judged by.

The flow is fitted, as a flow is when its density is wanted: 16 planar layers, fitted to
`example1` by `python -m benchmarks.fitted_flow`. Its numbers are in a file, so that all
libraries evaluate the same density. The points are uniform over the square of the plots,
most of them in the tails. The judge is the float64 root of `scipy_root`.
"""

import functools
import json
import pathlib

import numpy as np

FLOW = pathlib.Path(__file__).parents[1] / "results" / "fitted_flow.json"
# So many points are judged; one root after the other takes a while.
NUM_JUDGED = 1_000


@functools.lru_cache
def parameters():
    """`dict` of u and w `[K, D]`, and b `[K]`: float32, as fitted."""
    found = json.loads(FLOW.read_text("utf-8"))
    return {name: np.array(found[name], np.float32) for name in ("u", "w", "b")}


def points(n):
    """`[n, 2]`, float32, the same numbers each time."""
    uniform = np.random.default_rng(0).uniform(-6.0, 6.0, size=(n, 2))
    return uniform.astype(np.float32)


def judge(log_prob_fn, values, gradients):
    """How right values and gradients are, at the first points.

    Args:
      log_prob_fn: callable, the exact `log_prob` of points `[N, 2]`.
      values: `[N]`, those of `points(N)`.
      gradients: `[N, 2]`, with respect to the points.

    Returns:
      `dict` of the median and the worst error of the values, in millionths of a nat, and
      of the share of gradients that are finite.
    """
    count = min(NUM_JUDGED, len(values))
    errors = 1e6 * np.abs(np.asarray(values)[:count] - log_prob_fn(points(count)))
    return dict(
        median_error=float(np.median(errors)),
        worst_error=float(np.max(errors)),
        finite_gradients=float(np.mean(np.all(np.isfinite(gradients), axis=-1))),
    )
