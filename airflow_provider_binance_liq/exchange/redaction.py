"""No text that leaves the client has its key, a signature or a signed URL in it, whatever an answer echoes.

A text is redacted before it is cut: a cut text may still have most of a key in it. And since other code cuts
texts too, pieces of a secret are removed as well as the whole.
"""

from __future__ import annotations

import logging
import re
from collections import deque
from typing import Final
from urllib.parse import unquote

#: so many characters in a row are not those of a secret by chance
_PIECE: Final = 8
_MASK: Final = "***"
#: attempts whose signatures are remembered
_ATTEMPTS: Final = 8
_SIGNATURE: Final = re.compile(r"(signature=)[^&\s'\"]+")
#: longer texts are cut: an error shows far less of an answer
_LONGEST: Final = 64 * 1024


class Redactor:
    """Removes one client's secrets from texts."""

    def __init__(self, api_key: str) -> None:
        self._key = api_key
        #: of the last attempts, since an answer may echo an earlier one
        self._signatures: deque[str] = deque(maxlen=2 * _ATTEMPTS)
        self._pieces: frozenset[str] | None = None

    def hide_signature(self, encoded: str) -> None:
        """Hide the signature of the current attempt, as it is and as it is sent."""
        self._signatures.extend((encoded, unquote(encoded)))
        self._pieces = None

    @property
    def _secrets(self) -> tuple[str, ...]:
        return (self._key, *self._signatures)

    def __call__(self, text: str) -> str:
        """Return the text without secrets."""
        text = text[:_LONGEST]
        for secret in self._secrets:
            text = _without(secret, text)
        return _SIGNATURE.sub(rf"\1{_MASK}", self._without_pieces(text))

    def _without_pieces(self, text: str) -> str:
        if self._pieces is None:
            # Of a short secret, a piece could be a word.
            self._pieces = frozenset(
                secret[at : at + _PIECE]
                for secret in self._secrets
                if len(secret) >= 2 * _PIECE
                for at in range(len(secret) - _PIECE + 1)
            )
        kept, at = [], 0
        while at < len(text):
            end = self._end_of_piece(text, at)
            kept.append(_MASK if end > at else text[at])
            at = max(end, at + 1)
        return "".join(kept)

    def _end_of_piece(self, text: str, at: int) -> int:
        """Return where a run of a secret's characters that begins at `at` ends; `at` where there is none."""
        pieces = self._pieces or frozenset()
        if text[at : at + _PIECE] not in pieces:
            return at
        end = at + _PIECE
        while text[end - _PIECE + 1 : end + 1] in pieces:
            end += 1
        return end


def _without(secret: str, text: str) -> str:
    """Remove a secret from anywhere; one of a few characters, which no real key is, where it is a word."""
    if len(secret) >= _PIECE:
        return text.replace(secret, _MASK)
    return re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", _MASK, text)


class _HideSignatures(logging.Filter):
    """urllib3 logs URLs: of every request at DEBUG, and with a warning about broken headers."""

    def filter(self, record: logging.LogRecord) -> bool:
        if "signature=" in (message := record.getMessage()):
            # A header that cannot be parsed may echo the URL; the traceback repeats it.
            record.msg = _SIGNATURE.sub(rf"\1{_MASK}", message.partition(", unparsed data")[0])
            record.args = record.exc_info = record.exc_text = None
        return True


_hide_signatures: Final = _HideSignatures()


def hide_in_logs() -> None:
    """Keep signatures out of urllib3's logs."""
    for name in ("connection", "connectionpool", "poolmanager", "util.retry"):
        logging.getLogger(f"urllib3.{name}").addFilter(_hide_signatures)
