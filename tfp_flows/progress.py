"""Progress bars, on terminals and in notebooks."""

import warnings

with warnings.catch_warnings():
    # In a notebook without ipywidgets, tqdm.auto warns at its import that it will draw
    # bars of text; that is no fault of the user's.
    warnings.simplefilter("ignore")
    from tqdm.auto import tqdm

__all__ = ["tqdm"]
