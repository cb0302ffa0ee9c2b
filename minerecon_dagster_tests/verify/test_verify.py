"""Verification: what a look finds and asks for, what a repair does and leaves alone, and what is kept of both."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager
from decimal import Decimal
from functools import partial
from typing import Any

import dagster as dg
import pytest
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG
from sqlalchemy import text

from minerecon_dagster import asset_keys
from minerecon_dagster.checks.properties import PROPERTIES
from minerecon_dagster.core.calendar import period_count, period_end
from minerecon_dagster.definitions import build_defs
from minerecon_dagster.defs import catalog
from minerecon_dagster.elexon.datasets import of_the_day
from minerecon_dagster.jobs import SPOT_FIX, SPOT_FIX_OP, VERIFY, VERIFY_OP
from minerecon_dagster.verify.record import FOR_A_PERSON, MENDABLE, REBUILT, REFETCHED
from minerecon_dagster.warehouse.store import day_lock, sql
from minerecon_dagster_tests.day.test_one_day import fake_clock
from minerecon_dagster_tests.fake_elexon import Fault, boav_path, stack_path
from minerecon_dagster_tests.notified import spoil
from minerecon_dagster_tests.project import DAY, QUIET, Project, definitions, not_done

D = dt.date.fromisoformat
SATURDAY, SHORT, LONG, WINDLESS = D("2025-03-29"), D("2025-03-30"), D("2025-10-26"), D("2025-06-15")
REGISTER = "/reference/bmunits/all"
CONTROL_CALLS = 4
STACK_CALLS = 96
CALLS_OF_THE_DAY = CONTROL_CALLS + 1
"""The control totals, and the wind output."""
WHOLE_LOOK = 1 + CALLS_OF_THE_DAY + STACK_CALLS
"""The register, what is of the whole day, and every period on both sides."""
DRIFT, BESIDE = "drift.source_unchanged", "drift.offers_and_output_unchanged"
WIND_OUTPUT = "/generation/actual/per-type/wind-and-solar"


class Looks:
    """Runs of the jobs over a project, and what they put on record."""

    def __init__(self, project: Project) -> None:
        self.project = project

    def run(self, first: dt.date = DAY, last: dt.date | None = None, **config: Any) -> dg.ExecuteInProcessResult:
        return self._run(VERIFY, VERIFY_OP, first, last or first, config)

    def spot_fix(self, day: dt.date, period: int, bmu: str) -> dg.ExecuteInProcessResult:
        return self._run(SPOT_FIX, SPOT_FIX_OP, day, day, {"period": period, "bmu": bmu})

    def _run(
        self, job: str, op: str, first: dt.date, last: dt.date, config: dict[str, Any]
    ) -> dg.ExecuteInProcessResult:
        self.project.elexon.requests.clear()
        defs = definitions(self.project.now)
        return defs.resolve_job_def(job).execute_in_process(
            instance=self.project.instance,
            run_config=({"ops": {op: {"config": config}}} if config else {}) | QUIET,
            tags={ASSET_PARTITION_RANGE_START_TAG: str(first), ASSET_PARTITION_RANGE_END_TAG: str(last)},
            raise_on_error=False,
        )

    def look_at(self, day: dt.date = DAY, **config: Any) -> dict[str, Any]:
        """A look that fails for nobody, whatever it finds."""
        self.run(day, **config)
        return self.kept(day)

    def right(self, day: dt.date = DAY, **config: Any) -> dict[str, Any]:
        result = self.run(day, **config)
        assert result.success, not_done(result)
        return self.kept(day)

    def wrong(self, day: dt.date = DAY, **config: Any) -> dict[str, Any]:
        result = self.run(day, **config)
        assert not result.success
        assert str(day) in not_done(result)
        return self.kept(day)

    def kept(self, day: dt.date = DAY) -> dict[str, Any]:
        """The latest row of a day."""
        with self.project.engine.connect() as connection:
            found = connection.execute(
                text(
                    "SELECT * FROM minerecon.verifications WHERE settlement_date = :day"
                    " ORDER BY verification_id DESC LIMIT 1"
                ),
                {"day": day},
            ).one()
        return dict(found._mapping)

    def result(self, name: str, day: dt.date = DAY) -> tuple[Any, ...]:
        """Whether a property held when last evaluated, how much was looked at, and what was found."""
        (found,) = self.project.sql(
            "SELECT passed, looked_at, actual FROM minerecon.reconciliation_results WHERE settlement_date = :day"
            " AND check_family || '.' || check_name = :name ORDER BY result_id DESC LIMIT 1",
            day=day,
            name=name,
        )
        return found


def names(problems: list[dict[str, Any]] | None) -> set[str]:
    return {problem["property"] for problem in problems or ()}


def delete_rows(project: Project, count: int = 10) -> None:
    with project.engine.begin() as connection:
        gone = connection.execute(
            text(
                "DELETE FROM minerecon.curtailment_records WHERE ctid = ANY(ARRAY("
                "SELECT ctid FROM minerecon.curtailment_records ORDER BY settlement_period, bmu_id LIMIT :n))"
            ),
            {"n": count},
        )
        assert gone.rowcount == count


def delete_rows_of_period(project: Project, period: int) -> None:
    project.sql_write("DELETE FROM minerecon.curtailment_records WHERE settlement_period = :p", p=period)


@pytest.fixture
def looks(project: Project) -> Looks:
    return Looks(project)


@pytest.fixture
def stored(project: Project) -> Iterator[dict[str, list[tuple[Any, ...]]]]:
    """A day is stored, and this is what it holds. A copy (`day_stored`) would be built from an archive elsewhere."""
    project.ingest()
    yield project.content()


Content = dict[str, list[tuple[Any, ...]]]


# A look.


def test_an_unchanged_day_is_right_and_every_question_is_asked_once(
    project: Project, looks: Looks, stored: Content
) -> None:
    objects = project.archive_objects()
    row = looks.right()
    asked = dict(project.elexon.requests)
    assert set(asked.values()) == {1}
    assert len(asked) == WHOLE_LOOK
    assert {stack_path(side, DAY, p) for side in ("bid", "offer") for p in range(1, 49)} < asked.keys()
    assert (row["outcome"], row["action"], row["sampling"], row["seed"]) == ("right", "verify", "full", None)
    assert row["periods_looked_at"] == list(range(1, 49))
    assert row["detection_share"] == 1
    assert row["problems"] == row["period_differences"] == row["unit_differences"] == []
    assert (row["repair"], row["problems_left"], row["after_figures"], row["error"]) == (None, None, None, None)
    assert row["source_figures"]["rows"] == row["before_figures"]["rows"] == len(stored["curtailment_records"])
    assert looks.result(DRIFT)[:2] == (True, STACK_CALLS + CONTROL_CALLS)
    assert looks.result("drift.register_unchanged")[0]
    assert project.content() == stored
    assert project.archive_objects() == objects


@pytest.mark.slow
def test_it_can_be_launched_for_a_partition_without_any_configuration(
    project: Project, looks: Looks, day_stored: None
) -> None:
    job = build_defs().resolve_job_def(VERIFY)
    assert job.execute_in_process(instance=project.instance, partition_key=str(DAY), raise_on_error=False).success
    assert (looks.kept()["action"], looks.kept()["sampling"]) == ("verify", "full")
    without = job.execute_in_process(instance=project.instance, raise_on_error=False)
    assert "no day was chosen" in not_done(without)


def slow(value: str) -> Any:
    return pytest.param(value, marks=pytest.mark.slow)


@pytest.mark.slow
@pytest.mark.parametrize("sampling", ["full", "controls", "random", slow("fixed"), slow("progressive")])
def test_a_day_that_was_revised_is_found_and_left_as_it_is_until_it_is_to_be_fixed(
    project: Project, looks: Looks, stored: Content, sampling: str
) -> None:
    project.elexon.world.revise[DAY] = 1.5
    row = looks.wrong(sampling=sampling)
    assert row["outcome"] == "wrong"
    assert DRIFT in names(row["problems"])
    assert (row["repair"], row["after_figures"]) == (None, None)
    assert not looks.result(DRIFT)[0]
    assert project.content() == stored
    for differing in row["period_differences"]:
        assert Decimal(differing["elexon"]["mwh"]) > Decimal(differing["stored"]["mwh"])
        assert differing["after"] is None
    assert {d["settlement_period"] for d in row["period_differences"]} == set(row["periods_looked_at"])


@pytest.mark.slow
def test_what_was_revised_is_fetched_again_and_what_changed_is_kept(
    project: Project, looks: Looks, day_stored: None
) -> None:
    before = project.elexon.world.expected_totals(DAY)
    project.elexon.world.revise[DAY] = 1.5
    row = looks.right(action="fix")
    assert (row["outcome"], row["repair"], row["problems_left"]) == ("repaired", "fetched again", [])
    assert project.elexon.requests[stack_path("bid", DAY, 7)] == 3, "the look, the repair, and the look after it"
    expected = project.elexon.world.expected_totals(DAY)
    for unit in row["unit_differences"]:
        old, new = before[unit["bmu_id"]], expected[unit["bmu_id"]]
        assert [Decimal(unit[who]["mwh"]) for who in ("stored", "elexon", "after")] == [old.mwh, new.mwh, new.mwh]
        assert [Decimal(unit[who]["so_gbp"]) for who in ("stored", "after")] == [old.so_gbp, new.so_gbp]
    assert {unit["bmu_id"] for unit in row["unit_differences"]} == expected.keys()
    btc = {who: row[f"{who}_figures"]["btc"]["S9"] for who in ("before", "after")}
    assert Decimal(btc["after"]) == pytest.approx(Decimal(btc["before"]) * Decimal("1.5"), rel=Decimal("1e-4"))
    per_period = sum((Decimal(d["after"]["btc"]["S9"]) for d in row["period_differences"]), Decimal())
    assert per_period == Decimal(btc["after"])
    ((old_mwh, new_mwh),) = project.sql("SELECT old_curtailed_mwh, new_curtailed_mwh FROM minerecon.restatements")
    assert f"{old_mwh:f}" == row["before_figures"]["so_mwh"]
    assert f"{new_mwh:f}" == row["after_figures"]["so_mwh"]
    assert project.status() == "complete"
    assert looks.right()["outcome"] == "right"


@pytest.mark.slow
def test_rows_that_were_deleted_by_hand_are_rebuilt_and_elexon_is_asked_for_no_more_than_the_look(
    project: Project, looks: Looks, stored: Content
) -> None:
    delete_rows(project)
    row = looks.wrong()
    assert {DRIFT, "conservation.records_match_archive"} <= names(row["problems"])
    row = looks.right(action="fix")
    assert (row["outcome"], row["repair"]) == ("repaired", "rebuilt from the archive")
    assert sum(project.elexon.requests.values()) == WHOLE_LOOK
    assert project.content() == stored
    lost = sum(d["after"]["rows"] - d["stored"]["rows"] for d in row["period_differences"])
    assert lost == 10
    assert project.sql("SELECT count(*) FROM minerecon.restatements") == [(0,)], "Elexon has changed nothing"


@pytest.mark.slow
@pytest.mark.parametrize("sampling", ["fixed", "progressive"])
def test_what_a_sample_found_in_the_tables_alone_is_repaired_once_the_sample_is_right(
    project: Project, looks: Looks, stored: Content, sampling: str
) -> None:
    delete_rows_of_period(project, 24)
    row = looks.right(sampling=sampling, action="fix")
    assert DRIFT in names(row["problems"])
    assert (row["outcome"], row["repair"], row["problems_left"]) == ("repaired", "rebuilt from the archive", [])
    assert (project.content(), project.status()) == (stored, "complete")


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault",
    [
        "UPDATE minerecon.historical_bitcoin_calculations SET mined_btc = mined_btc * 2 WHERE settlement_period = 7",
        slow("UPDATE minerecon.daily_summaries SET paid_gbp = paid_gbp + 1"),
        slow("UPDATE minerecon.curtailment_records SET original_price_gbp_per_mwh = 0 WHERE settlement_period = 9"),
        slow("UPDATE minerecon.bitcoin_difficulty SET difficulty = difficulty + 1"),
        "DELETE FROM minerecon.boav_control_totals WHERE stack_side = 'bid'",
        "UPDATE minerecon.ebocf_control_totals SET cashflow_gbp = -cashflow_gbp",
    ],
)
def test_what_other_hands_changed_in_the_tables_is_rebuilt_without_fetching(
    project: Project, looks: Looks, stored: Content, fault: str
) -> None:
    with project.engine.begin() as connection:
        assert connection.execute(text(fault)).rowcount
    row = looks.right(action="fix")
    assert (row["outcome"], row["repair"]) == ("repaired", "rebuilt from the archive"), row["problems"]
    assert sum(project.elexon.requests.values()) == WHOLE_LOOK
    assert project.content() == stored
    assert looks.right()["outcome"] == "right"


@pytest.mark.slow
def test_a_change_of_a_flag_alone_is_found_by_a_full_look_and_not_by_control_totals_which_say_so(
    project: Project, looks: Looks, day_stored: None
) -> None:
    flagged = project.elexon.world.stack

    def unflagged(day: dt.date, side: str, period: int) -> list[dict[str, Any]]:
        return [row | {"cadlFlag": None} if period == 20 else row for row in flagged(day, side, period)]  # type: ignore[arg-type]

    project.elexon.world.stack = unflagged  # type: ignore[method-assign,assignment]
    row = looks.right(sampling="controls")
    assert row["detection_share"] is None
    assert (
        "no change of flags"
        in project.sql(
            "SELECT expected FROM minerecon.reconciliation_results WHERE check_name = 'source_unchanged'"
            " ORDER BY result_id DESC LIMIT 1"
        )[0][0]
    )
    row = looks.wrong()
    assert [d["settlement_period"] for d in row["period_differences"]] == [20]


# Sampling.


@pytest.mark.slow
def test_control_totals_and_wind_output_alone_cost_five_calls_where_they_hold(
    project: Project, looks: Looks, day_stored: None
) -> None:
    row = looks.right(sampling="controls")
    assert sum(project.elexon.requests.values()) == 1 + CALLS_OF_THE_DAY
    assert (row["periods_looked_at"], row["detection_share"]) == (None, None)
    project.elexon.world.revise[DAY] = 1.5
    looks.wrong(sampling="controls")
    assert sum(project.elexon.requests.values()) == WHOLE_LOOK


@pytest.mark.slow
@pytest.mark.parametrize(("day", "last"), [(SHORT, 46), (DAY, 48), (LONG, 50)], ids=str)
def test_a_fixed_sample_ends_with_the_days_last_period_and_states_its_share(
    project: Project, looks: Looks, day: dt.date, last: int
) -> None:
    project.ingest(day)
    row = looks.right(day, sampling="fixed")
    assert row["periods_looked_at"] == [1, 12, 24, 36, last]
    assert row["detection_share"] == Decimal(5) / last
    assert row["seed"] is None
    assert project.elexon.requests[stack_path("offer", day, last)] == 1
    assert sum(project.elexon.requests.values()) == 1 + 10
    looks.right(day)
    assert looks.kept(day)["periods_looked_at"] == list(range(1, last + 1))
    assert period_count(day) == last


@pytest.mark.slow
def test_a_sample_that_misses_a_fault_says_what_share_of_faults_it_would_have_found(
    project: Project, looks: Looks, day_stored: None
) -> None:
    delete_rows_of_period(project, 20)
    row = looks.look_at(sampling="fixed")
    assert DRIFT not in names(row["problems"])
    assert round(row["detection_share"], 4) == Decimal("0.1042")
    (said,) = project.sql(
        "SELECT expected FROM minerecon.reconciliation_results WHERE check_name = 'source_unchanged'"
        " ORDER BY result_id DESC LIMIT 1"
    )
    assert "5 of 48 periods, a sample that finds 10.4 % of the faults of a single period" in said[0]
    row = looks.wrong(sampling="full")
    assert [d["settlement_period"] for d in row["period_differences"]] == [20]
    assert row["period_differences"][0]["stored"]["rows"] == 0


@pytest.mark.slow
def test_a_progressive_sample_goes_on_once_something_differs(project: Project, looks: Looks, day_stored: None) -> None:
    row = looks.right(sampling="progressive", seed=7)
    assert row["periods_looked_at"] == [1, 12, 24, 36, 48]
    delete_rows_of_period(project, 24)
    row = looks.wrong(sampling="progressive", seed=7)
    assert {1, 12, 24, 36, 48} < set(row["periods_looked_at"])
    assert len(row["periods_looked_at"]) == 15
    assert row["detection_share"] == Decimal(15) / 48
    assert looks.project.elexon.requests[stack_path("bid", DAY, 12)] == 1, "nothing is asked twice"
    whole = looks.wrong(sampling="progressive", seed=7)["periods_looked_at"]
    assert whole == list(range(1, 49)), "what was found is not looked for in a sample again"


@pytest.mark.slow
def test_a_random_sample_is_given_by_its_seed_which_is_drawn_and_kept_where_none_is_asked_for(
    project: Project, looks: Looks, day_stored: None
) -> None:
    row = looks.right(sampling="random")
    assert len(row["periods_looked_at"]) == 10
    assert looks.right(sampling="random", seed=row["seed"])["periods_looked_at"] == row["periods_looked_at"]
    others = [looks.right(sampling="random", seed=row["seed"] + n)["periods_looked_at"] for n in (1, 2)]
    assert row["periods_looked_at"] not in others


@pytest.mark.slow
def test_a_sampled_period_that_is_as_empty_as_it_was_is_the_same(project: Project, looks: Looks) -> None:
    project.elexon.world.hide[DAY, "bid"] = {24}
    project.elexon.world.hide_controls = True
    project.ingest()
    assert looks.right(sampling="fixed")["outcome"] == "right in part"
    assert project.elexon.requests[boav_path("bid", DAY)] == 0


# Where it cannot look.


@pytest.mark.slow
@pytest.mark.parametrize("action", ["verify", "fix"])
def test_elexon_out_of_reach_is_no_pass_and_changes_nothing(
    project: Project, looks: Looks, day_stored: None, action: str
) -> None:
    project.ingest(SATURDAY)
    before = project.content()
    project.elexon.faults = lambda path: Fault(400)
    result = looks.run(DAY, SATURDAY, action=action)
    assert not result.success
    row = looks.kept()
    assert (row["outcome"], row["repair"]) == ("failed", None)
    assert "HTTP 400" in row["error"]
    passed, looked_at, actual = looks.result(DRIFT)
    assert (passed, looked_at) == (False, 0)
    assert "7 answers could not be had" in actual
    assert not looks.result("drift.register_unchanged")[0]
    assert sum(project.elexon.requests.values()) == 1 + CALLS_OF_THE_DAY + 2, "of the second day nobody is asked"
    assert "not asked" in looks.kept(SATURDAY)["error"]
    assert project.content() == before


@pytest.mark.slow
def test_tables_that_are_wrong_are_rebuilt_although_elexon_is_out_of_reach_and_it_is_still_no_pass(
    project: Project, looks: Looks, stored: Content
) -> None:
    delete_rows(project)
    project.elexon.faults = lambda path: Fault(400)
    row = looks.wrong(action="fix")
    assert (row["outcome"], row["repair"]) == ("failed", "rebuilt from the archive")
    assert names(row["problems_left"]) == {DRIFT, "drift.register_unchanged"}
    assert project.content() == stored


@pytest.mark.slow
@pytest.mark.parametrize("sampling", ["full", slow("fixed")])
def test_a_period_that_does_not_answer_is_named_and_is_no_pass(
    project: Project, looks: Looks, day_stored: None, sampling: str
) -> None:
    project.elexon.faults = lambda path: Fault(400) if path == stack_path("offer", DAY, 24) else None
    row = looks.wrong(sampling=sampling)
    assert row["outcome"] == "failed"
    assert "stack/offer/24" in row["error"]
    assert 24 not in row["periods_looked_at"]
    assert row["detection_share"] == Decimal(len(row["periods_looked_at"])) / 48
    assert row["detection_share"] == (Decimal(47) / 48 if sampling == "full" else Decimal(4) / 48)


@pytest.mark.slow
@pytest.mark.parametrize("report", [slow("acceptance/volumes/all/offer"), "cashflows/all/bid"])
def test_a_control_total_that_does_not_answer_is_no_pass(
    project: Project, looks: Looks, day_stored: None, report: str
) -> None:
    project.elexon.faults = lambda path: Fault(400) if report in path else None
    row = looks.wrong(sampling="controls")
    assert row["outcome"] == "failed"
    assert looks.result(DRIFT)[:2] == (False, 3)


@pytest.mark.slow
@pytest.mark.parametrize("controls", [False, True], ids=["stack only", "control totals too"])
def test_rows_that_vanish_replace_nothing_and_are_told_as_silence(
    project: Project, looks: Looks, stored: Content, controls: bool
) -> None:
    project.elexon.world.hide[DAY, "bid"] = {20, 21}
    project.elexon.world.hide_controls = controls
    row = looks.look_at(action="fix")
    assert (row["outcome"], row["repair"]) == ("not repaired", None)
    assert names(row["problems"]) == {"drift.source_not_silent"}
    assert "Elexon is silent" in row["error"]
    assert looks.result(DRIFT)[0], "of the other periods nothing differs"
    assert row["period_differences"] == []
    assert project.content() == stored
    assert project.status() == "warned"


# What a look has found, and another that sees less.


def unflag_period(project: Project, period: int) -> None:
    """Let Elexon change flags of a period's rows, which no control total tells."""
    stack = project.elexon.world.stack
    project.elexon.world.stack = lambda day, side, p: [  # type: ignore[method-assign]
        row | {"soFlag": not row["soFlag"]} if p == period and row["soFlag"] is not None else row
        for row in stack(day, side, p)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("sampling", [slow("controls"), "fixed"])
def test_a_look_that_sees_less_does_not_outdo_what_another_has_found(
    project: Project, looks: Looks, stored: Content, sampling: str
) -> None:
    unflag_period(project, 20)
    assert looks.look_at(sampling=sampling)["outcome"] == "right in part"
    looks.wrong()
    row = looks.wrong(sampling=sampling)
    assert (row["outcome"], row["sampling"], row["detection_share"]) == ("wrong", "full", 1)
    assert (looks.result(DRIFT)[0], project.status()) == (False, "failing")
    del project.elexon.world.stack
    row = looks.right(sampling=sampling)
    assert (row["outcome"], project.status()) == ("right", "complete"), "it is as it was, which is seen"
    assert looks.right(sampling=sampling)["outcome"] == "right in part", "a sample is enough again"


@pytest.mark.slow
@pytest.mark.parametrize("out_of_reach", ["", "settlement/stack"], ids=["all of it", "the periods"])
def test_what_was_found_stands_until_it_is_seen_though_elexon_is_out_of_reach(
    project: Project, looks: Looks, stored: Content, out_of_reach: str
) -> None:
    unflag_period(project, 20)
    looks.wrong()
    found = looks.result(DRIFT)
    project.elexon.faults = lambda path: Fault(400) if out_of_reach in path else None
    row = looks.wrong()
    assert (row["outcome"], DRIFT in names(row["problems"])) == ("failed", True)
    assert "could not be looked at" in row["error"]
    assert (looks.result(DRIFT), project.status()) == (found, "failing"), "what could not be looked at is no news of it"
    project.elexon.faults = lambda path: None
    row = looks.wrong(sampling="controls")
    assert (row["outcome"], row["sampling"], row["detection_share"]) == ("wrong", "full", 1)
    assert looks.right(action="fix", sampling="fixed")["outcome"] == "repaired"
    assert project.status() == "complete"


@pytest.mark.slow
def test_what_was_found_stands_until_it_is_seen_though_elexon_is_silent_on_it(
    project: Project, looks: Looks, stored: Content
) -> None:
    unflag_period(project, 20)
    looks.wrong()
    del project.elexon.world.stack
    project.elexon.world.hide[DAY, "bid"] = {20}
    row = looks.wrong(sampling="fixed")
    assert row["outcome"] == "wrong"
    assert names(row["problems"]) == {DRIFT, "drift.source_not_silent"}
    assert project.status() == "failing"
    project.elexon.world.hide.clear()
    looks.right()
    assert project.status() == "complete"


@pytest.mark.slow
def test_what_could_not_be_looked_at_once_is_right_with_the_first_look_that_can(
    project: Project, looks: Looks, stored: Content
) -> None:
    project.elexon.faults = lambda path: Fault(400)
    looks.wrong()
    assert project.status() == "failing"
    project.elexon.faults = lambda path: None
    assert looks.right(sampling="fixed")["outcome"] == "right in part"
    assert project.status() == "complete"


@pytest.mark.slow
def test_a_day_whose_totals_do_not_answer_keeps_no_other_from_being_looked_at(
    project: Project, looks: Looks, stored: Content
) -> None:
    project.ingest(SATURDAY)
    project.elexon.faults = lambda path: Fault(400) if str(DAY) in path and "settlement/stack" not in path else None
    assert not looks.run(DAY, SATURDAY).success
    row = looks.kept(DAY)
    assert (row["outcome"], row["detection_share"]) == ("failed", 1)
    assert "5 answers could not be looked at" in row["error"]
    assert looks.kept(SATURDAY)["outcome"] == "right"
    assert project.status(SATURDAY) == "complete"


@pytest.mark.slow
@pytest.mark.parametrize("sampling", ["full", "fixed"])
def test_a_day_of_which_no_answer_can_be_read_keeps_no_other_from_being_looked_at(
    project: Project, looks: Looks, stored: Content, sampling: str
) -> None:
    project.ingest(SATURDAY)
    unreadable = Fault(200, b'{"data": [{"settlementDate": "2025-03-28"}]}')
    project.elexon.faults = lambda path: unreadable if str(DAY) in path else None
    assert not looks.run(DAY, SATURDAY, sampling=sampling).success
    row = looks.kept(DAY)
    assert row["outcome"] == "failed"
    assert "not what Elexon's API description says" in row["error"]
    assert looks.kept(SATURDAY)["outcome"] == ("right" if sampling == "full" else "right in part")


@pytest.mark.slow
def test_a_day_that_another_run_does_not_let_go_is_not_looked_at_and_keeps_no_other_from_it(
    project: Project, looks: Looks, stored: Content, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.ingest(SATURDAY)
    monkeypatch.setattr("minerecon_dagster.day.worker.day_lock", partial(day_lock, wait_s=0.5))
    with day_lock(project.engine, DAY):
        assert not looks.run(DAY, SATURDAY).success
    assert looks.kept(DAY)["outcome"] == "failed"
    assert "another run has worked on this day" in looks.kept(DAY)["error"]
    assert project.status(DAY) == "complete", "nothing was found wrong with it"
    assert looks.kept(SATURDAY)["outcome"] == "right"


# What is beside the bids: offers, and wind output.


def dearer(rows: Any) -> Any:
    """The rows of an answer with other figures of what is no bid: prices of offers, wind output."""
    for row in rows["data"]:
        for name in {"originalPrice", "quantity"} & row.keys():
            row[name] = (row[name] or 0) + 1
    return rows


def offers_that_count(project: Project) -> str:
    """The path of a period's offers, some of which are in the turn-up estimate."""
    ((period,),) = project.sql(
        "SELECT settlement_period FROM minerecon.turn_up_by_period WHERE turn_up_mwh > 0 ORDER BY 1 LIMIT 1"
    )
    return stack_path("offer", DAY, period)


def of_the_day_beside(project: Project) -> tuple[Any, ...]:
    (found,) = project.sql(
        "SELECT curtailed_mwh, payment_gbp, wind_generation_mwh, turn_up_estimate_gbp FROM minerecon.daily_summaries"
    )
    return found


@pytest.mark.parametrize("what", ["offers", slow("wind output")])
def test_what_changed_beside_the_bids_is_told_and_taken(
    project: Project, looks: Looks, stored: Content, what: str
) -> None:
    before = of_the_day_beside(project)
    spoil(project.elexon, offers_that_count(project) if what == "offers" else WIND_OUTPUT, dearer)
    row = looks.look_at()
    assert (row["outcome"], names(row["problems"])) == ("wrong", {BESIDE})
    assert looks.result(DRIFT)[0], "the bids are what they were"
    assert looks.result(BESIDE)[0] is False
    assert project.status() == "warned"
    row = looks.right(action="fix")
    assert (row["outcome"], row["repair"]) == ("repaired", "fetched again")
    assert looks.result(BESIDE)[0]
    assert project.status() == "complete"
    after = of_the_day_beside(project)
    assert after[:2] == before[:2]
    assert (after[2] != before[2], after[3] != before[3]) == (what == "wind output", what == "offers")


@pytest.mark.slow
def test_wind_output_is_compared_beside_control_totals_alone_and_offers_are_not(
    project: Project, looks: Looks, stored: Content
) -> None:
    spoil(project.elexon, offers_that_count(project), dearer)
    assert looks.right(sampling="controls")["outcome"] == "right in part"
    assert looks.result(BESIDE) == (True, 96, "no difference"), "onshore and offshore of each period"
    spoil(project.elexon, WIND_OUTPUT, dearer)
    row = looks.look_at(sampling="controls")
    assert names(row["problems"]) == {BESIDE}
    assert "wind output in 48 periods" in looks.result(BESIDE)[2]


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE minerecon.turn_up_by_period SET turn_up_estimate_gbp = turn_up_estimate_gbp + 1",
        "UPDATE minerecon.wind_generation_data SET wind_onshore_mw = wind_onshore_mw + 1",
    ],
    ids=["offers", "wind output"],
)
def test_what_the_tables_alone_have_otherwise_is_rebuilt_without_a_fetch(
    project: Project, looks: Looks, stored: Content, change: str
) -> None:
    project.sql_write(change)
    row = looks.right(action="fix")
    assert BESIDE in names(row["problems"])
    assert (row["outcome"], row["repair"]) == ("repaired", "rebuilt from the archive")
    assert project.content() == stored


