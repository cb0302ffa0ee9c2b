"""The pages, a file a page: each answers one question, first in a sentence, then in a chart, its table and what else is
known.
"""

from __future__ import annotations

from collections.abc import Sequence

from minerecon_dagster.web.pages import figures
from minerecon_dagster.web.pages.views.border import border
from minerecon_dagster.web.pages.views.common import TABLE, Page
from minerecon_dagster.web.pages.views.compare import compare
from minerecon_dagster.web.pages.views.day import day
from minerecon_dagster.web.pages.views.explore import explore
from minerecon_dagster.web.pages.views.farms import farm, farm_list, party
from minerecon_dagster.web.pages.views.miners import miners
from minerecon_dagster.web.pages.views.overview import overview
from minerecon_dagster.web.pages.views.quality import quality
from minerecon_dagster.web.pages.views.where import api, data, meanings

__all__ = ["PAGES", "Page"]

_PART = ("from", "to", "grain", "basis")

PAGES: Sequence[Page] = (
    Page("/", "overview", ("basis",), overview, "/"),
    Page("/explore", "explore", (*figures.SERIES, *TABLE), explore, "/explore"),
    Page("/farms", "farms", ("period", "basis", *TABLE), farm_list, "/farms"),
    Page("/farms/{name}", "part", (*_PART, *TABLE), farm, "/farms"),
    Page("/lead-parties/{name}", "part", ("from", "to", "basis", *TABLE), party, "/farms"),
    Page("/border", "border", ("from", "to", "period", "basis", *TABLE), border, "/border"),
    Page("/days/{date}", "day", ("basis", "period", *TABLE), day, "/days"),
    Page("/compare", "compare", ("from", "to", "with", "basis", *TABLE), compare, "/compare"),
    Page("/miners", "miners", (*figures.SIZING, *TABLE), miners, "/miners"),
    Page("/quality", "quality", ("from", "to", *TABLE), quality, "/quality"),
    Page("/data", "data", (), data, "/data"),
    Page("/api", "api", (), api, "/api"),
    Page("/glossary", "glossary", (), meanings),
)
"""Every page, in the order of the head; the glossary is in the foot."""
