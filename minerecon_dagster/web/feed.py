"""News for readers, as Atom (RFC 4287) and JSON Feed 1.1: days that became final, restatements, and gaps.

An entry's name never changes; its time is when the day was last built, the change was seen, or the day was over.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl
from xml.etree.ElementTree import Element, SubElement, tostring

import msgspec

from minerecon_dagster.web.answers import Answer
from minerecon_dagster.web.database import Asking
from minerecon_dagster.web.question import NotAnsweredError

TYPES: Mapping[str, str] = {
    "atom": "application/atom+xml",
    "xml": "application/atom+xml",
    "json": "application/feed+json",
}
"""The media type of each suffix."""
KINDS = ("final", "restatement", "gap")
MOST_ENTRIES = 500
_ENTRIES = 100
_GAP_DAYS = 92
"""Gaps are told of the last days; `/api/v1/calendar` has all."""
_ATOM = "http://www.w3.org/2005/Atom"
_TITLE = "Wind curtailment in Great Britain: days that became final, restatements and gaps"
_RIGHTS = "Contains BMRS data © Elexon Limited copyright and database right."


@dataclass(frozen=True)
class Entry:
    """A piece of news.

    Args:
        id: of it for ever, below the feed's own.
        at: when, in UTC.
        title, text: in words.
        path: where its figures are.
        kind: of `KINDS`.
    """

    id: str
    at: str
    title: str
    text: str
    path: str
    kind: str


def read(query: str) -> tuple[str | None, int]:
    """The kind and the number of entries that are asked for.

    Raises:
        NotAnsweredError: a parameter is not one, or not as it should be.
    """
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=50)
    except ValueError:
        raise NotAnsweredError(422, "the query is not one: it must be name=value&…, in UTF-8") from None
    given = dict(pairs)
    if len(given) < len(pairs):
        raise NotAnsweredError(422, "a parameter is given twice; give it once")
    if unknown := given.keys() - {"kind", "limit"}:
        raise NotAnsweredError(
            422,
            f"there is no parameter {min(unknown)[:40]!r} here; there are kind, limit",
            parameters=["kind", "limit"],
        )
    kind, limit = given.get("kind"), given.get("limit", str(_ENTRIES))
    if kind is not None and kind not in KINDS:
        raise NotAnsweredError(422, f"kind must be {', '.join(KINDS)}, not {kind[:40]!r}")
    if not (limit.isascii() and limit.isdigit() and len(limit) <= len("500") and 1 <= int(limit) <= MOST_ENTRIES):
        raise NotAnsweredError(
            422, f"limit must be a whole number from 1 to {MOST_ENTRIES}, not {limit[:40]!r}", limit=MOST_ENTRIES
        )
    return kind, int(limit)


def entries(asking: Asking, kind: str | None, most: int, today: dt.date) -> list[Entry]:
    """The newest news.

    Args:
        asking: the warehouse.
        kind: of `KINDS`; None: all.
        most: how many.
        today: in London.
    """
    values = {"kind": kind, "most": most, "today": today, "gap_days": _GAP_DAYS}
    rows, names = asking.named_rows(_sql("feed"), values)
    return [_entry(dict(zip(names, row, strict=True))) for row in rows]


def _entry(row: Mapping[str, Any]) -> Entry:
    day, kind = row["settlement_date"], row["kind"]
    name = f"{kind}:{day}" + (f":{row['number']}" if row["number"] is not None else "")
    path = f"/api/v1/days?from={day}&to={day}"
    made_up = " The day is made up." if row["is_synthetic"] else ""
    if kind == "final":
        title = f"{day} is final: {row['curtailed_mwh']} MWh"
        text = f"SO-flagged: {row['curtailed_mwh']} MWh, net payment {row['payment_gbp']} GBP. Status: {row['status']}."
    elif kind == "restatement":
        title = f"{day} was restated: {row['old_curtailed_mwh']} to {row['curtailed_mwh']} MWh"
        text = (
            f"The source changed. SO-flagged: {row['old_curtailed_mwh']} MWh and {row['old_payment_gbp']} GBP before, "
            f"{row['curtailed_mwh']} MWh and {row['payment_gbp']} GBP after. It was {row['status']} before."
        )
        path = f"/api/v1/restatements?from={day}&to={day}"
    else:
        title = f"{day} is {row['status']}"
        text = f"The day is over, and its status is {row['status']}: its figures are not there, or not to be relied on."
    return Entry(name, row["happened_at"], title, text + made_up, path, kind)


def as_answer(found: Sequence[Entry], suffix: str, root: str, query: str) -> Answer:
    """The feed.

    Args:
        found: newest first.
        suffix: of `TYPES`.
        root: the address of the service, as in ``https://wind.example.com``.
        query: of the request.
    """
    own = f"{root}/api/v1/feed.{suffix}" + (f"?{query}" if query else "")
    updated = max((entry.at for entry in found), default="1970-01-01T00:00:00Z")
    made = _json(found, own, root) if suffix == "json" else _atom(found, own, root, updated)
    kind = TYPES[suffix]
    return Answer(200, kind if suffix == "json" else f"{kind}; charset=utf-8", made, rows=len(found))


def _json(found: Sequence[Entry], own: str, root: str) -> bytes:
    return msgspec.json.encode(
        {
            "version": "https://jsonfeed.org/version/1.1",
            "title": _TITLE,
            "description": f"SO-flagged bids. {_RIGHTS}",
            "home_page_url": f"{root}/api/v1/calendar",
            "feed_url": own,
            "language": "en-GB",
            "items": [
                {
                    "id": f"{root}/api/v1/feed#{entry.id}",
                    "url": root + entry.path,
                    "title": entry.title,
                    "content_text": entry.text,
                    "date_modified": entry.at,
                    "tags": [entry.kind],
                }
                for entry in found
            ],
        }
    )


def _atom(found: Sequence[Entry], own: str, root: str, updated: str) -> bytes:
    feed = Element("feed", {"xmlns": _ATOM, "xml:lang": "en-GB"})
    _text(feed, title=_TITLE, id=f"{root}/api/v1/feed", updated=updated, rights=_RIGHTS)
    SubElement(feed, "link", rel="self", type="application/atom+xml", href=own)
    SubElement(feed, "link", rel="alternate", type="application/json", href=f"{root}/api/v1/calendar")
    _text(SubElement(feed, "author"), name="minerecon")
    for entry in found:
        item = SubElement(feed, "entry")
        _text(item, title=entry.title, id=f"{root}/api/v1/feed#{entry.id}", updated=entry.at)
        SubElement(item, "link", rel="alternate", type="application/json", href=root + entry.path)
        SubElement(item, "category", term=entry.kind)
        _text(item, content=entry.text)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{tostring(feed, encoding="unicode")}'.encode()


def _text(parent: Element, **texts: str) -> None:
    for name, text in texts.items():
        SubElement(parent, name).text = text


@cache
def _sql(name: str) -> str:
    return (Path(__file__).parent / "sql" / f"{name}.sql").read_text("utf-8")
