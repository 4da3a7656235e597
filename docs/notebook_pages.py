"""The notebooks as pages with a gallery, if there are any."""

import base64
import json
import os
import re
import shutil

INDEX = """# Notebooks

In reading order; each runs from a clean kernel, by `tfp-flows notebooks`; times are of
two cores.

::::{{container}} gallery

{entries}
::::

```{{toctree}}
:hidden:
:maxdepth: 1

{pages}
```
"""
ENTRY = """:::{{container}} gallery-item
{image}{{doc}}`{stem}`: {sentence} {time}
:::
"""
# Below the title of a page, where it is known of which repository the site is.
COLAB = (
    "[Open in Colab](https://colab.research.google.com/github/{repository}/blob/main/"
    'notebooks/{name}), and first run `%pip install "tfp-flows[notebooks]"` there.\n\n'
)
NONE = """# Notebooks

This copy of the package has no folder `notebooks/`.
"""


def write(source, folder):
    """Copies `*.ipynb` of `source` to `folder`, with an index and their first pictures.

    Args:
      source: `pathlib.Path` of the notebooks; it need not exist.
      folder: `pathlib.Path`; made if it does not exist, and emptied of other notebooks.
    """
    folder.mkdir(exist_ok=True)
    notebooks = sorted(source.glob("*.ipynb"))
    names = {path.stem for path in notebooks}
    for old in [*folder.glob("*.ipynb"), *folder.glob("*.png")]:
        if old.stem not in names:
            old.unlink()
    for path in notebooks:
        page = folder / path.name
        shutil.copy2(path, page)
        if repository := os.environ.get("GITHUB_REPOSITORY"):
            page.write_text(with_colab(page.read_text("utf-8"), path.name, repository))
    pages = "\n".join(path.stem for path in notebooks)
    entries = "\n".join(entry(path, folder) for path in notebooks)
    text = INDEX.format(pages=pages, entries=entries) if notebooks else NONE
    (folder / "index.md").write_text(text, "utf-8")


def with_colab(text, name, repository):
    """The notebook with a link to Colab below its title."""
    notebook = json.loads(text)
    first = notebook["cells"][0]
    title, rest = "".join(first["source"]).split("\n\n", 1)
    first["source"] = f"{title}\n\n{COLAB.format(repository=repository, name=name)}{rest}"
    return json.dumps(notebook, indent=1)


def entry(path, folder):
    """The notebook `path` in the gallery; its picture is written to `folder`."""
    notebook = json.loads(path.read_text("utf-8"))
    cells, notes = notebook["cells"], notebook["metadata"].get("tfp_flows", {})
    paragraph = "".join(cells[0]["source"]).split("\n\n")[1].replace("\n", " ")
    sentence = re.split(r"(?<=[.:])\s(?=[A-Z$])", paragraph)[0].rstrip(".:") + "."
    image = ""
    for cell in cells:
        for output in cell.get("outputs", []):
            picture = output.get("data", {}).get("image/png")
            if picture and not image:
                name = f"{path.stem}.png"
                (folder / name).write_bytes(base64.b64decode(picture))
                image = f"![]({name})\n\n"
    time = f"*{duration(notes['seconds'])} to run.*" if "seconds" in notes else ""
    return ENTRY.format(image=image, stem=path.stem, sentence=sentence, time=time)


def duration(seconds):
    """A time in words, for machines are not alike: ten seconds, minutes."""
    if seconds < 55:
        return f"{10 * max(1, round(seconds / 10))} seconds"
    minutes = round(seconds / 60)
    return "A minute" if minutes == 1 else f"{minutes} minutes"
