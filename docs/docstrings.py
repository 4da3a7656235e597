"""Docstrings, which are Markdown with Google's sections, as reStructuredText.

Fences become code blocks, `#### Title` a rubric, `name` a literal or a link to the API,
and `[1]: reference` an item of a list. Napoleon then reads the sections.
"""

import functools
import importlib
import re

import api_pages

_FENCE = re.compile(r"^(\s*)```(\w*)\s*$")
_HEADING = re.compile(r"^(\s*)####\s+(.*)$")
_REFERENCE = re.compile(r"^(\s*)\[(\d+)\]:\s+(.*)$")
_LITERAL = re.compile(r"(?<!`)`([^`]+)`(?!`)")
# Emphasis and what is not: lone asterisks, bars, and underscores that end a word.
# Napoleon itself escapes the name of `**kwargs`.
_EMPHASIS = re.compile(
    r"^ *\*\*\w+:|(?<![\w*])\*\w[^*\n]*\w\*(?![\w*])|[*|]|_(?=\W|$)", re.M
)
_RETURNS = re.compile(r"^(\s*)(Returns|Yields):\s*$")


def process(app, what, name, obj, options, lines):
    """The handler of `autodoc-process-docstring`; changes `lines` in place."""
    lines[:] = to_rst("\n".join(lines)).split("\n")


def to_rst(text):
    """The docstring `text` as reStructuredText.

    Args:
      text: `str`, dedented.

    Returns:
      `str`.
    """
    found, paragraph, fence, returns = [], [], None, None

    def flush():
        if paragraph:
            found.extend(_inline("\n".join(paragraph)).split("\n"))
            paragraph.clear()

    for line in text.split("\n"):
        if fence is not None:
            if _FENCE.match(line):
                fence = None
                found.append("")
            else:
                found.append(f"   {line}" if line.strip() else "")
        elif match := _FENCE.match(line):
            flush()
            fence = match[1]
            language = {"": "text", "none": "text"}.get(match[2], match[2])
            found += ["", f"{fence}.. code-block:: {language}", ""]
        elif match := _HEADING.match(line):
            flush()
            found += [f"{match[1]}.. rubric:: {match[2]}", ""]
        elif match := _REFERENCE.match(line):
            flush()
            paragraph.append(f"{match[1]}- [{match[2]}] {match[3]}")
        elif match := _RETURNS.match(line):
            # Napoleon would take the text before the first colon for a type.
            flush()
            returns = match[1]
            found += [f"{returns}:returns:"]
        elif returns is not None and line.strip() and not line.startswith(f"{returns} "):
            flush()
            returns = None
            paragraph.append(line)
        elif not line.strip():
            flush()
            found.append("")
        elif paragraph and paragraph[0].lstrip().startswith("- ["):
            paragraph.append(f"  {line.strip()}")
        else:
            paragraph.append(line)
    flush()
    return "\n".join(found)


def _inline(text):
    """Literals and links; everything else that means something to RST is escaped."""
    parts = _LITERAL.split(text)
    for i, part in enumerate(parts):
        if i % 2:
            content = re.sub(r"\s+", " ", part)
            target = links().get(content)
            parts[i] = f":py:obj:`{content} <{target}>`" if target else f"``{content}``"
        else:
            parts[i] = _EMPHASIS.sub(_escape_other_than_emphasis, part)
    return "".join(parts)


def _escape_other_than_emphasis(match):
    return match[0] if len(match[0]) > 1 else f"\\{match[0]}"


@functools.lru_cache
def links():
    """What a docstring may call a public name, and its full name, a `dict`."""
    found = {}
    for package in api_pages.packages():
        for name in importlib.import_module(f"tfp_flows.{package}").__all__:
            full = f"tfp_flows.{package}.{name}"
            found[f"{package}.{name}"] = found[f"tff.{package}.{name}"] = full
            found[full] = full
            # One word in lower case may be a parameter or a verb.
            if "_" in name or name != name.lower():
                found[name] = full
            if package == "distributions":
                found[f"tff.{name}"] = full
    return found
