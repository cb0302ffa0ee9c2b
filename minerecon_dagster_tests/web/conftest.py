"""The API as a program meets it: a server on a free port of 127.0.0.1, over the forty days of the views' tests."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest
import uvicorn
from sqlalchemy import Engine

from minerecon_dagster.charts import Drawer
from minerecon_dagster.web import app as web_app
from minerecon_dagster.web.app import build_app
from minerecon_dagster.web.front import Access, Front
from minerecon_dagster.web.pages.routes import Beside
from minerecon_dagster_tests.forty_days import stored as stored

READY = {"status": "ok", "database": "ok", "schema": "ok", "views": "ok", "login": "ok"}
"""What `/readyz` says where nothing is in the way."""


@dataclass(frozen=True)
class Got:
    """An answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def data(self) -> list[dict[str, Any]]:
        assert self.status == 200, self.body
        return list(self.json["data"])

    @property
    def meta(self) -> dict[str, Any]:
        return dict(self.json["meta"])


class Api:
    """A served application."""

    def __init__(self, port: int, app: Front) -> None:
        self.port = port
        self.app = app

    def get(self, path: str, method: str = "GET", **headers: str) -> Got:
        """One request; underscores in the names of headers are hyphens."""
        return self.get_raw(quote(path, safe="/?&=%,.:+~"), method, **headers)

    def get_raw(self, path: str, method: str = "GET", **headers: str) -> Got:
        """One request of a path that is quoted already."""
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            connection.request(method, path, headers={k.replace("_", "-"): v for k, v in headers.items()})
            answer = connection.getresponse()
            return Got(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())

    def __call__(self, path: str, **headers: str) -> Got:
        return self.get(f"/api/v1/{path}", **headers)


class _Server(uvicorn.Server):
    """One that looks whether it shall end more often than every tenth of a second: hundreds of tests wait for that."""

    async def main_loop(self) -> None:
        tick = 0
        while not await self.on_tick(tick // 10):
            tick += 1
            await asyncio.sleep(0.01)


@contextlib.contextmanager
def served(
    url: str,
    access: Access | None = None,
    now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    beside: Beside | None = None,
) -> Iterator[Api]:
    """The application over a warehouse, on a free port."""
    app = build_app(url, access, now=now, beside=beside)
    server = _Server(uvicorn.Config(app, log_level="critical", access_log=False))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        deadline = time.monotonic() + 30
        while not server.started:
            assert thread.is_alive()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        yield Api(listening.getsockname()[1], app)
        server.should_exit = True
        thread.join(30)


class _Lent(Drawer):
    """What another one draws: it has no process of its own, and nothing to close."""

    def __init__(self, by: Drawer, time_out_s: float) -> None:
        super().__init__(time_out_s=time_out_s)
        self._by = by

    def warm_up(self) -> None:
        self._by.warm_up()

    def _picture(self, *asked: Any) -> str:
        return self._by._picture(*asked)


@pytest.fixture(scope="session", autouse=True)
def _drawn_by_one() -> Iterator[None]:
    """One process draws for the applications of all tests here: each took most of a second for its own."""
    with Drawer() as drawer, pytest.MonkeyPatch.context() as patch:
        patch.setattr(web_app, "Drawer", lambda time_out_s: _Lent(drawer, time_out_s))
        yield


def until(found: Callable[[], bool], within_s: float) -> float:
    """The seconds until something is so, at most ``within_s``."""
    started = time.monotonic()
    while not found():
        assert time.monotonic() - started < within_s, f"not within {within_s} s"
        time.sleep(0.05)
    return time.monotonic() - started


def until_no_connection_is_in_use(api: Api) -> None:
    """None is lost: but for the moments in which the service itself asks for news, which it does every second."""
    until(lambda: "minerecon_connections_in_use 0" in api.get("/metrics").body.decode().splitlines(), 5)


def url_of(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=False)


@pytest.fixture(scope="module")
def api(stored: Engine) -> Iterator[Api]:
    """The API over the forty days."""
    with served(url_of(stored)) as found:
        yield found


@pytest.fixture
def serve() -> Iterator[Callable[..., Api]]:
    """Serve another warehouse, or with other access."""
    with contextlib.ExitStack() as stack:
        yield lambda url, access=None: stack.enter_context(served(url, access))
