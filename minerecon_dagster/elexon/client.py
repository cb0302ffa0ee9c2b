"""Elexon's Insights API over HTTP: what is asked of it, and which of its answers are some.

No Dagster in here. What an answer means is its dataset's and `core.states`' business; here an answer
is bytes with a status, or an error that says what was asked, how often, and what to do.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import msgspec
import requests

from minerecon_dagster.core.answers import Answer, AnswerKey
from minerecon_dagster.core.errors import PermanentSourceError, SourceError
from minerecon_dagster.core.printable import printable
from minerecon_dagster.core.schema import REGISTER_PATH
from minerecon_dagster.elexon.datasets import dataset_of
from minerecon_dagster.http.attempt import user_agent
from minerecon_dagster.http.client import HttpClient, Patience, RefusedError, Reply, RetryableError, Source
from minerecon_dagster.http.rate_limit import RateLimiter

_WORDS_OF_ERRORS = frozenset({"error", "errors", "fault", "message", "status", "statusCode", "title"})
_MOST_OF_A_REASON = 120


class ElexonClient:
    """A client of the Insights API; a context manager. What is retried is `http.client`'s business.

    An answer is a 200 that is JSON, or a 404. A source is down as `http.outage` has it: what is left of that `fetch`
    is then not tried (again) and fails at once. With the defaults a dead server is given up within about a minute.

    Args:
        base_url: as in ``https://data.elexon.co.uk/bmrs/api/v1``.
        limiter: shared by all who ask this host.
        threads: requests under way at once.
        credentials: name and password that it is asked with; None: none.
        now: the clock of `Answer.fetched_at` (UTC).
        patience: as of `http.client.Patience`.
    """

    def __init__(
        self,
        base_url: str,
        limiter: RateLimiter,
        *,
        threads: int = 8,
        credentials: tuple[str, str] | None = None,
        now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
        **patience: Any,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        source = Source(
            "elexon",
            variable="ELEXON_BASE_URL",
            headers={
                "Accept": "application/json",
                "Accept-Encoding": "gzip",
                "User-Agent": f"{user_agent()} python-requests/{requests.__version__}",
            },
            read=_read,
            down="Elexon may be down: try again later",
            limited="Elexon limits requests: try again later, or lower ELEXON_MAX_REQUESTS_PER_MINUTE",
            refused=_remedy,
        )
        self._http = HttpClient(
            source,
            Patience(**patience),
            limiter=limiter,
            threads=threads,
            credentials=credentials,
            sees_outages=True,
            now=now,
        )
        self.stats = self._http.stats

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def fetch(self, keys: Sequence[AnswerKey], day: dt.date) -> dict[AnswerKey, Answer | SourceError]:
        """Ask for several answers of a settlement day at once.

        Returns:
            Each of ``keys``, in their order, with its answer (HTTP 200 or 404) or the error that is in its place.
        """
        return self.ask({key: dataset_of(key).path(key, day) for key in keys})

    def ask(self, paths: Mapping[AnswerKey, str]) -> dict[AnswerKey, Answer | SourceError]:
        """Ask for several answers at once, each by its path and query; `fetch` says what is returned."""
        urls = {key: self._base_url + path for key, path in paths.items()}
        got = self._http.ask_all(list(urls.values()))
        return {key: got[url] for key, url in urls.items()}

    def fetch_register(self) -> Answer:
        """The register of BM units as it is now.

        Raises:
            SourceError: it did not come; a 404 is an error here.
        """
        got = self._http.ask(self._base_url + REGISTER_PATH)
        if got.status == 404:
            raise PermanentSourceError(
                "HTTP 404", method="GET", url=got.url, status=404, attempts=1, remedy=_remedy(404)
            )
        return got


def _tells_of_an_error(body: bytes) -> bool:
    """Whether a document without data says why: a gateway may put its error into a 200."""
    return not _WORDS_OF_ERRORS.isdisjoint(msgspec.json.decode(body, type=dict[str, msgspec.Raw]))


def _read(reply: Reply) -> Answer:
    status, body = reply.response.status_code, reply.response.content
    if status not in (200, 404):
        raise RefusedError(f"HTTP {status}")
    if status == 200:
        try:
            # Raw walks all of the text and makes no objects: 3 ms for the 96 answers of a day.
            msgspec.json.decode(body, type=msgspec.Raw)
            if not body.isascii():
                body.decode("utf-8")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise RetryableError(f"HTTP 200, but the answer is not JSON: {error}", 200) from None
        if body.lstrip()[:1] == b"{" and b'"data"' not in body and _tells_of_an_error(body):
            said = printable(reply.response.text)[:_MOST_OF_A_REASON]
            raise RetryableError(f"HTTP 200, but the answer tells of an error: {said}", 200)
    return Answer(reply.url, status, reply.fetched_at, body)


def _remedy(status: int | None) -> str:
    if status == 400:
        return "check the date; if it is right, Elexon's API has changed or this is a defect to report"
    if status in (401, 403, 407):
        return "access was refused: check ELEXON_BASE_URL, and the proxy if there is one"
    return "check ELEXON_BASE_URL"
