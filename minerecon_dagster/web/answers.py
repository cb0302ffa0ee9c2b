"""Rows as bytes: JSON, CSV, Parquet, or CSV and metadata in a zip. Digits are passed on as PostgreSQL wrote them."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

import msgspec

from minerecon_dagster.core.printable import for_a_spreadsheet
from minerecon_dagster.web.database import Column
from minerecon_dagster.web.parquet import write_parquet

Row = Sequence[Any]

TYPES: Mapping[str, str] = {
    "json": "application/json",
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
    "zip": "application/zip",
}
"""The media type of each suffix."""
PROBLEM = "application/problem+json"
SPOOLED_BYTES = 1_000_000
"""A longer answer is kept in a file until it is sent."""
PIECE_BYTES = 131_072
"""How much of a long answer is in memory at once."""
_COMPRESSED = (
    *("application/json", "text/csv", "application/atom+xml", "application/feed+json"),
    *("text/html", "text/css", "text/javascript", "image/svg+xml"),
)
_WORTH_COMPRESSING_BYTES = 1_000
_GZIP_LEVEL = 5
_AS_GZIP = 31
"""What zlib calls the format of gzip with the largest window."""
_BOM = "\ufeff"
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
_ENCODER = msgspec.json.Encoder()


@dataclass(frozen=True)
class Long:
    """A body that is too long to be held in memory: whole, in a file that is gone when it is closed."""

    file: IO[bytes]
    size: int
    digest: str


@dataclass(frozen=True)
class Answer:
    """An answer, whole.

    Args:
        status: of HTTP.
        media_type: of the body.
        body: all of it; of a long answer nothing.
        headers: further ones.
        rows: how many rows it has.
        sql_ms: the time of its statements.
        long: the body where it is long. It is read once, by whoever sends it.
    """

    status: int
    media_type: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    rows: int = 0
    sql_ms: float = 0.0
    long: Long | None = None

    @property
    def size(self) -> int:
        """Bytes of the body."""
        return self.long.size if self.long else len(self.body)

    @property
    def etag(self) -> str:
        """A strong validator: the same bytes, the same text; by gzip another one (RFC 9110, 8.8.3.3)."""
        return f'"{self.long.digest if self.long else hashlib.sha256(self.body).hexdigest()[:32]}"'


class Spool:
    """Where an answer is written until it is whole: in memory while it is short, then in a file."""

    def __init__(self) -> None:
        self.file: IO[bytes] = tempfile.SpooledTemporaryFile(SPOOLED_BYTES, prefix="minerecon-web-")  # noqa: SIM115 - outlives this

    def write(self, data: bytes) -> None:
        """Add bytes."""
        self.file.write(data)

    def append(self, other: IO[bytes]) -> None:
        """Add what a file has."""
        other.seek(0)
        while piece := other.read(PIECE_BYTES):
            self.file.write(piece)

    def answer(self, media_type: str, headers: Mapping[str, str] | None = None) -> Answer:
        """All that was written, as an answer."""
        size = self.file.tell()
        self.file.seek(0)
        if size <= SPOOLED_BYTES:
            body = self.file.read()
            self.file.close()
            return Answer(200, media_type, body, headers or {})
        digest = hashlib.sha256()
        while piece := self.file.read(PIECE_BYTES):
            digest.update(piece)
        long = Long(self.file, size, digest.hexdigest()[:32])
        return Answer(200, media_type, b"", headers or {}, long=long)


def compressed(answer: Answer) -> Answer:
    """The same answer by gzip, where that makes it shorter; the same bytes are the same bytes again."""
    if answer.media_type.partition(";")[0] not in _COMPRESSED or answer.size < _WORTH_COMPRESSING_BYTES:
        return answer
    with contextlib.ExitStack() as stack:
        source: IO[bytes] = stack.enter_context(answer.long.file) if answer.long else io.BytesIO(answer.body)
        source.seek(0)
        spool, packer = Spool(), zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _AS_GZIP)
        while piece := source.read(PIECE_BYTES):
            spool.write(packer.compress(piece))
        spool.write(packer.flush())
    made = spool.answer(answer.media_type, {**answer.headers, "Content-Encoding": "gzip"})
    return replace(made, rows=answer.rows, sql_ms=answer.sql_ms)


def media_type(suffix: str) -> str:
    """With its character set, where it is text; JSON has none, by its registration."""
    return f"{TYPES[suffix]}; charset=utf-8" if suffix == "csv" else TYPES[suffix]


def json_rows(columns: Sequence[Column], chunks: Iterable[Sequence[Row]], *, numbers: bool) -> Spool:
    """Rows as members of a JSON array; decimals are strings, or with ``numbers`` JSON numbers of the same digits."""
    names = [column.name for column in columns]
    raw = [c.sql_type in ("json", "jsonb") or (numbers and c.sql_type == "numeric") for c in columns]
    out, mark = Spool(), b""
    for rows in chunks:
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
        if data:
            out.write(mark + _ENCODER.encode(data)[1:-1])
            mark = b","
    return out


def as_json(meta: Mapping[str, Any], rows: Spool) -> Spool:
    """``{"meta": …, "data": […]}`` of `json_rows`."""
    out = Spool()
    out.write(b'{"meta":' + _ENCODER.encode(meta) + b',"data":[')
    with rows.file as file:
        out.append(file)
    out.write(b"]}")
    return out


def csv_rows(chunks: Iterable[Sequence[Row]]) -> Spool:
    """Rows as lines: NULL is nothing, an empty text is quoted."""
    out = Spool()
    for rows in chunks:
        out.write("".join(",".join(map(_csv, row)) + "\n" for row in rows).encode())
    return out


def as_csv(columns: Sequence[Column], rows: Spool, source: Sequence[str] = ()) -> Spool:
    """As the exports have it: UTF-8 with a mark that Excel needs.

    Args:
        columns: of the rows.
        rows: of `csv_rows`.
        source: lines about the rows, put before them behind ``#``.
    """
    out = Spool()
    head = ",".join(_quoted(column.name) for column in columns) + "\n"
    out.write((_BOM + "".join(f"# {line}\n" for line in source) + head).encode())
    with rows.file as file:
        out.append(file)
    return out


def as_parquet(
    columns: Sequence[Column], chunks: Iterable[Sequence[Row]], about: Mapping[str, str]
) -> tuple[Spool, dict[str, int]]:
    """The file, and of each column how many values Parquet has rounded; raises as `write_parquet`."""
    out = Spool()
    with tempfile.TemporaryDirectory(prefix="minerecon-web-") as folder:
        path = Path(folder) / "rows.parquet"
        rounded = write_parquet(columns, chunks, path, about)
        with path.open("rb") as file:
            out.append(file)
    return out, rounded


def as_zip(name: str, csv: Spool, meta: Mapping[str, Any]) -> Spool:
    """The CSV and its metadata; the same content makes the same bytes."""
    out = Spool()
    with zipfile.ZipFile(out.file, "w", zipfile.ZIP_DEFLATED) as archive:
        with csv.file as rows, archive.open(_member(f"{name}.csv"), "w") as inside:
            rows.seek(0)
            while piece := rows.read(PIECE_BYTES):
                inside.write(piece)
        about = msgspec.json.format(_ENCODER.encode(meta)) + b"\n"
        archive.writestr(_member(f"{name}.json"), about)
    out.file.seek(0, io.SEEK_END)
    return out


def _member(name: str) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name, _ZIP_TIME)
    member.compress_type = zipfile.ZIP_DEFLATED
    return member


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


def problem(status: int, title: str, detail: str, **more: Any) -> Answer:
    """What went wrong, as RFC 9457 has it; the request's id is added on the way out."""
    about = {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}
    return Answer(status, PROBLEM, _ENCODER.encode(about))
