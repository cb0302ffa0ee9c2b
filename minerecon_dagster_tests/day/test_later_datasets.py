"""Datasets that come days after their settlement day, by one that is made up: a file, a table, and nothing else."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import text

from minerecon_dagster.checks.properties import collected
from minerecon_dagster.day.later import Later, days_due_later
from minerecon_dagster.elexon.client import ElexonClient
from minerecon_dagster.elexon.datasets import DATASETS, of_the_day, parse_key
from minerecon_dagster.exports.dictionary import read_dictionary
from minerecon_dagster.http.rate_limit import RateLimiter
from minerecon_dagster.register.store import load_register
from minerecon_dagster.standing.due import days_to_ingest
from minerecon_dagster.warehouse.store import open_warehouse
from minerecon_dagster_tests.fake_elexon import Fault
from minerecon_dagster_tests.made_up_dataset import THE_ONE_THAT_COUNTS, UNITS_ANSWERED, Metered, metered_output
from minerecon_dagster_tests.project import DAY, Project

KEY = dg.AssetKey("metered_output")
FIRST = dt.date(2025, 1, 1)


@pytest.fixture
def metered(project: Project) -> Iterator[Metered]:
    """The made-up dataset, in the list and with its table, as the only one that comes later."""
    owner = open_warehouse(project.engine.url.render_as_string(hide_password=False), as_owner=True)
    with owner.begin() as connection:
        metered_output.create(connection)
        connection.execute(text(THE_ONE_THAT_COUNTS))
    owner.dispose()
    dataset = Metered()
    all_datasets = list(DATASETS)
    DATASETS[:] = [*of_the_day(), dataset]
    yield dataset
    DATASETS[:] = all_datasets


def ingest_at(project: Project, at: str, **config: object) -> list[dg.AssetMaterialization]:
    """Ingest the day at a time; what was then told of the dataset."""
    project.now = f"{at}T09:00:00+00:00"
    made = project.run(DAY, **config)
    assert made.success
    events = made.get_asset_materialization_events()
    return [e.step_materialization_data.materialization for e in events if e.asset_key == KEY]


def asked(project: Project) -> Counter[str]:
    return Counter(path.partition("run=")[2][:2] for path in project.elexon.requests.elements() if "MADEUP" in path)


def stored(project: Project, table: str = "minerecon.metered_output") -> list[tuple[object, ...]]:
    return project.sql(
        f"SELECT run_type, metered_mwh, count(*), count(DISTINCT bmu_id) FROM {table} GROUP BY 1, 2 ORDER BY 1"
    )


def looks(project: Project) -> list[tuple[object, ...]]:
    return project.sql("SELECT run, is_there, asked_count FROM minerecon.later_answers ORDER BY run")


@pytest.mark.slow
def test_a_dataset_that_comes_later_is_asked_for_when_it_is_due_and_writes_its_own_table(
    project: Project, metered: Metered
) -> None:
    metered.published["II"] = "1.25"
    (told,) = ingest_at(project, "2025-03-30")
    assert asked(project) == {}, "it is due three days after its day"
    assert "missing" in told.metadata
    objects = {uri: Path(uri).read_bytes() for uri in project.archive_objects()}

    (told,) = ingest_at(project, "2025-03-31")
    units = project.sql("SELECT count(DISTINCT bmu_id) FROM minerecon.bm_units WHERE fuel_type = 'WIND'")[0][0]
    assert [row[:1] + row[2:] for row in stored(project)] == [("II", 48 * units, units)], (
        "of the wind units, and no other"
    )
    assert (told.metadata["II_rows"].value, told.metadata["II_units_asked"].value) == (48 * units, units)
    assert looks(project) == [("II", True, 1)]
    assert {uri: Path(uri).read_bytes() for uri in project.archive_objects()} == objects, "the day's objects stay"
    held = project.archive.newest_of("metered", DAY)
    assert held is not None
    assert list(map(str, held.answers)) == ["metered/II"]
    assert parse_key("metered/II") == next(iter(held.answers))

    ingest_at(project, "2025-04-01")
    assert asked(project) == {"II": 1}, "what is there is not asked for again"
    metered.published["SF"] = "1.5"
    ingest_at(project, "2025-04-17")
    assert [row[0] for row in stored(project)] == ["II", "SF"], "a later run stands beside the first"
    assert [row[0] for row in stored(project, "analytics.metered_output")] == ["SF"], "and is the one that counts"

    before, requests = stored(project), asked(project)
    project.sql_write("DELETE FROM minerecon.metered_output")
    ingest_at(project, "2025-04-18", from_archive=True)
    assert (stored(project), asked(project)) == (before, requests), "it is built again from the archive"


@pytest.mark.slow
def test_one_that_does_not_come_is_in_no_days_way_and_is_asked_for_at_growing_distances(
    project: Project, metered: Metered
) -> None:
    project.elexon.faults = lambda path: Fault(400) if "MADEUP" in path else None
    (told,) = ingest_at(project, "2025-03-31")
    assert project.status() == "complete", "the day is as it would be without it"
    assert "HTTP 400" in str(told.metadata["II_missing"].value)
    project.elexon.faults = lambda path: None

    def due(at: str) -> set[dt.date]:
        with project.engine.connect() as connection:
            return days_due_later(connection, first_day=FIRST, today=dt.date.fromisoformat(at))

    assert (due("2025-03-31"), due("2025-04-01")) == (set(), {DAY})
    assert DAY in days_to_ingest(project.engine, first_day=FIRST, today=dt.date(2025, 4, 1))
    ingest_at(project, "2025-04-01")
    assert (due("2025-04-02"), due("2025-04-03")) == (set(), {DAY}), "not every morning"
    assert DAY not in days_to_ingest(project.engine, first_day=FIRST, today=dt.date(2025, 4, 2))
    ingest_at(project, "2025-04-03")
    assert looks(project) == [("II", False, 3)]
    assert due("2025-04-16") == set(), "and not for ever"
    assert due("2025-04-17") == {DAY}, "but the next run is another"

    metered.published["SF"] = "2"
    metered.collapses = True
    (told,) = ingest_at(project, "2025-04-17")
    assert stored(project) == [], "an answer of one unit of many is not taken"
    assert "units_answered" in str(told.metadata["SF_missing"].value)
    recorded = "SELECT passed FROM minerecon.reconciliation_results WHERE check_name = :name"
    assert project.sql(recorded, name=UNITS_ANSWERED.name) == [(False,)]
    metered.collapses = False
    ingest_at(project, "2025-04-18")
    assert [row[0] for row in stored(project)] == ["SF"]
    metered.published["II"] = "1"
    ingest_at(project, "2025-04-19")
    assert asked(project)["II"] == 3, "a lower run than one that is there is not asked for"


@pytest.mark.slow
def test_history_is_filled_oldest_first_and_so_many_days_a_run(
    project: Project, metered: Metered, tmp_path: Path
) -> None:
    metered.published["II"] = "1"
    ingest_at(project, "2025-03-29")
    columns = ", ".join(
        name
        for (name,) in project.sql(
            "SELECT attname FROM pg_attribute WHERE attrelid = 'minerecon.daily_summaries'::regclass"
            " AND attnum > 0 AND attgenerated = '' AND attname <> 'summary_date' ORDER BY attnum"
        )
    )
    project.sql_write(
        f"INSERT INTO minerecon.daily_summaries (summary_date, {columns}) SELECT summary_date - n, {columns}"
        " FROM minerecon.daily_summaries, generate_series(1, 70) AS n"
    )
    old = [DAY - dt.timedelta(days=n) for n in range(70, 0, -1)]
    project.elexon.world.days = (*old, DAY)
    today = DAY + dt.timedelta(days=3)
    filled: list[list[dt.date]] = []
    now = dt.datetime.combine(today, dt.time(9), dt.UTC)
    with project.engine.connect() as connection:
        register = load_register(connection)
    with ElexonClient(project.elexon.base_url, RateLimiter(0)) as client:
        later = Later(
            engine=project.engine, archive=project.archive, open_client=lambda: client, now=lambda: now, run_id=None
        )
        while True:
            with project.engine.connect() as connection:
                days = sorted(days_due_later(connection, first_day=FIRST, today=today))
            if not days:
                break
            filled.append(days)
            for day in days:
                (report,) = later.of(day, register.wind_units(day), ask=True)
                assert "II_missing" not in report.metadata
    assert [len(days) for days in filled] == [25, 25, 8], "of 60 days back from today, those that are due"
    assert [day for days in filled for day in days] == [today - dt.timedelta(days=n) for n in range(60, 2, -1)]


def test_what_is_to_be_known_of_it_is_in_its_file_alone(project: Project, metered: Metered) -> None:
    assert UNITS_ANSWERED in collected()
    with project.engine.connect() as connection:
        (entry,) = [e for e in read_dictionary(connection) if e.name == "minerecon.metered_output"]
    assert entry.source == metered.source
    assert {c.name: c.unit for c in entry.columns}["metered_mwh"] == "MWh"
    root = Path(__file__).parents[2] / "minerecon_dagster"
    naming = [p for p in root.rglob("*.py") if re.search("metered_output|MADEUP", p.read_text("utf-8"))]
    assert naming == [], "no file of the package names it"
