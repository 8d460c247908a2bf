/* What Airflow's `react_apps` load: a component of the host's React that is the custom element and nothing more. */

import "./coverage.js";

const api = new URL("../", import.meta.url).href;

/** Airflow shows one component in each of its places. Its dashboard, which is at the base URL, has room for a sentence. */
globalThis.AirflowPlugin = () => {
  const airflow = new URL("./", document.baseURI).href;
  // Of the DAG whose tab it is in.
  const dag = /\/dags\/([^/?#]+)/.exec(window.location.pathname)?.[1];
  const brief = window.location.href.split(/[?#]/)[0] === airflow ? { brief: "" } : {};
  return globalThis.React.createElement("binance-liq-coverage", { api, airflow, ...(dag ? { dag: decodeURIComponent(dag) } : {}), ...brief });
};
