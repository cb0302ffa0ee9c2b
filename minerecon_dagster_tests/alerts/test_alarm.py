"""An alarm that goes on: what cannot be read is told, what failed clears by the same work alone, and the heartbeat."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from typing import Any

import dagster as dg
import pytest
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    PARTITION_NAME_TAG,
)

from minerecon_dagster import asset_keys
from minerecon_dagster.alerts import clearing, runs
from minerecon_dagster.alerts.clearing import WORKS
from minerecon_dagster.asset_keys import EXPORTS, LATEST_REPORT, MONTHLY_REPORT, PRICE
from minerecon_dagster.core import checks as c
from minerecon_dagster.core.unfinished import KEY
from minerecon_dagster.definitions import build_defs
from minerecon_dagster.jobs import EXPORT_SWEEP, REPORT_SWEEP
from minerecon_dagster.settings import PROJECT_ROOT
from minerecon_dagster_tests.alerts.test_alerts import (
    Alarm,
    Receiver,
    failing_job,
    good_job,
)
from minerecon_dagster_tests.alerts.test_alerts import alarm as alarm
from minerecon_dagster_tests.alerts.test_alerts import environ as environ
from minerecon_dagster_tests.alerts.test_alerts import instance as instance
from minerecon_dagster_tests.alerts.test_alerts import receiver as receiver
from minerecon_dagster_tests.project import DAY, Project, definitions

pytestmark = pytest.mark.filterwarnings("ignore::dagster.BetaWarning")

MARCH = "2025-03-14"


def names_as_not_done(value: Any, name: str = "verify") -> dg.JobDefinition:
    """A job that fails, and whose failure says in its metadata that ``value`` was not done."""

    @dg.op(name=f"{name}_op")
    def fails() -> None:
        raise dg.Failure("not all was done", metadata={KEY: value})

    return dg.GraphDefinition(name=name, node_defs=[fails]).to_job()


@pytest.mark.slow
def test_a_wrong_sum_of_a_month_fails_verify_is_told_and_the_next_alert_still_comes(
    project: Project, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINERECON_ALERT_WEBHOOK_URL", receiver.url)
    project.ingest()
    alarm = Alarm(project.instance, project.engine, receiver)
    look = build_defs().resolve_job_def("verify")
    day = {ASSET_PARTITION_RANGE_START_TAG: str(DAY), ASSET_PARTITION_RANGE_END_TAG: str(DAY)}

    def verify(**config: str) -> dg.ExecuteInProcessResult:
        ops = {"ops": {"verify_days": {"config": config}}}
        return look.execute_in_process(instance=project.instance, run_config=ops, tags=day, raise_on_error=False)

    assert verify(action="fix").success
    assert alarm.tick() == []
    project.sql_write(
        "UPDATE minerecon.bitcoin_monthly_summaries SET mined_btc = 260.28916727 WHERE miner_model = 'S19J_PRO'"
    )
    result = verify()
    failure = result.get_step_failure_events()[0].step_failure_data.user_failure_data
    assert failure is not None
    assert list(failure.metadata[KEY].value) == ["2025-03"]  # type: ignore[arg-type]
    told = alarm.tick()
    assert told, "and the sensor does not raise"
    assert all("FAILING: rollups." in line and ", 2025-03:" in line for line in told), "the month's checks tell of it"
    alarm.result(MARCH)
    (following,) = alarm.tick()
    assert f"FAILING: conservation.records_match_archive (ERROR), {MARCH}:" in following


@pytest.mark.first_quick
@pytest.mark.parametrize(
    "value",
    [
        {"2025-02-30": "no such day"},
        {"everything": "of a version to come"},
        {"2025-03-14": "the disk is full", "wat": "?"},
        ["2025-03-14"],
        "2025-03-14",
        {},
    ],
)
def test_what_a_run_names_and_cannot_be_read_is_told_and_stops_nothing(alarm: Alarm, value: Any) -> None:
    odd = alarm.failed_run(names_as_not_done(value), **{PARTITION_NAME_TAG: MARCH})
    following = alarm.failed_run(failing_job("recalculate", "broken"))
    first, second = alarm.tick()
    assert first.startswith("RUN FAILED: verify of 2025-03-14: ")
    assert odd in first
    assert ("cannot be read in full" in first) == bool(value)
    assert following in second
    assert alarm.tick() == []


def test_months_and_years_that_no_check_tells_of_are_told_by_their_run(alarm: Alarm) -> None:
    alarm.failed_run(names_as_not_done({"2025-03-14": "a", "2025-03": "b", "2025": "c"}))
    (told,) = alarm.tick()
    assert told.startswith(
        "RUN FAILED: verify of 2025-03-14, 2025-03, 2025: a\nRepair: `minerecon verify 2025-03-14`; `"
    )
    assert "-j rollup_sweep`" in told


def test_a_run_that_cannot_be_read_is_told_once_with_its_id_and_does_not_stop_the_next(
    alarm: Alarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = alarm.failed_run(failing_job("ingest", "broken"))
    following = alarm.failed_run(failing_job("recalculate", "broken"))
    real = runs._why

    def of_another_version(instance: dg.DagsterInstance, run_id: str) -> Any:
        if run_id == odd:
            raise AttributeError("'NoneType' object has no attribute 'step_failure_data'")
        return real(instance, run_id)

    monkeypatch.setattr(runs, "_why", of_another_version)
    first, second = alarm.tick()
    assert first.startswith(f"UNREADABLE: run {odd} failed, and why cannot be read: AttributeError: 'NoneType'")
    assert following in second
    assert alarm.tick() == [], "the cursor is behind it"


def test_a_run_that_was_deleted_before_it_was_told_is_told_as_that(alarm: Alarm) -> None:
    gone = alarm.failed_run(failing_job("ingest", "broken"))
    alarm.instance.add_run_tags(gone, {"dagster/will_retry": "true"})
    assert alarm.tick() == [], "it is waited for"
    alarm.instance.delete_run(gone)
    (told,) = alarm.tick()
    assert told.startswith(f"UNREADABLE: run {gone} failed, and why cannot be read: Dagster has no such run any more")
    assert alarm.tick() == []


def test_an_event_that_dagster_cannot_read_is_found_among_the_others_and_told(
    alarm: Alarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [alarm.failed_run(failing_job(job, "broken")) for job in ("ingest", "recalculate", "bm_units_refresh")]
    events = alarm.instance.fetch_run_status_changes(dg.DagsterEventType.RUN_FAILURE, limit=10, ascending=True).records
    odd = next(event.storage_id for event in events if event.run_id == ids[1])
    real = type(alarm.instance).fetch_run_status_changes

    def fetch(self: Any, wanted: Any, *args: Any, **options: Any) -> Any:
        found = real(self, wanted, *args, **options)
        if any(event.storage_id == odd for event in found.records):
            raise TypeError("an event of another version")
        return found

    monkeypatch.setattr(type(alarm.instance), "fetch_run_status_changes", fetch)
    first, unreadable, last = sorted(alarm.tick(), key=lambda line: line.startswith("RUN FAILED: bm_units"))[:3]
    told = "\n".join((first, unreadable, last))
    assert ids[0] in told
    assert ids[2] in told
    assert f"event {odd} of Dagster's storage: TypeError: an event of another version" in told
    assert alarm.tick() == []


def test_a_storage_that_is_down_is_no_unreadable_run(alarm: Alarm, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = alarm.failed_run(failing_job("ingest", "broken"))

    def down(*_: Any) -> Any:
        raise OSError("no route to host")

    with monkeypatch.context() as patch:
        patch.setattr(runs, "_why", down)
        with pytest.raises(OSError, match="no route"):
            alarm.tick()
    (told,) = alarm.tick()
    assert told.startswith("RUN FAILED: ingest: ")
    assert run_id in told


def test_words_that_cannot_be_made_of_one_item_keep_no_other_back(
    alarm: Alarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    from minerecon_dagster.alerts import text as words

    real = words.failing

    def odd(check: Any, *rest: Any) -> str:
        if check.name == c.DIFFICULTY_KNOWN.name:
            raise KeyError("repair")
        return real(check, *rest)

    monkeypatch.setattr(words, "failing", odd)
    alarm.result(MARCH, check=c.DIFFICULTY_KNOWN.full_name)
    alarm.result(MARCH)
    first, second = alarm.tick()
    assert first.startswith("FAILING: calculation.difficulty_known (ERROR), 2025-03-14: its details cannot be put")
    assert second.startswith("FAILING: conservation.records_match_archive (ERROR), 2025-03-14: 3 of 120 wrong")
    assert alarm.tick() == []


def test_of_a_cursor_that_is_damaged_in_part_the_rest_is_kept(alarm: Alarm) -> None:
    alarm.result(MARCH)
    alarm.failed_run(failing_job("bm_units_refresh", "broken"))
    assert len(alarm.tick()) == 2
    found = json.loads(alarm.cursor or "")
    found["failed_runs"][0]["left"] = {"all": [["all", "all", "no instant"]]}
    found["queue"] = [{"text": "of no kind"}]
    alarm.cursor = json.dumps(found)
    (told,) = alarm.tick()
    assert told.startswith(
        "UNREADABLE: what the alerts remembered cannot be read: one of failed_runs (ValueError); one of"
    )
    assert alarm.tick() == []
    assert len(alarm.state.failing or {}) == 1, "and what failed is not told anew"


def test_a_cursor_of_the_version_before_is_read(alarm: Alarm) -> None:
    alarm.failed_run(failing_job("ingest", "broken"), **{PARTITION_NAME_TAG: MARCH})
    assert len(alarm.tick()) == 1
    found = json.loads(alarm.cursor or "")
    (run,) = found["failed_runs"]
    del run["left"], run["assets"]
    run["started_at"] = dt.datetime.now(dt.UTC).isoformat()
    alarm.cursor = json.dumps(found | {"version": 1})
    assert alarm.tick() == []
    alarm.now = dt.datetime.now(dt.UTC)
    alarm.mend(MARCH, check=c.PERIODS_FETCHED.full_name)
    (told,) = alarm.tick()
    assert told.startswith("CLEARED: ingest of 2025-03-14: ")


def test_a_message_that_the_webhook_refuses_for_what_it_says_keeps_no_other_back(
    alarm: Alarm, caplog: pytest.LogCaptureFixture
) -> None:
    # The first attempt is refused as it is, the stand-in and the next message are taken.
    alarm.receiver.answer = lambda attempt: 400 if attempt == 1 else 200
    alarm.result("2025-03-01", "2025-03-05")
    stand_in, following = alarm.tick()
    assert stand_in.startswith("UNREADABLE: the webhook refuses a FAILING of 2025-03-20 09:00 UTC as it is")
    assert "2025-03-05" in following
    assert "refused by the webhook as it is (HTTP 400): FAILING: conservation.records_match_archive" in caplog.text


def test_a_webhook_that_refuses_everything_loses_nothing(alarm: Alarm) -> None:
    alarm.receiver.answer = lambda _: 400
    alarm.result("2025-03-01")
    assert alarm.tick() == []
    assert "HTTP 400; 1 wait, in order: correct MINERECON_ALERT_WEBHOOK_URL" in alarm.skipped
    alarm.receiver.answer = lambda _: 200
    (told,) = alarm.tick()
    assert told.startswith("FAILING: conservation.records_match_archive (ERROR), 2025-03-01:")


def test_more_failed_runs_than_a_tick_can_read_are_told_by_the_next_ones(
    alarm: Alarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [alarm.failed_run(failing_job(job, "broken")) for job in ("ingest", "recalculate")]
    with monkeypatch.context() as patch:
        patch.setattr(runs, "READ_FOR_S", -1.0)
        assert alarm.tick() == []
    told = "\n".join(alarm.tick())
    assert all(run_id in told for run_id in ids)


# --- what makes a failed run good

DAY_OF_IT = {PARTITION_NAME_TAG: MARCH}
MONTH_OF_IT = {PARTITION_NAME_TAG: "2025-03"}
YEAR_OF_IT = {PARTITION_NAME_TAG: "2025"}
NOBODY = dict[str, str]()

Step = Callable[[Alarm], object]


def evaluated(checked: c.Property, scope: str = "day", *, passed: bool = True) -> Step:
    """Another run evaluates a property, now."""
    first_day = {"day": MARCH, "month": "2025-03-01", "year": "2025-01-01"}[scope]

    def step(alarm: Alarm) -> None:
        alarm.now = dt.datetime.now(dt.UTC)
        alarm.result(first_day, check=checked.full_name, scope=scope, passed=passed)

    return step


def made(asset: dg.AssetKey, partition: str | None = None) -> Step:
    """Another run makes an asset, now."""
    event = dg.AssetMaterialization(asset, partition=partition)
    return lambda alarm: alarm.instance.report_runless_asset_event(event)


def done(job: str, tags: dict[str, str] = NOBODY) -> Step:
    """A later run of a job succeeds."""
    return lambda alarm: good_job(job).execute_in_process(instance=alarm.instance, tags=tags)


SUMS = c.SUMS_NOT_OLDER_THAN_PARTS
LOOKED_AT = "and its checks say how it is"
GOOD_RUN = "a later run of it succeeded"
OTHER_WORK: tuple[Step, ...] = (
    evaluated(c.WIND_LIKE_UNITS_MAPPED),
    made(asset_keys.DAILY, MARCH),
    done("analysts_watchdog"),
)
"""What happens all the time, and is the work of nobody else."""

KINDS: tuple[tuple[str, dict[str, str], tuple[Step, ...], Step, str], ...] = (
    # the job, its partition, what must not clear it, what does, and in which words
    (
        "ingest",
        DAY_OF_IT,
        (evaluated(c.CALCULATIONS_MATCH_RECORDS), done("recalculate", DAY_OF_IT)),
        evaluated(c.PERIODS_FETCHED),
        LOOKED_AT,
    ),
    ("ingest", DAY_OF_IT, (made(PRICE, MARCH),), evaluated(c.PERIODS_FETCHED, passed=False), LOOKED_AT),
    ("ingest", DAY_OF_IT, (done("ingest", {PARTITION_NAME_TAG: "2025-03-15"}),), done("ingest", DAY_OF_IT), GOOD_RUN),
    ("recalculate", DAY_OF_IT, (evaluated(c.PERIODS_FETCHED),), evaluated(c.CALCULATIONS_MATCH_RECORDS), LOOKED_AT),
    (
        "verify",
        DAY_OF_IT,
        (evaluated(c.PERIODS_FETCHED), done("ingest", DAY_OF_IT)),
        evaluated(c.SOURCE_UNCHANGED),
        LOOKED_AT,
    ),
    (
        "spot_fix",
        DAY_OF_IT,
        (evaluated(c.PERIODS_FETCHED), done("verify", DAY_OF_IT)),
        evaluated(c.SOURCE_UNCHANGED),
        LOOKED_AT,
    ),
    (
        "roll_up_months",
        MONTH_OF_IT,
        (evaluated(c.PERIODS_FETCHED), evaluated(SUMS, "year")),
        evaluated(SUMS, "month"),
        LOOKED_AT,
    ),
    ("roll_up_years", YEAR_OF_IT, (evaluated(SUMS, "month"),), evaluated(SUMS, "year"), LOOKED_AT),
    (
        "refresh_prices",
        DAY_OF_IT,
        (
            evaluated(c.PERIODS_FETCHED),
            evaluated(c.SOURCE_UNCHANGED),
            done("verify", DAY_OF_IT),
            done("refresh_prices", DAY_OF_IT),
            made(PRICE, "2025-03-15"),
        ),
        made(PRICE, MARCH),
        "the prices came since",
    ),
    (
        "export_months",
        MONTH_OF_IT,
        (evaluated(SUMS, "month"), made(MONTHLY_REPORT, "2025-03")),
        made(EXPORTS, "2025-03"),
        "it was made since",
    ),
    ("export_months", MONTH_OF_IT, (made(EXPORTS, "2025-02"),), done(EXPORT_SWEEP), GOOD_RUN),
    (
        "export_sweep",
        NOBODY,
        (made(EXPORTS, "2025-03"), done("export_months", MONTH_OF_IT)),
        done(EXPORT_SWEEP),
        GOOD_RUN,
    ),
    ("report_months", MONTH_OF_IT, (made(EXPORTS, "2025-03"),), made(MONTHLY_REPORT, "2025-03"), "it was made since"),
    ("report_months", MONTH_OF_IT, (done(EXPORT_SWEEP),), done(REPORT_SWEEP), GOOD_RUN),
    (
        "report_sweep",
        NOBODY,
        (made(MONTHLY_REPORT, "2025-03"), done("report_months", MONTH_OF_IT), done(EXPORT_SWEEP)),
        done(REPORT_SWEEP),
        GOOD_RUN,
    ),
    ("report_latest", NOBODY, (made(MONTHLY_REPORT, "2025-03"),), made(LATEST_REPORT), "it was made since"),
    ("accept_register", NOBODY, (done("bm_units_refresh"),), done("accept_register"), GOOD_RUN),
    (
        "bm_units_refresh",
        NOBODY,
        (made(asset_keys.BM_UNITS), evaluated(c.REGISTER_UNCHANGED)),
        done("bm_units_refresh"),
        GOOD_RUN,
    ),
    (
        "rollup_sweep",
        NOBODY,
        (evaluated(SUMS, "month"), done("roll_up_months", MONTH_OF_IT)),
        done("rollup_sweep"),
        GOOD_RUN,
    ),
    ("standing_inventory", NOBODY, (evaluated(c.PERIODS_FETCHED),), done("standing_inventory"), GOOD_RUN),
    ("purge_superseded_runs", NOBODY, (), done("purge_superseded_runs"), GOOD_RUN),
    ("of_another_version", DAY_OF_IT, (evaluated(c.PERIODS_FETCHED),), done("of_another_version", DAY_OF_IT), GOOD_RUN),
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("job", "tags", "not_by", "by", "words"), KINDS, ids=[f"{n}-{k[0]}" for n, k in enumerate(KINDS)]
)
def test_a_failed_run_clears_by_its_own_kind_of_work_and_by_no_other(
    alarm: Alarm, job: str, tags: dict[str, str], not_by: tuple[Step, ...], by: Step, words: str
) -> None:
    alarm.failed_run(failing_job(job, "broken"), **tags)
    (told,) = alarm.tick()
    assert told.startswith(f"RUN FAILED: {job}")
    for step in not_by + OTHER_WORK:
        step(alarm)
    told = [line for line in alarm.tick() if "RUN" in line or f": {job}" in line]
    assert told == [], "a false all-clear"
    by(alarm)
    (cleared,) = [line for line in alarm.tick() if line.startswith(f"CLEARED: {job}")]
    assert words in cleared


def test_every_job_of_the_project_is_a_kind_of_work_and_is_tried_above() -> None:
    jobs = {job.name for job in build_defs().jobs or ()}
    assert jobs == set(WORKS)
    assert jobs <= {kind[0] for kind in KINDS}


def test_the_table_of_the_documentation_is_made_from_the_kinds() -> None:
    page = (PROJECT_ROOT / "docs" / "operate" / "alerts.md").read_text("utf-8")
    assert clearing.table() in page, "write it anew by `make docs`"


def test_a_success_between_two_failures_that_one_tick_meets_clears_neither_of_them_too_early(alarm: Alarm) -> None:
    alarm.failed_run(failing_job("recalculate", "broken"), **DAY_OF_IT)
    done("recalculate", DAY_OF_IT)(alarm)
    alarm.failed_run(failing_job("recalculate", "broken"), **DAY_OF_IT)
    (told,) = alarm.tick()
    assert "(2 runs)" in told
    assert alarm.tick() == [], "the success came before the second failure"
    done("recalculate", DAY_OF_IT)(alarm)
    assert len(alarm.tick()) == 1


def test_what_a_run_evaluated_before_it_failed_does_not_clear_it(alarm: Alarm) -> None:
    alarm.now = dt.datetime.now(dt.UTC)

    @dg.op
    def evaluates_and_fails(context) -> None:
        alarm.now = dt.datetime.now(dt.UTC)
        alarm.mend(MARCH, check=c.PERIODS_FETCHED.full_name, run_id=context.run_id)
        raise dg.Failure("the lock's connection died", metadata={KEY: {MARCH: "the connection died"}})

    alarm.failed_run(dg.GraphDefinition(name="ingest", node_defs=[evaluates_and_fails]).to_job(), **DAY_OF_IT)
    (told,) = alarm.tick()
    assert told.startswith("RUN FAILED: ingest of 2025-03-14: the connection died")
    assert alarm.tick() == []


def test_days_clear_one_by_one_and_the_run_with_the_last_of_them(alarm: Alarm) -> None:
    days = {ASSET_PARTITION_RANGE_START_TAG: "2025-03-14", ASSET_PARTITION_RANGE_END_TAG: "2025-03-15"}
    alarm.failed_run(failing_job("refresh_prices", "no network"), **days)
    assert len(alarm.tick()) == 1
    made(PRICE, "2025-03-14")(alarm)
    assert alarm.tick() == []
    assert [len(run.left) for run in alarm.state.failed_runs] == [1]
    made(PRICE, "2025-03-15")(alarm)
    (cleared,) = alarm.tick()
    assert cleared.startswith("CLEARED: refresh_prices of 2025-03-14 to 2025-03-15: the prices came since;")


OF_THREE_DAYS = {ASSET_PARTITION_RANGE_START_TAG: "2025-03-14", ASSET_PARTITION_RANGE_END_TAG: "2025-03-16"}


def fails_for_three_days_of_which_two_are_made_good(alarm: Alarm) -> None:
    alarm.failed_run(failing_job("refresh_prices", "no network"), **OF_THREE_DAYS)
    assert len(alarm.tick()) == 1
    for day in ("2025-03-14", "2025-03-15"):
        made(PRICE, day)(alarm)
    assert alarm.tick() == []


def test_a_day_that_was_made_good_and_fails_again_is_told_though_another_of_its_run_is_still_open(alarm: Alarm) -> None:
    fails_for_three_days_of_which_two_are_made_good(alarm)
    alarm.failed_run(failing_job("refresh_prices", "no network"), **DAY_OF_IT)
    (told,) = alarm.tick()
    assert told.startswith("RUN FAILED: refresh_prices of 2025-03-14: RuntimeError: no network")
    alarm.failed_run(failing_job("refresh_prices", "no network"), **{PARTITION_NAME_TAG: "2025-03-16"})
    assert alarm.tick() == [], "of that day nothing has changed"
    made(PRICE, "2025-03-14")(alarm)
    (cleared,) = alarm.tick()
    assert cleared.startswith("CLEARED: refresh_prices of 2025-03-14: the prices came since; a run of it had failed")
    made(PRICE, "2025-03-16")(alarm)
    (cleared,) = alarm.tick()
    assert cleared.startswith("CLEARED: refresh_prices of 2025-03-14 to 2025-03-16: the prices came since; 2 runs of")


def test_a_run_that_fails_again_for_days_that_two_messages_told_of_is_counted_with_both(alarm: Alarm) -> None:
    fails_for_three_days_of_which_two_are_made_good(alarm)
    alarm.failed_run(failing_job("refresh_prices", "no network"), **{PARTITION_NAME_TAG: "2025-03-15"})
    assert len(alarm.tick()) == 1
    again = OF_THREE_DAYS | {ASSET_PARTITION_RANGE_START_TAG: "2025-03-15"}
    alarm.failed_run(failing_job("refresh_prices", "no network"), **again)
    assert alarm.tick() == []
    assert [(len(run.left), run.run_count) for run in alarm.state.failed_runs] == [(1, 2), (1, 2)]
    alarm.failed_run(failing_job("refresh_prices", "no network"), **OF_THREE_DAYS)
    (told,) = alarm.tick()
    assert told.startswith("RUN FAILED: refresh_prices of 2025-03-14 to 2025-03-16: "), "a day of it was good"


def test_a_recalculation_of_all_models_is_not_made_good_by_one_of_a_single_model(alarm: Alarm) -> None:
    keys = [asset_keys.DIFFICULTY, *asset_keys.CALCULATIONS, asset_keys.BITCOIN_DAILY]
    days = dg.DailyPartitionsDefinition("2025-03-01")
    is_broken = True

    @dg.multi_asset(specs=[dg.AssetSpec(key, skippable=True) for key in keys], can_subset=True, partitions_def=days)
    def calculations() -> Iterator[dg.MaterializeResult[Any]]:
        if is_broken:
            raise RuntimeError("broken")
        yield from ()

    job = dg.Definitions([calculations], jobs=[dg.define_asset_job("recalculate")]).resolve_job_def("recalculate")

    def run(**options: Any) -> None:
        job.execute_in_process(instance=alarm.instance, partition_key=MARCH, raise_on_error=False, **options)

    run()
    assert len(alarm.tick()) == 1
    is_broken = False
    run(asset_selection=[asset_keys.calculations("S9")])
    assert alarm.tick() == []
    run()
    (cleared,) = alarm.tick()
    assert cleared.startswith("CLEARED: recalculate of 2025-03-14: a later run of it succeeded")


def test_a_spot_fix_is_not_made_good_by_one_of_another_period(alarm: Alarm) -> None:
    is_broken = True

    @dg.op(config_schema={"period": int, "bmu": str})
    def fix_period() -> None:
        if is_broken:
            raise RuntimeError("broken")

    job = dg.GraphDefinition(name="spot_fix", node_defs=[fix_period]).to_job()

    def run(period: int) -> None:
        config = {"ops": {"fix_period": {"config": {"period": period, "bmu": "T_X-1"}}}}
        job.execute_in_process(config, instance=alarm.instance, tags=DAY_OF_IT, raise_on_error=False)

    run(17)
    (told,) = alarm.tick()
    assert told.startswith("RUN FAILED: spot_fix (17, T_X-1) of 2025-03-14: ")
    is_broken = False
    run(18)
    assert alarm.tick() == []
    run(17)
    assert len(alarm.tick()) == 1


def test_assets_that_were_chosen_clear_by_the_works_that_make_them() -> None:
    both = clearing.works_of("__ASSET_JOB", ["bitcoin_price_gbp", "curtailment_records"])
    assert set(both) == {"ingest", "refresh_prices"}
    assert set(clearing.works_of("__ASSET_JOB", ["historical_bitcoin_calculations/S9"])) == {"recalculate"}
    assert clearing.works_of("__ASSET_JOB", ["bitcoin_price_gbp", "of_another_version"]) == {}
    assert clearing.works_of("__ASSET_JOB", []) == {}


def test_that_what_became_of_one_run_cannot_be_read_keeps_it_and_no_other(
    alarm: Alarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    for job in ("bm_units_refresh", "purge_superseded_runs"):
        alarm.failed_run(failing_job(job, "broken"))
    assert len(alarm.tick()) == 2
    for job in ("bm_units_refresh", "purge_superseded_runs"):
        done(job)(alarm)
    real = clearing.works_of

    def odd(job: str, assets: Any) -> Any:
        if job == "bm_units_refresh":
            raise AttributeError("of another version")
        return real(job, assets)

    with monkeypatch.context() as patch:
        patch.setattr(clearing, "works_of", odd)
        (cleared,) = alarm.tick()
    assert cleared.startswith("CLEARED: purge_superseded_runs: ")
    (cleared,) = alarm.tick()
    assert cleared.startswith("CLEARED: bm_units_refresh: ")


# --- silence of the source, and what is wrong for long


class Clock:
    """A project whose clock a test moves, with its alerts."""

    def __init__(self, project: Project, receiver: Receiver) -> None:
        self.project = project
        self.alarm = Alarm(project.instance, project.engine, receiver)
        self.alarm.now = dt.datetime.fromisoformat("2025-03-28T12:10:00+00:00")
        self.alarm.tick()

    def at(self, instant: str) -> None:
        self.alarm.now = dt.datetime.fromisoformat(instant)
        self.project.now = instant

    def ingest(self) -> None:
        self.project.run(DAY, force=True)

    def inventory(self) -> None:
        defs = definitions(self.project.now)
        assert defs.resolve_job_def("standing_inventory").execute_in_process(instance=self.project.instance).success

    def told(self) -> list[str]:
        return [line.partition(": ")[0] + " " + line.split(" (ERROR)")[0].split(": ")[-1] for line in self.alarm.tick()]


@pytest.mark.slow
def test_late_periods_alert_nobody_while_they_may_come_and_alert_if_they_are_late_at_five_past_nine(
    project: Project, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINERECON_ALERT_WEBHOOK_URL", receiver.url)
    monkeypatch.setenv("MINERECON_START_DATE", str(DAY))
    clock = Clock(project, receiver)
    project.elexon.world.hide[DAY, "bid"] = {17, 18}
    clock.at("2025-03-29T00:45:00+00:00")  # every period is due
    clock.ingest()
    assert project.status() == "incomplete", "it is shown at once"
    assert clock.told() == []
    clock.at("2025-03-29T06:00:00+00:00")
    clock.ingest()
    assert project.status() == "incomplete"
    assert clock.told() == []
    clock.at("2025-03-29T09:05:00+00:00")
    clock.inventory()
    assert "[SYNTHETIC] FAILING freshness.yesterday_is_there" in clock.told()
    project.elexon.world.hide.clear()
    clock.at("2025-03-29T10:00:00+00:00")
    clock.ingest()
    clock.at("2025-03-29T12:05:00+00:00")
    clock.inventory()
    assert "[SYNTHETIC] CLEARED freshness.yesterday_is_there" in clock.told()


@pytest.mark.slow
def test_a_day_that_is_wrong_for_years_hides_no_other(alarm: Alarm) -> None:
    look = {"check": c.DAYS_BECOME_FINAL.full_name, "scope": "all", "repair": "minerecon reingest FROM TO"}

    def names(on: str, *days: str) -> list[str]:
        groups = [{"first": day, "last": day, "days": 1} for day in days]
        alarm.result(on, violations=json.dumps(groups), **look)
        return alarm.tick()

    (told,) = names("2025-03-20", "2022-02-01")
    assert told.startswith("FAILING: freshness.days_become_final (ERROR), over all days: ")
    assert "\nWhich: 2022-02-01\n" in told
    assert names("2025-03-21", "2022-02-01") == []
    (told,) = names("2025-03-22", "2025-03-20", "2022-02-01")
    assert told.startswith(
        "FAILING: freshness.days_become_final (ERROR), over all days: it was failing, and more days do: 2025-03-20; "
    )
    assert names("2025-03-23", "2025-03-20", "2022-02-01") == []
    assert names("2025-03-24", "2022-02-01") == [], "the newer one is mended, and the check is red"
    assert len(names("2025-03-25", "2025-03-20", "2022-02-01")) == 1, "and fails anew"
    alarm.mend("2025-03-26", **look)
    (cleared,) = alarm.tick()
    assert cleared.startswith("CLEARED: freshness.days_become_final")
    assert len(names("2025-03-27", "2022-02-01")) == 1


def look_names(alarm: Alarm, on: str, *days: str) -> list[str]:
    """A look at all days that names ``days``, the newest first, and what is told of it."""
    groups = [{"first": day, "last": day, "days": 1} for day in sorted(days, reverse=True)]
    alarm.result(
        on, check=c.EVERY_DAY_MATCHES_ITS_ROWS.full_name, scope="all", violations=json.dumps(groups), repair="mend it"
    )
    return alarm.tick()


@pytest.mark.first_quick
@pytest.mark.parametrize(
    ("looks", "told"),
    [
        ([["2026-06-10"], ["2025-03-01"], ["2024-01-01"]], ["2025-03-01", "2024-01-01"]),
        ([["2026-06-10", "2026-06-20"], ["2025-03-01"]], ["2025-03-01"]),
        ([["2026-06-10", "2026-06-20"], ["2025-03-01", "2026-06-20"]], ["2025-03-01"]),
        (
            [["2026-06-10"], ["2024-01-01", "2025-03-01", "2026-06-10"], ["2024-01-01"]],
            ["2 days: 2024-01-01, 2025-03-01"],
        ),
    ],
    ids=["another and another", "one for two", "one of two", "two more, and two mended"],
)
def test_days_named_for_the_first_time_are_told_however_old_and_whatever_was_mended(
    alarm: Alarm, looks: list[list[str]], told: list[str]
) -> None:
    first, *others = looks
    assert len(look_names(alarm, "2026-07-01", *first)) == 1
    found = [message for n, days in enumerate(others, 2) for message in look_names(alarm, f"2026-07-{n:02d}", *days)]
    begins = "FAILING: inventory.every_day_matches_its_rows (ERROR), over all days: it was failing, and more days do: "
    assert [message.split(";")[0] for message in found] == [begins + days for days in told]


def test_days_that_cannot_be_remembered_are_told_anew(alarm: Alarm) -> None:
    assert len(look_names(alarm, "2026-07-01", "2025-03-01")) == 1
    found = json.loads(alarm.cursor or "")
    alarm.cursor = json.dumps(found | {"named": {c.EVERY_DAY_MATCHES_ITS_ROWS.full_name: [["no", "day"]]}})
    lost, told = look_names(alarm, "2026-07-02", "2024-01-01")
    assert lost.startswith("UNREADABLE: what the alerts remembered cannot be read: named (ValueError")
    assert "more days do: 2024-01-01;" in told


@pytest.mark.first_quick
@pytest.mark.parametrize("groups", ['["2025-03-20"]', '[{"first": "x"}]', "[[]]", "[7]"])
def test_groups_that_cannot_be_read_keep_no_alert_back(alarm: Alarm, groups: str) -> None:
    alarm.result("2025-03-20", check=c.DAYS_BECOME_FINAL.full_name, scope="all", violations=groups)
    (told,) = alarm.tick()
    assert told.startswith("FAILING: freshness.days_become_final (ERROR), over all days: ")
