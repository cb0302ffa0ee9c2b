"""The resources: what the views say, exactly, with the state of each day, in every format."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import zipfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from urllib.parse import quote

import duckdb
import pyarrow.parquet as pq
import pytest
from sqlalchemy import Engine, text

from minerecon_dagster.warehouse import migrate
from minerecon_dagster.web.resources import RESOURCES
from minerecon_dagster_tests.analytics.by_hand import store_day, store_record
from minerecon_dagster_tests.forty_days import FAILING, INCOMPLETE, MISSING, PROVISIONAL, QUIET, SHORT
from minerecon_dagster_tests.web.conftest import Api, Got, url_of

MARCH = "from=2025-03-01&to=2025-03-31"


def of_csv(got: Got) -> list[dict[str, str]]:
    assert got.status == 200, got.body
    return list(csv.DictReader(io.StringIO(got.body.decode("utf-8-sig"))))


def asked(engine: Engine, sql: str) -> list[dict[str, object]]:
    with engine.connect() as connection:
        return [dict(row._mapping) for row in connection.execute(text(sql))]


def example(path: str, engine: Engine) -> str:
    """The path with names that there are."""
    ((farm, unit),) = (
        tuple(r.values()) for r in asked(engine, "SELECT farm_name, bmu_id FROM analytics.wind_farms LIMIT 1")
    )
    path = path.replace("{farm}", quote(str(farm))).replace("{unit}", str(unit))
    return f"{path}?farm={quote(str(farm))}&model=S9&machines=10,200" if path == "sizing" else path


@pytest.mark.parametrize("path", [r.path for r in RESOURCES])
def test_every_resource_answers_in_every_format_and_head_equals_get(api: Api, stored: Engine, path: str) -> None:
    path, _, query = example(path, stored).partition("?")
    rows = api(f"{path}?{query}" if query else path).data
    assert len(of_csv(head_equals_get(api, f"{path}.csv?{query}"))) == len(rows)
    names = zipfile.ZipFile(io.BytesIO(head_equals_get(api, f"{path}.zip?{query}").body)).namelist()
    assert [name.rpartition(".")[2] for name in names] == ["csv", "json"]


@pytest.mark.parametrize(
    "path", [r.path if r.path == "days" else pytest.param(r.path, marks=pytest.mark.slow) for r in RESOURCES]
)
def test_every_resource_answers_in_parquet_and_head_equals_get(api: Api, stored: Engine, path: str) -> None:
    path, _, query = example(path, stored).partition("?")
    rows = api(f"{path}?{query}" if query else path).data
    got = head_equals_get(api, f"{path}.parquet?{query}")
    assert pq.read_table(io.BytesIO(got.body)).num_rows == len(rows)


def head_equals_get(api: Api, asked: str) -> Got:
    """What an address answers."""
    address = f"/api/v1/{asked.removesuffix('?')}"
    got, head = api.get(address), api.get(address, "HEAD")
    assert got.status == 200, got.body
    assert (head.status, head.body) == (200, b"")
    assert head.headers["etag"] == got.headers["etag"]
    assert head.headers["content-length"] == str(len(got.body))
    return got


def test_days_are_the_views_digit_for_digit_and_a_missing_one_is_nulls(api: Api, stored: Engine) -> None:
    rows = {row["settlement_date"]: row for row in api(f"days?{MARCH}").data}
    assert len(rows) == 31
    for view in asked(stored, "SELECT * FROM analytics.curtailment_by_day WHERE year_month = '2025-03'"):
        row = rows[str(view["settlement_date"])]
        for name, value in row.items():
            exact = format(view[name], "f") if isinstance(view[name], Decimal) else view[name]
            assert value == (str(exact) if name == "settlement_date" else exact), name
    missing = rows[str(MISSING)]
    assert Decimal(missing["coverage"]) == 0
    assert (missing["status"], missing["periods_expected"], missing["is_final"]) == ("missing", 48, False)
    assert [missing[name] for name in ("curtailed_mwh", "payment_gbp", "so_record_count")] == [None] * 3
    assert rows[str(QUIET)]["curtailed_mwh"] == "0"


def test_states_are_the_same_words_in_json_csv_and_parquet(api: Api) -> None:
    states = {
        str(QUIET): "complete", str(MISSING): "missing", str(INCOMPLETE): "incomplete", str(FAILING): "failing",
        str(PROVISIONAL): "provisional", str(SHORT): "complete",
    }  # fmt: skip
    in_json = {row["settlement_date"]: row["status"] for row in api(f"days?{MARCH}").data}
    in_csv = {row["settlement_date"]: row["status"] for row in of_csv(api(f"days.csv?{MARCH}"))}
    table = pq.read_table(io.BytesIO(api(f"days.parquet?{MARCH}").body)).to_pylist()
    in_parquet = {str(row["settlement_date"]): row["status"] for row in table}
    assert in_json == in_csv == in_parquet
    assert {day: in_json[day] for day in states} == states


def test_a_day_beyond_the_calendar_is_missing_and_one_that_has_not_begun_is_none(api: Api) -> None:
    rows = api("days?from=2020-12-30&to=2021-01-02").data
    assert [(row["settlement_date"], row["status"], row["curtailed_mwh"]) for row in rows] == [
        (f"20{day}", "missing", None) for day in ("20-12-30", "20-12-31", "21-01-01", "21-01-02")
    ]
    assert api("days?from=2099-01-01&to=2099-01-02").data == []
    month = api("months?from=2019-02&to=2019-02").data[0]
    assert (month["year_month"], month["days_expected"], month["days_present"], month["status"]) == (
        "2019-02", 28, 0, "missing",
    )  # fmt: skip


@pytest.mark.parametrize(("day", "count"), [(str(SHORT), 46), ("2024-10-27", 50), (str(MISSING), 48)])
def test_a_day_has_the_half_hours_of_the_calendar_stored_or_not(api: Api, day: str, count: int) -> None:
    rows = api(f"half-hours?from={day}&to={day}").data
    assert [row["settlement_period"] for row in rows] == list(range(1, count + 1))
    assert all(row["start_time"].endswith("Z") for row in rows)
    assert rows[0]["london_time"] == f"{day}T00:00:00"


def test_meta_says_how_much_of_the_range_there_is(api: Api) -> None:
    meta = api(f"days?{MARCH}").meta
    assert (meta["days_expected"], meta["days_present"], meta["days_final"]) == (31, 30, 28)
    assert meta["statuses"] == {"complete": 27, "failing": 1, "incomplete": 1, "missing": 1, "provisional": 1}
    assert meta["is_provisional"] is True
    assert meta["is_synthetic"] is True
    assert meta["from"] == "2025-03-01"
    assert meta["basis"] == "so"
    newest = max((Path(migrate.__file__).parent / "migrations" / "versions").glob("[0-9]*.py"))
    assert meta["version"]["warehouse_revision"] == newest.name.partition("_")[0]
    final = api("days?from=2025-04-01&to=2025-04-05")
    assert final.meta["is_provisional"] is False
    assert final.headers["minerecon-state"] == "final"
    assert api("days?from=2025-03-01&to=2025-03-31").meta["statuses"]["missing"] == 1
    assert api("calendar?from=2025-02-27&to=2025-03-01").meta["statuses"] == {"complete": 1, "missing": 2}


def test_numbers_are_the_same_digits_in_every_format(api: Api, stored: Engine) -> None:
    """Of 1 to 30 decimals: no float lies between the database and the answer."""
    fields = "fields=settlement_date,miner_model,mined_btc,btc_per_mwh,break_even_price_gbp,difficulty"
    strings = api(f"mining/days?{MARCH}&{fields}").data
    raw = api(f"mining/days?{MARCH}&{fields}&numbers=json").body
    numbers = json.loads(raw, parse_float=str, parse_int=str)["data"]
    table = of_csv(api(f"mining/days.csv?{MARCH}&{fields}"))
    assert len(strings) == len(numbers) == len(table) == 93
    assert strings == numbers
    for row, line in zip(strings, table, strict=True):
        assert {k: v or "" for k, v in row.items()} == line
    assert not any("E" in value for row in table for k, value in row.items() if k not in ("miner_model",))
    parquet = api(f"mining/days.parquet?{MARCH}&{fields}")
    for row, line in zip(strings, pq.read_table(io.BytesIO(parquet.body)).to_pylist(), strict=True):
        for name in ("mined_btc", "difficulty"):
            assert (line[name] is None) == (row[name] is None)
            assert row[name] is None or abs(line[name] - Decimal(row[name])) <= Decimal("5e-19")
    assert "mined_btc=" in parquet.headers["minerecon-rounded"]


@pytest.mark.first_quick
@pytest.mark.parametrize("places", [1, 9, 18, 19, 30])
def test_a_decimal_of_any_length_arrives_as_it_is_stored(api: Api, stored: Engine, places: int) -> None:
    value = "0." + "0" * (places - 1) + "7"
    with stored.begin() as connection:
        before = connection.execute(
            text("SELECT power_w FROM minerecon.miner_models WHERE miner_model = 'S9'")
        ).scalar()
        connection.execute(
            text("UPDATE minerecon.miner_models SET power_w = CAST(:v AS numeric) WHERE miner_model = 'S9'"),
            {"v": value},
        )
    try:
        query = f"model=S9&fields=power_w&limit={places}"  # another limit: another address, so not from memory
        assert api(f"models?{query}").data == [{"power_w": value}]
        assert f'"power_w":{value}}}' in api(f"models?{query}&numbers=json").body.decode()
        assert of_csv(api(f"models.csv?{query}")) == [{"power_w": value}]
        parquet = api(f"models.parquet?{query}")
        kept = places <= 18
        assert (pq.read_table(io.BytesIO(parquet.body)).to_pylist()[0]["power_w"] == Decimal(value)) is kept
        assert parquet.headers["minerecon-rounded"] == ("none" if kept else "power_w=1")
    finally:
        with stored.begin() as connection:
            connection.execute(
                text("UPDATE minerecon.miner_models SET power_w = :v WHERE miner_model = 'S9'"), {"v": before}
            )


def test_a_basis_has_its_own_columns_and_the_other_ones_are_had_by_name(api: Api) -> None:
    so, every = api(f"days?{MARCH}").data[0], api(f"days?{MARCH}&basis=all").data[0]
    assert {"curtailed_mwh", "payment_gbp", "curtailed_share"} <= so.keys()
    assert not [name for name in so if name.startswith("all_bids_")]
    assert {"all_bids_mwh", "all_bids_payment_gbp", "record_count"} <= every.keys()
    assert not {"curtailed_mwh", "payment_gbp", "curtailed_share", "so_record_count"} & every.keys()
    assert {"status", "coverage"} <= so.keys() & every.keys()
    both = api("days?fields=curtailed_mwh,all_bids_mwh").data[0]
    assert list(both) == ["curtailed_mwh", "all_bids_mwh"]


def test_pages_follow_each_other_without_a_gap_or_a_row_twice(api: Api) -> None:
    whole = api(f"farms?{MARCH}").data
    rows: list[dict[str, object]] = []
    path: str | None = f"/api/v1/farms?{MARCH}&limit=97"
    while path:
        got = api.get(path)
        rows += got.data
        path = got.meta["next"]
        assert ("link" in got.headers) == (path is not None)
    assert rows == whole
    assert len(rows) > 300
    acceptances = api("acceptances?from=2025-03-12&to=2025-03-12").data
    first = api("acceptances?from=2025-03-12&to=2025-03-12&limit=100")
    assert first.data + api.get(first.meta["next"]).data[:50] == acceptances[:150]


def test_pages_lose_no_acceptance_that_is_told_from_another_by_what_one_of_them_lacks(
    warehouse: Engine, serve: Callable[..., Api]
) -> None:
    day = dt.date(2025, 3, 28)
    with warehouse.begin() as connection:
        for _ in range(3):
            store_record(connection, day, 1, mwh=Decimal(10))
        connection.execute(text("UPDATE minerecon.curtailment_records SET acceptance_id = 7, sequence_number = 1,"
                                " bid_offer_pair_id = nullif(-sequence_number, -3)"))  # fmt: skip
        store_day(connection, day, difficulty=Decimal(10**14))
    api = serve(url_of(warehouse))
    whole = api(f"acceptances?from={day}&to={day}").data
    assert [row["bid_offer_pair_id"] for row in whole] == [None, -2, -1]
    page, found = api(f"acceptances?from={day}&to={day}&limit=1"), []
    while page.data:
        found += page.data
        if page.meta["next"] is None:
            break
        page = api.get(page.meta["next"])
    assert found == whole


def test_one_farm_and_one_unit_are_parts_of_all(api: Api) -> None:
    farm = api(f"farms?{MARCH}").data[7]["farm_name"]
    of_all = [row for row in api(f"farms?{MARCH}&farm={farm}").data if row["farm_name"] == farm]
    assert api(f"farms/{farm}/days?{MARCH}").data == of_all
    for grain, key, span in (("months", "year_month", "2025-03"), ("years", "year", 2025)):
        of_all = [row for row in api(f"farms/{grain}?from={span}&to={span}").data if row["farm_name"] == farm]
        own = api(f"farms/{farm}/{grain}?from={span}&to={span}").data
        assert own == of_all
        assert own[0][key] == span
        assert own == [row for row in api(f"farms/{farm}/{grain}").data if row[key] == span], (
            "without a range: all of them"
        )
        assert own[0]["potential_mwh"] is not None
    assert api(f"farms/{farm}/years?from=2026&to=2027").data == []
    unit = api("acceptances?from=2025-03-12&to=2025-03-12&limit=1").data[0]["bmu_id"]
    assert {row["bmu_id"] for row in api(f"units/{unit}/days?{MARCH}").data} == {unit}


def test_a_file_says_in_its_name_what_it_is_of_and_in_its_head_on_request(api: Api) -> None:
    got = api(f"days.csv?{MARCH}&source=1")
    assert got.headers["content-disposition"] == (
        'attachment; filename="minerecon_days_2025-03-01_2025-03-31_so_provisional.csv"'
    )
    head = got.body.decode("utf-8-sig").splitlines()
    assert head[0].startswith("# source: Synthetic data, made up")
    assert "# basis: so" in head
    assert got.headers["content-type"] == "text/csv; charset=utf-8"
    with zipfile.ZipFile(io.BytesIO(api(f"days.zip?{MARCH}").body)) as archive:
        about = json.loads(archive.read(archive.namelist()[1]))
    assert {c["name"]: c["unit"] for c in about["columns"]}["curtailed_mwh"] == "MWh"


def test_a_csv_reads_back_in_duckdb(api: Api, tmp_path: Path) -> None:
    path = tmp_path / "days.csv"
    path.write_bytes(api(f"days.csv?{MARCH}").body)
    ((count,),) = duckdb.sql(f"SELECT count(curtailed_mwh) FROM read_csv('{path}')").fetchall()
    assert count == 30


def test_the_format_is_chosen_by_suffix_or_by_accept(api: Api) -> None:
    assert api("days", Accept="text/csv").headers["content-type"].startswith("text/csv")
    assert api("days", Accept="application/json;q=0.1, text/csv").headers["content-type"].startswith("text/csv")
    assert api("days", Accept="text/html, */*;q=0.1").headers["content-type"] == "application/json"
    refused = api("days", Accept="text/html")
    assert (refused.status, refused.headers["content-type"]) == (406, "application/problem+json")
    assert "text/csv" in refused.json["detail"]
    assert api("days.csv", Accept="text/html").status == 200


@pytest.mark.parametrize(
    ("query", "status", "word"),
    [
        ("days?form=2025-03-01", 422, "no parameter 'form'"),
        ("days?from=2025-03-01&from=2025-03-02", 422, "given twice"),
        ("days?from=", 422, "empty"),
        ("days?from=28/03/2025", 422, "as in 2025-03-28"),
        ("days?from=2025-02-30", 422, "as in 2025-03-28"),
        ("days?from=2025-03-02&to=2025-03-01", 422, "after"),
        ("days?from=1999-01-01", 422, "2000"),
        ("days?limit=0", 422, "from 1 to"),
        ("days?limit=1e3", 422, "from 1 to"),
        ("days?basis=both", 422, "so or all"),
        ("days?numbers=float", 422, "text or json"),
        ("days?fields=curtailed_mwh,secret", 422, "no field 'secret'"),
        ("days?fields=status;drop table x", 422, "no field"),
        ("days?after=[1,2]", 422, "next"),
        ("days?after={}", 422, "next"),
        ("days?from=%00", 422, "from"),
        ("farms?farm=%00", 422, "character"),
        ("farms?farm=%ff", 422, "UTF-8"),
        ("farms?farm=Nowhere", 404, "no wind farm 'Nowhere'"),
        ("farms/Nowhere/days", 404, "no wind farm Nowhere"),
        ("farms/Nowhere/years", 404, "no wind farm Nowhere"),
        ("farms/';--/days", 404, "no wind farm"),
        ("units/T_NONE-1/days", 404, "no wind unit"),
        ("mining/days?model=S99", 404, "no miner model"),
        ("sizing", 422, "needs farm"),
        ("sizing?farm=x&model=S9", 422, "machines or as power_mw"),
        ("sizing?farm=x&model=S9&machines=0", 422, "up to 50"),
        ("nothing", 404, "nothing at this path"),
    ],
)
def test_what_cannot_be_answered_is_refused_in_words(api: Api, query: str, status: int, word: str) -> None:
    got = api(query)
    assert (got.status, got.headers["content-type"]) == (status, "application/problem+json"), got.body
    assert word in got.json["detail"]
    assert got.json["status"] == status
    assert got.json["request_id"] == got.headers["x-request-id"]
    for secret in ("SELECT", "postgres", "psycopg", "/work", "/usr", "Traceback", "analytics.cur"):
        assert secret not in got.body.decode()


def test_a_limit_names_itself_what_was_asked_and_an_address_that_works(api: Api) -> None:
    got = api("half-hours?from=2020-01-01&to=2025-12-31")
    assert got.status == 422
    assert (got.json["limit"], got.json["asked"]) == (366, 2192)
    assert api.get(got.json["try"]).status == 200


def test_no_answer_has_a_path_or_a_run_of_the_machine(api: Api) -> None:
    for path in ("restatements", "verifications"):
        for row in api(path).data:
            assert not [name for name in row if name.endswith("_uri") or name in ("run_id", "error")]
        assert api(f"{path}?fields=run_id").status == 422


def test_five_years_of_all_farms_are_one_question(api: Api) -> None:
    """Measured on five made-up years of 150 units: 2 s on two busy cores; a statement has 3."""
    found = api("farms/years?from=2021-01-01&to=2025-12-31").data
    assert {row["year"] for row in found} == {2025}
    refused = api("farms/years?from=2020-01-01&to=2025-12-31")
    assert (refused.status, json.loads(refused.body)["limit"]) == (422, 1_830)
