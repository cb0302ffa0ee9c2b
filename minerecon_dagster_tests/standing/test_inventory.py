"""Freshness by the clock, and the standing inventory: what is wrong anywhere, and the commands that mend it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import Engine, text

from minerecon_dagster import asset_keys
from minerecon_dagster.core import checks as c
from minerecon_dagster.core.mining import MINER_MODELS
from minerecon_dagster.core.repairs import REFRESH_REGISTER, SWEEP, parse
from minerecon_dagster.definitions import build_defs
from minerecon_dagster.defs.inventory import CHECK_KEYS
from minerecon_dagster.defs.resources import ElexonResource
from minerecon_dagster.jobs import STANDING_INVENTORY
from minerecon_dagster.standing.inventory import (
    FailedProperty,
    Finding,
    Standing,
    group_days,
    last_day_to_be_final,
    last_day_to_be_there,
    read_standings,
    take_inventory,
)
from minerecon_dagster_tests.conftest import FORTNIGHT
from minerecon_dagster_tests.project import DAY, Project, definitions
from minerecon_dagster_tests.sums.test_rollups import days, store

D = dt.date.fromisoformat
FIRST, LAST = FORTNIGHT
NOON_AFTER = dt.datetime(2025, 4, 3, 11, 5, tzinfo=dt.UTC)
"""12:05 London of the day after `LAST`, in summer time; the clocks go forward on 2025-03-30."""


def at(instant: str) -> dt.datetime:
    return dt.datetime.fromisoformat(instant)


def look(engine: Engine, now: dt.datetime = NOON_AFTER, first: dt.date = FIRST) -> dict[str, Finding]:
    with engine.connect() as connection:
        return {f.result.checked.name: f for f in take_inventory(connection, first, now)}


def red(findings: Mapping[str, Finding]) -> dict[str, str]:
    """The properties that do not hold, with what mends each."""
    return {name: str(f.result.repair) for name, f in findings.items() if not f.result.passed}


def change(engine: Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def evaluate(
    engine: Engine,
    day: dt.date,
    name: str = "control_totals.boav_wind_volume",
    *,
    passed: bool = False,
    severity: str = "ERROR",
    repair: str = "minerecon reingest {day} --force",
    waived_until: dt.date | None = None,
) -> None:
    """Record an evaluation of a property of a day."""
    family, check = name.split(".")
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO minerecon.reconciliation_results (settlement_date, check_family, check_name, passed,"
                " severity, looked_at, violation_count, violations, repair, evaluated_at, waiver, waived_until)"
                " VALUES (:d, :f, :n, :p, :s, 1, :v, '[]', :r, :t, :w, :u)"
            ),
            {
                "d": day,
                "f": family,
                "n": check,
                "p": passed,
                "s": severity,
                "v": 0 if passed else 1,
                "r": repair.format(day=day),
                "t": NOON_AFTER,
                "w": "the control total is known to be wrong; A. Person" if waived_until else None,
                "u": waived_until,
            },
        )


RED_WITHOUT_ROWS = {
    "every_day_matches_its_rows",
    "every_input_is_believable",
    "every_day_counts_its_units",
    "register_is_believed",
}
"""What says that days which `stand` has stored have neither rows nor a difficulty nor a register."""


def stand(engine: Engine, stored: Iterable[dt.date], **changes: Any) -> None:
    """Store days (replace them) of which a check has passed."""
    stored = list(stored)
    store(engine, stored, **changes)
    for day in stored:
        evaluate(engine, day, passed=True)


@pytest.mark.parametrize(
    ("now", "there", "final"),
    [
        ("2025-01-15T08:59:59+00:00", "2025-01-13", "2025-01-12"),
        ("2025-01-15T09:00:00+00:00", "2025-01-14", "2025-01-12"),
        ("2025-01-15T11:59:59+00:00", "2025-01-14", "2025-01-12"),
        ("2025-01-15T12:00:00+00:00", "2025-01-14", "2025-01-13"),
        ("2025-07-15T07:59:59+00:00", "2025-07-13", "2025-07-12"),
        ("2025-07-15T08:00:00+00:00", "2025-07-14", "2025-07-12"),
        ("2025-07-15T10:59:59+00:00", "2025-07-14", "2025-07-12"),
        ("2025-07-15T11:00:00+00:00", "2025-07-14", "2025-07-13"),
        ("2025-07-14T23:30:00+00:00", "2025-07-13", "2025-07-12"),
        ("2025-03-30T08:00:00+00:00", "2025-03-29", "2025-03-27"),
        ("2025-10-26T08:59:59+00:00", "2025-10-24", "2025-10-23"),
        ("2025-10-26T12:00:00+00:00", "2025-10-25", "2025-10-24"),
    ],
)
def test_yesterday_is_due_at_nine_and_the_day_before_it_final_at_noon_by_londons_clocks(
    now: str, there: str, final: str
) -> None:
    assert (last_day_to_be_there(at(now)), last_day_to_be_final(at(now))) == (D(there), D(final))


def test_all_is_well_of_days_that_are_there_final_and_the_sums_of_their_rows(filled: Engine) -> None:
    findings = look(filled)
    assert red(findings) == {}
    assert {name: f.result.looked_at for name, f in findings.items()} == {
        "yesterday_is_there": 1,
        "days_become_final": 13,
        "every_day_is_complete": 14,
        "every_sum_is_of_its_days": 3,
        "every_model_ratio_holds": 14,
        "every_final_day_was_run_again": 14,
        "every_day_matches_its_rows": 14,
        "every_input_is_believable": 14,
        "every_day_counts_its_units": 14,
        "every_day_has_its_turn_up": 14,
        "turn_up_near_published": 8,
        "every_wind_unit_is_counted": 14,
        "register_is_believed": 150,
    }


def test_an_empty_warehouse_fails_every_property_and_names_one_range_and_the_start_date(warehouse: Engine) -> None:
    findings = look(warehouse)
    everything = f"minerecon reingest {FIRST} {LAST}"
    assert {name: f.result.passed for name, f in findings.items()} == dict.fromkeys(findings, False)
    assert str(findings["yesterday_is_there"].result.repair) == f"minerecon reingest {LAST}"
    complete = findings["every_day_is_complete"]
    assert (complete.result.violation_count, str(complete.result.repair)) == (14, everything)
    (group,) = complete.groups
    assert (group.first, group.last, group.what) == (FIRST, LAST, "missing")
    assert "MINERECON_START_DATE=2025-04-03" in complete.result.actual
    assert findings["every_model_ratio_holds"].result.looked_at == 0


def test_where_no_day_is_due_yet_nothing_was_looked_at_and_that_fails(warehouse: Engine) -> None:
    findings = look(warehouse, first=LAST + dt.timedelta(days=1))
    assert {name: (f.result.passed, f.result.looked_at) for name, f in findings.items()} == dict.fromkeys(
        findings, (False, 0)
    )


def test_yesterday_missing_is_red_from_nine_and_no_back_fill_turns_it_green(warehouse: Engine) -> None:
    stored = days("2025-03-20", "2025-04-01")
    stand(warehouse, stored)
    assert "yesterday_is_there" not in red(look(warehouse, at("2025-04-03T07:59:00+00:00")))
    assert red(look(warehouse, at("2025-04-03T08:00:00+00:00")))["yesterday_is_there"] == (
        "minerecon reingest 2025-04-02"
    )
    stand(warehouse, [D("2025-03-20"), D("2025-03-19")], built_at=NOON_AFTER)
    assert "yesterday_is_there" in red(look(warehouse))
    stand(warehouse, [LAST])
    assert "yesterday_is_there" not in red(look(warehouse))


def test_before_nine_it_says_which_day_is_due_and_from_when_yesterday_is(warehouse: Engine) -> None:
    early = look(warehouse, at("2025-04-03T07:59:00+00:00"))["yesterday_is_there"].result
    assert early.expected == "2025-04-01, stored with 48 periods (2025-04-02 is due from 09:00 London on)"
    (day, also) = look(warehouse, AT_NINE)["yesterday_is_there"].result.expected.split(", stored with 48 periods")[:2]
    assert (day, also) == ("2025-04-01", ", 2025-04-02")
    assert "due from" not in look(warehouse)["yesterday_is_there"].result.expected


def test_yesterday_as_it_was_stored_while_in_progress_is_not_there(warehouse: Engine) -> None:
    stand(warehouse, days("2025-03-20", "2025-04-02"))
    stand(warehouse, [LAST], periods_due=40, periods_present=40, state="provisional")
    finding = look(warehouse)["yesterday_is_there"]
    assert not finding.result.passed
    assert finding.result.actual == "stored with 40 of its 48 periods"


AT_NINE = at("2025-04-03T08:05:00+00:00")
"""09:05 London of the day after `LAST`."""


def test_yesterday_incomplete_is_red_from_nine_and_stays_red_until_it_is_whole_or_due_to_be_final(
    warehouse: Engine,
) -> None:
    stand(warehouse, days("2025-03-20", "2025-04-02"))
    stand(warehouse, [LAST], periods_present=46, state="incomplete")
    assert "yesterday_is_there" not in red(look(warehouse, at("2025-04-03T07:59:00+00:00")))
    finding = look(warehouse, AT_NINE)["yesterday_is_there"]
    assert str(finding.result.repair) == f"minerecon reingest {LAST}"
    assert finding.result.actual == f"{LAST} is incomplete: Elexon has published 46 of its 48 periods"
    stand(warehouse, [LAST + dt.timedelta(days=1)])
    following = look(warehouse, AT_NINE + dt.timedelta(days=1))
    assert not following["yesterday_is_there"].result.passed, "the next day is whole, and that clears nothing"
    noon = look(warehouse, NOON_AFTER + dt.timedelta(days=1))
    assert red(noon).keys() == {"days_become_final", "every_day_is_complete", *RED_WITHOUT_ROWS}
    stand(warehouse, [LAST])
    assert look(warehouse, AT_NINE + dt.timedelta(days=1))["yesterday_is_there"].result.passed


def test_yesterday_provisional_with_every_period_is_there(warehouse: Engine) -> None:
    stand(warehouse, days("2025-03-20", "2025-04-02"))
    stand(warehouse, [LAST], state="provisional")
    assert "yesterday_is_there" not in red(look(warehouse, AT_NINE))


def test_today_incomplete_is_red_of_nothing(warehouse: Engine) -> None:
    stand(warehouse, days("2025-03-20", "2025-04-02"))
    today = LAST + dt.timedelta(days=1)
    stand(warehouse, [today], periods_due=16, periods_present=14, state="incomplete")
    assert red(look(warehouse, AT_NINE)).keys() == RED_WITHOUT_ROWS


@pytest.mark.parametrize("day", ["2025-03-30", "2025-10-26"], ids=["46 periods", "50 periods"])
def test_how_many_periods_yesterday_should_have_is_the_calendars(warehouse: Engine, day: str) -> None:
    periods = {"2025-03-30": 46, "2025-10-26": 50}[day]
    now = dt.datetime.combine(D(day) + dt.timedelta(days=1), dt.time(9, 5), dt.UTC)
    stand(warehouse, [D(day)], periods_expected=periods, periods_due=periods, periods_present=periods)
    assert "yesterday_is_there" not in red(look(warehouse, now, D(day)))
    stand(warehouse, [D(day)], periods_expected=48, periods_due=48, periods_present=48)
    assert "yesterday_is_there" in red(look(warehouse, now, D(day)))


@pytest.mark.parametrize("state", ["provisional", "incomplete"])
def test_a_day_that_is_not_final_two_days_later_at_noon_is_red_and_no_back_fill_turns_it_green(
    warehouse: Engine, state: str
) -> None:
    stand(warehouse, days("2025-03-20", "2025-04-02"))
    stand(warehouse, [D("2025-04-01"), LAST], state=state)
    late = ("days_become_final", "every_day_is_complete")
    in_time = red(look(warehouse, at("2025-04-03T10:59:00+00:00")))
    assert [name for name in late if name in in_time] == []
    after = red(look(warehouse, at("2025-04-03T11:00:00+00:00")))
    assert {name: after.get(name) for name in late} == dict.fromkeys(late, "minerecon reingest 2025-04-01")
    stand(warehouse, [D("2025-03-20"), D("2025-03-25")], built_at=NOON_AFTER)
    assert set(late) <= set(red(look(warehouse)))
    stand(warehouse, [D("2025-04-01")])
    assert "days_become_final" not in red(look(warehouse))


def test_years_that_were_never_fetched_are_one_range_with_one_command(filled: Engine) -> None:
    complete = look(filled, first=D("2022-01-01"))["every_day_is_complete"]
    assert complete.result.violation_count == 1174
    assert str(complete.result.repair) == "minerecon reingest 2022-01-01 2025-03-19"
    assert "set MINERECON_START_DATE=2025-03-20" in complete.result.actual
    assert "14 complete, 1,174 missing" in complete.result.actual


def test_each_kind_of_day_is_counted_and_what_a_waiver_accepts_or_a_person_should_look_at_does_not_fail(
    filled: Engine,
) -> None:
    evaluate(filled, D("2025-03-20"), severity="WARN")
    evaluate(filled, D("2025-03-21"), waived_until=D("2099-12-31"))
    assert red(look(filled)) == {}
    evaluate(filled, D("2025-03-22"), waived_until=D("2025-04-01"))
    evaluate(filled, D("2025-03-23"))
    change(
        filled,
        "UPDATE minerecon.daily_summaries SET state = 'incomplete', periods_present = 47"
        " WHERE summary_date = '2025-03-25'",
        "DELETE FROM minerecon.daily_summaries WHERE summary_date IN ('2025-03-27', '2025-03-28')",
        "DELETE FROM minerecon.reconciliation_results WHERE settlement_date IN ('2025-03-27', '2025-03-28')",
    )
    complete = look(filled)["every_day_is_complete"]
    assert complete.result.actual.startswith("7 complete, 1 warned, 1 waived, 1 incomplete, 2 failing, 2 missing")
    assert [str(group) for group in complete.groups] == [
        "2025-03-22 to 2025-03-23, 2 days, are failing (control_totals.boav_wind_volume): "
        "minerecon reingest 2025-03-22 2025-03-23 --force",
        "2025-03-25 is incomplete for too long: minerecon reingest 2025-03-25",
        "2025-03-27 to 2025-03-28, 2 days, are missing: minerecon reingest 2025-03-27 2025-03-28",
    ], "the waiver of the 22nd has lapsed"
    assert complete.result.violation_count == 5


def test_a_day_whose_attempt_failed_is_failing_although_no_check_of_it_is_on_record(warehouse: Engine) -> None:
    stand(warehouse, days("2025-03-20", "2025-04-02"))
    change(
        warehouse,
        "INSERT INTO minerecon.ingestion_progress (settlement_date, settlement_period, stack_side, status, row_count,"
        " fetched_at, error, is_synthetic) VALUES ('2025-03-24', 1, 'bid', 'failed', 0, now(), 'HTTP 500', true)",
    )
    groups = [g for g in look(warehouse)["every_day_is_complete"].groups if g.what == "failing"]
    assert [str(g) for g in groups] == ["2025-03-24 is failing: minerecon reingest 2025-03-24"]


def standing(day: str, *repairs: str, is_stored: bool = True) -> Standing:
    problems = [FailedProperty(f"family.p{n}", "ERROR", parse(repair), None, None) for n, repair in enumerate(repairs)]
    return Standing(D(day), "failing", is_stored, is_stored, 48, problems)


@pytest.mark.parametrize(
    ("repairs", "is_stored", "command"),
    [
        ([], False, "minerecon reingest 2025-03-28"),
        (["minerecon recalculate 2025-03-28"], True, "minerecon recalculate 2025-03-28"),
        (
            ["minerecon recalculate 2025-03-28", "minerecon reingest 2025-03-28 --from-archive"],
            True,
            "minerecon reingest 2025-03-28 --from-archive",
        ),
        (
            ["minerecon reingest 2025-03-28 --from-archive", "minerecon reingest 2025-03-28 --force"],
            True,
            "minerecon reingest 2025-03-28 --force",
        ),
        (
            ["minerecon difficulty load FILE.csv"],
            False,
            "minerecon difficulty load FILE.csv; minerecon reingest 2025-03-28",
        ),
        (
            ["minerecon difficulty load FILE.csv"],
            True,
            "minerecon difficulty load FILE.csv; minerecon recalculate 2025-03-28",
        ),
        (
            ["minerecon difficulty load FILE.csv; minerecon recalculate 2025-03-28"],
            False,
            "minerecon difficulty load FILE.csv; minerecon reingest 2025-03-28",
        ),
        (
            ["minerecon difficulty load FILE.csv; minerecon recalculate 2025-03-28"],
            True,
            "minerecon difficulty load FILE.csv; minerecon recalculate 2025-03-28",
        ),
        (["minerecon verify 2025-03-28 --action fix"], True, "minerecon verify 2025-03-28 --action fix"),
        (
            ["minerecon spot-fix 2025-03-28 17 T_SGRWO-1"],
            True,
            "minerecon spot-fix 2025-03-28 17 T_SGRWO-1",
        ),
        (
            ["minerecon verify 2025-03-28", "minerecon recalculate 2025-03-28"],
            True,
            "minerecon recalculate 2025-03-28",
        ),
        (["look at the register"], True, "look at the register; minerecon reingest 2025-03-28 --from-archive"),
    ],
)
def test_a_day_has_one_command_for_all_that_is_wrong_with_it(repairs: list[str], is_stored: bool, command: str) -> None:
    (group,) = group_days([standing("2025-03-28", *repairs, is_stored=is_stored)], NOON_AFTER)
    assert str(group.repair) == command


def test_a_register_that_changed_is_fetched_and_then_the_day_is_verified() -> None:
    problem = FailedProperty(c.REGISTER_UNCHANGED.full_name, "WARN", REFRESH_REGISTER, None, None)
    day = Standing(DAY, "warned", True, True, 48, [problem])
    (group,) = group_days([day], NOON_AFTER)
    assert str(group.repair) == f"{REFRESH_REGISTER}; minerecon verify {DAY}"


def test_what_a_waiver_accepts_is_in_no_command() -> None:
    problems = [
        FailedProperty("family.open", "ERROR", parse(f"minerecon recalculate {DAY}"), None, None),
        FailedProperty(
            "family.waived", "ERROR", parse(f"minerecon reingest {DAY} --force"), "known; A. Person", D("2099-12-31")
        ),
    ]
    (group,) = group_days([Standing(DAY, "failing", True, True, 48, problems)], NOON_AFTER)
    assert str(group) == f"{DAY} is failing (family.open): minerecon recalculate {DAY}"


def test_a_range_has_a_command_that_takes_ranges_and_other_commands_stay_with_their_day() -> None:
    drifted = [standing(d, f"minerecon verify {d} --action fix") for d in ("2025-03-28", "2025-03-29")]
    spots = [standing(d, f"minerecon spot-fix {d} 17 T_SGRWO-1") for d in ("2025-03-30", "2025-03-31")]
    assert [(g.day_count, str(g.repair)) for g in group_days([*spots, *drifted], NOON_AFTER)] == [
        (2, "minerecon verify 2025-03-28 2025-03-29 --action fix"),
        (1, "minerecon spot-fix 2025-03-30 17 T_SGRWO-1"),
        (1, "minerecon spot-fix 2025-03-31 17 T_SGRWO-1"),
    ]


def test_days_that_are_apart_are_groups_of_their_own_and_a_result_names_a_bounded_number_of_commands(
    warehouse: Engine,
) -> None:
    stand(warehouse, days("2025-03-20", "2025-04-02")[::2])
    complete = look(warehouse)["every_day_is_complete"]
    assert [g.day_count for g in complete.groups] == [1] * 7
    assert str(complete.result.repair).count("minerecon reingest") == 5
    assert str(complete.result.repair).endswith("; and 2 more: minerecon status")


def test_typed_in_totals_of_a_day_are_out_of_the_models_ratios(filled: Engine) -> None:
    typed = {"S19J_PRO": "34.58136172", "M20S": "21.28012335", "S9": "10.71975614"}
    with filled.begin() as connection:
        for model, btc in typed.items():
            connection.execute(
                text("UPDATE minerecon.bitcoin_daily_summaries SET mined_btc = :b"
                     " WHERE miner_model = :m AND summary_date = '2025-03-26'"), {"b": Decimal(btc), "m": model},
            )  # fmt: skip
    found = red(look(filled))
    assert found.pop("every_sum_is_of_its_days") == str(SWEEP), "its month has the sum of what it was"
    assert found == dict.fromkeys(
        ("every_model_ratio_holds", "every_day_matches_its_rows"), "minerecon recalculate 2025-03-26"
    )


def test_a_day_without_bitcoin_is_out_of_the_models_ratios(filled: Engine) -> None:
    change(filled, "DELETE FROM minerecon.bitcoin_daily_summaries WHERE summary_date >= '2025-04-01'")
    assert red(look(filled))["every_model_ratio_holds"] == "minerecon recalculate 2025-04-01 2025-04-02"


WINDY = "(SELECT summary_date FROM minerecon.daily_summaries ORDER BY record_count DESC LIMIT 1)"
ARCHIVE = "minerecon reingest {day} --from-archive"
RECALCULATE = "minerecon recalculate {day}"
EVERY_MODEL = ", ".join(sorted(model.name for model in MINER_MODELS))


@pytest.mark.first_quick
@pytest.mark.parametrize(
    ("fault", "names", "command"),
    [
        (
            "DELETE FROM minerecon.curtailment_records WHERE ctid IN (SELECT ctid FROM minerecon.curtailment_records"
            " WHERE settlement_date = {windy} LIMIT 10)",
            f"records, calculations of {EVERY_MODEL}",
            ARCHIVE,
        ),
        (
            "UPDATE minerecon.curtailment_records SET original_price_gbp_per_mwh = -original_price_gbp_per_mwh"
            " WHERE ctid = (SELECT min(ctid) FROM minerecon.curtailment_records WHERE settlement_date = {windy})",
            "records",
            ARCHIVE,
        ),
        (
            "UPDATE minerecon.daily_summaries SET paid_gbp = paid_gbp + 0.000001 WHERE summary_date = {windy}",
            "records, units, periods",
            ARCHIVE,
        ),
        (
            "UPDATE minerecon.wind_generation_data SET wind_onshore_mw = 1"
            " WHERE settlement_date = {windy} AND settlement_period = 9",
            "wind",
            ARCHIVE,
        ),
        (
            "UPDATE minerecon.unit_daily_summaries SET curtailed_mwh = curtailed_mwh + 1 WHERE ctid ="
            " (SELECT min(ctid) FROM minerecon.unit_daily_summaries WHERE settlement_date = {windy})",
            "units",
            ARCHIVE,
        ),
        (
            "DELETE FROM minerecon.period_summaries WHERE ctid ="
            " (SELECT min(ctid) FROM minerecon.period_summaries WHERE settlement_date = {windy})",
            "periods",
            ARCHIVE,
        ),
        (
            "DELETE FROM minerecon.historical_bitcoin_calculations WHERE settlement_date = {windy}"
            " AND miner_model = 'S9'",
            "calculations of S9",
            RECALCULATE,
        ),
        (
            "UPDATE minerecon.historical_bitcoin_calculations SET mined_btc = mined_btc * 1.000000000001"
            " WHERE settlement_date = {windy} AND miner_model = 'M20S'",
            "calculations of M20S",
            RECALCULATE,
        ),
        (
            "UPDATE minerecon.bitcoin_daily_summaries SET mined_btc = mined_btc + 0.000000000001"
            " WHERE summary_date = {windy} AND miner_model = 'M20S'",
            "calculations of M20S",
            RECALCULATE,
        ),
        (
            "UPDATE minerecon.bitcoin_difficulty SET difficulty = 109782075598905.16 WHERE settlement_date = {windy}",
            f"calculations of {EVERY_MODEL}",
            RECALCULATE,
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 30 else "",
)
def test_what_other_hands_changed_in_rows_or_sums_of_any_day_is_found(
    filled: Engine, fault: str, names: str, command: str
) -> None:
    with filled.connect() as connection:
        day = connection.execute(text(f"SELECT {WINDY}")).scalar_one()
    change(filled, fault.replace("{windy}", f"DATE '{day}'"))
    finding = look(filled)["every_day_matches_its_rows"]
    assert [group.headline for group in finding.groups] == [f"{day} is not the sums of the {names}"]
    found = red(look(filled))
    found.pop("every_sum_is_of_its_days", None)  # where a day's own sum was changed
    assert found == {"every_day_matches_its_rows": command.format(day=day)}


@pytest.mark.parametrize("table", ["monthly_summaries", "yearly_summaries"])
def test_a_typed_in_total_is_found_though_its_newest_day_was_built_a_minute_ago(filled: Engine, table: str) -> None:
    change(
        filled,
        f"UPDATE minerecon.{table} SET curtailed_mwh = curtailed_mwh + 1",
        "UPDATE minerecon.daily_summaries SET built_at = now() WHERE summary_date = (SELECT max(summary_date)"
        " FROM minerecon.daily_summaries)",
    )
    now = dt.datetime.now(dt.UTC)
    with filled.connect() as connection:
        (finding,) = (
            f for f in take_inventory(connection, FIRST, now) if f.result.checked == c.EVERY_SUM_IS_OF_ITS_DAYS
        )
    assert not finding.result.passed
    assert "not the sum of its days: changed after it was summed" in finding.result.actual
    assert finding.result.repair == SWEEP


def _made(engine: Engine, made_at: str, day: str = "2025-03-26", *, periods: str = "settlement_period > 0") -> None:
    """Let a day's rows have been made at that time, as of before anything looked at when they were."""
    change(
        engine,
        f"DELETE FROM minerecon.reconciliation_latest WHERE settlement_date = '{day}' AND check_name ="
        f" '{c.ROWS_OF_THE_RERUN.name}'",
        f"UPDATE minerecon.curtailment_records SET elexon_created_at = {made_at}"
        f" WHERE settlement_date = '{day}' AND {periods}",
    )


