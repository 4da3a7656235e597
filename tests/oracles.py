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


def householder_columns(v, num_columns):
    """The first columns of H_1 H_2 ... H_H, H_h = I - 2 v_h v_h^T / ||v_h||^2.

    Args:
      v: array [..., H, D].
      num_columns: M.

    Returns:
      Array [..., D, M].
    """
    product = np.eye(v.shape[-1])
    for v_h in np.moveaxis(v, -2, 0):
        outer = v_h[..., :, np.newaxis] * v_h[..., np.newaxis, :]
        norm = np.sum(v_h**2, axis=-1)[..., np.newaxis, np.newaxis]
        product = product @ (np.eye(v.shape[-1]) - 2.0 * outer / norm)
    return product[..., :num_columns]


def sylvester(z, r, r2, b, v=None, reverse=False):
    """f(z) = z + Q R h(R2 Q^T z + b) and its log-det, van den Berg et al., eqs. 13, 16.

    The diagonal of R is such that R_mm R2_mm = x + sqrt(1 + x^2) - 1, x = r_mm r2_mm.

    Args:
      z: array [..., D].
      r: array [..., M, M], of which the upper triangle counts.
      r2: array [..., M, M], of which the upper triangle counts.
      b: array [..., M].
      v: array [..., H, D], normals of reflections, or None: Q = I.
      reverse: whether Q = I has its rows reversed.

    Returns:
      Arrays [..., D] and [...].
    """
    z, r, r2, b = (np.asarray(p, np.float64) for p in (z, r, r2, b))
    num_units = r.shape[-1]
    r_mm, r2_mm = (np.diagonal(p, axis1=-2, axis2=-1) for p in (r, r2))
    product = r_mm * r2_mm + np.sqrt(1.0 + (r_mm * r2_mm) ** 2) - 1.0
    big_r = np.triu(r, 1) + np.eye(num_units) * (product / r2_mm)[..., np.newaxis]
    big_r2 = np.triu(r2)
    if v is None:
        q = np.eye(num_units)[:: -1 if reverse else 1]
    else:
        q = householder_columns(np.asarray(v, np.float64), num_units)
    h = np.tanh(np.einsum("...mn,...dn,...d->...m", big_r2, q, z) + b)
    image = z + np.einsum("...dm,...mn,...n->...d", q, big_r, h)
    return image, np.sum(np.log1p(product * (1.0 - h**2)), axis=-1)


