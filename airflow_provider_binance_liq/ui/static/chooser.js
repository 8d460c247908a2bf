/* Chosen days: what extracting them costs, and the backfill that does it. */

import { counted, dayName, grouped } from "./days.js";
import { button, copy, make, outside } from "./elements.js";
import { newestRuns, tasksToClear } from "./runs.js";
import { WANTING, isFetchable, stateOf } from "./states.js";

/** How long to wait before what was chosen is asked about, and between two looks at a backfill. */
const SETTLED_MS = 250;
const POLL_MS = 5000;

/** [first, last] of each unbroken stretch of days. */
export function stretches(days) {
  const found = [];
  for (const day of days) {
    const last = found.at(-1);
    if (last && last[1] === day - 1) last[1] = day;
    else found.push([day, day]);
  }
  return found;
}

const rangeName = ([first, last]) => (first === last ? dayName(first) : `${dayName(first)} to ${dayName(last)}`);

/** For a file without a server, which does not know the DAG: the commands that the server would give. */
export function commandFor(history, days, dagId) {
  const conf = { ...(history.conn_id ? { connections: [history.conn_id] } : {}), endpoints: [history.endpoint] };
  return stretches(days).map(([first, last]) => `airflow backfill create --dag-id ${dagId ?? "binance_liquidations"}`
    + ` --from-date ${dayName(first)}T00:00:00Z --to-date ${dayName(last)}T00:00:00Z`
    + ` --reprocess-behavior completed --max-active-runs 4 --dag-run-conf '${JSON.stringify(conf).replaceAll("'", "'\\''")}'`).join("\n");
}

const whyNoCommand = (history) => (history.filter ? "The sample DAG has no filter: extract these days with the operator that has it." : "");

export class Chooser {
  constructor(app) {
    this.app = app;
    this.element = make("div", { class: "bar", role: "region", "aria-label": "Chosen days", hidden: true });
    this.dialog = make("dialog", { "aria-labelledby": "backfill-title" });
    this.clear(true);
  }

  #isKept = (day) => isFetchable(this.history, day, this.app.clock());

  #isWanting = (day) => WANTING.includes(stateOf(this.history, day));

  isChosen(history, day) {
    return this.history?.index === history.index && this.days.has(day);
  }

  choose(history, days) {
    const before = this.history;
    Object.assign(this, { history, days: new Set(days), again: false });
    this.#changed(before);
  }

  range(history, from, to) {
    const [first, last] = [Math.max(history.first, Math.min(from, to)), Math.min(history.last, Math.max(from, to))];
    this.choose(history, Array.from({ length: last - first + 1 }, (_, index) => first + index));
  }

  clear(quietly) {
    const before = this.history;
    Object.assign(this, { history: null, days: new Set(), again: false, estimate: null });
    if (!quietly) this.#changed(before);
  }

