/* Airflow's runs of a day: which of them has the task that extracts a history. */

import { DAY_MS, dayName } from "./days.js";

/** As many days as one request may return the runs of, with a few runs each. */
const AT_ONCE = 30;
const ENDED = ["success", "failed"];

/** Whether a task extracts a history: it is called by account (or connection) and endpoint, then by what came of it. */
export function extracts(task, history) {
  const [whose, endpoint] = (task.rendered_map_index ?? "").split(" · ");
  return endpoint === history.endpoint && [history.account, history.conn_id].includes(whose);
}

/** The newest run of each day, of those that are exactly for that day: a Map of day to run. */
export async function newestRuns(server, dagId, days) {
  const found = new Map();
  for (let at = 0; at < days.length; at += AT_ONCE) {
    const some = days.slice(at, at + AT_ONCE);
    const { dag_runs: runs = [] } = await server.runsOf(dagId, dayName(some[0]), dayName(some.at(-1) + 1));
    for (const run of runs) {
      const start = Date.parse(run.data_interval_start);
      const day = start / DAY_MS;
      if (!some.includes(day) || Date.parse(run.data_interval_end) !== start + DAY_MS) continue;
      if (!found.has(day) || (found.get(day).queued_at ?? "") <= (run.queued_at ?? "")) found.set(day, run);
    }
  }
  return found;
}

/** Of the days that have a run which has ended, the task in it that extracts the history: [{day, run, task}]. */
export async function tasksToClear(server, dagId, history, days) {
  const runs = await newestRuns(server, dagId, days);
  const found = await Promise.all([...runs].map(async ([day, run]) => {
    if (!ENDED.includes(run.state)) return null;
    const { task_instances: tasks = [] } = await server.tasksOf(dagId, run.dag_run_id);
    const task = tasks.find((one) => one.map_index >= 0 && one.state !== "removed" && extracts(one, history));
    return task ? { day, run, task } : null;
  }));
  return found.filter(Boolean);
}
