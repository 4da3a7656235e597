"""Sphinx configuration: `sphinx-build -W docs docs/_build/html`."""

import pathlib
import sys

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import api_pages  # noqa: E402
import docstrings  # noqa: E402
import notebook_pages  # noqa: E402

from tfp_flows.version import __version__  # noqa: E402

project = "tfp_flows"
author = "the authors of tfp_flows"
version = release = __version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinxcontrib.katex",
    "myst_nb",
    "sphinx_design",
]
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = f"tfp_flows {version}"
html_show_copyright = False
html_static_path = ["_static"]
html_theme_options = dict(sidebar_hide_name=False, navigation_with_keys=True)
pygments_style, pygments_dark_style = "friendly", "monokai"

# KaTeX writes MathML, which browsers set themselves: no fonts and no style sheet of its
# own, which would come from elsewhere.
katex_options = "output: 'mathml'"
katex_css_path = "custom.css"

# Notebooks are stored with their outputs; building the pages runs nothing.
nb_execution_mode = "off"
myst_enable_extensions = ["amsmath", "colon_fence", "dollarmath"]
myst_heading_anchors = 3

autosummary_generate = False  # the pages have all entries
autoclass_content = "both"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints = "none"  # the arguments' descriptions have them in words
napoleon_use_ivar = True
napoleon_use_rtype = False


def write_pages(app, config):
    """Writes the pages that are made from the package and from `notebooks/`."""
    api_pages.write(HERE / "api")
    notebook_pages.write(HERE.parent / "notebooks", HERE / "notebooks", release)


def setup(app):
    """Connects what is above to Sphinx."""
    app.connect("config-inited", write_pages)
    # Before napoleon, which reads the sections.
    app.connect("autodoc-process-docstring", docstrings.process, priority=100)
