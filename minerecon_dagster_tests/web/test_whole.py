"""Answers are whole before their first byte is sent: long ones wait in a file; by gzip they are the same."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import socket
import time
import tracemalloc
import zipfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from minerecon_dagster.web import answers, database, question
from minerecon_dagster.web.database import Column
from minerecon_dagster_tests.web.conftest import Api

SPAN = "from=2025-03-01&to=2025-04-09"
LONG = f"half-hours?{SPAN}&limit=50000"
ROWS = 40 * 48 - 2
"""One of the days has 46 half hours."""


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "CHUNK_ROWS", 100)
    monkeypatch.setattr(answers, "PIECE_BYTES", 5_000)
    monkeypatch.setattr(answers, "SPOOLED_BYTES", 100_000)


def open_files() -> int:
    """Files that this process holds open although they have no name any more."""
    found = 0
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            found += "(deleted)" in str(link.readlink())
    return found


def test_a_long_answer_is_the_pages_of_it_in_every_format(api: Api, small_pieces: None) -> None:
    rows = []
    path: str | None = f"/api/v1/half-hours?{SPAN}&limit=700"
    while path:
        got = api.get(path)
        rows += got.data
        path = got.meta["next"]
    before = open_files()
    long = api(LONG)
    assert len(long.body) > answers.SPOOLED_BYTES
    assert long.headers["content-length"] == str(len(long.body))
    assert long.data == rows
    assert (len(rows), long.meta["next"]) == (ROWS, None)
    lines = api(f"half-hours.csv?{SPAN}").body.decode("utf-8-sig").splitlines()
    assert len(lines) == ROWS + 1
    with zipfile.ZipFile(io.BytesIO(api(f"half-hours.zip?{SPAN}").body)) as archive:
        assert archive.testzip() is None
        assert archive.read(archive.namelist()[0]).decode("utf-8-sig").splitlines() == lines
    got = api(f"half-hours.parquet?{SPAN}")
    assert got.status == 200, got.body
    assert pq.read_table(io.BytesIO(got.body)).num_rows == ROWS
    again = api(LONG, If_None_Match=long.headers["etag"])
    assert (again.status, again.body) == (304, b"")
    assert api.get(f"/api/v1/{LONG}", "HEAD").headers["etag"] == long.headers["etag"]
    deadline = time.monotonic() + 5
    while open_files() > before:
        assert time.monotonic() < deadline, "the files of answers that were sent are gone"
        time.sleep(0.05)


def test_more_rows_than_a_file_has_are_refused_and_never_cut(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(question, "MOST_ROWS", 1_000)
    monkeypatch.setattr(question, "PAGE_ROWS", 300)
    monkeypatch.setattr(database, "CHUNK_ROWS", 64)
    got = api(f"half-hours.csv?{SPAN}&fields=settlement_period")
    assert (got.status, got.json["limit"]) == (422, 1_000)
    page = api.get(got.json["try"])
    assert len(page.body.splitlines()) == 1_001
    assert 'rel="next"' in page.headers["link"]


@pytest.mark.parametrize("path", ["days", "days.csv", LONG, "status?limit=31"])
def test_by_gzip_it_is_the_same_with_a_validator_of_its_own(api: Api, path: str, small_pieces: None) -> None:
    plain, packed = api(path), api(path, Accept_Encoding="br, gzip;q=0.5")
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert len(packed.body) < len(plain.body) / 2
    assert packed.headers["content-length"] == str(len(packed.body))
    assert packed.headers["etag"] != plain.headers["etag"], "other bytes, another strong validator"
    for got in (plain, packed):
        assert "Accept-Encoding" in got.headers["vary"]
    assert api(path, Accept_Encoding="gzip", If_None_Match=packed.headers["etag"]).status == 304
    assert api(path, Accept_Encoding="gzip", If_None_Match=plain.headers["etag"]).status == 200
    assert "content-encoding" not in api(path, Accept_Encoding="gzip;q=0, *;q=0").headers
    assert "content-encoding" in api(path, Accept_Encoding="*").headers


def test_what_is_short_or_packed_already_is_not_packed(api: Api) -> None:
    for path in ("models", "days.parquet", "days.zip", "nothing"):
        assert "content-encoding" not in api(path, Accept_Encoding="gzip").headers, path


@pytest.mark.slow
def test_making_a_long_answer_holds_no_more_of_it_than_a_piece() -> None:
    columns = [Column("bmu_id", "text", None), Column("curtailed_mwh", "numeric", None)]

    def chunks() -> list[tuple[str, str]]:
        for n in range(200):
            yield [(f"T_HANDW-{n}", "0." + "7" * 300)] * 500

    tracemalloc.start()
    made = answers.compressed(
        answers.as_json({}, answers.json_rows(columns, chunks(), numbers=False)).answer("text/plain")
    )
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert made.size > 30_000_000
    assert peak < 6_000_000
    assert made.long is not None
    made.long.file.close()


@pytest.mark.slow
def test_a_reader_who_goes_away_costs_nothing(api: Api, small_pieces: None) -> None:
    before = open_files()
    for _ in range(5):
        with contextlib.closing(socket.create_connection(("127.0.0.1", api.port))) as reader:
            reader.sendall(f"GET /api/v1/{LONG}&source=1 HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            reader.recv(10)
    deadline = time.monotonic() + 10
    while open_files() > before or api.app.service.database.in_use:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert json.loads(api("models").body)["data"]
