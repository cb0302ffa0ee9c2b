"""The Elexon client against a server on loopback that answers as each test tells it to."""

import datetime as dt
import email.utils
import gzip
import http.server
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict

import pytest

from minerecon_dagster.core.answers import Answer, AnswerKey
from minerecon_dagster.core.errors import PermanentSourceError, TransientSourceError
from minerecon_dagster.elexon.client import ElexonClient
from minerecon_dagster.http import rate_limit
from minerecon_dagster.http.outage import OUTAGE_AFTER_CALLS
from minerecon_dagster.http.rate_limit import RateLimiter
from minerecon_dagster_tests.http.test_rate_limit import Place

DAY = dt.date(2025, 3, 28)
KEYS = [AnswerKey("stack", side, period) for side in ("bid", "offer") for period in range(1, 49)]
KEY = KEYS[6]
PATH = "/balancing/settlement/stack/all/bid/2025-03-28/7"
BODY = b'{"data": [], "metadata": {"datasets": ["ISPSTACK"]}}'


def ok(request, body=BODY, status=200, **headers):
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name.replace("_", "-"), value)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)


def status(code, body=b'{"title": "problem"}', **headers):
    return lambda request: ok(request, body, code, **headers)


def body(content, **headers):
    return lambda request: ok(request, content, **headers)


def cut(request):
    """Half of the body that the Content-Length promised."""
    request.send_response(200)
    request.send_header("Content-Length", str(2 * len(BODY)))
    request.end_headers()
    request.wfile.write(BODY)
    request.close_connection = True


def dropped(request):
    request.connection.shutdown(socket.SHUT_RDWR)
    request.close_connection = True


def slow(request):
    request.server.stopping.wait(30)