def test_a_final_day_whose_rows_are_of_the_first_run_is_found_and_told_with_its_periods(filled: Engine) -> None:
    _made(filled, "start_time + interval '24 hours 15 minutes'")
    assert red(look(filled)) == {}, "about 24 h 44 min after their start periods are run again"
    _made(filled, "start_time + interval '44 minutes'", periods="settlement_period BETWEEN 10 AND 12")
    finding = look(filled)["every_final_day_was_run_again"]
    assert [group.headline for group in finding.groups] == [
        "2025-03-26 is final, and of the first run in periods 10-12"
    ]
    assert str(finding.result.repair) == "minerecon reingest 2025-03-26"


@pytest.mark.first_quick
@pytest.mark.parametrize(
    "fault",
    [
        "UPDATE minerecon.daily_summaries SET state = 'provisional' WHERE summary_date = '2025-03-26'",
        "UPDATE minerecon.curtailment_records SET elexon_created_at = NULL WHERE settlement_date = '2025-03-26'",
        "INSERT INTO minerecon.reconciliation_results (settlement_date, check_family, check_name, passed, severity,"
        " looked_at, violation_count, violations, repair, evaluated_at) VALUES ('2025-03-26', 'completeness',"
        " 'rows_of_the_rerun', true, 'WARN', 96, 0, '[]', '', now())",
    ],
    ids=["a provisional day", "rows that do not say", "a day whose check has looked at all its rows"],
)
def test_what_is_no_evidence_of_a_first_run_does_not_turn_a_final_day_red(filled: Engine, fault: str) -> None:
    _made(filled, "start_time + interval '44 minutes'")
    change(filled, fault)
    assert "every_final_day_was_run_again" not in red(look(filled))


