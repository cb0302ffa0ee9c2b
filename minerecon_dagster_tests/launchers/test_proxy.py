"""`deploy/nginx.conf` as it is, but for names of files and ports: what reaches Dagster and the dashboard through it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import ssl
import subprocess
import threading
from base64 import b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
import urllib3
from websockets.sync.client import connect

from minerecon_dagster_tests.launchers.served import served_ui

CONFIGURATION = Path(__file__).parents[2] / "deploy" / "nginx.conf"
UI, DASHBOARD = "minerecon.example.com", "wind.example.com"
PASSWORD = "a password"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (shutil.which("nginx") and shutil.which("openssl")), reason="nginx or openssl is missing"),
    pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning"),
]  # fmt: skip


class _Dashboard(BaseHTTPRequestHandler):
    """Says what it was asked."""

    def do_GET(self) -> None:
        body = json.dumps(dict(self.headers)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - the name that http.server calls

    def log_message(self, *args: Any) -> None:
        pass


class Proxy:
    """Asks through the proxy."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = False

    def ask(self, method: str, name: str, path: str, **more: Any) -> requests.Response:
        headers = {"Host": name} | more.pop("headers", {})
        return self.session.request(method, f"https://127.0.0.1:{self.port}{path}", headers=headers, timeout=30, **more)


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    folder = tmp_path_factory.mktemp("nginx")
    _run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={UI}",
         "-keyout", str(folder / "minerecon.key"), "-out", str(folder / "minerecon.crt"))  # fmt: skip
    hashed = _run("openssl", "passwd", "-apr1", PASSWORD).strip()
    (folder / "minerecon.htpasswd").write_text(f"operator:{hashed}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MINERECON_UI_URL", f"https://{UI}")
        with served_ui() as ui, ThreadingHTTPServer(("127.0.0.1", 0), _Dashboard) as dashboard:
            threading.Thread(target=dashboard.serve_forever, daemon=True).start()
            with socket.create_server(("127.0.0.1", 0)) as probe:
                port = probe.getsockname()[1]
            ours = CONFIGURATION.read_text()
            for there, here in (
                ("127.0.0.1:3000", ui), ("127.0.0.1:3001", f"127.0.0.1:{dashboard.server_address[1]}"),
                ("listen 443", f"listen 127.0.0.1:{port}"), ("/etc/nginx/", f"{folder}/"),
            ):  # fmt: skip
                assert there in ours
                ours = ours.replace(there, here)
            (folder / "nginx.conf").write_text(
                # Its workers would else be another user's, who may not look into our folder.
                f"{'user root;' if os.geteuid() == 0 else ''} daemon off; events {{}}\n"
                f"pid {folder}/pid; error_log {folder}/error.log;\n"
                f"http {{ access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;"
                f" fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;\n{ours}\n}}\n"
            )
            nginx = subprocess.Popen(["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")])
            try:
                # It answers as soon as it listens: a connection that is refused is tried again.
                made = Proxy(port)
                retry = urllib3.Retry(connect=50, backoff_factor=0.05, backoff_max=0.2)
                made.session.mount("https://", requests.adapters.HTTPAdapter(max_retries=retry))
                made.ask("GET", DASHBOARD, "/")
                yield made
            finally:
                nginx.terminate()
                nginx.wait(30)
                dashboard.shutdown()


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_dagster_is_had_with_a_password_only(proxy: Proxy) -> None:
    assert proxy.ask("GET", UI, "/server_info").status_code == 401
    assert proxy.ask("GET", UI, "/server_info", auth=("operator", "another")).status_code == 401
    answer = proxy.ask("GET", UI, "/server_info", auth=("operator", PASSWORD))
    assert "dagster_version" in answer.json()
    assert "1.22" not in answer.headers["server"]


def test_a_password_that_a_browser_sends_along_opens_nothing_to_another_page(proxy: Proxy) -> None:
    ask: dict[str, Any] = {"json": {"query": "{ __typename }"}, "auth": ("operator", PASSWORD)}
    own = {"Origin": f"https://{UI}", "Sec-Fetch-Site": "same-origin"}
    assert proxy.ask("POST", UI, "/graphql", headers=own, **ask).json()["data"] == {"__typename": "Query"}
    for foreign in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
        assert proxy.ask("POST", UI, "/graphql", headers=foreign, **ask).status_code == 403
    changing = {"query": "mutation { x }"}
    assert proxy.ask("GET", UI, "/graphql", params=changing, auth=ask["auth"]).status_code == 405


def test_the_websocket_goes_through(proxy: Proxy) -> None:
    context = ssl._create_unverified_context()
    password = b64encode(f"operator:{PASSWORD}".encode()).decode()
    with (
        socket.create_connection(("127.0.0.1", proxy.port)) as raw,
        connect(
            f"wss://{UI}/graphql", sock=raw, ssl=context, origin=f"https://{UI}", subprotocols=["graphql-ws"],
            additional_headers={"Authorization": f"Basic {password}"}, proxy=None,
        ) as through,
    ):  # fmt: skip
        through.send(json.dumps({"type": "connection_init"}))
        assert json.loads(through.recv(30))["type"] == "connection_ack"


def test_the_dashboard_is_read_and_nothing_else(proxy: Proxy) -> None:
    seen = proxy.ask("GET", DASHBOARD, "/metrics").json()
    assert seen["Host"] == DASHBOARD
    assert seen["X-Forwarded-For"] == "127.0.0.1"
    assert proxy.ask("POST", DASHBOARD, "/").status_code == 403
