"""Docstrings, which are Markdown with Google's sections, as reStructuredText.

Fences and indented code become code blocks, `#### Title` a rubric, `name` a literal or a
link to the API, `docs/page.md` a link to that page, and `[1]: reference` an item of a
list. Napoleon then reads the sections.
"""

import functools
import importlib
import re
import textwrap

import api_pages

_CODE = re.compile(
    r"^(?P<indent> *)```(?P<language>\w*)\n(?P<fenced>[\s\S]*?)\n(?P=indent)```$"
    r"|(?<=\n\n)(?P<indented> {4}.*\n(?:(?: {4}.*)?\n)*)",
    re.MULTILINE,
)
_HEADING = re.compile(r"^( *)#### +(.*)$", re.MULTILINE)
_REFERENCE = re.compile(r"^( *)\[(\d+)\]: +(.*(?:\n\1 +\S.*)*)$", re.MULTILINE)
_RETURNS = re.compile(r"^( *)(?:Returns|Yields): *$", re.MULTILINE)
_LITERAL = re.compile(r"(?<!`)`([^`]+)`(?!`)")
_PAGE = re.compile(r"docs/([\w-]+)\.md")
# Emphasis and what is not: lone asterisks, bars, and underscores that end a word.
# Napoleon itself escapes the name of `**kwargs`.
_EMPHASIS = re.compile(
    r"^ *\*\*\w+:|(?<![\w*])\*\w[^*\n]*\w\*(?![\w*])|[*|]|_(?=\W|$)", re.MULTILINE
)


# "x: D." would be the first item of a list.
_ENUMERATOR = re.compile(r"(?<=: )(?=\w\.(?:\s|$))")


def process(app, what, name, obj, options, lines):
    """The handler of `autodoc-process-docstring`; changes `lines` in place."""
    lines[:] = to_rst("\n".join(lines)).split("\n")
    if what == "property":
        # Napoleon takes what is before a colon in the first line for its type; a line of
        # an escaped line break has none, and shows nothing.
        lines.insert(0, "\\")


def to_rst(text):
    """The docstring `text` as reStructuredText.

    Args:
      text: `str`, dedented.

    Returns:
      `str`.
    """
    found, end = [], 0
    for match in _CODE.finditer(text):
        found += [_prose(text[end : match.start()]), _code_block(match)]
        end = match.end()
    return "".join([*found, _prose(text[end:])])


def _code_block(match):
    indent = match["indent"] or ""
    language = {None: "text", "": "text", "none": "text"}.get(
        match["language"], match["language"]
    )
    code = textwrap.dedent(match["fenced"] or match["indented"].rstrip())
    return f"\n{indent}.. code-block:: {language}\n\n" + textwrap.indent(
        f"{code}\n\n", f"{indent}   "
    )


def _prose(text):
    text = _HEADING.sub(r"\1.. rubric:: \2" "\n", text)
    text = _REFERENCE.sub(_list_item, text)
    # Napoleon would take the text before the first colon for a type.
    text = _RETURNS.sub(r"\1:returns:", text)
    text = _ENUMERATOR.sub(r"\\", text)
    parts = _LITERAL.split(text)
    for i, part in enumerate(parts):
        if i % 2:
            # A literal must not touch a word: `Tensor`s.
            is_touching = re.match(r"\w", parts[i + 1])
            parts[i] = _literal(part) + ("\\ " if is_touching else "")
        else:
            parts[i] = _EMPHASIS.sub(_escape_other_than_emphasis, part)
    return "".join(parts)


def _list_item(match):
    indent, number, reference = match.groups()
    lines = [line.strip() for line in reference.split("\n")]
    return f"\n{indent}  ".join([f"{indent}- [{number}] {lines[0]}", *lines[1:]])


def _literal(content):
    content = re.sub(r"\s+", " ", content)
    page = _PAGE.fullmatch(content)
    if page:
        return f":doc:`/{page[1]}`"
    target = links().get(content)
    return f":py:obj:`{content} <{target}>`" if target else f"``{content}``"


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
