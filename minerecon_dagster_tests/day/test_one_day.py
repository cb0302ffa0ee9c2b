"""A settlement day, end to end: real runs, real services, every figure against independent totals."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
from collections.abc import Iterator
from decimal import Decimal

import dagster as dg
import pytest
from dagster._core.storage.tags import PARTITION_NAME_TAG
from sqlalchemy import text

from minerecon_dagster import asset_keys
from minerecon_dagster.core.calendar import period_count, rerun_done_at
from minerecon_dagster.core.mining import MINER_MODELS, block_subsidy_btc, mined_btc
from minerecon_dagster.warehouse.store import act_as_owner
from minerecon_dagster_tests.fake_elexon import CUT, HTML, NO_ROWS, NOT_FOUND, Fault, boav_path, fake_elexon, stack_path
from minerecon_dagster_tests.project import DAY, QUIET, Project, definitions, not_done

D = dt.date.fromisoformat


@pytest.mark.first_quick
@pytest.mark.parametrize("day", [DAY, D("2025-03-30"), D("2025-10-26"), D("2025-06-15")], ids=str)
def test_every_figure_of_every_unit_is_what_elexon_served(project: Project, day: dt.date) -> None:
    project.ingest(day)
    expected = project.elexon.world.expected_totals(day)
    stored = {
        row[0]: row[1:]
        for row in project.sql(
            "SELECT bmu_id, count(*), sum(curtailed_mwh), coalesce(sum(payment_gbp), 0),"
            " count(*) FILTER (WHERE so_flag), coalesce(sum(curtailed_mwh) FILTER (WHERE so_flag), 0),"
            " coalesce(sum(payment_gbp) FILTER (WHERE so_flag), 0)"
            " FROM minerecon.curtailment_records GROUP BY bmu_id"
        )
    }
    assert stored.keys() == expected.keys()
    for unit, t in expected.items():
        assert stored[unit] == (t.rows, t.mwh, t.gbp, t.so_rows, t.so_mwh, t.so_gbp), unit
    (summary,) = project.sql(
        "SELECT periods_expected, periods_present, state, is_final, record_count, curtailed_mwh, payment_gbp,"
        " all_bids_mwh, all_bids_payment_gbp, paid_gbp - refunded_gbp, is_synthetic FROM minerecon.daily_summaries"
    )
    n, sums = period_count(day), list(expected.values())
    assert summary == (
        n, n, "final", True,
        sum(t.rows for t in sums),
        sum((t.so_mwh for t in sums), Decimal()),
        sum((t.so_gbp for t in sums), Decimal()),
        sum((t.mwh for t in sums), Decimal()),
        sum((t.gbp for t in sums), Decimal()),
        sum((t.so_gbp for t in sums), Decimal()),
        True,
    )  # fmt: skip
    assert project.status(day) == "complete"
    calculations = "SELECT count(*) FROM minerecon.historical_bitcoin_calculations"
    looked_at = "SELECT looked_at FROM minerecon.reconciliation_results WHERE check_name = 'calculations_match_records'"
    assert project.sql(looked_at)[0][0] == max(project.sql(calculations)[0][0], len(MINER_MODELS))


@pytest.mark.first_quick
@pytest.mark.parametrize("day", [DAY, D("2024-04-20")], ids=str)
def test_every_calculation_is_the_formula_on_its_stored_inputs(project: Project, day: dt.date) -> None:
    project.ingest(day)
    models = {model.name: model for model in MINER_MODELS}
    rows = project.sql(
        "SELECT c.miner_model, c.curtailed_mwh, c.difficulty, c.block_subsidy_btc, c.mined_btc, r.start_time"
        " FROM minerecon.historical_bitcoin_calculations AS c JOIN (SELECT DISTINCT settlement_period, start_time"
        " FROM minerecon.curtailment_records) AS r USING (settlement_period)"
    )
    assert len(rows) > 1000
    for model, mwh, difficulty, subsidy, btc, start in rows:
        assert subsidy == block_subsidy_btc(start)
        assert abs(btc / mined_btc(mwh, models[model], difficulty, subsidy) - 1) < Decimal("1e-15")


def test_the_halving_falls_within_period_3_of_its_day(project: Project) -> None:
    project.ingest(D("2024-04-20"))
    found = project.sql(
        "SELECT DISTINCT settlement_period, block_subsidy_btc FROM minerecon.historical_bitcoin_calculations"
        " WHERE settlement_period <= 6 ORDER BY 1"
    )
    assert found == [(p, Decimal("6.25") if p <= 3 else Decimal("3.125")) for p in range(1, 7)]


@pytest.mark.slow
def test_the_ratios_of_the_models_hold_on_every_row(project: Project) -> None:
    project.ingest()
    wrong = project.sql(
        "SELECT count(*) FILTER (WHERE abs(m.mined_btc / s.mined_btc - 0.6172619047619048) > 1e-12"
        " OR abs(n.mined_btc / s.mined_btc - 0.3112244897959183) > 1e-12), count(*)"
        " FROM minerecon.historical_bitcoin_calculations AS s"
        " JOIN minerecon.historical_bitcoin_calculations AS m USING (settlement_date, settlement_period, bmu_id)"
        " JOIN minerecon.historical_bitcoin_calculations AS n USING (settlement_date, settlement_period, bmu_id)"
        " WHERE s.miner_model = 'S19J_PRO' AND m.miner_model = 'M20S' AND n.miner_model = 'S9'"
    )
    assert wrong[0][0] == 0
    assert wrong[0][1] > 300


def test_a_day_without_wind_is_a_complete_day_of_zero(project: Project) -> None:
    day = D("2025-06-15")
    project.ingest(day)
    assert project.sql("SELECT record_count, curtailed_mwh, payment_gbp, state FROM minerecon.daily_summaries") == [
        (0, 0, 0, "final")
    ]
    assert project.sql("SELECT miner_model, mined_btc FROM minerecon.bitcoin_daily_summaries ORDER BY 1") == [
        (model, 0) for model in sorted(m.name for m in MINER_MODELS)
    ]


@pytest.mark.slow
def test_running_a_day_three_times_leaves_the_same_rows_and_one_archive_object(project: Project) -> None:
    project.ingest()
    first = project.content()
    project.ingest(force=True)
    project.ingest(from_archive=True)
    assert project.content() == first
    assert len(project.archive_objects()) == 1


@pytest.mark.slow
def test_faults_that_pass_leave_the_same_tables_as_a_calm_day(project: Project) -> None:
    project.ingest()
    calm = project.content()
    seen = project.elexon.requests
    kinds = [Fault(429, headers={"Retry-After": "0"}), Fault(500), CUT, HTML]
    seen.clear()
    project.elexon.faults = lambda path: kinds[hash(path) % 4] if seen[path] == 1 and hash(path) % 9 < 4 else None
    project.ingest(force=True)
    assert max(seen.values()) == 2
    assert project.content() == calm


@pytest.mark.slow
def test_a_final_day_is_not_asked_for_again_and_the_archive_alone_rebuilds_it(project: Project) -> None:
    project.ingest()
    before = project.content()
    project.elexon.requests.clear()
    project.ingest()
    with project.engine.begin() as connection:
        connection.execute(
            text(
                "SET LOCAL ROLE NONE; "
                "TRUNCATE minerecon.bm_units, minerecon.curtailment_records, minerecon.daily_summaries CASCADE"
            )
        )
    project.ingest(from_archive=True)
    assert not project.elexon.requests
    assert project.content() == before


@pytest.mark.slow
def test_a_period_that_fails_replaces_nothing_and_is_named_with_the_command_that_tries_again(project: Project) -> None:
    project.ingest()
    before = project.content()
    bad = stack_path("bid", DAY, 17)
    project.elexon.faults = lambda path: Fault(400) if path == bad else None
    result = project.run(DAY, force=True)
    assert not result.success
    assert "bid periods 17 failed" in not_done(result)
    assert f"minerecon reingest {DAY}" in not_done(result)
    after = project.content()
    attempt = [
        r
        for r in project.sql("SELECT settlement_period, stack_side, status, error FROM minerecon.ingestion_progress")
        if r[3]
    ]
    assert [(p, side, status) for p, side, status, _ in attempt] == [(17, "bid", "failed")]
    assert "HTTP 400" in attempt[0][3]
    for table in before.keys() - {"ingestion_progress"}:
        assert after[table] == before[table]
    assert project.status() == "failing"
    assert len(project.archive_objects()) == 1


def test_a_stray_404_is_not_an_empty_period(project: Project) -> None:
    project.elexon.faults = lambda path: NOT_FOUND if str(DAY) in path else None
    result = project.run(DAY)
    assert not result.success
    assert "control total (BOAV bid)" in not_done(result)
    assert "bid periods 1-48 failed" in not_done(result)
    assert project.sql("SELECT count(*) FROM minerecon.daily_summaries") == [(0,)]
    assert project.sql("SELECT DISTINCT status FROM minerecon.ingestion_progress") == [("failed",)]


@pytest.mark.slow
def test_one_404_where_the_control_total_has_volume_is_unpublished(project: Project) -> None:
    project.elexon.faults = lambda path: NOT_FOUND if path == stack_path("bid", DAY, 5) else None
    project.ingest()
    assert project.status() == "incomplete"


@pytest.mark.first_quick
@pytest.mark.parametrize("side", ["bid", "offer"])
def test_a_day_without_its_control_total_is_not_replaced(project: Project, side: str) -> None:
    project.elexon.faults = lambda path: NOT_FOUND if path == boav_path(side, DAY) else None  # type: ignore[arg-type]
    result = project.run(DAY)
    assert not result.success
    assert f"control total (BOAV {side})" in not_done(result)
    assert project.sql("SELECT count(*) FROM minerecon.daily_summaries") == [(0,)]


@pytest.mark.slow
def test_hidden_periods_make_the_day_incomplete_and_say_which_and_it_follows_when_they_appear(project: Project) -> None:
    for side in ("bid", "offer"):
        project.elexon.world.hide[DAY, side] = set(range(40, 49))  # type: ignore[index]
    project.ingest()
    assert project.sql("SELECT state, is_final, periods_present FROM minerecon.daily_summaries") == [
        ("incomplete", False, 39)
    ]
    assert project.status() == "incomplete"
    (actual,) = project.sql("SELECT actual FROM minerecon.reconciliation_results WHERE check_name = 'periods_present'")[
        0
    ]
    assert "unpublished: 40-48" in actual
    project.elexon.world.hide.clear()
    project.ingest()
    assert project.status() == "complete"
    assert len(project.archive_objects()) == 2


@pytest.mark.slow
def test_hidden_periods_that_the_control_totals_have_not_either_are_no_less_missing(project: Project) -> None:
    project.elexon.world.hide_controls = True
    for side in ("bid", "offer"):
        project.elexon.world.hide[DAY, side] = set(range(40, 49))  # type: ignore[index]
    project.ingest()
    assert project.status() == "incomplete"
    assert project.sql(
        "SELECT status, count(*), sum(acceptance_count) FROM minerecon.ingestion_progress"
        " WHERE settlement_period >= 40 GROUP BY status"
    ) == [("unpublished", 18, 0)]


@pytest.mark.slow
def test_a_period_that_only_one_side_has_not_is_empty_and_the_day_is_final(project: Project) -> None:
    project.elexon.world.hide_controls = True
    project.elexon.world.hide[DAY, "bid"] = {40, 41}
    project.ingest()
    assert project.status() == "complete"
    assert project.sql("SELECT count(*) FROM minerecon.ingestion_progress WHERE status = 'empty'") == [(2,)]


def test_a_day_in_progress_is_provisional_with_its_due_periods(project: Project) -> None:
    project.now = "2025-03-28T12:10:00+00:00"
    with fake_clock(project):
        project.ingest()
    assert project.sql("SELECT state, periods_due, periods_present FROM minerecon.daily_summaries") == [
        ("provisional", 23, 24)
    ]
    assert project.status() == "provisional"


def fake_clock(project: Project) -> contextlib.AbstractContextManager[None]:
    """The client stamps answers with the real time; a day in progress needs them stamped with the test's."""
    from minerecon_dagster.elexon import client as module

    @contextlib.contextmanager
    def stopped() -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            at = dt.datetime.fromisoformat(str(project.now))
            original = module.ElexonClient.__init__
            patch.setattr(
                module.ElexonClient,
                "__init__",
                lambda self, *args, **kwargs: original(self, *args, **(kwargs | {"now": lambda: at})),
            )
            yield

    return stopped()


