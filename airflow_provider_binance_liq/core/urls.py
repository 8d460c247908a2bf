"""Whether a URL has a secret in it, which would be in every log, manifest and error that names the URL.

Made for URLs as people paste them, not as the standard allows: the secret of an access key may have slashes,
so the part before the `@` may look like a host, a port and a path.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote

_AUTHORITY: Final = re.compile(r"[a-z0-9+.-]+:/{2}([^/?#]*)(.*)", re.IGNORECASE | re.DOTALL)
#: The name of a setting that says that its value is secret. It is looked at from its beginning alone, and
#: given up as a whole: whoever may only trigger a run may send a text of any length.
_NAMED: Final = (
    r"(?<![\w.-])(?=[\w.-]*?(?:token|passwd|password|pwd|secret|signature|credential|authorization|"
    r"api_?key|access_?key))[\w.-]++"
)
#: `name=value` of a query, of a fragment, or of a list of settings
_PARAMETER: Final = re.compile(rf"(?:^|(?<=[?&;#\s])){_NAMED}\s*+=\s*+[^&;#\s]", re.IGNORECASE)
#: the same within a sentence, and `name: value`: what leads to the value, and the value
_SECRET_VALUE: Final = re.compile(
    rf"({_NAMED}[\"']?+\s*+[=:]\s*+(?:Bearer\s++)?+[\"']?+)[^&;#\s'\"]++", re.IGNORECASE
)
#: a host with its port, in small letters as hosts are written and access keys are not
_HOST_PORT: Final = re.compile(r"([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")
_SHORT_PARAMETER: Final = re.compile(r"([?&;](?:sig|key|pass|auth)=)[^&;#\s'\"]+", re.IGNORECASE)


def hide_parameters(text: str) -> str:
    """Mask the values of parameters whose names say that they are secret, wherever `text` repeats them."""
    return _SHORT_PARAMETER.sub(r"\1***", _SECRET_VALUE.sub(r"\1***", text))


def has_credentials(url: str) -> bool:
    """Whether `url` holds a user's password, a secret key or a token.

    `name@bucket`, a connection's id without a colon, is none.
    """
    plain = unquote(url.strip())
    if _PARAMETER.search(plain) or _SHORT_PARAMETER.search(plain):
        return True
    return has_password(url)


def has_password(url: str) -> bool:
    """Whether the part of `url` before its path holds a user's password or a secret key."""
    return any(_has_password(text) for text in (url.strip(), unquote(url.strip())))


def _has_password(url: str) -> bool:
    found = _AUTHORITY.match(url)
    if not found:
        return False
    authority, rest = found.groups()
    before, at, _ = authority.rpartition("@")
    if at:
        return ":" in before
    # With a slash in the secret, its `@` is in what looks like the path, and the colon is in the authority.
    return ":" in authority and "@" in rest and not _HOST_PORT.fullmatch(authority)
