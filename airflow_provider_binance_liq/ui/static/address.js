/* Filters, kept in the page's address: a link shows the next reader the same days. */

import { dayNumber, isDay } from "./days.js";
import { STATES, WANTING, lettersOf } from "./states.js";

export const NO_FILTER = { account: "", endpoint: "", state: "", missing: false, from: "", to: "" };
const PARAMETERS = [...Object.keys(NO_FILTER), "open", "history", "day"];

export const readFilters = (search) => {
  const query = new URLSearchParams(search);
  const one = (name) => query.get(name) ?? "";
  return {
    account: one("account"),
    endpoint: one("endpoint"),
    state: [...one("state")].filter((letter) => letter in STATES).join(""),
    missing: one("missing") === "1",
    from: isDay(one("from")) ? one("from") : "",
    to: isDay(one("to")) ? one("to") : "",
    // A task links to a day of its history.
    open: one("open") || one("history"),
    day: isDay(one("day")) ? one("day") : "",
  };
};

/** The host's router owns the address: its state and every parameter that is not ours stay as they are. */
export function writeFilters(filters) {
  const url = new URL(window.location.href);
  for (const name of PARAMETERS) {
    const value = filters[name] === true ? "1" : filters[name];
    if (value) url.searchParams.set(name, value);
    else url.searchParams.delete(name);
  }
  try {
    window.history.replaceState(window.history.state, "", url);
  } catch {
    // A page that was opened as a file may not be allowed to: its filters then last as long as it is open.
  }
}

export const isFiltered = (filters) => Object.keys(NO_FILTER).some((name) => filters[name]);

/** Whether days of this state are asked for. */
export const wantsState = (filters) => (letter) =>
  (!filters.state || filters.state.includes(letter)) && (!filters.missing || WANTING.includes(letter));

/** The histories and the days that the filters leave. */
export function select(histories, filters) {
  const wanted = wantsState(filters);
  const ends = { first: Math.min(...histories.map((one) => one.first)), last: Math.max(...histories.map((one) => one.last)) };
  const first = filters.from ? Math.max(ends.first, dayNumber(filters.from)) : ends.first;
  const last = filters.to ? Math.min(ends.last, dayNumber(filters.to)) : ends.last;
  const shown = histories.filter((one) => {
    if (filters.account && one.account !== filters.account) return false;
    if (filters.endpoint && one.endpoint !== filters.endpoint) return false;
    return [...lettersOf(one, first, last)].some(wanted);
  });
  return { shown, first, last, wanted };
}
