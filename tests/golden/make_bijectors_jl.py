"""Writes bijectors_jl.json: layers by the formulas that Bijectors.jl publishes.

No Julia needed: its formulas, evaluated by mpmath at 60 digits, rounded once. Run with
pip install numpy mpmath; python make_bijectors_jl.py
"""

import itertools

import cases
import mpmath
from mpmath import mpf

DIGITS = 60
STEPS = 400  # of bisection: enough for a triple root at 60 digits

# The grid of its test of find_alpha (test/norm_flows.jl).
WT_Y = (-20.3, -3, -3 / 2, 0.0, 5, 29 / 4, 12.3)
WT_U_HAT = (-1, -1 / 2, -1e-20, 0, 1e-20, 3, 11 / 3, 17.2)
B = (-19.3, -8 / 3, -1, 0.0, 1 / 2, 3, 4.3)
LARGE_B = (0.8845640339582252, 0.8296950433716855, -1e8)


def log1pexp(x):
    return mpmath.log1p(mpmath.exp(x))


def u_hat(u, w):
    """get_u_hat: the vector, and w.u_hat."""
    w_u = mpmath.fdot(w, u)
    gain = (log1pexp(-w_u) - 1) / mpmath.fdot(w, w)
    return [u_i + gain * w_i for u_i, w_i in zip(u, w, strict=True)], log1pexp(w_u) - 1


def find_alpha(wt_y, wt_u_hat, b):
    """The root of wt_y = alpha + wt_u_hat tanh(alpha + b), from its bracket."""
    lower, upper = wt_y - 2 * abs(wt_u_hat), wt_y + 2 * abs(wt_u_hat)
    for _ in range(STEPS):
        middle = (lower + upper) / 2
        if middle + wt_u_hat * mpmath.tanh(middle + b) < wt_y:
            lower = middle
        else:
            upper = middle
    return (lower + upper) / 2


def planar_forward(z, u, w, b):
    shift, w_u_hat = u_hat(u, w)
    s = mpmath.fdot(w, z) + b
    image = [z_i + s_i * mpmath.tanh(s) for z_i, s_i in zip(z, shift, strict=True)]
    return image, mpmath.log1p(w_u_hat * mpmath.sech(s) ** 2)


def planar_inverse(y, u, w, b):
    shift, w_u_hat = u_hat(u, w)
    t = mpmath.tanh(find_alpha(mpmath.fdot(w, y), w_u_hat, b) + b)
    return [y_i - s_i * t for y_i, s_i in zip(y, shift, strict=True)]


def radial_forward(z, center, alpha, beta):
    beta_hat = -alpha + log1pexp(beta)
    offset = [z_i - c_i for z_i, c_i in zip(z, center, strict=True)]
    r = mpmath.norm(offset)
    h = 1 / (alpha + r)
    image = [z_i + beta_hat * h * o_i for z_i, o_i in zip(z, offset, strict=True)]
    across = mpmath.log(1 + beta_hat * h)
    along = mpmath.log(1 + beta_hat * h - beta_hat * h**2 * r)
    return image, (len(z) - 1) * across + along


def radial_inverse(y, center, alpha, beta):
    p = log1pexp(beta)
    offset = [y_i - c_i for y_i, c_i in zip(y, center, strict=True)]
    a = p - mpmath.norm(offset)
    r = (mpmath.sqrt(a**2 + 4 * alpha * mpmath.norm(offset)) - a) / 2
    gamma = (alpha + r) / (p + r)
    return [c_i + gamma * o_i for c_i, o_i in zip(center, offset, strict=True)]


def exact(value):
    """Arrays as lists of mpf, each the float64 given."""
    return [exact(v) for v in value] if hasattr(value, "__len__") else mpf(float(value))


def evaluated(case, names, forward, inverse):
    """The case with image and log-det of its points z, and their preimages."""
    layers = list(zip(*(exact(case[n]) for n in names), strict=True))
    images, log_dets, preimages = [], [], []
    for point in exact(case["z"]):
        image, total, preimage = point, mpf(0), point
        for layer in layers:
            image, log_det = forward(image, *layer)
            total += log_det
        for layer in reversed(layers):
            preimage = inverse(preimage, *layer)
        images.append([float(v) for v in image])
        log_dets.append(float(total))
        preimages.append([float(v) for v in preimage])
    return dict(case, image=images, log_det=log_dets, preimage=preimages)


def roots():
    for wt_y, wt_u_hat, b in [*itertools.product(WT_Y, WT_U_HAT, B), LARGE_B]:
        alpha = find_alpha(*exact((wt_y, wt_u_hat, b)))
        yield dict(wt_y=wt_y, wt_u_hat=wt_u_hat, b=b, alpha=float(alpha))


with mpmath.workdps(DIGITS):
    cases.write(
        "bijectors_jl.json",
        dict(
            source=dict(
                library="Bijectors.jl",
                commit="000c83ff73f36f5cd91a6496010de9bc7971766d",
                formulas=[
                    "src/bijectors/planar_layer.jl",
                    "src/bijectors/radial_layer.jl",
                    "test/norm_flows.jl (the grid of find_alpha)",
                ],
                mpmath=mpmath.__version__,
                made_by="tests/golden/make_bijectors_jl.py",
                notes=[
                    f"the published formulas at {DIGITS} digits, rounded once",
                    "the library itself was not run",
                    "its radial layer holds alpha_ with alpha = log1pexp(alpha_); here "
                    "alpha is given",
                ],
            ),
            planar=[
                evaluated(case, ("u", "w", "b"), planar_forward, planar_inverse)
                for case in cases.planar()
            ],
            radial=[
                evaluated(
                    case, ("center", "alpha", "beta"), radial_forward, radial_inverse
                )
                for case in cases.radial()
            ],
            find_alpha=list(roots()),
        ),
    )
