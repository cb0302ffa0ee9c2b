"""Rows into a table by COPY, made while PostgreSQL takes those before them: of many rows it is the quickest way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as PostgresCursor  # noqa: N812 - a class of that name

LINES_AT_A_TIME = 500
"""Sent to PostgreSQL in one piece: it waits for the first, and other threads take their turn after each."""
NULL = r"\N"
_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


def copy_text(text: str) -> str:
    """A text as COPY takes it."""
    return text.translate(_ESCAPES)


def copy_field(value: object) -> str:
    """A value as COPY takes it: text, a number to its last digit, a date or time, whether something is so, or None."""
    if value is None:
        return NULL
    return copy_text(value) if isinstance(value, str) else str(value)


class _Lines:
    """Lines as a file that COPY reads."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines

    def read(self, _size: int, /) -> str:
        """The next lines, whatever their size; none at the end."""
        return "".join(islice(self._lines, LINES_AT_A_TIME))


def copy_lines(many: PostgresCursor, table: str, columns: Sequence[str], lines: Iterator[str]) -> None:
    """Write lines of fields, each with its newline, into the columns of a table."""
    statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN"
    many.copy_expert(statement, _Lines(lines))  # type: ignore[arg-type]  # it takes what reads text, and nothing more


def copy_rows(many: PostgresCursor, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write rows of plain values into the columns of a table; what was stored in their place is deleted before."""
    copy_lines(many, table, columns, ("\t".join(map(copy_field, row)) + "\n" for row in rows))
