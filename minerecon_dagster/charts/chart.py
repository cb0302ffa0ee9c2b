"""A chart as its makers hand it out: what it says in words, and how it is laid out at a width."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from minerecon_dagster.charts.sheet import Key, Sheet


@dataclass(frozen=True)
class Words:
    """What a chart says beside its marks; plain text, of which nothing is taken as markup.

    Args:
        title: what it shows, as a statement: ``Wind farms were turned down most on 28 March``.
        subtitle: basis, unit and period: ``SO-flagged bids, MWh by day, March 2025``.
        description: a sentence or two for whoever does not see it.
        source: below the picture; empty where the page says it.
    """

    title: str
    subtitle: str
    description: str
    source: str = ""


@dataclass(frozen=True)
class Chart:
    """One chart, for any width and theme.

    Args:
        name: for ids and file names; letters, digits and hyphens.
        words: what it says.
        keys: its legend.
        lay: puts data into a sheet of a width whose head stands already.
        specification_name: of the file that says how it is drawn.
        plot_height: in pixels, by width.
    """

    name: str
    words: Words
    keys: tuple[Key, ...]
    lay: Callable[[Sheet], None]
    specification_name: str
    plot_height: Callable[[int], int]

    @property
    def title(self) -> str:
        """Its accessible name."""
        return self.words.title

    @property
    def description(self) -> str:
        """What it says in a sentence or two."""
        return self.words.description

    def specification(self, width: int, *, titled: bool = True) -> dict[str, Any]:
        """Its specification with the data of a picture of ``width`` pixels, colours by name.

        Args:
            width: of the picture.
            titled: whether title, subtitle and source are in it.
        """
        sheet = Sheet(self.specification_name, width, self.plot_height(width))
        self.lay(sheet)
        sheet.head(self.words.title if titled else "", self.words.subtitle if titled else "", self.keys)
        if titled:
            sheet.foot(self.words.source)
        return sheet.laid()

    def live(self, width: int, *, titled: bool = False) -> str:
        """The same for `live.js` in a page, as JSON that may stand in a ``<script type="application/json">``.

        Args:
            width: of the picture.
            titled: as above.
        """
        text = json.dumps(self.specification(width, titled=titled), ensure_ascii=False, separators=(",", ":"))
        for character in "<>&\u2028\u2029":
            text = text.replace(character, f"\\u{ord(character):04x}")
        return text