  /** Of the chosen days, those that are extracted: what is wanting, or all that can be extracted if nothing is. */
  taken() {
    const days = [...this.days].sort((a, b) => a - b).filter(this.#isKept);
    const wanting = days.filter(this.#isWanting);
    return this.again || !wanting.length ? days : wanting;
  }

  #changed(before) {
    this.app.choiceChanged([before, this.history].filter(Boolean).map((one) => one.index));
    this.estimate = null;
    this.render();
    clearTimeout(this.timer);
    if (this.history && this.app.server && this.taken().length) this.timer = setTimeout(() => this.#estimate(), SETTLED_MS);
  }

  async #estimate() {
    const asked = this.days;
    let found;
    try {
      found = await this.app.server.estimate(this.history.id, this.taken().map(dayName));
    } catch (error) {
      found = { error: error.message };
    }
    if (asked !== this.days) return;
    this.estimate = found;
    this.render();
  }

  #left() {
    const days = [...this.days];
    const proven = days.filter((day) => "pe".includes(stateOf(this.history, day))).length;
    const lost = days.filter((day) => !this.#isKept(day) && stateOf(this.history, day) !== "n").length;
    const early = days.filter((day) => stateOf(this.history, day) === "n").length;
    const mixed = proven && days.some((day) => this.#isWanting(day) && this.#isKept(day));
    const words = [];
    if (mixed && !this.again) words.push(`${grouped(proven)} proven, left out`);
    if (lost) words.push(`${grouped(lost)} not kept by the exchange any more`);
    if (early) words.push(`${grouped(early)} not due yet`);
    return { words: words.join("; "), mixed };
  }

  #cost() {
    if (!this.app.server) return whyNoCommand(this.history);
    if (!this.estimate) return "Estimating…";
    if (this.estimate.error) return this.estimate.error;
    const { requests, weight, minutes } = this.estimate;
    const time = minutes < 1 ? "less than a minute" : `about ${counted(Math.ceil(minutes), "minute")}`;
    return `${counted(requests, "request")} at least, weight ${grouped(weight)}, ${time}${this.estimate.why_not ? `. ${this.estimate.why_not}` : ""}`;
  }

  command() {
    return this.estimate?.command || commandFor(this.history, this.taken(), this.app.dagId());
  }

  render() {
    this.element.hidden = !this.history;
    if (!this.history) return;
    const taken = this.taken();
    const { words, mixed } = this.#left();
    const ready = taken.length > 0 && (!this.app.server || Boolean(this.estimate));
    const could = this.app.server && this.app.dagId() && this.estimate?.backfills?.length;
    const canStart = could && this.estimate.may_backfill !== false;
    this.element.replaceChildren(
      make("div", {},
        make("p", {}, make("b", {}, taken.length ? `${counted(taken.length, "day")} to extract` : "No day to extract"), ` of ${this.history.label}`),
        make("p", { class: "quiet" }, [stretches(taken).slice(0, 3).map(rangeName).join(", "), words].filter(Boolean).join(" · "))),
      taken.length ? make("p", { class: "quiet", id: "cost" }, this.#cost()) : "",
      could && !canStart ? make("p", { class: "quiet" }, "Your role may not create backfills. Copy the command for somebody whose role may.") : "",
      mixed ? make("label", { class: "row-of quiet" }, make("input", {
        type: "checkbox", checked: this.again, change: (event) => this.#again(event.target.checked),
      }), "proven ones again") : "",
      make("div", { class: "row-of" },
        canStart ? button("Backfill…", () => this.confirm(), { class: "main" }) : "",
        button("Copy the command", () => this.#copy(), {
          disabled: !ready || Boolean(this.app.server ? this.estimate?.error || this.estimate?.why_not : whyNoCommand(this.history)),
        }),
        button("Clear", () => this.clear(), { class: "plain" })));
  }

  #again(checked) {
    this.again = checked;
    this.days = new Set(this.days);
    this.estimate = null;
    this.render();
    this.element.querySelector("input")?.focus();
    this.#estimate();
  }

