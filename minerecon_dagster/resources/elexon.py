"""Elexon's Insights API over HTTP: many answers at once, each retried as it deserves, none invented.

No Dagster in here. What an answer means is its dataset's and `core.states`' business; here an answer
is bytes with a status, or an error that says what was asked, how often, and what to do.
"""

from __future__ import annotations

import datetime as dt
import logging
import queue
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from types import TracebackType
from typing import Self

import msgspec
import requests
import tenacity
from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry

from minerecon_dagster.core.answers import Answer, AnswerKey
from minerecon_dagster.core.errors import PermanentSourceError, SourceError, TransientSourceError
from minerecon_dagster.core.schema import REGISTER_PATH
from minerecon_dagster.elexon.datasets import dataset_of
from minerecon_dagster.resources.rate_limit import RateLimiter

OUTAGE_AFTER_CALLS = 8
"""So many calls in a row that failed for good, with no answer in between, are an outage: the rest is not asked."""
OUTAGE_AFTER_S = 40.0
"""A call that has tried for so long, while no other had an answer either, shows an outage as well."""
LONGEST_RETRY_AFTER_S = 120
"""More than this Elexon is not waited for within one call, whatever its Retry-After says."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ClientStats:
    """What a client has done so far; subtract two to see what happened between them.

    Args:
        requests: attempts sent.
        retries: those of them that were not the first of their call.
        status_counts: attempts by HTTP status; those without one are not in it.
        limit_wait_s: seconds that threads waited for the rate limit, added up.
        request_s: seconds that threads waited for answers, added up.
        body_bytes: size of the decoded bodies.
    """

    requests: int = 0
    retries: int = 0
    status_counts: Mapping[int, int] = field(default_factory=dict)
    limit_wait_s: float = 0.0
    request_s: float = 0.0
    body_bytes: int = 0

    def __sub__(self, earlier: ClientStats) -> ClientStats:
        return ClientStats(
            self.requests - earlier.requests,
            self.retries - earlier.retries,
            Counter(self.status_counts) - Counter(earlier.status_counts),
            self.limit_wait_s - earlier.limit_wait_s,
            self.request_s - earlier.request_s,
            self.body_bytes - earlier.body_bytes,
        )


class StatsCounter:
    """Counts what a client does, from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._total = ClientStats()

    def snapshot(self) -> ClientStats:
        """What was counted so far."""
        return self._total

    def count(
        self, *, is_retry: bool, status: int | None, limit_wait_s: float, request_s: float, body_bytes: int
    ) -> None:
        """Add one attempt."""
        with self._lock:
            was = self._total
            statuses = Counter(was.status_counts)
            if status is not None:
                statuses[status] += 1
            self._total = ClientStats(
                was.requests + 1,
                was.retries + is_retry,
                statuses,
                was.limit_wait_s + limit_wait_s,
                was.request_s + request_s,
                was.body_bytes + body_bytes,
            )


