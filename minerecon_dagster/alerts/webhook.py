"""Deliver a message to a Slack-compatible webhook, in bounded time, and never let its URL be seen: it is a secret."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from minerecon_dagster.alerts.redaction import redact

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 10.0
_FAILED_WITHIN = re.compile(r"returned HTTP error ([1-5][0-9]{2})\b")
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
            None if it was delivered, which any 2xx says that tells of no error within; otherwise why it was not.
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
    """Make one request, as `http.once.ask_once` does.

    Returns:
        None after any 2xx; otherwise why not, without the URL.
    """
    # With the sensor, and not with the definitions: urllib3 opens a socket when it is imported.
    from minerecon_dagster.http.attempt import Failure, Kind
    from minerecon_dagster.http.once import ask_once

    got = ask_once(method, url, body, timeouts_s=timeouts_s, longest_s=longest_s, hide=redact)
    if isinstance(got, Failure):
        if got.kind in (Kind.UNTRUSTED, Kind.NO_TLS):
            return Refused("its certificate is not trusted", is_lasting=True)
        return Refused(got.words, is_lasting=not got.may_pass)
    # Microsoft Teams says 200, and in its text that it was none.
    inner = _FAILED_WITHIN.search(got.said) if 200 <= got.status < 300 else None
    status = int(inner[1]) if inner else got.status
    if 200 <= status < 300:
        return None
    is_lasting = 300 <= status < 500 and status not in (408, 429)
    return Refused(f"HTTP {status}", is_lasting=is_lasting, is_of_the_message=status in (400, 413, 422))


def escaped(text: str) -> str:
    """A text in which Slack finds neither links nor mentions that others put there."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