  /** What is said behind an open dialog nobody sees, so the dialog has a place for it. */
  async #copy(place) {
    await copy(this.command());
    const said = `The command is copied.${this.app.server || this.history.conn_id ? "" : " It extracts the endpoint of every connection of the DAG."}`;
    if (place) place.textContent = said;
    else this.app.say(said);
  }

  /** A day whose run is there already has its extraction cleared in it: a backfill would leave the run's other tasks out. */
  async #plan() {
    const dagId = this.app.dagId();
    const days = this.taken();
    const clears = await tasksToClear(this.app.server, dagId, this.history, days);
    const there = clears.map((one) => one.day);
    const rest = days.filter((day) => !there.includes(day));
    let { backfills } = this.estimate;
    if (clears.length) backfills = rest.length ? (await this.app.server.estimate(this.history.id, rest.map(dayName))).backfills : [];
    const plans = await Promise.all(backfills.map((one) => this.app.server.tryBackfill(dagId, one)));
    return { clears, backfills, runs: clears.length + plans.reduce((sum, plan) => sum + plan.total_entries, 0) };
  }

  /** Airflow is asked what it would do before anything is asked of the reader. */
  async confirm() {
    const dagId = this.app.dagId();
    const status = make("p", { role: "status" }, "Asking Airflow what would run…");
    const copied = make("p", { role: "status", class: "quiet" });
    const start = button("Start the backfill", () => this.#start(start, status), { class: "main", disabled: true });
    const shown = make("pre", { tabindex: "0", "aria-label": "Command" }, make("code", {}, this.command()));
    const several = make("p", { class: "quiet" });
    this.dialog.replaceChildren(
      make("h2", { id: "backfill-title" }, `Backfill ${counted(this.taken().length, "day")}?`),
      make("p", {}, `${dagId} extracts ${this.history.label} for ${stretches(this.taken()).map(rangeName).join(", ")}.`),
      make("p", {}, `${this.#cost()}.`),
      several, status, copied,
      make("details", {}, make("summary", {}, "The same as a command"), shown),
      make("footer", {}, button("Copy the command", () => this.#copy(copied)), button("Cancel", () => this.dialog.close()), start));
    this.dialog.showModal();
    try {
      this.plan = await this.#plan();
      const { backfills, clears, runs } = this.plan;
      if (backfills.length > 1) several.textContent = `The days are not in one stretch, so these are ${backfills.length} backfills. `
        + "Airflow runs one at a time: keep this page open until the last has begun.";
      status.textContent = `Airflow will run ${counted(runs, "run")}${clears.length ? `; ${clears.length === runs ? "each" : grouped(clears.length)} of them is there already: `
        + "only this extraction and what follows it run again" : ""}.`;
      start.disabled = runs === 0;
      if (runs) start.focus();
    } catch (error) {
      this.#refused(error, status);
    }
  }

  #refused(error, status) {
    const where = error.status === 409 ? [" ", outside(this.app.server.backfillsPage(this.app.dagId()), "Its backfills in Airflow")] : [];
    status.replaceChildren(error.message, ...where);
    status.setAttribute("role", "alert");
    status.className = "failed";
  }

  async #start(start, status) {
    start.disabled = true;
    const dagId = this.app.dagId();
    const { clears, backfills } = this.plan;
    const begun = { since: this.app.clock(), dagId, history: this.history, days: this.taken(), total: backfills.length, cleared: [] };
    try {
      for (const one of clears) {
        await this.app.server.clear(dagId, one);
        begun.cleared.push(one.run.dag_run_id);
      }
      const id = backfills.length ? (await this.app.server.createBackfill(dagId, backfills[0])).id : null;
      this.dialog.close();
      this.clear();
      this.#follow({ ...begun, id, rest: backfills.slice(1) });
    } catch (error) {
      this.#refused(error, status);
    }
  }

  async #isAtWork({ id, cleared }) {
    await this.app.lookAtRuns();
    if (id !== null && !(await this.app.server.backfill(id)).completed_at) return true;
    return this.app.runs.some((run) => cleared.includes(run.dag_run_id));
  }

  /** Look at runs until they have ended, then begin the next backfill, then read the lake again. */
  async #follow(begun) {
    const { rest, dagId, total } = begun;
    const which = total > 1 ? `Backfill ${total - rest.length} of ${total}` : "The backfill";
    try {
      while (await this.#isAtWork(begun)) {
        this.app.say(`${which} is running${this.app.runsInWords()}.`, this.app.server.backfillsPage(dagId));
        await new Promise((done) => { this.poll = setTimeout(done, POLL_MS); });
        if (!this.app.isConnected) return;
      }
      if (rest.length) {
        const next = await this.app.server.createBackfill(dagId, rest[0]);
        await this.#follow({ ...begun, id: next.id, rest: rest.slice(1) });
        return;
      }
      await this.app.load(true, { inOrder: true });
      this.app.say(await this.#outcome(begun), this.app.server.backfillsPage(dagId));
    } catch (error) {
      const waiting = rest.length ? ` ${counted(rest.length, "backfill")} of ${total} not begun.` : "";
      this.app.say(`${which} cannot be followed: ${error.message}${waiting}`, this.app.server.backfillsPage(dagId));
    }
  }

  /** What the days are now, and what that is due to: an earlier extraction may prove a day whose run has failed. */
  async #outcome({ dagId, history, days, since }) {
    const now = this.app.histories.find((one) => one.id === history.id);
    const proven = now ? days.filter((day) => "pe".includes(stateOf(now, day))) : [];
    const runs = await newestRuns(this.app.server, dagId, days).catch(() => new Map());
    const failed = days.filter((day) => runs.get(day)?.state === "failed");
    const earlier = await Promise.all(failed.filter((day) => proven.includes(day)).map((day) => this.#isEarlier(history, day, since)));
    const count = earlier.filter(Boolean).length;
    return [`The backfill has ended: ${grouped(proven.length)} of ${counted(days.length, "day")} proven.`,
      failed.length ? ` ${counted(failed.length, "run")} failed.` : "",
      count ? ` ${grouped(count)} of the proven days ${count === 1 ? "was" : "were"} not extracted again: an earlier extraction proves ${count === 1 ? "it" : "them"}.` : "",
      proven.length < days.length || failed.length ? " The runs' logs say why." : ""].join("");
  }

  async #isEarlier(history, day, since) {
    const { windows } = await this.app.server.day(history.id, dayName(day));
    return windows.every((one) => Date.parse(one.extracted_at) < since);
  }
}

/** Days of a document that a backfill would take, of one history. */
export const wantingDays = (history, first, last, clock) => {
  const found = [];
  for (let day = Math.max(first, history.first); day <= Math.min(last, history.last); day += 1) {
    if (WANTING.includes(stateOf(history, day)) && isFetchable(history, day, clock)) found.push(day);
  }
  return found;
};
