"""Writes pyro.json: planar and radial layers as Pyro computes them.

Run in an environment of its own: pip install numpy torch pyro-ppl; python make_pyro.py
"""

import cases
import numpy as np
import pyro
import torch
from pyro.distributions.transforms.planar import ConditionedPlanar
from pyro.distributions.transforms.radial import ConditionedRadial


def composed(case, layers):
    """The case with the image and the log-det of its points."""
    z = torch.tensor(case["z"])
    log_det = torch.zeros(len(z), dtype=torch.float64)
    for layer in layers:
        image = layer(z)
        log_det = log_det + layer.log_abs_det_jacobian(z, image)
        z = image
    return dict(case, image=z.numpy(), log_det=log_det.numpy())


def planar(case):
    parameters = (torch.tensor(case[n]) for n in ("b", "u", "w"))
    layers = zip(*parameters, strict=True)
    return composed(case, [ConditionedPlanar((b[None], u, w)) for b, u, w in layers])


def radial(case):
    # Pyro applies softplus to its alpha' and to its beta': alpha = softplus(alpha').
    free = case["alpha"] + np.log(-np.expm1(-case["alpha"]))
    parameters = (torch.tensor(p) for p in (case["center"], free, case["beta"]))
    layers = zip(*parameters, strict=True)
    return composed(
        case, [ConditionedRadial((c, a[None], b[None])) for c, a, b in layers]
    )


cases.write(
    "pyro.json",
    dict(
        source=dict(
            library="pyro-ppl",
            version=pyro.__version__,
            torch=torch.__version__.split("+")[0],
            classes=["ConditionedPlanar", "ConditionedRadial"],
            made_by="tests/golden/make_pyro.py",
            notes=[
                "float64 throughout",
                "no inverse: both classes raise KeyError for a point that they did not "
                "themselves just produce",
                "the log-det is log|1 + w.u_hat sech^2|, which cancels for w.u << 0",
            ],
        ),
        planar=[planar(case) for case in cases.planar()],
        radial=[radial(case) for case in cases.radial()],
    ),
)
