"""Finality by what the rows say, flags that are corrected later, and totals that somebody types into sums."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from minerecon_dagster.checks.properties import PROPERTIES
from minerecon_dagster.core import checks as c
from minerecon_dagster.standing.due import days_to_ingest
from minerecon_dagster_tests.faults.conftest import DAY, NEXT, World
from minerecon_dagster_tests.faults.test_faults import REACHED, all_green

pytestmark = pytest.mark.slow

FIRST_RUN = dt.timedelta(minutes=44)
Change = Callable[[dict[str, Any]], dict[str, Any]]


@pytest.fixture
def serve(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Change | None], None]]:
    """Let Elexon change each row of all its accounts of `DAY` before it is served; None: as it was."""
    elexon = world.elexon.world
    names = ("stack", "volumes", "cashflows")
    methods = {name: getattr(elexon, name) for name in names}

    def served(change: Change | None) -> None:
        for name in names:
            whole = methods[name]
            monkeypatch.setattr(
                elexon,
                name,
                whole
                if change is None
                else lambda day, *rest, whole=whole: [change(row) if day == DAY else row for row in whole(day, *rest)],
            )

    yield served
    served(None)


def first_run(row: dict[str, Any]) -> dict[str, Any]:
    made = dt.datetime.fromisoformat(row["startTime"]) + FIRST_RUN
    return row | {"createdDateTime": made.strftime("%Y-%m-%dT%H:%M:%SZ")}


def without_stack_times(row: dict[str, Any]) -> dict[str, Any]:
    """As `first_run`, but for the stack's own rows, which do not say when they were made."""
    return row | {"createdDateTime": None} if "soFlag" in row else first_run(row)


def red_everywhere(world: World) -> set[str]:
    found = world.red(DAY) | world.inventory()
    REACHED.update(found)
    return found


def state(world: World, day: dt.date = DAY) -> tuple[str, str]:
    return world.sql(
        "SELECT state, r.status FROM minerecon.daily_summaries JOIN analytics.reconciliation_status AS r"
        " ON settlement_date = summary_date WHERE summary_date = :d",
        d=day,
    )[0]  # type: ignore[return-value]


@pytest.mark.parametrize("rows", [first_run, without_stack_times], ids=["the stack says so", "only BOAV says so"])
def test_fr07_a_day_whose_rows_are_of_the_first_run_is_provisional_however_late_it_was_fetched(
    world: World, serve: Callable[[Change | None], None], rows: Change
) -> None:
    before = world.sql("SELECT curtailed_mwh FROM minerecon.daily_summaries WHERE summary_date = :d", d=DAY)
    serve(rows)
    assert world.job("ingest", DAY, force=True), world.said
    assert state(world) == ("provisional", "provisional")
    assert world.sql("SELECT curtailed_mwh FROM minerecon.daily_summaries WHERE summary_date = :d", d=DAY) == before
    assert world.red(DAY) == {c.ROWS_OF_THE_RERUN.full_name}
    ((actual, repair),) = world.sql(
        "SELECT actual, repair FROM minerecon.reconciliation_results WHERE check_name = 'rows_of_the_rerun'"
        " ORDER BY result_id DESC LIMIT 1"
    )
    assert "periods 1-48 are of the first run, not run again by Elexon: newest row made 2025-03-29 00:14 UTC" in actual
    assert repair == f"minerecon reingest {DAY}"
    assert DAY in days_to_ingest(world.engine, first_day=DAY, today=NEXT), "it is asked for again"
    assert {c.DAYS_BECOME_FINAL.full_name, c.EVERY_DAY_IS_COMPLETE.full_name} <= red_everywhere(world)
    assert world.verify(action="fix") == {c.ROWS_OF_THE_RERUN.full_name}, "asking again has not helped"
    serve(None)
    assert world.job("ingest", DAY), world.said
    assert state(world) == ("final", "complete")
    world.sums()
    all_green(world)


def test_fr07_a_day_that_was_stored_as_final_by_the_clock_alone_is_found_by_the_inventory(
    world: World, serve: Callable[[Change | None], None]
) -> None:
    serve(first_run)
    assert world.job("ingest", DAY, force=True), world.said
    world.put(
        "UPDATE minerecon.daily_summaries SET state = 'final' WHERE summary_date = :day",
        "DELETE FROM minerecon.reconciliation_latest WHERE check_name = 'rows_of_the_rerun'",
    )
    assert c.EVERY_FINAL_DAY_WAS_RUN_AGAIN.full_name in red_everywhere(world)
    assert c.SUMS_MATCH_PARTS.full_name in world.verify(), "the archive says that it is provisional"
    serve(None)
    assert world.job("ingest", DAY), world.said
    assert state(world) == ("final", "complete")
    assert c.EVERY_FINAL_DAY_WAS_RUN_AGAIN.full_name not in world.inventory()


