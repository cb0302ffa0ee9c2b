"""One HTTP request: how it is made, and what it means that no answer came.

Every request to the outside goes through `attempt`. What holds for all of them belongs here, and is not there yet: a
body may be of any size, an answer may take for ever if its bytes keep coming (`once` alone has a deadline),
redirections are followed to wherever they lead, credentials are taken from ``.netrc``, and a proxy of the environment
is used for this machine as well (the last three but for `once`, which follows nothing and takes no credentials).
"""

from __future__ import annotations

import enum
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import requests
from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry

LONGEST_RETRY_AFTER_S = 120
"""More than this nobody is waited for within one call, whatever its Retry-After says."""
_RETRY_AFTER = Retry(retry_after_max=LONGEST_RETRY_AFTER_S)


class Kind(enum.Enum):
    """Why no answer came."""

    NO_CONNECTION = "no connection in time"
    NO_ANSWER = "no bytes in time"
    UNTRUSTED = "a certificate that is not trusted"
    NO_TLS = "anything else that TLS does not like"
    LOST = "a connection refused, dropped or cut"
    DAMAGED = "a body that is cut or cannot be decoded"
    OTHER = "a request that could not be made"


@dataclass(frozen=True)
class Failure:
    """An attempt without an answer.

    Args:
        kind: why.
        words: the same for a person; nothing of the URL is in it.
        reason: the library's own words, which may name the URL; empty where they add nothing.
    """

    kind: Kind
    words: str
    reason: str = ""

    @property
    def may_pass(self) -> bool:
        """Whether asking again may help."""
        return self.kind not in (Kind.UNTRUSTED, Kind.OTHER)


class NoAnswerError(Exception):
    """An attempt had no answer."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.words)
        self.failure = failure


def user_agent() -> str:
    """What the project calls itself."""
    return f"minerecon_dagster/{version('minerecon-dagster')}"


def new_session(headers: Mapping[str, str] | None = None) -> requests.Session:
    """A session, whose connections are kept: one a thread."""
    session = requests.Session()
    session.headers.update(headers or {})
    return session


def attempt(
    session: requests.Session, method: str, url: str, timeouts_s: tuple[float, float], **options: Any
) -> requests.Response:
    """Make one request.

    Args:
        session: whose connections are used.
        method: GET or POST.
        url: what is asked.
        timeouts_s: how long to wait for a connection, and between bytes of an answer.
        options: as `requests.Session.request` takes them.

    Returns:
        The answer, whatever its status; with its body, unless the options say otherwise.

    Raises:
        NoAnswerError: there is none; its cause may name the URL.
    """
    try:
        return session.request(method, url, timeout=timeouts_s, **options)
    except requests.RequestException as error:
        raise NoAnswerError(_failure(error, timeouts_s)) from error
    except ValueError as error:
        # The libraries let it through where they split the address of a redirection or of a proxy.
        reason = " ".join(str(error).split())
        raise NoAnswerError(Failure(Kind.OTHER, "an address on the way to it cannot be read", reason)) from error


def retry_after_s(response: requests.Response) -> float:
    """The seconds that the answer asks to wait for, at most `LONGEST_RETRY_AFTER_S`; 0: it does not say."""
    try:
        return _RETRY_AFTER.parse_retry_after(response.headers.get("Retry-After", "0"))
    except (InvalidHeader, ValueError, OverflowError):
        return 0.0


def _failure(error: requests.RequestException, timeouts_s: tuple[float, float]) -> Failure:
    causes = list(_causes(error))
    reason = " ".join(str(causes[-1]).split())
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        return Failure(Kind.UNTRUSTED, "its certificate is not trusted", reason)
    if isinstance(error, requests.ConnectTimeout):
        return Failure(Kind.NO_CONNECTION, f"no connection within {timeouts_s[0]:g} s")
    if isinstance(error, requests.ReadTimeout):
        return Failure(Kind.NO_ANSWER, f"no answer within {timeouts_s[1]:g} s")
    if isinstance(error, requests.exceptions.SSLError):
        return Failure(Kind.NO_TLS, "connection failed", reason)
    if isinstance(error, requests.ConnectionError):
        return Failure(Kind.LOST, "connection failed", reason)
    if isinstance(error, requests.exceptions.ChunkedEncodingError | requests.exceptions.ContentDecodingError):
        return Failure(Kind.DAMAGED, "the answer was cut or damaged", reason)
    return Failure(Kind.OTHER, type(error).__name__, reason)


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__
