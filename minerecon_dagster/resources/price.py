"""The price of Bitcoin over HTTP: the daily BTC-GBP candles that Coinbase Exchange publishes; no key is needed.

No Dagster in here. Another source is another class with the members of `PriceSource`; the resource that
makes it (`dagster_resources.PriceResource`) is the only place that names this one.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from importlib.metadata import version
from typing import Any, Protocol
from urllib.parse import urlencode

import requests
import tenacity
from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry

from minerecon_dagster.core.errors import PermanentSourceError, SchemaDriftError, TransientSourceError

MOST_CANDLES = 300
"""Coinbase rejects a request for more."""
LONGEST_RETRY_AFTER_S = 120
"""More than this the source is not waited for within one request, whatever its Retry-After says."""
_DAY_S = 86_400
_END_OF_TIME_S = 253_402_300_800
"""The year 10000."""
_ONE_DAY = dt.timedelta(days=1)
_FIELDS = ("time", "low", "high", "open", "close", "volume")

_log = logging.getLogger(__name__)


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
            SchemaDriftError: what it answered is not what it should be.
        """


class CoinbaseCandles:
    """The close of Coinbase Exchange's daily BTC-GBP candles.

    Retried are 429, 5xx, time-outs, refused, dropped and cut connections, and answers that are not JSON;
    nothing else is. Requests go one after the other, far below the source's limit of 10 a second.

    Args:
        base_url: as in ``https://api.exchange.coinbase.com``.
        connect_timeout_s, read_timeout_s: how long to wait for a connection, and between bytes of an answer.
        max_attempts: per request, the first one included.
        backoff_base_s, backoff_cap_s: the wait before the second attempt, doubled before each further one up to
            the cap; up to half of the base is added at random.
        now: the clock of `DailyPrice.fetched_at` (UTC).
    """

    name = "Coinbase Exchange, close of the daily BTC-GBP candle"

    def __init__(
        self,
        base_url: str,
        *,
        connect_timeout_s: float = 10.0,
        read_timeout_s: float = 30.0,
        max_attempts: int = 6,
        backoff_base_s: float = 0.5,
        backoff_cap_s: float = 15.0,
        now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._timeouts_s = (connect_timeout_s, read_timeout_s)
        self._max_attempts = max_attempts
        self._backoff = tenacity.wait_exponential_jitter(
            multiplier=backoff_base_s, max=backoff_cap_s, jitter=backoff_base_s / 2
        )
        self._now = now

    def fetch(self, first: dt.date, last: dt.date) -> list[DailyPrice]:
        """As `PriceSource.fetch`; a request per `MOST_CANDLES` days."""
        prices: list[DailyPrice] = []
        with _new_session() as session:
            while first <= last:
                until = min(last, first + (MOST_CANDLES - 1) * _ONE_DAY)
                prices += self._fetch(session, first, until)
                first = until + _ONE_DAY
        return prices

    def _fetch(self, session: requests.Session, first: dt.date, last: dt.date) -> list[DailyPrice]:
        asked = {"granularity": _DAY_S, "start": f"{first}T00:00:00Z", "end": f"{last}T00:00:00Z"}
        url = f"{self._base_url}/products/BTC-GBP/candles?{urlencode(asked, safe=':')}"
        rows, fetched_at = self._call(_Call(url, session))
        if not isinstance(rows, list):
            raise _drift(url, "it is not an array of candles")
        prices = [DailyPrice(*_read(url, row), url, fetched_at) for row in rows]
        # The documentation says so: some of the candles may precede the declared start.
        return sorted((price for price in prices if price.day >= first), key=lambda price: price.day)

    def _call(self, call: _Call) -> tuple[Any, dt.datetime]:
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_RetryableError),
            stop=tenacity.stop_after_attempt(self._max_attempts),
            wait=self._wait_s,
            before_sleep=lambda state: _log_retry(call, state),
            reraise=True,
        )
        try:
            return retrying(self._attempt, call)
        except _RetryableError as error:
            remedy = "the price source may be down: try again later"
            if error.status is None:
                remedy = f"check the network and BITCOIN_PRICE_BASE_URL; {remedy}"
            raise TransientSourceError(
                str(error), method="GET", url=call.url, status=error.status, attempts=call.attempts, remedy=remedy
            ) from None

    def _attempt(self, call: _Call) -> tuple[Any, dt.datetime]:
        call.attempts += 1
        try:
            response = call.session.get(call.url, timeout=self._timeouts_s)
            body = response.content
        except requests.RequestException as error:
            raise self._failure(error, call) from error
        status = response.status_code
        if status == 429 or status >= 500:
            raise _RetryableError(f"HTTP {status}", status, _retry_after_s(response))
        if status != 200:
            raise _permanent(f"HTTP {status}: {_said(response)}", status, call)
        try:
            return json.loads(body, parse_float=Decimal, parse_int=Decimal), self._now()
        except ValueError as error:
            raise _RetryableError(f"HTTP 200, but the answer is not JSON: {error}", 200) from None

    def _failure(self, error: requests.RequestException, call: _Call) -> Exception:
        causes = list(_causes(error))
        reason = " ".join(str(causes[-1]).split())
        if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
            return _permanent(f"its certificate is not trusted: {reason}", None, call)
        if isinstance(error, requests.ConnectTimeout):
            return _RetryableError(f"no connection within {self._timeouts_s[0]:g} s")
        if isinstance(error, requests.ReadTimeout):
            return _RetryableError(f"no answer within {self._timeouts_s[1]:g} s")
        if isinstance(
            error,
            requests.ConnectionError
            | requests.exceptions.ChunkedEncodingError
            | requests.exceptions.ContentDecodingError,
        ):
            return _RetryableError(f"the connection failed, or was cut: {reason}")
        return _permanent(f"{type(error).__name__}: {reason}", None, call)

    def _wait_s(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked_s = error.retry_after_s if isinstance(error, _RetryableError) else 0.0
        return max(self._backoff(state), asked_s)


@dataclass
class _Call:
    """One question and the tries to have it answered."""

    url: str
    session: requests.Session
    attempts: int = 0


class _RetryableError(Exception):
    def __init__(self, problem: str, status: int | None = None, retry_after_s: float = 0.0) -> None:
        super().__init__(problem)
        self.status = status
        self.retry_after_s = retry_after_s


def _read(url: str, row: object) -> tuple[dt.date, Decimal]:
    """The day and the close of a candle, which must be whole and make sense."""
    if not isinstance(row, list) or len(row) != len(_FIELDS) or not all(type(value) is Decimal for value in row):
        raise _drift(url, f"{_shown(row)} is not a candle of the numbers {', '.join(_FIELDS)}")
    time, low, high, opened, close, volume = row
    if not 0 <= time < _END_OF_TIME_S or time % _DAY_S:
        raise _drift(url, f"{_shown(row)} does not begin at 00:00 UTC of a day")
    if not (0 < low <= min(opened, close) <= max(opened, close) <= high) or volume < 0:
        raise _drift(url, f"{_shown(row)} is impossible: low, open, close and high must be above 0 and in their order")
    return dt.datetime.fromtimestamp(int(time), dt.UTC).date(), close


def _drift(url: str, problem: str) -> SchemaDriftError:
    return SchemaDriftError(
        f"GET {url}: {problem}; nothing was stored: check BITCOIN_PRICE_BASE_URL, and try again later"
    )


def _shown(row: object) -> str:
    text = json.dumps(row, default=str)
    return text if len(text) <= 120 else f"{text[:119]}…"


def _new_session() -> requests.Session:
    session = requests.Session()
    # Coinbase refuses requests without a User-Agent.
    session.headers.update(
        {"Accept": "application/json", "User-Agent": f"minerecon_dagster/{version('minerecon-dagster')}"}
    )
    return session


_RETRY_AFTER = Retry(retry_after_max=LONGEST_RETRY_AFTER_S)


def _retry_after_s(response: requests.Response) -> float:
    try:
        return _RETRY_AFTER.parse_retry_after(response.headers.get("Retry-After", "0"))
    except (InvalidHeader, ValueError, OverflowError):
        return 0.0


def _said(response: requests.Response) -> str:
    """The start of the body of an error: Coinbase says there what is wrong."""
    return " ".join(response.text.split())[:120] or "no reason given"


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _log_retry(call: _Call, state: tenacity.RetryCallState) -> None:
    problem = state.outcome.exception() if state.outcome else None
    wait_s = state.next_action.sleep if state.next_action else 0.0
    _log.debug("GET %s: %s (attempt %d); again in %.1f s", call.url, problem, call.attempts, wait_s)


def _permanent(problem: str, status: int | None, call: _Call) -> PermanentSourceError:
    return PermanentSourceError(
        problem,
        method="GET",
        url=call.url,
        status=status,
        attempts=call.attempts,
        remedy="check BITCOIN_PRICE_BASE_URL, and the proxy if there is one",
    )
