"""One run of the demo: start everything, backfill, check the warehouse; whatever happens, stop everything."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.core.endpoints import WITH_ORDERS
from airflow_provider_binance_liq.demo import airflow, days, history
from airflow_provider_binance_liq.demo.configuration import ACCEPTED, ACCOUNT, DAG_ID, configure_airflow
from airflow_provider_binance_liq.demo.console import labelled
from airflow_provider_binance_liq.demo.directory import Directory
from airflow_provider_binance_liq.demo.environment import HOST, PARALLELISM, Port, airflow_environment
from airflow_provider_binance_liq.demo.failure import DemoFailed, Interrupted
from airflow_provider_binance_liq.demo.login import Login
from airflow_provider_binance_liq.demo.postgres import PostgresServer
from airflow_provider_binance_liq.demo.processes import Processes
from airflow_provider_binance_liq.demo.progress import failures, follow
from airflow_provider_binance_liq.demo.report import Report, read_warehouse, request_line
from airflow_provider_binance_liq.demo.rest import AirflowApi
from airflow_provider_binance_liq.demo.tail import tail
from airflow_provider_binance_liq.simulator import Settings, Simulator

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from airflow_provider_binance_liq.demo.console import Console
    from airflow_provider_binance_liq.demo.days import Days
    from airflow_provider_binance_liq.demo.interrupts import Interrupts
    from airflow_provider_binance_liq.demo.processes import Child
    from airflow_provider_binance_liq.demo.progress import Progress

_BACKFILL_LIMIT_S: Final = 900.0
_HISTORY_LIMIT_S: Final = 120.0
_POLL_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for."""

    directory: Path | None
    port: int | None
    days: int
    seed: int
    cascade_rows: int
    #: whether everything stays up once the backfill is done
    stay: bool


@dataclass(frozen=True, slots=True)
class _Running:
    """What runs once everything is up."""

    simulator: Simulator
    processes: Processes
    api: AirflowApi
    url: str
    login: Login


