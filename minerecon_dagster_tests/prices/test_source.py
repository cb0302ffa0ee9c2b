"""The price source against a server on loopback: what is asked, what is believed, and what is refused."""

from __future__ import annotations

import datetime as dt
import json
import socket
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from minerecon_dagster.core.answers import is_synthetic
from minerecon_dagster.core.errors import PermanentSourceError, SchemaDriftError, TransientSourceError
from minerecon_dagster.defs.resources import PriceResource
from minerecon_dagster.http.client import HttpClient
from minerecon_dagster.prices.source import CoinbaseCandles
from minerecon_dagster.sample.prices import PriceHandler, PriceServer, candle, reply_to, synthetic_price_gbp
from minerecon_dagster.sample.server import Reply

D = dt.date.fromisoformat
NOW = dt.datetime(2025, 4, 2, 9, tzinfo=dt.UTC)
FIRST, LAST = D("2025-03-28"), D("2025-03-30")
MIDNIGHT = 1_743_120_000
"""2025-03-28 00:00 UTC."""
Answer = Callable[[str], Reply | None]


class Server(PriceServer):
    """The stand-in, with answers that a test puts in the place of its own; None hangs up."""

    def __init__(self) -> None:
        super().__init__(handler=_Handler)
        self.answers: list[Answer] = []
        self.asked: list[str] = []
        self.agents: set[str | None] = set()
        self.authorizations: set[str | None] = set()

    def says(self, body: str | bytes, status: int = 200) -> None:
        """Answer the next request so."""
        self.answers.append(lambda _: Reply(status, body if isinstance(body, bytes) else body.encode()))


class _Handler(PriceHandler):
    server: Server

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        self.server.asked.append(self.path)
        self.server.agents.add(self.headers.get("User-Agent"))
        self.server.authorizations.add(self.headers.get("Authorization"))
        answer = self.server.answers.pop(0)(self.path) if self.server.answers else reply_to(self.path)
        if answer is None:
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
        else:
            self.send(answer)


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    with made.running():
        yield made


def source(server: Server, **changes: Any) -> CoinbaseCandles:
    return CoinbaseCandles(server.base_url, **({"backoff_base_s": 0.01, "now": lambda: NOW} | changes))


def spans(server: Server) -> list[tuple[str, str]]:
    queries = [parse_qs(urlsplit(path).query) for path in server.asked]
    assert all(query["granularity"] == ["86400"] for query in queries)
    return [(query["start"][0], query["end"][0]) for query in queries]


def test_the_close_of_each_day_is_its_price_oldest_first_with_its_source_and_time(server: Server) -> None:
    prices = source(server).fetch(FIRST, LAST)
    assert [(p.day, p.price_gbp) for p in prices] == [
        (day, synthetic_price_gbp(day)) for day in (FIRST, D("2025-03-29"), LAST)
    ]
    assert {p.fetched_at for p in prices} == {NOW}
    (url,) = {p.url for p in prices}
    assert url == f"{server.base_url.partition('/synthetic')[0]}{server.asked[0]}"
    assert is_synthetic(url)
    assert spans(server) == [("2025-03-28T00:00:00Z", "2025-03-30T00:00:00Z")]
    assert all("minerecon_dagster/" in str(agent) for agent in server.agents)


def test_five_years_are_seven_requests_of_three_hundred_days_each_without_a_gap(server: Server) -> None:
    first, last = D("2021-01-01"), D("2025-12-31")
    prices = source(server).fetch(first, last)
    assert [p.day for p in prices] == [first + dt.timedelta(days=n) for n in range((last - first).days + 1)]
    asked = [(D(begin[:10]), D(end[:10])) for begin, end in spans(server)]
    assert len(asked) == 7
    assert {(end - begin).days + 1 for begin, end in asked[:-1]} == {300}
    assert [begin for begin, _ in asked[1:]] == [end + dt.timedelta(days=1) for _, end in asked[:-1]]


def test_the_digits_of_a_price_are_kept_as_they_came(server: Server) -> None:
    server.says(f"[[{MIDNIGHT}, 1, 99999, 7, 64123.4000000000000000001, 0]]")
    (price,) = source(server).fetch(FIRST, FIRST)
    assert str(price.price_gbp) == "64123.4000000000000000001"


