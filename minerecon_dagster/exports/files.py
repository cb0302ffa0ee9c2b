"""A view's rows as a Parquet and a CSV file of the same content.

CSV has every number with all its digits, as PostgreSQL prints it. Parquet has no number without a scale
that its readers agree on: DuckDB and most others stop at 38 digits. So a numeric is a decimal of 38 digits,
18 of them after the point, the same for every column and month, and what was rounded for that is counted.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Context, Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from minerecon_dagster.core.errors import MinereconError, one_line
from minerecon_dagster.core.printable import for_a_spreadsheet

DIGITS, DECIMALS = 38, 18
_LAST_DECIMAL = Decimal(1).scaleb(-DECIMALS)
_EXACT = Context(prec=200)
_BOM = "\ufeff"
"""Excel takes a CSV file for UTF-8 only with it; pandas, DuckDB and readr leave it out."""

_TYPES: Mapping[str, pa.DataType] = {
    "boolean": pa.bool_(),
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "real": pa.float32(),
    "double precision": pa.float64(),
    "numeric": pa.decimal128(DIGITS, DECIMALS),
    "date": pa.date32(),
    "timestamp with time zone": pa.timestamp("us", tz="UTC"),
    "timestamp without time zone": pa.timestamp("us"),
    "text": pa.string(),
    "text[]": pa.list_(pa.string()),
    "smallint[]": pa.list_(pa.int32()),
    "integer[]": pa.list_(pa.int32()),
    "bigint[]": pa.list_(pa.int64()),
}


class ExportError(MinereconError):
    """Something of a view cannot be written to a file as it is."""


@dataclass(frozen=True)
class Column:
    """A column of a view: its name, PostgreSQL type, comment, and unit (None where it has none)."""

    name: str
    sql_type: str
    comment: str | None
    unit: str | None

    @property
    def is_text_in_files(self) -> bool:
        """Whether the type has no counterpart in both formats: such values are written as PostgreSQL prints them."""
        return self.sql_type not in _TYPES

    @property
    def arrow_type(self) -> pa.DataType:
        """The type in the Parquet file."""
        return _TYPES.get(self.sql_type, pa.string())


@dataclass
class Written:
    """What was written of a view: rows, for each numeric column how many values Parquet has rounded, and for each
    column of texts how many CSV has marked, since a spreadsheet would take them for formulas.
    """

    rows: int = 0
    rounded: dict[str, int] = field(default_factory=dict)
    marked: dict[str, int] = field(default_factory=dict)


def write_files(
    chunks: Iterable[Sequence[Sequence[Any]]],
    columns: Sequence[Column],
    parquet: Path,
    csv: Path | None,
    about: Mapping[str, str],
) -> Written:
    """Write rows to both files, a chunk at a time.

    Args:
        chunks: rows with a value for each of ``columns``; a chunk is a row group of the Parquet file.
        columns: the columns, in order.
        parquet: the one file to make.
        csv: the other; None: only the one.
        about: what the Parquet file says of itself.

    Raises:
        ExportError: a value that a format cannot hold.
    """
    schema = pa.schema(
        [
            pa.field(c.name, c.arrow_type, metadata={k: v for k, v in _described(c).items() if v is not None})
            for c in columns
        ],
        metadata=dict(about),
    )
    written = Written(rounded={c.name: 0 for c in columns if pa.types.is_decimal(c.arrow_type)})
    with ExitStack() as stack:
        table = stack.enter_context(pq.ParquetWriter(parquet, schema, compression="zstd"))
        text = stack.enter_context(csv.open("w", encoding="utf-8", newline="")) if csv else None
        if text:
            text.write(_BOM + ",".join(_quoted(c.name) for c in columns) + "\n")
        for rows in chunks:
            written.rows += len(rows)
            if text:
                text.writelines(",".join(map(_csv, row)) + "\n" for row in rows)
            values = list(zip(*rows, strict=True)) if rows else [() for _ in columns]
            for column, those in zip(columns, values, strict=True) if text else ():
                if marked := sum(isinstance(value, str) and for_a_spreadsheet(value) != value for value in those):
                    written.marked[column.name] = written.marked.get(column.name, 0) + marked
            arrays = [_array(c, v, written) for c, v in zip(columns, values, strict=True)]
            table.write_batch(pa.record_batch(arrays, schema=schema))
    return written


def _described(column: Column) -> dict[str, str | None]:
    return {"comment": column.comment, "unit": column.unit}


def _array(column: Column, values: Sequence[Any], written: Written) -> pa.Array:
    if column.name in written.rounded:
        fitting = [None if value is None else _fitting(column, value) for value in values]
        written.rounded[column.name] += sum(
            was is not None and was != is_now for was, is_now in zip(values, fitting, strict=True)
        )
        values = fitting
    try:
        return pa.array(values, type=column.arrow_type)
    except (pa.ArrowException, OverflowError) as error:
        raise ExportError(f"{column.name} ({column.sql_type}): {one_line(error)}") from error


def _fitting(column: Column, value: Decimal) -> Decimal:
    if value.is_finite() and value.adjusted() < DIGITS - DECIMALS:
        # As PostgreSQL's round(): half away from zero.
        rounded = value.quantize(_LAST_DECIMAL, rounding=ROUND_HALF_UP, context=_EXACT)
        if rounded.adjusted() < DIGITS - DECIMALS:
            return rounded
    raise ExportError(f"{column.name}: {value} does not fit into {DIGITS - DECIMALS} digits before the point")


def _csv(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dt.date):  # a datetime is one too
        return value.isoformat()
    if isinstance(value, list):
        return _quoted(json.dumps(value, ensure_ascii=False))
    return _quoted(for_a_spreadsheet(value)) if isinstance(value, str) else repr(value)


def _quoted(text: str) -> str:
    # An empty text is quoted, so that it is not taken for NULL.
    if text and not any(mark in text for mark in ',"\r\n') and text == text.strip():
        return text
    return '"' + text.replace('"', '""') + '"'
