"""The PDF of the report, from its text and the files of the experiments."""

import hashlib
import importlib.util
import json
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterable

from PIL import Image

from tfp_flows.files import replacing

_TEXT = (
    "report/report.typ",
    "report/helpers.typ",
    "report/derivations.typ",
    "report/results.typ",
    "report/references.bib",
)
_SPEED = ("benchmarks/results/results.json", "benchmarks/results/speed.png")
_SEEDS = "benchmarks/results/recipe.json"
_CHAINS = "benchmarks/results/mcmc_rate.json"
# Sections that are there if their file is: hours of training, by `python -m
# benchmarks.vae_table`, with pictures by `python -m benchmarks.vae_latent`; and further
# densities.
_VAE = "report/vae.json"
_VAE_IMAGES = ("report/imgs/vae-latent-none.png", "report/imgs/vae-latent-planar.png")
_ENERGIES = "energies/results.json"


def compile_report(
    out: str | os.PathLike,
    root: str | os.PathLike,
    path: str | os.PathLike | None = None,
) -> pathlib.Path:
    """Compiles the report; trains nothing.

    Args:
      out: folder of `results.json`, `density.json`, `imgs` and, if there, `energies`.
      root: top folder of a source checkout, with the text and the benchmark's results.
      path: file to write; `None` is `report.pdf` in `out`.

    Returns:
      `pathlib.Path` of the PDF. It holds `inputs_checksum(out, root)` as a keyword.

    Raises:
      ImportError: if the package typst is missing.
      FileNotFoundError: if a file is missing; it says which command makes it.
      RuntimeError: if the text does not compile.
    """
    check_sources(root)
    import typst

    path = pathlib.Path(out) / "report.pdf" if path is None else pathlib.Path(path)
    files = _files(out, root)
    sections = {"vae": _VAE, "energies": f"report/{_ENERGIES}"}
    present = " ".join(name for name, file in sections.items() if file in files)
    with tempfile.TemporaryDirectory() as folder:
        # The text sees the layout of the checkout, wherever the results are.
        for name, source in files.items():
            copy = pathlib.Path(folder, name)
            copy.parent.mkdir(parents=True, exist_ok=True)
            _copy(source, copy)
        pdf = typst.compile(
            str(pathlib.Path(folder, "report", "report.typ")),
            root=folder,
            ignore_system_fonts=True,
            sys_inputs=dict(sections=present, checksum=inputs_checksum(out, root)),
        )
    with replacing(path) as file:
        file.write(pdf)
    return path


def inputs_checksum(out: str | os.PathLike, root: str | os.PathLike) -> str:
    """The checksum of everything that goes into the PDF; arguments as above."""
    checksum = hashlib.sha256()
    for name, source in sorted(_files(out, root).items()):
        checksum.update(f"{name} {source.stat().st_size}\n".encode())
        checksum.update(source.read_bytes())
    return checksum.hexdigest()


def check_sources(root: str | os.PathLike) -> None:
    """Raises unless the text, the benchmark's results and typst are there."""
    if importlib.util.find_spec("typst") is None:
        raise ImportError(
            "The report is compiled by the package typst, which is not installed; "
            "pip install 'tfp_flows[report]' brings it."
        )
    root = pathlib.Path(root)
    _check(root, _TEXT, "run in the top folder of a complete checkout")
    _check(root, _SPEED, "make it with python -m benchmarks")
    _check(root, [_SEEDS], "make it with python -m benchmarks.recipe")
    _check(root, [_CHAINS], "make it with python -m benchmarks.mcmc_rate")
    if (root / _VAE).is_file():
        _check(root, _VAE_IMAGES, "make it with python -m benchmarks.vae_latent")


def _files(out: str | os.PathLike, root: str | os.PathLike) -> dict[str, pathlib.Path]:
    """Where each file is, by its place in the checkout."""
    out, root = pathlib.Path(out), pathlib.Path(root)
    how = "make it with tfp-flows report"
    _check(out, ("results.json", "density.json"), how)
    results = ["density.json", "imgs/density-summary.png", *_reproduced(out)]
    if (out / _ENERGIES).is_file():
        results += [f"energies/{name}" for name in _reproduced(out / "energies")]
    _check(out, results, how)
    files = {name: root / name for name in (*_TEXT, *_SPEED, _SEEDS, _CHAINS)}
    files |= {f"report/{name}": out / name for name in results}
    if (root / _VAE).is_file():
        files |= {name: root / name for name in (_VAE, *_VAE_IMAGES)}
    return files


def _reproduced(folder: pathlib.Path) -> list[str]:
    """The files of `reproduce` that are shown."""
    config = json.loads((folder / "results.json").read_text("utf-8"))["config"]
    images = ["depth", *(f"summary-{family}" for family in config["families"])]
    return ["results.json", *(f"imgs/{image}.png" for image in images)]


def _copy(source: pathlib.Path, copy: pathlib.Path) -> None:
    """Copies a file, an image with 256 colours: the PDF is then a third smaller."""
    if source.suffix != ".png":
        shutil.copyfile(source, copy)
        return
    with Image.open(source) as image:
        few = image.convert("RGB").quantize(256, dither=Image.Dither.NONE)
        few.save(copy)


def _check(folder: pathlib.Path, names: Iterable[str], how: str) -> None:
    for name in names:
        if not (folder / name).is_file():
            raise FileNotFoundError(f"The report needs {folder / name}; {how}.")