@pytest.mark.parametrize(
    ("now", "what"),
    [("2025-03-30T08:00:00+00:00", "provisional"), ("2025-03-30T11:01:00+00:00", "provisional for too long")],
)
def test_a_day_that_elexon_has_not_run_again_is_told_at_once_with_the_reason(now: str, what: str) -> None:
    name = c.ROWS_OF_THE_RERUN.full_name
    late = FailedProperty(name, "WARN", parse("minerecon reingest 2025-03-28"), None, None)
    by_the_clock = Standing(D("2025-03-29"), "provisional", True, False, 48, [])
    (group,) = group_days([Standing(DAY, "provisional", True, False, 48, [late]), by_the_clock], at(now))
    assert str(group) == f"2025-03-28 is {what} ({name}): minerecon reingest 2025-03-28"


@pytest.mark.first_quick
@pytest.mark.parametrize(
    ("fault", "what", "command"),
    [
        (
            "UPDATE minerecon.bitcoin_difficulty SET difficulty = 18700000000000 WHERE settlement_date = {windy}",
            "computed with a difficulty that cannot be: 18700000000000, no compact target",
            f"minerecon difficulty load FILE.csv; {RECALCULATE}",
        ),
        (
            "DELETE FROM minerecon.bitcoin_difficulty WHERE settlement_date = {windy}",
            "computed with a difficulty that cannot be: none",
            f"minerecon difficulty load FILE.csv; {RECALCULATE}",
        ),
        (
            "UPDATE minerecon.wind_generation_data SET wind_offshore_mw = 0 WHERE settlement_date = {windy} AND"
            " settlement_period = (SELECT min(settlement_period) FROM minerecon.period_summaries"
            " WHERE settlement_date = {windy})",
            "stored with a wind output of 0 beside wind bids",
            ARCHIVE,
        ),
        (
            "UPDATE minerecon.curtailment_records SET original_price_gbp_per_mwh = -99999 WHERE ctid ="
            " (SELECT min(ctid) FROM minerecon.curtailment_records WHERE settlement_date = {windy});"
            " DELETE FROM minerecon.reconciliation_latest WHERE check_name = 'prices_below_limit'",
            "stored with a price at Elexon's limit, of which no check has told",
            ARCHIVE,
        ),
    ],
    ids=["rounded difficulty", "no difficulty", "wind output of 0", "price at the limit"],
)
def test_a_day_made_of_what_cannot_be_believed_is_found(filled: Engine, fault: str, what: str, command: str) -> None:
    with filled.connect() as connection:
        day = connection.execute(text(f"SELECT {WINDY}")).scalar_one()
    change(filled, *fault.replace("{windy}", f"DATE '{day}'").split(";"))
    finding = look(filled)["every_input_is_believable"]
    (group,) = finding.groups
    assert group.what.startswith(what)
    assert (group.first, group.last) == (day, day)
    assert str(finding.result.repair) == command.format(day=day)


