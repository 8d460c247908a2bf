"""Loads a large object as this provider does, as hand-written SQL does, and as dlt does; prints a table.

    uv run --group peers python tests/benchmarks/loads.py --rows 1000000 --runs 3

Every contender goes through the same scenarios in a process of its own, into a database of its own. They take
turns, run after run, so that a machine that slows down slows all of them. What is imported is imported before
the clock starts. The hand-written SQL makes the same table of the same file, and checks nothing; dlt keeps
the exchange's own fields and types, without the row's text, which is less work than the others do.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from abc import ABC, abstractmethod
from contextlib import ExitStack, closing, contextmanager, nullcontext
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

import psutil

from airflow_provider_binance_liq.core.manifest import (
    Manifest,
    ManifestFilters,
    ManifestObject,
    ManifestWindow,
    Proof,
    from_dict,
)
from airflow_provider_binance_liq.demo import postgres as programs
from airflow_provider_binance_liq.lake import draft
from airflow_provider_binance_liq.simulator.records import Amount, make_row
from airflow_provider_binance_liq.simulator.symbols import LASTING
from airflow_provider_binance_liq.warehouse import duckdb as on_duckdb
from airflow_provider_binance_liq.warehouse import postgres as on_postgres
from airflow_provider_binance_liq.warehouse import sql
from airflow_provider_binance_liq.warehouse.load import load
from airflow_provider_binance_liq.warehouse.postgres.indexes import indexes_of
from airflow_provider_binance_liq.warehouse.tables import LIQUIDATIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from airflow_provider_binance_liq.warehouse.schema import Types

    Report = dict[str, Any]

ENGINES: Final = ("duckdb", "postgres")
#: dlt: rows as Python values, as its filesystem source reads them; dlt-arrow: as Arrow tables
CONTENDERS: Final = ("ours", "hand", "dlt", "dlt-arrow")
#: what each object is, in the order in which they are loaded
SCENARIOS: Final = {
    "first load": "every row is new",
    "unchanged": "the very object again: nothing is read, nothing written",
    "reload": "the same rows and one more, extracted later",
    "replacement": "the same rows, each with a newer update and other content",
}
START_MS: Final = 1_791_590_400_000
DAY_MS: Final = 86_400_000
CONN_ID: Final = "benchmark"
SETTINGS: Final = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "shared_buffers": "256MB",
    "max_wal_size": "16GB",
}
_MB: Final = 1024 * 1024


# The objects


def rows(count: int, *, update: int = 0) -> Iterator[str]:
    """Spell USD-M rows of one day as the simulator does; each `update` is one second and other amounts."""
    draw = random.Random(7)
    for number in range(count):
        market = draw.choice(LASTING["um"])
        price, qty = market.price * draw.uniform(0.97, 1.03), draw.randint(1, 90_000) / 1000 + update
        adl, at = draw.random() < 0.12, START_MS + number * (DAY_MS - 60_000) // count
        row = make_row(
            "usdm_futures",
            orderId=market.first_order_id + 17 * number,
            symbol=market.symbol,
            pair=market.pair,
            clientOrderId="adl_autoclose" if adl else f"autoclose-{at}{draw.randrange(10**6):06}",
            price=Amount(f"{price:.5f}"),
            avgPrice=Amount(f"{price * 1.001:.7f}"),
            origQty=Amount(f"{qty:.3f}"),
            executedQty=Amount(f"{qty:.3f}"),
            cumQuote=Amount(f"{price * 1.001 * qty:.6f}"),
            cumBase=Amount(f"{qty:.3f}"),
            side=draw.choice(("SELL", "BUY")),
            time=at,
            updateTime=at + draw.randrange(60) + 1000 * update,
        )
        yield json.dumps(row, ensure_ascii=False, separators=(",", ":"))


def lay(directory: Path, name: str, bodies: Iterator[str], extracted_at: str) -> Manifest:
    """Write an object and its manifest."""
    written = draft(map(str.encode, bodies), directory)
    path = written.path.rename(directory / f"{name}.ndjson")
    manifest = Manifest(
        endpoint="usdm_futures",
        account="desk",
        window=ManifestWindow("2026-10-10T00:00:00Z", "2026-10-11T00:00:00Z"),
        filters=ManifestFilters(),
        object=ManifestObject(f"file://{path}", written.rows, written.bytes, written.sha256),
        proof=Proof(complete=True, pages=1, requests=1, weight=50, method="a page shorter than 100"),
        extracted_at=extracted_at,
        provider_version="0",
    )
    path.with_suffix(".manifest.json").write_text(manifest.to_json(), encoding="utf-8")
    return manifest


def lay_all(directory: Path, count: int) -> dict[str, Manifest]:
    """Lay down what each scenario loads."""
    directory.mkdir()
    first = lay(directory, "first", rows(count), "2026-10-11T00:05:00Z")
    return {
        "first load": first,
        "unchanged": first,
        "reload": lay(directory, "reload", _and_one_more(count), "2026-10-12T00:05:00Z"),
        "replacement": lay(directory, "replacement", rows(count, update=1), "2026-10-13T00:05:00Z"),
    }


def _and_one_more(count: int) -> Iterator[str]:
    yield from rows(count)
    at = START_MS + DAY_MS - 1
    yield json.dumps(make_row("usdm_futures", orderId=1, time=at), separators=(",", ":"))


def _path(manifest: Manifest) -> Path:
    return Path(manifest.object.uri.removeprefix("file://"))


# The contenders


class Contender(ABC):
    """Loads manifests into a database."""

    #: whether it knows an object that it has loaded
    skips = False
    table = LIQUIDATIONS.name
    #: key, amounts and update of every row, however they are stored
    content = (
        "symbol, order_id, CAST(avg_price AS numeric(38,18)), CAST(executed_qty AS numeric(38,18)), "
        "CAST(round(extract(epoch FROM updated_at) * 1000) AS bigint)"
    )
    #: every column but when it was loaded
    columns = ", ".join(name for name in LIQUIDATIONS.names if name != "loaded_at")

    def __init__(self, engine: str, database: str) -> None:
        self.engine = engine
        #: a path, or the name of a PostgreSQL database and its socket's directory, `name@directory`
        self.database = database
        import_module("duckdb" if engine == "duckdb" else "psycopg")

    @abstractmethod
    def load(self, manifest: Manifest) -> None:
        """Load an object."""

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """Read what is there."""
        with closing(self.connect()) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            found: list[tuple[Any, ...]] = connection.execute(statement).fetchall()
            return found

    def connect(self) -> Any:
        """Open the database."""
        if self.engine == "duckdb":
            import duckdb

            return duckdb.connect(self.database)
        import psycopg

        name, _, socket = self.database.partition("@")
        return psycopg.connect(host=socket, user="tester", dbname=name)

    def settle(self) -> None:
        """Leave nothing to be written while the next one is measured."""
        with closing(self.connect()) as connection:
            connection.execute("CHECKPOINT")

    def kept(self) -> Report:
        """Tell what is there: how many rows, and digests of them."""
        return {
            "rows": self.query(f"SELECT count(*) FROM {self.table}")[0][0],
            "content": self._digest(self.content),
            "columns": self._digest(self.columns) if self.columns else None,
        }

    def _digest(self, columns: str) -> str:
        # Sorted here: engines sort non-ASCII texts by their own rules.
        found = sorted(map(str, self.query(f"SELECT {columns} FROM {self.table}")))
        return hashlib.sha256("\n".join(found).encode()).hexdigest()


class Ours(Contender):
    """This provider, with all of its checks."""

    skips = True

    def __init__(self, engine: str, database: str) -> None:
        super().__init__(engine, database)
        # A task has imported Airflow long before it loads.
        from airflow_provider_binance_liq.lake import open_destination

        open_destination("file:///")
        if engine == "postgres":
            import_module("airflow.providers.postgres.hooks.postgres")

    def load(self, manifest: Manifest) -> None:
        load(self._engine(), manifest)

    def _engine(self) -> Any:
        if self.engine == "duckdb":
            return on_duckdb.DuckDB(self.database)
        name, _, socket = self.database.partition("@")
        fields = {"conn_type": "postgres", "host": socket, "login": "tester", "schema": name}
        os.environ[f"AIRFLOW_CONN_{CONN_ID.upper()}"] = json.dumps(fields)
        return on_postgres.Postgres(CONN_ID)


class Hand(Contender):
    """The best SQL that we can write for this table, and nothing but it."""

    def load(self, manifest: Manifest) -> None:
        with closing(self.connect()) as connection:
            (self._duckdb if self.engine == "duckdb" else self._postgres)(connection, manifest)
            connection.commit()

    def _duckdb(self, connection: Any, manifest: Manifest) -> None:
        connection.begin()
        connection.execute(sql.create_table(LIQUIDATIONS, on_duckdb.TYPES))
        fields = json.dumps(_fields(on_duckdb.TYPES))
        source = (
            f"SELECT json::VARCHAR AS raw, unnest(from_json(json, '{fields}')) FROM read_ndjson_objects(?)"
        )
        values = _values(manifest, 'make_timestamptz("{}" * 1000)', "make_timestamptz({} * 1000)")
        connection.execute(_upsert(values, f"({source})"), [str(_path(manifest))])

    def _postgres(self, connection: Any, manifest: Manifest) -> None:
        connection.execute(sql.create_table(LIQUIDATIONS, on_postgres.TYPES))
        # The same table: what indexes cost is not what a load does.
        for name, columns in indexes_of(LIQUIDATIONS).items():
            connection.execute(
                f"CREATE INDEX IF NOT EXISTS {name} ON {LIQUIDATIONS.name} ({', '.join(columns)})"
            )
        connection.execute("CREATE TEMP TABLE lines (raw text) ON COMMIT DROP")
        # Neither character is in a JSON text, so that every line is one value, taken as it is.
        copying = r"COPY lines FROM STDIN (FORMAT csv, DELIMITER E'\x01', QUOTE E'\x02', ENCODING 'UTF8')"
        with (
            _path(manifest).open("rb") as file,
            connection.cursor() as cursor,
            cursor.copy(copying) as copy,
        ):
            while chunk := file.read(_MB):
                copy.write(chunk)
        fields = ", ".join(f'"{name}" {kind}' for name, kind in _fields(on_postgres.TYPES).items())
        source = f"lines CROSS JOIN LATERAL json_to_record(raw::json) AS fields({fields})"
        values = _values(manifest, 'to_timestamp("{}" / 1000.0)', "to_timestamp({} / 1000.0)")
        connection.execute(_upsert(values, source))


def _fields(types: Types) -> dict[str, str]:
    """Return the exchange's fields and their types; instants are numbers there."""
    return {
        field: types["int64" if column.kind.startswith("instant") else column.kind]
        for column in LIQUIDATIONS.of("row")
        for field in column.fields
    }


