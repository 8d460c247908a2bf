"""The page's modules as one script, for a file that is read without a server.

A browser does not load modules for a page that was opened as a file. So the modules keep three rules: an
`import` or `export` begins its line, an import is one line, and no two modules declare the same name. Without
the imports and the word `export`, in the order of `MODULES`, they are one script.
"""

from __future__ import annotations

import re
from pathlib import Path

STATIC = Path(__file__).parent / "static"
#: each after those that it imports
MODULES = (
    "days.js",
    "states.js",
    "address.js",
    "server.js",
    "palette.js",
    "layout.js",
    "elements.js",
    "runs.js",
    "strip.js",
    "calendar.js",
    "panel.js",
    "chooser.js",
    "toolbar.js",
    "coverage.js",
)
_IMPORT = re.compile(r"^import .*\n", re.MULTILINE)
_EXPORT = re.compile(r"^export ", re.MULTILINE)
#: what a reader of the modules needs and a browser does not: comments that begin a line, and indentation
_FOR_READERS = re.compile(r"^\s*(?:/\*.*?\*/[^\S\n]*\n|//[^\n]*\n)|^[^\S\n]+", re.MULTILINE | re.DOTALL)


def one_script() -> str:
    """Return the modules as one classic script, which may stand in a `<script>` element, without comments."""
    texts = [(STATIC / name).read_text(encoding="utf-8") for name in MODULES]
    script = "\n".join(_EXPORT.sub("", _IMPORT.sub("", _FOR_READERS.sub("", text))) for text in texts)
    return f"(() => {{\n{script}}})();\n"
