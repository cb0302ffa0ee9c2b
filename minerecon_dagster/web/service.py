"""What stands behind the routes: a question is answered by statements of one instant, or by what was answered before.

At most `POOL_SIZE` questions are asked of the database at once and `MOST_WAITING` wait; whoever comes then is told to
come back. An answer is kept with the state of the warehouse that it is of (`database.News`): as long as that is the
present one it is given again without a statement, and while the database is down it is given with its age.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import logging
import time
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any, TypeVar

import msgspec

from minerecon_dagster.core.answers import source_of
from minerecon_dagster.core.calendar import settlement_date
from minerecon_dagster.core.mining import FORMULA_VERSION
from minerecon_dagster.web import answers, question
from minerecon_dagster.web.answers import Answer
from minerecon_dagster.web.database import (
    POOL_SIZE,
    Asking,
    Column,
    Database,
    DatabaseDownError,
    News,
    OtherSchemaError,
    RefusedError,
)
from minerecon_dagster.web.derived import Derived
from minerecon_dagster.web.question import NoFieldError, NotAnsweredError, Question
from minerecon_dagster.web.resources import Resource

_log = logging.getLogger("minerecon.web")
T = TypeVar("T")

SUBSIDY_ONLY = "block subsidy only, no fees"
"""What is said beside every figure of Bitcoin."""
MOST_WAITING = 12
"""Requests that wait for a connection; one more is refused at once."""
NEWS_EVERY_S = 1.0
"""How often the warehouse is asked for news: a change is seen so much later, and a statement."""
MOST_CACHED_BYTES = 16_000_000
_ROWS_WRITTEN = 250
"""Rows that are made bytes at once."""
_DIRECT_DAYS = 400
"""Of a longer range the states of the days are kept in memory, as long as nothing changes."""


class OverloadedError(Exception):
    """As many requests as may are waiting already."""


class GoneError(Exception):
    """Whoever asked has gone before it was their turn."""


@dataclass(frozen=True)
class Kept:
    """An answer, the state of the warehouse that it is of, and when that was so."""

    answer: Answer
    etag: str
    news: News
    at: float


@dataclass
class Counters:
    """What `/metrics` tells."""

    hits: int = 0
    misses: int = 0
    refused: int = 0


class Service:
    """Questions and their answers over one warehouse.

    Args:
        database: where answers come from.
        now: the clock.
    """

    def __init__(self, database: Database, now: Callable[[], dt.datetime]) -> None:
        self.database = database
        self.now = now
        self.news: News | None = None
        self.is_up = False
        self.waiting = 0
        self.counters = Counters()
        self.news_at = 0.0
        self._is_told = False
        self.news_since = 0.0
        """Since when `news` is what it is: what is asked later is of that state, or of a newer one."""
        self._columns: dict[str, list[Column]] = {}
        self._columns_of = ""
        self._newest: dt.date | None = None
        self._newest_of: News | None = None
        self.is_synthetic = False
        """Whether the newest day that `newest_stored_day` found is made up."""
        self._days: list[tuple[Any, ...]] = []
        self._days_of: News | None = None
        self._cache: OrderedDict[tuple[str, ...], Kept] = OrderedDict()
        self._cached_bytes = 0
        self._threads = ThreadPoolExecutor(POOL_SIZE, "asking")
        self._watcher = ThreadPoolExecutor(1, "news")
        self._running = asyncio.Semaphore(POOL_SIZE)

    # The state of the warehouse.

    async def watch(self) -> None:
        """Ask for news for ever; what was asked last stands in `news`, and whether the database answered in `is_up`."""
        while True:
            await self.look()
            await asyncio.sleep(NEWS_EVERY_S)

    async def listen(self) -> None:
        """See for ever that no request waits for a server that does not hear; not a part of `watch`, which may wait."""
        while True:
            self.database.hang_up_on_the_deaf()
            await asyncio.sleep(NEWS_EVERY_S)

    async def look(self) -> None:
        """Ask for news once."""
        try:
            news = await asyncio.get_running_loop().run_in_executor(self._watcher, self.database.news)
            if news != self.news:
                self.news_since = time.monotonic()
            self.news = news
            self.reached()
            self.news_at = time.monotonic()
        except DatabaseDownError as error:
            self.not_reached(error)
        except Exception:  # noqa: BLE001 - an empty or half migrated warehouse; each answer says so, and the watch goes on
            self.news = None
            self.reached()

    def reached(self) -> None:
        """The warehouse has answered."""
        self.is_up = True
        if self._is_told:
            _log.warning("the warehouse is reached again")
        self._is_told = False

    def not_reached(self, error: DatabaseDownError) -> None:
        """The warehouse does not answer: the log says so once, until it does again, and no reader is told why."""
        self.is_up = False
        if not self._is_told:
            _log.error("the warehouse of MINERECON_API_DATABASE_URL cannot be reached: %s", error)
        self._is_told = True

    def close(self) -> None:
        """End the threads, and close the connections."""
        self._threads.shutdown(wait=False)
        self._watcher.shutdown(wait=False)
        self.database.close()

    async def run(self, work: Callable[[], T], is_gone: Callable[[], Awaitable[bool]] | None = None) -> T:
        """Do what asks the database, in turn.

        Args:
            work: is done in a thread of its own.
            is_gone: whether whoever asked has gone: then nothing is done for them.

        Raises:
            OverloadedError: too many wait.
            GoneError: ``is_gone`` said so.
        """
        if self._running.locked() and self.waiting >= MOST_WAITING:
            self.counters.refused += 1
            raise OverloadedError
        self.waiting += 1
        try:
            await self._running.acquire()
        finally:
            self.waiting -= 1
        try:
            if is_gone and await is_gone():
                raise GoneError
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._running.release()

    # What was answered before.

    def kept(self, key: tuple[str, ...]) -> Kept | None:
        """The answer to the same request, whatever state of the warehouse it is of."""
        found = self._cache.get(key)
        if found:
            self._cache.move_to_end(key)
        return found

    def is_fresh(self, kept: Kept) -> bool:
        """Whether nothing has changed since, as far as is known, and the database answers."""
        return self.is_up and kept.news == self.news

    def keep(self, key: tuple[str, ...], answer: Answer, news: News | None) -> None:
        """Keep an answer that is of ``news``."""
        if news is None or answer.long or len(answer.body) > MOST_CACHED_BYTES // 4:
            return
        before = self._cache.pop(key, None)
        if before:
            self._cached_bytes -= len(before.answer.body)
        self._cache[key] = Kept(answer, answer.etag, news, time.monotonic())
        self._cached_bytes += len(answer.body)
        while self._cached_bytes > MOST_CACHED_BYTES:
            _, oldest = self._cache.popitem(last=False)
            self._cached_bytes -= len(oldest.answer.body)

    # Answers.

    def columns(self, relation: str) -> list[Column]:
        """The columns of a relation, as they are now; raises `OtherSchemaError` where there is none."""
        schema = self.news.schema if self.news else ""
        if not self._columns or self._columns_of != schema:
            self._columns, self._columns_of = self.database.columns(), schema
        if relation not in self._columns:
            raise OtherSchemaError
        return self._columns[relation]

    def newest_stored_day(self) -> dt.date | None:
        """The newest day with figures; None where there is none."""
        news = self.news
        if news is None or self._newest_of != news:
            with self.database.asking() as asking:
                found = asking.rows(
                    "SELECT s.summary_date, s.is_synthetic FROM minerecon.daily_summaries AS s"
                    " ORDER BY s.summary_date DESC LIMIT 1"
                )
            self._newest = dt.date.fromisoformat(found[0][0]) if found else None
            self.is_synthetic = bool(found and found[0][1])
            self._newest_of = news
        return self._newest

    def today(self) -> dt.date:
        """In London."""
        return settlement_date(self.now())

    def answer(self, resource: Resource, in_path: Mapping[str, str], query: str, suffix: str, prefix: str) -> Answer:
        """Answer a request for a resource; for a thread of its own.

        Raises:
            NotAnsweredError: the request is refused.
            DatabaseDownError, TooSlowError, OtherSchemaError: as `Database.asking`.
        """
        today = self.today()
        asked, all_columns, derived = self.understood(resource, in_path, query)
        columns = self._chosen(asked, all_columns)
        pages = suffix == "json" or asked.limit is not None
        most = (asked.limit or question.PAGE_ROWS) if pages else question.MOST_ROWS
        sql, values = question.statement(asked, columns, all_columns, today, most)
        values |= {**(derived.values if derived else {}), "as_of": asked.as_of}
        clock = _Clock()
        try:
            with self.database.asking() as asking:
                with clock:
                    if not resource.call:  # a function looks for itself
                        check_names(asking, asked)
                    meta = self.meta(asking, asked, columns)
                    if derived and derived.totals:
                        meta["totals"] = _totals(asking, derived, asked, all_columns, values)
                whole = most <= question.PAGE_ROWS
                rows = asking.pieces(sql, values, _ROWS_WRITTEN) if whole else asking.chunks(sql, values)
                found = _Found(clock, rows, most)
                answer = self._made(asked, meta, columns, found, suffix, prefix, pages=pages)
        except RefusedError as error:
            raise NotAnsweredError(404 if str(error).startswith("there is no") else 422, str(error)) from None
        return replace(answer, rows=found.count, sql_ms=clock.ms)

    def _chosen(self, asked: Question, columns: Sequence[Column]) -> list[Column]:
        """The columns that are answered; views of another version may lack one that this version describes."""
        try:
            return question.chosen(asked, columns)
        except NoFieldError:
            if self.news and not self.news.has_our_views:
                raise OtherSchemaError from None
            raise

    def understood(
        self, resource: Resource, in_path: Mapping[str, str], query: str
    ) -> tuple[Question, list[Column], Derived | None]:
        """What is asked for of a resource, the columns that there are, and what is asked instead of its relation.

        Raises:
            NotAnsweredError: the request is refused.
            OtherSchemaError: the relation lacks what the resource is made of.
        """
        asked = question.read(resource, in_path, query, self.newest_stored_day() or self.today(), self.now())
        all_columns = self.columns(resource.relation)
        derive = resource.as_of if asked.as_of else resource.derive
        derived = derive(all_columns) if derive else None
        if derived:
            instead = replace(resource, call=derived.sql, is_filled=False, where="")
            asked, all_columns = replace(asked, resource=instead), list(derived.columns)
        if not {*resource.keys, *resource.filters.values()} <= {column.name for column in all_columns}:
            raise OtherSchemaError
        return asked, all_columns, derived

    def meta(self, asking: Asking, asked: Question, columns: Sequence[Column]) -> dict[str, Any]:
        """What is to be known of an answer: the range, how much of it is there, and what it is of."""
        news = self.news
        meta: dict[str, Any] = {
            "source": source_of(synthetic=self.is_synthetic),
            "resource": asked.resource.path,
            "basis": asked.basis,
            "from": asked.first and str(asked.first),
            "to": asked.last and str(asked.last),
        }
        if asked.resource.note:
            meta["note"] = asked.resource.note
        if asked.as_of:
            meta["published_as_of"] = f"{asked.as_of:%Y-%m-%dT%H:%M:%SZ}"
        if any(is_bitcoin(column) for column in columns):
            meta["bitcoin"] = SUBSIDY_ONLY
        versions = {
            "code": version("minerecon-dagster"),
            "warehouse_revision": news.revision if news else None,
            "formula_version": FORMULA_VERSION,
        }
        if asked.resource.span is None:
            return meta | {"version": versions, "next": None}
        today = self.today()
        covered = asked.covered
        if covered is None:
            days = self._states(asking, None, None)
            expected = len(days)
        else:
            days = self._states(asking, *covered)
            expected = max(0, (min(covered[1], today) - covered[0]).days + 1)
            if asked.resource.span != "day":
                meta |= {"covers_from": str(covered[0]), "covers_to": str(covered[1])}
        others = asked.counterparts(today)
        there = []
        if others:
            which = {str(day) for day in others}
            there = [day for day in self._states(asking, min(others), max(others)) if day[0] in which]
        is_synthetic = any(made_up for *_, made_up, _ in [*days, *there])
        if asked.as_of:  # how the days stand now is another question
            return meta | {"is_synthetic": is_synthetic, "version": versions, "next": None}
        here = _counted(days, expected)
        other = {f"other_{name}": count for name, count in _counted(there, len(others)).items()} if others else {}
        return meta | {
            **here,
            **other,
            # Of a range without a day that has begun there is nothing that could be final.
            "is_provisional": expected == 0 or _may_change(days, expected) or _may_change(there, len(others)),
            "as_of": max((built for *_, built in [*days, *there] if built), default=None),
            "is_synthetic": is_synthetic,
            "version": versions,
            "next": None,
        }

    def _states(self, asking: Asking, first: dt.date | None, last: dt.date | None) -> list[tuple[Any, ...]]:
        """Of the days of a range: date, status, whether stored, final, in part and synthetic, and when built."""
        if first is not None and last is not None and (last - first).days < _DIRECT_DAYS:
            if (first, last) not in asking.known:
                asking.known[first, last] = asking.rows(
                    _STATES + " WHERE d.settlement_date BETWEEN %(first)s AND %(last)s", {"first": first, "last": last}
                )
            states: list[tuple[Any, ...]] = asking.known[first, last]
            return states
        news, found = self.news, self._days
        if self._days_of is None or self._days_of != news:
            found = asking.rows(_STATES)
            if asking.began > self.news_since:  # else it may see what was before these news
                self._days, self._days_of = found, news
        if first is None or last is None:
            return found
        return [day for day in found if str(first) <= day[0] <= str(last)]

    def _made(
        self,
        asked: Question,
        meta: dict[str, Any],
        columns: list[Column],
        found: _Found,
        suffix: str,
        prefix: str,
        *,
        pages: bool,
    ) -> Answer:
        """The answer, made whole: its rows are read as they are written, and how it goes on is known after the last."""
        chunks, links = found.chunks(len(columns)), {}
        name = _file_name(asked, meta)
        headers = {"Content-Disposition": f'attachment; filename="{name}.{suffix}"'}
        if suffix == "parquet":
            about = {k: str(v) for k, v in meta.items()}
            out, rounded = answers.as_parquet(columns, chunks, about)
            headers["Minerecon-Rounded"] = ", ".join(f"{k}={v}" for k, v in rounded.items()) or "none"
        elif suffix == "json":
            rows, headers = answers.json_rows(columns, chunks, numbers=asked.is_json_number), {}
        else:
            rows = answers.csv_rows(chunks)
        if found.has_more and not pages:
            raise NotAnsweredError(
                422,
                f"the answer has more than {question.MOST_ROWS} rows, which is the most that a file has: ask for a "
                "shorter range, or by pages with limit",
                limit=question.MOST_ROWS,
                **{"try": prefix + asked.address(f".{suffix}", limit=str(question.MOST_ROWS))},
            )
        if found.has_more:
            after = msgspec.json.encode(list(found.last[len(columns) :])).decode()
            meta["next"] = prefix + asked.address("" if suffix == "json" else f".{suffix}", after=after)
            links["Link"] = f'<{meta["next"]}>; rel="next"'
        if suffix == "json":
            out = answers.as_json(meta, rows)
        elif suffix != "parquet":
            source = list(_as_lines(meta)) if asked.with_source else []
            out = answers.as_csv(columns, rows, source)
            if suffix == "zip":
                about_columns = [
                    {"name": c.name, "type": c.sql_type, "unit": c.unit, "comment": c.comment} for c in columns
                ]
                out = answers.as_zip(name, out, {"meta": meta, "columns": about_columns})
        return out.answer(answers.media_type(suffix), {**headers, **links, **_of_meta(meta)})


def _counted(days: Sequence[tuple[Any, ...]], expected: int) -> dict[str, Any]:
    """How many days there are of those that are expected, and by status; what the calendar has not is missing."""
    by_status = Counter(day[1] for day in days)
    by_status["missing"] += max(0, expected - len(days))
    return {
        "days_expected": expected,
        "days_present": sum(day[2] for day in days),
        "days_final": sum(day[3] for day in days),
        "days_in_part": sum(day[4] for day in days),
        "statuses": {status: count for status, count in sorted(by_status.items()) if count},
    }


def _may_change(days: Sequence[tuple[Any, ...]], expected: int) -> bool:
    """Whether one of the days is neither final nor closed for good."""
    return len([day for day in days if day[3] or day[1] == "unavailable"]) < expected


def _as_lines(meta: Mapping[str, Any]) -> Iterator[str]:
    """What is known of an answer, for the head of a file."""
    for name, value in meta.items():
        if isinstance(value, str):
            yield f"{name}: {value}"
        elif isinstance(value, bool | int):
            yield f"{name}: {msgspec.json.encode(value).decode()}"


class _Clock:
    """The time in which the database was waited for."""

    def __init__(self) -> None:
        self.ms = 0.0
        self._started = 0.0

    def __enter__(self) -> None:
        self._started = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self.ms += (time.perf_counter() - self._started) * 1000


class _Found:
    """Rows as they come: at most so many, and whether there are more.

    Args:
        clock: counts the time of waiting for them.
        found: lists of rows.
        most: rows at most.
    """

    def __init__(self, clock: _Clock, found: Iterator[list[tuple[Any, ...]]], most: int) -> None:
        self._clock = clock
        self._found = found
        self._most = most
        self.count = 0
        self.has_more = False
        self.last: tuple[Any, ...] = ()

    def chunks(self, width: int) -> Iterator[list[tuple[Any, ...]]]:
        """The rows without what stands behind the first ``width`` values: their keys, which `last` has."""
        while True:
            with self._clock:
                rows = next(self._found, None)
            if rows is None:
                return
            self.has_more = self.count + len(rows) > self._most
            del rows[self._most - self.count :]
            self.count += len(rows)
            self.last = rows[-1] if rows else self.last
            yield [row[:width] for row in rows]
            if self.has_more:
                return


def _totals(
    asking: Asking, derived: Derived, asked: Question, columns: Sequence[Column], values: Mapping[str, Any]
) -> dict[str, Any]:
    """The row of totals, by name: of the basis that is asked for."""
    ((row), *_), names = asking.named_rows(derived.totals, values)
    shown = {c.name for c in question.chosen(replace(asked, fields=None), columns)}
    own = {c.name for c in columns} - shown
    return {name: value for name, value in zip(names, row, strict=True) if name not in own}


def is_bitcoin(column: Column) -> bool:
    """Whether a column's figures are, or may be, of Bitcoin that could have been mined, or of its value."""
    return (column.unit or "").startswith("BTC") or "value" in column.name