def _values(manifest: Manifest, instant: str, given: str) -> dict[str, str]:
    """Return the expression of every column."""
    values = {}
    for column in LIQUIDATIONS.of("row"):
        form = instant if column.kind.startswith("instant") else '"{}"'
        found = [form.format(field) for field in column.fields]
        values[column.name] = found[0] if len(found) == 1 else f"coalesce({', '.join(found)})"
    at = datetime.fromisoformat(manifest.extracted_at).timestamp()
    constants = {"account": manifest.account, "endpoint": manifest.endpoint}
    constants |= {"object_sha256": manifest.object.sha256, "quantity_unit": "BASE"}
    return values | {
        **{name: f"'{value}'" for name, value in constants.items()},
        "close_type": (
            "CASE WHEN \"clientOrderId\" LIKE 'autoclose-%' THEN 'LIQUIDATION' "
            "WHEN \"clientOrderId\" LIKE 'adl^_autoclose%' ESCAPE '^' THEN 'ADL' ELSE 'OTHER' END"
        ),
        "raw": "raw",
        "extracted_at": given.format(f"{round(at * 1000)}::bigint"),
        "loaded_at": "now()",
    }


def _upsert(values: dict[str, str], source: str) -> str:
    selected = ", ".join(f"{values[name]} AS {name}" for name in LIQUIDATIONS.names)
    rest = [name for name in LIQUIDATIONS.names if name not in LIQUIDATIONS.key]
    return (
        f"INSERT INTO {LIQUIDATIONS.name} AS known SELECT {selected} FROM {source}\n"
        f"ON CONFLICT ({', '.join(LIQUIDATIONS.key)}) DO UPDATE SET "
        f"{', '.join(f'{name} = excluded.{name}' for name in rest)}\n"
        "WHERE excluded.updated_at > known.updated_at "
        "OR (excluded.updated_at = known.updated_at AND excluded.extracted_at > known.extracted_at)"
    )


