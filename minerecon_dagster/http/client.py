"""A client of one source: many questions at once, each tried as often as it deserves, no answer invented.

Retried are 429, 5xx, time-outs, refused, dropped and cut connections, and answers that are not what they should be to
the reader of the source; nothing else is. What is particular to a source is a `Source`; what an answer means is its
caller's business.
"""

from __future__ import annotations

import datetime as dt
import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Generic, NoReturn, Self, TypeVar

import requests
import tenacity

from minerecon_dagster.core.errors import PermanentSourceError, SourceError, TransientSourceError
from minerecon_dagster.core.printable import printable
from minerecon_dagster.http.attempt import (
    LONGEST_ANSWER_S,
    LONGEST_RETRY_AFTER_S,
    Failure,
    Kind,
    NoAnswerError,
    Purse,
    Session,
    attempt,
    retry_after_s,
)
from minerecon_dagster.http.outage import Watch
from minerecon_dagster.http.rate_limit import RateLimiter, TurnsUnavailableError
from minerecon_dagster.http.traffic import StatsCounter

T = TypeVar("T")

MOST_BYTES_AT_ONCE = 96 * 1024**2
"""Of all answers that are asked for together; a day's are under 10 MB."""
_LOOK_S = 1.0
"""How often it is seen whether an answer takes too long."""
_MOST_OF_A_REASON = 120
_log = logging.getLogger(__name__)


class RetryableError(Exception):
    """A try was in vain, and the next one may not be; not soon, where it ``gives_up``."""

    def __init__(
        self, problem: str, status: int | None = None, retry_after_s: float = 0.0, *, gives_up: bool = False
    ) -> None:
        super().__init__(problem)
        self.gives_up = gives_up
        self.status = status
        self.retry_after_s = retry_after_s


class RefusedError(Exception):
    """The source has answered that it does not: asking again does not help."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that is neither 429 nor 5xx.

    Args:
        url: what was asked.
        response: with its body.
        fetched_at: when it was complete (UTC).
    """

    url: str
    response: requests.Response
    fetched_at: dt.datetime


@dataclass(frozen=True)
class Source(Generic[T]):
    """What is particular to who is asked.

    Args:
        name: of its threads.
        variable: the setting that says where it is.
        headers: of every request.
        read: makes the value of a reply; raises `RetryableError` where it is cut, or `RefusedError`.
        down: what to do when it does not answer.
        refused: what to do when it refuses, by its status; None: no request could be made.
        limited: what to do when it goes on asking for patience; empty: as `down`.
        words: of kinds of failures, instead of the usual ones.
    """

    name: str
    variable: str
    headers: Mapping[str, str]
    read: Callable[[Reply], T]
    down: str
    refused: Callable[[int | None], str]
    limited: str = ""
    words: Mapping[Kind, str] = field(default_factory=dict)

    def said_of(self, failure: Failure) -> str:
        """A failure in words."""
        words = self.words.get(failure.kind, failure.words)
        return f"{words}: {failure.reason}" if failure.reason else words

    def remedy_after(self, status: int | None) -> str:
        """What to do after the last try, which brought this status, or none."""
        if status == 429 and self.limited:
            return self.limited
        return self.down if status is not None else f"check the network and {self.variable}; {self.down}"


@dataclass(frozen=True)
class Patience:
    """How long a client waits, and how often it asks.

    Args:
        connect_timeout_s, read_timeout_s: how long to wait for a connection, and between bytes of an answer.
        answer_timeout_s: how long a whole answer may take; one that takes longer is not asked for again at once.
        max_attempts: per call, the first one included.
        backoff_base_s, backoff_cap_s: the wait before the second attempt, doubled before each further one up to
            the cap; up to half of the base is added at random.
    """

    connect_timeout_s: float = 10.0
    read_timeout_s: float = 30.0
    answer_timeout_s: float = LONGEST_ANSWER_S
    max_attempts: int = 6
    backoff_base_s: float = 0.5
    backoff_cap_s: float = 15.0


