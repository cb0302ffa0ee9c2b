"""Deliver a message to a Slack-compatible webhook, in bounded time, and never let its URL be seen: it is a secret."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from minerecon_dagster.alerts.redaction import redact

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 10.0
LONGEST_S = CONNECT_TIMEOUT_S + READ_TIMEOUT_S
"""Of one delivery, whatever the other side does: its answer may come drop by drop, and a name server not at all."""


@dataclass(frozen=True)
class Refused:
    """A message that was not delivered.

    Args:
        reason: why; never with the URL in it.
        is_lasting: whether a person has to mend it: the webhook refuses, or is not there any more.
        is_of_the_message: whether it may be this message that is refused, and not every one.
    """

    reason: str
    is_lasting: bool = False
    is_of_the_message: bool = False


class Webhook:
    """The webhook at ``url``.

    Args:
        url: where messages are posted.
        connect_timeout_s, read_timeout_s: how long to wait for a connection, and for an answer.
        longest_s: how long a delivery may take in all.
    """

    def __init__(
        self,
        url: str,
        *,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        read_timeout_s: float = READ_TIMEOUT_S,
        longest_s: float = LONGEST_S,
    ) -> None:
        self._url = url
        self._timeouts_s = (connect_timeout_s, read_timeout_s)
        self._longest_s = longest_s
        self.host = urlsplit(url).hostname or "?"

    def post(self, text: str) -> Refused | None:
        """Post a message.

        Returns:
            None if it was delivered, which any 2xx says; otherwise why it was not.
        """
        return ask("POST", self._url, {"text": escaped(text)}, timeouts_s=self._timeouts_s, longest_s=self._longest_s)


def ask(
    method: str,
    url: str,
    body: dict[str, str] | None = None,
    *,
    timeouts_s: tuple[float, float],
    longest_s: float,
) -> Refused | None:
    """Make one request, in bounded time, without following redirections and without any credentials.

    Args:
        method: GET or POST.
        url: where; a secret.
        body: sent as JSON.
        timeouts_s: how long to wait for a connection, and for an answer.
        longest_s: how long it may take in all.

    Returns:
        None after any 2xx; otherwise why not, without the URL.
    """
    outcome: queue.SimpleQueue[Refused | None] = queue.SimpleQueue()
    thread = threading.Thread(
        target=lambda: outcome.put(_asked(method, url, body, timeouts_s)), name="alert-request", daemon=True
    )
    thread.start()
    try:
        return outcome.get(timeout=longest_s)
    except queue.Empty:
        return Refused(f"no answer within {longest_s:g} s")


def _asked(method: str, url: str, body: dict[str, str] | None, timeouts_s: tuple[float, float]) -> Refused | None:
    import requests

    # No `str(error)` below, and no cause: requests names the path of the URL in both.
    with _quiet():
        try:
            # The answer's body says nothing that is needed, and may have no end. A file of passwords (netrc) is not
            # looked into: `auth` is something that adds nothing.
            with requests.request(
                method,
                url,
                json=body,
                timeout=timeouts_s,
                auth=lambda request: request,
                allow_redirects=False,
                stream=True,
            ) as response:
                status = response.status_code
        except requests.ConnectTimeout:
            return Refused(f"no connection within {timeouts_s[0]:g} s")
        except requests.ReadTimeout:
            return Refused(f"no answer within {timeouts_s[1]:g} s")
        except requests.exceptions.SSLError:
            return Refused("its certificate is not trusted", is_lasting=True)
        except requests.ConnectionError:
            return Refused("connection failed")
        except Exception as error:  # noqa: BLE001 - a traceback of this thread would name the URL
            return Refused(type(error).__name__, is_lasting=True)
    if 200 <= status < 300:
        return None
    is_lasting = 300 <= status < 500 and status not in (408, 429)
    return Refused(f"HTTP {status}", is_lasting=is_lasting, is_of_the_message=status in (400, 413, 422))


def escaped(text: str) -> str:
    """A text in which Slack finds neither links nor mentions that others put there."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the URL out of what urllib3 logs of its requests."""
    logger = logging.getLogger("urllib3.connectionpool")

    def redacted(record: logging.LogRecord) -> bool:
        record.msg, record.args = redact(record.getMessage()), ()
        return True

    logger.addFilter(redacted)
    try:
        yield
    finally:
        logger.removeFilter(redacted)
