"""One look for all figures: white paper, colour-blind safe, readable when small."""

import matplotlib as mpl
import numpy as np
from matplotlib.colors import ListedColormap

STYLE = {
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "axes.facecolor": "white",
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.spines.top": False,
    "axes.spines.right": False,
}

INK = "#2a2a5e"


def _density_colors():
    """From white over yellow and green to dark violet, of falling lightness."""
    viridis = mpl.colormaps["viridis_r"](np.linspace(0.0, 1.0, 232))[:, :3]
    white_to_yellow = np.linspace(1.0, 0.0, 24, endpoint=False)[:, np.newaxis]
    start = white_to_yellow + (1.0 - white_to_yellow) * viridis[0]
    return ListedColormap(np.concatenate([start, viridis]), name="density")


DENSITY_COLORS = _density_colors()