def test_a_day_without_a_candle_stays_without_a_price(server: Server) -> None:
    server.says(json.dumps([candle(LAST), candle(FIRST)]))
    assert [p.day for p in source(server).fetch(FIRST, LAST)] == [FIRST, LAST]
    server.says("[]")
    assert source(server).fetch(FIRST, LAST) == []


def test_candles_before_the_first_day_are_left_out_as_the_source_may_add_them(server: Server) -> None:
    server.says(json.dumps([candle(LAST), candle(FIRST), candle(FIRST - dt.timedelta(days=1))]))
    assert [p.day for p in source(server).fetch(FIRST, LAST)] == [FIRST, LAST]


GOOD = f"[{MIDNIGHT}, 60000, 62000, 61000, 61500.5, 12.25]"


@pytest.mark.parametrize(
    "row",
    [
        "null",
        "{}",
        "[]",
        GOOD.replace(", 12.25", ""),
        GOOD.replace("12.25", "12.25, 1"),
        GOOD.replace("61500.5", "null"),
        GOOD.replace("61500.5", '"61500.5"'),
        GOOD.replace("61500.5", "NaN"),
        GOOD.replace("61500.5", "true"),
        GOOD.replace(str(MIDNIGHT), str(MIDNIGHT + 3600)),
        GOOD.replace(str(MIDNIGHT), f"{MIDNIGHT}.5"),
        GOOD.replace(str(MIDNIGHT), f"{MIDNIGHT}000"),
        GOOD.replace(str(MIDNIGHT), "1e999999"),
        GOOD.replace("61500.5", "1e99999999999999999999"),
        GOOD.replace("12.25", "1e-99999999999999999999"),
        GOOD.replace("12.25", f"1e-1{0:030}"),
        f"[{MIDNIGHT}, 1e40, 1e40, 1e40, 1e40, 1e40]",
        GOOD.replace(str(MIDNIGHT), "-86400"),
    ],
)
def test_a_candle_that_is_not_one_stops_all_of_the_answer(server: Server, row: str) -> None:
    server.says(f"[{json.dumps(candle(LAST))}, {row}]")
    with pytest.raises(SchemaDriftError) as caught:
        source(server).fetch(FIRST, LAST)
    message = str(caught.value)
    assert server.asked[0] in message
    assert "nothing was stored" in message
    assert "BITCOIN_PRICE_BASE_URL" in message
    assert "\n" not in message
    assert len(server.asked) == 1, "asking again would not help"


@pytest.mark.parametrize(
    "row",
    [
        GOOD.replace("61500.5", "0"),
        GOOD.replace("61500.5", "-61500.5"),
        GOOD.replace("61500.5", "62000.01"),
        GOOD.replace("60000", "0"),
        GOOD.replace("60000", "61000.01"),
        GOOD.replace("12.25", "-1"),
    ],
)
def test_an_impossible_candle_leaves_its_own_day_without_a_price_and_is_named(
    server: Server, row: str, caplog: pytest.LogCaptureFixture
) -> None:
    """FR-15: official histories have had such candles for years, and every night asks for the same range."""
    server.says(f"[{json.dumps(candle(LAST))}, {row}]")
    assert [p.day for p in source(server).fetch(FIRST, LAST)] == [LAST]
    (said,) = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert "is impossible" in said
    assert "2025-03-28 has no price" in said
    server.says(f"[{row}]")
    assert source(server).fetch(FIRST, FIRST) == [], "a hole that is asked for every night"
    server.says(f"[{json.dumps([*candle(LAST)[:-1], -1])}, {row}]")
    with pytest.raises(SchemaDriftError, match="is impossible"):
        source(server).fetch(FIRST, LAST)


def test_the_good_candle_of_these_tests_is_one(server: Server) -> None:
    server.says(f"[{GOOD}]")
    assert [(p.day, p.price_gbp) for p in source(server).fetch(FIRST, LAST)] == [(FIRST, Decimal("61500.5"))]