class Dlt(Contender):
    """dlt's merge of what its filesystem source reads."""

    strategy = "upsert"
    #: what each engine reads fastest; INSERT statements, the default, take several times as long
    formats: Final = {"duckdb": "parquet", "postgres": "csv"}
    table = "benchmark.binance_liquidations"
    content = (
        "symbol, order_id, CAST(avg_price AS numeric(38,18)), CAST(executed_qty AS numeric(38,18)), "
        "update_time"
    )
    columns = ""

    def __init__(self, engine: str, database: str) -> None:
        super().__init__(engine, database)
        import dlt
        import dlt.sources.filesystem

        import_module("pyarrow.json")  # what is imported later would be counted

        url = self.database
        if engine == "postgres":
            name, _, socket = self.database.partition("@")
            # It will not do without a password and a host; the server asks for neither.
            url = f"postgresql://tester:unused@localhost/{name}?host={socket}"
        os.environ["NORMALIZE__WORKERS"] = str(os.cpu_count())
        os.environ["DATA_WRITER__FILE_MAX_ITEMS"] = "100000"
        self.pipeline = dlt.pipeline(
            "benchmark",
            pipelines_dir=os.environ["AIRFLOW_HOME"],
            destination=getattr(dlt.destinations, engine)(url),
            dataset_name="benchmark",
        )

    def load(self, manifest: Manifest) -> None:
        resource = self.read(_path(manifest))
        disposition = {"disposition": "merge", "strategy": self.strategy}
        resource.apply_hints(write_disposition=disposition, primary_key=("symbol", "orderId"))
        done = self.pipeline.run(
            resource, table_name="binance_liquidations", loader_file_format=self.formats[self.engine]
        )
        done.raise_on_failed_jobs()

    def read(self, path: Path) -> Any:
        from dlt.sources.filesystem import filesystem, read_jsonl

        found = filesystem(bucket_url=path.parent.as_uri(), file_glob=path.name)
        return found | read_jsonl(chunksize=10_000)


