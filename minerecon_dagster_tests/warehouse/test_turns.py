"""Turns of requests in the warehouse: one rate for all processes and hosts, as the server's clock has it."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from sqlalchemy import Engine, text

from minerecon_dagster.http.rate_limit import Pace, TurnsUnavailableError
from minerecon_dagster.warehouse.store import act_as_owner
from minerecon_dagster.warehouse.turns import TurnsInWarehouse
from minerecon_dagster_tests.http.test_rate_limit import most_within

SECOND = 1_000_000
SOURCE = "http://source.example/bmrs"
_ROW = text(
    "SELECT CAST(extract(epoch FROM due_at) * 1000000 AS bigint) AS due_us,"
    " CAST(extract(epoch FROM taken_at) * 1000000 AS bigint) AS taken_us"
    " FROM minerecon.request_turns WHERE source = 'source.example'"
)


def url_of(warehouse: Engine) -> str:
    return warehouse.url.render_as_string(hide_password=False)


@pytest.fixture
def turns(warehouse: Engine) -> Iterator[TurnsInWarehouse]:
    turns = TurnsInWarehouse(url_of(warehouse), SOURCE)
    yield turns
    turns.close()


def known(warehouse: Engine) -> None:
    """As if turns had been taken long ago."""
    with warehouse.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO minerecon.request_turns VALUES ('source.example', 'epoch', 'epoch', 'epoch')"
                " ON CONFLICT (source) DO UPDATE SET due_at = 'epoch', held_until_at = 'epoch', taken_at = 'epoch'"
            )
        )


def test_the_function_of_the_warehouse_is_the_arithmetic_that_is_tested(
    warehouse: Engine, turns: TurnsInWarehouse
) -> None:
    known(warehouse)
    pace, due_us = Pace.of(1200), 0
    with warehouse.connect() as connection:
        for count in [1] * 14 + [5, 1, 12, 3] * 3:
            wait_us = turns.take(count, pace.interval_us, pace.ahead_us)
            row = connection.execute(_ROW).one()
            start_us, due_us = pace.reserve(due_us, row.taken_us, count)
            assert (wait_us, row.due_us) == (start_us - row.taken_us, due_us)
            connection.rollback()


def test_where_nothing_is_known_of_the_last_minute_nobody_starts_for_two_seconds_and_then_in_no_burst(
    warehouse: Engine, turns: TurnsInWarehouse
) -> None:
    pace = Pace.of(1200)

    def waits() -> list[int]:
        return [turns.take(1, pace.interval_us, pace.ahead_us) for _ in range(3)]

    def begins_anew(found: list[int]) -> None:
        assert 1.9 * SECOND < found[0] <= 2 * SECOND
        assert found[0] < found[1] < found[2]

    begins_anew(waits())
    known(warehouse)
    assert waits() == [0, 0, 0]
    with warehouse.begin() as connection:  # as a crash does, and a failover
        connection.execute(text("DELETE FROM minerecon.request_turns"))
    begins_anew(waits())
    with warehouse.begin() as connection:  # the server's clock was set back by an hour
        connection.execute(text("UPDATE minerecon.request_turns SET taken_at = taken_at + interval '1 hour'"))
    begins_anew(waits())


def test_a_penalty_is_in_the_row_that_all_hosts_look_at(warehouse: Engine, turns: TurnsInWarehouse) -> None:
    known(warehouse)
    pace, other = Pace.of(1200), TurnsInWarehouse(url_of(warehouse), f"{SOURCE.upper()}/other/path")
    assert other.held_us() == 0
    turns.hold(30 * SECOND, pace.ahead_us)
    turns.hold(1, pace.ahead_us)
    assert 29 * SECOND < other.held_us() <= 30 * SECOND
    first, second = (other.take(1, pace.interval_us, pace.ahead_us) for _ in range(2))
    assert 29 * SECOND < first <= 30 * SECOND
    assert second - first > 0.5 * pace.interval_us, "no burst after a penalty"
    other.close()
    elsewhere = TurnsInWarehouse(url_of(warehouse), "http://elsewhere.example")
    assert elsewhere.held_us() == 0
    elsewhere.close()


def test_a_warehouse_that_is_gone_gives_out_nothing_and_one_that_is_back_does(
    warehouse: Engine, turns: TurnsInWarehouse
) -> None:
    known(warehouse)
    pace = Pace.of(1200)
    turns.take(1, pace.interval_us, pace.ahead_us)
    assert turns._connection is not None
    pid = turns._connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    with warehouse.begin() as connection:
        act_as_owner(connection)
        assert connection.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid}).scalar_one()
    with pytest.raises(TurnsUnavailableError, match=r"^the warehouse gives out no turns: "):
        turns.take(1, pace.interval_us, pace.ahead_us)
    assert turns.take(1, pace.interval_us, pace.ahead_us) == 0


def test_a_reader_takes_no_turns(warehouse: Engine) -> None:
    with warehouse.connect() as connection:
        may = text(
            "SELECT has_table_privilege(r, 'minerecon.request_turns', 'INSERT'),"
            " has_table_privilege(r, 'minerecon.request_turns', 'UPDATE'),"
            " (SELECT prosecdef FROM pg_proc WHERE proname = 'take_turn')"
            " FROM unnest(ARRAY['minerecon_analyst', 'minerecon_api']) AS r"
        )
        assert {tuple(row) for row in connection.execute(may)} == {(False, False, False)}


def test_the_table_of_turns_is_unlogged(warehouse: Engine) -> None:
    with warehouse.connect() as connection:
        kept = text("SELECT relpersistence FROM pg_class WHERE oid = 'minerecon.request_turns'::regclass")
        assert connection.execute(kept).scalar_one() == "u"


_WORKER = """
import datetime as dt, sys, threading
from minerecon_dagster.http.client import HttpClient, Patience, Source
from minerecon_dagster.http.rate_limit import RateLimiter
from minerecon_dagster.warehouse.store import act_as_owner
from minerecon_dagster.warehouse.turns import TurnsInWarehouse
warehouse, url, limit, requests = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
turns = TurnsInWarehouse(warehouse, url)
asked = []
take = turns.take
turns.take = lambda count, *pace: asked.append(count) or take(count, *pace)
source = Source("test", "X", {}, lambda reply: reply.response.status_code, "", lambda status: "")
now = lambda: dt.datetime.now(dt.UTC)
with HttpClient(source, Patience(), limiter=RateLimiter(limit, turns), threads=8, now=now) as client:
    got = client.ask_all([f"{url}/{sys.argv[5]}/{n}" for n in range(requests)])