class HttpClient(Generic[T]):
    """Asks a source; a context manager. Every attempt waits for the limiter first; a 429 holds back all who share it.

    Args:
        source: who is asked.
        patience: how long and how often.
        limiter: shared by all who ask this host; None: no limit.
        threads: requests under way at once.
        credentials: name and password that the source is asked with; no URL holds them.
        sees_outages: what is left of an `ask_all` is not tried (again) in an outage, and fails at once.
        now: the clock of `Reply.fetched_at` (UTC).
    """

    def __init__(
        self,
        source: Source[T],
        patience: Patience,
        *,
        limiter: RateLimiter | None = None,
        threads: int = 1,
        credentials: tuple[str, str] | None = None,
        sees_outages: bool = False,
        now: Callable[[], dt.datetime],
    ) -> None:
        self.stats = StatsCounter()
        self._source = source
        self._limiter = limiter or RateLimiter(0)
        self._timeouts_s = (patience.connect_timeout_s, patience.read_timeout_s)
        self._longest_s = patience.answer_timeout_s
        self._max_attempts = patience.max_attempts
        self._least_penalty_s = patience.backoff_base_s
        self._backoff = tenacity.wait_exponential_jitter(
            multiplier=patience.backoff_base_s, max=patience.backoff_cap_s, jitter=patience.backoff_base_s / 2
        )
        self._sees_outages = sees_outages
        self._now = now
        self._credentials = credentials
        self._sessions = [self._session() for _ in range(threads)]
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
        self._limiter.close()

    def _session(self) -> Session:
        return Session(self._source.headers, self._credentials)

    def ask(self, url: str) -> T:
        """The answer to one question.

        Raises:
            SourceError: it did not come.
        """
        got = self.ask_all([url])[url]
        if isinstance(got, SourceError):
            raise got
        return got

    def ask_all(self, urls: Sequence[str]) -> dict[str, T | SourceError]:
        """Ask several questions at once.

        Returns:
            Each of ``urls`` with its answer, or the error that is in its place.
        """
        todo: queue.SimpleQueue[str] = queue.SimpleQueue()
        for url in urls:
            todo.put(url)
        got: dict[str, T | SourceError] = {}
        crashes: list[BaseException] = []
        cancelled, watch = threading.Event(), Watch(sees_outages=self._sees_outages)
        purse = Purse(MOST_BYTES_AT_ONCE)

        def work(session: Session) -> None:
            try:
                while not cancelled.is_set():
                    url = todo.get_nowait()
                    try:
                        got[url] = self._call(_Call(url, session, purse, todo.qsize), watch, cancelled)
                    except SourceError as error:
                        got[url] = error
            except queue.Empty:
                pass
            except BaseException as error:  # noqa: BLE001 - whatever it is, the caller's thread raises it
                crashes.append(error)
                cancelled.set()

        with self._one_at_a_time:
            # Daemons, and no executor: an interrupted process does not wait for answers under way.
            sessions, name = self._sessions[: len(urls)], self._source.name
            threads = [threading.Thread(target=work, args=(s,), name=name, daemon=True) for s in sessions]
            try:
                for thread in threads:
                    thread.start()
                for thread in threads:
                    while thread.is_alive():
                        thread.join(_LOOK_S)
                        for session in sessions:
                            session.line.cut_if_over()
            except BaseException:
                cancelled.set()
                self._sessions = [self._session() for _ in self._sessions]
                raise
        if crashes:
            raise crashes[0]
        return got

    def _call(self, call: _Call, watch: Watch, cancelled: threading.Event) -> T:
        if watch.outage:
            remedy = f"see the other calls' errors; {self._source.down}"
            raise self._transient(f"not asked, because {watch.outage}", call, None, remedy)

        def is_hopeless(state: tenacity.RetryCallState) -> bool:
            watch.goes_on(call.began, call.request_s + state.idle_for)
            error = state.outcome.exception() if state.outcome else None
            if isinstance(error, RetryableError) and error.gives_up:
                return True
            return call.attempts >= self._max_attempts or bool(watch.outage) or cancelled.is_set()

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(RetryableError),
            stop=is_hopeless,
            wait=self._wait_s,
            sleep=tenacity.sleep_using_event(cancelled),
            before_sleep=lambda state: _log_retry(call, state),
            reraise=True,
        )
        try:
            answer = retrying(self._attempt, call, watch, cancelled)
        except RetryableError as error:
            watch.failed()
            raise self._transient(str(error), call, error.status, self._source.remedy_after(error.status)) from None
        watch.answered()
        return answer

    def _attempt(self, call: _Call, watch: Watch, cancelled: threading.Event) -> T:
        try:
            waited_s = self._limiter.acquire(cancelled, 1 + call.others())
        except TurnsUnavailableError as error:
            problem = f"not asked, because the rate limit cannot be kept: {error}"
            watch.is_exhausted(problem)
            raise self._transient(problem, call, None, "try again when the warehouse answers") from error
        if cancelled.is_set():
            raise RetryableError("interrupted")
        call.attempts += 1
        status, size = None, 0
        sent = time.monotonic()
        try:
            response = attempt(
                call.session, "GET", call.url, self._timeouts_s, longest_s=self._longest_s, purse=call.purse
            )
            fetched_at = self._now()
            status, size = response.status_code, len(response.content)
        except NoAnswerError as error:
            said = self._source.said_of(error.failure)
            if error.failure.may_pass:
                raise RetryableError(said, gives_up=error.failure.kind is Kind.TOO_SLOW) from error
            self._refuse(said, call, None, error.__cause__)
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
        try:
            return self._read(call, watch, response, fetched_at)
        except BaseException:
            call.purse.give_back(size)  # it is not kept
            raise

    def _read(self, call: _Call, watch: Watch, response: requests.Response, fetched_at: dt.datetime) -> T:
        """What a whole answer says, if it is one."""
        status, wait_s = response.status_code, retry_after_s(response)
        if is_limit := status == 429 or (status == 403 and wait_s > 0):
            self._penalise(min(wait_s, LONGEST_RETRY_AFTER_S) or self._least_penalty_s)
        if is_limit and wait_s > LONGEST_RETRY_AFTER_S:
            problem = f"HTTP {status}: {_said(response)}; it asks to wait for {wait_s:.0f} s"
            watch.is_exhausted(problem)
            raise RetryableError(problem, 429, gives_up=True)
        if is_limit or status >= 500:
            if is_limit or wait_s:
                watch.is_alive()
            # A gateway's quota (Azure's) is a 403 that says when it is over: no refusal, and a limit like others.
            problem = f"HTTP {status}: {_said(response)}" if status == 403 else f"HTTP {status}"
            raise RetryableError(problem, 429 if is_limit else status, min(wait_s, LONGEST_RETRY_AFTER_S))
        if status == 204:
            raise RetryableError("HTTP 204: a success without an answer", status)
        try:
            return self._source.read(Reply(call.url, response, fetched_at))
        except RefusedError as error:
            watch.answered()
            self._refuse(str(error), call, status, None)

    def _transient(self, problem: str, call: _Call, status: int | None, remedy: str) -> TransientSourceError:
        return TransientSourceError(
            problem, method="GET", url=call.url, status=status, attempts=call.attempts, remedy=remedy
        )

    def _penalise(self, seconds: float) -> None:
        try:
            self._limiter.penalise(seconds)
        except TurnsUnavailableError as error:
            _log.warning("%s asks for patience, and the other hosts could not be told: %s", self._source.name, error)

    def _refuse(self, problem: str, call: _Call, status: int | None, cause: BaseException | None) -> NoReturn:
        raise PermanentSourceError(
            problem,
            method="GET",
            url=call.url,
            status=status,
            attempts=call.attempts,
            remedy=self._source.refused(status),
        ) from cause

    def _wait_s(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked_s = error.retry_after_s if isinstance(error, RetryableError) else 0.0
        return max(self._backoff(state), asked_s)


@dataclass
class _Call:
    """One question and the tries to have it answered."""

    url: str
    session: Session
    purse: Purse
    others: Callable[[], int]
    """How many questions nobody has begun to ask yet."""
    began: float = field(default_factory=time.monotonic)
    attempts: int = 0
    request_s: float = 0.0


def _said(response: requests.Response) -> str:
    """What an answer that is none says of itself, in one short line."""
    return printable(response.text)[:_MOST_OF_A_REASON] or "no reason given"


def _log_retry(call: _Call, state: tenacity.RetryCallState) -> None:
    problem = state.outcome.exception() if state.outcome else None
    wait_s = state.next_action.sleep if state.next_action else 0.0
    _log.debug("GET %s: %s (attempt %d); again in %.1f s", call.url, problem, call.attempts, wait_s)
