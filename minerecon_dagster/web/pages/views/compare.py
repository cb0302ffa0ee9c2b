"""`/compare`: how two periods differ."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from minerecon_dagster.core.statuses import IN_PART
from minerecon_dagster.web.pages import figures, words
from minerecon_dagster.web.pages.asked import Asked
from minerecon_dagster.web.pages.figures import field_of, total
from minerecon_dagster.web.pages.reader import Reader, Rows
from minerecon_dagster.web.pages.state import BASIS_MEANINGS, state_of
from minerecon_dagster.web.pages.sums import lacks_half_hours, year_before
from minerecon_dagster.web.pages.views.common import (
    basis_links,
    change,
    fig,
    table_of,
)


def compare(reader: Reader, asked: Asked) -> Mapping[str, Any]:
    """How two periods differ: by default the newest month so far, and the same days a year before if any is stored."""
    figure = figures.compare(reader, asked)
    basis = asked.basis
    first, last = (dt.date.fromisoformat(figure.parameters[n]) for n in ("from", "to"))
    spans = figures.compared_spans(figure.rows, first, last)
    texts = [words.span_text(*span) for span in spans]
    mwh, gbp = field_of("energy", basis), field_of("payment", basis)
    alike = [r for r in figure.rows if r[f"difference_{mwh}"] is not None]
    this, that = total(alike, mwh), total(alike, f"other_{mwh}")
    now, then = (reader.ask("days", from_=span[0], to=span[1], fields=_OF_DAYS) for span in spans)
    states = [figure.state, state_of({**then.meta, "basis": basis})]
    if this is None or that is None:
        own = total(figure.rows, mwh)
        sentence = (
            Markup("{}. No figure stands in for {}.").format(figure.empty, texts[0])
            if own is None
            else Markup("{}, {}{} was {}; of {} no day is stored to compare it with.").format(
                words.within_text(*spans[0]), states[0].at_least, fig(own, "mwh"), BASIS_MEANINGS[basis], texts[1]
            )
        )
    else:
        doubt = "; ".join(s.short for s in states if s.short)
        of = "" if len(alike) == len(figure.rows) else f", over the {words.counted(len(alike), 'day')} stored in both"
        is_least = [
            any(r[day] in in_part for r in alike)
            for day, in_part in (("settlement_date", _in_part(now)), ("other_settlement_date", _in_part(then)))
        ]
        least = ["at least " if is_so else "" for is_so in is_least]
        differs = change(this, that, now_is_least=is_least[0], then_is_least=is_least[1]) if that else ""
        said = f". That is {differs}" if differs else "" if that else ". There was nothing then"
        sentence = Markup("{}, {}{} was {} for {}; {}, {}{} for {}{}{}{}.").format(
            words.within_text(*spans[0]),
            least[0],
            fig(this, "mwh"),
            BASIS_MEANINGS[basis],
            fig(total(alike, gbp), "gbp"),
            words.during_text(*spans[1]),
            least[1],
            fig(that, "mwh"),
            fig(total(alike, f"other_{gbp}"), "gbp"),
            said,
            of,
            f" ({doubt})" if doubt else "",
        )
    return {
        "title": figure.title,
        "sentence": sentence,
        "state": states[0],
        "other_state": states[1],
        "spans": texts,
        "figure": figure,
        "table": table_of(asked, figure, "Day by day"),
        "choices": [("Bids", basis_links(asked)), ("Beside", _besides(asked, spans))],
        "first": str(first),
        "last": str(last),
        "beside": str(spans[1][0]),
        "basis": basis,
    }


_OF_DAYS = ("settlement_date", "status", "periods_present", "periods_expected")


def _in_part(days: Rows) -> set[str]:
    """Of what days the energy is at least so much: half hours of them are missing or to come, or may be."""
    return {r["settlement_date"] for r in days.rows if r["status"] in IN_PART or lacks_half_hours(r)}


def _besides(asked: Asked, spans: Sequence[tuple[dt.date, dt.date]]) -> list[tuple[str, str, bool]]:
    """What a period is often compared with: word, address, and whether it is the present one."""
    (first, last), (other, end) = spans
    count = (last - first).days + 1
    before = first - dt.timedelta(days=count)
    shown = {"from": str(first), "to": str(last), "after": None, "sort": None}
    return [
        (
            "a year before",
            asked.address(**{**shown, "with": None}),
            (other, end) == (year_before(first), year_before(last)),
        ),
        (
            f"the {words.counted(count, 'day')} before",
            asked.address(**{**shown, "with": str(before)}),
            (other, end) == (before, first - dt.timedelta(days=1)),
        ),
    ]
