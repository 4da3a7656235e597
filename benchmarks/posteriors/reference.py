"""Seven posteriors of posteriordb: data, reference moments, and what is compared."""

import json
import pathlib
from typing import NamedTuple

import numpy as np

# Within is what has every mean within so many reference standard deviations, and the
# logarithm of every standard deviation within so much.
MEAN_TOLERANCE, SD_TOLERANCE = 0.1, float(np.log(1.1))

# The file of the data of each.
_DATA = dict(
    eight_schools_noncentered="eight_schools",
    eight_schools_centered="eight_schools",
    kidscore_interaction="kidiq",
    mesquite="mesquite",
    diamonds="diamonds",
    garch11="garch",
    gp_pois_regr="gp_pois_regr",
)
NAMES = tuple(_DATA)


class Reference(NamedTuple):
    """The data of a posterior, and moments of its parameters.

    Attributes:
      data: dict of arrays, by the names of posteriordb.
      mean: `[P]`, reference mean of each parameter.
      sd: `[P]`, reference standard deviation.
    """

    data: dict[str, np.ndarray]
    mean: np.ndarray
    sd: np.ndarray


def read(name, folder):
    """The `Reference` of a posterior, from the JSON files in `folder`."""
    folder = pathlib.Path(folder)
    data = json.loads((folder / f"{_DATA[name]}.json").read_text("utf-8"))
    moments = json.loads((folder / "reference.json").read_text("utf-8"))[name]
    arrays = {key: np.asarray(value) for key, value in data.items()}
    return Reference(arrays, np.array(moments["mean"]), np.array(moments["sd"]))


def parameters(name, data, draws):
    """The parameters of the reference, `[S, P]`, of draws of the model's variables.

    Args:
      name: that of the posterior.
      data: as `read` returns them.
      draws: dict of arrays `[S, ...]`.
    """
    if name == "eight_schools_noncentered":
        theta = draws["mu"][:, None] + draws["tau"][:, None] * draws["theta_trans"]
        return _columns(theta, draws["mu"], draws["tau"])
    if name == "gp_pois_regr":
        factor = covariance_factor(np, data["x"], draws["rho"], draws["alpha"])
        f = (factor @ draws["f_tilde"][..., None])[..., 0]
        return _columns(draws["rho"], draws["alpha"], f)
    order = dict(
        eight_schools_centered=("theta", "mu", "tau"),
        kidscore_interaction=("beta", "sigma"),
        mesquite=("beta", "sigma"),
        diamonds=("b", "intercept", "sigma"),
        garch11=("mu", "alpha0", "alpha1", "beta1"),
    )
    return _columns(*(draws[key] for key in order[name]))


def designs(name, data):
    """The design matrix of a regression, `[N, D]`, and what it explains, `[N]`."""
    if name == "kidscore_interaction":
        hs, iq = data["mom_hs"], data["mom_iq"]
        return np.stack([np.ones_like(hs), hs, iq, hs * iq], axis=1), data["kid_score"]
    if name == "mesquite":
        keys = "diam1", "diam2", "canopy_height", "total_height", "density", "group"
        ones = np.ones(len(data["weight"]))
        return np.stack([ones, *(data[key] for key in keys)], axis=1), data["weight"]
    design = data["X"][:, 1:]
    return design - design.mean(axis=0), data["Y"]


def covariance_factor(numpy, x, rho, alpha):
    """The factor of a Gaussian process at points x `[N]`, `[S, N, N]`.

    `numpy` is NumPy or what has its functions; `rho` and `alpha` are `[S]`.
    """
    rho, alpha = rho[..., None, None], alpha[..., None, None]
    kernel = alpha**2 * numpy.exp(-0.5 * (x[:, None] - x) ** 2 / rho**2)
    return numpy.linalg.cholesky(kernel + 1e-10 * np.eye(len(x)))


def moments(values, log_weights=None):
    """Mean and standard deviation of `[S, P]`, weighted equally or as given."""
    values = np.asarray(values, np.float64)
    weights = np.full(len(values), 1.0 / len(values))
    if log_weights is not None:
        weights = np.exp(np.asarray(log_weights, np.float64))
        weights /= np.sum(weights)
    mean = weights @ values
    return mean, np.sqrt(weights @ (values - mean) ** 2)


def errors(reference, mean, sd):
    """The worst errors: of a mean in standard deviations, and of the log of an sd."""
    of_mean = np.max(np.abs(mean - reference.mean) / reference.sd)
    with np.errstate(divide="ignore"):
        of_sd = np.max(np.abs(np.log(sd / reference.sd)))
    return float(of_mean), float(of_sd)


def is_within(error):
    """Whether both of `errors` are small; NaN is not."""
    return error[0] < MEAN_TOLERANCE and error[1] < SD_TOLERANCE


def _columns(*values):
    """`[S]` and `[S, n]` side by side, `[S, P]`."""
    return np.concatenate([np.reshape(v, [len(v), -1]) for v in values], axis=1)
