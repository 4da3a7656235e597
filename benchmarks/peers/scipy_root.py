"""`log_prob` of given points by a scalar root per point and layer, as Bijectors.jl does.

Bijectors.jl (Julia) inverts a tanh planar layer with a scalar root finder: for each point
and layer it solves w.y = a + w.u_hat tanh(a + b) for a, bracketed by w.y - |w.u_hat| and
w.y + |w.u_hat|; then x = y - u_hat tanh(a + b). This is that method with `brentq`, the
compiled scalar root finder of SciPy; what can be vectorised over the points, products and
log-determinants, is, in NumPy. float64.
"""

import math
import time

import numpy as np
from scipy.optimize import brentq

from benchmarks.peers import given_points

PACKAGES = ("scipy", "numpy")


def parameters():
    """u_hat `[K, D]`, w `[K, D]` and b `[K]` of the fitted flow, in float64."""
    fitted = given_points.parameters()
    u, w, b = (fitted[name].astype(np.float64) for name in ("u", "w", "b"))
    wu = np.sum(w * u, axis=-1, keepdims=True)
    across = u - wu * w / np.sum(w**2, axis=-1, keepdims=True)
    m = np.logaddexp(0.0, wu) - 1.0
    return across + m * w / np.sum(w**2, axis=-1, keepdims=True), w, b


def forward(u_hat, w, b, x):
    """The image of points `[N, D]`, and the log-determinants `[N]`."""
    log_det = np.zeros(len(x))
    for layer in zip(u_hat, w, b, strict=True):
        log_det += layer_log_det(*layer, x)
        x = x + np.tanh(x @ layer[1] + layer[2])[:, np.newaxis] * layer[0]
    return x, log_det


def layer_log_det(u_hat, w, b, x):
    """log(1 + w.u_hat sech^2(w.x + b)) of points `[N, D]`."""
    return np.log1p((w @ u_hat) * (1.0 - np.tanh(x @ w + b) ** 2))


def inverse_layer(u_hat, w, b, y):
    """The points that one layer maps to `y`, `[N, D]`."""
    wu, wy = float(w @ u_hat), y @ w

    def gap(a, target):
        return a + wu * math.tanh(a + b) - target

    width = abs(wu) + 1e-12
    roots = [brentq(gap, t - width, t + width, args=(t,)) for t in wy.tolist()]
    return y - np.tanh(np.array(roots) + b)[:, np.newaxis] * u_hat


def log_prob(u_hat, w, b, y):
    """The flow's log density of points `[N, D]`, over a standard normal."""
    total = np.zeros(len(y))
    for layer in reversed(list(zip(u_hat, w, b, strict=True))):
        y = inverse_layer(*layer, y)
        total -= layer_log_det(*layer, y)
    constant = 0.5 * y.shape[-1] * math.log(2.0 * math.pi)
    return total - 0.5 * np.sum(y**2, axis=-1) - constant


def external_log_prob(job):
    """`log_prob` of points that the flow did not draw, per second."""
    flow, points = parameters(), given_points.points(job["N"]).astype(np.float64)
    started = time.perf_counter()
    values = log_prob(*flow, points)
    seconds = time.perf_counter() - started
    if not np.all(np.isfinite(values)):
        raise ValueError("log_prob is not finite at some of the points.")
    return dict(log_probs_per_second=len(points) / seconds)


TASKS = {"external-log-prob": external_log_prob}