class Server(http.server.ThreadingHTTPServer):
    """Answers each path with its own script, one entry a request; what is left without one is `usual`."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.scripts = defaultdict(list)
        self.usual = ok
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self.asked = []
        self.connections = Counter()
        self.headers = None

    def handle_error(self, request, client_address):
        """A client that went away is part of the tests."""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def do_GET(self):
        with self.server.lock:
            self.server.asked.append(self.path)
            self.server.connections[self.client_address] += 1
            self.server.headers = self.headers
            script = self.server.scripts[self.path]
            answer = script.pop(0) if script else self.server.usual
        answer(self)

    def log_message(self, *args):
        """Quiet."""


@pytest.fixture
def server():
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.stopping.set()
        running.shutdown()
        thread.join()


class RecordingLimiter(RateLimiter):
    """No limit, and a record of what was asked of it."""

    def __init__(self):
        super().__init__(0, None)
        self.acquired = 0
        self.penalties = []

    def acquire(self, cancelled=None, wanted=1):
        self.acquired += 1
        return super().acquire(cancelled, wanted)

    def penalise(self, seconds):
        self.penalties.append(seconds)


@pytest.fixture
def limiter():
    return RecordingLimiter()


@pytest.fixture
def client(server, limiter):
    with ElexonClient(server.url + "/", limiter, max_attempts=3, backoff_base_s=0.01, now=lambda: NOW) as quick:
        yield quick


NOW = dt.datetime(2025, 3, 29, 6, tzinfo=dt.UTC)


def one(client, key=KEY):
    return client.fetch([key], DAY)[key]


def test_a_day_comes_whole_and_in_the_order_asked_over_a_connection_a_thread(server, client):
    def echo(request):
        # The later a call, the sooner its answer.
        time.sleep(0.005 if request.path.endswith("/1") else 0)
        ok(request, f'"{request.path}"'.encode())

    server.usual = echo
    keys = [*KEYS, *(AnswerKey(kind, side) for kind in ("boav", "cashflows") for side in ("bid", "offer"))]
    got = client.fetch(keys, DAY)
    assert list(got) == keys
    for key, answer in got.items():
        path = f"/balancing/settlement/stack/all/{key.side}/2025-03-28/{key.period}"
        if key.kind == "boav":
            path = f"/balancing/settlement/acceptance/volumes/all/{key.side}/2025-03-28"
        elif key.kind == "cashflows":
            path = f"/balancing/settlement/indicative/cashflows/all/{key.side}/2025-03-28"
        assert answer == Answer(server.url + path, 200, NOW, f'"{path}"'.encode())
    client.fetch(KEYS, DAY)
    assert len(server.connections) == 8
    assert len(server.asked) == len(keys) + len(KEYS)


def test_the_client_says_who_it_is_and_takes_compressed_answers(server, client):
    server.scripts[PATH] = [body(gzip.compress(BODY), Content_Encoding="gzip")]
    assert one(client).body == BODY
    assert server.headers["User-Agent"].startswith("minerecon_dagster/")
    assert server.headers["Accept-Encoding"] == "gzip"


def test_a_404_is_an_answer_with_its_body_and_is_not_asked_again(server, client):
    server.scripts[PATH] = [status(404, b"not here")]
    answer = one(client)
    assert (answer.status, answer.body) == (404, b"not here")
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        (status(429), "HTTP 429"),
        (status(500), "HTTP 500"),
        (status(503), "HTTP 503"),
        pytest.param(slow, "no answer within 0.5 s", marks=pytest.mark.slow),
        (dropped, "connection failed: "),
        (cut, "the answer was cut or damaged: IncompleteRead"),
        (body(gzip.compress(BODY * 99)[:-40], Content_Encoding="gzip"), "HTTP 200, but the answer is not JSON"),
        (body(BODY, Content_Encoding="gzip"), "the answer was cut or damaged: "),
        (body(b"<html>We will be back</html>"), "HTTP 200, but the answer is not JSON: "),
        (body(BODY[:-1]), "HTTP 200, but the answer is not JSON: "),
        (body(b""), "HTTP 200, but the answer is not JSON: "),
    ],
    ids=["429", "500", "503", "slow", "dropped", "cut", "gzip cut", "not gzip", "html", "half a JSON", "empty"],
)
def test_what_may_pass_is_tried_again_and_then_given_up_with_one_clear_line(server, limiter, fault, problem):
    client = ElexonClient(server.url, limiter, read_timeout_s=0.5, max_attempts=3, backoff_base_s=0.01)
    server.scripts[PATH] = [fault, fault]
    assert one(client).body == BODY
    assert len(server.asked) == 3

    server.scripts[PATH] = [fault] * 3
    error = one(client)
    assert isinstance(error, TransientSourceError)
    assert len(server.asked) == 6
    assert str(error).startswith(f"GET {server.url}{PATH}: {problem}")
    assert ", 3 attempts); " in str(error)
    assert "try again later" in str(error)
    assert "\n" not in str(error)


def test_a_refused_connection_is_tried_again(limiter):
    with socket.create_server(("127.0.0.1", 0)) as unused:
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
    error = one(ElexonClient(url, limiter, max_attempts=2, backoff_base_s=0.01))
    assert isinstance(error, TransientSourceError)
    assert "Connection refused (status none, 2 attempts); check the network and ELEXON_BASE_URL" in str(error)


@pytest.mark.parametrize(
    ("code", "remedy"),
    [(400, "check the date"), (401, "refused"), (403, "refused"), (410, "ELEXON_BASE_URL"), (205, "")],
)
def test_what_asking_again_does_not_help_is_asked_once(server, client, code, remedy):
    server.scripts[PATH] = [status(code, b"")]
    error = one(client)
    assert isinstance(error, PermanentSourceError)
    assert f"HTTP {code} (status {code}, 1 attempt); " in str(error)
    assert remedy in error.remedy
    assert len(server.asked) == 1


@pytest.mark.parametrize("address", ["http://[", "http://[half/x", "//[::1"])
def test_a_redirection_to_an_address_that_cannot_be_read_is_one_clear_line(server, client, address):
    server.scripts[PATH] = [status(302, b"", Location=address)]
    error = one(client)
    assert isinstance(error, PermanentSourceError)
    problem = "an address on the way to it cannot be read: Invalid IPv6 URL (status none, 1 attempt); "
    assert str(error).startswith(f"GET {server.url}{PATH}: {problem}")
    assert "\n" not in str(error)


def test_one_failure_leaves_the_other_answers_alone(server, client):
    server.scripts[PATH] = [status(500)] * 3
    got = client.fetch(KEYS, DAY)
    assert [key for key, answer in got.items() if not isinstance(answer, Answer)] == [KEY]


def test_retry_after_is_waited_for(server, client):
    server.scripts[PATH] = [status(429, Retry_After="1")]
    began = time.monotonic()
    assert one(client).status == 200
    assert time.monotonic() - began >= 1


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ("0", 0, 0),
        ("7", 7, 7),
        ("86400", 120, 120),
        (60, 30, 60),
        (-60, 0, 0),
        ("soon", 0, 0),
        (None, 0, 0),
    ],
    ids=["none", "seconds", "a day", "a date", "a past date", "nonsense", "absent"],
)
def test_retry_after_may_be_seconds_or_a_date_and_is_capped(server, limiter, header, least, most):
    if isinstance(header, int):  # seconds from now, as a date
        header = email.utils.formatdate(time.time() + header, usegmt=True)
    server.scripts[PATH] = [status(429, **({"Retry_After": header} if header else {}))]
    client = ElexonClient(server.url, limiter, max_attempts=1, backoff_base_s=0.01)
    assert isinstance(one(client), TransientSourceError)
    (penalty,) = limiter.penalties
    assert max(least, 0.01) <= penalty <= max(most, 0.01)


def test_every_429_holds_back_everybody_once_and_nothing_else_does(server, client, limiter):
    server.scripts[PATH] = [status(429), status(429), ok]
    server.scripts[PATH.replace("/7", "/8")] = [status(503, Retry_After="0"), dropped, ok]
    got = client.fetch(KEYS, DAY)
    assert {answer.status for answer in got.values()} == {200}
    assert limiter.penalties == [0.01, 0.01]
    assert limiter.acquired == len(server.asked) == len(KEYS) + 4


def test_the_clients_of_all_hosts_share_the_penalty(server):
    server.scripts[PATH] = [status(429, Retry_After="1")]
    place = Place()
    one(ElexonClient(server.url, RateLimiter(1200, place), max_attempts=1))
    other = ElexonClient(server.url, RateLimiter(1200, place))
    assert one(other).status == 200
    assert 0.5 < other.stats.snapshot().limit_wait_s < 1.5


def test_a_limit_that_cannot_be_kept_stops_the_fetch_with_an_error_that_may_pass(server, monkeypatch):
    monkeypatch.setattr(rate_limit, "GIVE_UP_AFTER_S", 0.1)
    monkeypatch.setattr(rate_limit, "_TRY_AGAIN_S", 0.02)
    client = ElexonClient(server.url, RateLimiter(1200, Place(lambda: True)))
    got = client.fetch(KEYS, DAY)
    assert {type(error) for error in got.values()} == {TransientSourceError}
    assert all("the rate limit cannot be kept: it is down" in str(error) for error in got.values())
    assert server.asked == []


def test_statistics_tell_two_fetches_apart(server, client):
    client.fetch(KEYS[:3], DAY)
    before = client.stats.snapshot()
    server.scripts[PATH] = [status(500), dropped, ok]
    client.fetch([*KEYS, AnswerKey("boav", "bid")], DAY)
    seen = client.stats.snapshot() - before
    assert (seen.requests, seen.retries) == (99, 2)
    assert dict(seen.status_counts) == {200: 97, 500: 1}
    assert seen.body_bytes == 97 * len(BODY) + len(b'{"title": "problem"}')
    assert seen.request_s > 0
    assert before.requests == 3


def test_in_an_outage_a_few_calls_are_tried_out_and_the_rest_is_not_sent(server, client):
    server.usual = status(500)
    got = client.fetch(KEYS, DAY)
    assert all(isinstance(error, TransientSourceError) for error in got.values())
    tried = [error for error in got.values() if error.attempts]
    assert OUTAGE_AFTER_CALLS <= len(tried) < OUTAGE_AFTER_CALLS + 8
    assert len(server.asked) == sum(error.attempts for error in tried)
    unasked = str(got[KEYS[-1]])
    assert "not asked, because 8 calls in a row had failed; see the other calls' errors; " in unasked
    assert "http://" not in unasked, "one cause of many calls is told once"

    server.usual = ok
    assert all(isinstance(answer, Answer) for answer in client.fetch(KEYS, DAY).values())


def test_failures_between_answers_are_no_outage(server, limiter):
    bad = [KEYS[i] for i in range(0, 96, 3)]
    for key in bad:
        server.scripts[f"/balancing/settlement/stack/all/{key.side}/2025-03-28/{key.period}"] = [status(500)]
    client = ElexonClient(server.url, limiter, threads=1, max_attempts=1)
    got = client.fetch(KEYS, DAY)
    assert [key for key, answer in got.items() if not isinstance(answer, Answer)] == bad
    assert len(server.asked) == 96


@pytest.mark.slow
def test_a_source_that_stays_silent_is_given_up_before_all_attempts(server, limiter, monkeypatch):
    monkeypatch.setattr("minerecon_dagster.http.outage.OUTAGE_AFTER_S", 1.0)
    server.usual = slow
    client = ElexonClient(server.url, limiter, threads=2, read_timeout_s=0.2, backoff_base_s=0.02, max_attempts=50)
    errors = list(client.fetch(KEYS[:6], DAY).values())
    assert all(2 <= error.attempts <= 6 for error in errors[:2])
    assert [error.attempts for error in errors[2:]] == [0] * 4
    assert "not asked, because no call had an answer in 1 s" in str(errors[-1])


def test_a_source_that_asks_for_patience_is_not_down(server, limiter, monkeypatch):
    monkeypatch.setattr("minerecon_dagster.http.outage.OUTAGE_AFTER_S", 0.0)
    server.scripts[PATH] = [status(503, Retry_After="1"), status(429), ok]
    assert one(ElexonClient(server.url, limiter, backoff_base_s=0.01)).status == 200


def test_the_register_is_fetched_and_its_absence_is_an_error(server, client):
    server.scripts["/reference/bmunits/all"] = [status(500), body(b"[]"), status(404), status(400)]
    assert client.fetch_register() == Answer(server.url + "/reference/bmunits/all", 200, NOW, b"[]")
    with pytest.raises(PermanentSourceError, match="HTTP 404"):
        client.fetch_register()
    with pytest.raises(PermanentSourceError, match="HTTP 400"):
        client.fetch_register()


def test_an_interrupted_process_does_not_wait_for_answers_under_way(server):
    server.usual = slow
    program = (
        "import datetime, pathlib, sys\n"
        "from minerecon_dagster.core.answers import AnswerKey\n"
        "from minerecon_dagster.elexon.client import ElexonClient\n"
        "from minerecon_dagster.http.rate_limit import RateLimiter\n"
        "client = ElexonClient(sys.argv[1], RateLimiter(0))\n"
        "print('asking', flush=True)\n"
        "client.fetch([AnswerKey('stack', 'bid', p) for p in range(1, 49)], datetime.date(2025, 3, 28))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, server.url], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "asking\n"
    deadline = time.monotonic() + 20
    while len(server.asked) < 8 and time.monotonic() < deadline:
        server.stopping.wait(0.01)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=10)
    assert time.monotonic() - began < 3
    assert "KeyboardInterrupt" in errors
