"""Products of many factors: the quick suite runs a part that covers them, the slow tests run the rest."""

from __future__ import annotations

from itertools import combinations, product

import pytest

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS


def covering(names, *factors, together=1, also=lambda *_: False, indirect=()):
    """Parametrise over a product; all of it but a covering part is marked `slow`.

    :param names: of the parameters, parted by commas, as `pytest.mark.parametrize` has them.
    :param factors: the values of each parameter; for ids, a mapping from names to values.
    :param together: of how many factors every combination of values is covered: 1 has each value once,
        2 has each pair of values.
    :param also: whether the quick suite runs a combination in any case.
    :param indirect: the names that are fixtures, as `pytest.mark.parametrize` has them.
    """
    named = [_named(values) for values in factors]
    sizes = [range(len(values)) for values in named]
    quick = _cover(list(product(*sizes)), together)
    cases = []
    for chosen in product(*sizes):
        ids, values = zip(*(named[at][index] for at, index in enumerate(chosen)), strict=True)
        marks = () if chosen in quick or also(*values) else pytest.mark.slow
        cases.append(pytest.param(*values, id="-".join(ids), marks=marks))
    return pytest.mark.parametrize(names, cases, indirect=indirect)


def one_of_each_paging(endpoints):
    """Parametrise over `endpoint`; the quick suite runs the first of each kind of paging."""
    first = {ENDPOINTS[name].is_by_time: name for name in reversed(endpoints)}
    return pytest.mark.parametrize(
        "endpoint",
        [
            name if name in first.values() else pytest.param(name, marks=pytest.mark.slow)
            for name in endpoints
        ],
    )


def _named(values):
    if isinstance(values, dict):
        return list(values.items())
    return [(str(value), value) for value in values]


def _cover(cases, together):
    """Choose cases until each combination of so many values is in one: the one with most that lack first."""
    lacking = {part for case in cases for part in _parts(case, together)}
    chosen = set()
    while lacking:
        best = max(cases, key=lambda case: len(lacking.intersection(_parts(case, together))))
        chosen.add(best)
        lacking.difference_update(_parts(best, together))
    return chosen


def _parts(case, together):
    return set(combinations(enumerate(case), together))