def check_names(asking: Asking, asked: Question) -> None:
    """Refuse a farm, unit or model that there is not."""
    statements = {
        "farm": ("wind farm", "SELECT FROM analytics.wind_farms WHERE farm_name = %(name)s LIMIT 1"),
        "unit": ("wind unit", "SELECT FROM analytics.wind_farms WHERE bmu_id = %(name)s LIMIT 1"),
        "model": ("miner model", "SELECT FROM minerecon.miner_models WHERE miner_model = %(name)s LIMIT 1"),
        "lead_party": (
            "lead party of wind", "SELECT FROM minerecon.unit_daily_summaries WHERE lead_party_name = %(name)s UNION"
            " ALL SELECT FROM minerecon.bm_units WHERE lead_party_name = %(name)s LIMIT 1",
        ),
    }  # fmt: skip
    for name, (what, statement) in statements.items():
        if name in asked.equal and not asking.rows(statement, {"name": asked.equal[name]}):
            raise NotAnsweredError(404, f"there is no {what} {asked.equal[name][:60]!r}")


_STATES = """
SELECT d.settlement_date, d.status, d.is_stored, d.is_final, d.is_stored AND d.periods_present < d.periods_expected,
       d.is_synthetic, s.built_at
FROM analytics.settlement_days AS d LEFT JOIN minerecon.daily_summaries AS s ON s.summary_date = d.settlement_date
"""


def _of_meta(meta: Mapping[str, Any]) -> dict[str, str]:
    """The headers that say of an answer what its meta says."""
    headers = {"Minerecon-Basis": str(meta["basis"])}
    if "is_provisional" in meta:
        headers["Minerecon-State"] = "provisional" if meta["is_provisional"] else "final"
    if meta.get("as_of"):
        with contextlib.suppress(ValueError):
            built = dt.datetime.fromisoformat(meta["as_of"])
            headers["Last-Modified"] = f"{built:%a, %d %b %Y %H:%M:%S} GMT"
    return headers


def _file_name(asked: Question, meta: Mapping[str, Any]) -> str:
    """What, of when, on which basis, and whether it may change; of plain letters only."""
    names = [str(v) for k, v in asked.equal.items() if k in ("farm", "unit", "model", "lead_party")]
    span = [str(day) for day in asked.covered or ()]
    state = [] if "is_provisional" not in meta else ["provisional" if meta["is_provisional"] else "final"]
    parts = ["minerecon", asked.resource.name, *names, *span, asked.basis, *state]
    return "_".join("".join(c if c.isascii() and (c.isalnum() or c in "-.") else "-" for c in part) for part in parts)
