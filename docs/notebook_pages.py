"""The notebooks as pages, if there are any."""

import shutil

INDEX = """# Notebooks

In reading order; each runs from a clean kernel.

```{{toctree}}
:maxdepth: 1

{pages}
```
"""
NONE = """# Notebooks

This copy of the package has no folder `notebooks/`.
"""


def write(source, folder):
    """Copies `*.ipynb` of `source` to `folder`, with an index.

    Args:
      source: `pathlib.Path` of the notebooks; it need not exist.
      folder: `pathlib.Path`; made if it does not exist, and emptied of other notebooks.
    """
    folder.mkdir(exist_ok=True)
    notebooks = sorted(source.glob("*.ipynb"))
    names = [path.name for path in notebooks]
    for old in folder.glob("*.ipynb"):
        if old.name not in names:
            old.unlink()
    for path in notebooks:
        shutil.copy2(path, folder / path.name)
    pages = "\n".join(path.stem for path in notebooks)
    text = INDEX.format(pages=pages) if notebooks else NONE
    (folder / "index.md").write_text(text, "utf-8")
