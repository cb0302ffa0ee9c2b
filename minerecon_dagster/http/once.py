"""One request, in bounded time, of a URL that is a secret as a whole: it is in no message and in no log."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from minerecon_dagster.http.attempt import Failure, Kind, NoAnswerError, Session, attempt

_MOST_BYTES = 64 * 1024
_SAYS_WITHIN_S = 2.0
"""How long the text of an answer is waited for whose status is known."""


@dataclass(frozen=True)
class Answered:
    """The status of an answer, and what it says if it says it soon, in characters of which nothing is known."""

    status: int
    said: str = ""


def ask_once(
    method: str,
    url: str,
    body: dict[str, str] | None = None,
    *,
    timeouts_s: tuple[float, float],
    longest_s: float,
    hide: Callable[[str], str],
) -> Answered | Failure:
    """Make one request, without following redirections and without any credentials.

    Args:
        method: GET or POST.
        url: where; a secret.
        body: sent as JSON.
        timeouts_s: how long to wait for a connection, and for an answer.
        longest_s: how long it may take in all, whatever the other side does: its answer may come drop by drop, and a
            name server not at all.
        hide: takes secrets out of what urllib3 logs of its requests.

    Returns:
        The answer, or why there is none, without the URL; nothing is raised.
    """
    outcome: queue.SimpleQueue[Answered | Failure] = queue.SimpleQueue()
    session = Session()
    thread = threading.Thread(
        target=lambda: outcome.put(_asked(session, method, url, body, timeouts_s, longest_s, hide, outcome.put)),
        name="alert-request",
        daemon=True,
    )
    thread.start()
    try:
        got = outcome.get(timeout=longest_s)
        if isinstance(got, Failure) or got.said:
            return got
        # The status alone counts: what follows may have no end.
        try:
            more = outcome.get(timeout=_SAYS_WITHIN_S)
        except queue.Empty:
            session.line.cut()
            return got
        return got if isinstance(more, Failure) else more
    except queue.Empty:
        session.line.cut()
        return Failure(Kind.NO_ANSWER, f"no answer within {longest_s:g} s")


def _asked(
    session: Session,
    method: str,
    url: str,
    body: dict[str, str] | None,
    timeouts_s: tuple[float, float],
    longest_s: float,
    hide: Callable[[str], str],
    tell: Callable[[Answered], None],
) -> Answered | Failure:
    with _quiet(hide):
        try:
            with session:
                response = attempt(
                    session,
                    method,
                    url,
                    timeouts_s,
                    longest_s=longest_s,
                    most_bytes=_MOST_BYTES,
                    follows=False,
                    body=body,
                    on_status=lambda status: tell(Answered(status)),
                )
            return Answered(response.status_code, response.text)
        except NoAnswerError as error:
            # Its cause goes no further, and neither does its reason: requests names the path of the URL in both.
            return Failure(error.failure.kind, error.failure.words)
        except Exception as error:  # noqa: BLE001 - a traceback of this thread would name the URL
            return Failure(Kind.OTHER, type(error).__name__)


@contextmanager
def _quiet(hide: Callable[[str], str]) -> Iterator[None]:
    """Keep the URL out of what urllib3 logs of its requests."""
    logger = logging.getLogger("urllib3.connectionpool")

    def redacted(record: logging.LogRecord) -> bool:
        record.msg, record.args = hide(record.getMessage()), ()
        return True

    logger.addFilter(redacted)
    try:
        yield
    finally:
        logger.removeFilter(redacted)
