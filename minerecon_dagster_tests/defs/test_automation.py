"""The update chain: what is requested when a day changes, fails, is mended, or is overlooked."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from minerecon_dagster import asset_keys
from minerecon_dagster.definitions import build_defs
from minerecon_dagster.defs import catalog
from minerecon_dagster.difficulty.source import DifficultyTable
from minerecon_dagster.jobs import ROLL_UP_MONTHS, ROLL_UP_YEARS, ROLLUP_SWEEP
from minerecon_dagster_tests.checks.test_evaluators import Stored
from minerecon_dagster_tests.fake_elexon import NO_ROWS, FakeElexon, Fault, boav_path, fake_elexon, stack_path
from minerecon_dagster_tests.notified import PN
from minerecon_dagster_tests.project import DAY, Project

pytestmark = pytest.mark.filterwarnings("ignore::dagster.BetaWarning")

D = dt.date.fromisoformat
NEXT = D("2025-03-29")
NOTHING: dict[str, set[str]] = {"months": set(), "years": set()}
MARCH = {"months": {"2025-03"}, "years": set()}
YEAR = {"months": set(), "years": {"2025"}}


class Chain:
    """Dagster's daemon, a tick at a time: what the conditions of the real definitions request, and its runs."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.defs = build_defs()
        self.evaluated: dg.EvaluateAutomationConditionsResult | None = None
        self.tick()

    def tick(self, *, run: bool = True) -> dict[str, set[str]]:
        """Evaluate once, run what was requested, and say what it was; energy and Bitcoin are always asked together."""
        cursor = self.evaluated.cursor if self.evaluated else None
        found = dg.evaluate_automation_conditions(self.defs, self.project.instance, cursor=cursor)
        self.evaluated = found
        requested: dict[str, set[str]] = {}
        for name, job, sums, bitcoin in (
            ("months", ROLL_UP_MONTHS, asset_keys.MONTHLY, asset_keys.BITCOIN_MONTHLY),
            ("years", ROLL_UP_YEARS, asset_keys.YEARLY, asset_keys.BITCOIN_YEARLY),
        ):
            keys = {str(key) for key in found.get_requested_partitions(sums)}
            assert keys == found.get_requested_partitions(bitcoin)
            requested[name] = keys
            if run and keys:
                self.defs.resolve_job_def(job).execute_in_process(
                    instance=self.project.instance,
                    tags={ASSET_PARTITION_RANGE_START_TAG: min(keys), ASSET_PARTITION_RANGE_END_TAG: max(keys)},
                )
        return requested


@pytest.fixture
def chain(project: Project) -> Chain:
    return Chain(project)


def stored(project: Project, table: str = "monthly_summaries") -> list[tuple[object, ...]]:
    return project.sql(f"SELECT days_present, curtailed_mwh FROM minerecon.{table}")


def day_sums(project: Project) -> list[tuple[object, ...]]:
    return project.sql("SELECT count(*), sum(curtailed_mwh) FROM minerecon.daily_summaries")


@pytest.mark.slow
def test_an_old_day_moves_its_month_and_then_its_year_and_then_all_is_quiet(project: Project, chain: Chain) -> None:
    assert chain.tick() == NOTHING
    project.ingest()
    assert chain.tick() == MARCH
    assert chain.tick() == YEAR
    assert chain.tick() == NOTHING
    assert stored(project) == stored(project, "yearly_summaries") == day_sums(project)


@pytest.mark.slow
def test_a_repair_of_an_old_day_is_in_its_month_and_year_two_ticks_later(project: Project, chain: Chain) -> None:
    project.run(DAY, NEXT)
    chain.tick()
    chain.tick()
    before = stored(project)
    project.elexon.world.revise[DAY] = 1.004
    project.ingest(force=True)
    assert [chain.tick(), chain.tick(), chain.tick()] == [MARCH, YEAR, NOTHING]
    assert stored(project) == stored(project, "yearly_summaries") == day_sums(project) != before


@pytest.mark.slow
def test_days_of_one_month_in_one_tick_are_one_update_of_it(project: Project, chain: Chain) -> None:
    for day in (DAY, NEXT):
        project.ingest(day)
    assert [chain.tick(), chain.tick(), chain.tick()] == [MARCH, YEAR, NOTHING]


@pytest.mark.slow
def test_a_month_waits_while_notifications_of_its_days_are_still_asked_for(project: Project, chain: Chain) -> None:
    ticks = []

    def meanwhile(path: str) -> None:
        if path.startswith(PN):
            ticks.append((day_sums(project)[0][0], chain.tick(run=False)))

    project.elexon.faults = meanwhile
    project.run(DAY, NEXT)
    assert ticks == [(2, NOTHING)] * 2, "both days are stored, and the run has not ended"
    mend_day(project)
    assert chain.tick() == MARCH
    assert project.sql("SELECT days_present, potential_days FROM minerecon.monthly_summaries") == [(2, 2)]


