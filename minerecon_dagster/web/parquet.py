"""Rows as a Parquet file, made by a process of its own, which ends with it.

pyarrow needs 50 MB to be there and as much again to write; a server that gave one such file would keep them for good.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from minerecon_dagster.charts.drawer import plain_environ
from minerecon_dagster.core.errors import MinereconError
from minerecon_dagster.web.database import Column, RefusedError

_TURN = threading.Lock()
"""One file at a time: two of them take as long one after the other, and the memory of one."""
LONGEST_S = 120.0
"""A file that is not whole after this is given up: its process may stand still, and others wait for their turn."""
_READERS: Mapping[str, Any] = {
    "numeric": Decimal,
    "date": dt.date.fromisoformat,
    "timestamp with time zone": dt.datetime.fromisoformat,
    "timestamp without time zone": dt.datetime.fromisoformat,
}
_ENCODER = msgspec.json.Encoder()


class ParquetError(MinereconError):
    """The process that writes the file ended before it was whole."""


class _Asked(msgspec.Struct):
    """The first line in: what the file is to be. Each further line is a chunk of rows, as PostgreSQL prints them."""

    path: str
    columns: list[tuple[str, str, str | None, str | None]]
    about: dict[str, str]


class _Told(msgspec.Struct):
    """The line out: of each column how many values were rounded, or what cannot be in such a file."""

    rounded: dict[str, int]
    refused: str | None = None


def write_parquet(
    columns: Sequence[Column], chunks: Iterable[Sequence[Sequence[Any]]], path: Path, about: Mapping[str, str]
) -> dict[str, int]:
    """Write a file; of each column how many values Parquet has rounded to its 18 decimals.

    Args:
        columns: of the rows.
        chunks: rows, whose numbers and times are texts; a chunk is a row group.
        path: of the file.
        about: what the file says of itself.

    Raises:
        RefusedError: a value does not fit into the format.
        ParquetError: the process ended early, or was ended after `LONGEST_S`; its last words are in this one's log.
    """
    asked = _Asked(str(path.absolute()), [(c.name, c.sql_type, c.comment, c.unit) for c in columns], dict(about))
    with _TURN, subprocess.Popen(
        [sys.executable, "-m", "minerecon_dagster.web.parquet"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=plain_environ(), cwd=path.parent,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        giving_up = threading.Timer(LONGEST_S, process.kill)
        giving_up.start()
        try:
            with contextlib.suppress(BrokenPipeError):  # it says why, or has ended: both are seen below
                process.stdin.write(_ENCODER.encode(asked) + b"\n")
                for rows in chunks:
                    process.stdin.write(_ENCODER.encode(rows) + b"\n")
                process.stdin.close()
            line = process.stdout.readline()
        except BaseException:  # whatever ended the rows: what is written of them is for nobody
            process.kill()
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
            raise
        finally:
            giving_up.cancel()
        if not line:
            raise ParquetError(f"the process that writes Parquet ended early (exit status {process.wait()})")
    told = msgspec.json.decode(line, type=_Told)
    if told.refused:
        raise RefusedError(f"Parquet cannot have this: {told.refused}; JSON and CSV can")
    return told.rounded


class _WithoutPandas(MetaPathFinder):
    """Finds no pandas, which pyarrow loads at its first array where it is there: it takes longer than most files."""

    def find_spec(self, name: str, _path: object, _target: object = None, /) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(f"no module named {name!r} here")


def _main(given: BinaryIO, told: BinaryIO) -> None:
    """Write what is asked for, and say what came of it."""
    sys.meta_path.insert(0, _WithoutPandas())
    from minerecon_dagster.exports import files

    asked = msgspec.json.decode(given.readline(), type=_Asked)
    columns = [files.Column(*column) for column in asked.columns]
    readers = [_READERS.get(column.sql_type) for column in columns]

    def read() -> Iterator[list[list[Any]]]:
        for line in given:
            yield [
                [v if read is None or v is None else read(v) for v, read in zip(row, readers, strict=True)]
                for row in msgspec.json.decode(line)
            ]

    try:
        written = files.write_files(read(), columns, Path(asked.path), None, asked.about)
        answer = _Told({name: count for name, count in written.rounded.items() if count})
    except files.ExportError as error:
        answer = _Told({}, str(error))
    told.write(_ENCODER.encode(answer) + b"\n")
    told.flush()


if __name__ == "__main__":
    _main(sys.stdin.buffer, sys.stdout.buffer)
