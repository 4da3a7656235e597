"""The notebooks as pages with a gallery, if there are any."""

import base64
import json
import os
import re
import shutil

INDEX = """# Notebooks

In reading order; each runs from a clean kernel, by `tfp-flows notebooks`.

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
    "[Open in Colab](https://colab.research.google.com/github/{repository}/blob/{branch}/"
    "notebooks/{name}), and first run `%pip install {packages}` there.\n\n"
)
# What notebooks import beyond the package and its dependencies, and what installs it.
PACKAGES = {"sklearn": "scikit-learn"}
NONE = """# Notebooks

This copy of the package has no folder `notebooks/`.
"""


def write(source, folder, version):
    """Copies `*.ipynb` of `source` to `folder`, with an index and their first pictures.

    Args:
      source: `pathlib.Path` of the notebooks; it need not exist.
      folder: `pathlib.Path`; made if it does not exist, and emptied of other notebooks.
      version: of the package. Colab opens the notebooks of its tag and installs it; of a
        development version, both are those of the branch `main`.
    """
    folder.mkdir(exist_ok=True)
    notebooks = sorted(source.glob("*.ipynb"))
    names = {path.stem for path in notebooks}
    for old in [*folder.glob("*.ipynb"), *folder.glob("*.png")]:
        if old.stem not in names:
            old.unlink()
    repository = repository_name()
    for path in notebooks:
        page = folder / path.name
        shutil.copy2(path, page)
        if repository:
            text = page.read_text("utf-8")
            page.write_text(with_colab(text, path.name, repository, version), "utf-8")
    pages = "\n".join(path.stem for path in notebooks)
    entries = "\n".join(entry(path, folder) for path in notebooks)
    text = INDEX.format(pages=pages, entries=entries) if notebooks else NONE
    (folder / "index.md").write_text(text, "utf-8")


def repository_name():
    """`owner/name` of the site's repository on GitHub, or `None` if it is not known."""
    if name := os.environ.get("GITHUB_REPOSITORY"):
        return name
    address = os.environ.get("READTHEDOCS_GIT_CLONE_URL", "")
    found = re.search(r"github\.com[:/]([\w.-]+/[\w.-]+?)(\.git)?/?$", address)
    return found and found[1]


def with_colab(text, name, repository, version):
    """The notebook with a link to Colab below its title."""
    notebook = json.loads(text)
    if "dev" in version:
        branch, package = "main", f"git+https://github.com/{repository}@main"
    else:
        branch, package = f"v{version}", f"tfp-flows=={version}"
    link = COLAB.format(
        repository=repository,
        branch=branch,
        name=name,
        packages=" ".join([package, *other_packages(notebook)]),
    )
    first = notebook["cells"][0]
    title, rest = "".join(first["source"]).split("\n\n", 1)
    first["source"] = f"{title}\n\n{link}{rest}"
    return json.dumps(notebook, indent=1)


def other_packages(notebook):
    """What the notebook needs that the package does not bring."""
    code = "\n".join(
        "".join(cell["source"])
        for cell in notebook["cells"]
        if cell["cell_type"] == "code"
    )
    return [
        package
        for module, package in PACKAGES.items()
        if re.search(rf"^(import|from) {module}\b", code, re.MULTILINE)
    ]


def entry(path, folder):
    """The notebook `path` in the gallery; its picture is written to `folder`."""
    cells = json.loads(path.read_text("utf-8"))["cells"]
    _, *paragraphs = "".join(cells[0]["source"]).split("\n\n")
    # What a run takes is below the title, once the notebook has run.
    time = paragraphs.pop(0) if paragraphs[0].startswith("*Takes about ") else ""
    paragraph = paragraphs[0].replace("\n", " ")
    sentence = re.split(r"(?<=[.:])\s(?=[A-Z$])", paragraph)[0].rstrip(".:") + "."
    image = ""
    for cell in cells:
        for output in cell.get("outputs", []):
            picture = output.get("data", {}).get("image/png")
            if picture and not image:
                name = f"{path.stem}.png"
                (folder / name).write_bytes(base64.b64decode(picture))
                image = f"![]({name})\n\n"
    return ENTRY.format(image=image, stem=path.stem, sentence=sentence, time=time)
