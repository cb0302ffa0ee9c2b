"""Exports: what is in the files equals the views, what is not there yet is said, and nothing is half written."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from decimal import ROUND_HALF_UP, Context, Decimal
from pathlib import Path
from typing import Any

import boto3.session
import dagster as dg
import duckdb
import pandas as pd
import pyarrow.parquet as pq
import pytest
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG
from moto.server import ThreadedMotoServer
from sqlalchemy import Engine, text

from minerecon_dagster import asset_keys
from minerecon_dagster.asset_keys import EXPORTS, PRICE
from minerecon_dagster.core.errors import ArchiveError, ConfigurationError
from minerecon_dagster.core.printable import for_a_spreadsheet
from minerecon_dagster.core.units import has_number
from minerecon_dagster.definitions import build_defs
from minerecon_dagster.defs.resources import ArchiveResource
from minerecon_dagster.elexon.archive import Archive
from minerecon_dagster.exports import month as exports
from minerecon_dagster.exports.dictionary import read_dictionary
from minerecon_dagster.exports.files import Column, ExportError, write_files
from minerecon_dagster.exports.month import Export, export_month, exported_views
from minerecon_dagster.jobs import EXPORT_MONTHS, EXPORT_SWEEP, REFRESH_PRICES, ROLL_UP_MONTHS
from minerecon_dagster.sample.prices import serve_sample_prices
from minerecon_dagster.settings import PROJECT_ROOT
from minerecon_dagster.storage import Store, open_store
from minerecon_dagster.warehouse.store import alone, open_warehouse
from minerecon_dagster.warehouse.sums import ADDITIVE
from minerecon_dagster_tests.project import DAY, Project, definitions, not_done

pytestmark = pytest.mark.filterwarnings("ignore::dagster.BetaWarning")

D = dt.date.fromisoformat
NOW = dt.datetime(2025, 4, 2, 9, tzinfo=dt.UTC)
MONTH = "2025-03"
LONG = "0.1234567890123456789012345678901234567891"
"""A number with 40 digits after the point, as sums of mined_btc have them."""
ODD_VIEW = """
CREATE VIEW analytics.odd AS
SELECT * FROM (VALUES
    (DATE '2025-03-01', 'a', 'plain', 1.50::numeric, NULL::numeric, true, 1::smallint, 2::bigint, 0.25::float8,
     TIMESTAMPTZ '2025-03-01 00:30:00.000001+00', TIMESTAMP '2025-03-01 00:30:00', ARRAY['x', 'y "z", w'],
     ARRAY[1, 2]::smallint[], '{"k": 1.5}'::jsonb, INTERVAL '30 minutes'),
    (DATE '2025-03-01', 'b', NULL, %(long)s, 0.00000000000000000000, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
     NULL, NULL),
    (DATE '2025-03-31', 'B', '', -%(long)s, 99999999999999999999.999999999999999999, NULL, 3, 4, 1e300,
     TIMESTAMPTZ '2025-03-30 23:30:00+01', NULL, '{}', '{}', NULL, NULL),
    (DATE '2025-03-30', 'c', E'Ørsted "Hornsea", £\\nsecond line', 0, -12, true, 1, 1, -0.5, NULL, NULL, ARRAY['ø'],
     NULL, '{"k": null}', NULL),
    (DATE '2025-02-28', 'before', '', 1, 1, true, 1, 1, 1, NULL, NULL, NULL, NULL, NULL, NULL),
    (DATE '2025-04-01', 'after', '', 1, 1, true, 1, 1, 1, NULL, NULL, NULL, NULL, NULL, NULL)
) AS v (settlement_date, key, words, energy_mwh, price_gbp_per_mwh, flag, small_count, big_count, share, start_time,
        london_time, names, periods, document, length)
"""


def put_day(engine: Engine, day: str, **changes: Any) -> None:
    """Store a day's summary, and its Bitcoin of one model."""
    row = {
        **dict.fromkeys((a.name for a in ADDITIVE), 0),
        "summary_date": D(day),
        "curtailed_mwh": Decimal("10.125"),
        "paid_gbp": 300,
        "refunded_gbp": 0,
        "unpriced_mwh": 0,
        "all_bids_mwh": 12,
        "all_bids_payment_gbp": 250,
        "record_count": 4,
        "bmu_count": 2,
        "so_record_count": 3,
        "periods_expected": 48,
        "periods_due": 48,
        "periods_present": 48,
        "state": "final",
        "archive_uri": "archive",
        "is_synthetic": False,
        "built_at": NOW,
    } | changes
    names, values = ", ".join(row), ", ".join(f":{name}" for name in row)
    with engine.begin() as connection:
        for table in ("bitcoin_daily_summaries", "daily_summaries"):
            connection.execute(text(f"DELETE FROM minerecon.{table} WHERE summary_date = :d"), {"d": day})
        connection.execute(text(f"INSERT INTO minerecon.daily_summaries ({names}) VALUES ({values})"), row)
        connection.execute(
            text("INSERT INTO minerecon.bitcoin_daily_summaries VALUES (:d, 'S9', CAST(:b AS numeric))"),
            {"d": day, "b": LONG},
        )


def run_sql(engine: Engine, statement: str) -> None:
    """As the owner: the views of these tests are his."""
    with engine.begin() as connection:
        connection.exec_driver_sql("RESET ROLE")
        connection.exec_driver_sql(statement)
        connection.exec_driver_sql("GRANT SELECT ON ALL TABLES IN SCHEMA analytics TO PUBLIC")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "the archive"


