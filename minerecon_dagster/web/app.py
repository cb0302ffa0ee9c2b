"""The application: a route for each resource and each suffix, health, and the description of all of it."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping, MutableMapping
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from minerecon_dagster.charts import Drawer
from minerecon_dagster.warehouse.version import is_newer, newest_revision
from minerecon_dagster.web import answers, earlier, feed, openapi
from minerecon_dagster.web.answers import Answer, problem
from minerecon_dagster.web.database import (
    STATEMENT_TIMEOUT_S,
    Database,
    DatabaseDownError,
    OtherSchemaError,
    TooSlowError,
)
from minerecon_dagster.web.front import Access, Front, as_messages, deliver, earlier_error, key_of
from minerecon_dagster.web.metrics import MEDIA_TYPE, Metrics
from minerecon_dagster.web.pages import routes
from minerecon_dagster.web.question import NotAnsweredError
from minerecon_dagster.web.resources import RESOURCES, Resource
from minerecon_dagster.web.service import GoneError, OverloadedError, Service

_TITLES = {404: "Not Found", 406: "Not Acceptable", 422: "Unprocessable Content"}
_LOOPBACK = ("127.0.0.1", "::1")
_CLIENT_CLOSED = 499
"""As others' logs have it: no standard has a status that nobody gets."""
_UPGRADE = "`minerecon db upgrade` makes it so"
_UPDATE = "a newer version of this program has migrated it: update this one"
_OVERLOAD_S = 2
_DOWN_S = 5
DRAWN_WITHIN_S = 8.0
"""A page waits so long for a picture, other drawings included, and then says that its figures are in the table."""
_log = logging.getLogger("minerecon.web")


