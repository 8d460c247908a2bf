/* What each day is: the states of the coverage document in words, counts and CSV. No element is made here. */

import { DAY_MS, counted, dayName, dayNumber, duration, grouped, weekdayName } from "./days.js";

/** Days that can be extracted are shown sharper once fewer days than this are left. */
export const URGENT_DAYS = 7;

export const CAVEAT = 1;
export const NOT_LOADED = 2;
export const AGAIN = 4;
export const LOAD_UNKNOWN = 8;
export const UNUSABLE = 16;

/** In the order of the legend. `name` is the short name; `words` says what it means, in a sentence about a day. */
export const STATES = {
  m: { name: "missing", words: "missing: no window covers it" },
  u: { name: "not proven", words: "extracted, but not proven complete" },
  h: { name: "partly covered", words: "partly covered: some of it is proven, the rest is missing" },
  f: { name: "failed verification", words: "failed verification: a manifest cannot be used, or its object does not match it" },
  l: { name: "lost", words: "lost: not proven, and older than what the exchange keeps" },
  p: { name: "proven", words: "proven complete" },
  e: { name: "proven empty", words: "proven complete, without a row" },
  n: { name: "not due", words: "not due: not over yet, or too young for its rows to have settled" },
};

/** What a backfill can still mend. A day that failed verification is mended in the same way, if it is not too old. */
export const RECOVERABLE = "muh";
export const WANTING = "muhf";

export const stateOf = (history, day) => history.states[day - history.first];

/** Time left until the exchange deletes the first instant of a day, in milliseconds; negative if it has. */
export const timeLeft = (history, day, clock) => (day + history.retention.days) * DAY_MS - clock;

export const isUrgent = (history, day, clock) =>
  RECOVERABLE.includes(stateOf(history, day)) && timeLeft(history, day, clock) < URGENT_DAYS * DAY_MS;

export const isFetchable = (history, day, clock) =>
  "muhfpe".includes(stateOf(history, day)) && timeLeft(history, day, clock) > 0;

/** 1 to 5: one step per power of ten, so a cascade and a quiet day can be told apart in one row. */
export const depth = (rows) => Math.min(5, 1 + Math.floor(Math.log10(Math.max(1, rows))));

/** Few fonts have the letter in a circle of USDⓈ-M. */
export const plainTitle = (title) => title.replace("\u24c8", "S");

/** A document's histories with numbers in place of dates, ready to be asked by day. */
export function readHistories(coverage) {
  return coverage.histories.map((one, index) => {
    const first = dayNumber(one.first_day);
    const most = one.rows.reduce((found, rows) => Math.max(found, rows), 1);
    return { ...one, index, first, last: first + one.states.length - 1, most, label: `${one.account} · ${plainTitle(one.title)}` };
  });
}

/** A day in words, as sentences: a tooltip's lines and a cell's name. */
export function sentences(history, day, { clock, running }) {
  const letter = stateOf(history, day);
  const at = day - history.first;
  const found = [letter === "p" ? `proven complete, ${counted(history.rows[at], "row")}` : STATES[letter].words];
  if (letter !== "p" && history.rows[at]) found.push(counted(history.rows[at], "row"));
  if (WANTING.includes(letter)) {
    const left = timeLeft(history, day, clock);
    found.push(left > 0 ? `can be extracted for ${duration(left)}` : "the exchange keeps it no longer");
  }
  const flags = history.flags[at];
  if (flags & CAVEAT) found.push("has a caveat, or rests on an assumption that other days do not");
  if (flags & NOT_LOADED) found.push("in the lake, not yet loaded");
  if (flags & UNUSABLE) found.push("a manifest of it cannot be used: restore it from a backup");
  if (flags & AGAIN) found.push("extracted more than once");
  if (running) found.push(`a run is ${running} now`);
  return found;
}

export const cellName = (history, day, context) =>
  `${dayName(day)}, ${weekdayName(day)}: ${sentences(history, day, context).join("; ")}`;

/** The states of a history's days in what is shown. */
export const lettersOf = (one, first, last) => one.states.slice(Math.max(0, first - one.first), Math.max(0, last - one.first + 1));

/** How many days of each state there are, in what is shown. */
export function countDays(histories, first, last) {
  const counts = Object.fromEntries(Object.keys(STATES).map((letter) => [letter, 0]));
  for (const one of histories) {
    for (const letter of lettersOf(one, first, last)) counts[letter] += 1;
  }
  return counts;
}

