"""The earlier system's paths, which its clients go on asking: their own shapes, over figures that are right.

docs/analyse/earlier_api.md says where the figures differ from the earlier system's, and why. All of them are of
SO-flagged bids; payments keep their sign.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qsl

import msgspec

from minerecon_dagster.web.answers import Answer, media_type
from minerecon_dagster.web.database import NUMERIC, Asking
from minerecon_dagster.web.question import days_of

Shape = Callable[[list[dict[str, Any]], "Asked"], Any]

DEFAULT_MODEL = "S19J_PRO"
_WANTED = {"date": "YYYY-MM-DD", "yearMonth": "YYYY-MM", "year": "YYYY"}
_STORED = """
SELECT FROM minerecon.daily_summaries AS s
WHERE CAST(%(first)s AS date) IS NULL OR s.summary_date BETWEEN %(first)s AND %(last)s LIMIT 1
"""
_LENGTHS = {"date": 10, "yearMonth": 7, "year": 4}


@dataclass(frozen=True)
class Asked:
    """A request for one of the paths: its days as it wrote them, and what they stand for."""

    written: str | None
    first: dt.date | None
    last: dt.date | None
    lead_party: str | None
    model: str
    unit: str | None


@dataclass(frozen=True)
class Earlier:
    """A path of the earlier system.

    Args:
        path: without what says the days.
        named: the parameter that says the days; it may stand at the end of the path as well.
        statement: in ``sql/``.
        shape: makes the answer of the rows.
        needs: whether the days must be given: no (all), newest (the newest stored day), or yes.
        has_data_without_rows: whether an answer without rows is one, where a day is stored.
    """

    path: str
    named: Literal["date", "yearMonth", "year"]
    statement: str
    shape: Shape
    needs: Literal["no", "newest", "yes"] = "yes"
    has_data_without_rows: bool = False


def _potential(rows: list[dict[str, Any]], _asked: Asked) -> Any:
    return rows[0]


def _daily(rows: list[dict[str, Any]], asked: Asked) -> Any:
    return {"date": asked.written, **rows[0], "leadParty": asked.lead_party}


def _monthly(rows: list[dict[str, Any]], asked: Asked) -> Any:
    days = {} if asked.lead_party else {"dailyTotals": rows[0]}
    return {"yearMonth": asked.written, **rows[0], **days}


def _yearly(rows: list[dict[str, Any]], asked: Asked) -> Any:
    return {"year": asked.written, **rows[0]}


def _rows(rows: list[dict[str, Any]], _asked: Asked) -> Any:
    return rows


def _names(rows: list[dict[str, Any]], _asked: Asked) -> Any:
    return [row["lead_party_name"] for row in rows]


EARLIER = (
    Earlier("/api/curtailment/mining-potential", "date", "earlier_potential", _potential, needs="newest"),
    Earlier("/api/curtailment/monthly-mining-potential", "yearMonth", "earlier_potential", _potential),
    Earlier("/api/curtailment/hourly", "date", "earlier_hourly", _rows),
    Earlier("/api/summary/daily", "date", "earlier_summary", _daily),
    Earlier("/api/summary/monthly", "yearMonth", "earlier_summary", _monthly),
    Earlier("/api/summary/yearly", "year", "earlier_summary", _yearly),
    Earlier("/api/lead-parties", "date", "earlier_parties", _names, needs="no", has_data_without_rows=True),
)
"""Every path, by its query form and with its days at the end."""


class BadRequestError(Exception):
    """A request that the earlier system answered with 400; ``str()`` is its ``error``."""


class NoDataError(Exception):
    """There is nothing to answer with: 404."""


def read(earlier: Earlier, in_path: str | None, query: str, newest: Callable[[], dt.date | None]) -> Asked:
    """What is asked; a parameter that is not known is let pass, as ever.

    Raises:
        BadRequestError: the days are not as they should be.
        NoDataError: no day is stored.
    """
    given = dict(parse_qsl(query, encoding="utf-8", errors="replace"))
    written = in_path or given.get(earlier.named)
    if written is None and earlier.needs == "newest":
        day = newest()
        if day is None:
            raise NoDataError
        written = str(day)
    days = days_of(written) if written is not None and len(written) == _LENGTHS[earlier.named] else None
    if days is None and (written is not None or earlier.needs == "yes"):
        raise BadRequestError(f"Invalid {earlier.named}. Please use {_WANTED[earlier.named]}")
    texts = {name: given.get(name) or None for name in ("leadParty", "farmId", "minerModel")}
    if any("\x00" in text for text in texts.values() if text):
        raise BadRequestError("Invalid parameter")
    first, last = days or (None, None)
    return Asked(written, first, last, texts["leadParty"], texts["minerModel"] or DEFAULT_MODEL, texts["farmId"])


def answer(earlier: Earlier, asking: Asking, asked: Asked) -> Answer:
    """The answer to a request.

    Raises:
        BadRequestError: there is no such miner model.
        NoDataError: no day of those asked for is stored, or there is no such lead party or unit.
    """
    if not asking.rows("SELECT FROM minerecon.miner_models WHERE miner_model = %(model)s", {"model": asked.model}):
        raise BadRequestError("Invalid minerModel")
    known = (("lead_party_name", asked.lead_party), ("bmu_id", asked.unit))
    for column, value in known:
        statement = f"SELECT FROM minerecon.unit_daily_summaries WHERE {column} = %(value)s LIMIT 1"
        if value is not None and not asking.rows(statement, {"value": value}):
            raise NoDataError
    values = dataclasses.asdict(asked)
    found, names = asking.named_rows(_sql(earlier.statement), values)
    if not found and not (earlier.has_data_without_rows and asking.rows(_STORED, values)):
        raise NoDataError
    raw = [code == NUMERIC for code in asking.type_codes]
    rows = [
        {
            n: msgspec.Raw(v.encode()) if is_raw and v is not None else v
            for n, v, is_raw in zip(names, row, raw, strict=True)
        }
        for row in found
    ]
    body = msgspec.json.encode(earlier.shape(rows, asked))
    return Answer(200, media_type("json"), body, {"Minerecon-Basis": "so", **_state(asking, asked)}, rows=len(rows))


def _state(asking: Asking, asked: Asked) -> Mapping[str, str]:
    """The header that says how far the days are to be believed: the worst status among them, or the day's."""
    if asked.first is None or asked.last is None or asked.written is None:
        return {}
    view, column, value = {
        10: ("settlement_days", "settlement_date", asked.first),
        7: ("settlement_months", "year_month", asked.written),
        4: ("settlement_years", "year", asked.first.year),
    }[len(asked.written)]
    statement = f"SELECT status FROM analytics.{view} WHERE {column} = %(value)s"  # noqa: S608 - our own names
    found = asking.rows(statement, {"value": value})
    return {"Minerecon-State": found[0][0] if found else "missing"}


@cache
def _sql(name: str) -> str:
    return (Path(__file__).parent / "sql" / f"{name}.sql").read_text("utf-8")
