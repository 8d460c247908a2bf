"""Words that many messages share: numbers with their noun, short texts, and what a wrong name could be."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def count(number: int, noun: str) -> str:
    """Write a number with its noun: `1 row`, `2,000 rows`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def shorten(text: str, longest: int) -> str:
    """Cut a text at a word, so that it has `longest` characters at most; its end then shows that."""
    if len(text) <= longest:
        return text
    cut = text[:longest]
    return f"{cut[: cut.rfind(' ')] if ' ' in cut else cut[:-1]}…"


def unknown(what: str, name: object, known: Iterable[str]) -> str:
    """Say that there is no `what` of this name, which ones there are, and which one was perhaps meant."""
    names = list(known)
    text = str(name)
    close = get_close_matches(text, names, n=1) or [one for one in names if text and one.startswith(text)][:1]
    meant = f" Did you mean {close[0]}?" if close else ""
    return f"unknown {what} {name!r}; choose one of {', '.join(names)}.{meant}"
