"""The process that writes Parquet: what it refuses, and that nothing is left of it, however it ends."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pyarrow.parquet as pq
import pytest

from minerecon_dagster.web import parquet
from minerecon_dagster.web.database import Column, RefusedError
from minerecon_dagster.web.parquet import ParquetError, write_parquet

COLUMNS = [
    Column("settlement_date", "date", "of the period"),
    Column("payment_gbp", "numeric", "what was paid, in GBP"),
    Column("farm_name", "text", None),
    Column("is_final", "boolean", None),
]
ROW = ("2025-03-28", "-1.25", "a \u201cfarm\u201d,\n\tof two lines", True)


def writers() -> list[psutil.Process]:
    """The processes that write for this one."""
    return [p for p in psutil.Process().children() if "minerecon_dagster.web.parquet" in p.cmdline()]


def test_rows_are_as_they_were_and_what_was_rounded_is_counted(tmp_path: Path) -> None:
    long = "0.1234567890123456785"
    chunks: list[list[tuple[Any, ...]]] = [[ROW, (None, None, None, None)], [], [("2025-03-29", long, "", False)]]
    path = tmp_path / "rows.parquet"
    assert write_parquet(COLUMNS, chunks, path, {"source": "here"}) == {"payment_gbp": 1}
    table = pq.read_table(path)
    assert [str(v) for v in table["settlement_date"].to_pylist()] == ["2025-03-28", "None", "2025-03-29"]
    assert table["payment_gbp"].to_pylist() == [Decimal("-1.25"), None, Decimal("0.123456789012345679")]
    assert table["farm_name"].to_pylist() == [ROW[2], None, ""]
    assert table["is_final"].to_pylist() == [True, None, False]
    assert table.schema.metadata[b"source"] == b"here"
    assert table.schema.field("payment_gbp").metadata == {b"comment": b"what was paid, in GBP", b"unit": b"GBP"}
    assert writers() == []


@pytest.mark.first_quick
@pytest.mark.parametrize("value", ["1e20", "NaN", "-123456789012345678901.5"])
def test_what_the_format_cannot_have_is_refused_by_name(tmp_path: Path, value: str) -> None:
    with pytest.raises(RefusedError, match=r"Parquet cannot have this: payment_gbp: .*JSON and CSV can"):
        write_parquet(COLUMNS, [[("2025-03-28", value, "", True)]] * 3, tmp_path / "rows.parquet", {})
    assert writers() == []


def test_a_process_that_dies_is_told_of_and_the_next_file_is_written(tmp_path: Path) -> None:
    def rows() -> Iterator[list[tuple[Any, ...]]]:
        yield [ROW]
        for process in writers():
            process.kill()
        yield [ROW]

    with pytest.raises(ParquetError, match=r"ended early \(exit status -9\)"):
        write_parquet(COLUMNS, rows(), tmp_path / "rows.parquet", {})
    assert write_parquet(COLUMNS, [[ROW]], tmp_path / "rows.parquet", {}) == {}


def test_where_the_rows_end_with_an_error_the_process_ends_too(tmp_path: Path) -> None:
    def rows() -> Iterator[list[tuple[Any, ...]]]:
        yield [ROW]
        raise TimeoutError

    with pytest.raises(TimeoutError):
        write_parquet(COLUMNS, rows(), tmp_path / "rows.parquet", {})
    assert writers() == []


@pytest.mark.slow
def test_a_process_that_stands_still_is_ended_and_the_next_file_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rows() -> Iterator[list[tuple[Any, ...]]]:
        yield [ROW]
        for process in writers():
            process.suspend()

    with monkeypatch.context() as patched:
        patched.setattr(parquet, "LONGEST_S", 3.0)
        with pytest.raises(ParquetError, match=r"ended early \(exit status -9\)"):
            write_parquet(COLUMNS, rows(), tmp_path / "rows.parquet", {})
    assert write_parquet(COLUMNS, [[ROW]], tmp_path / "rows.parquet", {}) == {}


def test_nothing_loads_pandas_which_takes_longer_than_the_file(tmp_path: Path) -> None:
    """Though it is there, and pyarrow looks for it."""
    asked = parquet._Asked(str(tmp_path / "rows.parquet"), [(c.name, c.sql_type, c.comment, None) for c in COLUMNS], {})
    lines = b"".join(msgspec.json.encode(line) + b"\n" for line in (asked, [ROW]))
    script = (
        "import sys; from minerecon_dagster.web import parquet; parquet._main(sys.stdin.buffer, sys.stdout.buffer)\n"
        "assert 'pyarrow.parquet' in sys.modules and 'pandas' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], input=lines, check=True, capture_output=True)
    assert importlib.util.find_spec("pandas") is not None
    assert pq.read_table(tmp_path / "rows.parquet").num_rows == 1