@pytest.mark.slow
def test_a_day_fetched_before_its_rerun_is_asked_again_and_a_final_one_is_not(project: Project) -> None:
    project.now = (rerun_done_at(DAY) - dt.timedelta(minutes=1)).isoformat()
    with fake_clock(project):
        project.ingest()
    assert project.status() == "provisional"
    project.now = None
    project.ingest()
    assert project.status() == "complete"
    assert len(project.archive_objects()) == 1, "nothing new came, so only the time of the look was kept"
    project.elexon.requests.clear()
    project.ingest()
    assert not project.elexon.requests


@pytest.mark.slow
def test_periods_fetch_only_those_and_carry_the_others_over(project: Project) -> None:
    project.ingest()
    before = by_period(project)
    project.elexon.requests.clear()
    project.elexon.world.revise[DAY] = 1.004
    project.ingest(periods="44-48")
    asked = {path for path in project.elexon.requests if "stack" in path}
    assert asked == {stack_path(side, DAY, p) for side in ("bid", "offer") for p in range(44, 49)}
    after = by_period(project)
    assert {p: mwh for p, mwh in after.items() if p < 44} == {p: mwh for p, mwh in before.items() if p < 44}
    for period in range(44, 49):
        assert float(after[period]) == pytest.approx(float(before[period]) * 1.004)
    assert len(project.archive_objects()) == 2