@pytest.mark.slow
def test_a_recalculation_of_one_model_moves_the_month_too(project: Project, chain: Chain) -> None:
    project.ingest()
    chain.tick()
    chain.tick()
    assert project.run(DAY, selection=[asset_keys.calculations("S9")]).success
    assert chain.tick() == MARCH


def cannot_fetch_a_period(path: str, elexon: FakeElexon) -> Fault | None:
    return Fault(400) if path == stack_path("bid", DAY, 17) else None


def has_no_control_total(path: str, elexon: FakeElexon) -> Fault | None:
    return Fault(400) if path == boav_path("bid", DAY) else None


def contradicts_the_control_total(path: str, elexon: FakeElexon) -> Fault | None:
    if path.startswith(f"/balancing/settlement/stack/all/bid/{DAY}/"):
        rows = elexon.world.stack(DAY, "bid", int(path.rpartition("/")[2]))
        return Fault(200, json.dumps({"data": rows[:1]}).encode())
    return None


def break_day(project: Project, how: Callable[[str, FakeElexon], Fault | None] = has_no_control_total) -> None:
    project.elexon.faults = lambda path: how(path, project.elexon)


def mend_day(project: Project) -> None:
    project.elexon.faults = lambda path: None


@pytest.mark.slow
@pytest.mark.parametrize("stored_before", [False, True], ids=["never stored", "stored before"])
def test_a_failing_day_holds_its_month_and_year_until_it_is_mended(
    project: Project, chain: Chain, stored_before: bool
) -> None:
    if stored_before:
        project.ingest()
        chain.tick()
        chain.tick()
    before = stored(project)
    break_day(project)
    assert not project.run(DAY, NEXT, force=True).success
    assert [chain.tick(), chain.tick()] == [NOTHING, NOTHING], "the next day changed, and its month waits"
    assert stored(project) == before
    mend_day(project)
    project.ingest(force=True)
    assert [chain.tick(), chain.tick(), chain.tick()] == [MARCH, YEAR, NOTHING]
    assert stored(project) == day_sums(project)
    assert stored(project)[0][0] == 2


@pytest.mark.slow
@pytest.mark.parametrize("how", [cannot_fetch_a_period, has_no_control_total, contradicts_the_control_total])
def test_whatever_a_day_fails_by_its_month_waits(
    project: Project, chain: Chain, how: Callable[[str, FakeElexon], Fault | None]
) -> None:
    break_day(project, how)
    assert not project.run(DAY, NEXT).success
    assert chain.tick() == NOTHING
    assert project.status(NEXT) == "complete"


@pytest.mark.slow
def test_a_day_holds_its_month_too_when_it_fails_in_a_run_of_its_first_asset_alone(
    project: Project, chain: Chain
) -> None:
    project.run(DAY, NEXT)
    chain.tick()
    chain.tick()
    break_day(project)
    assert not project.run(DAY, NEXT, selection=[asset_keys.PROGRESS], force=True).success
    assert chain.tick() == NOTHING
    mend_day(project)
    project.run(DAY, selection=[asset_keys.PROGRESS], force=True)
    assert chain.tick() == MARCH


@pytest.mark.slow
def test_a_day_that_warns_holds_nothing_and_its_month_is_not_complete(project: Project, chain: Chain) -> None:
    project.elexon.faults = lambda path: NO_ROWS if path == stack_path("bid", DAY, 17) else None
    project.ingest()
    assert project.status() == "incomplete"
    assert chain.tick() == MARCH
    assert project.sql("SELECT days_present, days_final, is_complete FROM minerecon.monthly_summaries") == [
        (1, 0, False)
    ]


def evaluation(project: Project, family: str) -> dg.AssetCheckEvaluation:
    key = dg.AssetCheckKey(catalog.CHECKED_ASSET[family], family)
    (record,) = project.instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
    assert record.event is not None
    assert record.event.dagster_event is not None
    return record.event.dagster_event.asset_check_evaluation_data