def test_fr07_a_day_that_elexon_never_runs_again_is_final_once_a_person_has_accepted_it(
    world: World, serve: Callable[[Change | None], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(first_run)
    assert world.job("ingest", DAY, force=True), world.said
    waivers = tmp_path / "waivers.toml"
    waivers.write_text(
        f"[[waiver]]\ncheck = '{c.ROWS_OF_THE_RERUN.full_name}'\nfirst_day = {DAY}\nlast_day = {DAY}\n"
        "reason = 'Elexon has not run it again, and says that it will not'\naccepted_by = 'A. Person'\n"
        "expires = 2099-12-31\n"
    )
    monkeypatch.setenv("MINERECON_WAIVERS", str(waivers))
    assert world.job("ingest", DAY, from_archive=True), world.said
    assert state(world) == ("final", "waived")
    assert DAY not in days_to_ingest(world.engine, first_day=DAY, today=NEXT), "nobody asks for it any more"
    assert world.verify() == {c.ROWS_OF_THE_RERUN.full_name}, "it has not passed, and nothing else is wrong"
    assert state(world) == ("final", "waived")
    world.sums()
    assert world.inventory() == set()


def test_fr08_a_correction_of_flags_is_right_in_part_to_control_totals_and_found_by_a_look_at_all_periods(
    world: World, serve: Callable[[Change | None], None]
) -> None:
    count = "SELECT so_record_count, record_count FROM minerecon.daily_summaries WHERE summary_date = :d"
    ((flagged, rows),) = world.sql(count, d=DAY)

    def corrected(row: dict[str, Any]) -> dict[str, Any]:
        return row | {"soFlag": False} if row.get("soFlag") and row["settlementPeriod"] % 16 == 0 else row

    serve(corrected)
    outcomes = "SELECT outcome FROM minerecon.verifications ORDER BY verification_id DESC LIMIT 1"
    assert world.verify(sampling="controls") == set()
    assert world.sql(outcomes) == [("right in part",)]
    red = world.verify(action="fix")  # as the monthly scan asks for
    assert world.sql(outcomes) == [("repaired",)]
    assert red == set()
    ((left, same),) = world.sql(count, d=DAY)
    assert left < flagged
    assert same == rows


@pytest.mark.parametrize("field", ["volume", "originalPrice"])
def test_what_is_wrong_within_the_margins_of_the_control_totals_is_drift(
    world: World, serve: Callable[[Change | None], None], field: str
) -> None:
    def a_little_more(row: dict[str, Any]) -> dict[str, Any]:
        return row | {field: row[field] * 1.002} if row.get("volume", 0) < 0 and row[field] else row

    serve(a_little_more)
    red = world.verify()
    REACHED.update(red)
    assert c.SOURCE_UNCHANGED.full_name in red
    assert not {p for p in red if p.startswith("control_totals")}
    serve(None)
    assert world.verify() == set()


PLACES = {
    "an old month": ("monthly_summaries", "year_month = '2025-03'", "2025-03"),
    "the running month": ("monthly_summaries", "year_month = '2025-03'", "2025-03"),
    "the running year": ("yearly_summaries", "year = 2025", "2025"),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("column", ["curtailed_mwh", "mined_btc"])
def test_a_typed_in_total_is_red_at_once_at_verify_the_sweep_and_the_inventory(
    world: World, place: str, column: str
) -> None:
    table, key, name = PLACES[place]
    if place == "an old month":
        world.put("UPDATE minerecon.daily_summaries SET built_at = built_at - interval '1 year'")
    else:  # its newest day is built now, and its sums are to follow
        assert world.job("ingest", DAY, from_archive=True), world.said
    world.sums()
    table = table if column == "curtailed_mwh" else f"bitcoin_{table}"
    world.put(f"UPDATE minerecon.{table} SET {column} = {column} + 1 WHERE {key}")
    if place != "an old month":
        assert world.job("ingest", DAY, from_archive=True), world.said

    assert not world.job("verify", DAY), "exit code 1"
    assert f"{name}: rollups.sums_not_older_than_parts: 1 of 1 wrong" in world.said
    red = world.inventory(dt.datetime.now(dt.UTC)) & {p.full_name for p in PROPERTIES if p.family == "inventory"}
    assert c.EVERY_SUM_IS_OF_ITS_DAYS.full_name in red
    REACHED.update(red)
    before = world.sql("SELECT max(result_id) FROM minerecon.reconciliation_results")[0][0]
    world.job("rollup_sweep")
    assert (False,) in world.sql(
        "SELECT passed FROM minerecon.reconciliation_results WHERE result_id > :before"
        " AND check_name = 'sums_not_older_than_parts'",
        before=before,
    )
    assert world.job("verify", DAY), world.said
    assert world.sums() == set()


def test_a_typed_in_total_is_told_though_its_month_waits_for_a_failing_day(world: World) -> None:
    world.put("UPDATE minerecon.monthly_summaries SET paid_gbp = paid_gbp + 1 WHERE year_month = '2025-03'")
    world.dynamodb(NEXT, None)
    assert not world.job("ingest", NEXT, force=True), "the day fails, and its month waits for it"
    assert not world.job("verify", DAY)
    assert "2025-03: rollups.sums_not_older_than_parts" in world.said


@pytest.fixture(autouse=True)
def _difficulty_of_the_next_day(world: World) -> Iterator[None]:
    before = world.difficulty.values([NEXT])
    yield
    world.difficulty.load(before)
