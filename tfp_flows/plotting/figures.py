"""Figures to files, without touching the state of pyplot."""

import pathlib
from collections.abc import Callable, Sequence

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.figure import Figure

from tfp_flows.files import replacing
from tfp_flows.plotting.style import STYLE
from tfp_flows.types import PathLike

# What draws on an `Axes`; and a panel of a figure: what draws it, and its caption.
Draw = Callable[[Axes], object]
Panel = tuple[Draw, str]


def save_panel(
    path: PathLike,
    draw: Draw,
    *,
    title: str | None = None,
    size: float = 4.0,
    dpi: int = 150,
) -> None:
    """Writes a figure of one panel.

    Args:
      path: file to write, with the ending of a format that matplotlib knows.
      draw: callable that draws on the `Axes` it is given.
      title: text above the panel.
      size: width and height, in inches.
      dpi: dots per inch.
    """

    def draw_all(figure: Figure) -> None:
        ax = figure.subplots()
        draw(ax)
        if title is not None:
            ax.set_title(title)

    save_figure(path, draw_all, (size, size), dpi=dpi)


def save_grid(
    path: PathLike,
    rows: Sequence[Sequence[Panel]],
    *,
    column_titles: Sequence[str],
    row_titles: Sequence[str],
    size: float = 1.75,
    dpi: int = 150,
) -> None:
    """Writes a figure of many panels, a table of pictures.

    Args:
      path: file to write.
      rows: list of rows, each a list of `(draw, caption)`; `draw` draws on the `Axes` it
        is given, `caption` is put below the panel.
      column_titles: texts above the columns.
      row_titles: texts left of the rows.
      size: width and height of a panel, in inches.
      dpi: dots per inch.
    """

    def draw_all(figure: Figure) -> None:
        grid = figure.subplots(len(rows), len(column_titles), squeeze=False)
        for axes, row, row_title in zip(grid, rows, row_titles, strict=True):
            for ax, (draw, caption) in zip(axes, row, strict=True):
                draw(ax)
                ax.set(xticks=[], yticks=[], ylabel="", xlabel=caption)
                for spine in ax.spines.values():
                    spine.set(visible=True, color="0.8")
            axes[0].set_ylabel(row_title)
        for ax, title in zip(grid[0], column_titles, strict=True):
            ax.set_title(title)

    shape = (size * len(column_titles) + 0.3, (size + 0.3) * len(rows) + 0.3)
    save_figure(path, draw_all, shape, dpi=dpi)


def figure_format(path: PathLike) -> str:
    """The format of a figure file, by its ending; a ValueError if there is none such."""
    ending = pathlib.Path(path).suffix[1:]
    known = sorted(FigureCanvasBase.get_supported_filetypes())
    if ending not in known:
        raise ValueError(
            f"Figures are written as {', '.join(known)}, but the file is {str(path)!r}; "
            "give it one of these endings."
        )
    return ending


def save_figure(
    path: PathLike,
    draw_all: Callable[[Figure], object],
    shape: tuple[float, float],
    *,
    dpi: int = 150,
) -> None:
    """Draws on a new figure in the house style and writes it, whole or not at all.

    Args:
      path: file to write; its folder is made if need be.
      draw_all: callable that draws on the `Figure` it is given.
      shape: width and height, in inches.
      dpi: dots per inch.
    """
    path, format = pathlib.Path(path), figure_format(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=shape, layout="constrained")
        draw_all(figure)
        with replacing(path) as file:
            figure.savefig(file, format=format, dpi=dpi)
