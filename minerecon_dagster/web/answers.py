"""Rows as bytes: JSON, CSV, Parquet, or CSV and metadata in a zip. Digits are passed on as PostgreSQL wrote them."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import json
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from minerecon_dagster.core.printable import for_a_spreadsheet
from minerecon_dagster.web.database import Column

Row = Sequence[Any]

TYPES: Mapping[str, str] = {
    "json": "application/json",
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
    "zip": "application/zip",
}
"""The media type of each suffix."""
PROBLEM = "application/problem+json"
_UTF8 = ("json", "csv")
_BOM = "\ufeff"
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
_ENCODER = msgspec.json.Encoder()


@dataclass(frozen=True)
class Answer:
    """An answer, whole.

    Args:
        status: of HTTP.
        media_type: of ``body``.
        body: all of it.
        headers: further ones.
        rows: how many rows it has.
        sql_ms: the time of its statements.
    """

    status: int
    media_type: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    rows: int = 0
    sql_ms: float = 0.0

    @property
    def etag(self) -> str:
        """A strong validator: the same bytes, the same text."""
        return f'"{hashlib.sha256(self.body).hexdigest()[:32]}"'


def media_type(suffix: str) -> str:
    """With its character set, where it is text; JSON has none, by its registration."""
    return f"{TYPES[suffix]}; charset=utf-8" if suffix == "csv" else TYPES[suffix]


def as_json(meta: Mapping[str, Any], columns: Sequence[Column], rows: Sequence[Row], *, numbers: bool) -> bytes:
    """``{"meta": …, "data": […]}``; decimals are strings, or with ``numbers`` the same digits as JSON numbers."""
    names = [column.name for column in columns]
    raw = [column.sql_type in ("json", "jsonb") or (numbers and column.sql_type == "numeric") for column in columns]
    if any(raw):
        data = [
            {
                name: msgspec.Raw(value.encode()) if is_raw and value is not None else value
                for name, value, is_raw in zip(names, row, raw, strict=True)
            }
            for row in rows
        ]
    else:
        data = [dict(zip(names, row, strict=True)) for row in rows]
    return _ENCODER.encode({"meta": meta, "data": data})


def as_csv(columns: Sequence[Column], rows: Sequence[Row], source: Sequence[str] = ()) -> bytes:
    """As the exports have it: UTF-8 with a mark that Excel needs, NULL is nothing, an empty text is quoted.

    Args:
        columns: of the rows.
        rows: with a value for each column.
        source: lines about the rows, put before them behind ``#``.
    """
    out = io.StringIO()
    out.write(_BOM)
    out.writelines(f"# {line}\n" for line in source)
    out.write(",".join(_quoted(column.name) for column in columns) + "\n")
    out.writelines(",".join(map(_csv, row)) + "\n" for row in rows)
    return out.getvalue().encode()


def _csv(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return _quoted(json.dumps(value, ensure_ascii=False))
    return _quoted(for_a_spreadsheet(value)) if isinstance(value, str) else str(value)


def _quoted(text: str) -> str:
    if text and not any(mark in text for mark in ',"\r\n') and text == text.strip():
        return text
    return '"' + text.replace('"', '""') + '"'


def as_parquet(
    columns: Sequence[Column], rows: Sequence[Row], about: Mapping[str, str]
) -> tuple[bytes, dict[str, int]]:
    """The file, and of each column how many values Parquet has rounded to its 18 decimals."""
    from minerecon_dagster.exports import files  # loads pyarrow, which no other answer needs

    described = [files.Column(c.name, c.sql_type, c.comment, c.unit) for c in columns]
    readers = [_READERS.get(c.sql_type) for c in columns]
    values = [
        [value if read is None or value is None else read(value) for value, read in zip(row, readers, strict=True)]
        for row in rows
    ]
    with tempfile.TemporaryDirectory(prefix="minerecon-web-") as folder:
        path = Path(folder) / "rows.parquet"
        written = files.write_files([values], described, path, None, about)
        return path.read_bytes(), {name: count for name, count in written.rounded.items() if count}


_READERS: Mapping[str, Any] = {
    "numeric": Decimal,
    "date": dt.date.fromisoformat,
    "timestamp with time zone": dt.datetime.fromisoformat,
    "timestamp without time zone": dt.datetime.fromisoformat,
}


def as_zip(name: str, csv: bytes, meta: Mapping[str, Any]) -> bytes:
    """The CSV and its metadata; the same content makes the same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for file, body in ((f"{name}.csv", csv), (f"{name}.json", msgspec.json.format(_ENCODER.encode(meta)) + b"\n")):
            archive.writestr(zipfile.ZipInfo(file, _ZIP_TIME), body, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def problem(status: int, title: str, detail: str, **more: Any) -> Answer:
    """What went wrong, as RFC 9457 has it; the request's id is added on the way out."""
    about = {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}
    return Answer(status, PROBLEM, _ENCODER.encode(about))