@pytest.mark.slow
def test_wind_output_that_does_not_come_is_no_pass_where_some_is_stored(
    project: Project, looks: Looks, stored: Content
) -> None:
    project.elexon.faults = lambda path: Fault(400) if path.startswith(WIND_OUTPUT) else None
    row = looks.wrong(sampling="controls")
    assert row["outcome"] == "failed"
    assert "agws" in row["error"]
    project.ingest(SATURDAY)
    assert looks.result("completeness.wind_output_known", SATURDAY)[0] is False
    row = looks.look_at(SATURDAY, sampling="controls")
    assert names(row["problems"]) == {"completeness.wind_output_known"}, "none is stored, and none is there"


@pytest.mark.slow
def test_wind_output_that_vanishes_is_silence(project: Project, looks: Looks, stored: Content) -> None:
    def lacking(rows: Any) -> Any:
        rows["data"] = [row for row in dearer(rows)["data"] if row["settlementPeriod"] > 10]
        return rows

    spoil(project.elexon, WIND_OUTPUT, lacking)
    row = looks.look_at()
    assert names(row["problems"]) == {BESIDE, "drift.source_not_silent"}
    assert "wind output in 38 periods" in looks.result(BESIDE)[2], "what it does say is compared"


@pytest.mark.slow
@pytest.mark.parametrize("is_held", [True, False], ids=["held", "the archive is gone"])
def test_wind_output_of_which_nothing_came_is_compared_with_nothing(
    project: Project, looks: Looks, stored: Content, is_held: bool
) -> None:
    spoil(project.elexon, WIND_OUTPUT, dearer)
    assert BESIDE in names(looks.look_at(sampling="controls")["problems"])
    if not is_held:
        shutil.rmtree(project.archive._store.root)
    project.elexon.faults = lambda path: Fault(404) if path.startswith(WIND_OUTPUT) else None
    row = looks.look_at(sampling="controls")
    assert {BESIDE, "drift.source_not_silent"} <= names(row["problems"]), "what was found stands, and silence is told"
    assert looks.result(BESIDE)[0] is False


