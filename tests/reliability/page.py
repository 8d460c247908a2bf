"""The page of what was measured: one row per fault, with all that differs between endpoints or places."""

from __future__ import annotations

from pathlib import Path

from matrix import BY_NUMBER, BY_TIME, OF_CLOCKS, PLACES, ROWS, VARIANTS, Case, observe, pages

from airflow_provider_binance_liq.core.endpoints import WITH_ORDERS

PAGE = Path(__file__).parents[2] / "docs/reliability.md"
_GROUPS = {"by time": BY_TIME, "by number": BY_NUMBER}


def cases():
    """Every case that the page tells of."""
    for name in VARIANTS:
        for endpoint in WITH_ORDERS:
            yield from (Case(endpoint, (name,), place) for place in PLACES)
            yield Case(endpoint, (name,), lasting=True)
    for name in OF_CLOCKS:
        yield from (Case(endpoint, (name,), clock=True) for endpoint in WITH_ORDERS)


def write():
    """Write the page anew."""
    PAGE.write_text(render(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


def render(text):
    """Fill in what was measured between the marks of the page."""
    for mark, table in {"numbers": _numbers(), "rows": _rows(), "clock": _clock()}.items():
        begin, end = f"<!-- {mark} -->\n", f"<!-- end of {mark} -->\n"
        before, rest = text.split(begin)
        text = f"{before}{begin}\n{table}\n\n{end}{rest.split(end)[1]}"
    return text


def _numbers():
    every = list(cases())
    seen = [observe(case) for case in every]
    kinds = len({VARIANTS[name].name for name in VARIANTS})
    complete, named = sum(s.exact for s in seen), sum(bool(s.error) for s in seen)
    wrong = sum(s.claimed and not s.exact for s in seen)
    return "\n".join(
        [
            "| measured | |",
            "|---|---|",
            f"| kinds of faults, and variants by code, status or wait | {kinds}, {len(VARIANTS)} |",
            f"| combinations of fault, endpoint and place, each followed by a rerun | {len(every)} |",
            f"| rows of the window | {ROWS} |",
            f"| requests without a fault | {_faultless()} |",
            f"| complete: the object is the truth, byte for byte | {complete} |",
            f"| failed with a specific error, with nothing at the destination | {named} |",
            f"| claimed complete while rows were missing | {wrong} |",
            f"| published, but not marked complete | {len(seen) - complete - named - wrong} |",
            f"| reruns that were complete | {sum(s.rerun.exact for s in seen)} |",
            f"| requests during a ban or a wait | {_total(seen, 'during_ban', 'during_hold')} |",
            f"| requests to another host | {_found(seen, 'elsewhere')} |",
            f"| keys, signatures or signed URLs in an error or a log | {_found(seen, 'leaks')} |",
        ]
    )


def _total(seen, *names):
    return sum(getattr(run, name) for one in seen for run in (one, one.rerun) for name in names)


def _found(seen, name):
    return sum(len(getattr(run, name)) for one in seen for run in (one, one.rerun))


def _faultless():
    return merged({endpoint: str(pages(endpoint)) for endpoint in WITH_ORDERS})


def _rows():
    lines = ["| fault | once, on the first, a middle or the last page | from the first page on, for ever |"]
    return "\n".join([*lines, "|---|---|---|", *(f"{once(name)} {_ever(name)} |" for name in VARIANTS)])


def once(name):
    """Begin a row with what a fault does that strikes once."""
    return f"| {_title(name)} | {merged({e: _places(e, name) for e in WITH_ORDERS})} |"


def _ever(name):
    return merged({e: shown(observe(Case(e, (name,), lasting=True))) for e in WITH_ORDERS})


def _clock():
    lines = ["| fault | once, on the request for the clock |", "|---|---|"]
    for name in OF_CLOCKS:
        cell = merged({e: shown(observe(Case(e, (name,), clock=True))) for e in WITH_ORDERS})
        lines.append(f"| {_title(name)} | {cell} |")
    return "\n".join(lines)


def _title(name):
    kind, _, fields = name.partition(" ")
    return f"`{kind}`{f' {fields}' if fields else ''}"


def shown(seen):
    """Show an outcome; an error's name in code font."""
    outcome, _, beyond = str(seen).rpartition(" ")
    return f"{f'`{outcome}`' if seen.error else outcome} {beyond}"


def _places(endpoint, name):
    cells = {place: shown(observe(Case(endpoint, (name,), place))) for place in PLACES}
    if len(set(cells.values())) == 1:
        return cells["first"]
    return ", ".join(f"{place} {cell}" for place, cell in cells.items())


def merged(cells):
    """Join the cells of all endpoints into one, each said once, with whom it is about."""
    about = {}
    for endpoint, cell in cells.items():
        about.setdefault(cell, []).append(endpoint)
    if len(about) == 1:
        return next(iter(about))
    return "<br>".join(f"{_who(endpoints)}: {cell}" for cell, endpoints in about.items())


def _who(endpoints):
    for name, members in _GROUPS.items():
        if endpoints == members:
            return name
    return ", ".join(f"`{endpoint}`" for endpoint in endpoints)
