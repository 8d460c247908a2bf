"""The coverage as one HTML file that loads nothing from anywhere, for whoever has no access to Airflow.

The element's script and the document are in it. The policy in its head allows this one script, by its
checksum, and no address at all; labels in the document cannot end the script that they are in.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_binance_liq.ui.script import one_script

if TYPE_CHECKING:
    from collections.abc import Mapping

#: what could end a script, or begin a comment in it, as escapes that JSON has for every character
_ESCAPES: Final = {ord(one): f"\\u{ord(one):04x}" for one in "<>&\u2028\u2029"}
_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>{title}</title>
<style>body {{ margin: 0; }}</style>
</head>
<body>
<noscript>This page shows its content with JavaScript, which is in this file. Allow it, or use
<code>binance-liq coverage</code> without --html.</noscript>
<script type="application/json" id="coverage">{document}</script>
<binance-liq-coverage></binance-liq-coverage>
<script>{script}</script>
</body>
</html>
"""


def page(document: Mapping[str, Any]) -> str:
    """Return the file's text."""
    script = one_script()
    checksum = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; script-src 'sha256-{checksum}'; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    return _PAGE.format(
        policy=html.escape(policy),
        title=html.escape(f"Coverage of {document['destination']}"),
        document=_embedded(document),
        script=script,
    )


def _embedded(document: Mapping[str, Any]) -> str:
    """Return JSON that stays inside of its script element, whatever texts it has."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).translate(_ESCAPES)
