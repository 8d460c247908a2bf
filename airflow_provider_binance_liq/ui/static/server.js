/* Requests to this provider's routes and to Airflow's REST API, and what their errors mean in words. */

/** An answer that is not a success; `message` says what to do. */
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** What Airflow or this provider says of itself: a text, or the list of a validation error. */
function detailOf(body) {
  const detail = body?.detail;
  if (Array.isArray(detail)) return detail.map((one) => one.msg ?? JSON.stringify(one)).join("; ");
  return typeof detail === "string" ? detail : "";
}

const IN_WORDS = {
  0: () => "Airflow did not answer. Check that its API server runs and that you are online, then try again.",
  401: () => "Your session has ended. Reload the page and sign in again.",
  403: (detail) => `You do not have permission for this${detail && detail !== "Forbidden" ? ` (${detail})` : ""}.`
    + " Ask an administrator of this Airflow.",
};

const OF_BACKFILLS = {
  403: () => "Your role may not create backfills. Copy the command for somebody whose role may.",
  404: (detail) => `${detail || "Airflow does not know the DAG"}. Check that the DAG is parsed without an error.`,
  409: () => "Another backfill of this DAG is active, and Airflow runs one per DAG. "
    + "Wait until it has ended, or cancel it, then try again.",
  503: () => "Airflow's metadata database is SQLite or is locked: it cannot create a backfill while tasks run. "
    + "Try again when no task runs, or use PostgreSQL.",
};

async function ask(url, options, known = {}) {
  let answer;
  try {
    answer = await fetch(url, { credentials: "same-origin", ...options });
  } catch {
    throw new Refused(0, IN_WORDS[0]());
  }
  const text = await answer.text();
  let body;
  try {
    body = JSON.parse(text);
  } catch {
    // An unknown address of Airflow answers with the page of its UI.
    if (answer.ok) throw new Refused(answer.status, `${new URL(url).pathname} did not answer with JSON: is the plugin loaded?`);
  }
  if (answer.ok) return body;
  const say = known[answer.status] ?? IN_WORDS[answer.status];
  const detail = detailOf(body);
  throw new Refused(answer.status, say ? say(detail) : detail || `${new URL(url).pathname} answered ${answer.status}.`);
}

const posted = (body) => ({
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(body),
});

/** The routes of this provider below `api`, and those of the Airflow below `airflow`; both end with a slash. */
export class Server {
  constructor(api, airflow, dagId) {
    Object.assign(this, { api, airflow, dagId });
  }

  #url(base, path, query = []) {
    const url = new URL(path, base);
    for (const [name, value] of query) url.searchParams.append(name, value);
    return url.href;
  }

  #given() {
    return this.dagId ? [["dag_id", this.dagId]] : [];
  }

  #ofDag(dagId, path, query) {
    return this.#url(this.airflow, `api/v2/dags/${encodeURIComponent(dagId)}/${path}`, query);
  }

  coverage(refresh) {
    return ask(this.#url(this.api, "coverage", [...this.#given(), ...(refresh ? [["refresh", "true"]] : [])]));
  }

  day(history, day) {
    return ask(this.#url(this.api, "day", [["history", history], ["day", day], ...this.#given()]));
  }

  file(path) {
    return this.#url(this.api, "file", [["path", path], ...this.#given()]);
  }

  estimate(history, days) {
    const query = [["history", history], ...days.map((day) => ["day", day]), ...this.#given()];
    return ask(this.#url(this.api, "estimate", query));
  }

  runsAtWork(dagId) {
    return ask(this.#ofDag(dagId, "dagRuns", [["state", "running"], ["state", "queued"], ["limit", "100"]]));
  }

  runsOf(dagId, day, nextDay) {
    const query = [["logical_date_gte", `${day}T00:00:00Z`], ["logical_date_lte", `${nextDay}T00:00:00Z`], ["limit", "100"]];
    return ask(this.#ofDag(dagId, "dagRuns", query));
  }

  tasksOf(dagId, runId) {
    return ask(this.#ofDag(dagId, `dagRuns/${encodeURIComponent(runId)}/taskInstances`, [["limit", "200"]]));
  }

  /** Existing runs of the days run again: they were chosen because what is there is not enough. */
  #backfill(dagId, one) {
    return posted({ dag_id: dagId, run_backwards: false, reprocess_behavior: "completed", ...one });
  }

  tryBackfill(dagId, one) {
    return ask(this.#url(this.airflow, "api/v2/backfills/dry_run"), this.#backfill(dagId, one), OF_BACKFILLS);
  }

  createBackfill(dagId, one) {
    return ask(this.#url(this.airflow, "api/v2/backfills"), this.#backfill(dagId, one), OF_BACKFILLS);
  }

  /** One mapped task of a run again, and what follows it: the run's other tasks stay as they are. */
  clear(dagId, { run, task }) {
    const body = { dry_run: false, dag_run_id: run.dag_run_id, task_ids: [[task.task_id, task.map_index]], only_failed: false,
      include_downstream: true, reset_dag_runs: true };
    return ask(this.#ofDag(dagId, "clearTaskInstances"), posted(body), OF_BACKFILLS);
  }

  backfill(id) {
    return ask(this.#url(this.airflow, `api/v2/backfills/${id}`));
  }

  runPage(dagId, runId, task) {
    const mapped = task && task.map_index >= 0 ? `/mapped/${task.map_index}` : "";
    const below = task ? `/tasks/${encodeURIComponent(task.task_id)}${mapped}` : "";
    return this.#url(this.airflow, `dags/${encodeURIComponent(dagId)}/runs/${encodeURIComponent(runId)}${below}`);
  }

  pluginPage() {
    return this.#url(this.airflow, "plugin/binance-liq-nav");
  }

  backfillsPage(dagId) {
    return this.#url(this.airflow, `dags/${encodeURIComponent(dagId)}/backfills`);
  }
}
