"""One HTTP request: how it is made, and what it means that no answer came.

Every request to the outside goes through `attempt`, and what holds for all of them is here. Who is asked is not
trusted: a body has an end, also after it was unpacked; an answer has one in time (`line`); a redirection is followed
within the host alone; no file of passwords (``.netrc``) is looked into; this machine is never asked through a proxy.
"""

from __future__ import annotations

import enum
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from urllib.parse import urljoin, urlsplit

import requests
from requests.auth import AuthBase, HTTPBasicAuth
from requests.utils import get_auth_from_url, get_environ_proxies, select_proxy
from urllib3.exceptions import DecodeError, HTTPError, InvalidHeader, ProtocolError, ReadTimeoutError
from urllib3.util import Retry

from minerecon_dagster.core.addresses import is_this_machine
from minerecon_dagster.core.errors import ConfigurationError, one_line
from minerecon_dagster.http.line import Line, LineAdapter

LONGEST_RETRY_AFTER_S = 120
"""More than this nobody is waited for within one call, whatever its Retry-After says."""
MOST_BYTES = 32 * 1024**2
"""Of an answer, unpacked; the largest real one is under 1 MB."""
LONGEST_ANSWER_S = 60.0
"""From the first byte of a request to the last of its answer, whatever comes in between."""
_MOST_REDIRECTIONS = 5
_CHUNK_BYTES = 16 * 1024
"""Taken from a connection at once: packed, it may become a thousand times as much."""
_DAY_S = 86_400
_RETRY_AFTER = Retry(retry_after_max=_DAY_S)


class Kind(enum.Enum):
    """Why no answer came."""

    NO_CONNECTION = "no connection in time"
    NO_ANSWER = "no bytes in time"
    UNTRUSTED = "a certificate that is not trusted"
    NO_TLS = "anything else that TLS does not like"
    LOST = "a connection refused, dropped or cut"
    DAMAGED = "a body that is cut or cannot be decoded"
    TOO_LARGE = "a body that has no end"
    TOO_SLOW = "an answer that has no end in time"
    ELSEWHERE = "a redirection to another place"
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
        return self.kind not in (Kind.UNTRUSTED, Kind.OTHER, Kind.TOO_LARGE, Kind.ELSEWHERE)


class NoAnswerError(Exception):
    """An attempt had no answer."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.words)
        self.failure = failure


def user_agent() -> str:
    """What the project calls itself."""
    return f"minerecon_dagster/{version('minerecon-dagster')}"


class Session(requests.Session):
    """A session, whose connections are kept: one a thread. Its `line` is the request under way.

    Args:
        headers: of every request.
        credentials: name and password that every request is sent with; None: those of its URL, if it has any.
    """

    def __init__(self, headers: Mapping[str, str] | None = None, credentials: tuple[str, str] | None = None) -> None:
        super().__init__()
        self.headers.update(headers or {})
        self.line = Line()
        self.auth = HTTPBasicAuth(*(part.encode() for part in credentials)) if credentials else _OfTheUrl()
        for scheme in ("http://", "https://"):
            self.mount(scheme, LineAdapter(self.line))


class _OfTheUrl(AuthBase):
    """Credentials that stand in the URL, and no others: requests looks into ``.netrc`` where there are none."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        user, password = get_auth_from_url(request.url or "")
        return HTTPBasicAuth(user, password)(request) if user or password else request


class Purse:
    """Bytes that answers which are asked for together may have in all; a purse of many threads."""

    def __init__(self, most: int) -> None:
        self._left = most
        self._lock = threading.Lock()

    def take(self, size: int) -> bool:
        """Take so many; False: there are not so many left."""
        with self._lock:
            self._left -= size
            return self._left >= 0

    def give_back(self, size: int) -> None:
        """Of an answer that was not taken in the end."""
        with self._lock:
            self._left += size


def attempt(
    session: Session,
    method: str,
    url: str,
    timeouts_s: tuple[float, float],
    *,
    longest_s: float = LONGEST_ANSWER_S,
    most_bytes: int = MOST_BYTES,
    purse: Purse | None = None,
    follows: bool = True,
    body: Mapping[str, str] | None = None,
    on_status: Callable[[int], None] | None = None,
) -> requests.Response:
    """Make one request.

    Args:
        session: whose connections are used; somebody else has its `line` cut when it is over.
        method: GET or POST.
        url: what is asked.
        timeouts_s: how long to wait for a connection, and between bytes of an answer.
        longest_s: how long the whole answer may take.
        most_bytes: of its body, unpacked.
        purse: out of which its bytes are taken; None: there is no other bound.
        follows: whether a redirection within the host is followed.
        body: sent as JSON.
        on_status: told the status before the body is read.

    Returns:
        The answer, whatever its status, with its body.

    Raises:
        NoAnswerError: there is none; its cause may name the URL.
    """
    session.line.begin(longest_s)
    try:
        for _ in range(_MOST_REDIRECTIONS + 1):
            response = session.request(
                method, url, timeout=timeouts_s, json=body, stream=True, allow_redirects=False, proxies=_proxies(url)
            )
            with response:
                target = urljoin(url, response.headers["Location"]) if follows and response.is_redirect else None
                if target is None:
                    if on_status is not None:
                        on_status(response.status_code)
                    _read_body(response, session.line, longest_s, most_bytes, purse)
                    return response
                if not _is_the_same_place(url, target):
                    place = urlsplit(target)
                    raise NoAnswerError(
                        Failure(
                            Kind.ELSEWHERE, f"it redirects to {place.scheme}://{place.hostname}, and is not followed"
                        )
                    )
                url = target
        raise NoAnswerError(Failure(Kind.OTHER, f"it redirects more than {_MOST_REDIRECTIONS} times"))
    except (requests.RequestException, HTTPError, OSError) as error:
        if session.line.was_cut or session.line.is_over:
            raise _too_slow(longest_s) from error
        raise NoAnswerError(_failure(error, timeouts_s)) from error
    except ValueError as error:
        # The libraries let it through where they split the address of a redirection or of a proxy.
        reason = one_line(error)
        raise NoAnswerError(Failure(Kind.OTHER, "an address on the way to it cannot be read", reason)) from error
    finally:
        session.line.end()


