"""The routes of the coverage page. Only what holds no data can be read without a token.

An app that is mounted below Airflow's inherits no authentication, so each route asks for a user who may see
plugins and may read the DAG of the lake. Whatever fails is answered as `{"detail": ...}`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import date
from http import HTTPStatus
from typing import Annotated, Any, Final

import msgspec
from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import (
    AccessView,
    DagAccessEntity,
    DagDetails,
)
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag, requires_access_view
from fastapi import APIRouter, Body, Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, StreamingResponse

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
from airflow_provider_binance_liq.core.wording import unknown
from airflow_provider_binance_liq.exceptions import LiquidationsError, StorageError
from airflow_provider_binance_liq.lake import open_destination
from airflow_provider_binance_liq.lake.verify.findings import redact
from airflow_provider_binance_liq.ui.days import day_details
from airflow_provider_binance_liq.ui.document import Shown, document, read_history_id, without_connections
from airflow_provider_binance_liq.ui.estimates import estimate_days
from airflow_provider_binance_liq.ui.files import chunks, content_type, find_file
from airflow_provider_binance_liq.ui.lakes import Lake, read_lake
from airflow_provider_binance_liq.ui.names import DAGS, DEFAULT_DAG
from airflow_provider_binance_liq.ui.script import STATIC
from airflow_provider_binance_liq.ui.snapshots import Snapshots

#: by suffix, since FastAPI takes some of them for plain text
_STATIC_TYPES: Final = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".cjs": "text/javascript",
    ".css": "text/css",
    ".html": "text/html",
    ".svg": "image/svg+xml",
    ".json": "application/json",
    ".map": "application/json",
}
_PAGE_POLICY: Final = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
_NOSNIFF: Final = {"X-Content-Type-Options": "nosniff"}
_PRIVATE: Final = _NOSNIFF | {"Cache-Control": "no-store"}


def _now_ms() -> int:
    return int(time.time() * 1000)


def _lake(request: Request, user: GetUserDep, dag_id: str | None = None) -> Lake:
    """Return the lake of a DAG that the user may read."""
    requires_access_dag("GET", param_dag_id=dag_id or DEFAULT_DAG)(request, user)
    if dag_id and dag_id not in DAGS:
        raise HTTPException(HTTPStatus.NOT_FOUND, unknown("DAG with a lake", dag_id, DAGS))
    return read_lake(dag_id)


LakeDep = Annotated[Lake, Depends(_lake)]
Days = Annotated[list[date], Query(alias="day", min_length=1)]


@dataclass(frozen=True, slots=True)
class _Routes:
    """The routes, and what they keep between requests."""

    snapshots: Snapshots

    def coverage(self, lake: LakeDep, *, refresh: bool = False) -> Response:
        """Return what is proven, missing and lost, by day."""
        now_ms = _now_ms()
        expected = lake.expectation(now_ms)
        found = self.snapshots.of(lake.destination, refresh=refresh)
        shown = Shown(
            destination=lake.shown,
            as_of_ms=found.listed_at_ms,
            warn_days=lake.warn_days,
            dag_id=lake.dag_id,
            connections=lake.labels(),
            loads=self.snapshots.loads(lake.destination),
        )
        return _json(document(found.entries.values(), expected, shown))

    def day(self, lake: LakeDep, history: str, day: date) -> Response:
        """Return the windows of one day, with what their proofs rest on."""
        series = read_history_id(history)
        _check_endpoint(series.endpoint)
        entries = self.snapshots.of(lake.destination).entries.values()
        loads = self.snapshots.loads(lake.destination)
        return _json(day_details(open_destination(lake.destination), entries, series, day, loads))

    def file(self, lake: LakeDep, path: str) -> StreamingResponse:
        """Return an object or a manifest as a download."""
        found = find_file(open_destination(lake.destination), path)
        if found is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, f"there is no file {path!r} in the lake")
        headers = _PRIVATE | {"Content-Disposition": f'attachment; filename="{_plain(found.name)}"'}
        return StreamingResponse(chunks(found), media_type=content_type(found), headers=headers)

    def estimate(self, lake: LakeDep, user: GetUserDep, history: str, days: Days) -> Response:
        """Return what extracting days costs, and the backfills that do it."""
        return self._estimate(lake, user, history, days)

    def estimate_many(
        self,
        lake: LakeDep,
        user: GetUserDep,
        history: Annotated[str, Body()],
        days: Annotated[list[date], Body()],
    ) -> Response:
        """Return the same for more days than fit into an address."""
        return self._estimate(lake, user, history, days)

    def _estimate(self, lake: Lake, user: GetUserDep, history: str, days: list[date]) -> Response:
        from airflow_provider_binance_liq.dag_support.run_plan import greatest_share

        series = read_history_id(history)
        _check_endpoint(series.endpoint)
        conn_id = lake.labels().get(series.account)
        share = greatest_share([conn_id] if conn_id else [])
        found = estimate_days(series, days, lake, conn_id, share)
        return _json(found | {"may_backfill": _may_backfill(user, lake.dag_id)})


def static(name: str) -> FileResponse:
    """Return what the browser loads; nothing of it is data."""
    path = next((one for one in STATIC.iterdir() if one.name == name and one.suffix in _STATIC_TYPES), None)
    if path is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, f"there is no static file {name!r}")
    page = {"Content-Security-Policy": _PAGE_POLICY} if path.suffix == ".html" else {}
    headers = _NOSNIFF | {"Cache-Control": "no-cache"} | page
    return FileResponse(path, media_type=_STATIC_TYPES[path.suffix], headers=headers)


def make_app(snapshots: Snapshots | None = None) -> FastAPI:
    """Return the app."""
    routes = _Routes(snapshots or Snapshots(_now_ms))
    # Without pages that describe the routes to whoever asks.
    app = FastAPI(title="Coverage of Binance liquidations", openapi_url=None)
    router = APIRouter(dependencies=[Depends(requires_access_view(AccessView.PLUGINS))])
    router.get("/coverage")(routes.coverage)
    router.get("/day")(routes.day)
    router.get("/file")(routes.file)
    router.get("/estimate")(routes.estimate)
    router.post("/estimate")(routes.estimate_many)
    app.include_router(router)
    app.get("/static/{name}")(static)
    app.exception_handler(RequestValidationError)(_invalid)
    app.exception_handler(LiquidationsError)(_failed)
    return app


def _may_backfill(user: GetUserDep, dag_id: str | None) -> bool:
    """Whether Airflow lets a user create a backfill: a button that it will refuse need not be shown."""
    details = DagDetails(id=dag_id)
    return dag_id is not None and get_auth_manager().is_authorized_dag(
        method="POST", access_entity=DagAccessEntity.RUN, details=details, user=user
    )


def _check_endpoint(name: str) -> None:
    if name not in ENDPOINTS:
        raise HTTPException(HTTPStatus.NOT_FOUND, unknown("endpoint of the history", name, ENDPOINTS))


def _json(value: dict[str, Any]) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json", headers=_PRIVATE)


def _plain(name: str) -> str:
    """Return a file's name as it may stand in a header."""
    return "".join(one if one.isascii() and one not in '"\\' else "_" for one in name)


def _invalid(_: Request, error: Any) -> JSONResponse:
    said = "; ".join(f"{'.'.join(map(str, one['loc'][1:]))}: {one['msg']}" for one in error.errors())
    return JSONResponse({"detail": said}, HTTPStatus.UNPROCESSABLE_ENTITY, _PRIVATE)


def _failed(_: Request, error: Exception) -> JSONResponse:
    status = (
        HTTPStatus.SERVICE_UNAVAILABLE if isinstance(error, StorageError) else HTTPStatus.UNPROCESSABLE_ENTITY
    )
    return JSONResponse({"detail": without_connections(redact(str(error)))}, status, _PRIVATE)
