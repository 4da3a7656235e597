"""One look for all figures: white paper, colour-blind safe, readable when small."""

from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.rcsetup import cycler

# Okabe and Ito's palette, told apart with any colour vision: blue, vermilion, green,
# purple, orange, sky blue.
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")

STYLE: dict[Any, Any] = {
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "axes.facecolor": "white",
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": cycler(color=COLORS),
    "figure.constrained_layout.use": True,
    "figure.dpi": 80,
    "legend.frameon": False,
    "lines.linewidth": 1.5,
}

INK = "#2a2a5e"
QUADRANT_COLORS = COLORS[:4]
# Tol's muted palette, for up to ten classes.
CLASS_COLORS = (
    "#332288",
    "#88ccee",
    "#44aa99",
    "#117733",
    "#999933",
    "#ddcc77",
    "#cc6677",
    "#882255",
    "#aa4499",
    "#bbbbbb",
)


def use_style() -> None:
    """Makes this the look of all figures that pyplot makes from now on."""
    mpl.rcParams.update(STYLE)


def _density_colors() -> ListedColormap:
    """From white over yellow and green to dark violet, of falling lightness."""
    viridis = mpl.colormaps["viridis_r"](np.linspace(0.0, 1.0, 232))[:, :3]
    white_to_yellow = np.linspace(1.0, 0.0, 24, endpoint=False)[:, np.newaxis]
    start = white_to_yellow + (1.0 - white_to_yellow) * viridis[0]
    return ListedColormap(np.concatenate([start, viridis]), name="density")


DENSITY_COLORS = _density_colors()