@pytest.fixture
def store(place: Path) -> Store:
    return open_store(str(place))


@pytest.fixture
def stored(warehouse: Engine) -> Engine:
    """A warehouse with two days of March and one view of all kinds of values."""
    put_day(warehouse, "2025-03-28")
    put_day(warehouse, "2025-03-29", state="provisional", periods_present=48)
    run_sql(warehouse, ODD_VIEW % {"long": LONG})
    return warehouse


def made(engine: Engine, store: Store, month: str = MONTH, now: dt.datetime = NOW) -> Export:
    export = export_month(engine, store, month, now)
    assert export is not None
    return export


def folder(place: Path, month: str = MONTH) -> Path:
    return place / "exports" / month


def manifest(place: Path, month: str = MONTH) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder(place, month) / "manifest.json").read_text("utf-8"))
    return found


def listed(place: Path, month: str = MONTH) -> dict[str, dict[str, Any]]:
    """The files that the manifest lists, by name."""
    return {f["name"]: f for view in manifest(place, month)["views"].values() for f in view["files"].values()}


def is_whole(place: Path) -> bool:
    """What a reader who follows the manifest looks at before he believes the files."""
    return all(
        (folder(place) / name).is_file()
        and hashlib.sha256((folder(place) / name).read_bytes()).hexdigest() == file["sha256"]
        for name, file in listed(place).items()
    )


# What the files hold.


Rows = list[tuple[Any, ...]]


def in_view(engine: Engine, view: str, month: str) -> tuple[list[str], Rows]:
    """The columns and rows of a month, asked for without the code under test."""
    with engine.connect() as connection:
        found = connection.execute(text(f"SELECT * FROM analytics.{view}"))
        names = list(found.keys())
        part = names.index("settlement_date") if "settlement_date" in names else names.index("year_month")
        rows = [tuple(row) for row in found if str(row[part])[:7] == month]
    return names, rows


