"""The door of Dagster's UI: its own pages come in, whatever another page can send does not."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from minerecon_dagster.cli.served import require_door
from minerecon_dagster.core.errors import ConfigurationError
from minerecon_dagster.launchers.door import LOOPBACK, origins_of, refused
from minerecon_dagster_tests.launchers.served import served_ui

PORT = 3000
OURS = "http://127.0.0.1:3000"
OUTSIDE = "https://dagster.example.com"
ORIGINS = origins_of(OUTSIDE, ("127.0.0.1", PORT))
MUTATION = 'mutation { setSensorCursor(sensorSelector: {}, cursor: "x") { __typename } }'
JSON = {"content-type": "application/json"}


def scope(method: str = "GET", path: str = "/", query: str = "", kind: str = "http", **headers: str) -> dict[str, Any]:
    named = {"host": "127.0.0.1:3000"} | {name.replace("_", "-"): value for name, value in headers.items()}
    return {
        "type": kind, "method": method, "path": path, "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in named.items()],
    }  # fmt: skip


def test_the_ui_is_known_by_loopback_and_by_the_address_that_people_use() -> None:
    assert frozenset({*(f"http://{name}:3000" for name in LOOPBACK), OUTSIDE}) == ORIGINS
    assert origins_of("https://[2001:db8::1]:8443/dagster", None) == {"https://[2001:db8::1]:8443"}
    assert origins_of(None, ("127.0.0.1", 80)) == {f"http://{name}" for name in LOOPBACK}


@pytest.mark.parametrize(
    "asked",
    [
        scope(),
        scope(host="localhost:3000"),
        scope(host="DAGSTER.example.com"),
        scope("POST", "/graphql", content_type="application/json"),
        scope("POST", "/graphql", content_type="application/json; charset=utf-8", origin=OURS),
        scope("POST", "/graphql", content_type="application/json", origin=OURS, sec_fetch_site="same-origin"),
        scope("POST", "/graphql", host="dagster.example.com", content_type="application/json", origin=OUTSIDE),
        scope("GET", "/graphql", "query={__typename}"),
        scope("GET", "/runs/1", sec_fetch_site="cross-site", sec_fetch_mode="navigate", sec_fetch_dest="document"),
        scope(kind="websocket", origin=OURS, sec_fetch_site="same-origin"),
        scope(kind="websocket"),
    ],
)  # fmt: skip
def test_the_uis_own_questions_programs_and_links_come_in(asked: dict[str, Any]) -> None:
    assert refused(asked, ORIGINS) is None


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (scope(host="evil.example:3000"), 403),
        (scope(host="127.0.0.1"), 403),
        (scope(host="127.0.0.1:3001"), 403),
        (scope(host=""), 403),
        (scope("POST", "/graphql", content_type="application/json", origin="http://evil.example"), 403),
        (scope("POST", "/graphql", content_type="application/json", origin="null"), 403),
        (scope("POST", "/graphql", content_type="application/json", origin="http://127.0.0.1:3001"), 403),
        (scope("POST", "/graphql", content_type="application/json", sec_fetch_site="cross-site"), 403),
        (scope("POST", "/graphql", content_type="application/json", sec_fetch_site="same-site"), 403),
        (scope("GET", "/graphql", "query={__typename}", sec_fetch_site="cross-site", sec_fetch_mode="no-cors"), 403),
        (scope("GET", "/", sec_fetch_site="cross-site", sec_fetch_mode="navigate", sec_fetch_dest="iframe"), 403),
        (scope("POST", "/", sec_fetch_site="cross-site", sec_fetch_mode="navigate"), 403),
        (scope("POST", "/graphql", f"query={MUTATION}", content_type="text/plain"), 415),
        (scope("POST", "/graphql", content_type="application/x-www-form-urlencoded"), 415),
        (scope("POST", "/graphql", content_type="application/graphql"), 415),
        (scope("POST", "/graphql", content_type="text/plain; application/json"), 415),
        (scope("POST", "/report_asset_materialization/daily_summaries", "partition=2025-03-28"), 415),
        (scope("GET", "/graphql", f"query={MUTATION}"), 405),
        (scope("GET", "/graphql", f"query={{__typename}}&query={MUTATION}"), 405),
        (scope("GET", "/graphql", f"query=query a {{__typename}} {MUTATION.replace('mutation', 'mutation b')}"), 405),
        (scope("GET", "/graphql", "query=subscription { pipelineRunLogs(runId: 1) { __typename } }"), 405),
        (scope("GET", "/graphql", "query=mutation {"), 405),
        (scope("HEAD", "/graphql", f"query={MUTATION}"), 405),
        (scope("PUT", "/graphql", content_type="application/json"), 405),
        (scope("DELETE", "/"), 405),
        (scope("OPTIONS", "/graphql"), 405),
        (scope(kind="websocket", origin="http://evil.example"), 403),
        (scope(kind="websocket", sec_fetch_site="cross-site"), 403),
        (scope(kind="websocket", host="evil.example"), 403),
    ],
)  # fmt: skip
def test_what_another_page_or_name_can_send_is_refused_in_one_line(asked: dict[str, Any], status: int) -> None:
    found = refused(asked, ORIGINS)
    assert found is not None
    assert found[0] == status
    assert "\n" not in found[1]


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    with served_ui() as place:
        yield place


def test_dagsters_own_page_is_shown_in_no_frame(served: str) -> None:
    answer = requests.get(f"http://{served}/", timeout=30)
    assert answer.status_code == 200
    assert "<html" in answer.text
    assert answer.headers["x-frame-options"] == "DENY"
    policy = answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "script-src" in policy  # Dagster's own stays


def test_dagster_answers_its_own_questions_and_no_others(served: str) -> None:
    url, ask = f"http://{served}/graphql", {"query": "{ __typename }"}
    assert requests.post(url, json=ask, timeout=30).json()["data"] == {"__typename": "Query"}
    assert requests.get(url, params=ask, timeout=30).json()["data"] == {"__typename": "Query"}
    assert requests.get(url, params={"query": MUTATION}, timeout=30).status_code == 405
    form = requests.post(url, params=ask, data="x", headers={"Content-Type": "text/plain"}, timeout=30)
    assert form.status_code == 415
    foreign = requests.post(url, json=ask, headers={"Host": "evil.example"}, timeout=30)
    assert (foreign.status_code, foreign.text.count("\n")) == (403, 1)


def test_the_websocket_takes_its_own_pages_only(served: str) -> None:
    own: dict[str, Any] = {"subprotocols": ["graphql-ws"], "proxy": None}
    with connect(f"ws://{served}/graphql", origin=f"http://{served}", **own) as ours:
        ours.send(json.dumps({"type": "connection_init"}))
        assert json.loads(ours.recv(30))["type"] == "connection_ack"
    with pytest.raises(InvalidStatus, match="403"):
        connect(f"ws://{served}/graphql", origin="http://evil.example", **own)


def test_a_ui_without_the_door_is_not_served(served: str) -> None:
    require_door(f"http://{served}")
    with ThreadingHTTPServer(("127.0.0.1", 0), _LetsIn) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            with pytest.raises(ConfigurationError, match=r"^the UI lets in the pages of other sites: it was stopped"):
                require_door(f"http://127.0.0.1:{server.server_address[1]}")
        finally:
            server.shutdown()


class _LetsIn(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        pass
