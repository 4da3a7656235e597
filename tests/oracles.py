"""Naive oracles of the flows in the papers' letters: NumPy float64, and mpmath.

They are written from the papers alone and import nothing from the package. The NumPy
forms cancel where the papers' formulas cancel; the mpmath forms hold at any parameter.
"""

import mpmath
import numpy as np

DIGITS = 60  # of the mpmath oracles: exp(-90) and its cancellations are far above


def planar_u_hat(u, w):
    """u_hat = u + (m(w.u) - w.u) w / ||w||^2, m(x) = -1 + log(1 + e^x)."""
    w_u = np.sum(w * u, axis=-1, keepdims=True)
    m = -1.0 + np.logaddexp(0.0, w_u)
    return u + (m - w_u) * w / np.sum(w**2, axis=-1, keepdims=True)


def planar(z, u, w, b):
    """f(z) = z + u_hat tanh(w.z + b) and log|1 + u_hat.psi(z)|, eqs. 10 to 12.

    Args:
      z: array [..., D].
      u: array [..., D].
      w: array [..., D].
      b: array [...].

    Returns:
      Arrays [..., D] and [...].
    """
    z, u, w, b = (np.asarray(p, np.float64) for p in (z, u, w, b))
    u_hat = planar_u_hat(u, w)
    h = np.tanh(np.sum(w * z, axis=-1) + b)
    psi = (1.0 - h**2)[..., np.newaxis] * w
    return (
        z + u_hat * h[..., np.newaxis],
        np.log(np.abs(1.0 + np.sum(u_hat * psi, axis=-1))),
    )


def radial(z, z_0, alpha, beta):
    """f(z) = z + beta_hat h(alpha, r) (z - z_0) and its log-det, eq. 14.

    Args:
      z: array [..., D], other than z_0.
      z_0: array [..., D].
      alpha: array [...].
      beta: array [...].

    Returns:
      Arrays [..., D] and [...].
    """
    z, z_0, alpha, beta = (np.asarray(p, np.float64) for p in (z, z_0, alpha, beta))
    r = np.sqrt(np.sum((z - z_0) ** 2, axis=-1))
    beta_hat = -alpha + np.logaddexp(0.0, beta)
    h = 1.0 / (alpha + r)
    h_prime = -1.0 / (alpha + r) ** 2
    across = 1.0 + beta_hat * h
    along = 1.0 + beta_hat * h + beta_hat * h_prime * r
    return (
        z + (beta_hat * h)[..., np.newaxis] * (z - z_0),
        (z.shape[-1] - 1) * np.log(across) + np.log(along),
    )


def compose(layer, z, layers):
    """z_K = f_K(... f_1(z)) and the sum of the layers' log-dets, eqs. 6 and 7.

    Args:
      layer: `planar` or `radial`.
      z: array [..., D].
      layers: sequence of the parameters of a layer, first to last.

    Returns:
      Arrays [..., D] and [...].
    """
    total = 0.0
    for parameters in layers:
        z, log_det = layer(z, *parameters)
        total = total + log_det
    return z, total


def planar_exact(z, u, w, b):
    """Like `planar`, of one point and one layer, in mpmath.

    Returns:
      List of D mpf, and mpf: log(tanh^2 s + log(1 + e^(w.u)) sech^2 s).
    """
    with mpmath.workdps(DIGITS):
        z, u, w = (_vector(p) for p in (z, u, w))
        s = mpmath.fdot(w, z) + mpmath.mpf(float(b))
        w_u, w_w = mpmath.fdot(w, u), mpmath.fdot(w, w)
        q = mpmath.log1p(mpmath.exp(w_u))
        # w = 0, of which the paper says nothing: u_hat = u.
        gain = (q - 1 - w_u) / w_w if w_w else mpmath.mpf(0)
        q = q if w_w else mpmath.mpf(1)
        t = mpmath.tanh(s)
        image = [
            z_i + (u_i + gain * w_i) * t for z_i, u_i, w_i in zip(z, u, w, strict=True)
        ]
        return image, mpmath.log(t**2 + q * mpmath.sech(s) ** 2)


def radial_exact(z, z_0, alpha, beta):
    """Like `radial`, of one point and one layer, in mpmath.

    Returns:
      List of D mpf, and mpf: (D - 1) log((p + r) / (alpha + r))
      + log((r^2 + 2 alpha r + alpha p) / (alpha + r)^2), p = log(1 + e^beta).
    """
    with mpmath.workdps(DIGITS):
        z, z_0 = _vector(z), _vector(z_0)
        alpha = mpmath.mpf(float(alpha))
        p = mpmath.log1p(mpmath.exp(mpmath.mpf(float(beta))))
        offset = [z_i - c_i for z_i, c_i in zip(z, z_0, strict=True)]
        r = mpmath.sqrt(mpmath.fdot(offset, offset))
        scale = (p + r) / (alpha + r)
        along = (r**2 + 2 * alpha * r + alpha * p) / (alpha + r) ** 2
        image = [c_i + scale * o_i for c_i, o_i in zip(z_0, offset, strict=True)]
        return image, (len(z) - 1) * mpmath.log(scale) + mpmath.log(along)


def compose_exact(layer, z, layers):
    """Like `compose`, of points [N, D], rounded once, to float64, at the end.

    Args:
      layer: `planar_exact` or `radial_exact`.
      z: array [N, D].
      layers: sequence of the parameters of a layer, first to last, without batch.

    Returns:
      Arrays [N, D] and [N].
    """
    images, log_dets = [], []
    with mpmath.workdps(DIGITS):
        for image in z:
            total = mpmath.mpf(0)
            for parameters in layers:
                image, log_det = layer(image, *parameters)
                total += log_det
            images.append([float(z_i) for z_i in image])
            log_dets.append(float(total))
    return np.array(images), np.array(log_dets)


def _vector(values):
    return [v if isinstance(v, mpmath.mpf) else mpmath.mpf(float(v)) for v in values]
