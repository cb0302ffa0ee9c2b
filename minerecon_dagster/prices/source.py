"""The price of Bitcoin over HTTP: the daily BTC-GBP candles that Coinbase Exchange publishes; no key is needed.

No Dagster in here. Another source is another class with the members of `PriceSource`; the resource that
makes it (`dagster_resources.PriceResource`) is the only place that names this one.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol
from urllib.parse import urlencode

from minerecon_dagster.core.errors import SchemaDriftError
from minerecon_dagster.core.printable import printable
from minerecon_dagster.http.attempt import Kind, user_agent
from minerecon_dagster.http.client import HttpClient, Patience, RefusedError, Reply, RetryableError, Source

MOST_CANDLES = 300
"""Coinbase rejects a request for more."""
_DAY_S = 86_400
_END_OF_TIME_S = 253_402_300_800
"""The year 10000."""
_ONE_DAY = dt.timedelta(days=1)
_MOST_GBP = Decimal(10) ** 15
"""No price, volume or time is more."""
_MOST_EXPONENT_DIGITS = 2
_FIELDS = ("time", "low", "high", "open", "close", "volume")

_log = logging.getLogger(__name__)

_Candles = tuple[Any, dt.datetime]
"""What should be an array of candles, and when it was read."""


@dataclass(frozen=True, slots=True)
class DailyPrice:
    """What a source says of a day.

    Args:
        day: calendar day, UTC.
        price_gbp: price of one Bitcoin at the end of the day, in GBP, exact.
        url: where it was read.
        fetched_at: when it was read (UTC).
    """

    day: dt.date
    price_gbp: Decimal
    url: str
    fetched_at: dt.datetime


class ImpossibleCandleError(SchemaDriftError):
    """A candle that is one, of numbers that cannot be."""


class PriceSource(Protocol):
    """Where daily prices come from."""

    @property
    def name(self) -> str:
        """The source in a few words, for people."""

    def fetch(self, first: dt.date, last: dt.date) -> list[DailyPrice]:
        """The prices of the days from ``first`` to ``last``, both included, in order; a day without one is left out.

        The caller asks for days that are over only: the price of a day in progress is not final.

        Raises:
            SourceError: the source could not be used.
            SchemaDriftError: what it answered is not what it should be. A day whose price alone is impossible is left
                out, and named in the log; where those of several days came, and all are, nothing is believed.
        """


class CoinbaseCandles:
    """The close of Coinbase Exchange's daily BTC-GBP candles.

    What is retried is `http.client`'s business. Requests go one after the other, far below the source's limit of 10 a
    second.

    Args:
        base_url: as in ``https://api.exchange.coinbase.com``.
        credentials: name and password that it is asked with; None: none.
        now: the clock of `DailyPrice.fetched_at` (UTC).
        patience: as of `http.client.Patience`.
    """

    name = "Coinbase Exchange, close of the daily BTC-GBP candle"

    def __init__(
        self,
        base_url: str,
        *,
        credentials: tuple[str, str] | None = None,
        now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
        **patience: Any,
    ) -> None:
        self._credentials = credentials
        self._base_url = base_url.rstrip("/")
        self._patience = Patience(**patience)
        self._now = now

    def fetch(self, first: dt.date, last: dt.date) -> list[DailyPrice]:
        """As `PriceSource.fetch`; a request per `MOST_CANDLES` days."""
        prices: list[DailyPrice] = []
        with HttpClient(_SOURCE, self._patience, credentials=self._credentials, now=self._now) as client:
            while first <= last:
                until = min(last, first + (MOST_CANDLES - 1) * _ONE_DAY)
                prices += self._fetch(client, first, until)
                first = until + _ONE_DAY
        return prices

    def _fetch(self, client: HttpClient[_Candles], first: dt.date, last: dt.date) -> list[DailyPrice]:
        asked = {"granularity": _DAY_S, "start": f"{first}T00:00:00Z", "end": f"{last}T00:00:00Z"}
        url = f"{self._base_url}/products/BTC-GBP/candles?{urlencode(asked, safe=':')}"
        rows, fetched_at = client.ask(url)
        if not isinstance(rows, list):
            raise _drift(url, "it is not an array of candles")
        prices: list[DailyPrice] = []
        refused: list[ImpossibleCandleError] = []
        for row in rows:
            try:
                prices.append(DailyPrice(*_read(url, row), url, fetched_at))
            except ImpossibleCandleError as error:
                refused.append(error)
        # Histories have impossible candles for ever: the day has no price, is named, and holds up no other. The hole
        # that it is may be all that is asked for; several days with nothing else are no holes.
        if not prices and len(refused) > 1:
            raise refused[0]
        for left_out in refused:
            _log.warning("%s", left_out)
        # The documentation says so: some of the candles may precede the declared start.
        return sorted((price for price in prices if price.day >= first), key=lambda price: price.day)


def _number(digits: str) -> Decimal | str:
    """A number of a candle, exact; as text, which is none, where no price or volume is as large or as fine."""
    exponent = digits.lower().partition("e")[2]
    if len(exponent.lstrip("+-0")) > _MOST_EXPONENT_DIGITS:
        return digits
    number = Decimal(digits)
    return number if -_MOST_GBP <= number <= _MOST_GBP else digits


def _candles(reply: Reply) -> _Candles:
    response = reply.response
    if response.status_code != 200:
        # Coinbase says in the body of an error what is wrong.
        said = printable(response.text)[:120] or "no reason given"
        raise RefusedError(f"HTTP {response.status_code}: {said}")
    try:
        return json.loads(response.content, parse_float=_number, parse_int=_number), reply.fetched_at
    except (ValueError, RecursionError) as error:
        raise RetryableError(f"HTTP 200, but the answer is not JSON: {error}", 200) from None


_SOURCE = Source(
    "prices",
    variable="BITCOIN_PRICE_BASE_URL",
    # Coinbase refuses requests without a User-Agent.
    headers={"Accept": "application/json", "User-Agent": user_agent()},
    read=_candles,
    down="the price source may be down: try again later",
    refused=lambda _: "check BITCOIN_PRICE_BASE_URL, and the proxy if there is one",
    words=dict.fromkeys((Kind.NO_TLS, Kind.LOST, Kind.DAMAGED), "the connection failed, or was cut"),
)


def _read(url: str, row: object) -> tuple[dt.date, Decimal]:
    """The day and the close of a candle, which must be whole and make sense."""
    if not isinstance(row, list) or len(row) != len(_FIELDS) or not all(type(value) is Decimal for value in row):
        raise _drift(url, f"{_shown(row)} is not a candle of the numbers {', '.join(_FIELDS)}")
    time, low, high, opened, close, volume = row
    if not 0 <= time < _END_OF_TIME_S or time % _DAY_S:
        raise _drift(url, f"{_shown(row)} does not begin at 00:00 UTC of a day")
    if not (0 < low <= min(opened, close) <= max(opened, close) <= high) or volume < 0:
        day = dt.datetime.fromtimestamp(int(time), dt.UTC).date()
        raise ImpossibleCandleError(
            f"GET {url}: {_shown(row)} is impossible: low, open, close and high must be above 0 and in their order; "
            f"{day} has no price from it: check BITCOIN_PRICE_BASE_URL, and try again later"
        )
    return dt.datetime.fromtimestamp(int(time), dt.UTC).date(), close


def _drift(url: str, problem: str) -> SchemaDriftError:
    return SchemaDriftError(
        f"GET {url}: {problem}; nothing was stored: check BITCOIN_PRICE_BASE_URL, and try again later"
    )


def _shown(row: object) -> str:
    text = json.dumps(row, default=str)
    return text if len(text) <= 120 else f"{text[:119]}…"
