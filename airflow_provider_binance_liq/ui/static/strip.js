/* The grid: a row per account and endpoint, a cell per UTC day. Cells are made as they come into view, a month at a
   time: two years of eighteen histories are 13,140 cells, of which a screen shows a tenth. */

import { DAY_MS, amounts, counted, dayName, grouped, shortDuration, weekday } from "./days.js";
import { cellClasses, escaped, make } from "./elements.js";
import { RECOVERABLE, URGENT_DAYS, cellName, countDays, depth, isUrgent, stateOf } from "./states.js";

const BAR = 30;
/** Days beside the retention that fit the width as well: a screen then shows all that can be extracted. */
const BESIDE = 3;
/** Of the column of names, with the edges of the grid. */
const NAMES = 272;
/** How far beside the view cells are made already. */
const MARGIN = 240;

/** One cell as HTML. `view` has the clock, the runs at work, the filter of states, and whether a day is chosen. */
export function cellHtml(history, day, view, column) {
  const letter = stateOf(history, day);
  if (letter === undefined) return `<span class="c none" role="gridcell"${column ? ` aria-colindex="${column}"` : ""}></span>`;
  const rows = history.rows[day - history.first];
  const running = view.atWork[history.index]?.get(day);
  const { cell, box } = cellClasses(letter, history.flags[day - history.first], {
    rows, step: depth(rows), running, urgent: isUrgent(history, day, view.clock), aside: !view.wanted(letter),
  });
  const bar = rows ? ` style="--bar-height:${Math.round((BAR * Math.log1p(rows)) / Math.log1p(history.most))}px"` : "";
  const name = escaped(cellName(history, day, { clock: view.clock, running }));
  const place = column ? ` aria-colindex="${column}"` : "";
  return `<span class="${cell}" role="gridcell" tabindex="-1" data-day="${day}"${place} aria-selected="${view.isChosen(history, day)}"`
    + ` aria-label="${name}"${bar}><span class="${box}">${cell.includes("waits") ? "<i></i>" : ""}</span></span>`;
}

/** [first day, last day] of each month from one day to another. */
function months(first, last) {
  const found = [];
  for (let day = first; day <= last;) {
    const date = new Date(day * DAY_MS);
    const next = Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1) / DAY_MS;
    found.push([day, Math.min(last, next - 1)]);
    day = next;
  }
  return found;
}

/** How wide a day is, in pixels: all that can be extracted is in view if the page is wide enough. */
export function widthOfDay(view, width) {
  if (width < 720) return 16;
  const kept = Math.max(...view.shown.map((one) => one.retention.days), 7) + BESIDE;
  return Math.max(11, Math.min(22, Math.floor((width - NAMES) / Math.min(kept, view.last - view.first + 1))));
}

/** Mondays carry their day of the month, for whoever counts weeks; where there is less than a week, its first day. */
function axisMonth([first, last], column, wide, alone) {
  const ticks = [];
  for (let day = first; day <= last; day += 1) {
    if (alone && last - first < 7 ? day === first : weekday(day) === 0) ticks.push(make("span", { class: "tick", style: `left:${(day - first) * wide}px` }, dayName(day).slice(8)));
  }
  const name = make("b", { class: alone || (last - first + 1) * wide > 48 ? null : "hidden-words" }, dayName(first).slice(0, 7));
  return make("div", {
    class: "month", role: "columnheader", style: `width:${(last - first + 1) * wide}px`, "aria-colindex": column, "aria-colspan": last - first + 1,
  }, name, make("span", { "aria-hidden": "true" }, ticks));
}

const SOURCES = {
  documented: "documented by Binance", assumed: "assumed: Binance does not document it", configured: "as configured",
};

/** Rows that are in none of the sums, so that no sum passes for all. */
export const withoutAmount = ({ rows_without_amount: rows }) => (rows ? `amounts of ${counted(rows, "row")} are not recorded` : "");

const worthInWords = (history, money) =>
  (money ? `${history.rows_without_amount ? "≥ " : ""}${money}` : history.rows_without_amount ? "amounts not recorded" : "");

