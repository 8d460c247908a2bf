"""What the rows of one full page show, without asking: order, edges, and where rows were left out."""

from __future__ import annotations

import pytest

from airflow_provider_binance_liq.core.paging import PageQuery
from airflow_provider_binance_liq.core.paging.blocks import (
    Block,
    crowded_instant,
    edge_inside,
    lacks_known,
    likely_side,
    sides,
    sorted_by,
    unseen,
)
from airflow_provider_binance_liq.core.rows import Page, Row

BOTH = {"created", "updated"}


def row(created, updated=None, number=None):
    updated = created if updated is None else updated
    return Row((number if number is not None else created * 1000 + updated,), created, updated, b"")


def page(*rows):
    return Page(rows)


#: created from 10 to 20, updated from 12 to 29
BLOCK = Block(page(row(10, 12), row(15, 29), row(20, 21)))


@pytest.mark.parametrize(
    ("one", "inside"),
    [
        (row(10, 12), set()),
        (row(20, 29), set()),
        (row(11, 12), {"created"}),
        (row(10, 13), {"updated"}),
        (row(19, 28), BOTH),
    ],
)
def test_a_row_lies_around_in_a_block_strictly_between_its_edges(one, inside):
    assert BLOCK.around(one) == inside


@pytest.mark.parametrize(
    ("side", "one", "inside"),
    [
        ("forward", row(19, 28), BOTH),
        ("forward", row(20, 28), {"updated"}),
        ("forward", row(19, 29), {"created"}),
        ("backward", row(11, 13), BOTH),
        ("backward", row(10, 13), {"updated"}),
        ("backward", row(11, 12), {"created"}),
    ],
)
def test_a_row_at_an_edge_is_not_before_it(side, one, inside):
    assert BLOCK.before_edge(side, one) == inside


@pytest.mark.parametrize(
    ("side", "one", "passed"),
    [
        ("forward", row(11, 13), True),
        ("forward", row(10, 13), False),
        ("forward", row(11, 12), False),
        ("backward", row(19, 28), True),
        ("backward", row(20, 28), False),
        ("backward", row(19, 29), False),
    ],
)
def test_a_row_has_passed_the_far_edge_if_every_instant_that_counts_has(side, one, passed):
    assert BLOCK.is_passed(side, one, BOTH) == passed


def test_a_row_is_unseen_by_its_key():
    assert unseen(page(row(1), row(2), row(3)), page(row(2))) == [row(1), row(3)]


@pytest.mark.parametrize(
    ("known", "lacks"),
    [
        (row(10, 20), True),
        (row(20, 10), True),
        (row(9, 20), False),
        (row(10, 21), False),
        (row(20, 9), False),
        (row(21, 10), False),
        (row(15), False),
    ],
)
def test_a_known_row_is_missed_if_both_of_its_instants_lie_in_what_was_asked(known, lacks):
    assert lacks_known(Page((row(15),)), [known], PageQuery(10, 20)) == lacks


def test_the_side_that_is_known_or_forward_is_tried_first():
    assert sides("backward") == ("backward", "forward")
    assert sides("forward") == sides(None) == ("forward", "backward")


@pytest.mark.parametrize(
    ("first", "last", "side"), [(40, 61, "backward"), (40, 60, "forward"), (39, 60, "forward")]
)
def test_rows_were_likely_left_out_where_more_time_is_left(first, last, side):
    assert likely_side(PageQuery(0, 100), Page((row(last, 99), row(first, 99), row(50)))) == side


@pytest.mark.parametrize(
    ("rows", "order"),
    [
        ([row(1, 5), row(2, 5), row(3, 6)], "either"),
        ([row(3, 6), row(2, 5), row(2, 5)], "either"),
        ([row(1, 5), row(2, 7), row(3, 6)], "created"),
        ([row(3, 9), row(1, 8), row(2, 8)], "updated"),
        ([row(3, 9), row(1, 8), row(2, 10)], None),
    ],
)
def test_rows_are_in_the_order_of_an_instant_up_or_down(rows, order):
    assert sorted_by(page(*rows)) == order


#: created in steps of 10, each updated 5 later, but for the first one, which was updated last
STEPS = page(row(0, 99), *(row(at, at + 5) for at in range(10, 100, 10)))


@pytest.mark.parametrize(
    ("side", "exact", "slack_rows", "edge"),
    [
        ("forward", "created", 2, 70),
        ("forward", "updated", 2, 85),
        ("forward", None, 2, 70),
        ("backward", "created", 2, 20),
        ("backward", "updated", 2, 35),
        ("backward", None, 2, 35),
        ("forward", "created", 0, 80),
    ],
)
def test_beyond_a_block_some_of_its_rows_are_asked_for_again_under_whichever_instant_may_count(
    side, exact, slack_rows, edge
):
    assert edge_inside(side, STEPS, exact, slack_rows) == edge


def test_rows_at_the_edge_itself_do_not_count_as_asked_for_again_unless_there_are_no_others():
    assert edge_inside("forward", page(row(7), *[row(9, 9, n) for n in range(5)]), "created", 2) == 7
    assert edge_inside("forward", page(*[row(9, 9, n) for n in range(5)]), "created", 2) == 9


@pytest.mark.parametrize(
    ("rows", "counting", "crowded"),
    [
        ([row(7, 7), row(8, 8), row(8, 9)], BOTH, 8),
        ([row(6, 9), row(7, 9), row(8, 9)], BOTH, 9),
        ([row(6, 9), row(7, 9), row(8, 9)], {"created"}, None),
        ([row(7, 7), row(7, 8), row(8, 8), row(8, 9)], BOTH, None),
    ],
)
def test_a_millisecond_is_crowded_if_more_than_half_of_the_rows_share_it_by_an_instant_that_counts(
    rows, counting, crowded
):
    assert crowded_instant(rows, counting) == crowded