class _Whole(Response):
    """An `Answer` on its way out."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self._answer = answer

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG002 - as Starlette calls it
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        start, body = as_messages(self._answer, scope, headers)
        await deliver(start, body, send)


def build_app(
    database_url: str,
    access: Access | None = None,
    *,
    now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    beside: routes.Beside | None = None,
    drawing_at_once: bool = False,
) -> Front:
    """The application over a warehouse; it connects when it begins to serve.

    Args:
        database_url: of a login that may read, as ``postgresql://…``.
        access: who may ask; by default whoever reaches it by a local name.
        now: the clock.
        beside: what the pages serve and link to beside the warehouse.
        drawing_at_once: start what draws with the application, so that the first page does not wait for it.
    """
    access = access or Access()
    service = Service(Database(database_url), now)
    drawer = Drawer(time_out_s=DRAWN_WITHIN_S)
    app = FastAPI(
        title="minerecon", version=version("minerecon-dagster"), openapi_url=None, docs_url=None, redoc_url=None,
        redirect_slashes=False,  # a redirection would name the host that was asked for
        lifespan=partial(_while_serving, service, drawer, drawing_at_once),
    )  # fmt: skip
    app.add_exception_handler(HTTPException, _not_found)
    for resource in RESOURCES:
        for suffix in ("", *(f".{s}" for s in answers.TYPES)):
            path = "/api/v1/" + resource.path.replace("}", ":path}") + suffix  # a name may hold a slash
            app.add_route(path, partial(_resource, service, access, resource, suffix[1:]), methods=["GET"])
    for suffix in ("", *feed.TYPES):
        path = f"/api/v1/feed.{suffix}" if suffix else "/api/v1/feed"
        app.add_route(path, partial(_feed, service, access, suffix), methods=["GET"])
    for known in earlier.EARLIER:
        endpoint = partial(_earlier, service, known)
        app.add_route(known.path, endpoint, methods=["GET"])
        app.add_route(known.path + "/{days}", endpoint, methods=["GET"])
    app.add_route("/health", partial(_health, now()), methods=["GET"])
    app.add_route("/healthz", _alive, methods=["GET"])
    app.add_route("/readyz", partial(_ready, service), methods=["GET"])
    app.add_route("/openapi.json", partial(_described, service), methods=["GET"])
    metrics = Metrics()
    app.add_route("/metrics", partial(_counted, service, metrics), methods=["GET"])
    routes.register(app, service, access, answered, _Whole, drawer, beside or routes.Beside())

    def done(scope: Mapping[str, Any]) -> None:
        metrics.count(scope["minerecon"])
        _log_request(scope)

    return Front(app, service, access, done)


@contextlib.asynccontextmanager
async def _while_serving(service: Service, drawer: Drawer, drawing_at_once: bool, _app: FastAPI) -> AsyncIterator[None]:
    await service.look()
    watching = [asyncio.create_task(service.watch()), asyncio.create_task(service.listen())]
    if drawing_at_once:
        drawer.warm_up()  # it starts a process, and waits for nothing of it
    yield
    for task in watching:
        task.cancel()
    service.close()
    drawer.close()


async def _resource(service: Service, access: Access, resource: Resource, suffix: str, request: Request) -> Response:
    scope = request.scope
    scope["minerecon"]["route"] = f"/api/v1/{resource.path}"
    headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
    key = key_of(scope, headers)

    def made() -> Answer:
        chosen = suffix or accepted(headers.get(b"accept", ""))
        if chosen is None:
            raise NotAnsweredError(406, f"there are {', '.join(answers.TYPES.values())}", formats=list(answers.TYPES))
        query = scope["query_string"].decode("latin-1")
        return service.answer(resource, request.path_params, query, chosen, access.prefix)

    return _Whole(await answered(service, key, made, scope))


async def _feed(service: Service, access: Access, suffix: str, request: Request) -> Response:
    scope = request.scope
    scope["minerecon"]["route"] = "/api/v1/feed"
    headers = {name: value.decode("latin-1") for name, value in scope["headers"]}

    def made() -> Answer:
        chosen = suffix or accepted(headers.get(b"accept", ""), feed.TYPES)
        if chosen is None:
            raise NotAnsweredError(406, f"there are {', '.join(feed.TYPES.values())}", formats=list(feed.TYPES))
        query = scope["query_string"].decode("latin-1")
        kind, most = feed.read(query)
        started = time.perf_counter()
        with service.database.asking() as asking:
            found = feed.entries(asking, kind, most, service.now())
        sql_ms = (time.perf_counter() - started) * 1000
        root = f"{scope['scheme']}://{headers.get(b'host', '')}{access.prefix}"
        return replace(feed.as_answer(found, chosen, root, query), sql_ms=sql_ms)

    return _Whole(await answered(service, key_of(scope, headers), made, scope))


async def _earlier(service: Service, path: earlier.Earlier, request: Request) -> Response:
    scope = request.scope
    scope["minerecon"]["route"] = path.path
    headers = {name: value.decode("latin-1") for name, value in scope["headers"]}

    def made() -> Answer:
        query = scope["query_string"].decode("latin-1")
        try:
            asked = earlier.read(path, request.path_params.get("days"), query, service.newest_stored_day)
            started = time.perf_counter()
            with service.database.asking() as asking:
                answer = earlier.answer(path, asking, asked)
            return replace(answer, sql_ms=(time.perf_counter() - started) * 1000)
        except earlier.BadRequestError as error:
            return earlier_error(400, str(error))
        except earlier.NoDataError:
            return earlier_error(404, "No data available")

    answer = await answered(service, key_of(scope, headers), made, scope)
    if answer.media_type == answers.PROBLEM:
        about = json.loads(answer.body)
        answer = replace(earlier_error(answer.status, about["title"], about["detail"]), headers=answer.headers)
    return _Whole(answer)


async def _health(started_at: dt.datetime, request: Request) -> Response:
    request.scope["minerecon"]["route"] = "/health"
    body = json.dumps({"status": "ok", "startTime": f"{started_at.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%SZ}"}).encode()
    return _Whole(Answer(200, answers.media_type("json"), body))


async def answered(
    service: Service, key: tuple[str, ...], make: Callable[[], Answer], scope: MutableMapping[str, Any]
) -> Answer:
    """What ``make`` answers, and kept; or the problem that is in the way."""
    news = service.news
    service.counters.misses += 1
    scope["minerecon"]["cache"] = "miss"
    try:
        is_gone = Request(scope, scope["minerecon"]["receive"]).is_disconnected
        answer = await service.run(lambda: answers.compressed(make()) if key[3] else make(), is_gone)
        service.reached()
    except NotAnsweredError as error:
        return problem(error.status, _TITLES[error.status], str(error), **error.more)
    except OverloadedError:
        return _later(problem(503, "Service Unavailable", "too many requests wait already; come back"), _OVERLOAD_S)
    except GoneError:
        return problem(_CLIENT_CLOSED, "Client Closed Request", "whoever asked has gone; nobody reads this")
    except DatabaseDownError as error:
        service.not_reached(error)
        return _later(problem(503, "Service Unavailable", "the warehouse cannot be reached; come back"), _DOWN_S)
    except TooSlowError:
        detail = f"the answer took longer than {STATEMENT_TIMEOUT_S} s: ask for a shorter range"
        return problem(504, "Gateway Timeout", detail)
    except OtherSchemaError:
        remedy = _UPDATE if service.news and is_newer(service.news.revision) else _UPGRADE
        detail = f"the warehouse is not as this version needs it: {remedy}"
        return _later(problem(503, "Service Unavailable", detail), _DOWN_S)
    except Exception:  # noqa: BLE001 - the reader gets an id to ask by, and the log has the rest
        _log.exception("request %s", scope["minerecon"]["id"])
        return problem(500, "Internal Server Error", "something went wrong here, and was logged with the request's id")
    if answer.status == 200 and news == service.news:
        service.keep(key, answer, news)
    return answer


def _later(answer: Answer, seconds: int) -> Answer:
    return Answer(answer.status, answer.media_type, answer.body, {"Retry-After": str(seconds)})


def accepted(header: str, types: Mapping[str, str] = answers.TYPES) -> str | None:
    """The suffix of the format, of ``types``, that an Accept header wants most; None: it wants none that there is."""
    if not header.strip():
        return next(iter(types))
    best: tuple[float, str | None] = (0.0, None)
    for part in header.lower().split(","):  # media types and q have no case (RFC 9110, 8.3.1)
        kind, *parameters = (piece.strip() for piece in part.split(";"))
        quality = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                with contextlib.suppress(ValueError):
                    quality = float(parameter[2:])
        found = next((s for s, t in types.items() if kind in (t, "*/*", t.partition("/")[0] + "/*")), None)
        if found and quality > best[0]:
            best = (quality, found)
    return best[1]


async def _not_found(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    paths = [*(f"/api/v1/{resource.path}" for resource in RESOURCES), "/api/v1/feed"]
    return _Whole(problem(status, _TITLES.get(status, "Error"), "there is nothing at this path", paths=paths))


async def _alive(_request: Request) -> Response:
    return _Whole(Answer(200, answers.media_type("json"), b'{"status":"ok"}'))


async def _ready(service: Service, request: Request) -> Response:
    """Whether questions can be answered: the warehouse is there, of this version, and cannot be changed from here."""
    request.scope["minerecon"]["route"] = "/readyz"

    def found() -> dict[str, str]:
        revision, has_our_views, takes_us = service.database.version()
        if revision is None:
            return {"database": "ok", "schema": f"none, and {newest_revision()} is needed: {_UPGRADE}"}
        remedy = _UPDATE if is_newer(revision) else _UPGRADE
        return {
            "database": "ok",
            # While a new version is brought in, or taken back, the pages of the one before go on being answered.
            "schema": "ok"
            if takes_us or revision == newest_revision()
            else f"at {revision}, and {newest_revision()} is needed: {remedy}",
            "views": "ok" if takes_us or has_our_views else f"of another version: {remedy}",
            "login": "ok"
            if not service.database.may_write()
            else "it may change the warehouse: give it one that may not",
        }

    try:
        said = await service.run(found)
    except OverloadedError:
        return _Whole(_later(problem(503, "Service Unavailable", "too many requests wait"), _OVERLOAD_S))
    except DatabaseDownError:
        said = {"database": "cannot be reached"}
    except TooSlowError:
        said = {"database": f"does not answer within {STATEMENT_TIMEOUT_S} s"}
    is_ready = set(said.values()) == {"ok"}
    body = json.dumps({"status": "ok" if is_ready else "not ready", **said}).encode()
    return _Whole(Answer(200 if is_ready else 503, answers.media_type("json"), body))


async def _described(service: Service, request: Request) -> Response:
    request.scope["minerecon"]["route"] = "/openapi.json"
    headers = {name: value.decode("latin-1") for name, value in request.scope["headers"]}

    def made() -> Answer:
        columns = {resource.relation: service.columns(resource.relation) for resource in RESOURCES}
        body = json.dumps(openapi.describe(columns), ensure_ascii=False, indent=1).encode() + b"\n"
        return Answer(200, answers.media_type("json"), body)

    return _Whole(await answered(service, key_of(request.scope, headers), made, request.scope))


async def _counted(service: Service, metrics: Metrics, request: Request) -> Response:
    """For whoever asks from this machine; to others there is nothing here."""
    request.scope["minerecon"]["route"] = "/metrics"
    if request.client is None or request.client.host not in _LOOPBACK or "x-forwarded-for" in request.headers:
        return await _not_found(request, HTTPException(404))
    return _Whole(Answer(200, MEDIA_TYPE, metrics.text(service).encode()))


def _log_request(scope: Mapping[str, Any]) -> None:
    about = scope["minerecon"]
    _log.info(
        json.dumps(
            {
                "id": about["id"], "method": scope["method"], "route": about["route"], "status": about["status"],
                "rows": about["rows"], "bytes": about["bytes"], "sql_ms": round(about["sql_ms"], 1),
                "ms": round((time.perf_counter() - about["started"]) * 1000, 1), "cache": about["cache"],
            }
        )
    )  # fmt: skip
