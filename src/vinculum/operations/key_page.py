"""A key as an HTML page for printing: its text for copying and, as a QR code, for scanning; its paper form for typing.

The page is complete in itself: it holds no script and loads nothing, so what is seen (and printed) does not depend on the
browser, and no code of somebody else's meets the key. The only user of the QR library.
"""

from __future__ import annotations

import html

import segno

from vinculum.operations.key_transfer import export_file, export_paper

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vinculum.repository.store import Store

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Key of Borg repository {short_id}</title>
<style>
body {{ font: 11pt/1.4 sans-serif; margin: 2em; }}
textarea, pre {{ font: 11pt/1.3 monospace; }}
textarea {{ width: 72ch; height: {rows}lh; border: 1px solid; padding: 1ex; resize: none; overflow: hidden; }}
section {{ break-inside: avoid; }}
.qr {{ width: 14cm; }}
</style>
</head>
<body>
<h1>Key of a Borg repository</h1>
<p>Repository id: <code>{id}</code></p>
<p>This key is protected by its passphrase, which is not on this page.</p>
<section>
<h2>As a file</h2>
<p>Save the text below, then run <code>borg key import REPOSITORY FILE</code>.</p>
<textarea readonly>{text}</textarea>
</section>
<section>
<h2>For scanning</h2>
<p>This code holds the same text.</p>
{code}
</section>
<section>
<h2>For typing</h2>
<p>Run <code>borg key import --paper REPOSITORY</code> and type these lines, beginning with <code>id:</code>.</p>
<pre>{paper}</pre>
</section>
</body>
</html>
"""


def export_page(store: Store) -> str:
    """The key as a page for printing. Errors as `export_file`."""
    text = export_file(store)
    return _PAGE.format(
        short_id=store.id.hex()[:12],
        id=store.id.hex(),
        rows=len(text.splitlines()) + 1,
        text=html.escape(text),
        code=_qr_code(text),
        paper=html.escape(export_paper(store)),
    )


def _qr_code(text: str) -> str:
    """An SVG element. It stays readable with nearly a third of it spoilt: paper has to last for years."""
    return segno.make_qr(text, error="h").svg_inline(omitsize=True, svgclass="qr")