@pytest.mark.first_quick
@pytest.mark.parametrize(
    ("fault", "what"),
    [
        (
            "UPDATE minerecon.ingestion_progress SET status = 'unpublished', row_count = 0"
            " WHERE settlement_date = '2025-03-26' AND settlement_period BETWEEN 10 AND 12",
            "final with 48 periods, other than by its answers, which have 45",
        ),
        (
            "DELETE FROM minerecon.ingestion_progress"
            " WHERE settlement_date = '2025-03-26' AND settlement_period BETWEEN 10 AND 12",
            "final with 48 periods, other than by its answers, which have 45",
        ),
        (
            "UPDATE minerecon.daily_summaries SET periods_present = 40 WHERE summary_date = '2025-03-26'",
            "final with 40 periods, other than by its answers, which have 48",
        ),
    ],
    ids=["periods that were not published", "periods without a record", "fewer periods"],
)
def test_a_day_that_other_hands_made_more_or_less_than_its_answers_is_found(
    filled: Engine, fault: str, what: str
) -> None:
    change(filled, fault)
    assert red(look(filled)) == {"every_day_matches_its_rows": ARCHIVE.format(day="2025-03-26")}
    (group,) = look(filled)["every_day_matches_its_rows"].groups
    assert group.headline == f"2025-03-26 is stored as {what}"


