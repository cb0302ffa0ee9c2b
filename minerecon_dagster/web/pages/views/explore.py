"""`/explore`: what happened between two days, at any grain, on either basis, for a farm, a lead party or all."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from minerecon_dagster.web.pages import figures, tables, words
from minerecon_dagster.web.pages.asked import Asked, address
from minerecon_dagster.web.pages.figures import DEFAULT_MODEL
from minerecon_dagster.web.pages.names import farm_names, model_names, party_names
from minerecon_dagster.web.pages.reader import Reader
from minerecon_dagster.web.pages.views.common import (
    basis_links,
    periods,
    series_sentence,
    table_of,
)
from minerecon_dagster.web.question import NotAnsweredError


def _has_half_hours(reader: Reader, asked: Asked, show: str) -> bool:
    """Whether the page by half hours answers for this range, so that a link to it is no dead end."""
    try:
        asked.span(figures.recent(reader, 1), figures.MOST_HALF_HOUR_DAYS)
    except NotAnsweredError:
        return False
    return show != "bitcoin"


def explore(reader: Reader, asked: Asked) -> Mapping[str, Any]:
    """What happened between two days, at any grain, on either basis, for a farm, a lead party or all."""
    figure = figures.series(reader, asked)
    parameters = figure.parameters
    first, last = (dt.date.fromisoformat(parameters[name]) for name in ("from", "to"))
    show, basis = asked.one_of("show", tuple(figures.MEASURES)), asked.basis
    of = asked.get("farm") or asked.get("lead_party")
    grains: Sequence[str] = (
        ("months",) if asked.get("lead_party") else figures.FARM_GRAINS if asked.get("farm") else figures.GRAINS
    )
    grain = asked.get("grain") or grains[0]
    if grain != "half-hours" and not _has_half_hours(reader, asked, show):
        grains = [g for g in grains if g != "half-hours"]

    def to(**changed: str | None) -> str:
        return asked.address(**{"after": None, "sort": None, **changed})

    to_part = tables.ways(asked, parameters)
    return {
        "title": f"{figures.MEASURES[show].name}, {words.span_text(first, last)}",
        "sentence": series_sentence(figure, first, last, basis, show, of, asked.get("model") or DEFAULT_MODEL),
        "state": figure.state,
        "figure": figure,
        "table": table_of(asked, figure, "The figures of the chart"),
        "about_potential": figures.potential_note(figure, basis, grain),
        "choices": [
            ("By", [(g.replace("-", " "), to(grain=None if g == grains[0] else g), g == grain) for g in grains]),
            (
                "Show",
                [
                    (
                        m.name.partition(" ")[0] if n == "bitcoin" else n,
                        to(show=None if n == "energy" else n),
                        n == show,
                    )
                    for n, m in figures.MEASURES.items()
                    if n != "bitcoin" or (not of and grain != "half-hours")
                ],
            ),
            ("Bids", basis_links(asked)),
            ("Period", periods(asked, reader, (first, last))),
        ],
        "first": str(first),
        "last": str(last),
        "grain": grain,
        "show": show,
        "basis": basis,
        "farm": asked.get("farm") or "",
        "lead_party": asked.get("lead_party") or "",
        "model": asked.get("model") or DEFAULT_MODEL,
        "farms": farm_names(reader),
        "parties": party_names(reader),
        "models": model_names(reader),
        "of_part": (to_part.farm if asked.get("farm") else to_part.party)(of) if of else None,
        "permalink": asked.prefix + address("/explore", **{**parameters, "from": str(first), "to": str(last)}),
    }