@pytest.mark.slow
def test_a_warning_in_a_family_that_also_blocks_holds_nothing(
    project: Project, chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fake_elexon(DAY, unpriced={DAY}) as elexon:
        monkeypatch.setenv("ELEXON_BASE_URL", elexon.base_url)
        project.ingest()
    money = evaluation(project, "money")
    assert not money.passed
    assert money.severity is dg.AssetCheckSeverity.WARN
    assert chain.tick() == MARCH


@pytest.mark.slow
def test_what_is_waived_holds_nothing_and_does_not_show_as_passed(
    project: Project, chain: Chain, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    break_day(project, contradicts_the_control_total)
    assert not project.run(DAY).success
    assert chain.tick() == NOTHING
    accepted = tmp_path / "accepted.toml"
    accepted.write_text(
        "\n".join(
            f'[[waiver]]\ncheck = "control_totals.{name}"\nfirst_day = 2025-03-28\nlast_day = 2025-03-28\n'
            'reason = "the stack lacks them"\naccepted_by = "A. Person"\nexpires = 2999-12-31'
            for name in ("boav_wind_volume", "empty_day_has_empty_control")
        )
    )
    monkeypatch.setenv("MINERECON_WAIVERS", str(accepted))
    project.ingest()
    found = evaluation(project, "control_totals")
    assert not found.passed
    assert found.severity is dg.AssetCheckSeverity.WARN
    assert "WAIVED until 2999-12-31: the stack lacks them (accepted by A. Person)" in str(
        found.metadata["boav_wind_volume"]
    )
    assert chain.tick() == MARCH


@pytest.mark.slow
def test_a_stored_day_that_a_look_finds_wrong_holds_its_month_until_it_is_right(
    project: Project, chain: Chain, difficulty_table: str, tmp_path: Path
) -> None:
    project.run(DAY, NEXT)
    chain.tick()
    chain.tick()
    project.sql_write("UPDATE minerecon.bitcoin_daily_summaries SET mined_btc = 1 WHERE miner_model = 'S9'")
    table = DifficultyTable(difficulty_table, region="eu-west-2")
    stored = Stored(project.engine, tmp_path / "archive", project.elexon, table)
    assert not stored.check()["calculation.model_ratios"].passed
    project.elexon.world.revise[NEXT] = 1.004
    project.ingest(NEXT, force=True)
    assert chain.tick() == NOTHING
    project.ingest(from_archive=True)
    assert chain.tick() == MARCH


@pytest.mark.slow
def test_a_good_day_of_a_run_that_failed_for_another_one_holds_nothing(project: Project, chain: Chain) -> None:
    project.ingest()
    chain.tick()
    chain.tick()
    project.elexon.faults = lambda path: Fault(400) if str(NEXT) in path else None
    assert not project.run(DAY, NEXT).success
    assert chain.tick() == NOTHING
    mend_day(project)
    project.ingest(NEXT)
    assert chain.tick() == MARCH, (
        "the first day was not asked for, so that its drift was not evaluated in the failed run"
    )


def test_the_tick_asks_nothing_of_a_warehouse_that_cannot_be_reached_and_requests_nothing(
    project: Project, chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:9/nowhere")
    assert chain.tick() == NOTHING, "nothing changed, so that it is not asked"
    monkeypatch.undo()


@pytest.mark.slow
def test_a_day_whose_run_died_holds_its_month_until_it_has_run_again(project: Project, chain: Chain) -> None:
    project.ingest(NEXT)
    job = build_defs().resolve_job_def("ingest")
    died = project.instance.create_run_for_job(job, tags={"dagster/partition": str(DAY)})
    project.instance.report_run_failed(died)
    assert chain.tick() == NOTHING
    project.ingest()
    assert chain.tick() == MARCH


@pytest.mark.slow
def test_other_months_of_the_year_go_on_and_the_year_waits_with_the_failing_one(project: Project, chain: Chain) -> None:
    break_day(project)
    project.run(DAY)
    project.ingest(D("2025-10-26"))
    assert chain.tick() == {"months": {"2025-10"}, "years": set()}
    assert chain.tick() == NOTHING
    mend_day(project)
    project.ingest()
    assert chain.tick()["months"] == {"2025-03"}
    chain.tick()
    assert stored(project, "yearly_summaries") == day_sums(project)


@pytest.mark.slow
def test_an_update_that_automation_lost_is_found_by_the_sweep(project: Project, chain: Chain) -> None:
    project.ingest()
    assert chain.tick(run=False) == MARCH, "requested, and the run is lost"
    assert chain.tick() == NOTHING
    assert stored(project) == []
    swept = build_defs().resolve_job_def(ROLLUP_SWEEP).execute_in_process(instance=project.instance)
    assert swept.success
    assert stored(project) == stored(project, "yearly_summaries") == day_sums(project)
    assert {e.partition for e in swept.get_asset_materialization_events()} == {"2025-03", "2025"}


def test_the_sensor_and_the_sweep_run_by_default() -> None:
    repository = build_defs().get_repository_def()
    sensor = repository.get_sensor_def("months_and_years_follow_days")
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    sweep = repository.get_schedule_def("rollup_sweep")
    assert (sweep.cron_schedule, sweep.execution_timezone) == ("30 3 * * *", "Europe/London")
    assert sweep.default_status is dg.DefaultScheduleStatus.RUNNING
    assert sweep.job_name == ROLLUP_SWEEP