class ElexonClient:
    """A client of the Insights API; a context manager.

    Retried are 429, 5xx, time-outs, refused, dropped and cut connections, and answers that are not
    JSON; nothing else is. Every attempt waits for the rate limit first, and a 429 holds back everybody
    who shares it.

    A source is down once `OUTAGE_AFTER_CALLS` calls in a row have failed for good, or one has tried for
    `OUTAGE_AFTER_S` and none had an answer meanwhile: what is left of that `fetch` is then not tried
    (again) and fails at once. With the defaults a dead server is given up within about a minute.

    Args:
        base_url: as in ``https://data.elexon.co.uk/bmrs/api/v1``.
        limiter: shared by all who ask this host.
        threads: requests under way at once.
        connect_timeout_s, read_timeout_s: how long to wait for a connection, and between bytes of an answer.
        max_attempts: per call, the first one included.
        backoff_base_s, backoff_cap_s: the wait before the second attempt, doubled before each further one up to
            the cap; up to half of the base is added at random.
        now: the clock of `Answer.fetched_at` (UTC).
    """

    def __init__(
        self,
        base_url: str,
        limiter: RateLimiter,
        *,
        threads: int = 8,
        connect_timeout_s: float = 10.0,
        read_timeout_s: float = 30.0,
        max_attempts: int = 6,
        backoff_base_s: float = 0.5,
        backoff_cap_s: float = 15.0,
        now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        self.stats = StatsCounter()
        self._base_url = base_url.rstrip("/")
        self._limiter = limiter
        self._timeouts_s = (connect_timeout_s, read_timeout_s)
        self._max_attempts = max_attempts
        self._backoff_base_s = backoff_base_s
        self._backoff = tenacity.wait_exponential_jitter(
            multiplier=backoff_base_s, max=backoff_cap_s, jitter=backoff_base_s / 2
        )
        self._now = now
        self._sessions = [_new_session() for _ in range(threads)]
        self._one_at_a_time = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        for session in self._sessions:
            session.close()

    def fetch(self, keys: Sequence[AnswerKey], day: dt.date) -> dict[AnswerKey, Answer | SourceError]:
        """Ask for several answers of a settlement day at once.

        Returns:
            Each of ``keys``, in their order, with its answer (HTTP 200 or 404) or the error that is in its place.

        Raises:
            ConfigurationError: the rate limit's state file cannot be used.
        """
        return self.ask({key: dataset_of(key).path(key, day) for key in keys})

    def ask(self, paths: Mapping[AnswerKey, str]) -> dict[AnswerKey, Answer | SourceError]:
        """Ask for several answers at once, each by its path and query; `fetch` says what is returned and raised."""
        urls = {key: self._base_url + path for key, path in paths.items()}
        got = self._fetch_all(list(urls.values()))
        return {key: got[url] for key, url in urls.items()}

    def fetch_register(self) -> Answer:
        """The register of BM units as it is now.

        Raises:
            SourceError: it did not come; a 404 is an error here.
            ConfigurationError: the rate limit's state file cannot be used.
        """
        url = self._base_url + REGISTER_PATH
        got = self._fetch_all([url])[url]
        if isinstance(got, SourceError):
            raise got
        if got.status == 404:
            raise _permanent("HTTP 404", url, 404, 1)
        return got

    def _fetch_all(self, urls: Sequence[str]) -> dict[str, Answer | SourceError]:
        todo: queue.SimpleQueue[str] = queue.SimpleQueue()
        for url in urls:
            todo.put(url)
        got: dict[str, Answer | SourceError] = {}
        crashes: list[BaseException] = []
        cancelled, watch = threading.Event(), _Watch()

        def work(session: requests.Session) -> None:
            try:
                while not cancelled.is_set():
                    url = todo.get_nowait()
                    try:
                        got[url] = self._call(_Call(url, session), watch, cancelled)
                    except SourceError as error:
                        got[url] = error
            except queue.Empty:
                pass
            except BaseException as error:  # noqa: BLE001 - whatever it is, the caller's thread raises it
                crashes.append(error)
                cancelled.set()

        with self._one_at_a_time:
            # Daemons, and no executor: an interrupted process does not wait for answers under way.
            sessions = self._sessions[: len(urls)]
            threads = [threading.Thread(target=work, args=(s,), name="elexon", daemon=True) for s in sessions]
            try:
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
            except BaseException:
                cancelled.set()
                self._sessions = [_new_session() for _ in self._sessions]
                raise
        if crashes:
            raise crashes[0]
        return got

    def _call(self, call: _Call, watch: _Watch, cancelled: threading.Event) -> Answer:
        if watch.outage:
            raise TransientSourceError(
                f"not asked, because {watch.outage}",
                method="GET",
                url=call.url,
                status=None,
                attempts=0,
                remedy="see the other calls' errors; Elexon may be down: try again later",
            )

        def is_hopeless(state: tenacity.RetryCallState) -> bool:
            if call.request_s + state.idle_for >= OUTAGE_AFTER_S:
                watch.call_was_long(call.began)
            return call.attempts >= self._max_attempts or bool(watch.outage) or cancelled.is_set()

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_RetryableError),
            stop=is_hopeless,
            wait=self._wait_s,
            sleep=tenacity.sleep_using_event(cancelled),
            before_sleep=lambda state: _log_retry(call, state),
            reraise=True,
        )
        try:
            answer = retrying(self._attempt, call, watch, cancelled)
        except _RetryableError as error:
            watch.call_failed()
            raise _transient(error, call) from None
        watch.answered()
        return answer

    def _attempt(self, call: _Call, watch: _Watch, cancelled: threading.Event) -> Answer:
        waited_s = self._limiter.acquire(cancelled)
        if cancelled.is_set():
            raise _RetryableError("interrupted")
        call.attempts += 1
        status, size = None, 0
        sent = time.monotonic()
        try:
            response = call.session.get(call.url, timeout=self._timeouts_s)
            fetched_at = self._now()
            status, size = response.status_code, len(response.content)
        except requests.RequestException as error:
            raise self._failure(error, call) from error
        finally:
            request_s = time.monotonic() - sent
            call.request_s += request_s
            self.stats.count(
                is_retry=call.attempts > 1,
                status=status,
                limit_wait_s=waited_s,
                request_s=request_s,
                body_bytes=size,
            )
        if status == 429 or status >= 500:
            retry_after_s = _retry_after_s(response)
            if status == 429:
                self._limiter.penalise(retry_after_s or self._backoff_base_s)
            if status == 429 or retry_after_s:
                watch.is_alive()
            raise _RetryableError(f"HTTP {status}", status, retry_after_s)
        if status not in (200, 404):
            watch.answered()
            raise _permanent(f"HTTP {status}", call.url, status, call.attempts)
        if status == 200:
            _require_json(response.content)
        return Answer(call.url, status, fetched_at, response.content)

    def _failure(self, error: requests.RequestException, call: _Call) -> Exception:
        causes = list(_causes(error))
        reason = " ".join(str(causes[-1]).split())
        if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
            return _permanent(f"its certificate is not trusted: {reason}", call.url, None, call.attempts)
        if isinstance(error, requests.ConnectTimeout):
            return _RetryableError(f"no connection within {self._timeouts_s[0]:g} s")
        if isinstance(error, requests.ReadTimeout):
            return _RetryableError(f"no answer within {self._timeouts_s[1]:g} s")
        if isinstance(error, requests.ConnectionError):
            return _RetryableError(f"connection failed: {reason}")
        if isinstance(error, requests.exceptions.ChunkedEncodingError | requests.exceptions.ContentDecodingError):
            return _RetryableError(f"the answer was cut or damaged: {reason}")
        return _permanent(f"{type(error).__name__}: {reason}", call.url, None, call.attempts)

    def _wait_s(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked_s = error.retry_after_s if isinstance(error, _RetryableError) else 0.0
        return max(self._backoff(state), asked_s)


@dataclass
class _Call:
    """One question and the tries to have it answered."""

    url: str
    session: requests.Session
    began: float = field(default_factory=time.monotonic)
    attempts: int = 0
    request_s: float = 0.0


class _RetryableError(Exception):
    def __init__(self, problem: str, status: int | None = None, retry_after_s: float = 0.0) -> None:
        super().__init__(problem)
        self.status = status
        self.retry_after_s = retry_after_s


class _Watch:
    """Whether the source is there, as the calls of one fetch see it.

    `outage` says why it is taken to be down; empty while it is not.
    """

    def __init__(self) -> None:
        self.outage = ""
        self._lock = threading.Lock()
        self._failed_in_a_row = 0
        self._alive_at = float("-inf")

    def is_alive(self) -> None:
        """The source answers, if only to ask for patience."""
        self._alive_at = time.monotonic()

    def answered(self) -> None:
        self.is_alive()
        with self._lock:
            self._failed_in_a_row = 0
            self.outage = ""

    def call_failed(self) -> None:
        with self._lock:
            self._failed_in_a_row += 1
            if self._failed_in_a_row >= OUTAGE_AFTER_CALLS:
                self.outage = self.outage or f"{OUTAGE_AFTER_CALLS} calls in a row had failed"

    def call_was_long(self, began: float) -> None:
        with self._lock:
            if self._alive_at < began:
                self.outage = self.outage or f"no call had an answer in {OUTAGE_AFTER_S:g} s"


def _new_session() -> requests.Session:
    session = requests.Session()
    agent = f"minerecon_dagster/{version('minerecon-dagster')} python-requests/{requests.__version__}"
    session.headers.update({"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": agent})
    return session


def _require_json(body: bytes) -> None:
    try:
        # Raw walks all of the text and makes no objects: 3 ms for the 96 answers of a day.
        msgspec.json.decode(body, type=msgspec.Raw)
    except msgspec.DecodeError as error:
        raise _RetryableError(f"HTTP 200, but the answer is not JSON: {error}", 200) from None


_RETRY_AFTER = Retry(retry_after_max=LONGEST_RETRY_AFTER_S)


def _retry_after_s(response: requests.Response) -> float:
    try:
        return _RETRY_AFTER.parse_retry_after(response.headers.get("Retry-After", "0"))
    except (InvalidHeader, ValueError, OverflowError):
        return 0.0


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _log_retry(call: _Call, state: tenacity.RetryCallState) -> None:
    problem = state.outcome.exception() if state.outcome else None
    wait_s = state.next_action.sleep if state.next_action else 0.0
    _log.debug("GET %s: %s (attempt %d); again in %.1f s", call.url, problem, call.attempts, wait_s)


def _transient(error: _RetryableError, call: _Call) -> TransientSourceError:
    remedy = "Elexon may be down: try again later"
    if error.status == 429:
        remedy = "Elexon limits requests: try again later, or lower ELEXON_MAX_REQUESTS_PER_MINUTE"
    elif error.status is None:
        remedy = "check the network and ELEXON_BASE_URL; Elexon may be down: try again later"
    return TransientSourceError(
        str(error), method="GET", url=call.url, status=error.status, attempts=call.attempts, remedy=remedy
    )


def _permanent(problem: str, url: str, status: int | None, attempts: int) -> PermanentSourceError:
    remedy = "check ELEXON_BASE_URL"
    if status == 400:
        remedy = "check the date; if it is right, Elexon's API has changed or this is a defect to report"
    elif status in (401, 403, 407):
        remedy = "access was refused: check ELEXON_BASE_URL, and the proxy if there is one"
    return PermanentSourceError(problem, method="GET", url=url, status=status, attempts=attempts, remedy=remedy)
