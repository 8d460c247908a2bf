"""Where the cell of a day is on the coverage page."""

from __future__ import annotations

from datetime import date

_EPOCH = date(1970, 1, 1)


def cell_of(page, history: int, day: str):
    """The cell of a day (`2026-11-15`) in the row of a history, by the history's place in the document."""
    number = (date.fromisoformat(day) - _EPOCH).days
    return page.locator(f'.line[data-history="{history}"] [data-day="{number}"]')


def style_of(locator, name: str, pseudo: str | None = None) -> str:
    script = "(one, [name, pseudo]) => getComputedStyle(one, pseudo).getPropertyValue(name)"
    return locator.evaluate(script, [name, pseudo])


def focused_day(page) -> str:
    return page.evaluate(
        "document.querySelector('binance-liq-coverage').shadowRoot.activeElement?.ariaLabel.slice(0, 10)"
    )


def drag(page, start, end) -> None:
    # Cells are made anew when Airflow has told which runs are at work; until then they may go at any moment.
    page.wait_for_load_state("networkidle")
    boxes = [one.bounding_box() for one in (start, end)]
    points = [(box["x"] + box["width"] / 2, box["y"] + box["height"] - 12) for box in boxes]
    page.mouse.move(*points[0])
    page.mouse.down()
    page.mouse.move(*points[1], steps=6)
    page.mouse.up()
