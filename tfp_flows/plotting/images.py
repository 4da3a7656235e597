"""Images side by side, and labelled points in the plane."""

from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from tfp_flows.plotting.style import CLASS_COLORS, INK


def plot_images(
    ax: Axes, images: npt.ArrayLike, *, num_columns: int, gap: int = 1
) -> Axes:
    """Draws images as a table of tiles, row by row.

    Args:
      ax: `matplotlib.axes.Axes`.
      images: array of shape `[N, height, width]`, or with 1 or 3 channels last, with
        values in [0, 1].
      num_columns: tiles per row.
      gap: pixels between tiles.

    Returns:
      `ax`.
    """
    images = np.asarray(images)
    if images.ndim == 3:
        images = images[..., np.newaxis]
    num, height, width, channels = images.shape
    num_rows = -(-num // num_columns)
    sheet = np.ones([num_rows * (height + gap), num_columns * (width + gap), channels])
    for i, image in enumerate(images):
        top, left = i // num_columns * (height + gap), i % num_columns * (width + gap)
        sheet[top : top + height, left : left + width] = image
    sheet = sheet[: num_rows * (height + gap) - gap, : num_columns * (width + gap) - gap]
    if channels == 1:
        sheet = sheet[..., 0]
    ax.imshow(sheet, cmap="gray", vmin=0.0, vmax=1.0, interpolation="nearest")
    ax.set(xticks=[], yticks=[])
    for spine in ax.spines.values():
        spine.set_visible(False)
    return ax


def plot_labelled_points(
    ax: Axes,
    points: npt.ArrayLike,
    labels: npt.ArrayLike | None = None,
    *,
    size: float = 4.0,
) -> Axes:
    """Draws points in the plane, one colour per label, with a legend.

    Args:
      ax: `matplotlib.axes.Axes`.
      points: array of shape `[N, 2]`.
      labels: array of shape `[N]`, or `None`.
      size: area of a point, in points squared.

    Returns:
      `ax`.
    """
    points = np.asarray(points)
    style: dict[str, Any] = dict(s=size, lw=0, alpha=0.7)
    if labels is None:
        ax.scatter(*points.T, color=INK, **style)
    else:
        labels = np.asarray(labels)
        names = np.unique(labels)
        is_few = len(names) <= len(CLASS_COLORS)
        colors = CLASS_COLORS if is_few else mpl.color_sequences["tab20"]
        for i, label in enumerate(names):
            chosen = points[labels == label]
            color = colors[i % len(colors)]
            ax.scatter(*chosen.T, color=color, label=label, **style)
        ax.legend(markerscale=3, fontsize="small", loc="upper right")
    ax.set(aspect="equal", xlabel="$z_1$", ylabel="$z_2$")
    return ax
