"""A source is not trusted, nor is whoever stands in its place: what it may send, and what it is sent."""

from __future__ import annotations

import base64
import datetime as dt
import http.server
import ipaddress
import ssl
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from minerecon_dagster.alerts.webhook import Webhook
from minerecon_dagster.core.errors import PermanentSourceError, SourceError, TransientSourceError
from minerecon_dagster.elexon.client import ElexonClient
from minerecon_dagster.http import attempt as attempts
from minerecon_dagster.http import client as clients
from minerecon_dagster.http.rate_limit import RateLimiter

FINE = b'{"data": []}'
Says = Callable[[http.server.BaseHTTPRequestHandler], None]


class Stranger(http.server.ThreadingHTTPServer):
    """Says what each test tells it to."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.says: dict[str, Says] = {}
        self.asked: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.ends = threading.Event()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is part of the tests."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Stranger

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.server.headers.append(dict(self.headers))
        self.server.says.get(self.path, answer())(self)

    do_POST = do_GET  # noqa: N815 - the name that http.server calls

    def log_message(self, *_: object) -> None:
        """Quiet."""


def answer(body: bytes = FINE, status: int = 200, **headers: str) -> Says:
    def says(request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)
        request.close_connection = request.command == "POST"

    return says


@pytest.fixture
def stranger() -> Iterator[Stranger]:
    with Stranger() as made:
        threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield made
        made.ends.set()
        made.shutdown()


def ask(stranger: Stranger, path: str = "/x", **patience: Any) -> Any:
    return ask_at(stranger.url, path, **patience)


def ask_at(url: str, path: str = "/x", **patience: Any) -> Any:
    patience = {"backoff_base_s": 0.01, "max_attempts": 2} | patience
    with ElexonClient(url, RateLimiter(0), **patience) as client:
        return client.ask({path: path})[path]  # type: ignore[dict-item, index]


# --- Bodies -----------------------------------------------------------------------------------------------------------

BOMB = """
import pathlib, sys, time
sys.path.insert(0, sys.argv[2])
from minerecon_dagster_tests.http.test_not_trusted import ask_at
began = time.monotonic()
got = ask_at(sys.argv[1], "/bomb")
print(type(got).__name__, got)
(peak,) = (line for line in pathlib.Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
print(time.monotonic() - began, int(peak.split()[1]) // 1024)
"""


@pytest.mark.slow
def test_a_megabyte_of_gzip_that_would_be_1_2_gb_is_a_named_failure_within_200_mb(stranger: Stranger) -> None:
    packer = zlib.compressobj(wbits=31)
    packed = packer.compress(b'{"data":["') + b"".join(packer.compress(b" " * 1_000_000) for _ in range(1_200))
    packed += packer.flush()
    assert len(packed) < 1_300_000
    stranger.says["/bomb"] = answer(packed, Content_Encoding="gzip")
    root = str(Path(__file__).parents[2])
    command = [sys.executable, "-c", BOMB, stranger.url, root]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    said, figures = done.stdout.splitlines()
    took_s, peak_mb = map(float, figures.split())
    assert said.startswith("PermanentSourceError GET ")
    assert "its answer has more than 32 MB" in said
    assert stranger.asked == ["/bomb"], "asking again does not help"
    assert took_s < 120
    assert peak_mb < 200


def test_many_large_answers_have_an_end_together(stranger: Stranger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "MOST_BYTES_AT_ONCE", 5_000)
    paths = [f"/{n}" for n in range(12)]
    stranger.says = {path: answer(b'{"data":"%b"}' % (b"x" * 1_000)) for path in paths}
    with ElexonClient(stranger.url, RateLimiter(0)) as client:
        got = client.ask({path: path for path in paths})  # type: ignore[misc]
        refused = [one for one in got.values() if isinstance(one, SourceError)]
        assert 0 < len(refused) < 12
        assert all("the answers that were asked for together are too large" in str(one) for one in refused)
        assert not isinstance(client.ask({"/1": "/1"})["/1"], SourceError), "and the next question has its own"  # type: ignore[dict-item, index]


def cut(after: int) -> Says:
    """An answer that says to be twice as long as it is."""

    def says(request: http.server.BaseHTTPRequestHandler) -> None:
        request.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (2 * after) + b"x" * after)
        request.close_connection = True

    return says


@pytest.mark.first_quick
@pytest.mark.parametrize(
    "in_vain", [cut(3_000), answer(b"x" * 3_000), answer(b"x" * 3_000, 500)], ids=["cut", "no JSON", "HTTP 500"]
)
def test_what_came_in_vain_takes_nothing_from_the_answers_that_come(
    stranger: Stranger, monkeypatch: pytest.MonkeyPatch, in_vain: Says
) -> None:
    monkeypatch.setattr(clients, "MOST_BYTES_AT_ONCE", 5_000)
    tries = iter([in_vain] * 5 + [answer(b'{"data":"%b"}' % (b"x" * 4_000))])
    stranger.says["/x"] = lambda request: next(tries)(request)
    assert len(ask(stranger, max_attempts=6).body) == 4_011
    assert len(stranger.asked) == 6


def test_of_an_answer_that_is_too_large_no_more_is_given_back_than_was_taken(
    stranger: Stranger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts.attempt, "__kwdefaults__", attempts.attempt.__kwdefaults__ | {"most_bytes": 40_000})
    stranger.says["/x"] = answer(b"x" * 100_000)
    purse = attempts.Purse(50_000)
    with attempts.Session() as session, pytest.raises(attempts.NoAnswerError):
        attempts.attempt(session, "GET", f"{stranger.url}/x", (5, 5), purse=purse)
    assert purse.take(50_000)
    assert not purse.take(1)


def test_a_body_at_its_limit_is_taken_and_a_byte_more_is_not(
    stranger: Stranger, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = b'{"data":"%b"}' % (b"x" * 988)
    stranger.says["/x"] = answer(body)
    monkeypatch.setattr(attempts.attempt, "__kwdefaults__", attempts.attempt.__kwdefaults__ | {"most_bytes": len(body)})
    assert ask(stranger).body == body
    monkeypatch.setattr(
        attempts.attempt, "__kwdefaults__", attempts.attempt.__kwdefaults__ | {"most_bytes": len(body) - 1}
    )
    assert isinstance(ask(stranger), PermanentSourceError)


# --- Time -------------------------------------------------------------------------------------------------------------


def drip(*, of: str) -> Says:
    """A byte every 50 ms, and no end: each of them well within the time-out between bytes."""

    def says(request: http.server.BaseHTTPRequestHandler) -> None:
        server: Any = request.server
        head = b"HTTP/1.1 200 OK\r\n"
        if of == "body":
            head += b"Content-Length: 100000\r\n\r\n"
        elif of == "chunks":
            head += b"Transfer-Encoding: chunked\r\n\r\n"
        request.wfile.write(head)
        while not server.ends.wait(0.05):
            request.wfile.write(b"1\r\nx\r\n" if of == "chunks" else b"x")

    return says


@pytest.mark.first_quick
@pytest.mark.parametrize("of", ["headers", "body", "chunks"])
def test_an_answer_that_drips_is_given_up_and_not_asked_for_again(stranger: Stranger, of: str) -> None:
    stranger.says["/x"] = drip(of=of)
    began = time.monotonic()
    got = ask(stranger, read_timeout_s=0.5, answer_timeout_s=0.6, max_attempts=6)
    assert isinstance(got, TransientSourceError)
    assert "no whole answer within 0.6 s (status none, 1 attempt)" in str(got)
    assert time.monotonic() - began < 20
    assert stranger.asked == ["/x"]


def test_a_drip_leaves_the_next_question_a_line_of_its_own(stranger: Stranger, monkeypatch: pytest.MonkeyPatch) -> None:
    stranger.says["/x"] = drip(of="body")
    with ElexonClient(stranger.url, RateLimiter(0), answer_timeout_s=0.3) as client:
        assert isinstance(client.ask({"/x": "/x"})["/x"], TransientSourceError)  # type: ignore[dict-item, index]
        # What is asked next has the time of a busy machine: it is its line that is looked at.
        monkeypatch.setattr(client._http, "_longest_s", 30)
        assert client.ask({"/y": "/y"})["/y"].body == FINE  # type: ignore[dict-item, index, union-attr]


def test_by_the_defaults_a_drip_is_over_within_two_minutes() -> None:
    assert attempts.LONGEST_ANSWER_S + clients._LOOK_S < 120


# --- Redirections -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.1:{other}/secret",
        "http://localhost:{port}/secret",
        "https://127.0.0.1:{port}/secret",
        "//elsewhere.example/secret",
        "http://user:word@127.0.0.1:{port}/secret",
        "http://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "http://[::1]:{port}/secret",
    ],
)
def test_a_redirection_to_elsewhere_is_not_followed_and_names_the_place(stranger: Stranger, target: str) -> None:
    with Stranger() as other:
        threading.Thread(target=other.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        place = target.format(other=other.server_port, port=stranger.server_port)
        stranger.says["/x"] = answer(status=302, Location=place)
        got = ask(stranger)
        other.shutdown()
        assert other.asked == []
    assert stranger.asked == ["/x"]
    assert isinstance(got, PermanentSourceError)
    assert "it redirects to " in str(got)
    assert "word" not in str(got)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirection_within_the_host_is_followed(stranger: Stranger, status: int) -> None:
    stranger.says["/x"] = answer(status=status, Location="/moved?a=1")
    assert ask(stranger).body == FINE
    assert stranger.asked == ["/x", "/moved?a=1"]


def test_redirections_without_an_end_are_one_failure(stranger: Stranger) -> None:
    stranger.says["/x"] = answer(status=302, Location="/x")
    assert "it redirects more than 5 times" in str(ask(stranger))
    assert len(stranger.asked) == 6


# --- Credentials and proxies ------------------------------------------------------------------------------------------


@pytest.fixture
def passwords(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("default login somebody password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.mark.usefixtures("passwords")
def test_no_credentials_of_a_file_of_passwords_are_sent_to_a_source_or_a_webhook(stranger: Stranger) -> None:
    assert ask(stranger).body == FINE
    assert Webhook(f"{stranger.url}/hook").post("x") is None
    assert stranger.asked == ["/x", "/hook"]
    assert [headers.get("Authorization") for headers in stranger.headers] == [None, None]


@pytest.mark.usefixtures("passwords")
def test_credentials_that_stand_in_the_address_are_sent_and_no_others(stranger: Stranger) -> None:
    ask_at(stranger.url.replace("//", "//user:p%40ss@"))
    (headers,) = stranger.headers
    assert base64.b64decode(headers["Authorization"].removeprefix("Basic ")) == b"user:p@ss"


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_this_machine_is_never_asked_through_a_proxy_and_others_are(
    stranger: Stranger, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Stranger() as proxy:
        threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        monkeypatch.setenv(variable, proxy.url)
        assert ask(stranger).body == FINE
        assert ask_at(stranger.url.replace("127.0.0.1", "localhost")).body == FINE
        assert Webhook(f"{stranger.url}/hook").post("x") is None
        assert proxy.asked == []
        ask_at("http://elexon.example")
        assert proxy.asked == ["http://elexon.example/x"]
        proxy.shutdown()


@pytest.fixture
def intercepted(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A server whose certificate nobody has signed but itself, as a proxy's that opens TLS: its URL, and that."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "A company's proxy")])
    now = dt.datetime.now(dt.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    trusted, file = tmp_path / "trusted.pem", tmp_path / "server.pem"
    trusted.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    of_key = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(trusted.read_bytes() + of_key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    with Stranger() as made:
        made.socket = context.wrap_socket(made.socket, server_side=True)
        threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield made.url.replace("http:", "https:"), trusted
        made.shutdown()


def test_a_certificate_that_is_not_trusted_is_told_with_the_variable_that_helps_and_it_helps(
    intercepted: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """FR-28."""
    url, certificate = intercepted
    for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(variable, raising=False)
    refused = ask_at(url)
    assert isinstance(refused, PermanentSourceError)
    assert "its certificate is not trusted (REQUESTS_CA_BUNDLE names those of a proxy that opens TLS)" in str(refused)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    assert ask_at(url).body == FINE


# --- Answers that are none --------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_quota_of_a_gateway_is_a_limit_and_not_a_refusal(stranger: Stranger) -> None:
    """FR-10: Azure's gateway says 403 for it, with the time to wait."""
    said = b'{"statusCode": 403, "message": "Out of call volume quota. Quota will be replenished in 00:00:01."}'
    says = iter([answer(said, 403, Retry_After="1")])
    stranger.says["/x"] = lambda request: next(says, answer())(request)
    began = time.monotonic()
    assert ask(stranger).body == FINE
    assert time.monotonic() - began >= 1


def test_a_quota_that_is_exhausted_for_long_is_named_and_nothing_more_is_asked(stranger: Stranger) -> None:
    said = b'{"statusCode": 403, "message": "Out of call volume quota.\x1b[2J"}'
    paths = [f"/{n}" for n in range(40)]
    stranger.says = {path: answer(said, 403, Retry_After="3600") for path in paths}
    with ElexonClient(stranger.url, RateLimiter(0)) as client:
        got = client.ask({path: path for path in paths})  # type: ignore[misc]
    assert len(stranger.asked) <= 8, "as many as were under way"
    words = [str(error) for error in got.values()]
    assert all("Out of call volume quota" in text and "asks to wait for 3600 s" in text for text in words)
    assert all(text.isprintable() for text in words)
    assert sum("Elexon limits requests" in text for text in words) == len(stranger.asked)


def test_a_403_that_names_no_time_is_a_refusal_as_before(stranger: Stranger) -> None:
    stranger.says["/x"] = answer(b"no", 403)
    assert "access was refused" in str(ask(stranger))
    assert stranger.asked == ["/x"]


@pytest.mark.parametrize(
    "body",
    [
        b'{"statusCode": 500, "message": "Internal server error", "activityId": "x"}',
        b'{"error": {"code": "Busy"}}',
        b' {"title": "One or more errors", "status": 400}',
        b'{"fault": "x\\u001b[2J"}',
        b"<html>Maintenance</html>",
        b"",
        b"[" * 100_000,
    ],
)
def test_an_error_inside_a_200_is_one_and_is_asked_again(stranger: Stranger, body: bytes) -> None:
    """FR-09: a gateway's failure in disguise may pass; nobody is sent to edit code."""
    stranger.says["/x"] = answer(body)
    got = ask(stranger)
    assert isinstance(got, TransientSourceError)
    assert len(stranger.asked) == 2
    assert "try again later" in str(got)
    assert str(got).isprintable()


def test_a_success_without_an_answer_may_pass(stranger: Stranger) -> None:
    stranger.says["/x"] = answer(b"", 204)
    got = ask(stranger)
    assert isinstance(got, TransientSourceError)
    assert "HTTP 204: a success without an answer" in str(got)


@pytest.mark.parametrize("body", [b'{"data": [], "message": "fine"}', b'[{"message": "a row"}]', b'{"rows": []}'])
def test_an_answer_with_data_is_left_to_its_reader(stranger: Stranger, body: bytes) -> None:
    stranger.says["/x"] = answer(body)
    assert ask(stranger).body == body


@pytest.mark.parametrize(
    ("said", "status", "is_lasting"),
    [
        ("Microsoft Teams endpoint returned HTTP error 429 with ContextId x", 429, False),
        ("Microsoft Teams endpoint returned HTTP error 413 with ContextId x", 413, True),
        ("Microsoft Teams endpoint returned HTTP error 502", 502, False),
    ],
)
def test_a_webhook_that_says_200_and_tells_of_an_error_has_not_delivered(
    stranger: Stranger, said: str, status: int, is_lasting: bool
) -> None:
    """FR-29."""
    stranger.says["/hook"] = answer(f"Webhook message delivery failed with error: {said}".encode())
    refused = Webhook(f"{stranger.url}/hook").post("x")
    assert refused is not None
    assert (refused.reason, refused.is_lasting) == (f"HTTP {status}", is_lasting)


@pytest.mark.parametrize("said", ["ok", "1", "", '{"ok": true}', "HTTP error"])
def test_a_webhook_that_tells_of_no_error_has_delivered(stranger: Stranger, said: str) -> None:
    stranger.says["/hook"] = answer(said.encode())
    assert Webhook(f"{stranger.url}/hook").post("x") is None