def publish(engine: Engine, first: str, last: str, gbp: object, label: str = "a span") -> None:
    """Let others have published a turn-up estimate, beside those that are known, and the days be of real answers."""
    with engine.begin() as connection:
        connection.execute(text("UPDATE minerecon.daily_summaries SET is_synthetic = false"))
        connection.execute(
            text(
                "INSERT INTO minerecon.published_figures (figure_id, period_label, first_day, last_day, basis, figure,"
                " unit, value, source, is_known_wrong, note) VALUES (:label, :label, :first, :last, 'so_flagged',"
                " 'turn_up_estimate_gbp', 'GBP', :gbp, 'A. Person', false, '')"
            ),
            {"label": label, "first": first, "last": last, "gbp": gbp},
        )


def our_turn_up(engine: Engine) -> Decimal:
    """Of the fortnight, in GBP."""
    with engine.connect() as connection:
        total = text("SELECT sum(turn_up_estimate_gbp) FROM minerecon.daily_summaries")
        return Decimal(connection.execute(total).scalar_one())


SPAN = (str(FIRST), str(LAST))
WITHOUT_ESTIMATE = (
    "UPDATE minerecon.daily_summaries SET turn_up_mwh = NULL, turn_up_estimate_gbp = NULL, co2_known_mwh = NULL,"
    " co2_known_t = NULL WHERE summary_date = '{day}'"
)
NOTHING_TO_COMPARE = "nothing to compare: of none are all days stored, none made up"