assert set(got.values()) == {200}, got
print(len(asked), sum(asked))
"""


class Arrivals:
    """A server on this machine that notes when each request came, and from which worker."""

    def __init__(self) -> None:
        arrivals = self.of_workers = dict[str, list[int]]()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                arrivals.setdefault(self.path.split("/")[1], []).append(time.monotonic_ns() // 1000)
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"[]")

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def arrivals() -> Iterator[Arrivals]:
    arrivals = Arrivals()
    yield arrivals
    arrivals.server.shutdown()
    arrivals.server.server_close()


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 3])
def test_what_arrives_from_all_processes_together_is_within_the_limit_and_nearly_all_of_it(
    warehouse: Engine, arrivals: Arrivals, workers: int
) -> None:
    limit, requests = 6000, 450 // workers
    arguments = [sys.executable, "-c", _WORKER, url_of(warehouse), arrivals.url, str(limit), str(requests)]
    started = [
        subprocess.Popen([*arguments, str(number)], stdout=subprocess.PIPE, text=True) for number in range(workers)
    ]
    said = [[int(n) for n in process.communicate(timeout=120)[0].split()] for process in started]
    starts, pace = sorted(at for some in arrivals.of_workers.values() for at in some), Pace.of(limit)
    assert [len(some) for some in arrivals.of_workers.values()] == [requests] * workers
    jitter = 4 * SECOND // 10
    for window in (SECOND // 10, SECOND // 2, SECOND):
        assert most_within(starts, window) <= pace.burst + (window + jitter) // pace.interval_us + 1
    for questions, turns in said:
        assert questions < requests / 2, "a round trip for each request"
        assert turns < 1.1 * requests, "turns that nobody was there for"