class DltArrow(Dlt):
    """dlt's merge of Arrow tables, which spare it the walk over every value."""

    def read(self, path: Path) -> Any:
        import dlt
        from pyarrow import json as arrow_json

        options = arrow_json.ReadOptions(block_size=16 * _MB)

        @dlt.resource
        def liquidations() -> Iterator[Any]:
            with arrow_json.open_json(path, read_options=options) as reader:
                yield from reader

        return liquidations()


_CLASSES: Final[dict[str, type[Contender]]] = {"ours": Ours, "hand": Hand, "dlt": Dlt, "dlt-arrow": DltArrow}


# One contender, in a process of its own


class Meter:
    """Wall and processor time of this process, its children and the server's, and the server's memory."""

    def __init__(self, server: int | None) -> None:
        self._server = psutil.Process(server) if server else None
        self._done = threading.Event()
        self.server_mb = 0

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Look at the server's memory now and then."""
        thread = threading.Thread(target=self._watch, daemon=True)
        thread.start()
        yield
        self._done.set()
        thread.join()

    def _watch(self) -> None:
        while self._server and not self._done.wait(0.2):
            self.server_mb = max(self.server_mb, sum(map(_own_mb, self._processes())))

    def _processes(self) -> list[psutil.Process]:
        return [self._server, *self._server.children(recursive=True)] if self._server else []

    def measure(self, work: Callable[[], None]) -> Report:
        """Do it."""
        processor, began = self._processor_s(), time.perf_counter()
        work()
        return {"seconds": time.perf_counter() - began, "cpu": self._processor_s() - processor}

    def _processor_s(self) -> float:
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        spent = sum(one.ru_utime + one.ru_stime for one in used)
        for process in self._processes():
            try:
                spent += sum(process.cpu_times()[:4])
            except psutil.NoSuchProcess:
                continue
        return spent


def _own_mb(process: psutil.Process) -> int:
    try:
        memory = process.memory_info()
    except psutil.NoSuchProcess:
        return 0
    return int(memory.rss - memory.shared) // _MB


