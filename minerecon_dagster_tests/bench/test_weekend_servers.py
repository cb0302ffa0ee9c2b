"""What stands around the project in the weekend: each answers as the real one does, and fails as it is told to."""

from __future__ import annotations

import datetime as dt
import gzip
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from bench.weekend.clock import Clock, why_not
from bench.weekend.servers import Fault, PriceSource, Proxy, Receiver, kind_of
from minerecon_dagster.alerts.webhook import Webhook
from minerecon_dagster.core.errors import TransientSourceError
from minerecon_dagster.prices.source import CoinbaseCandles
from minerecon_dagster.sample import SAMPLE_DAYS
from minerecon_dagster.sample.server import serve_sample

NOW = dt.datetime(2025, 3, 30, 11, 31, tzinfo=dt.UTC)
DAY = str(SAMPLE_DAYS[0])
PATHS = {
    "stack": f"/balancing/settlement/stack/all/bid/{DAY}/20",
    "boav": f"/balancing/settlement/acceptance/volumes/all/bid/{DAY}",
    "ebocf": f"/balancing/settlement/indicative/cashflows/all/bid/{DAY}",
    "agws": f"/generation/actual/per-type/wind-and-solar?from={DAY}&to={DAY}",
    "register": "/reference/bmunits/all",
}


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with serve_sample() as upstream:
        proxy = Proxy(upstream, lambda: NOW)
        with proxy.running():
            yield proxy


def rows(proxy: Proxy, kind: str) -> list[dict[str, object]]:
    answer = requests.get(proxy.base_url + PATHS[kind], timeout=10)
    assert answer.status_code == 200
    found = answer.json()
    return found if kind == "register" else found["data"]


def test_every_dataset_is_known_by_its_path() -> None:
    assert {kind_of(path) for path in PATHS.values()} == PATHS.keys()
    assert kind_of("/datasets/PN/stream") == "pn"
    assert kind_of("/something/new") == "other"


def test_the_proxy_hands_answers_on_byte_for_byte_and_counts_them_by_kind_and_hour(proxy: Proxy) -> None:
    for path in PATHS.values():
        direct = requests.get(f"http://{proxy._upstream.netloc}{proxy._upstream.path}{path}", timeout=10)
        assert requests.get(proxy.base_url + path, timeout=10).content == direct.content
    assert proxy.by_hour() == {"2025-03-30T11": Counter(PATHS.keys())}


def test_a_silent_source_has_no_rows_in_its_three_accounts_and_all_of_the_rest(proxy: Proxy) -> None:
    proxy.fault = Fault(silent=True)
    assert [rows(proxy, kind) for kind in ("stack", "boav", "ebocf")] == [[], [], []]
    assert rows(proxy, "agws") and rows(proxy, "register")
    assert [call.outcome for call in proxy.calls] == ["silent", "silent", "silent", "200", "200"]


@pytest.mark.slow
def test_late_periods_are_in_no_answer_of_their_day_and_the_others_are(proxy: Proxy) -> None:
    before = {kind: rows(proxy, kind) for kind in ("stack", "boav", "ebocf")}
    assert all(before.values())
    proxy.fault = Fault(late={DAY: (20, 21)})
    assert rows(proxy, "stack") == []
    for kind in ("boav", "ebocf"):
        assert rows(proxy, kind) == [r for r in before[kind] if r["settlementPeriod"] not in (20, 21)]
    proxy.fault = Fault(late={"2001-01-01": (20, 21)})
    assert {kind: rows(proxy, kind) for kind in before} == before


def test_a_source_that_is_away_closes_the_connection_and_one_that_fails_says_so(proxy: Proxy) -> None:
    proxy.fault = Fault(is_away=True)
    with pytest.raises(requests.ConnectionError):
        requests.get(proxy.base_url + PATHS["stack"], timeout=10)
    proxy.fault = Fault(status=503)
    assert requests.get(proxy.base_url + PATHS["register"], timeout=10).status_code == 503
    proxy.fault = Fault()
    assert rows(proxy, "stack")


def test_compressed_answers_lose_their_late_periods_too() -> None:
    from bench.weekend.servers import _without

    body = gzip.compress(b'{"data":[{"settlementPeriod":1},{"settlementPeriod":2}]}')
    assert _without(body, (1,)) == b'{"data": [{"settlementPeriod": 2}]}'


def test_the_price_source_serves_the_projects_own_client_until_it_fails() -> None:
    source = PriceSource(lambda: NOW)
    with source.running():
        client = CoinbaseCandles(source.base_url, max_attempts=1)
        days = [dt.date(2025, 3, 28) + dt.timedelta(days=n) for n in range(3)]
        assert [price.day for price in client.fetch(days[0], days[-1])] == days
        source.is_away = True
        with pytest.raises(TransientSourceError, match=r"cut|connection"):
            client.fetch(days[0], days[0])
        source.is_away, source.status = False, 500
        with pytest.raises(TransientSourceError, match="HTTP 500"):
            client.fetch(days[0], days[0])
        assert [call.outcome for call in source.calls] == ["200", "away", "500"]


def test_the_receiver_keeps_alerts_as_they_are_read_and_heartbeats_of_any_method() -> None:
    receiver = Receiver(lambda: NOW)
    with receiver.running():
        assert Webhook(receiver.webhook_url).post("RUN FAILED: a < b & c") is None
        for method in ("GET", "HEAD", "POST"):
            assert requests.request(method, receiver.heartbeat_url, timeout=10).status_code == 200
    assert [(a.kind, a.text, a.at) for a in receiver.alerts] == [("RUN FAILED", "RUN FAILED: a < b & c", NOW)]
    assert receiver.heartbeats == [NOW] * 3


needs_clock = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))


@needs_clock
def test_the_clock_moves_every_process_that_is_started_with_it_and_not_this_one(tmp_path: Path) -> None:
    clock = Clock(tmp_path, NOW)
    ask = [sys.executable, "-u", "-c", "import time\nwhile input() or True: print(time.time())"]
    child = subprocess.Popen(
        ask, env=os.environ | clock.environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdin is not None and child.stdout is not None

    def shown() -> float:
        child.stdin.write("\n")  # type: ignore[union-attr]
        child.stdin.flush()  # type: ignore[union-attr]
        return float(child.stdout.readline())  # type: ignore[union-attr]

    try:
        assert abs(shown() - NOW.timestamp()) < 30
        clock.move_to(NOW + dt.timedelta(hours=5))
        assert abs(shown() - NOW.timestamp() - 5 * 3600) < 30
        clock.move_by(600)
        assert abs(shown() - clock.now().timestamp()) < 5
        with pytest.raises(ValueError, match="not moved back"):
            clock.move_to(NOW)
        assert abs(dt.datetime.now(dt.UTC).timestamp() - NOW.timestamp()) > 86_400
    finally:
        child.terminate()
        child.communicate()