def by_period(project: Project) -> dict[int, Decimal]:
    query = "SELECT settlement_period, sum(curtailed_mwh) FROM minerecon.curtailment_records GROUP BY 1"
    return dict(project.sql(query))  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_revision_replaces_the_day_and_keeps_the_older_object(project: Project) -> None:
    project.ingest()
    project.elexon.world.revise[DAY] = 1.004
    project.ingest(force=True)
    expected = project.elexon.world.expected_totals(DAY)
    assert project.sql("SELECT all_bids_mwh FROM minerecon.daily_summaries") == [
        (sum((t.mwh for t in expected.values()), Decimal()),)
    ]
    assert len(project.archive_objects()) == 2


@pytest.mark.slow
def test_a_day_that_the_database_refuses_row_by_row_is_named_and_the_next_one_is_done(project: Project) -> None:
    refuse = (
        "CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'no %% today', NEW.bmu_id; END $$"
    )
    with project.engine.begin() as connection:
        act_as_owner(connection)
        connection.exec_driver_sql(refuse)
        connection.exec_driver_sql(
            "CREATE TRIGGER refuse BEFORE INSERT ON minerecon.curtailment_records FOR EACH ROW"
            f" WHEN (NEW.settlement_date = '{DAY}') EXECUTE FUNCTION public.refuse()"
        )
    result = project.run(DAY, DAY + dt.timedelta(days=1))
    assert not result.success
    assert f"1 of 2 days not done: {DAY}\n{DAY}: no " in not_done(result)
    assert f"Repair: minerecon reingest {DAY}\nOr in the UI: job ingest for {DAY}" in not_done(result)
    assert " today" in not_done(result)
    assert project.sql("SELECT summary_date FROM minerecon.daily_summaries") == [(DAY + dt.timedelta(days=1),)]


