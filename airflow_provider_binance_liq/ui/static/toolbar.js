/* Above the grid: the sentence, the buttons, the filters and the legend. */

import { counted, grouped, instant, isDay } from "./days.js";
import { NO_FILTER, isFiltered } from "./address.js";
import { button, link, make, square } from "./elements.js";
import { STATES, firstLoss, headline, plainTitle } from "./states.js";

export function head({ coverage, shown, first, last, filters }, { clock, canRefresh, refresh, save, nextGap }) {
  const parts = shown.length ? headline(shown, first, last, clock) : [["No day matches the filters.", ""]];
  const gap = firstLoss(shown, first, last);
  return make("header", { class: "head" },
    make("div", { class: "said" },
      make("p", { class: "headline", id: "headline" }, parts.map(([text, tone]) => (tone ? make("span", { class: tone }, text) : text)),
        isFiltered(filters) ? make("small", {}, " In what the filters show.") : ""),
      make("p", { class: "quiet" }, `${coverage.destination} · as of ${instant(coverage.as_of)} · each cell is a UTC day of data`)),
    make("div", { class: "row-of" },
      gap ? button("Go to the first gap", nextGap, { class: "main" }) : "",
      button("Download CSV", save),
      canRefresh ? button("Refresh", refresh, { title: "List the lake again" }) : ""));
}

/** The sentence alone, where the page is one of many things. */
export const brief = ({ coverage, shown, first, last, clock }, server) => make("div", {},
  make("p", { class: "headline" }, headline(shown, first, last, clock).map(([text, tone]) => (tone ? make("span", { class: tone }, text) : text))),
  make("p", { class: "quiet" }, `${coverage.destination} · as of ${instant(coverage.as_of)} · `, link(server.pluginPage(), "Open the coverage")));

const choice = (label, name, value, options, change) =>
  make("label", {}, label, make("select", { name, change: (event) => change({ [name]: event.target.value }) },
    make("option", { value: "" }, "all"),
    options.map(([key, text]) => make("option", { value: key, selected: key === value }, text))));

/** A text and not a date picker, which would write days in the reader's locale. */
const dayField = (label, name, value, change) => {
  const field = make("input", { type: "text", name, value, placeholder: "YYYY-MM-DD", pattern: "\\d{4}-\\d{2}-\\d{2}", autocomplete: "off", inputmode: "numeric" });
  field.addEventListener("change", () => {
    const text = field.value.trim();
    field.setCustomValidity(text && !isDay(text) ? "A day as YYYY-MM-DD, such as 2026-11-27" : "");
    if (field.reportValidity()) change({ [name]: text });
  });
  return make("label", {}, label, field);
};

export function filterBar(histories, filters, change) {
  const accounts = [...new Set(histories.map((one) => one.account))].map((one) => [one, one]);
  const endpoints = [...new Map(histories.map((one) => [one.endpoint, plainTitle(one.title)]))];
  return make("div", { class: "row-of filters", role: "search", "aria-label": "Filters" },
    choice("Account", "account", filters.account, accounts, change),
    choice("Endpoint", "endpoint", filters.endpoint, endpoints, change),
    dayField("From", "from", filters.from, change),
    dayField("To", "to", filters.to, change),
    make("label", {}, make("input", {
      type: "checkbox", name: "missing", checked: filters.missing, change: (event) => change({ missing: event.target.checked }),
    }), "Missing only"),
    isFiltered(filters) ? button("Clear filters", () => change(NO_FILTER), { class: "plain" }) : "");
}

const key = (picture, text) => make("span", { class: "key" }, picture, text);

export function legend(counts, filters, { change, loadsKnown }) {
  const toggled = (letter) => (filters.state.includes(letter) ? filters.state.replace(letter, "") : filters.state + letter);
  return make("div", { class: "row-of legend", role: "group", "aria-label": "Legend; a button shows only the days of its state" },
    Object.entries(STATES).map(([letter, { name, words }]) => make("button", {
      type: "button", name: letter, "aria-pressed": String(filters.state.includes(letter)), title: `Show only: ${words}`,
      click: () => change({ state: toggled(letter) }),
    }, letter === "p" ? make("span", { class: "ramp" }, [1, 3, 5].map((step) => square(`s-p d${step}`))) : square(`s-${letter}`),
    name, make("b", {}, grouped(counts[letter])))),
    make("span", { class: "keys" },
      key(square("s-m s-urgent"), "under 7 days left"),
      key(square("s-n runs"), "running"),
      key(square("s-e caveat"), "caveat or unusual assumption"),
      loadsKnown ? key(square("s-e waits"), "not yet loaded") : null));
}

export function notices({ coverage }) {
  if (!coverage.unusable_count) return null;
  const rest = coverage.unusable_count - coverage.unusable.length;
  return make("details", { class: "notice failed-notice" },
    make("summary", {}, `${counted(coverage.unusable_count, "manifest")} cannot be used`),
    make("ul", {}, coverage.unusable.map((one) => make("li", {}, one)), rest > 0 ? make("li", {}, `and ${rest} more: see binance-liq verify`) : ""));
}

export const foot = ({ coverage }) => make("p", { class: "foot" },
  "A cell is the UTC day of the data. Airflow labels the run of a day by the end of its interval, which is the day after. "
  + `A day is due ${counted(coverage.settle_days, "day")} after its end. Hatched days are older than what the exchange keeps; the line before them `
  + "is dashed where Binance does not document how long it keeps rows. Bars above the cells are rows per day, on a logarithmic scale: a cascade leaves quiet days visible.");

/** A page without a grid: it says what is the case and what to do. */
export const blank = (title, text, ...actions) =>
  make("div", { class: "blank", role: "status" }, make("h2", {}, title), make("p", {}, text), actions);
