/* <binance-liq-coverage>: which days of each account's liquidations are proven, missing or lost, and what to do.

   In Airflow it has the attributes `api` (this provider's routes) and `airflow` (the base URL), both ending with a
   slash; `dag` is the DAG whose tab it is in; with `brief`, it is the one sentence and a link, for a dashboard. Without them it reads the document from `<script type="application/json" id="coverage">`, and offers no
   action. */

import { NO_FILTER, readFilters, select, writeFilters } from "./address.js";
import { calendar } from "./calendar.js";
import { Chooser, wantingDays } from "./chooser.js";
import { counted, dayName, dayNumber } from "./days.js";
import { button, download, link, make, outside } from "./elements.js";
import { LAYOUT } from "./layout.js";
import { PALETTE } from "./palette.js";
import { panel } from "./panel.js";
import { Server } from "./server.js";
import { asCsv, countDays, daysAtWork, firstLoss, readHistories, sentences } from "./states.js";
import { Strip, widthOfDay } from "./strip.js";
import { blank, brief, filterBar, foot, head, legend, notices } from "./toolbar.js";

const RUNS_MS = 30_000;
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1], PageUp: [-30, 0], PageDown: [30, 0] };
const CALENDAR_MOVES = { ArrowLeft: -7, ArrowRight: 7, ArrowUp: -1, ArrowDown: 1, PageUp: -28, PageDown: 28 };

class Coverage extends HTMLElement {
  connectedCallback() {
    if (!this.shadowRoot) this.#build();
    this.filters = readFilters(window.location.search);
    const api = this.getAttribute("api");
    const dagId = new URLSearchParams(window.location.search).get("dag_id") ?? this.getAttribute("dag");
    this.server = api ? new Server(new URL(api, document.baseURI).href, new URL(this.getAttribute("airflow"), document.baseURI).href, dagId) : null;
    this.runs = [];
    this.ready = this.server ? this.load(false) : this.#embedded();
    if (this.server) this.timer = setInterval(() => document.hidden || this.lookAtRuns().catch(() => {}), RUNS_MS);
  }

  disconnectedCallback() {
    clearInterval(this.timer);
  }

  #build() {
    const root = this.attachShadow({ mode: "open" });
    this.chooser = new Chooser(this);
    this.tip = make("div", { class: "tip", "aria-hidden": "true", hidden: true });
    this.status = make("div", { role: "status" });
    this.above = make("div", {});
    this.page = make("div", {});
    const main = make("main", {}, make("h1", {}, "Coverage of liquidations"), this.above, this.status, this.page, this.chooser.element);
    root.append(make("style", {}, PALETTE + LAYOUT), main, this.tip, this.chooser.dialog);
    this.#listen(main);
    new ResizeObserver(() => this.#resized()).observe(main);
  }

