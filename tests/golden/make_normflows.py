"""Writes normflows.json: planar and radial layers as normflows computes them.

Run in an environment of its own: pip install numpy torch normflows; python
make_normflows.py
"""

import importlib.metadata

import cases
import torch
from normflows.flows import Planar, Radial


def composed(case, layers):
    """The case with the image and the log-det of its points."""
    z = torch.tensor(case["z"])
    log_det = torch.zeros(len(z), dtype=torch.float64)
    with torch.no_grad():
        for layer in layers:
            z, term = layer(z)
            log_det = log_det + term
    return dict(case, image=z.numpy(), log_det=log_det.numpy())


def planar(case):
    u, w, b = (torch.tensor(case[n]) for n in ("u", "w", "b"))
    shape = u.shape[1:]
    layers = zip(u[:, None], w[:, None], b[:, None], strict=True)
    return composed(case, [Planar(shape, u=u, w=w, b=b) for u, w, b in layers])


def radial(case):
    layers = []
    for center, alpha, beta in zip(
        case["center"], case["alpha"], case["beta"], strict=True
    ):
        layer = Radial(center.shape, z_0=torch.tensor(center)[None])
        layer.alpha.data = torch.tensor([alpha])
        layer.beta.data = torch.tensor([beta])
        layers.append(layer)
    return composed(case, layers)


cases.write(
    "normflows.json",
    dict(
        source=dict(
            library="normflows",
            version=importlib.metadata.version("normflows"),
            torch=torch.__version__.split("+")[0],
            classes=["flows.Planar", "flows.Radial"],
            made_by="tests/golden/make_normflows.py",
            notes=[
                "float64 throughout",
                "no inverse: that of a tanh-planar layer raises NotImplementedError, a "
                "radial layer has none",
                "log(1 + exp(x)) is formed as written; the log-det is "
                "log|1 + w.u_hat / cosh^2|",
            ],
        ),
        planar=[planar(case) for case in cases.planar()],
        radial=[radial(case) for case in cases.radial()],
    ),
)
