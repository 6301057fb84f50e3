"""How Sphinx builds the manual; `make docs` and `make man` call it, and every warning is an error."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

from docutils import nodes
from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

PROJECT = Path(__file__).resolve().parent.parent
VERSION = tomllib.loads((PROJECT / "Cargo.toml").read_text())["workspace"]["package"]["version"]

sys.path[:0] = [str(PROJECT / "docs"), str(PROJECT / "src")]
from reference_pages import write_pages  # noqa: E402 (made of the program beside us)

project = "vinculum"
author = "the makers of vinculum"
project_copyright = author
version = release = VERSION

extensions = ["myst_parser"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
root_doc = "index"
nitpicky = True

myst_heading_anchors = 3
myst_enable_extensions = ["deflist"]
smartquotes = False  # they would make dashes of options

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["manual.css"]
html_title = f"vinculum {release}"
html_copy_source = False
html_show_sphinx = False
highlight_language = "none"

# Written before Sphinx looks for pages; the manual and the pages of `man` are made of the same.
man_pages = [
    (f"reference/generated/{page.name}", page.name, page.summary, [], page.section)
    for page in write_pages(PROJECT / "docs" / "reference" / "generated")
]
man_make_section_directory = True


class PlainNames(SphinxPostTransform):
    """Leaves the names of other pages in pages of `man`, which would have empty brackets behind them instead of an address."""

    default_priority = 900
    builders = ("man",)

    def run(self, **_: object) -> None:
        for node in list(self.document.findall(nodes.reference)):
            if not node.get("refuri"):
                node.replace_self(nodes.strong("", node.astext()))


def setup(app: Sphinx) -> None:
    app.add_post_transform(PlainNames)
    app.add_lexer("layers", TextLexer)  # a list that a guard compares with the contract