# What is missing, incomplete, or in progress.


def wanted(project: Project) -> list[tuple[Any, ...]]:
    """All that says which days are wanted, and of which somebody is told."""
    today = {"today": dt.date(2025, 4, 10), "first_day": dt.date(2025, 1, 1)}
    mendable = sorted(MENDABLE)
    unseen_as = [d.unseen_as.full_name for d in of_the_day() if d.unseen_as is not None]
    return [
        ("status", *project.sql("SELECT settlement_date, status FROM analytics.reconciliation_status")),
        ("to ingest", *project.sql(sql("schedule/days_to_ingest"), **today, catch_up_days=3, unseen_as=unseen_as)),
        ("to retry", *project.sql(sql("schedule/days_to_retry"), **today, mendable=mendable)),
        ("alerts", *[row[:4] for row in project.sql(sql("alerts/failing"), today=today["today"])]),
        ("inventory", *project.sql(sql("inventory/days"), first_day=DAY, last_day=SATURDAY)),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("is_down", [False, True], ids=["Elexon answers", "Elexon is down"])
def test_a_look_at_a_day_that_was_never_stored_changes_nothing_that_is_wanted(
    project: Project, looks: Looks, is_down: bool
) -> None:
    project.ingest(SATURDAY)
    before = wanted(project)
    project.elexon.faults = lambda _: Fault(400) if is_down else None
    for sampling in ("full", "controls"):
        # No fault of a run either, of which somebody would be told.
        row = looks.right(sampling=sampling)
        assert (row["outcome"], names(row["problems"])) == ("wrong", {"missing"})
        assert {problem["repair"] for problem in row["problems"]} == {f"minerecon reingest {DAY}"}
    assert wanted(project) == before
    assert (DAY,) not in before[1]


@pytest.mark.slow
def test_what_an_earlier_version_recorded_of_such_a_look_makes_the_day_wanted_no_longer(project: Project) -> None:
    project.ingest(SATURDAY)
    before = wanted(project)
    project.sql_write(
        "INSERT INTO minerecon.reconciliation_results (settlement_date, check_family, check_name, passed, severity,"
        " looked_at, violation_count, violations, repair, evaluated_at) VALUES (:d, 'drift', 'source_unchanged',"
        " false, 'ERROR', 0, 1, '[]', 'minerecon reingest 2025-03-28', now())",
        d=DAY,
    )
    assert wanted(project) == before


@pytest.mark.slow
def test_a_look_leaves_a_day_failing_that_was_tried_in_vain(project: Project, looks: Looks) -> None:
    project.elexon.faults = lambda path: Fault(400) if path == stack_path("bid", DAY, 24) else None
    project.run(DAY)
    before = wanted(project)
    assert project.status() == "failing"
    looks.right()
    assert wanted(project) == before


@pytest.mark.slow
def test_a_day_that_is_missing_is_a_problem_that_ordinary_ingestion_mends(project: Project, looks: Looks) -> None:
    row = looks.right()
    assert (row["outcome"], names(row["problems"]), row["before_figures"]) == ("wrong", {"missing"}, None)
    row = looks.right(action="fix")
    assert (row["outcome"], row["repair"], row["problems_left"]) == ("repaired", "ingested", [])
    assert row["after_figures"]["rows"] == len(project.content()["curtailment_records"])
    assert project.status() == "complete"


@pytest.mark.slow
def test_an_incomplete_day_is_fetched_again_and_right_once_elexon_has_it(project: Project, looks: Looks) -> None:
    project.elexon.world.hide[DAY, "bid"] = {40, 41}
    project.ingest()
    assert project.status() == "incomplete"
    row = looks.run(action="fix") and looks.kept()
    assert row["outcome"] == "not repaired"
    assert "completeness.periods_present" in names(row["problems_left"])
    project.elexon.world.hide.clear()
    assert looks.right(action="fix")["outcome"] == "repaired"
    assert project.status() == "complete"


@pytest.mark.slow
def test_a_final_day_whose_latest_fetch_failed_is_mended(project: Project, looks: Looks, day_stored: None) -> None:
    project.elexon.faults = lambda path: Fault(400) if path == stack_path("bid", DAY, 17) else None
    assert not project.run(DAY, force=True).success
    assert project.status() == "failing"
    project.elexon.faults = lambda path: None
    assert looks.wrong()["outcome"] == "wrong"
    row = looks.right(action="fix")
    assert "latest_attempt" in names(row["problems"])
    assert (row["outcome"], row["repair"]) == ("repaired", "fetched again")
    assert project.status() == "complete"


@pytest.mark.slow
def test_of_a_day_in_progress_only_what_was_due_when_it_was_stored_is_compared(project: Project, looks: Looks) -> None:
    def at(period: int) -> AbstractContextManager[None]:
        project.now = (period_end(DAY, period) + dt.timedelta(minutes=40)).isoformat()
        return fake_clock(project)

    with at(20):
        project.ingest()
    with at(30):
        assert looks.right()["periods_looked_at"] == list(range(1, 21))
    with at(48):
        assert looks.wrong()["periods_looked_at"] == list(range(1, 49)), "the day is over"


# How often, and how many.


@pytest.mark.slow
def test_what_cannot_be_mended_is_left_to_a_person_after_so_many_attempts(
    project: Project, looks: Looks, day_stored: None
) -> None:
    project.elexon.world.revise[DAY] = 1.5
    seen = stack_path("bid", DAY, 12)  # asked for once by a look, and again by a fetch
    project.elexon.faults = lambda path: Fault(400) if path == stack_path("bid", DAY, 17) else None
    for _ in range(3):
        row = looks.wrong(action="fix", sampling="fixed", max_attempts=3)
        assert (row["outcome"], row["after_figures"] is None) == ("failed", False)
        assert project.elexon.requests[seen] > 1
    row = looks.wrong(action="fix", sampling="fixed", max_attempts=3)
    assert (row["outcome"], row["repair"]) == ("not repaired", None)
    assert "left to a person: 3 repairs" in row["error"]
    assert project.elexon.requests[seen] == 1
    project.elexon.faults = lambda path: None
    assert looks.wrong(action="fix", max_attempts=3)["outcome"] == "not repaired", "still left to a person"
    assert looks.right(action="fix")["outcome"] == "repaired", "who is never refused"
    project.elexon.world.revise[DAY] = 1.6
    assert looks.right(action="fix", max_attempts=3)["outcome"] == "repaired", "counting began anew"


@pytest.mark.slow
def test_a_run_repairs_no_more_days_than_it_may(project: Project, looks: Looks, day_stored: None) -> None:
    project.ingest(SATURDAY)
    project.elexon.world.revise |= {DAY: 1.5, SATURDAY: 1.5}
    result = looks.run(DAY, SATURDAY, action="fix", max_days_repaired=1)
    assert not result.success
    assert looks.kept(DAY)["outcome"] == "repaired"
    assert looks.kept(SATURDAY)["outcome"] == "wrong"
    assert "as many as it may" in looks.kept(SATURDAY)["error"]


@pytest.mark.slow
def test_a_right_day_is_fetched_again_where_that_is_forced(project: Project, looks: Looks, stored: Content) -> None:
    row = looks.right(action="force-fix")
    assert (row["outcome"], row["repair"], row["problems_left"]) == ("right", "fetched again", [])
    assert row["period_differences"] == row["unit_differences"] == []
    assert project.elexon.requests[stack_path("bid", DAY, 7)] == 3
    assert project.content() == stored


# The register.


@pytest.mark.slow
def test_a_register_that_has_changed_is_a_warning_and_a_fix_takes_it_over(
    project: Project, looks: Looks, stored: Content, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = project.elexon.world.register()
    wind = [row for row in served if row["fuelType"] == "WIND" and row["elexonBmUnit"]]
    other = next(row for row in served if row["fuelType"] != "WIND" and row["elexonBmUnit"])
    changed = {
        wind[0]["elexonBmUnit"]: {"leadPartyName": "Somebody else"},
        wind[1]["elexonBmUnit"]: {"fuelType": None},
        other["elexonBmUnit"]: {"fuelType": "WIND"},
    }
    gone = wind[2]["elexonBmUnit"]
    rows = [row | changed.get(row["elexonBmUnit"], {}) for row in served if row["elexonBmUnit"] != gone]
    monkeypatch.setattr(project.elexon.world, "register", lambda: rows)
    monkeypatch.setattr("minerecon_dagster.core.register.MOST_UNITS_LOST", 1)
    monkeypatch.setattr("minerecon_dagster.core.register.MOST_CAPACITY_LOST", 1)
    with project.engine.begin() as connection:  # as if it was fetched long ago: of its first day it would be replaced
        connection.execute(text("UPDATE minerecon.bm_units SET valid_from = '2025-01-01'"))
    row = looks.right()
    assert (row["outcome"], names(row["problems"])) == ("wrong", {"drift.register_unchanged"})
    ((violations,),) = project.sql(
        "SELECT violations FROM minerecon.reconciliation_results WHERE check_name = 'register_unchanged'"
        " ORDER BY result_id DESC LIMIT 1"
    )
    assert {v["bmu_id"]: v["change"] for v in violations} == {
        wind[0]["elexonBmUnit"]: "lead party",
        wind[1]["elexonBmUnit"]: "no longer wind",
        other["elexonBmUnit"]: "new",
        gone: "gone",
    }
    versions = project.sql("SELECT count(*) FROM minerecon.bm_units")
    row = looks.right(action="fix")
    assert row["outcome"] == "right"
    assert project.sql("SELECT count(*) FROM minerecon.bm_units") > versions
    assert project.instance.get_latest_materialization_event(asset_keys.BM_UNITS).run_id == row["run_id"]  # type: ignore[union-attr]
    assert project.content() == stored, "the versions in force on a past day are the same"


# One period.


@pytest.mark.slow
def test_a_spot_fix_changes_what_its_period_changes_and_nothing_else(
    project: Project, looks: Looks, day_stored: None
) -> None:
    ((unit,),) = project.sql(
        "SELECT bmu_id FROM minerecon.curtailment_records WHERE settlement_period = 12 AND so_flag LIMIT 1"
    )
    others = (
        "SELECT * FROM minerecon.curtailment_records WHERE settlement_period <> 12 ORDER BY 2, 4, 5, 6, 7, 8",
        "SELECT * FROM minerecon.historical_bitcoin_calculations WHERE settlement_period <> 12 ORDER BY 2, 3, 4",
    )
    before = [project.sql(query) for query in others]
    whole = project.elexon.world.stack

    def revised(day: dt.date, side: str, period: int) -> list[dict[str, Any]]:
        rows = whole(day, side, period)  # type: ignore[arg-type]
        # A little more energy, within what the control totals allow.
        return [row | {"volume": row["volume"] * 1.001} if row["id"] == unit else row for row in rows]

    project.elexon.world.stack = revised  # type: ignore[method-assign,assignment]
    result = looks.spot_fix(DAY, 12, unit)
    assert result.success, not_done(result)
    assert [project.sql(query) for query in others] == before
    assert {p for p in project.elexon.requests if "/stack/" in p} == {
        stack_path(side, DAY, 12) for side in ("bid", "offer")
    }
    row = looks.kept()
    assert (row["action"], row["outcome"], row["sampling"], row["periods_looked_at"]) == (
        "spot-fix", "repaired", None, [12],
    )  # fmt: skip
    assert [d["settlement_period"] for d in row["period_differences"]] == [12]
    assert [d["bmu_id"] for d in row["unit_differences"]] == [unit]
    (of_unit,) = row["unit_differences"]
    assert Decimal(of_unit["after"]["mwh"]) > Decimal(of_unit["stored"]["mwh"])
    assert of_unit["after"]["btc"]["S9"] > of_unit["stored"]["btc"]["S9"]
    assert looks.spot_fix(DAY, 12, unit).success
    assert looks.kept()["outcome"] == "right in part", "one period of 48 was looked at"


@pytest.mark.first_quick
@pytest.mark.parametrize(
    ("day", "period", "bmu", "says"),
    [
        (SHORT, 47, "SYN-1", "2025-03-30 has settlement periods 1 to 46, not 47"),
        (DAY, 12, "T_NOSUCH-1", "T_NOSUCH-1 is not in the register on 2025-03-28"),
    ],
)
def test_a_spot_fix_of_what_is_not_there_says_so_and_changes_nothing(
    project: Project, looks: Looks, stored: Content, day: dt.date, period: int, bmu: str, says: str
) -> None:
    result = looks.spot_fix(day, period, bmu)
    assert not result.success
    assert says in not_done(result)
    assert project.content() == stored
    assert not any("/stack/" in path for path in project.elexon.requests)


@pytest.mark.slow
def test_a_period_that_is_not_over_is_not_said_to_be_fetched(project: Project, looks: Looks) -> None:
    project.now = (period_end(DAY, 20) + dt.timedelta(minutes=40)).isoformat()
    with fake_clock(project):
        project.ingest()
        ((unit,),) = project.sql("SELECT bmu_id FROM minerecon.curtailment_records LIMIT 1")
        says = "settlement period 40 is not over yet; try again after 20:00 UTC on 2025-03-28"
        for result in (looks.spot_fix(DAY, 40, unit), project.run(DAY, periods="40-44")):
            assert not result.success
            assert says in not_done(result)
        assert (looks.kept()["outcome"], looks.kept()["repair"]) == ("failed", None)
        project.ingest(periods="20-44")
    assert project.sql("SELECT state, periods_present FROM minerecon.daily_summaries") == [("provisional", 21)]


def test_a_spot_fix_of_a_unit_that_is_no_wind_farm_says_what_it_is(
    project: Project, looks: Looks, day_stored: None
) -> None:
    ((unit, fuel),) = project.sql(
        "SELECT bmu_id, fuel_type FROM minerecon.bm_units WHERE fuel_type <> 'WIND' ORDER BY 1 LIMIT 1"
    )
    result = looks.spot_fix(DAY, 12, unit)
    assert f"{unit} has fuel type {fuel} on {DAY}" in not_done(result)


# What Dagster shows.


def evaluations(project: Project, family: str, day: dt.date) -> list[bool]:
    """Whether a family of checks of a day passed, newest first."""
    key = dg.AssetCheckKey(catalog.CHECKED_ASSET[family], family)
    records = project.instance.event_log_storage.get_asset_check_execution_history(key, limit=20)
    found = [record.event.dagster_event.asset_check_evaluation_data for record in records]  # type: ignore[union-attr]
    return [evaluation.passed for evaluation in found if evaluation.partition == str(day)]


@pytest.mark.slow
def test_every_family_is_evaluated_for_every_day_of_a_range_and_repaired_days_are_materialized(
    project: Project, looks: Looks, day_stored: None
) -> None:
    project.ingest(SATURDAY)
    project.elexon.world.revise[SATURDAY] = 1.5
    families = sorted({p.family for p in PROPERTIES if p.scope == "day" and not p.is_beside})
    result = looks.run(DAY, SATURDAY)
    assert not result.success
    for family in families:
        assert evaluations(project, family, DAY)[0], family
        assert evaluations(project, family, SATURDAY)[0] == (family != "drift"), family
    failure = result.get_step_failure_events()[0].step_failure_data.user_failure_data
    assert failure is not None
    assert set(failure.metadata["days_not_done"].value) == {str(SATURDAY)}  # type: ignore[arg-type]
    assert f"minerecon verify {SATURDAY} --action fix" in not_done(result)
    result = looks.run(DAY, SATURDAY, action="fix")
    assert result.success
    assert evaluations(project, "drift", SATURDAY)[0]
    made = {(e.asset_key, e.partition) for e in result.get_asset_materialization_events()}
    assert {p for _, p in made} == {str(SATURDAY), "2025-03", "2025"}, "its month and year follow"
    made = {(key, partition) for key, partition in made if partition not in ("2025-03", "2025")}
    assert made == {(key, str(SATURDAY)) for key, _ in made}
    assert {asset_keys.RECORDS, asset_keys.DAILY, asset_keys.BITCOIN_DAILY, *asset_keys.CALCULATIONS} <= {
        key for key, _ in made
    }


# Which repair for what.


def test_every_property_of_a_day_is_rebuilt_fetched_again_or_left_to_a_person() -> None:
    of_days = {p.full_name for p in PROPERTIES if p.scope == "day"}
    assert of_days == REBUILT | REFETCHED | FOR_A_PERSON
    assert not REBUILT & REFETCHED
    assert not (REBUILT | REFETCHED) & FOR_A_PERSON
    assert MENDABLE == REBUILT | REFETCHED
    assert {name.partition(".")[0] for name in REBUILT} == {"conservation", "calculation", "money", "register"}
    assert {name.partition(".")[0] for name in REFETCHED} == {"completeness", "control_totals", "drift", "physics"}


@pytest.mark.slow
def test_typed_in_sums_of_its_month_are_found_with_a_day_and_mended_with_it(
    project: Project, looks: Looks, day_stored: None
) -> None:
    right = looks.run(DAY, action="fix")
    assert right.success, "the first look makes the sums, which nobody had made"
    project.sql_write(
        "UPDATE minerecon.bitcoin_monthly_summaries SET mined_btc = 260.28916727 WHERE miner_model = 'S19J_PRO'"
    )
    result = looks.run(DAY)
    assert not result.success
    assert "2025-03: rollups" in not_done(result)
    assert "rollup_sweep" in not_done(result)
    assert looks.run(DAY, action="fix").success
    assert looks.run(DAY).success
    assert project.sql(
        "SELECT DISTINCT m.mined_btc = d.mined_btc FROM minerecon.bitcoin_monthly_summaries AS m"
        " JOIN minerecon.bitcoin_daily_summaries AS d USING (miner_model)"
    ) == [(True,)]
