"""How Sphinx builds the manual; `make docs` and `make man` call it, and every warning is an error."""

from __future__ import annotations

import tomllib
from pathlib import Path

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

PROJECT = Path(__file__).resolve().parent.parent
VERSION = tomllib.loads((PROJECT / "Cargo.toml").read_text())["workspace"]["package"]["version"]

project = "vinculum"
author = "the makers of vinculum"
project_copyright = author
version = release = VERSION

extensions = ["myst_parser"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
root_doc = "index"
nitpicky = True

myst_heading_anchors = 3
myst_enable_extensions = ["smartquotes", "deflist", "colon_fence"]

html_theme = "furo"
html_title = f"vinculum {release}"
html_copy_source = False
html_show_sphinx = False
highlight_language = "none"


def setup(app: Sphinx) -> None:
    app.add_lexer("layers", TextLexer)  # a list that a guard compares with the contract
