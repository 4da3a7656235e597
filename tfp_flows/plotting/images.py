"""Small images, and points with the classes they belong to."""

import numpy as np

from tfp_flows.plotting.style import CLASS_COLORS


def plot_images(ax, images, *, num_columns=10):
    """Draws images side by side in rows, one picture.

    Args:
      ax: `matplotlib.axes.Axes`.
      images: array of shape `[N, H, W]`, values in [0, 1], 1 is dark.
      num_columns: images per row; the last row is filled up with white.

    Returns:
      `ax`.
    """
    images = np.asarray(images, np.float64)
    num_rows = -(-len(images) // num_columns)
    num_missing = num_rows * num_columns - len(images)
    # A margin of one pixel, for images that fill their frames.
    tiles = np.pad(images, [(0, num_missing), (0, 1), (0, 1)])
    height, width = tiles.shape[1:]
    rows = tiles.reshape([num_rows, num_columns, height, width])
    picture = rows.transpose([0, 2, 1, 3]).reshape([num_rows * height, -1])
    ax.imshow(picture[:-1, :-1], cmap="gray_r", vmin=0.0, vmax=1.0)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    return ax


def plot_classes(ax, points, labels, *, size=8.0):
    """Draws points in the colours of their classes, whose names stand at the medians.

    Args:
      ax: `matplotlib.axes.Axes`.
      points: array of shape `[N, 2]`.
      labels: integer array of shape `[N]`, of at most ten classes.
      size: area of a point, in points squared.

    Returns:
      `ax`.

    Raises:
      ValueError: if there are more than ten classes.
    """
    points, labels = np.asarray(points), np.asarray(labels)
    classes = np.unique(labels)
    if len(classes) > len(CLASS_COLORS):
        raise ValueError(
            f"At most {len(CLASS_COLORS)} classes can be told apart by colour, but "
            f"`labels` has {len(classes)}; join some of them."
        )
    for name, color in zip(classes, CLASS_COLORS, strict=False):
        members = points[labels == name]
        ax.scatter(members[:, 0], members[:, 1], s=size, color=color, lw=0, alpha=0.8)
    for name in classes:
        at = np.median(points[labels == name], axis=0)
        box = dict(boxstyle="circle,pad=0.15", fc="white", ec="0.5", lw=0.5, alpha=0.8)
        ax.text(*at, str(name), ha="center", va="center", fontsize=9, bbox=box)
    ax.set(xlabel="$z_1$", ylabel="$z_2$", aspect="equal")
    return ax