def compete(task: Report) -> Report:
    """Let one contender go through the scenarios."""
    meter = Meter(task["server"])
    contender = _CLASSES[task["contender"]](task["engine"], task["database"])
    figures, kept = {}, {}
    with meter.watching():
        for name, plain in task["manifests"].items():
            if name == "unchanged" and not contender.skips:
                continue
            manifest = from_dict(plain)
            figures[name] = meter.measure(partial(contender.load, manifest))
            if task["check"]:
                kept[name] = contender.kept()
            contender.settle()
    most = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return {"figures": figures, "kept": kept, "mb": most // 1024, "server_mb": meter.server_mb}


# All of them


@dataclass(frozen=True)
class Server:
    """A PostgreSQL server, reached by a Unix socket."""

    socket: Path
    pid: int

    def run(self, statement: str) -> None:
        import psycopg

        with psycopg.connect(host=str(self.socket), user="tester", dbname="postgres", autocommit=True) as one:
            one.execute(statement)


@contextmanager
def running_server() -> Iterator[Server]:
    """Start a PostgreSQL of its own, and end it."""
    owner = programs._unprivileged() if os.geteuid() == 0 else None
    root = programs._new_directory(owner)
    user = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []} if owner else {}
    options: dict[str, Any] = {"env": {"PATH": os.environ["PATH"], "LC_ALL": "C", "TZ": "UTC"}, "cwd": root}
    try:
        found = programs._programs(root, owner)
        initdb = [found / "initdb", "--auth=trust", "--username=tester", "--encoding=UTF8", "--locale=C"]
        initdb += ["--no-sync", f"--pgdata={root / 'data'}"]
        subprocess.run(initdb, check=True, capture_output=True, **options, **user)
        settings = SETTINGS | {"unix_socket_directories": str(root)}
        command = [found / "postgres", "-D", root / "data"]
        command += [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with (root / "log").open("wb") as log:
            process = subprocess.Popen(
                command, stdout=log, stderr=log, start_new_session=True, **options, **user
            )
        try:
            _wait_until_ready(root, process)
            yield Server(root, process.pid)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _wait_until_ready(root: Path, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        with_status = root / "data" / "postmaster.pid"
        if with_status.exists() and "ready" in with_status.read_text():
            return
        time.sleep(0.05)
    raise RuntimeError((root / "log").read_text())


@contextmanager
def a_database(engine: str, server: Server | None, directory: Path) -> Iterator[str]:
    """Make an empty database, and remove it."""
    if server is None or engine == "duckdb":
        yield str(directory / "liquidations.duckdb")
    else:
        server.run("CREATE DATABASE contender")
        yield f"contender@{server.socket}"
        server.run("DROP DATABASE contender WITH (FORCE)")


def let_compete(
    contender: str, engine: str, server: Server | None, manifests: dict[str, Manifest], *, check: bool
) -> Report:
    """Start a process for one contender, and return what it reports."""
    with tempfile.TemporaryDirectory(prefix="loads-") as directory:
        with a_database(engine, server, Path(directory)) as database:
            task = {
                "contender": contender,
                "engine": engine,
                "database": database,
                "server": server.pid if server and engine == "postgres" else None,
                "manifests": {name: manifest.to_dict() for name, manifest in manifests.items()},
                "check": check,
            }
            kept = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW__")}
            ran = subprocess.run(
                [sys.executable, __file__, "--compete"],
                input=json.dumps(task),
                env=kept | {"AIRFLOW_HOME": directory, "RUNTIME__DLTHUB_TELEMETRY": "false"},
                cwd=directory,
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
        report: Report = json.loads(ran.stdout.splitlines()[-1])
        return report


def benchmark(
    count: int,
    runs: int,
    engines: Sequence[str] = ENGINES,
    contenders: Sequence[str] = CONTENDERS,
    *,
    dlt_rows: int | None = None,
    check: bool = False,
) -> list[Report]:
    """Let everybody compete, in turn; return a report of each, with its engine, contender and rows."""
    found = []
    with tempfile.TemporaryDirectory(prefix="loads-") as made, ExitStack() as stack:
        sizes = {name: min(count, dlt_rows or count) if "dlt" in name else count for name in contenders}
        objects = {size: lay_all(Path(made) / str(size), size) for size in set(sizes.values())}
        server = stack.enter_context(running_server() if "postgres" in engines else nullcontext())
        for _ in range(runs):
            for engine in engines:
                for name in contenders:
                    report = let_compete(name, engine, server, objects[sizes[name]], check=check)
                    found.append({"engine": engine, "contender": name, "count": sizes[name], **report})
                    sys.stderr.write(f"{_said(found[-1])}\n")
    return found


def _said(report: Report) -> str:
    figures = ", ".join(
        f"{name} {one['seconds']:.1f} s ({one['cpu']:.1f} s of processor)"
        for name, one in report["figures"].items()
    )
    return f"{report['engine']} {report['contender']}: {figures}"


# The table


@dataclass(frozen=True)
class Line:
    """What one contender took for one scenario, over all runs; seconds, and ratios to ours per row."""

    engine: str
    scenario: str
    contender: str
    rows: int
    rows_per_s: int
    seconds: float
    shortest: float
    longest: float
    cpu_s: float
    ratio: float
    cpu_ratio: float
    mb: int
    server_mb: int


def summarize(reports: Sequence[Report]) -> list[Line]:
    """Take the medians."""
    lines: list[Line] = []
    names = {(one["engine"], one["contender"]): None for one in reports}
    for engine in dict.fromkeys(engine for engine, _ in names):
        for scenario in SCENARIOS:
            own = [_line(reports, engine, name, scenario) for of, name in names if of == engine]
            lines += _compared([line for line in own if line is not None])
    return lines


def _line(reports: Sequence[Report], engine: str, contender: str, scenario: str) -> Line | None:
    mine = [one for one in reports if (one["engine"], one["contender"]) == (engine, contender)]
    figures = [one["figures"][scenario] for one in mine if scenario in one["figures"]]
    if not figures:
        return None
    seconds, count = [one["seconds"] for one in figures], mine[0]["count"]
    return Line(
        engine=engine,
        scenario=scenario,
        contender=contender,
        rows=count,
        rows_per_s=round(count / median(seconds)),
        seconds=median(seconds),
        shortest=min(seconds),
        longest=max(seconds),
        cpu_s=median(one["cpu"] for one in figures),
        ratio=1,
        cpu_ratio=1,
        mb=max(one["mb"] for one in mine),
        server_mb=max(one["server_mb"] for one in mine),
    )


def _compared(lines: list[Line]) -> list[Line]:
    """Say how much longer each takes for a row than the first of them."""
    if not lines:
        return []
    wall, cpu = (lines[0].seconds / lines[0].rows, lines[0].cpu_s / lines[0].rows)
    return [
        Line(
            **asdict(line)
            | {"ratio": line.seconds / line.rows / wall, "cpu_ratio": line.cpu_s / line.rows / cpu}
        )
        for line in lines
    ]


def table(lines: Sequence[Line]) -> str:
    """Write the figures as Markdown."""
    head = (
        "| engine | scenario | contender | rows | rows/s | s (min..max) | processor s | time per row to ours "
        "| processor to ours | peak MB (+ server) |\n|---|---|---|---:|---:|---:|---:|---:|---:|---:|\n"
    )
    return head + "".join(
        f"| {one.engine} | {one.scenario} | {one.contender} | {one.rows:,} | {one.rows_per_s:,} "
        f"| {one.seconds:.1f} ({one.shortest:.1f}..{one.longest:.1f}) | {one.cpu_s:.1f} | {one.ratio:.2f} "
        f"| {one.cpu_ratio:.2f} | {one.mb} + {one.server_mb} |\n"
        for one in lines
    )


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--dlt-rows", type=int, help="fewer rows for dlt, which takes long; rows/s compare")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--engine", choices=ENGINES, action="append")
    parser.add_argument("--contenders", default=",".join(CONTENDERS))
    parser.add_argument("--json", action="store_true", help="print the figures of every run, not a table")
    parser.add_argument("--compete", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.compete:
        sys.stdout.write(f"\n{json.dumps(compete(json.load(sys.stdin)))}\n")
        return
    reports = benchmark(
        given.rows, given.runs, given.engine or ENGINES, given.contenders.split(","), dlt_rows=given.dlt_rows
    )
    sys.stdout.write(json.dumps(reports, indent=2) if given.json else table(summarize(reports)))


if __name__ == "__main__":
    main(sys.argv[1:])
