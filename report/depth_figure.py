"""KL against depth, from the results of the reproduction."""

import json
import os
import pathlib

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from tfp_flows import plotting

# Of the Okabe-Ito palette, with markers that differ too.
_LOOKS = {"planar": dict(color="#0072b2", marker="o"), "radial": dict(color="#d55e00")}


def save_depth_figure(path: str | os.PathLike, results_file: str | os.PathLike) -> None:
    """Draws KL(flow || target) over the number of layers, a panel per target.

    A KL below its standard error is drawn at it: the axis is logarithmic.

    Args:
      path: file to write.
      results_file: `results.json` of `reproduce`.
    """
    results = json.loads(pathlib.Path(results_file).read_text("utf-8"))
    names, families = results["config"]["examples"], results["config"]["families"]
    lengths = results["config"]["num_layers"]

    def draw_all(figure: Figure) -> None:
        axes = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
        for ax, name in zip(axes, names, strict=True):
            for family in families:
                rows = [
                    row
                    for row in results["fits"]
                    if (row["target"], row["family"]) == (name, family)
                ]
                error = np.array([row["elbo_standard_error"] for row in rows])
                kl = np.maximum([row["kl"] for row in rows], error)
                lengths_of_rows = [row["num_layers"] for row in rows]
                look = {"marker": "s", **_LOOKS[family]}
                ax.plot(lengths_of_rows, kl, label=family, linewidth=2, **look)
            ax.set(xscale="log", yscale="log", title=name, xlabel="layers K")
            ax.set_xticks(lengths, [str(length) for length in lengths])
            ax.minorticks_off()
            # A third of a decade apart: short runs span less than a decade.
            ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
            ax.yaxis.set_major_formatter("{x:g}")
            ax.grid(color="0.9")
        axes[0].set_ylabel("KL, nats")
        axes[-1].legend(frameon=False)

    plotting.save_figure(path, draw_all, (2.8 * len(names) + 0.6, 2.8), dpi=200)