def test_a_missing_difficulty_stops_the_day_with_one_clear_line(project: Project) -> None:
    with fake_elexon(D("2025-12-20")) as elexon, pytest.MonkeyPatch.context() as patch:
        patch.setenv("ELEXON_BASE_URL", elexon.base_url)
        result = project.run(D("2025-12-20"))
    assert not result.success
    assert "no difficulty for 2025-12-20 in DynamoDB table" in not_done(result)
    assert "minerecon difficulty load FILE.csv" in not_done(result)
    assert project.sql("SELECT count(*) FROM minerecon.curtailment_records") == [(0,)]
    assert project.status(D("2025-12-20")) == "failing"


@pytest.mark.slow
def test_the_day_in_progress_waits_for_its_difficulty_and_is_not_called_failing_before_it_is_over(
    project: Project,
) -> None:
    day = D("2025-12-20")
    with fake_elexon(day) as elexon, pytest.MonkeyPatch.context() as patch:
        patch.setenv("ELEXON_BASE_URL", elexon.base_url)
        project.now = "2025-12-20T15:00:00+00:00"
        with fake_clock(project):
            in_progress = project.run(day)
        assert in_progress.success, not_done(in_progress)
        (told,) = in_progress.get_asset_check_evaluations()
        assert (told.check_name, told.passed, told.severity) == ("calculation", False, dg.AssetCheckSeverity.WARN)
        assert "no difficulty for 2025-12-20" in str(told.metadata["Problem"].value)
        assert told.metadata["Repair"].value == "minerecon difficulty load FILE.csv"
        assert project.sql("SELECT count(*) FROM minerecon.daily_summaries") == [(0,)]
        assert project.status(day) != "failing"
        project.now = "2025-12-21T06:00:00+00:00"
        over = project.run(day)
    assert not over.success
    assert "difficulty load FILE.csv; minerecon reingest 2025-12-20" in not_done(over)
    assert project.status(day) == "failing"


