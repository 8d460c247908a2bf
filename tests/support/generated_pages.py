"""Pages of which parts are generated: between `<!-- name -->` and `<!-- end of name -->`.

With `WRITE_DOCS=1` in the environment the parts are written anew; without, they have to be as they would be.
"""

from __future__ import annotations

import os


def render(text, parts):
    """Fill in the parts of a page: name → function that returns the text."""
    for mark, part in parts.items():
        begin, end = f"<!-- {mark} -->\n", f"<!-- end of {mark} -->\n"
        before, rest = text.split(begin)
        text = f"{before}{begin}\n{part()}\n\n{end}{rest.split(end)[1]}"
    return text


def check_page(path, parts):
    """See that a page says what its parts say now."""
    wanted = render(path.read_text(encoding="utf-8"), parts)
    if os.environ.get("WRITE_DOCS"):
        path.write_text(wanted, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == wanted
