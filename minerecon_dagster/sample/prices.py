"""A stand-in for the price source, for the sample and for tests: made-up candles in Coinbase Exchange's form.

Every URL holds the mark of synthetic data, and every answer carries ``X-Synthetic-Data: true``. The prices
come from the date alone: the same ones on every machine, and like no market's.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
from collections.abc import Iterator
from decimal import Decimal
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from minerecon_dagster.core.answers import SYNTHETIC_PATH
from minerecon_dagster.core.calendar import UTC
from minerecon_dagster.sample.generate import SampleWorld
from minerecon_dagster.sample.server import Reply, SampleHandler, SampleServer

PRICE_PATH = f"{SYNTHETIC_PATH}prices"
_CANDLES = f"{PRICE_PATH}/products/BTC-GBP/candles"
_DAY = dt.timedelta(days=1)
_MOST_CANDLES = 300


def synthetic_price_gbp(day: dt.date) -> Decimal:
    """The made-up price of a Bitcoin at the end of ``day``, in GBP: between £40,000 and £75,000, in pence."""
    n = day.toordinal()
    wave = abs(n % 700 - 350)
    return Decimal(4_000_000 + wave * 10_000 + n * 7919 % 1000 * 100 + n * 31 % 100) / 100


def candle(day: dt.date) -> list[int | float]:
    """The candle of ``day``: time, low, high, open, close, volume."""
    opened, close = float(synthetic_price_gbp(day - _DAY)), float(synthetic_price_gbp(day))
    begin = int(dt.datetime.combine(day, dt.time(), UTC).timestamp())
    return [begin, min(opened, close) - 150, max(opened, close) + 150, opened, close, 1 + day.day / 8]


def reply_to(target: str) -> Reply:
    """What is answered to a GET of ``target``, a path with its query; newest first, as Coinbase has it."""
    url = urlsplit(target)
    if url.path != _CANDLES:
        return _problem(HTTPStatus.NOT_FOUND, "NotFound")
    try:
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        first, last = (dt.datetime.fromisoformat(query[name]).astimezone(UTC) for name in ("start", "end"))
        if query["granularity"] != "86400":
            return _problem(HTTPStatus.BAD_REQUEST, "Unsupported granularity")
    except (KeyError, ValueError):
        return _problem(HTTPStatus.BAD_REQUEST, "Invalid start, end or granularity")
    begin = first.date() if first.time() == dt.time() else first.date() + _DAY
    days = [begin + n * _DAY for n in range((last.date() - begin).days + 1)]
    if len(days) > _MOST_CANDLES:
        return _problem(HTTPStatus.BAD_REQUEST, f"Count of aggregations requested exceeds {_MOST_CANDLES}")
    return Reply(HTTPStatus.OK, json.dumps([candle(day) for day in reversed(days)]).encode())


def _problem(status: HTTPStatus, message: str) -> Reply:
    return Reply(status, json.dumps({"message": message}).encode())


class PriceHandler(SampleHandler):
    """Answers GET requests."""

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        """Answer one request."""
        self.send(reply_to(self.path))


class PriceServer(SampleServer):
    """Serves made-up prices of any day on 127.0.0.1; ``port`` 0 takes a free one."""

    def __init__(self, port: int = 0, handler: type[SampleHandler] = PriceHandler) -> None:
        super().__init__(SampleWorld(()), port, handler)

    @property
    def base_url(self) -> str:
        """What to set ``BITCOIN_PRICE_BASE_URL`` to."""
        return f"http://127.0.0.1:{self.server_port}{PRICE_PATH}"


@contextlib.contextmanager
def serve_sample_prices() -> Iterator[str]:
    """Serve made-up prices inside the ``with`` block; yields the base URL."""
    with PriceServer().running() as base_url:
        yield base_url