def _read_body(response: requests.Response, line: Line, longest_s: float, most_bytes: int, purse: Purse | None) -> None:
    chunks, size, taken = [], 0, 0
    try:
        # By read1: it hands over what has come, and so does not wait for a chunk to be full.
        while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=True):
            size += len(chunk)
            if size > most_bytes:
                raise NoAnswerError(Failure(Kind.TOO_LARGE, f"its answer has more than {most_bytes / 1024**2:g} MB"))
            taken = size
            if purse is not None and not purse.take(len(chunk)):
                raise NoAnswerError(Failure(Kind.TOO_LARGE, "the answers that were asked for together are too large"))
            if line.is_over:
                raise _too_slow(longest_s)
            chunks.append(chunk)
        if response.raw.length_remaining not in (None, 0) or line.was_cut:
            raise _too_slow(longest_s) if line.was_cut else requests.exceptions.ChunkedEncodingError("it was cut")
    except BaseException:
        if purse is not None:
            purse.give_back(taken)
        raise
    # As requests keeps it itself, once it has read all at once.
    response._content, response._content_consumed = b"".join(chunks), True  # type: ignore[attr-defined]


def _too_slow(longest_s: float) -> NoAnswerError:
    return NoAnswerError(Failure(Kind.TOO_SLOW, f"no whole answer within {longest_s:g} s"))


def _is_the_same_place(url: str, target: str) -> bool:
    """Whether a redirection stays with the host, and its port or TLS."""
    here, there = urlsplit(url), urlsplit(target)
    if here.hostname != there.hostname or there.username is not None:
        return False
    if here.scheme == there.scheme:
        return here.port == there.port
    return (here.scheme, there.scheme) == ("http", "https") and here.port in (None, 80) and there.port in (None, 443)


def _proxies(url: str) -> dict[str, str] | None:
    """What requests is told of proxies: those of the environment, and none for this machine."""
    host = urlsplit(url).hostname or ""
    return {"no_proxy": host} if is_this_machine(host) else None


def proxy_of(url: str) -> str | None:
    """The proxy by which ``url`` would be asked, without credentials; None: it is asked directly.

    Raises:
        ConfigurationError: the environment names one that is no address.
    """
    found = select_proxy(url, {} if _proxies(url) else get_environ_proxies(url))
    if not found:
        return None
    try:
        parts = urlsplit(found if "://" in found else f"http://{found}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host:
        raise ConfigurationError(
            f"the proxy for {urlsplit(url).scheme}://{urlsplit(url).hostname} is no address; "
            "correct HTTPS_PROXY, HTTP_PROXY or ALL_PROXY"
        )
    return f"{host}:{port}" if port else host


def retry_after_s(response: requests.Response) -> float:
    """The seconds that the answer asks to wait for, a day at most; 0: it does not say."""
    try:
        return _RETRY_AFTER.parse_retry_after(response.headers.get("Retry-After", "0"))
    except (InvalidHeader, ValueError, OverflowError):
        return 0.0


def _failure(error: Exception, timeouts_s: tuple[float, float]) -> Failure:
    causes = list(_causes(error))
    reason = one_line(causes[-1])
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        words = "its certificate is not trusted (REQUESTS_CA_BUNDLE names those of a proxy that opens TLS)"
        return Failure(Kind.UNTRUSTED, words, reason)
    if isinstance(error, requests.ConnectTimeout):
        return Failure(Kind.NO_CONNECTION, f"no connection within {timeouts_s[0]:g} s")
    if isinstance(error, requests.ReadTimeout):
        return Failure(Kind.NO_ANSWER, f"no answer within {timeouts_s[1]:g} s")
    if isinstance(error, requests.exceptions.SSLError):
        return Failure(Kind.NO_TLS, "connection failed", reason)
    if isinstance(error, ReadTimeoutError | TimeoutError):
        return Failure(Kind.NO_ANSWER, f"no answer within {timeouts_s[1]:g} s")
    if isinstance(error, ProtocolError | DecodeError):
        return Failure(Kind.DAMAGED, "the answer was cut or damaged", reason)
    if isinstance(error, requests.ConnectionError | OSError) and not isinstance(error, requests.RequestException):
        return Failure(Kind.LOST, "connection failed", reason)
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
