"""What an error tells, wherever it may be written down."""

from __future__ import annotations

import pickle
import traceback


def chain(error):
    """An error, and those that it came from."""
    seen = []
    while error is not None and error not in seen:
        seen.append(error)
        error = error.__cause__ or error.__context__
    return seen


def everything_said(error):
    """All texts of an error and of those that it came from, however they may be written down."""
    if error is None:
        return ""
    texts = [f"{part!s}\n{part!r}\n{part.args!r}\n{vars(part)!r}" for part in chain(error)]
    texts += traceback.format_exception(error)
    texts.append(pickle.dumps(error).decode("latin-1"))
    return "\n".join(texts)