class Demo:
    """One run of the demo, step by step."""

    def __init__(self, options: Options, console: Console, interrupts: Interrupts) -> None:
        self._options = options
        self._console = console
        self._interrupts = interrupts
        self._days = days.latest(datetime.now(UTC), options.days)
        self._begun = time.monotonic()
        #: whether the warehouse holds what the exchange has
        self._succeeded = False

    def run(self) -> int:
        """Run the demo to its end, stop all that it started, and return its exit status."""
        with ExitStack() as stack:
            with self._interrupts.held():
                port = Port.take(self._options.port)
                stack.callback(port.release)
                directory = stack.enter_context(Directory.take(self._options.directory))
                stack.push(lambda kind, *_: self._leave(directory, kind))
            directory.note(ui=_url(port))
            return self._run_in(directory, port)

    def _run_in(self, directory: Directory, port: Port) -> int:
        with ExitStack() as stack:
            try:
                running = self._start(stack, directory, port)
                progress = self._backfill(running)
                faults = [*failures(directory.logs, DAG_ID, progress), *self._check(running, directory)]
                self._succeeded = not faults
                self._conclude(directory, faults)
                if self._options.stay:
                    self._stay(running, directory)
            except Interrupted as interruption:
                self._console.say(f"Interrupted ({interruption.name}).")
                raise
            except DemoFailed as failure:
                self._explain(failure)
                raise
            finally:
                self._interrupts.ignore()
                self._console.say("Stopping Airflow, PostgreSQL and the exchange ...")
        return 0 if self._succeeded else 1

    # ---- starting

    def _start(self, stack: ExitStack, directory: Directory, port: Port) -> _Running:
        dags = airflow.sample_dags()
        simulator = self._start_simulator(stack)
        processes, database_url = self._start_postgres(stack, directory)
        login = Login.make(directory.airflow_home)
        environment = airflow_environment(
            os.environ,
            home=directory.airflow_home,
            logs=directory.logs,
            dags=dags,
            database_url=database_url,
            port=port.number,
            login=login,
        )
        # Meanwhile: it needs none of Airflow's components.
        earlier = self._start_history(processes, environment, simulator, directory)
        api = AirflowApi(_url(port))
        stack.callback(api.close)
        self._start_airflow(processes, environment, api, login)
        running = _Running(simulator, processes, api, _url(port), login)
        configure_airflow(api, simulator, directory)
        self._finish_history(processes, earlier)
        return running

    def _start_simulator(self, stack: ExitStack) -> Simulator:
        settings = Settings(
            seed=self._options.seed,
            accounts=(ACCOUNT,),
            # As long as the backfill: so one of its days has a cascade, whatever the date.
            cascade_every=self._options.days,
            cascade_rows=self._options.cascade_rows,
        )
        with self._console.phase("Exchange", "starting") as outcome:
            simulator = stack.enter_context(Simulator(settings, port=0))
            outcome.append(f"simulated at {simulator.url}, its history has the seed {settings.seed}")
        return simulator

    def _start_postgres(self, stack: ExitStack, directory: Directory) -> tuple[Processes, str]:
        with self._console.phase("PostgreSQL", "starting") as outcome:
            held = self._interrupts.held
            processes = Processes(directory.path, directory.logs, directory.lock, held)
            with held():
                stack.enter_context(processes)
                postgres = PostgresServer(processes)
            postgres.start()
            outcome.append("ready to hold Airflow's metadata")
        return processes, postgres.url

    def _start_airflow(
        self, processes: Processes, environment: dict[str, str], api: AirflowApi, login: Login
    ) -> None:
        with self._console.phase("Airflow", "creating its tables") as outcome:
            airflow.create_tables(processes, environment)
            outcome.append("tables created")
        with self._console.phase("Airflow", "starting its four components") as outcome:
            airflow.start_components(processes, environment)
            airflow.wait_until_healthy(processes, api, self._show("Airflow"))
            api.sign_in(login)
            airflow.wait_for_dag(processes, api, DAG_ID)
            outcome.append("API server, scheduler, DAG processor and triggerer are healthy")

    def _start_history(
        self, processes: Processes, environment: dict[str, str], simulator: Simulator, directory: Directory
    ) -> Child:
        lake = f"file://{directory.lake}"
        command = history.command(simulator.settings, self._days, lake, ACCEPTED)
        # A demo that is ended early kills it: what it keeps on the way goes with the demo's directory.
        scratch = {"TMPDIR": str(directory.airflow_home)}
        return processes.start("earlier-days", command, environment | scratch, ends=True)

    def _finish_history(self, processes: Processes, earlier: Child) -> None:
        with self._console.phase("Lake", "extracting what it has from before") as outcome:
            processes.wait_for_end(earlier, limit_s=_HISTORY_LIMIT_S)
            extracted = history.EarlierDays.before(self._days).extracted
            outcome.append(f"{history.ENDPOINT} of {len(extracted)} earlier days is there already")

    # ---- the backfill

    def _backfill(self, running: _Running) -> Progress:
        api, wanted = running.api, self._days
        with self._console.phase("Backfill", f"{wanted.first} to {wanted.last}") as outcome:
            planned = api.dry_run(DAG_ID, wanted, at_once=PARALLELISM)
            if planned != len(wanted):
                message = (
                    f"Airflow plans {planned} runs for the {len(wanted)} days {wanted.first} to {wanted.last}"
                )
                raise DemoFailed(message)
            # Created first: unpausing would otherwise add a run of its own for yesterday.
            api.create_backfill(DAG_ID, wanted, at_once=PARALLELISM)
            api.unpause(DAG_ID)
            show = self._show("Backfill")
            progress = follow(running.processes, api, DAG_ID, planned, show, _BACKFILL_LIMIT_S)
            outcome.append(f"{wanted.first} to {wanted.last}: {progress}")
        return progress

    def _check(self, running: _Running, directory: Directory) -> list[str]:
        """Show what is in the warehouse, and return what is wrong with it."""
        if not directory.warehouse.exists():
            return [f"There is no warehouse at {directory.warehouse}: no run has loaded anything."]
        with self._console.phase("Check", "comparing") as outcome:
            warehouse = read_warehouse(directory.warehouse)
            # Where midnight has passed, Airflow has added the run of the day that is over since then.
            wanted = self._days.through(window.day for window in warehouse.windows)
            cascades = running.simulator.cascade_days(wanted.start_ms, wanted.end_ms)
            exchange = _history(running.simulator, wanted)
            report = Report(wanted, cascades, exchange, warehouse)
            outcome.append("every row of the warehouse compared with the exchange's own history")
        left_out = str(history.EarlierDays.before(self._days))
        for line in (*report.lines(), request_line(running.simulator.stats), left_out):
            self._console.say(line)
        return report.faults()

    def _conclude(self, directory: Directory, faults: list[str]) -> None:
        self._console.say()
        for line in faults:
            self._console.say(line)
        if faults:
            self._console.say(f"\nThe result is not as expected. Logs: {directory.logs}")
        self._console.say(f"Done after {time.monotonic() - self._begun:.0f} s.")

    def _stay(self, running: _Running, directory: Directory) -> None:
        """Keep everything running until a signal ends it, which is then the normal end."""
        login = running.login
        kept = "removes all that" if directory.temporary else f"keeps what is in {directory.path}"
        for line in (
            "",
            f"Airflow's pages:    {running.url}",
            f"Sign in there as:   {login.user}, password {login.password}   (made for this demo alone)",
            f"             or as: {login.viewer}, password {login.viewer_password}   (who may only look)",
            f"What is missing:    {running.url}/plugin/binance-liq-nav   (and how to backfill it)",
            f"The backfill there: {running.url}/dags/{DAG_ID}/backfills",
            f"The connection:     {running.url}/connections   (with a button to test it)",
            f"Objects, manifests: {directory.lake}",
            f"Warehouse (DuckDB): {directory.warehouse}",
            f"Ctrl-C stops everything and {kept}.",
        ):
            self._console.say(line)
        with suppress(Interrupted):
            while True:
                running.processes.check()
                time.sleep(_POLL_S)

    # ---- the end

    def _explain(self, failure: DemoFailed) -> None:
        self._console.say()
        if failure.log is not None:
            self._console.say(f"The end of {failure.log}:")
            for line in tail(failure.log):
                self._console.say(f"    {line}")

    def _leave(self, directory: Directory, raised: type[BaseException] | None) -> None:
        # Its files are of no more use: all went well, or a person ended it or closed its output.
        done = self._succeeded if raised is None else issubclass(raised, Interrupted | BrokenPipeError)
        if directory.temporary and done:
            directory.remove()
        else:
            self._console.say(f"Logs and data are kept in {directory.path}")

    def _show(self, label: str) -> Callable[[str], None]:
        return lambda text: self._console.progress(labelled(label, text))


def _history(simulator: Simulator, wanted: Days) -> dict[str, list[str]]:
    """Return the text of every row that the exchange has, per endpoint."""
    between = {"start_ms": wanted.start_ms, "end_ms": wanted.end_ms}
    return {
        name: [body.decode() for body in simulator.truth(name, account=ACCOUNT, **between)]
        for name in WITH_ORDERS
    }


def _url(port: Port) -> str:
    return f"http://{HOST}:{port.number}"