def as_csv_says(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case Decimal():
            return f"{value:f}"
        case dt.date():
            return value.isoformat()
        case list() | dict():
            return json.dumps(value, ensure_ascii=False)
        case dt.timedelta():
            return "00:30:00"
    return for_a_spreadsheet(str(value)) if isinstance(value, str) else str(value)


def as_parquet_says(value: Any) -> Any:
    match value:
        case Decimal():
            return value.quantize(Decimal("1e-18"), rounding=ROUND_HALF_UP, context=Context(prec=99))
        case dict() | dt.timedelta():
            return as_csv_says(value)
    return value


def plain(value: Any) -> Any:
    """What pandas and DuckDB give, as plain Python has it."""
    if value is None or value is pd.NaT or (isinstance(value, float) and value != value):
        return None
    if isinstance(value, pd.Timestamp):
        value = value.to_pydatetime()
    if isinstance(value, dt.datetime) and value.tzinfo is not None:
        return value.astimezone(dt.UTC)
    if hasattr(value, "tolist"):
        return value.tolist()
    return value


def multiset(rows: Sequence[Sequence[Any]]) -> list[str]:
    return sorted(repr(tuple(plain(value) for value in row)) for row in rows)


def assert_files_equal_the_view(engine: Engine, place: Path, view: str, month: str) -> int:
    """Read both files with pandas and with DuckDB; the number of rows that were compared."""
    names, rows = in_view(engine, view, month)
    parquet, csv = (str(folder(place, month) / f"{view}.{kind}") for kind in ("parquet", "csv"))
    database = duckdb.connect()

    exact = multiset([[as_parquet_says(value) for value in row] for row in rows])
    frame = pd.read_parquet(parquet, dtype_backend="pyarrow")
    assert list(frame.columns) == names
    assert (
        multiset([list(row) for row in frame.astype(object).where(frame.notna(), None).itertuples(index=False)])
        == exact
    )
    asked = database.sql(f"SELECT * FROM '{parquet}'")
    assert asked.columns == names
    assert multiset(asked.fetchall()) == exact

    digits = multiset([[as_csv_says(value) for value in row] for row in rows])
    texts = pd.read_csv(csv, dtype=str, keep_default_na=False)
    assert list(texts.columns) == names, "no byte order mark in the first name"
    assert multiset([list(row) for row in texts.itertuples(index=False)]) == digits
    asked = database.sql(f"SELECT * FROM read_csv('{csv}', all_varchar = true, header = true)")
    assert asked.columns == names
    assert multiset([[value or "" for value in row] for row in asked.fetchall()]) == digits
    return len(rows)


def follow_the_documentation(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run every example of docs/analyse/exports.md where the exports are."""
    monkeypatch.chdir(place)
    page = (PROJECT_ROOT / "docs" / "analyse" / "exports.md").read_text("utf-8")
    examples = [part.partition("```")[0] for part in page.split("```python\n")[1:]]
    assert len(examples) == 3
    for example in examples:
        exec(compile(example, "docs/analyse/exports.md", "exec"), {})


def test_files_of_all_kinds_of_values_read_back_by_pandas_and_duckdb_equal_the_view(
    stored: Engine, store: Store, place: Path
) -> None:
    made(stored, store)
    assert assert_files_equal_the_view(stored, place, "odd", MONTH) == 4


@pytest.mark.slow
def test_every_view_of_ingested_days_reads_back_equal(
    project: Project, place: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day in (DAY, D("2025-03-30")):
        project.ingest(day)
    tags = {ASSET_PARTITION_RANGE_START_TAG: MONTH, ASSET_PARTITION_RANGE_END_TAG: MONTH}
    assert build_defs().resolve_job_def(ROLL_UP_MONTHS).execute_in_process(instance=project.instance, tags=tags).success
    with serve_sample_prices() as url:
        monkeypatch.setenv("BITCOIN_PRICE_BASE_URL", url)
        tags = {ASSET_PARTITION_RANGE_START_TAG: str(DAY), ASSET_PARTITION_RANGE_END_TAG: str(DAY)}
        job = build_defs().resolve_job_def(REFRESH_PRICES)
        assert job.execute_in_process(instance=project.instance, tags=tags).success
    export = made(project.engine, store)
    follow_the_documentation(place, monkeypatch)
    compared = {view: assert_files_equal_the_view(project.engine, place, view, MONTH) for view in export.row_counts}
    assert compared == export.row_counts
    assert compared["reconciliation_status"] >= 2
    assert manifest(place)["is_synthetic"] is True


def test_a_sum_over_a_parquet_file_is_the_views_to_the_last_digit_where_nothing_was_rounded(
    stored: Engine, store: Store, place: Path
) -> None:
    run_sql(
        stored,
        "CREATE VIEW analytics.fine AS SELECT DATE '2025-03-01' + n AS settlement_date, n * 0.1 + 1e-17 AS energy_mwh"
        " FROM generate_series(0, 30) AS n",
    )
    made(stored, store)
    (column,) = [c for c in manifest(place)["views"]["fine"]["columns"] if c["name"] == "energy_mwh"]
    assert column["rounded_in_parquet"] is None
    (total,) = duckdb.sql(f"SELECT sum(energy_mwh) FROM '{folder(place)}/fine.parquet'").fetchall()[0]
    with stored.connect() as connection:
        assert total == connection.execute(text("SELECT sum(energy_mwh) FROM analytics.fine")).scalar_one()
    assert total == Decimal("46.50000000000000031")


def test_the_csv_file_is_as_the_documentation_says(stored: Engine, store: Store, place: Path) -> None:
    made(stored, store)
    lines = (folder(place) / "odd.csv").read_bytes().decode("utf-8")
    assert lines.startswith("\ufeffsettlement_date,key,words,"), "Excel takes it for UTF-8"
    _, first, second, third, fourth = lines.split("\n", 4)
    assert first == (
        "2025-03-01,a,plain,1.50,,true,1,2,0.25,2025-03-01T00:30:00.000001+00:00,2025-03-01T00:30:00,"
        '"[""x"", ""y \\""z\\"", w""]","[1, 2]","{""k"": 1.5}",00:30:00'
    )
    assert second == f"2025-03-01,b,,{LONG},0.00000000000000000000,false,,,,,,,,,", "NULL is nothing, zero is digits"
    assert third.startswith('2025-03-30,c,"Ørsted ""Hornsea"", £')
    assert fourth == (
        'second line",0,-12,true,1,1,-0.5,,,"[""ø""]",,"{""k"": null}",\n'
        f'2025-03-31,B,"",-{LONG},99999999999999999999.999999999999999999,,3,4,1e+300,2025-03-30T22:30:00+00:00,,[],[],,\n'
    ), "an empty text is quoted"


def test_a_value_that_parquet_cannot_hold_is_refused_with_its_column(stored: Engine, store: Store, place: Path) -> None:
    run_sql(stored, "CREATE VIEW analytics.huge AS SELECT DATE '2025-03-01' AS settlement_date, 1e20 AS energy_mwh")
    with pytest.raises(ExportError, match="energy_mwh: 100000000000000000000 does not fit"):
        export_month(stored, store, MONTH, NOW)
    assert not folder(place).exists(), "nothing was written"
    run_sql(stored, "CREATE OR REPLACE VIEW analytics.huge AS SELECT DATE '2025-03-01' AS settlement_date,"
                    " 'NaN'::numeric AS energy_mwh")  # fmt: skip
    with pytest.raises(ExportError, match="energy_mwh: NaN"):
        export_month(stored, store, MONTH, NOW)


def test_rows_are_written_in_chunks(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    columns = [Column("n", "integer", None, None)]
    chunks = iter([[(1,), (2,)], [(3,)]])
    written = write_files(chunks, columns, tmp_path / "n.parquet", tmp_path / "n.csv", {})
    assert written.rows == 3
    assert pq.ParquetFile(tmp_path / "n.parquet").num_row_groups == 2
    assert (tmp_path / "n.csv").read_text("utf-8-sig") == "n\n1\n2\n3\n"


# Which views, and what the manifest says.


def test_the_views_are_those_in_the_database_that_have_days_or_months(
    stored: Engine, store: Store, place: Path
) -> None:
    run_sql(
        stored, "CREATE VIEW analytics.by_month AS SELECT '2025-03' AS year_month, 1 AS n UNION SELECT '2025-02', 2"
    )
    run_sql(stored, "CREATE VIEW analytics.no_time AS SELECT 1 AS n")
    run_sql(stored, "CREATE VIEW analytics.other_type AS SELECT 'x' AS settlement_date")
    with stored.connect() as connection:
        views = {view.name: view.partition_column for view in exported_views(connection)}
    assert {"odd": "settlement_date", "by_month": "year_month", "reconciliation_status": "settlement_date"}.items() <= (
        views.items()
    )
    assert not {"no_time", "other_type"} & views.keys()
    made(stored, store)
    assert {path.stem for path in folder(place).iterdir()} == {*views, "manifest"}
    assert (folder(place) / "by_month.csv").read_text("utf-8-sig") == "year_month,n\n2025-03,1\n"


def test_the_manifest_lists_every_file_with_rows_columns_size_and_hash(
    stored: Engine, store: Store, place: Path
) -> None:
    run_sql(
        stored,
        "COMMENT ON VIEW analytics.odd IS 'Odd values.'; COMMENT ON COLUMN analytics.odd.energy_mwh IS 'Energy.'",
    )
    made(stored, store)
    says = manifest(place)
    assert (says["format"], says["month"], says["generated_at"]) == ("minerecon-export/1", MONTH, NOW.isoformat())
    assert says["source"].startswith("Contains BMRS data © Elexon Limited")
    assert says["is_synthetic"] is False
    assert set(says["version"]) == {"code", "warehouse_revision", "formula_version"}
    assert all(says["version"].values())
    assert set(listed(place)) == {path.name for path in folder(place).iterdir()} - {"manifest.json"}
    assert is_whole(place)
    assert all((folder(place) / name).stat().st_size == file["bytes"] for name, file in listed(place).items())
    odd = says["views"]["odd"]
    assert (odd["comment"], odd["rows"]) == ("Odd values.", 4)
    columns = {column["name"]: column for column in odd["columns"]}
    assert columns["energy_mwh"] == {
        "name": "energy_mwh",
        "type": "numeric",
        "parquet_type": "decimal128(38, 18)",
        "unit": "MWh",
        "comment": "Energy.",
        "rounded_in_parquet": 2,
        "marked_in_csv": None,
    }
    assert columns["price_gbp_per_mwh"]["unit"] == "GBP/MWh"
    assert columns["price_gbp_per_mwh"]["rounded_in_parquet"] is None
    assert (columns["document"]["type"], columns["document"]["parquet_type"]) == ("jsonb", "string")


def test_dictionary_parquet_and_manifest_say_the_same_unit_of_every_column(
    stored: Engine, store: Store, place: Path
) -> None:
    with stored.connect() as connection:
        dictionary = {e.name: {c.name: c.unit for c in e.columns} for e in read_dictionary(connection)}
    made(stored, store)
    compared = 0
    for name, view in manifest(place)["views"].items():
        if name == "odd":
            continue
        says = {column["name"]: column["unit"] for column in view["columns"]}
        assert says == dictionary[f"analytics.{name}"], name
        schema = pq.read_schema(folder(place) / f"{name}.parquet")
        written = {field.name: (field.metadata or {}).get(b"unit", b"").decode() or None for field in schema}
        assert written == says, name
        numbers = [column for column in view["columns"] if has_number(column["type"])]
        assert [column["name"] for column in numbers if column["unit"] is None] == [], name
        compared += len(numbers)
    assert compared > 150
    by_day = {field.name: field.metadata[b"unit"] for field in pq.read_schema(
        folder(place) / "mining_potential_by_day.parquet") if b"unit" in (field.metadata or {})}  # fmt: skip
    assert by_day["btc_per_mwh"] == b"BTC/MWh"
    assert by_day["price_gbp"] == by_day["break_even_price_gbp"] == b"GBP/BTC"
    assert by_day["coverage"] == b"0 to 1"


def test_the_manifest_says_how_complete_the_month_is(stored: Engine, store: Store, place: Path) -> None:
    made(stored, store, now=dt.datetime(2025, 3, 30, 22, 30, tzinfo=dt.UTC))
    state = manifest(place)["state"]
    assert (state["days_expected"], state["days_present"], state["days_final"]) == (31, 2, 1)
    assert (state["is_complete"], state["is_provisional"]) == (False, True)
    assert sum(state["statuses"].values()) == 31
    assert (state["statuses"]["missing"], state["statuses"]["to come"]) == (28, 1)
    made(stored, store, now=dt.datetime(2025, 3, 30, 23, 30, tzinfo=dt.UTC))
    statuses = manifest(place)["state"]["statuses"]
    assert (statuses["missing"], "to come" in statuses) == (29, False), "in London it is the 31st"
    for day in range(1, 32):
        put_day(stored, f"2025-03-{day:02}")
    made(stored, store)
    state = manifest(place)["state"]
    assert (state["days_final"], state["is_complete"], state["is_provisional"]) == (31, True, False)
    run_sql(
        stored,
        "INSERT INTO minerecon.ingestion_progress (settlement_date, settlement_period, stack_side, status, row_count,"
        " fetched_at, is_synthetic) VALUES ('2025-03-05', 7, 'bid', 'empty', 0, now(), false)",
    )
    made(stored, store)
    state = manifest(place)["state"]
    assert (state["days_final"], state["is_complete"], state["is_provisional"]) == (30, False, True)
    assert state["statuses"]["incomplete"] == 1, "a period that is not known to be empty"


@pytest.mark.slow
def test_a_month_of_which_nothing_was_ever_stored_is_not_exported_and_one_that_lost_its_days_says_so(
    stored: Engine, store: Store, place: Path
) -> None:
    assert export_month(stored, store, "2025-02", NOW) is None
    assert not folder(place, "2025-02").exists()
    made(stored, store)
    run_sql(stored, "DELETE FROM minerecon.bitcoin_daily_summaries; DELETE FROM minerecon.daily_summaries")
    made(stored, store)
    assert manifest(place)["state"]["days_present"] == 0


# Written once, whole, the manifest last.


def contents(place: Path) -> dict[str, tuple[int, bytes]]:
    """Inode and bytes of every file: a file that was written again has another inode."""
    return {p.name: (p.stat().st_ino, p.read_bytes()) for p in folder(place).iterdir()}


@pytest.mark.slow
def test_what_has_not_changed_is_not_written_again(stored: Engine, store: Store, place: Path) -> None:
    first = made(stored, store)
    assert set(first.written) == set(listed(place))
    before = contents(place)
    again = made(stored, store, now=NOW + dt.timedelta(days=1))
    assert (again.written, again.manifest_written, contents(place)) == ([], False, before)
    assert again.manifest == first.manifest

    run_sql(stored, "CREATE OR REPLACE VIEW analytics.odd AS " + (ODD_VIEW % {"long": "7.5"}).split(" AS\n", 1)[1])
    later = made(stored, store, now=NOW + dt.timedelta(days=2))
    assert set(later.written) == {"odd.parquet", "odd.csv"}
    changed = {name for name, was in contents(place).items() if was != before[name]}
    assert changed == {"odd.parquet", "odd.csv", "manifest.json"}
    assert manifest(place)["generated_at"] == (NOW + dt.timedelta(days=2)).isoformat()


@pytest.mark.slow
def test_a_file_that_was_changed_or_lost_is_written_again(stored: Engine, store: Store, place: Path) -> None:
    made(stored, store)
    before = contents(place)
    (folder(place) / "odd.csv").write_text("1,2,3")
    (folder(place) / "odd.parquet").unlink()
    assert set(made(stored, store).written) == {"odd.parquet", "odd.csv"}
    (folder(place) / "manifest.json").write_text("{half of i")
    assert made(stored, store).manifest_written
    assert {name: body for name, (_, body) in contents(place).items()} == {
        name: body for name, (_, body) in before.items()
    }


@pytest.mark.slow
def test_files_of_a_view_that_is_gone_go_after_the_manifest_and_others_stay(
    stored: Engine, store: Store, place: Path
) -> None:
    made(stored, store)
    (folder(place) / "my.csv").write_text("mine")
    run_sql(stored, "DROP VIEW analytics.odd")
    assert set(made(stored, store).removed) == {"odd.parquet", "odd.csv"}
    assert "odd" not in manifest(place)["views"]
    assert {path.name for path in folder(place).iterdir()} == {*listed(place), "manifest.json", "my.csv"}


class KilledError(BaseException):
    """The end of a process; nothing catches it."""


@pytest.mark.slow
@pytest.mark.parametrize("left", [1, 2], ids=["after the first file", "before any"])
def test_what_a_killed_export_did_not_remove_is_removed_by_the_next_and_nothing_of_others(
    stored: Engine, store: Store, place: Path, monkeypatch: pytest.MonkeyPatch, left: int
) -> None:
    made(stored, store)
    (folder(place) / "my.csv").write_text("mine")
    run_sql(stored, "DROP VIEW analytics.odd")
    delete, deleted = store.delete, []

    def killed(name: str) -> None:
        if len(deleted) == 2 - left:
            raise KilledError
        deleted.append(name)
        delete(name)

    monkeypatch.setattr(store, "delete", killed)
    with pytest.raises(KilledError):
        made(stored, store)
    monkeypatch.setattr(store, "delete", delete)
    assert len(list(folder(place).glob("odd.*"))) == left
    assert is_whole(place), "whoever follows the manifest misses nothing"
    after = made(stored, store)
    assert len(after.removed) == left
    assert {path.name for path in folder(place).iterdir()} == {*listed(place), "manifest.json", "my.csv"}
    assert "removing" not in manifest(place)
    assert not made(stored, store).manifest_written


class Watched:
    """A store that notes what is done, and may fail at some write."""

    def __init__(self, store: Store, fail_at: int | None = None) -> None:
        self.root = store.root
        self.done: list[tuple[str, str]] = []
        self._store = store
        self._fail_at = fail_at

    def names(self, folder: str) -> list[str]:
        return self._store.names(folder)

    def read(self, name: str) -> bytes:
        return self._store.read(name)

    def create(self, name: str, body: bytes) -> None:
        self._store.create(name, body)

    def replace(self, name: str, body: bytes) -> None:
        if len(self.done) == self._fail_at:
            raise ArchiveError("no space left")
        self.done.append(("write", name.rpartition("/")[2]))
        self._store.replace(name, body)

    def delete(self, name: str) -> None:
        self.done.append(("delete", name.rpartition("/")[2]))
        self._store.delete(name)


@pytest.mark.slow
def test_the_manifest_is_written_after_all_files_and_before_anything_is_removed(
    stored: Engine, store: Store, place: Path
) -> None:
    watched = Watched(store)
    made(stored, watched)
    assert watched.done[-1] == ("write", "manifest.json")
    assert len(watched.done) == len(listed(place)) + 1
    run_sql(stored, "CREATE VIEW analytics.odder AS SELECT * FROM analytics.odd WHERE flag; ")
    made(stored, store)
    run_sql(
        stored, "DROP VIEW analytics.odder; CREATE VIEW analytics.even AS SELECT * FROM analytics.odd WHERE NOT flag"
    )
    watched = Watched(store)
    made(stored, watched)
    assert [what for what, _ in watched.done] == ["write"] * 3 + ["delete"] * 2 + ["write"]
    assert watched.done[2] == watched.done[-1] == ("write", "manifest.json")
    assert "removing" not in manifest(place)


@pytest.mark.slow
def test_a_failure_half_way_is_seen_by_whoever_follows_the_manifest_and_mended_by_the_next_export(
    stored: Engine, store: Store, place: Path
) -> None:
    made(stored, store)
    before = manifest(place)
    put_day(stored, "2025-03-30")
    with pytest.raises(ArchiveError, match="no space left"):
        export_month(stored, Watched(store, fail_at=1), MONTH, NOW)
    assert manifest(place) == before
    assert not is_whole(place), "one file is new and the manifest is not"
    made(stored, store)
    assert is_whole(place)


@pytest.mark.slow
def test_a_failure_while_files_are_made_leaves_everything_as_it_was(stored: Engine, store: Store, place: Path) -> None:
    made(stored, store)
    before = contents(place)
    put_day(stored, "2025-03-30")
    run_sql(stored, "CREATE VIEW analytics.zz AS SELECT DATE '2025-03-01' AS settlement_date, 1e20 AS n_mwh")
    with pytest.raises(ExportError):
        export_month(stored, store, MONTH, NOW)
    assert contents(place) == before
    assert is_whole(place)


def test_all_files_are_of_one_snapshot(
    stored: Engine, store: Store, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_sql(stored, "CREATE VIEW analytics.aa AS SELECT summary_date AS settlement_date FROM minerecon.daily_summaries")
    run_sql(stored, "CREATE VIEW analytics.zz AS SELECT summary_date AS settlement_date FROM minerecon.daily_summaries")
    original, views = exports._make, []

    def slow(connection: Any, view: exports.View, *rest: Any) -> dict[str, Any]:
        views.append(view.name)
        if len(views) == 2:
            put_day(stored, "2025-03-30")
        return original(connection, view, *rest)

    monkeypatch.setattr(exports, "_make", slow)
    export = made(stored, store)
    assert views[0] == "aa"
    assert export.row_counts["aa"] == export.row_counts["zz"] == export.manifest["state"]["days_present"] == 2


def test_two_exports_of_a_month_wait_for_each_other(stored: Engine, store: Store) -> None:
    done: list[Export] = []
    waiting = threading.Thread(target=lambda: done.append(made(stored, store)))
    with alone(stored, exports._LOCK, 2025 * 12 + 3):
        waiting.start()
        until = time.monotonic() + 20
        query = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        with stored.connect() as connection:
            while not connection.execute(text(query)).scalar_one():
                assert time.monotonic() < until, "it did not wait"
                time.sleep(0.01)
                connection.rollback()
        put_day(stored, "2025-03-30")
    waiting.join()
    assert done[0].manifest["state"]["days_present"] == 3, "it sees what came while it waited"


@pytest.mark.slow
def test_an_export_of_the_sample_never_covers_a_real_one_and_a_real_one_covers_the_samples(
    stored: Engine, store: Store, place: Path
) -> None:
    made(stored, store)
    before = contents(place)
    put_day(stored, "2025-03-28", is_synthetic=True)
    with pytest.raises(ArchiveError, match="synthetic ones never cover them"):
        export_month(stored, store, MONTH, NOW)
    assert contents(place) == before
    (folder(place) / "manifest.json").write_text("{")
    with pytest.raises(ArchiveError, match="without a manifest that says of which days, and synthetic ones never"):
        export_month(stored, store, MONTH, NOW)
    (folder(place) / "manifest.json").unlink()
    with pytest.raises(ArchiveError, match=f"if it is the sample's own, delete exports/{MONTH}"):
        export_month(stored, store, MONTH, NOW)
    assert {name: body for name, body in before.items() if "manifest" not in name} == contents(place)
    elsewhere = open_store(f"{place} of the sample")
    assert made(stored, elsewhere).manifest["is_synthetic"] is True
    put_day(stored, "2025-03-28")
    assert made(stored, elsewhere).manifest["is_synthetic"] is False


def test_a_warehouse_that_is_not_migrated_is_refused(fresh_database: str, store: Store, place: Path) -> None:
    with pytest.raises(ConfigurationError, match="minerecon db upgrade"):
        export_month(open_warehouse(fresh_database), store, MONTH, NOW)
    assert not place.exists()


def test_what_is_exported_is_no_part_of_the_archive(stored: Engine, store: Store, place: Path) -> None:
    made(stored, store)
    archive = Archive.from_url(str(place))
    assert (archive.days(), archive.newest(DAY), archive.newest_register()) == ([], None, None)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A bucket behind S3's wire protocol, and boto3's client of it."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    url = "http://{}:{}".format(*server.get_host_and_port())
    client = boto3.session.Session("test", "test", region_name="eu-west-2").client("s3", endpoint_url=url)
    client.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})
    for name, value in {
        "AWS_ENDPOINT_URL_S3": url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "eu-west-2",
    }.items():
        monkeypatch.setenv(name, value)
    yield client
    server.stop()


@pytest.mark.slow
def test_a_bucket_holds_the_same_files(stored: Engine, store: Store, place: Path, bucket: Any) -> None:
    made(stored, store)
    in_bucket = open_store("s3://bucket/some/prefix")
    export = made(stored, in_bucket)
    assert export.manifest_uri == f"s3://bucket/some/prefix/exports/{MONTH}/manifest.json"
    keys = [found["Key"] for found in bucket.list_objects_v2(Bucket="bucket")["Contents"]]
    found = {key: bucket.get_object(Bucket="bucket", Key=key)["Body"].read() for key in keys}
    assert found == {f"some/prefix/exports/{MONTH}/{name}": body for name, (_, body) in contents(place).items()}
    assert made(stored, in_bucket).written == []


# Through Dagster.


@pytest.fixture
def instance(stored: Engine, place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setenv("DATABASE_URL", stored.url.render_as_string(hide_password=False))
    monkeypatch.setenv("MINERECON_ARCHIVE_URL", str(place))
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


def run(instance: dg.DagsterInstance, first: str, last: str) -> dg.ExecuteInProcessResult:
    job = definitions(NOW.isoformat()).resolve_job_def(EXPORT_MONTHS)
    tags = {ASSET_PARTITION_RANGE_START_TAG: first, ASSET_PARTITION_RANGE_END_TAG: last}
    return job.execute_in_process(instance=instance, tags=tags, raise_on_error=False)


def sweep(instance: dg.DagsterInstance) -> set[str | None]:
    """The months that the sweep says it has written."""
    job = definitions(NOW.isoformat()).resolve_job_def(EXPORT_SWEEP)
    ran = job.execute_in_process(instance=instance)
    assert {event.asset_key for event in ran.get_asset_materialization_events()} <= {EXPORTS}
    return {event.partition for event in ran.get_asset_materialization_events()}


@pytest.mark.slow
def test_a_range_of_months_is_one_run_that_says_what_each_holds(
    stored: Engine, instance: dg.DagsterInstance, place: Path
) -> None:
    put_day(stored, "2025-01-31", is_synthetic=True)
    ran = run(instance, "2025-01", "2025-03")
    assert ran.success
    assert len(ran.get_step_success_events()) == 1
    assert instance.get_materialized_partitions(EXPORTS) == {"2025-01", "2025-03"}
    told = {e.partition: e.materialization.metadata for e in ran.get_asset_materialization_events()}
    march = {name: value.value for name, value in told["2025-03"].items()}
    assert march["manifest"] == str(folder(place) / "manifest.json")
    assert (march["is_complete"], march["days"]) == (False, "2 of 31, 1 final")
    assert march["statuses"] == manifest(place)["state"]["statuses"]
    assert march["rows"]["odd"] == 4
    assert march["bytes"] == sum(file["bytes"] for file in listed(place).values())
    assert march["files_written"] == str(len(listed(place)))
    assert "synthetic" not in march
    assert told["2025-01"]["synthetic"].value is True


@pytest.mark.slow
def test_a_month_that_cannot_be_exported_is_named_and_the_others_are_done(
    stored: Engine, instance: dg.DagsterInstance
) -> None:
    put_day(stored, "2025-01-31")
    put_day(stored, "2025-02-28")
    run_sql(stored, "CREATE VIEW analytics.huge AS SELECT DATE '2025-02-01' AS settlement_date, 1e20 AS n_mwh")
    ran = run(instance, "2025-01", "2025-03")
    assert not ran.success
    (failure,) = ran.get_step_failure_events()
    assert failure.step_failure_data.user_failure_data is not None
    assert "2025-02: n_mwh" in str(failure.step_failure_data.user_failure_data.description)
    assert instance.get_materialized_partitions(EXPORTS) == {"2025-01", "2025-03"}


@pytest.mark.slow
def test_a_month_whose_place_is_taken_does_not_stop_the_others(
    stored: Engine, instance: dg.DagsterInstance, place: Path
) -> None:
    put_day(stored, "2025-01-31")
    put_day(stored, "2025-02-28")
    folder(place, "2025-02").parent.mkdir(parents=True)
    folder(place, "2025-02").write_text("a file where the folder should be")
    ran = run(instance, "2025-01", "2025-03")
    assert not ran.success
    (failure,) = ran.get_step_failure_events()
    assert failure.step_failure_data.user_failure_data is not None
    assert "1 of 3 months not done: 2025-02: " in str(failure.step_failure_data.user_failure_data.description)
    assert instance.get_materialized_partitions(EXPORTS) == {"2025-01", "2025-03"}


@pytest.mark.slow
def test_the_sweep_writes_every_month_that_is_not_what_the_views_say_and_no_other(
    stored: Engine, instance: dg.DagsterInstance
) -> None:
    put_day(stored, "2025-01-31")
    assert sweep(instance) == {"2025-01", "2025-03"}
    assert sweep(instance) == set()
    put_day(stored, "2025-01-31", curtailed_mwh=Decimal(11))
    assert sweep(instance) == {"2025-01"}
    assert instance.get_materialized_partitions(EXPORTS) == {"2025-01", "2025-03"}


@pytest.mark.slow
def test_the_sweep_follows_an_exported_month_of_which_no_day_is_stored_or_closed_any_more(
    stored: Engine, instance: dg.DagsterInstance, place: Path
) -> None:
    put_day(stored, "2025-01-31")
    (place / "exports" / "2025-13").mkdir(parents=True)
    (place / "exports" / "2025-13" / "manifest.json").write_text("of no month")
    assert sweep(instance) == {"2025-01", MONTH}
    run_sql(
        stored,
        "DELETE FROM minerecon.bitcoin_daily_summaries WHERE summary_date > '2025-02-01';"
        "DELETE FROM minerecon.daily_summaries WHERE summary_date > '2025-02-01'",
    )
    assert sweep(instance) == {MONTH}
    state = manifest(place)["state"]
    assert (state["days_present"], state["statuses"]) == (0, {"missing": 31})
    assert manifest(place)["is_synthetic"] is False
    assert sweep(instance) == set()


@pytest.mark.slow
def test_the_sweep_of_a_sample_makes_no_export_of_real_days_empty(
    stored: Engine, instance: dg.DagsterInstance, place: Path
) -> None:
    assert sweep(instance) == {MONTH}
    before = contents(place)
    run_sql(stored, "DELETE FROM minerecon.bitcoin_daily_summaries; DELETE FROM minerecon.daily_summaries")
    put_day(stored, "2025-01-31", is_synthetic=True)
    ran = definitions(NOW.isoformat()).resolve_job_def(EXPORT_SWEEP).execute_in_process(
        instance=instance, raise_on_error=False
    )  # fmt: skip
    assert "1 of 2 months not done: 2025-03: " in not_done(ran)
    assert "synthetic ones never cover them" in not_done(ran)
    assert contents(place) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("ARRAY[[1, 2], [3, 4]]::integer[]", "2025-01: value (integer[]): "),
        ("DATE '20000-01-01'", "2025-01: "),
    ],
    ids=["an array of arrays", "a year that Python has not"],
)
def test_a_value_of_one_month_that_no_file_can_hold_does_not_keep_the_others_from_the_sweep(
    stored: Engine, instance: dg.DagsterInstance, value: str, says: str
) -> None:
    put_day(stored, "2025-01-31")
    run_sql(stored, f"CREATE VIEW analytics.bad AS SELECT DATE '2025-01-31' AS settlement_date, {value} AS value")
    ran = definitions(NOW.isoformat()).resolve_job_def(EXPORT_SWEEP).execute_in_process(
        instance=instance, raise_on_error=False
    )  # fmt: skip
    assert not ran.success
    assert f"1 of 2 months not done: {says}" in not_done(ran)
    assert instance.get_materialized_partitions(EXPORTS) == {MONTH}


def requested(chain: dict[str, Any], defs: dg.Definitions, instance: dg.DagsterInstance) -> set[str]:
    """The months whose export is requested by a tick."""
    found = dg.evaluate_automation_conditions(defs, instance, cursor=chain.get("cursor"), evaluation_time=NOW)
    chain["cursor"] = found.cursor
    return {str(key) for key in found.get_requested_partitions(EXPORTS)}


@pytest.mark.first_quick
@pytest.mark.parametrize("changed", [asset_keys.MONTHLY, asset_keys.BITCOIN_MONTHLY, PRICE])
def test_a_month_that_is_over_is_exported_when_its_sums_or_prices_change_and_the_one_in_progress_is_not(
    instance: dg.DagsterInstance, changed: dg.AssetKey
) -> None:
    defs, chain = build_defs(), {}
    assert requested(chain, defs, instance) == set()
    for month in ("2024-05", MONTH, "2025-04"):
        key = f"{month}-01" if changed == PRICE else month
        instance.report_runless_asset_event(dg.AssetMaterialization(changed, partition=key))
    assert requested(chain, defs, instance) == {"2024-05", MONTH}, "it is April"
    assert requested(chain, defs, instance) == set()


def test_the_daemon_can_evaluate_the_condition_by_itself() -> None:
    """A condition of one's own needs a sensor that says so: without it the daemon looks at nothing, and is silent."""
    condition = build_defs().resolve_asset_graph().get(EXPORTS).automation_condition
    assert condition is not None
    assert condition.is_serializable


def test_schedule_and_sensor_are_on() -> None:
    defs = build_defs()
    repository = defs.get_repository_def()
    schedule = repository.get_schedule_def("export_sweep")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("45 4 * * *", "Europe/London")
    assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING
    sensor = repository.get_sensor_def("exports_follow_months")
    assert sensor.default_status == dg.DefaultSensorStatus.RUNNING


@pytest.mark.slow
def test_the_definitions_load_neither_pyarrow_nor_a_client() -> None:
    code = "import minerecon_dagster.definitions, sys; print({'pyarrow', 'requests', 'boto3'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_the_store_of_exports_is_the_archives_place(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINERECON_ARCHIVE_URL", str(place))
    assert ArchiveResource().store().root == str(place)


def test_a_name_is_no_formula_in_the_csv_file_and_the_manifest_counts_what_was_marked(tmp_path: Path) -> None:
    columns = [Column("name", "text", None, None), Column("n", "numeric", None, "number")]
    rows = [['=HYPERLINK("x")', Decimal("-1.50")], ["-5", Decimal("-2")], ["T_A-1", Decimal("0")], [None, None]]
    written = write_files([rows], columns, tmp_path / "n.parquet", tmp_path / "n.csv", {})
    lines = (tmp_path / "n.csv").read_text("utf-8-sig").splitlines()
    assert lines == ["name,n", '"\'=HYPERLINK(""x"")",-1.50', "-5,-2", "T_A-1,0", ","]
    assert written.marked == {"name": 1}
    kept = duckdb.sql(f"SELECT name FROM '{tmp_path / 'n.parquet'}'").fetchall()
    assert kept[0] == ('=HYPERLINK("x")',), "the Parquet file has the text as it came"
