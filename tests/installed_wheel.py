"""The wheel alone, in an environment of its own: what it holds, and the README's code.

Needs nothing but the installed wheel; from a checkout, `make wheel`.
"""

import contextlib
import importlib.metadata
import io
import os
import pathlib
import re
import runpy
import tempfile

ROOT = pathlib.Path(__file__).parents[1]
BLOCK = re.compile(r"^( *)```python\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
PRINTED = re.compile(r"^```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# What goes to site-packages; scripts go elsewhere, by a relative path.
TOP = re.compile(r"tfp_flows|tfp_flows-[\w.]+\.dist-info|\.\.")


def code_blocks(text):
    """The Python blocks of a page in Markdown, without their indent."""
    return [
        re.sub(rf"^{indent}", "", block, flags=re.MULTILINE)
        for indent, block in BLOCK.findall(text)
    ]


def rows_shown(text):
    """The first words of the rows that a page shows as printed."""
    printed = PRINTED.search(text)
    return re.findall(r"^(\w.*?)  ", printed[1], re.MULTILINE) if printed else []


def run(text):
    """Runs the code of a page as one script, and returns what it prints."""
    shown = io.StringIO()
    here = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        script = pathlib.Path(folder) / "page.py"
        script.write_text("\n".join(code_blocks(text)), "utf-8")
        os.chdir(folder)  # the code writes files
        try:
            with contextlib.redirect_stdout(shown):
                runpy.run_path(str(script))
        finally:
            os.chdir(here)
    return shown.getvalue()


def main():
    """Raises where the wheel or the README's code is not as it should be."""
    files = importlib.metadata.files("tfp_flows")
    others = [str(file) for file in files if not TOP.fullmatch(file.parts[0])]
    if others:
        raise SystemExit(f"The wheel holds more than the package: {others}")
    import tfp_flows

    place = pathlib.Path(tfp_flows.__file__).resolve()
    if place.parent == ROOT / "tfp_flows":
        raise SystemExit(f"This is the checkout, not an installed wheel: {place}")
    text = (ROOT / "README.md").read_text("utf-8")
    shown = run(text)
    print(shown)
    missing = [row for row in rows_shown(text) if f"\n{row}  " not in f"\n{shown}"]
    if missing:
        raise SystemExit(f"The README shows rows that were not printed: {missing}")
    print(f"{len(code_blocks(text))} blocks of the README ran with {place.parent}.")


if __name__ == "__main__":
    main()