export const exactly = (notional) => Object.entries(notional).map(([unit, amount]) => `${grouped(amount)} ${unit}`);

export const retentionInWords = ({ retention }) => `kept ${retention.days} days, ${SOURCES[retention.source]}`;

export class Strip {
  constructor(view, handlers, width) {
    this.view = view;
    this.wide = widthOfDay(view, width);
    this.handlers = handlers;
    this.months = months(view.first, view.last);
    this.element = make("div", { class: "scroller" }, this.#grid());
    this.element.addEventListener("scroll", () => this.#later(), { passive: true });
  }

  #grid() {
    const { shown, first, last } = this.view;
    const axis = make("div", { class: "line axis", role: "row", "aria-rowindex": 1 },
      make("div", { class: "name", role: "columnheader", "aria-colindex": 1 }, "Account, endpoint, what is missing, rows"),
      make("div", { class: "track", role: "none" }, this.months.map((month) => axisMonth(month, month[0] - first + 2, this.wide, this.months.length === 1))));
    this.lines = new Map(shown.map((history, index) => [history.index, this.#line(history, index + 2)]));
    return make("div", {
      class: "days", role: "grid", style: `--w:${this.wide}px;--gap:${this.wide < 15 ? 1 : 2}px`, "aria-label": "Days by account and endpoint, in UTC", "aria-multiselectable": "true",
      "aria-rowcount": shown.length + 1, "aria-colcount": last - first + 2,
    }, axis, [...this.lines.values()]);
  }

  #line(history, rowIndex) {
    const { first, last, clock } = this.view;
    const tracks = this.months.map(([start, end]) => make("div", {
      class: "month", role: "none", "data-start": start, "data-end": end, style: `width:${(end - start + 1) * this.wide}px`,
    }));
    const kept = (clock / DAY_MS - history.retention.days - first) * this.wide;
    const marks = kept > 0 && kept < (last - first + 1) * this.wide ? this.#kept(history, kept) : [];
    const id = `name-${history.index}`;
    return make("div", { class: "line", role: "row", "data-history": history.index, "aria-rowindex": rowIndex },
      make("div", { class: "name", role: "rowheader", "aria-colindex": 1 },
        make("button", {
          type: "button", id, "aria-expanded": "false", title: `${history.label}, ${retentionInWords(history)}`, click: () => this.handlers.open(history),
        }, make("span", { class: "turn", "aria-hidden": "true" }, "›"), make("span", {}, history.label)),
        this.#sums(history)),
      make("div", { class: "track", role: "none" }, tracks, marks));
  }

  #kept(history, x) {
    const left = x + 8;
    const assumed = history.retention.source === "assumed" ? " assumed" : "";
    return [make("span", { class: "gone", role: "none", style: `width:${left}px` }),
      make("span", { class: `kept${assumed}`, role: "none", style: `left:${left}px` },
        make("span", { "aria-hidden": "true" }, `kept ${history.retention.days} d, ${history.retention.source}`))];
  }

  #sums(history) {
    const { first, last, clock } = this.view;
    const counts = countDays([history], first, last);
    const days = [...RECOVERABLE].reduce((sum, letter) => sum + counts[letter], 0);
    const gap = history.oldest_gap;
    const left = gap ? Date.parse(gap.recoverable_until) - clock : 0;
    const tone = left < URGENT_DAYS * DAY_MS ? "urgent" : "wanting";
    const rows = history.rows.slice(Math.max(0, first - history.first), last - history.first + 1).reduce((sum, one) => sum + one, 0);
    // Amounts are of all days, so beside the rows of some they would mislead.
    const whole = first <= history.first && last >= history.last;
    const money = whole ? worthInWords(history, amounts(history.notional)) : "";
    const calm = counts.l ? `nothing to extract, ${grouped(counts.l)} lost`
      : `nothing missing since ${dayName(Math.max(first, history.first))}`;
    return [
      days && gap ? make("small", { class: tone }, make("b", {}, counted(days, "day")), ` to extract, ${shortDuration(left)} left`)
        : make("small", { class: counts.f ? "failed" : counts.l ? null : "well" }, counts.f ? `${grouped(counts.f)} failed verification` : calm),
      make("small", { title: [counted(rows, "row"), ...exactly(history.notional), withoutAmount(history)].filter(Boolean).join(", ") },
        `${history.filter ? `${history.filter} · ` : ""}${counted(rows, "row")}${money ? ` · ${money}` : ""}`),
    ];
  }

  /** Make the cells of the months in view; the rest of a row is as wide as it will be. */
  fill() {
    const { scrollLeft, scrollTop, clientWidth, clientHeight } = this.element;
    const from = scrollLeft - MARGIN;
    const to = scrollLeft + clientWidth + MARGIN;
    let left = null;
    for (const line of this.lines.values()) {
      if (line.offsetTop > scrollTop + clientHeight + MARGIN || line.offsetTop + line.offsetHeight < scrollTop - MARGIN) continue;
      left ??= line.querySelector(".month")?.offsetLeft ?? 0;
      let x = left;
      for (const month of line.querySelectorAll(".month")) {
        const width = (month.dataset.end - month.dataset.start + 1) * this.wide;
        if (!month.firstChild && x + width > from && x < to) this.#fillMonth(line, month);
        x += width;
      }
    }
  }

  #fillMonth(line, month) {
    const history = this.view.histories[line.dataset.history];
    let html = "";
    for (let day = Number(month.dataset.start); day <= Number(month.dataset.end); day += 1) {
      html += cellHtml(history, day, this.view, day - this.view.first + 2);
    }
    month.innerHTML = html;
  }

  #later() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.fill();
    });
  }

  /** The newest days are what a reader came for. */
  start() {
    this.element.scrollLeft = this.element.scrollWidth;
    this.fill();
    this.element.querySelector(".c:not(.none)")?.setAttribute("tabindex", "0");
    const rows = [...this.lines.values()];
    const last = rows[0]?.querySelectorAll(".c:not(.none)");
    if (last?.length) this.rove(last[last.length - 1]);
  }

  rove(cell) {
    for (const one of this.element.querySelectorAll('.days > .line .c[tabindex="0"]')) one.setAttribute("tabindex", "-1");
    cell.setAttribute("tabindex", "0");
  }

  cell(history, day) {
    const line = this.lines.get(history.index);
    const month = [...(line?.querySelectorAll(".month") ?? [])].find((one) => Number(one.dataset.end) >= day);
    if (!month || day < this.view.first) return null;
    if (!month.firstChild) this.#fillMonth(line, month);
    return month.querySelector(`[data-day="${day}"]`);
  }

  focus(history, day) {
    const cell = this.cell(history, day);
    if (!cell) return;
    this.rove(cell);
    cell.focus({ preventScroll: true });
    cell.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  /** Write the cells of some rows anew: runs began or ended, or days were chosen. */
  renew(indexes) {
    const focused = this.element.getRootNode().activeElement?.closest?.(".line .month .c");
    const back = focused && [focused.closest(".line").dataset.history, Number(focused.dataset.day)];
    for (const index of indexes) {
      const line = this.lines.get(index);
      for (const month of line?.querySelectorAll(".month") ?? []) if (month.firstChild) this.#fillMonth(line, month);
    }
    if (back && indexes.includes(Number(back[0]))) this.focus(this.view.histories[back[0]], back[1]);
    else if (!this.element.querySelector('.c[tabindex="0"]')) this.element.querySelector(".c:not(.none)")?.setAttribute("tabindex", "0");
  }

  open(history, calendar) {
    const line = this.lines.get(history.index);
    line.querySelector("button").setAttribute("aria-expanded", "true");
    line.after(make("div", { class: "opened", role: "row" }, make("div", { role: "gridcell", "aria-colspan": this.view.last - this.view.first + 2 }, calendar)));
  }

  close() {
    this.element.querySelector(".opened")?.remove();
    this.element.querySelector('[aria-expanded="true"]')?.setAttribute("aria-expanded", "false");
  }
}