def test_a_turn_up_estimate_beside_which_none_is_published_passes_by_saying_so(filled: Engine) -> None:
    result = look(filled)["turn_up_near_published"].result
    assert (result.passed, result.actual) == (True, NOTHING_TO_COMPARE), "of no month all days are stored"
    change(filled, "UPDATE minerecon.daily_summaries SET is_synthetic = false")
    assert look(filled)["turn_up_near_published"].result.actual == NOTHING_TO_COMPARE
    publish(filled, *SPAN, 1)
    change(filled, "UPDATE minerecon.daily_summaries SET is_synthetic = summary_date = '2025-03-25'")
    assert look(filled)["turn_up_near_published"].result.actual == NOTHING_TO_COMPARE, "a made-up day is among them"


@pytest.mark.first_quick
@pytest.mark.parametrize(
    ("per_mille", "passed"), [("998.1", True), ("1001.9", True), ("997.9", False), ("1002.1", False)]
)
def test_a_turn_up_estimate_is_held_against_what_others_publish(filled: Engine, per_mille: str, passed: bool) -> None:
    publish(filled, *SPAN, our_turn_up(filled) * 1000 / Decimal(per_mille))
    finding = look(filled)["turn_up_near_published"]
    assert (finding.result.passed, finding.result.looked_at) == (passed, 1), "of what was compared, and no more"
    assert finding.result.actual.startswith("1 compared, all are" if passed else "a span: £")
    assert [(str(g.first), str(g.last), g.severity) for g in finding.groups] == ([] if passed else [(*SPAN, "WARN")])


