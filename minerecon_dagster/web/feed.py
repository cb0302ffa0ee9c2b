"""News for readers, as Atom (RFC 4287) and JSON Feed 1.1: days that became final, restatements, and gaps.

An entry has the same id for ever and under every address, so that no reader is shown it twice. It is published when the
day's answers were seen, the change was detected, or the day was to be there; it is updated when the day is built anew,
which moves it to no other place.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID, uuid5
from xml.etree.ElementTree import Element, SubElement, tostring

import msgspec

from minerecon_dagster.core.answers import source_of
from minerecon_dagster.core.calendar import LONDON
from minerecon_dagster.web.answers import Answer
from minerecon_dagster.web.database import Asking
from minerecon_dagster.web.pages import words
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
_TOLD_AT = dt.time(9)
"""London time of the next day: a day that is not there by then is told; until then it is being fetched."""
_NAMES = UUID("5f0c3f0e-6a53-4f0b-9f0e-2f6d8f1c7a42")
"""Of this project's news: what makes one id of one piece of them, wherever it is served."""
_ATOM = "http://www.w3.org/2005/Atom"
_TITLE = "Wind curtailment in Great Britain: days that became final, restatements and gaps"


@dataclass(frozen=True)
class Entry:
    """A piece of news.

    Args:
        id: of it for ever.
        published: when it became news, in UTC.
        updated: when its figures were last made.
        title, text: in words.
        page, figures: where a person and a program find more, below the address of the service.
        kind: of `KINDS`.
        is_made_up: whether its day is.
    """

    id: str
    published: str
    updated: str
    title: str
    text: str
    page: str
    figures: str
    kind: str
    is_made_up: bool


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


def entries(asking: Asking, kind: str | None, most: int, now: dt.datetime) -> list[Entry]:
    """The newest news.

    Args:
        asking: the warehouse.
        kind: of `KINDS`; None: all.
        most: how many.
        now: the present instant.
    """
    here = now.astimezone(LONDON)
    gaps_until = here.date() - dt.timedelta(days=1 if here.time() >= _TOLD_AT else 2)
    values = {"kind": kind, "most": most, "gaps_until": gaps_until, "gap_days": _GAP_DAYS, "told_at": _TOLD_AT}
    rows, names = asking.named_rows(_sql("feed"), values)
    return [_entry(dict(zip(names, row, strict=True))) for row in rows]


def _id(*parts: str) -> str:
    return f"urn:uuid:{uuid5(_NAMES, ':'.join(parts))}"


def _entry(row: Mapping[str, Any]) -> Entry:
    day, kind = row["settlement_date"], row["kind"]
    # Of a restatement of a day there may be several; no number of the warehouse outlives it.
    name = [kind, day, *([row["published_at"]] if kind == "restatement" else [])]
    figures = f"/api/v1/days?from={day}&to={day}"
    made_up = " The day is made up." if row["is_synthetic"] else ""
    shown = words.day_text(day)
    if kind == "final":
        title = f"{shown} is final: {_both(row['curtailed_mwh'], row['payment_gbp'])}"
        text = (
            f"Turned down for system reasons: {row['curtailed_mwh']} MWh; net payment {row['payment_gbp']} GBP. "
            f"Status: {row['status']}."
        )
    elif kind == "restatement":
        before, after = (words.spoken(row[c], "mwh") for c in ("old_curtailed_mwh", "curtailed_mwh"))
        title = f"{shown} was restated: {before} to {after}"
        text = (
            f"The source changed. Turned down for system reasons: {row['old_curtailed_mwh']} MWh and "
            f"{row['old_payment_gbp']} GBP net before, {row['curtailed_mwh']} MWh and {row['payment_gbp']} GBP after. "
            f"It was {row['status']} before."
        )
        figures = f"/api/v1/restatements?from={day}&to={day}"
    else:
        title = f"{shown} is {row['status']}"
        text = f"The day is over, and its status is {row['status']}: its figures are not there, or not to be relied on."
    made_of = [*name, "made up"] if row["is_synthetic"] else name
    return Entry(
        _id(*made_of),
        row["published_at"],
        row["updated_at"],
        title,
        text + made_up,
        f"/days/{day}",
        figures,
        kind,
        row["is_synthetic"] is True,
    )


def _both(mwh: str, gbp: str) -> str:
    return f"{words.spoken(mwh, 'mwh')}, {words.spoken(gbp, 'gbp')}"


def as_answer(found: Sequence[Entry], suffix: str, root: str, query: str) -> Answer:
    """The feed.

    Args:
        found: newest first.
        suffix: of `TYPES`.
        root: the address of the service, as in ``https://wind.example.com``.
        query: of the request.
    """
    own = f"{root}/api/v1/feed.{suffix}" + (f"?{query}" if query else "")
    kind = read(query)[0] or "all"
    made = _json(found, own, root) if suffix == "json" else _atom(found, own, root, kind)
    media_type = TYPES[suffix]
    return Answer(200, media_type if suffix == "json" else f"{media_type}; charset=utf-8", made, rows=len(found))


def _rights(found: Sequence[Entry]) -> str:
    return source_of(synthetic=any(entry.is_made_up for entry in found))


def _json(found: Sequence[Entry], own: str, root: str) -> bytes:
    return msgspec.json.encode(
        {
            "version": "https://jsonfeed.org/version/1.1",
            "title": _TITLE,
            "description": f"SO-flagged bids. {_rights(found)}",
            "home_page_url": f"{root}/",
            "feed_url": own,
            "language": "en-GB",
            "authors": [{"name": "minerecon"}],
            "items": [
                {
                    "id": entry.id,
                    "url": root + entry.page,
                    "title": entry.title,
                    "content_text": entry.text,
                    "date_published": entry.published,
                    "date_modified": entry.updated,
                    "tags": [entry.kind],
                    "attachments": [
                        {"url": root + entry.figures, "mime_type": "application/json", "title": "The figures"}
                    ],
                }
                for entry in found
            ],
        }
    )


def _atom(found: Sequence[Entry], own: str, root: str, kind: str) -> bytes:
    updated = max(
        (dt.datetime.fromisoformat(entry.updated) for entry in found), default=dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    )
    feed = Element("feed", {"xmlns": _ATOM, "xml:lang": "en-GB"})
    _text(
        feed,
        title=_TITLE,
        id=_id("feed", kind),
        updated=f"{updated.isoformat().removesuffix('+00:00')}Z",
        rights=_rights(found),
    )
    SubElement(feed, "link", rel="self", type="application/atom+xml", href=own)
    SubElement(feed, "link", rel="alternate", type="text/html", href=f"{root}/")
    _text(SubElement(feed, "author"), name="minerecon")
    for entry in found:
        item = SubElement(feed, "entry")
        _text(item, title=entry.title, id=entry.id, published=entry.published, updated=entry.updated)
        SubElement(item, "link", rel="alternate", type="text/html", href=root + entry.page)
        SubElement(item, "link", rel="related", type="application/json", href=root + entry.figures)
        SubElement(item, "category", term=entry.kind)
        _text(item, content=entry.text)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{tostring(feed, encoding="unicode")}'.encode()


def _text(parent: Element, **texts: str) -> None:
    for name, text in texts.items():
        SubElement(parent, name).text = text


@cache
def _sql(name: str) -> str:
    return (Path(__file__).parent / "sql" / f"{name}.sql").read_text("utf-8")