  #embedded() {
    const text = document.getElementById("coverage")?.textContent;
    if (text) this.#show(JSON.parse(text));
    else this.page.replaceChildren(blank("No coverage here", "This page has neither an address to ask nor a document in it."));
  }

  /** Read the document; on a refresh, the lake is listed first. */
  async load(refresh, { inOrder = false } = {}) {
    if (!this.coverage) this.page.replaceChildren(blank("Reading the lake…", "Manifests are listed once, and remembered."));
    try {
      const found = await this.server.coverage(refresh);
      this.status.replaceChildren();
      this.#show(inOrder ? this.#asBefore(found) : found);
      this.lookAtRuns().catch(() => {});
    } catch (error) {
      this.above.replaceChildren();
      this.coverage = null;
      if (error.status === 404 && this.hasAttribute("dag")) {
        this.page.replaceChildren(blank("This DAG does not extract liquidations", "Airflow before 3.4 shows this tab on every DAG. ",
          link(this.server.pluginPage(), "Open the coverage of the DAG that does")));
        return;
      }
      const title = { 401: "Sign in again", 403: "No permission" }[error.status] ?? "The lake cannot be read";
      this.page.replaceChildren(blank(title, error.message, button("Try again", () => this.load(true))));
    }
  }

  /** Rows stay where they were: who has just started something there looks for it there. */
  #asBefore(found) {
    const place = new Map(this.histories.map((one) => [one.id, one.index]));
    const last = this.histories.length;
    return { ...found, histories: [...found.histories].sort((a, b) => (place.get(a.id) ?? last) - (place.get(b.id) ?? last)) };
  }

  #show(coverage) {
    this.coverage = coverage;
    this.loadedAt = performance.now();
    this.histories = coverage.histories.length ? readHistories(coverage) : [];
    this.chooser.clear(true);
    this.chooser.render();
    this.renderAll();
  }

  /** The document's time, and what has passed since; a file stays at its own time. */
  clock() {
    return Date.parse(this.coverage.now) + (this.server ? performance.now() - this.loadedAt : 0);
  }

  dagId() {
    return this.coverage.dag_id;
  }

  renderAll() {
    const { coverage, filters, histories } = this;
    this.#closePanel();
    if (!histories.length) {
      this.above.replaceChildren(notices(this) ?? "");
      this.page.replaceChildren(this.#nothing());
      return;
    }
    const chosen = select(histories, filters);
    this.view = { ...chosen, coverage, filters, histories, clock: this.clock(), atWork: daysAtWork(histories, this.runs),
      isChosen: (history, day) => this.chooser.isChosen(history, day) };
    if (this.hasAttribute("brief")) {
      this.page.replaceChildren(brief(this.view, this.server));
      return;
    }
    this.#renderAbove();
    this.strip = new Strip(this.view, { open: (history) => this.#toggle(history) }, this.page.clientWidth);
    this.body = make("div", { class: "body" }, chosen.shown.length ? this.strip.element
      : blank("No day matches the filters", "Take one away, or clear them all.", button("Clear filters", () => this.#filter(NO_FILTER))));
    this.page.replaceChildren(this.body, foot(this));
    const open = chosen.shown.find((one) => one.id === filters.open);
    if (open) this.#open(open);
    this.strip.start();
    if (filters.day) this.#arrive(open);
  }

  /** Open the day that a link leads to: once, since the reader goes on from there. */
  #arrive(history) {
    const day = dayNumber(this.filters.day);
    const cell = history && this.strip.cell(history, day);
    if (!cell) this.say(`The lake has nothing of ${this.filters.open} for ${this.filters.day}.`);
    this.filters.day = "";
    if (!cell) return;
    this.#goTo(history, day);
    this.#detail(history, day, cell, true);
  }

  #nothing() {
    const { dag_id: dagId, destination } = this.coverage;
    const text = `The lake ${destination} has no manifest yet. ${dagId ? `When ${dagId} has run for a day, the day is shown here.` : ""}`;
    return blank("Nothing has been extracted yet", text,
      this.server && dagId ? outside(new URL(`dags/${dagId}`, this.server.airflow).href, `Open ${dagId}`) : "", " ",
      this.server ? button("Refresh", () => this.load(true)) : "");
  }

  #renderAbove() {
    const { view } = this;
    const all = select(this.histories, { ...this.filters, state: "", missing: false });
    const counts = countDays(all.shown, all.first, all.last);
    const change = (some) => this.#filter(some);
    const focused = this.shadowRoot.activeElement?.name;
    this.above.replaceChildren(
      head(view, { clock: view.clock, canRefresh: Boolean(this.server), refresh: () => this.load(true), save: () => this.#save(), nextGap: () => this.#firstGap() }),
      notices(view) ?? "", filterBar(this.histories, this.filters, change), legend(counts, this.filters, { change, loadsKnown: this.coverage.loads_known }));
    if (focused) this.above.querySelector(`[name="${focused}"]`)?.focus();
  }

  #filter(some) {
    Object.assign(this.filters, some);
    writeFilters(this.filters);
    this.chooser.clear(true);
    this.chooser.render();
    this.renderAll();
  }

  #save() {
    const { shown, first, last, wanted } = this.view;
    download(`coverage_${this.coverage.as_of.slice(0, 10)}.csv`, asCsv(shown, first, last, { matches: wanted, loadsKnown: this.coverage.loads_known }), "text/csv");
  }

  #firstGap() {
    const { history, day } = firstLoss(this.view.shown, this.view.first, this.view.last);
    this.#goTo(history, day);
  }

  #goTo(history, day) {
    this.strip.cell(history, day)?.scrollIntoView({ block: "nearest", inline: "center" });
    this.strip.fill();
    this.strip.focus(history, day);
  }

  #toggle(history) {
    const same = this.filters.open === history.id;
    this.strip.close();
    this.filters.open = same ? "" : history.id;
    writeFilters(this.filters);
    if (!same) this.#open(history);
  }

  #open(history) {
    this.strip.open(history, calendar(history, this.view, (one) => this.chooser.choose(one, wantingDays(one, this.view.first, this.view.last, this.clock()))));
    for (const year of this.strip.element.querySelectorAll(".year")) year.scrollLeft = year.scrollWidth;
  }

  #resized() {
    if (!this.strip || !this.view.shown.length) return;
    if (widthOfDay(this.view, this.page.clientWidth) === this.strip.wide) this.strip.fill();
    else this.renderAll();
  }

  /* What Airflow runs now. */

  async lookAtRuns() {
    if (!this.server || !this.strip || !this.coverage?.dag_id || !this.histories.length) return;
    const found = await this.server.runsAtWork(this.coverage.dag_id);
    const before = JSON.stringify(this.runs.map((run) => [run.dag_run_id, run.state]));
    this.runs = found.dag_runs ?? [];
    if (before === JSON.stringify(this.runs.map((run) => [run.dag_run_id, run.state]))) return;
    this.view.atWork = daysAtWork(this.histories, this.runs);
    this.strip.renew(this.view.shown.map((one) => one.index));
  }

  runsInWords() {
    return this.runs.length ? `: ${counted(this.runs.length, "run")} at work` : "";
  }

  /** A sentence for everybody, and for screen readers at once. */
  say(text, href) {
    this.status.replaceChildren(make("div", { class: "notice row-of" }, make("span", {}, text), href ? outside(href, "Open in Airflow") : "",
      button("Dismiss", () => this.status.replaceChildren(), { class: "plain", style: "margin-left:auto" })));
  }

  /* Cells: pointer and keyboard. */

  #listen(main) {
    main.addEventListener("pointerdown", (event) => this.#press(event));
    main.addEventListener("pointermove", (event) => this.#drag(event));
    main.addEventListener("pointerup", (event) => this.#release(event));
    main.addEventListener("pointercancel", () => { this.pressed = null; });
    main.addEventListener("pointerover", (event) => this.#hint(event.target));
    main.addEventListener("pointerleave", () => { this.tip.hidden = true; });
    main.addEventListener("focusin", (event) => this.#hint(event.target));
    main.addEventListener("focusout", () => { this.tip.hidden = true; });
    main.addEventListener("scroll", () => { this.tip.hidden = true; }, { capture: true, passive: true });
    main.addEventListener("keydown", (event) => this.#key(event));
  }

  #at(target) {
    const cell = target.closest?.(".c[data-day]");
    const owner = cell?.closest("[data-history]");
    return owner ? { cell, history: this.histories[owner.dataset.history], day: Number(cell.dataset.day) } : null;
  }

  #hint(target) {
    const found = this.#at(target);
    this.tip.hidden = !found;
    if (!found) return;
    const { cell, history, day } = found;
    const words = sentences(history, day, { clock: this.clock(), running: this.view.atWork[history.index]?.get(day) });
    this.tip.replaceChildren(make("b", {}, `${dayName(day)} · ${history.label}`), ...words.map((one) => make("div", {}, one)));
    const box = cell.getBoundingClientRect();
    const own = this.tip.getBoundingClientRect();
    const above = box.top - own.height - 6;
    this.tip.style.left = `${Math.max(8, Math.min(window.innerWidth - own.width - 8, box.left + box.width / 2 - own.width / 2))}px`;
    this.tip.style.top = `${above > 8 ? above : box.bottom + 6}px`;
  }

  #press(event) {
    const found = event.button === 0 && this.#at(event.target);
    if (!found) return;
    this.pressed = { ...found, moved: false, touch: event.pointerType === "touch" };
    if (event.shiftKey && this.anchor?.history === found.history) this.chooser.range(found.history, this.anchor.day, found.day);
  }

  #drag(event) {
    if (!this.pressed || this.pressed.touch || !(event.buttons & 1)) return;
    const under = this.#at(this.shadowRoot.elementFromPoint(event.clientX, event.clientY) ?? event.target);
    if (!under || under.history !== this.pressed.history || (under.day === this.pressed.day && !this.pressed.moved)) return;
    this.pressed.moved = true;
    this.anchor = { history: under.history, day: this.pressed.day };
    if (this.pressed.until !== under.day) this.chooser.range(under.history, this.pressed.day, under.day);
    this.pressed.until = under.day;
  }

  #release(event) {
    const { pressed } = this;
    this.pressed = null;
    if (!pressed || pressed.moved || event.shiftKey) return;
    const found = this.#at(event.target);
    if (!found || found.day !== pressed.day) return;
    this.anchor = { history: found.history, day: found.day };
    this.#detail(found.history, found.day, found.cell, false);
  }

  /** Choose up to a day by keys: from the day they leave, where nothing is chosen yet. */
  #stretch(history, from, to) {
    if (this.anchor?.history !== history || !this.chooser.history) this.anchor = { history, day: from };
    this.chooser.range(history, this.anchor.day, to);
  }

  #key(event) {
    if (event.key === "Escape" && !event.defaultPrevented) {
      this.tip.hidden = true;
      if (this.chooser.history) this.chooser.clear();
      else this.#closePanel(true);
      return;
    }
    const found = this.#at(event.target);
    if (!found || event.altKey || event.metaKey) return;
    const inCalendar = Boolean(found.cell.closest(".weeks"));
    if (event.key === "Enter" || event.key === " ") this.#detail(found.history, found.day, found.cell, true);
    else if (!(inCalendar ? this.#moveInCalendar(event, found) : this.#moveInStrip(event, found))) return;
    event.preventDefault();
  }

  #moveInStrip(event, { history, day }) {
    const { shown, first, last } = this.view;
    const ends = { Home: Math.max(first, history.first), End: Math.min(last, history.last) };
    const [dx, dy] = MOVES[event.key] ?? [0, 0];
    if (!dx && !dy && !(event.key in ends)) return false;
    const other = shown[shown.indexOf(history) + dy];
    if (!other) return true;
    const low = Math.max(first, other.first);
    const next = ends[event.key] ?? Math.max(low, Math.min(Math.min(last, other.last), day + dx));
    if (event.shiftKey && !dy) this.#stretch(history, day, next);
    this.strip.focus(other, next);
    return true;
  }

  #moveInCalendar(event, { cell, history, day }) {
    const grid = cell.closest(".weeks");
    const days = [...grid.querySelectorAll("[data-day]")].map((one) => Number(one.dataset.day)).sort((a, b) => a - b);
    const ends = { Home: days[0], End: days.at(-1) };
    if (!(event.key in CALENDAR_MOVES) && !(event.key in ends)) return false;
    const next = grid.querySelector(`[data-day="${ends[event.key] ?? day + CALENDAR_MOVES[event.key]}"]`);
    if (!next) return true;
    cell.setAttribute("tabindex", "-1");
    next.setAttribute("tabindex", "0");
    if (event.shiftKey) this.#stretch(history, day, Number(next.dataset.day));
    next.focus();
    return true;
  }

  choiceChanged() {
    for (const cell of this.shadowRoot.querySelectorAll(".c[data-day]")) {
      const history = this.histories[cell.closest("[data-history]").dataset.history];
      const chosen = String(this.chooser.isChosen(history, Number(cell.dataset.day)));
      if (cell.getAttribute("aria-selected") !== chosen) cell.setAttribute("aria-selected", chosen);
    }
  }

  /* The panel of a day. */

  #detail(history, day, cell, focus) {
    this.#closePanel();
    if (!cell.closest(".weeks")) this.strip.rove(cell);
    const { element, heading } = panel(history, day, this.view, {
      server: this.server, dagId: this.coverage.dag_id, close: () => this.#closePanel(true),
      choose: (one, chosen) => this.chooser.choose(one, [chosen]),
    });
    this.panel = { element, cell };
    this.body.append(element);
    cell.scrollIntoView({ block: "nearest", inline: "nearest" });
    if (focus) heading.focus();
  }

  #closePanel(back) {
    if (!this.panel) return;
    const { element, cell } = this.panel;
    this.panel = null;
    element.remove();
    if (back) cell.focus({ preventScroll: true });
  }
}

if (!customElements.get("binance-liq-coverage")) customElements.define("binance-liq-coverage", Coverage);