def test_a_day_without_an_estimate_does_not_take_its_month_out_of_the_comparison_in_silence(filled: Engine) -> None:
    publish(filled, *SPAN, our_turn_up(filled))
    change(
        filled,
        WITHOUT_ESTIMATE.format(day="2025-03-25"),
        WITHOUT_ESTIMATE.format(day="2025-03-28"),
        "DELETE FROM minerecon.ingestion_progress WHERE settlement_date = '2025-03-28' AND stack_side = 'offer'",
    )
    finding = look(filled)["turn_up_near_published"]
    assert (finding.result.passed, finding.result.looked_at) == (False, 1)
    assert finding.result.actual == "a span is not compared: no estimate of 2025-03-25, 2025-03-28"
    assert [(str(g.first), str(g.last), g.severity, str(g.repair)) for g in finding.groups] == [
        ("2025-03-25", "2025-03-25", "WARN", "minerecon reingest 2025-03-25 --from-archive"),
        ("2025-03-28", "2025-03-28", "WARN", "minerecon reingest 2025-03-28 --force"),
    ], "the archive has no offers of the second"
    publish(filled, "2025-03-20", "2025-03-24", 1, "another span")
    assert look(filled)["turn_up_near_published"].result.looked_at == 2


def test_where_no_day_has_an_estimate_none_is_missed(filled: Engine) -> None:
    publish(filled, *SPAN, 1)
    change(filled, WITHOUT_ESTIMATE.replace(" = '{day}'", " IS NOT NULL"))
    result = look(filled)["turn_up_near_published"].result
    assert (result.passed, result.actual) == (True, NOTHING_TO_COMPARE)


def test_of_more_than_a_few_that_differ_the_first_are_named_and_the_rest_counted(filled: Engine) -> None:
    for n in range(7):
        publish(filled, *SPAN, 1, f"span {n}")
    finding = look(filled)["turn_up_near_published"]
    assert finding.result.actual.count("here") == 5
    assert finding.result.actual.endswith("; and 2 more: minerecon status")
    assert len(finding.groups) == 7


def test_rows_of_a_day_without_sums_are_found(filled: Engine) -> None:
    change(filled, f"DELETE FROM minerecon.daily_summaries WHERE summary_date = {WINDY}")
    (group,) = look(filled)["every_day_matches_its_rows"].groups
    assert group.what == "without sums, and have rows"


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault",
    [
        "DELETE FROM minerecon.curtailment_records WHERE bmu_id = 'T_SYNTW-1'",
        "DELETE FROM minerecon.historical_bitcoin_calculations WHERE miner_model = 'S9' AND settlement_period < 20",
        "UPDATE minerecon.bitcoin_daily_summaries SET mined_btc = mined_btc * 2",
        "DELETE FROM minerecon.ingestion_progress WHERE settlement_period BETWEEN 10 AND 12",
        "UPDATE minerecon.daily_summaries SET periods_present = 40",
    ],
)
def test_the_command_that_the_inventory_names_mends_the_day(project: Project, fault: str) -> None:
    project.ingest()
    now = dt.datetime.combine(DAY + dt.timedelta(days=3), dt.time(12), dt.UTC)
    change(project.engine, fault)
    findings = look(project.engine, now, DAY)
    repair = str(findings["every_day_matches_its_rows"].result.repair)
    assert not findings["every_day_matches_its_rows"].result.passed
    if repair == f"minerecon reingest {DAY} --from-archive":
        project.ingest(from_archive=True)
    else:
        assert repair == f"minerecon recalculate {DAY}"
        job = build_defs().resolve_job_def("recalculate")
        assert job.execute_in_process(instance=project.instance, partition_key=str(DAY)).success
    assert {name for name in red(look(project.engine, now, DAY)) if name.startswith("every_day_matches")} == set()
    assert "every_model_ratio_holds" not in red(look(project.engine, now, DAY))