@pytest.mark.first_quick
@pytest.mark.parametrize(
    "chosen",
    [asset_keys.DAILY, asset_keys.WIND, asset_keys.calculations("S9"), asset_keys.BITCOIN_DAILY, asset_keys.DIFFICULTY],
    ids=lambda key: key.path[-1],
)
def test_whatever_is_chosen_of_a_day_that_is_not_there_the_day_is_fetched_and_built(
    project: Project, chosen: dg.AssetKey
) -> None:
    result = project.run(DAY, selection=[chosen])
    assert result.success, not_done(result)
    assert project.status() == "complete"
    made = {e.asset_key for e in result.get_asset_materialization_events()}
    assert made >= set(asset_keys.SETTLEMENT_DAY)


@pytest.mark.slow
def test_the_job_that_asks_for_nothing_says_of_a_day_that_is_not_there_what_fetches_it(project: Project) -> None:
    project.ingest(DAY + dt.timedelta(days=1))
    project.elexon.requests.clear()
    job = definitions(None).resolve_job_def("recalculate")
    result = job.execute_in_process(
        instance=project.instance, tags={PARTITION_NAME_TAG: str(DAY)}, run_config=QUIET, raise_on_error=False
    )
    assert not result.success
    assert f"minerecon reingest {DAY}" in not_done(result)
    assert not project.elexon.requests


