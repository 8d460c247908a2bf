/* The panel of one day: what was extracted, how it was proven, and where it is. */

import { bytesInWords, counted, dayName, grouped, instant, weekdayName } from "./days.js";
import { button, cellClasses, link, make, outside, square, terms, withNames } from "./elements.js";
import { extracts } from "./runs.js";
import { exactly, withoutAmount } from "./strip.js";
import { depth, isFetchable, isUrgent, sentences, stateOf } from "./states.js";

const sentence = (text) => `${text[0].toUpperCase()}${text.slice(1)}.`;

const tagged = (tag, text) => make("li", {}, tag ? [make("span", { class: "tag" }, tag), " "] : "", withNames(text));

function secondLook(look) {
  if (look === null || look === undefined) return null;
  const pairs = Object.entries(look).filter(([, value]) => value !== null && typeof value !== "object");
  return [make("h3", {}, "Second look"), terms(pairs.map(([name, value]) => [name.replaceAll("_", " "), String(value)]))];
}

const fileLink = (server, path) => link(server.file(path), path.split("/").at(-1), { download: "", title: path });

/** Nothing is said where it is not known. */
const LOADED = { true: "yes", false: "not yet", null: "not known" };

/** One window of a day. */
function windowSection(one, server) {
  const proven = one.complete ? "proven complete" : one.counts_as_proven ? "not complete, but counts as proven" : "not proven complete";
  return make("section", {},
    make("h3", { style: "margin-top:0" }, `${instant(one.start)} to ${instant(one.end)}`),
    terms([
      ["Verdict", proven],
      ["Rows", grouped(one.rows)],
      ["Size", one.bytes === null ? "" : bytesInWords(one.bytes)],
      ["Notional", one.notional ? [...exactly(one.notional.amounts), withoutAmount({ rows_without_amount: one.notional.unpriced })].filter(Boolean).join(", ") : ""],
      ["Loaded", one.loads?.length ? one.loads.map((load) => make("div", {}, `into ${load.warehouse}, ${instant(load.at)}`)) : LOADED[one.loaded]],
      ["Method", one.method],
      ["Cost", `${counted(one.pages, "page")}, ${counted(one.requests, "request")}, weight ${grouped(one.weight)}`],
      ["Extracted", one.extracted_at ? instant(one.extracted_at) : ""],
      ["SHA-256", make("code", {}, one.sha256)],
      ["Object", one.object_path ? fileLink(server, one.object_path) : one.object_uri],
      ["Manifest", one.manifest_path ? fileLink(server, one.manifest_path) : ""],
    ]),
    one.incomplete_reasons?.length
      ? [make("h3", {}, "Why it is not complete"), make("ul", {}, one.incomplete_reasons.map((why) => tagged(why.code, why.sentence)))] : null,
    one.premises?.length
      ? make("details", { open: true }, make("summary", {}, `${counted(one.premises.length, "premise")} of the proof`),
        make("ul", {}, one.premises.map((premise) => tagged(premise.status, premise.sentence)))) : null,
    secondLook(one.second_look));
}

/** Runs of a data day, newest first, with the log of the extracting task of this history. */
async function runLinks(server, dagId, history, day) {
  const start = `${dayName(day)}T00:00:00`;
  const found = (await server.runsOf(dagId, dayName(day), dayName(day + 1))).dag_runs ?? [];
  const runs = found.filter((run) => run.data_interval_start?.startsWith(start)).reverse().slice(0, 3);
  const items = await Promise.all(runs.map(async (run) => {
    const tasks = (await server.tasksOf(dagId, run.dag_run_id)).task_instances ?? [];
    const task = tasks.find((one) => extracts(one, history));
    return make("li", {}, outside(server.runPage(dagId, run.dag_run_id), run.dag_run_id), ` ${run.state}`,
      task ? [", ", outside(server.runPage(dagId, run.dag_run_id, task), `log of ${task.task_id}`)] : null);
  }));
  return items.length ? make("ul", {}, items) : make("p", { class: "quiet" }, `${dagId} has no run for this day.`);
}

/** Fill `place` when the answer is there; say so where there is none. */
function later(place, promise) {
  place.replaceChildren(make("p", { class: "quiet" }, "Loading…"));
  promise.then((found) => place.replaceChildren(...[found].flat())).catch((error) => place.replaceChildren(make("p", { role: "alert" }, error.message)));
  return place;
}

export function panel(history, day, view, { server, dagId, close, choose }) {
  const letter = stateOf(history, day);
  const at = day - history.first;
  const running = view.atWork[history.index]?.get(day);
  const { box } = cellClasses(letter, 0, { rows: history.rows[at], step: depth(history.rows[at]), urgent: isUrgent(history, day, view.clock) });
  const heading = make("h2", { tabindex: "-1" }, `${dayName(day)}, ${weekdayName(day)}`);
  const element = make("aside", { class: "panel", "aria-label": `${history.label}, ${dayName(day)}` },
    make("header", {}, make("div", {}, heading, make("p", { class: "quiet" }, history.label)),
      button("Close", close, { class: "plain" })),
    make("div", { class: "state" }, square(box.replace("box ", "")),
      make("div", {}, sentences(history, day, { clock: view.clock, running }).map((one) => make("p", {}, sentence(one))))),
    make("p", { class: "quiet" }, `00:00 to 24:00 UTC. Airflow labels its run ${dayName(day + 1)}, by the end of its interval.`),
    isFetchable(history, day, view.clock) ? make("p", { style: "margin:8px 0" }, button(`Extract this day${"pe".includes(letter) ? " again" : ""}…`, () => choose(history, day))) : null,
    server ? later(make("div", {}), server.day(history.id, dayName(day)).then((found) => [
      ...(found.problems ?? []).map((problem) => make("p", { class: "notice failed-notice" }, problem)),
      ...found.windows.map((one) => windowSection(one, server)),
      found.windows.length ? "" : make("p", { class: "quiet" }, "The lake has no window of this day."),
    ])) : null,
    server && dagId ? make("section", {}, make("h3", { style: "margin-top:0" }, "Runs"), later(make("div", {}), runLinks(server, dagId, history, day))) : null);
  return { element, heading };
}