def test_the_standings_are_of_the_calendar_and_not_of_what_is_stored(warehouse: Engine) -> None:
    stand(warehouse, [D("2025-03-22"), D("2025-05-01")])
    with warehouse.connect() as connection:
        found = read_standings(connection, FIRST, LAST)
    assert [s.day for s in found] == days("2025-03-20", "2025-04-02")
    assert {s.status for s in found if not s.is_stored} == {"missing"}


def run_job(engine: Engine, monkeypatch: pytest.MonkeyPatch, first: dt.date = FIRST) -> dg.ExecuteInProcessResult:
    monkeypatch.setenv("DATABASE_URL", engine.url.render_as_string(hide_password=False))
    monkeypatch.setenv("MINERECON_START_DATE", str(first))
    job = definitions(NOON_AFTER.isoformat()).resolve_job_def(STANDING_INVENTORY)
    return job.execute_in_process(instance=dg.DagsterInstance.ephemeral(), raise_on_error=False)


def evaluations(ran: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    return {e.check_name: e for e in ran.get_asset_check_evaluations()}


def test_the_job_evaluates_both_checks_on_the_results_and_records_every_property(
    filled: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = run_job(filled, monkeypatch)
    assert ran.success
    assert {(e.asset_key, e.check_name, e.passed) for e in ran.get_asset_check_evaluations()} == {
        (asset_keys.RESULTS, "freshness", True),
        (asset_keys.RESULTS, "inventory", True),
    }
    with filled.connect() as connection:
        recorded = connection.execute(
            text(
                "SELECT settlement_date, check_family, check_name, passed, run_id"
                " FROM minerecon.reconciliation_latest JOIN minerecon.reconciliation_results USING (result_id,"
                " settlement_date, check_family, check_name, passed) WHERE reconciliation_latest.scope = 'all'"
            )
        ).all()
    assert {tuple(r) for r in recorded} == {
        (D("2025-04-03"), f.result.checked.family, name, True, ran.run_id) for name, f in look(filled).items()
    }


def test_a_failed_check_begins_with_the_problem_and_the_repair_and_shows_the_groups(
    filled: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluate(filled, D("2025-03-22"))
    ran = run_job(filled, monkeypatch, D("2025-03-18"))
    assert ran.success, "the inventory could be taken, whatever it found"
    inventory = evaluations(ran)["inventory"]
    assert (inventory.passed, inventory.severity) == (False, dg.AssetCheckSeverity.ERROR)
    metadata: dict[str, Any] = dict(inventory.metadata)
    assert sorted(metadata)[:4] == ["Problem", "Repair", "Repair by a job", "Wrong"]
    assert "every_day_is_complete" in metadata["Problem"].value
    assert metadata["Wrong"].value == 3
    assert metadata["Repair"].value == (
        "minerecon reingest 2025-03-18 2025-03-19; minerecon reingest 2025-03-22 --force"
    )
    assert [record.data["days"] for record in metadata["groups"].records] == [
        "2025-03-18 to 2025-03-19",
        "2025-03-22",
    ]
    assert [group["what"] for group in metadata["sample"].value] == ["failing", "missing"], "the newest first"


def test_a_look_at_all_days_keeps_every_group_and_shows_the_newest(
    filled: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("control_totals.boav_wind_volume", "conservation.records_match_archive")
    wrong = [FIRST + dt.timedelta(days=n) for n in range((LAST - FIRST).days + 1)]
    for n, day in enumerate(wrong):
        evaluate(filled, day, names[n % 2])
    ran = run_job(filled, monkeypatch)
    with filled.connect() as connection:
        kept = connection.execute(
            text(
                "SELECT violations FROM minerecon.reconciliation_results"
                " WHERE scope = 'all' AND check_name = 'every_day_is_complete'"
            )
        ).scalar_one()
    assert [D(group["first"]) for group in kept] == wrong[::-1]
    shown = evaluations(ran)["inventory"].metadata["sample"].value
    assert shown == kept[: c.SAMPLE_SIZE]


def test_a_warehouse_that_cannot_be_reached_fails_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    job = build_defs().resolve_job_def(STANDING_INVENTORY)
    ran = job.execute_in_process(instance=dg.DagsterInstance.ephemeral(), raise_on_error=False)
    assert not ran.success
    assert ran.get_asset_check_evaluations() == []


def test_the_checks_page_knows_both_checks_with_what_they_look_at() -> None:
    graph = build_defs().resolve_asset_graph()
    for key in CHECK_KEYS:
        spec = graph.get_check_spec(key)
        assert key.asset_key == asset_keys.RESULTS
        assert "(ERROR)" in (spec.description or "")


def test_the_inventory_is_taken_after_nine_and_after_noon_but_not_of_the_sample(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    schedule = build_defs().resolve_schedule_def("standing_inventory")
    assert schedule.cron_schedule == ["5 9 * * *", "5 12 * * *"]
    assert schedule.execution_timezone == "Europe/London"
    assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING
    for url, asks in (("http://127.0.0.1:1/synthetic/api", 0), ("http://127.0.0.1:1/api", 1)):
        monkeypatch.setenv("ELEXON_BASE_URL", url)
        with dg.build_schedule_context(resources={"elexon": ElexonResource()}) as context:
            assert len(schedule.evaluate_tick(context).run_requests or ()) == asks