def test_a_run_says_why_a_day_is_not_done_once_and_then_what_to_do_in_a_terminal_and_in_the_ui(
    project: Project,
) -> None:
    project.elexon.faults = lambda path: Fault(400) if path == stack_path("bid", DAY, 17) else None
    result = project.run(DAY)
    (failed,) = result.get_step_failure_events()
    failure = failed.step_failure_data.user_failure_data
    assert failure is not None
    first, why, repair, in_the_ui = str(failure.description).splitlines()
    assert first == f"1 of 1 days not done: {DAY}"
    assert why.startswith(f"{DAY}: bid periods 17 failed")
    assert "minerecon" not in why
    assert (repair, in_the_ui) == (
        f"Repair: minerecon reingest {DAY} --force",
        f"Or in the UI: job ingest for {DAY}, with force: true in its launchpad",
    )
    assert sorted(failure.metadata) == ["Repair", "Repair by a job", "days_not_done"]
    assert failure.metadata["Repair"].value == f"minerecon reingest {DAY} --force"
    assert failure.metadata["Repair by a job"].value == f"job ingest for {DAY}, with force: true in its launchpad"
    # As stored: what a failing step logs is not among the events that it returns.
    evaluated = project.instance.all_logs(result.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    evaluations = [entry.get_dagster_event().asset_check_evaluation_data for entry in evaluated]
    families = {e.check_name: str(e.metadata["Problem"].value) for e in evaluations}
    assert not any("bid periods 17 failed" in problem for problem in families.values())
    assert [name for name, problem in families.items() if "its run says" not in problem] == ["completeness"]


@pytest.mark.slow
def test_one_bad_day_of_a_range_stops_no_other_and_is_named(project: Project) -> None:
    bad = D("2025-03-29")
    project.elexon.faults = lambda path: Fault(400) if str(bad) in path else None
    result = project.run(DAY, D("2025-03-30"))
    assert not result.success
    assert "1 of 3 days not done" in not_done(result)
    days = [d.isoformat() for (d,) in project.sql("SELECT summary_date FROM minerecon.daily_summaries ORDER BY 1")]
    assert days == ["2025-03-28", "2025-03-30"]
    for key in (
        "daily_summaries", "curtailment_records", "bitcoin_daily_summaries", "ingestion_progress",
        "wind_generation_data", "bitcoin_difficulty",
    ):  # fmt: skip
        assert project.instance.get_materialized_partitions(dg.AssetKey(key)) == set(days)


@pytest.mark.slow
def test_a_row_without_a_price_keeps_its_energy_has_no_payment_and_warns(project: Project) -> None:
    with fake_elexon(DAY, unpriced={DAY}) as elexon, pytest.MonkeyPatch.context() as patch:
        patch.setenv("ELEXON_BASE_URL", elexon.base_url)
        project.ingest()
    (unpriced,) = project.sql("SELECT unpriced_mwh FROM minerecon.daily_summaries")[0]
    assert unpriced > 0
    assert project.sql("SELECT check_name, severity FROM minerecon.reconciliation_results WHERE NOT passed") == [
        ("bids_are_priced", "WARN")
    ]
    assert project.status() == "warned"


def test_a_stack_that_lost_rows_is_caught_by_the_control_total_and_not_published(project: Project) -> None:
    project.ingest()
    before = project.content()
    windy = project.sql(
        "SELECT settlement_period FROM minerecon.curtailment_records WHERE stack_side = 'bid' GROUP BY 1"
        " HAVING max(curtailed_mwh) > 5 ORDER BY 1 LIMIT 1"
    )[0][0]
    path = stack_path("bid", DAY, windy)
    body = project.elexon.world.stack(DAY, "bid", windy)[:1]
    project.elexon.faults = lambda p: Fault(200, json.dumps({"data": body}).encode()) if p == path else None
    result = project.run(DAY, force=True)
    assert not result.success
    assert "boav_wind_volume" in not_done(result)
    after = project.content()
    assert after == before
    assert project.status() == "failing"


def test_answers_that_drift_from_the_description_stop_the_day(project: Project) -> None:
    path = stack_path("offer", DAY, 3)
    project.elexon.faults = lambda p: Fault(200, b'{"data": [{"settlementDate": "2025-03-28"}]}') if p == path else None
    result = project.run(DAY)
    assert not result.success
    assert "offer periods 3 failed" in not_done(result)
    assert "settlementPeriod" in not_done(result)


@pytest.mark.slow
def test_only_bids_are_fetched_where_asked_and_the_offers_are_watched(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ELEXON_STACK_SIDES", "bid")
    project.ingest()
    assert not [p for p in project.elexon.requests if "stack/all/offer" in p]
    assert project.elexon.requests[boav_path("offer", DAY)] == 1
    assert project.status() == "complete"


@pytest.mark.slow
def test_one_models_key_alone_rebuilds_that_model_from_stored_records(project: Project) -> None:
    project.ingest()
    before = project.content()
    with project.engine.begin() as connection:
        connection.execute(text("DELETE FROM minerecon.historical_bitcoin_calculations WHERE miner_model = 'S9'"))
    project.elexon.requests.clear()
    key = dg.AssetKey(["historical_bitcoin_calculations", "S9"])
    result = project.run(DAY, selection=[key])
    assert result.success, not_done(result)
    assert not project.elexon.requests
    assert project.content() == before
    rebuilt = {e.asset_key for e in result.get_asset_materialization_events()}
    assert rebuilt == {key, dg.AssetKey("bitcoin_difficulty"), dg.AssetKey("bitcoin_daily_summaries")}


@pytest.mark.slow
def test_real_and_synthetic_data_are_never_mixed(project: Project) -> None:
    project.ingest()
    with project.engine.begin() as connection:
        connection.execute(text("UPDATE minerecon.bm_units SET is_synthetic = false"))
    result = project.run(DAY, force=True)
    assert not result.success
    assert "never mixed" in not_done(result)


@pytest.mark.slow
def test_an_empty_answer_to_everything_but_the_control_total_is_incomplete(project: Project) -> None:
    project.elexon.faults = lambda path: NO_ROWS if "stack" in path else None
    project.ingest()
    assert project.sql("SELECT state, record_count FROM minerecon.daily_summaries") == [("incomplete", 0)]
    assert project.status() == "incomplete"
