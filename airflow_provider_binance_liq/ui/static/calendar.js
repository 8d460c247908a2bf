/* One history as calendars, a year each: a column is a week, a row is a weekday, the newest year is first. */

import { DAY_MS, WEEKDAYS, counted, dayName, duration, grouped, instant, weekday } from "./days.js";
import { button, make, outside, square, terms, withNames } from "./elements.js";
import { STATES, countDays } from "./states.js";
import { cellHtml, exactly, retentionInWords, withoutAmount } from "./strip.js";

const startOfYear = (year) => Date.UTC(year, 0, 1) / DAY_MS;
const yearOf = (day) => new Date(day * DAY_MS).getUTCFullYear();

/** The days of one weekday in a year, each in the column of its week. */
function weekdayRow(history, view, { first, last, monday }, row) {
  const line = make("div", { role: "row", "aria-rowindex": row + 2 },
    make("span", { class: "day", role: "rowheader", style: `grid-area:${row + 2}/1`, "aria-colindex": 1 }, WEEKDAYS[row].slice(0, 3)));
  let html = "";
  for (let day = monday + row; day <= last; day += 7) {
    const column = (day - row - monday) / 7 + 2;
    if (day >= first) html += cellHtml(history, day, view, column).replace("<span", `<span data-column="${column}"`);
  }
  line.insertAdjacentHTML("beforeend", html);
  for (const cell of line.querySelectorAll(".c")) cell.style.gridArea = `${row + 2}/${cell.dataset.column}`;
  return line;
}

function monthNames({ first, last, monday }) {
  const names = [];
  for (let day = first; day <= last; day += 1) {
    const name = dayName(day);
    if (!name.endsWith("-01") && day !== first) continue;
    const column = Math.floor((day - monday) / 7) + 2;
    // A week that two months share has the name of the later one.
    const month = dayName(Math.min(last, monday + 7 * column - 8)).slice(5, 7);
    names.push(make("span", {
      role: "columnheader", style: `grid-area:1/${column};white-space:nowrap`, "aria-colindex": column,
    }, make("span", { class: "hidden-words" }, name.slice(0, 7)),
    make("span", { "aria-hidden": "true" }, names.length && column === 2 ? "" : month)));
  }
  return make("div", { role: "row", "aria-rowindex": 1 },
    make("span", { role: "columnheader", style: "grid-area:1/1", "aria-colindex": 1 }, make("span", { class: "hidden-words" }, "Weekday")), names);
}

function calendarOf(year, history, view) {
  const first = Math.max(startOfYear(year), history.first, view.first);
  const last = Math.min(startOfYear(year + 1) - 1, history.last, view.last);
  const range = { first, last, monday: first - weekday(first) };
  const grid = make("div", { class: "weeks", role: "grid", "aria-label": `${history.label}, ${year}: weekdays by weeks`, "aria-multiselectable": "true" },
    monthNames(range), WEEKDAYS.map((_, row) => weekdayRow(history, view, range, row)));
  grid.querySelector(".c")?.setAttribute("tabindex", "0");
  return make("div", { class: "year" }, make("h3", {}, String(year)), grid);
}

function facts(history, view, chooseWanting) {
  const counts = countDays([history], view.first, view.last);
  const gap = history.oldest_gap;
  const wanting = counts.m + counts.u + counts.h;
  return make("div", { class: "facts" },
    terms([
      ["Filter", history.filter],
      ["Retention", retentionInWords(history)],
      ["Documentation", history.docs_url ? outside(history.docs_url, new URL(history.docs_url).host) : ""],
      ["Kept from", instant(history.kept_from)],
      ["First gap", gap ? instant(gap.start) : "none"],
      ["Can be extracted until", gap ? `${instant(gap.recoverable_until)} (${duration(Date.parse(gap.recoverable_until) - view.clock)})` : ""],
      ["Notional, all days", [...exactly(history.notional), withoutAmount(history)].filter(Boolean).join(", ")],
      ["Loaded", history.loads_since ? "" : "not known: no load has left a receipt, and those into clouds leave none"],
      ["Assumed for most days", history.assumed?.length ? make("ul", { class: "plain-list" }, history.assumed.map((one) => make("li", { title: one.code }, withNames(one.sentence)))) : ""],
    ]),
    make("div", { class: "row-of tally" }, Object.entries(STATES).filter(([letter]) => counts[letter])
      .map(([letter, { name }]) => make("span", {}, square(`s-${letter}`), `${grouped(counts[letter])} ${name}`))),
    wanting ? button(`Choose the ${counted(wanting, "day")} to extract`, () => chooseWanting(history)) : null);
}

/** The calendars of an opened row, with what is known of its history beside them. */
export function calendar(history, view, chooseWanting) {
  const years = [];
  const last = yearOf(Math.min(history.last, view.last));
  for (let year = last; year >= yearOf(Math.max(history.first, view.first)); year -= 1) years.push(calendarOf(year, history, view));
  return make("div", { style: "display:contents", "data-history": history.index },
    make("h2", {}, `${history.label} by weekday`), make("div", { class: "years" }, years), facts(history, view, chooseWanting));
}
