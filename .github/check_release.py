"""Refuses a tag that is not ready to be released: `check_release.py v0.2.0`."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).parents[1]


def section(changelog: str, title: str) -> str | None:
    """The text below the heading that the pattern `title` matches, if there is one."""
    pattern = rf"^## {title}[ \t]*$(.*?)(?=^## |\Z)"
    flags = re.MULTILINE | re.DOTALL | re.IGNORECASE
    found = re.search(pattern, changelog, flags)
    return found[1].strip() if found else None


def faults(tag: str, version: str, changelog: str) -> list[str]:
    """What speaks against a release of `version` by `tag`, a sentence each."""
    found = []
    if tag != f"v{version}":
        found.append(f"The tag is {tag}, and tfp_flows/version.py says {version}.")
    if section(changelog, r"\[?Unreleased\]?.*?"):
        found.append("CHANGELOG.md has entries under Unreleased: move them to a version.")
    if not section(changelog, rf"{re.escape(version)} \(\d{{4}}-\d\d-\d\d\)"):
        found.append(f"CHANGELOG.md has no entries under '## {version} (YYYY-MM-DD)'.")
    return found


def main(tag: str) -> int:
    """Prints the faults of this checkout, and returns the exit status."""
    source = (ROOT / "tfp_flows" / "version.py").read_text("utf-8")
    version = source.split('__version__ = "')[1].split('"')[0]
    found = faults(tag, version, (ROOT / "CHANGELOG.md").read_text("utf-8"))
    print("\n".join(found) or f"{tag} can be released.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