def made_masks(num_inputs, num_units):
    """M^W, [K, D], and M^V, [D, K], of Germain et al., eqs. 8 and 9, for even m(k)."""
    degrees = max(num_inputs - 1, 1)
    m = np.array([1 + k * degrees // num_units for k in range(num_units)])
    d = np.arange(1, num_inputs + 1)
    return m[:, np.newaxis] >= d, d[:, np.newaxis] > m


def autoregressive(x, w, b, v, c, reverse=False):
    """y = mu(x) + sigma(x) x and its log-det, Kingma et al., eqs. 9 and 10.

    mu and log sigma, within 5 of 0, are those of a masked network (Germain et al., eqs. 8
    and 9) with activation s sigmoid(s).

    Args:
      x: array [..., D].
      w: array [..., K, D].
      b: array [..., K].
      v: array [..., 2, D, K].
      c: array [..., 2, D].
      reverse: whether mu_d and sigma_d are of the coordinates after d, not before.

    Returns:
      Arrays [..., D] and [...].
    """
    x, w, b, v, c = (np.asarray(p, np.float64) for p in (x, w, b, v, c))
    x = x[..., ::-1] if reverse else x
    mask_w, mask_v = made_masks(w.shape[-1], w.shape[-2])
    s = b + np.einsum("...kd,...d->...k", w * mask_w, x)
    h = 0.5 * s * (1.0 + np.tanh(0.5 * s))  # s sigmoid(s)
    mu, a = np.moveaxis(c + np.einsum("...idk,...k->...id", v * mask_v, h), -2, 0)
    log_sigma = 5.0 * np.tanh(a / 5.0)
    y = mu + np.exp(log_sigma) * x
    return y[..., ::-1] if reverse else y, np.sum(log_sigma, axis=-1)


def compose(layer, z, layers):
    """z_K = f_K(... f_1(z)) and the sum of the layers' log-dets, eqs. 6 and 7.

    Args:
      layer: `planar`, `radial`, `sylvester` or `autoregressive`.
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


def sylvester_exact(z, r, r2, b, v=None, reverse=False):
    """Like `sylvester`, of one point and one layer, in mpmath.

    Returns:
      List of D mpf, and mpf: sum_m log(tanh^2 s_m + (x_m + sqrt(1 + x_m^2)) sech^2 s_m).
    """
    with mpmath.workdps(DIGITS):
        num_units, num_dims = len(b), len(z)
        z, b = mpmath.matrix(_vector(z)), mpmath.matrix(_vector(b))
        r, r2 = (mpmath.matrix(np.triu(p).tolist()) for p in (r, r2))
        factors = []
        for m in range(num_units):
            x = r[m, m] * r2[m, m]
            factors.append(x + mpmath.sqrt(1 + x**2))
            # (q - 1) / r2_mm, of which r2_mm = 0 is the limit r_mm.
            r[m, m] = (factors[m] - 1) / r2[m, m] if r2[m, m] else r[m, m]
        q = mpmath.eye(num_dims)
        for v_h in () if v is None else v:
            column = mpmath.matrix(_vector(v_h))
            norm = (column.T * column)[0]
            q -= 2 * (q * column) * column.T / norm if norm else 0 * q
        rows = q.tolist()[:: -1 if reverse else 1]
        q = mpmath.matrix([row[:num_units] for row in rows])
        s = r2 * (q.T * z) + b
        image = z + q * (r * s.apply(mpmath.tanh))
        log_det = mpmath.fsum(
            mpmath.log(mpmath.tanh(s_m) ** 2 + q_m * mpmath.sech(s_m) ** 2)
            for s_m, q_m in zip(s, factors, strict=True)
        )
        return list(image), log_det


def autoregressive_exact(x, w, b, v, c, reverse=False):
    """Like `autoregressive`, of one point and one layer, in mpmath.

    Returns:
      List of D mpf, and mpf.
    """
    with mpmath.workdps(DIGITS):
        x = _vector(x)[:: -1 if reverse else 1]
        mask_w, mask_v = made_masks(w.shape[-1], w.shape[-2])
        hidden = []
        for row, offset, seen in zip(w, _vector(b), mask_w, strict=True):
            s = offset + mpmath.fdot(_vector(row * seen), x)
            hidden.append(s / (1 + mpmath.exp(-s)))
        mu, a = (
            [
                offset + mpmath.fdot(_vector(row * seen), hidden)
                for row, offset, seen in zip(rows, _vector(offsets), mask_v, strict=True)
            ]
            for rows, offsets in zip(v, c, strict=True)
        )
        log_sigma = [5 * mpmath.tanh(a_d / 5) for a_d in a]
        image = [
            mu_d + mpmath.exp(log_sigma_d) * x_d
            for mu_d, log_sigma_d, x_d in zip(mu, log_sigma, x, strict=True)
        ]
        return image[:: -1 if reverse else 1], mpmath.fsum(log_sigma)


def compose_exact(layer, z, layers):
    """Like `compose`, of points [N, D], rounded once, to float64, at the end.

    Args:
      layer: `planar_exact`, `radial_exact`, `sylvester_exact` or `autoregressive_exact`.
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


def logistic_log_posterior(z, x, y):
    """Coefficients z [..., D] with a standard normal prior, features x and labels y."""
    logits = np.einsum("...d,nd->...n", z, x)
    log_likelihood = np.sum(y * logits - np.logaddexp(0.0, logits), axis=-1)
    return log_likelihood - 0.5 * np.sum(np.square(z), axis=-1)