/** Of the days from `first` to `last`, the one that is lost first: its history, and until when it can be extracted. */
export function firstLoss(histories, first, last) {
  const found = histories.flatMap((history) => {
    const low = Math.max(first, history.first);
    const at = [...lettersOf(history, low, last)].findIndex((letter) => RECOVERABLE.includes(letter));
    if (at < 0) return [];
    const day = low + at;
    const gap = history.oldest_gap;
    const until = gap && dayNumber(gap.start) === day ? Date.parse(gap.recoverable_until) : (day + history.retention.days) * DAY_MS;
    return [{ history, day, until }];
  });
  return found.sort((a, b) => a.until - b.until)[0] ?? null;
}

/** The one sentence on top, in parts: [text, tone]. */
export function headline(histories, first, last, clock) {
  const counts = countDays(histories, first, last);
  const recoverable = [...RECOVERABLE].reduce((sum, letter) => sum + counts[letter], 0);
  const parts = [];
  if (recoverable) {
    const verb = recoverable === 1 ? "is" : "are";
    const what = recoverable === counts.m ? "missing" : counts.m ? "missing or not proven" : "not proven";
    parts.push([`${counted(recoverable, "day")} ${verb} ${what} and can be extracted`, "wanting"]);
    const left = firstLoss(histories, first, last).until - clock;
    const which = recoverable === 1 ? "it" : "the first";
    parts.push(["; ", ""], [`${which} is lost in ${duration(left)}`, left < URGENT_DAYS * DAY_MS ? "urgent" : ""], [". ", ""]);
  } else {
    parts.push(["Nothing is missing that can be extracted", "well"], [". ", ""]);
  }
  if (counts.f) parts.push([`${counted(counts.f, "day")} failed verification`, "failed"], [". ", ""]);
  parts.push([counts.l ? `${grouped(counts.l)} ${counts.l === 1 ? "is" : "are"} lost for good, ` : "Nothing is lost, ", ""]);
  parts.push([`${counted(counts.p + counts.e, "day")} proven.`, ""]);
  return parts;
}

/** Members of a run's `dag_run_conf` that restrict it to some accounts and endpoints. */
const restricts = (list, value) =>
  Array.isArray(list) && list.length && !list.some((one) => (one?.binance_conn_id ?? one) === value);

/** The days of each history that a queued or running run is for: one Map of day to state per history. */
export function daysAtWork(histories, runs) {
  return histories.map((history) => {
    const found = new Map();
    for (const run of runs) {
      if (!run.data_interval_start || restricts(run.conf?.endpoints, history.endpoint)) continue;
      if (history.conn_id && restricts(run.conf?.connections, history.conn_id)) continue;
      const start = dayNumber(run.data_interval_start);
      const end = Math.max(start + 1, Math.ceil(Date.parse(run.data_interval_end) / DAY_MS));
      for (let day = start; day < end; day += 1) if (found.get(day) !== "running") found.set(day, run.state);
    }
    return found;
  });
}

const quoted = (value) => (/[",\n]/.test(value) ? `"${String(value).replaceAll('"', '""')}"` : String(value));

/** One window that is not known to be loaded leaves it open for the day. */
const loadedInWords = (flags) => (flags & NOT_LOADED ? false : flags & LOAD_UNKNOWN ? "" : true);

/** What is shown, one line a day, for a spreadsheet. */
export function asCsv(histories, first, last, { matches, loadsKnown }) {
  const lines = ["account,endpoint,filter,day,state,rows,caveat,loaded,recoverable_until"];
  for (const one of histories) {
    for (let day = Math.max(first, one.first); day <= Math.min(last, one.last); day += 1) {
      const letter = stateOf(one, day);
      if (!matches(letter)) continue;
      const flags = one.flags[day - one.first];
      const known = "pehu".includes(letter);
      const until = RECOVERABLE.includes(letter) ? `${dayName(day + one.retention.days)}T00:00:00Z` : "";
      const facts = [one.account, one.endpoint, one.filter, dayName(day), STATES[letter].name, one.rows[day - one.first],
        known ? Boolean(flags & CAVEAT) : "", known && loadsKnown ? loadedInWords(flags) : "", until];
      lines.push(facts.map(quoted).join(","));
    }
  }
  return `${lines.join("\n")}\n`;
}