def test_an_answer_that_is_no_array_is_refused(server: Server) -> None:
    server.says('{"candles": []}')
    with pytest.raises(SchemaDriftError, match="not an array"):
        source(server).fetch(FIRST, LAST)


def test_what_may_pass_is_asked_again(server: Server) -> None:
    server.says("busy", 429)
    server.says("down", 503)
    server.says("<html>Service unavailable</html>")
    server.answers.append(lambda _: None)
    assert len(source(server).fetch(FIRST, LAST)) == 3
    assert len(server.asked) == 5


def test_a_retry_after_is_waited_for(server: Server) -> None:
    waits: list[float] = []
    wait_s = HttpClient._wait_s

    def patient(client: HttpClient[Any], state: Any) -> float:
        waits.append(wait_s(client, state))
        return 0.0

    server.answers.append(lambda _: Reply(429, b"", "text/plain"))
    original = _Handler.end_headers

    def with_retry_after(handler: _Handler) -> None:
        handler.send_header("Retry-After", "7")
        original(handler)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_Handler, "end_headers", with_retry_after)
        patch.setattr(HttpClient, "_wait_s", patient)
        source(server).fetch(FIRST, LAST)
    assert waits == [7.0]


def test_a_source_that_stays_down_is_one_clear_line(server: Server) -> None:
    for _ in range(3):
        server.says("down", 502)
    with pytest.raises(TransientSourceError) as caught:
        source(server, max_attempts=3).fetch(FIRST, LAST)
    assert (caught.value.status, caught.value.attempts) == (502, 3)
    assert "try again later" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_server_that_is_not_there_is_an_error_that_names_the_variable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    with pytest.raises(TransientSourceError, match="BITCOIN_PRICE_BASE_URL") as caught:
        CoinbaseCandles(f"http://127.0.0.1:{port}", max_attempts=2, backoff_base_s=0.01).fetch(FIRST, LAST)
    assert caught.value.status is None


def test_a_server_that_says_nothing_is_given_up(server: Server) -> None:
    silence = threading.Event()

    def hang(_: str) -> None:
        silence.wait(30)

    server.answers += [hang, hang]
    try:
        with pytest.raises(TransientSourceError, match="no answer within"):
            source(server, max_attempts=2, read_timeout_s=0.2).fetch(FIRST, LAST)
    finally:
        silence.set()


@pytest.mark.parametrize("status", [400, 401, 404])
def test_a_refusal_is_not_asked_again_and_says_what_the_source_said(server: Server, status: int) -> None:
    server.says('{"message": "no such thing"}', status)
    with pytest.raises(PermanentSourceError, match="no such thing"):
        source(server).fetch(FIRST, LAST)
    assert len(server.asked) == 1


def test_the_stand_in_refuses_what_coinbase_refuses(server: Server) -> None:
    def status(query: str) -> int:
        return reply_to(f"/synthetic/prices/products/BTC-GBP/candles?{query}").status

    week = "start=2025-03-01T00:00:00Z&end=2025-03-07T00:00:00Z"
    assert status(f"granularity=86400&{week}") == 200
    assert status(f"granularity=7&{week}") == 400
    assert status("granularity=86400&start=soon&end=later") == 400
    assert status("granularity=86400&start=2024-01-01T00:00:00Z&end=2024-10-26T00:00:00Z") == 200
    assert status("granularity=86400&start=2024-01-01T00:00:00Z&end=2024-10-27T00:00:00Z") == 400
    assert reply_to("/synthetic/prices/products/BTC-USD/candles").status == 404


def test_credentials_in_the_address_are_sent_and_are_in_no_price(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a price says of its source is exported."""
    monkeypatch.setenv("BITCOIN_PRICE_BASE_URL", server.base_url.replace("://", "://somebody:sekretpw@"))
    prices = PriceResource().source().fetch(FIRST, LAST)
    assert server.authorizations == {"Basic c29tZWJvZHk6c2VrcmV0cHc="}
    assert len(prices) == 3
    assert not [price for price in prices if "sekretpw" in repr(price) or "somebody" in repr(price)]
