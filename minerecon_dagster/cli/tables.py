"""Tables for people: in a terminal what fits into it, most needed columns first; in a pipe all, without drawing."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from io import StringIO
from typing import Literal

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from minerecon_dagster.core.printable import printable

_GAP = 2
"""Blanks between columns."""
_PIPE_WIDTH = 160
"""Where there is no terminal, sentences are wrapped at so many columns; tables are not."""
_NO_LIMIT = 10_000


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Args:
        heading: its name; lines of it stand above each other.
        cells: a text per row, of one line.
        goes: which columns go first where not all fit: the highest number, together with those of the same; 0 never.
        justify: to which side.
    """

    heading: str
    cells: Sequence[str]
    goes: int = 0
    justify: Literal["left", "right"] = "right"

    @property
    def width(self) -> int:
        """Characters of its longest line."""
        return max(map(len, (*self.heading.split("\n"), *self.cells)))


def that_fit(columns: Sequence[Column], width: int) -> list[Column]:
    """The columns that fit into ``width`` characters whole: nothing is ever cut, columns go instead.

    Those that never go are all there, whatever the width.
    """
    kept = list(columns)
    while sum(c.width + _GAP for c in kept) - _GAP > width:
        first = max((c.goes for c in kept), default=0)
        if first == 0:
            break
        kept = [c for c in kept if c.goes != first]
    return kept


def console() -> Console:
    """Standard output: as wide as the terminal, or wide enough for sentences where there is none."""
    return Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH, highlight=False)


def table_of(columns: Sequence[Column], title: str) -> Table:
    """A table of ``columns``, as they are."""
    # A blank of the box and one of padding stand between two columns.
    table = Table(
        title=title,
        title_justify="left",
        box=SIMPLE_HEAD,
        show_edge=False,
        padding=(0, _GAP - 1, 0, 0),
        pad_edge=False,
    )
    for column in columns:
        table.add_column(column.heading, justify=column.justify, no_wrap=True)
    for row in zip(*(column.cells for column in columns), strict=True):
        table.add_row(*(Text(printable(cell)) for cell in row))
    return table


def print_columns(columns: Sequence[Column], title: str) -> bool:
    """Print those of ``columns`` that fit; in a pipe all. Return whether all are shown."""
    screen = console()
    if screen.is_terminal:
        shown = that_fit(columns, screen.width)
    else:
        shown = [replace(column, heading=column.heading.replace("\n", " ")) for column in columns]
    print_table(table_of(shown, title), screen)
    return len(shown) == len(columns)


def print_table(table: Table, screen: Console) -> None:
    """Print a table: no cell is cut, and in a pipe nothing is drawn, no line wrapped or filled up with blanks."""
    if screen.is_terminal:
        measured = Measurement.get(screen, screen.options.update(max_width=_NO_LIMIT), table)
        # What never goes may be wider than the terminal, which then wraps the lines itself.
        width = screen.width
        if table.title is not None:
            # Rich would break a title at the width of its table, however much wider the terminal is.
            screen.print(table.title, markup=False, soft_wrap=True, style="italic")
            table.title = None
        screen.width = max(width, measured.minimum)
        screen.print(table, crop=False)
        screen.width = width
        return
    table.box = None
    table.padding = (0, _GAP, 0, 0)
    paper = Console(width=_NO_LIMIT, highlight=False, color_system=None, file=StringIO())
    with paper.capture() as captured:
        paper.print(table)
    screen.file.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))
    screen.file.flush()
