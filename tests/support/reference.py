"""What pages of reference are made of: signatures and docstrings of operators, and comments of fields."""

from __future__ import annotations

import inspect
import re
import types
import typing
from datetime import timedelta

PACKAGE = "airflow_provider_binance_liq"
TEMPLATED = " ⓣ"


def described(kind):
    """The `:param` lines of a docstring: name → its text on one line."""
    text = inspect.cleandoc(kind.__doc__).partition("\n:raises")[0]
    found = re.findall(r"^:param (\w+): (.*?)(?=\n\n|\n:|\Z)", text, re.DOTALL | re.MULTILINE)
    return {name: " ".join(words.split()).rstrip(".") for name, words in found}


def own_classes(kind):
    """A class and what it inherits from in this package, itself first."""
    return [one for one in kind.__mro__ if one.__module__.startswith(PACKAGE)]


def parameters(kind):
    """What an operator's classes of this package take: name → parameter."""
    given = {}
    for one in own_classes(kind):
        if "__init__" in vars(one):
            given = {**inspect.signature(one.__init__).parameters, **given}
    return {name: one for name, one in given.items() if name not in {"self", "kwargs"}}


def shown_default(parameter):
    """A default as a page shows it; nothing where one has to be given."""
    default = parameter.default
    if default is parameter.empty:
        return ""
    if isinstance(default, timedelta):
        days, minutes = divmod(default // timedelta(minutes=1), 24 * 60)
        return f"{days} day{'s' * (days != 1)}" if days else f"{minutes} minute{'s' * (minutes != 1)}"
    if isinstance(default, float) and default.is_integer():
        return f"`{int(default)}`"
    if isinstance(default, frozenset | set | tuple | list):
        return ", ".join(f"`{one}`" for one in sorted(default)) or "none"
    return f"`{default}`"


def parameter_table(kind, links=()):
    """The table of an operator's parameters.

    :param links: phrase → target; the first of each phrase in the table becomes a link.
    """
    texts, taken = {}, parameters(kind)
    for one in own_classes(kind):
        texts |= {name: words for name, words in described(one).items() if name not in texts}
    assert set(texts) == set(taken), kind.__name__
    templated = set(kind.template_fields)
    rows = [
        f"| `{name}`{TEMPLATED if name in templated else ''} | {shown_default(taken[name])} | {texts[name]} |"
        for name in texts
    ]
    return linked("\n".join(["| parameter | default | what it is |", "|---|---|---|", *rows]), links)


def linked(text, links):
    """Make the first of each phrase a link: phrase → target."""
    for phrase, target in dict(links).items():
        assert phrase in text, phrase
        text = text.replace(phrase, f"[{phrase}]({target})", 1)
    return text


def field_notes(kind):
    """The `#:` comments before a class's fields: name → text on one line."""
    found, said = {}, []
    for line in map(str.strip, inspect.getsource(kind).splitlines()):
        if line.startswith("#:"):
            said.append(line.removeprefix("#:").strip())
        elif named := re.match(r"(\w+): ", line):
            if said:
                found[named[1]] = " ".join(said)
            said = []
        else:
            said = []
    return found


_WORDS = {str: "text", int: "whole number", bool: "true or false", dict: "object", tuple: "list"}


def type_in_words(hint):
    """What JSON has for a type of a field."""
    if typing.get_origin(hint) is typing.Annotated:
        return type_in_words(typing.get_args(hint)[0])
    if typing.get_origin(hint) in {typing.Union, types.UnionType}:
        kinds = [one for one in typing.get_args(hint) if one is not type(None)]
        more = " or null" if len(kinds) < len(typing.get_args(hint)) else ""
        return " or ".join(map(type_in_words, kinds)) + more
    if typing.get_origin(hint) is typing.Literal:
        return " or ".join(f"`{one}`" for one in typing.get_args(hint))
    if typing.get_origin(hint) in {tuple, dict}:
        return _WORDS[typing.get_origin(hint)]
    return _WORDS.get(hint, "object")
