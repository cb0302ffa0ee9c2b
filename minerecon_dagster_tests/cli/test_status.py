"""`minerecon status`: a table by month, the rate, and what is wrong with the commands that mend it."""

from __future__ import annotations

import datetime as dt
import shlex
from collections.abc import Callable, Iterable
from io import StringIO
from typing import Any

import pytest
from rich.console import Console
from sqlalchemy import Engine, text

from minerecon_dagster.checks.properties import PROPERTIES
from minerecon_dagster.cli.standing import Horizon, percent, print_report, read_report
from minerecon_dagster.core import checks as c
from minerecon_dagster.core.difficulty import WARN_AHEAD_DAYS
from minerecon_dagster.core.mining import MINER_MODELS
from minerecon_dagster.core.repairs import REFRESH_REGISTER
from minerecon_dagster.settings import PROJECT_ROOT
from minerecon_dagster.standing.inventory import take_inventory
from minerecon_dagster.sums.rollups import TYPED_IN
from minerecon_dagster_tests.cli.conftest import Ran
from minerecon_dagster_tests.conftest import FORTNIGHT
from minerecon_dagster_tests.project import DAY

Run = Callable[..., Ran]

D = dt.date.fromisoformat
FIRST, LAST = FORTNIGHT
NOW = dt.datetime(2025, 4, 3, 11, 5, tzinfo=dt.UTC)
KEYS = {
    "ok", "from", "to", "rate", "months", "problems", "advice", "waived", "sums", "freshness", "verifications",
    "restatements", "unmapped_wind_like_units", "days", "difficulty_reaches", "difficulty_warning",
    "unavailable",
    "uncounted_units", "refused_registers", "beside",
}  # fmt: skip


def url(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=False)


def change(engine: Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def evaluate(engine: Engine, *days: str, severity: str = "ERROR", name: str = "source_unchanged") -> None:
    """Record a property of some days that does not hold."""
    with engine.begin() as connection:
        for day in days:
            connection.execute(
                text(
                    "INSERT INTO minerecon.reconciliation_results (settlement_date, check_family, check_name, passed,"
                    " severity, looked_at, violation_count, violations, repair, evaluated_at)"
                    " VALUES (:d, 'drift', :n, false, :s, 1, 1, '[]', :r, now())"
                ),
                {"d": D(day), "s": severity, "n": name, "r": f"minerecon verify {day} --action fix"},
            )


def shown(
    engine: Engine, first: dt.date = FIRST, last: dt.date = LAST, *, width: int = 160, narrowed: bool = False
) -> list[str]:
    """The lines of a report on a terminal of some width."""
    out = StringIO()
    screen = Console(file=out, width=width, force_terminal=True, color_system=None)
    print_report(read_report(url(engine), first, last, NOW, narrowed=narrowed), screen)
    return [line.rstrip() for line in out.getvalue().splitlines()]


def report(engine: Engine, **options: Any) -> dict[str, Any]:
    return read_report(url(engine), FIRST, LAST, NOW, **{"narrowed": False, **options}).as_dict()


def one_with(lines: Iterable[str], words: str) -> str:
    (found,) = [line for line in lines if words in line]
    return found


def test_where_all_is_well_the_table_and_the_rate_say_so_and_nothing_is_to_be_done(filled: Engine) -> None:
    with filled.connect() as connection:
        count = connection.execute(text("SELECT count(*) FROM minerecon.historical_bitcoin_calculations")).scalar_one()
    lines = shown(filled)
    assert one_with(lines, "reconciled") == f"100 % of what is stored is right: {count:,} calculations reconciled."
    assert one_with(lines, "2025-03 ").split() == ["2025-03", "12", "12", "100", "%"]
    assert one_with(lines, "2025-04 ").split() == ["2025-04", "2", "2", "100", "%"]
    assert not any("minerecon" in line for line in lines[: lines.index(one_with(lines, "Compared with Elexon"))])
    assert report(filled)["ok"]


def test_each_status_has_its_column_and_each_group_its_command(filled: Engine) -> None:
    evaluate(filled, "2025-03-21", "2025-03-22")
    evaluate(filled, "2025-03-24", severity="WARN")
    change(
        filled,
        "DELETE FROM minerecon.daily_summaries WHERE summary_date = '2025-04-02'",
        "DELETE FROM minerecon.reconciliation_results WHERE settlement_date = '2025-04-02'",
        "DELETE FROM minerecon.reconciliation_latest WHERE settlement_date = '2025-04-02'",
        "DELETE FROM minerecon.ingestion_progress WHERE settlement_date = '2025-04-02'",
        "DELETE FROM minerecon.curtailment_records WHERE settlement_date = '2025-04-02'",
        "DELETE FROM minerecon.historical_bitcoin_calculations WHERE settlement_date = '2025-04-02'",
        "DELETE FROM minerecon.wind_generation_data WHERE settlement_date = '2025-04-02'",
        "DELETE FROM minerecon.unit_daily_summaries WHERE settlement_date = '2025-04-02'",
        "DELETE FROM minerecon.period_summaries WHERE settlement_date = '2025-04-02'",
    )
    lines = shown(filled)
    assert one_with(lines, "complete").split() == [
        "month",
        "days",
        "complete",
        "warned",
        "failing",
        "missing",
        "stored",
    ]
    assert one_with(lines, "2025-03 ").split()[:5] == ["2025-03", "12", "9", "1", "2"]
    assert (
        "2025-03-21 to 2025-03-22, 2 days, are failing (drift.source_unchanged): "
        "minerecon verify 2025-03-21 2025-03-22 --action fix"
    ) in lines
    assert "2025-04-02 is missing: minerecon reingest 2025-04-02" in lines
    warned = "2025-03-24 is warned (drift.source_unchanged): minerecon verify 2025-03-24 --action fix"
    assert warned in lines
    assert lines.index(warned) > lines.index("2025-04-02 is missing: minerecon reingest 2025-04-02"), "errors first"
    found = report(filled)
    assert not found["ok"]
    assert [(p["what"], p["days"]) for p in found["problems"]] == [("failing", 2), ("missing", 1), ("warned", 1)]
    assert [f["property"] for f in found["freshness"] if not f["passed"]] == ["yesterday_is_there"]


@pytest.mark.slow
def test_a_warning_alone_is_something_to_do_and_a_waiver_is_not_but_is_told_with_its_reason(filled: Engine) -> None:
    evaluate(filled, "2025-03-24", severity="WARN")
    assert not report(filled)["ok"]
    change(
        filled,
        "INSERT INTO minerecon.reconciliation_results (settlement_date, check_family, check_name, passed, severity,"
        " looked_at, violation_count, violations, repair, evaluated_at, waiver, waived_until)"
        " VALUES ('2025-03-24', 'drift', 'source_unchanged', false, 'WARN', 1, 1, '[]', '', now(),"
        " 'Elexon withdrew the period; A. Person', '2099-12-31')",
    )
    found = report(filled)
    assert found["ok"]
    assert found["waived"] == [
        {
            "settlement_date": "2025-03-24",
            "property": "drift.source_unchanged",
            "waiver": "Elexon withdrew the period; A. Person",
            "waived_until": "2099-12-31",
        }
    ]
    assert (
        "Waived until 2099-12-31: drift.source_unchanged of 2025-03-24: Elexon withdrew the period; A. Person"
    ) in shown(filled)


def test_the_rate_is_cut_off_and_shown_by_model_where_they_differ(filled: Engine) -> None:
    change(
        filled,
        "UPDATE minerecon.calculation_reconciliation SET matched_count = expected_count - 1"
        " WHERE miner_model = 'S9' AND settlement_date ="
        " (SELECT summary_date FROM minerecon.daily_summaries ORDER BY record_count DESC LIMIT 1)",
    )
    lines = shown(filled)
    assert one_with(lines, "reconciled").startswith("99.99 %")
    by_model = one_with(lines, "S19J_PRO 100 %")
    right = ", ".join(f"{model} 100 %" for model in sorted(m.name for m in MINER_MODELS) if model != "S9")
    assert by_model.startswith(f"2025-03: {right}, S9 99.9")
    rate = report(filled)["rate"]
    assert rate["expected_count"] == rate["matched_count"] + 1
    assert rate["rate_percent_by_model"]["M20S"] == "100.0000000000"
    assert 99.9 < float(rate["rate_percent_by_model"]["S9"]) < 100


@pytest.mark.parametrize(
    ("part", "whole", "shown_as"),
    [
        (0, 0, "-"),
        (3, 3, "100 %"),
        (0, 3, "0.00 %"),
        (1_511_933, 1_511_934, "99.99 %"),
        (1_035_123, 1_511_934, "68.46 %"),
    ],
)
def test_a_hundred_per_cent_is_said_of_all_and_of_nothing_less(part: int, whole: int, shown_as: str) -> None:
    assert percent(part, whole) == shown_as


def test_stored_days_that_were_never_compared_are_in_no_rate_and_are_told(filled: Engine) -> None:
    change(filled, "DELETE FROM minerecon.calculation_reconciliation WHERE settlement_date >= '2025-04-01'")
    assert "Not in that rate: 2 stored days whose calculations were never compared." in shown(filled)
    assert report(filled)["rate"]["days_unchecked"] == 2


def test_the_view_of_the_rate_agrees_and_is_unique_by_month_and_model(filled: Engine) -> None:
    change(filled, "DELETE FROM minerecon.calculation_reconciliation WHERE settlement_date = '2025-03-20'")
    with filled.connect() as connection:
        rows = connection.execute(text("SELECT * FROM analytics.reconciliation_rate ORDER BY 1, 2")).all()
    assert [(r.year_month, r.miner_model) for r in rows] == [
        (month, model) for month in ("2025-03", "2025-04") for model in sorted(m.name for m in MINER_MODELS)
    ]
    assert {(r.year_month, r.days_expected, r.days_stored, r.days_checked, r.is_complete) for r in rows} == {
        ("2025-03", 31, 12, 11, False),
        ("2025-04", 30, 2, 2, False),
    }
    assert sum(r.expected_count for r in rows) == report(filled)["rate"]["expected_count"]
    assert {r.rate_percent for r in rows} == {100}


def test_typed_in_sums_are_told_with_the_command_that_sums_them_again(filled: Engine) -> None:
    change(filled, "UPDATE minerecon.bitcoin_monthly_summaries SET mined_btc = 260.28916727 WHERE year_month='2025-03'")
    lines = shown(filled)
    assert f"Sums of 2025-03: {TYPED_IN}: {c.SWEEP}" in lines
    assert {(s["grain"], s["key"], s["property"]) for s in report(filled)["sums"]} == {
        ("month", "2025-03", "sums_not_older_than_parts"),
        ("month", "2025-03", "model_ratios"),
    }


def test_rows_that_other_hands_deleted_are_told_though_every_check_of_their_day_has_passed(filled: Engine) -> None:
    change(filled, "DELETE FROM minerecon.historical_bitcoin_calculations WHERE settlement_date = '2025-03-31'")
    models = ", ".join(sorted(m.name for m in MINER_MODELS))
    wanted = f"2025-03-31 is not the sums of the calculations of {models}: minerecon recalculate 2025-03-31"
    assert wanted in shown(filled)
    assert wanted in shown(filled, D("2025-03-31"), D("2025-03-31"), narrowed=True)
    assert wanted not in shown(filled, D("2025-03-30"), D("2025-03-30"), narrowed=True)


WINDY = "(SELECT summary_date FROM minerecon.daily_summaries ORDER BY record_count DESC LIMIT 1)"
RED = {
    "every_day_is_complete": "UPDATE minerecon.daily_summaries SET state = 'provisional' WHERE summary_date = {windy}",
    "every_model_ratio_holds": "UPDATE minerecon.bitcoin_daily_summaries SET mined_btc = mined_btc * 2"
    " WHERE miner_model = 'S9' AND summary_date = {windy}",
    "every_sum_is_of_its_days": "UPDATE minerecon.monthly_summaries SET curtailed_mwh = curtailed_mwh + 1",
    "every_final_day_was_run_again": "DELETE FROM minerecon.reconciliation_latest"
    " WHERE check_name = 'rows_of_the_rerun'; UPDATE minerecon.curtailment_records"
    " SET elexon_created_at = start_time + interval '44 minutes'"
    " WHERE settlement_date = {windy}",
    "every_day_matches_its_rows": "DELETE FROM minerecon.period_summaries WHERE settlement_date = {windy}",
    "every_input_is_believable": "UPDATE minerecon.wind_generation_data SET wind_offshore_mw = 0 WHERE settlement_date"
    " = {windy} AND settlement_period IN (SELECT settlement_period FROM minerecon.period_summaries"
    " WHERE settlement_date = {windy})",
    "every_day_counts_its_units": "DELETE FROM minerecon.reconciliation_latest"
    " WHERE check_name = 'uncounted_energy_is_small' AND settlement_date = {windy}",
    "every_wind_unit_is_counted": "INSERT INTO minerecon.uncounted_units (settlement_date, bmu_id, reason,"
    " is_wind_like, curtailed_mwh, payment_gbp, all_bids_mwh, all_bids_payment_gbp, seen_in) VALUES ({windy},"
    " 'T_NEWWF-1', 'unknown', true, 1, 1, 1, 1, 'stack');"
    " INSERT INTO minerecon.reconciliation_results (settlement_date, check_family,"
    " check_name, passed, severity, looked_at, violation_count, violations, repair, evaluated_at) VALUES ({windy},"
    " 'register', 'wind_like_units_mapped', false, 'WARN', 1, 1, '[]', '', now())",
    "turn_up_near_published": "UPDATE minerecon.daily_summaries SET is_synthetic = false; INSERT INTO"
    " minerecon.published_figures (figure_id, period_label, first_day, last_day, basis, figure, unit, value, source,"
    " is_known_wrong, note) SELECT 'a/b', 'a fortnight', min(summary_date), max(summary_date), 'so_flagged',"
    " 'turn_up_estimate_gbp', 'GBP', 1, 'A. Person', false, '' FROM minerecon.daily_summaries",
    "register_is_believed": "UPDATE minerecon.bm_units SET valid_to = '2099-01-01'",
}
"""What turns each property of the inventory red that is part of whether all is well."""


def test_every_property_of_the_inventory_but_of_what_stands_beside_a_day_can_be_turned_red() -> None:
    inventory = {p.name for p in PROPERTIES if p.evaluated == c.INVENTORY and p.family != "freshness"}
    assert inventory - set(RED) == {c.EVERY_DAY_HAS_ITS_TURN_UP.name}


@pytest.mark.first_quick
@pytest.mark.parametrize("name", RED)
def test_nothing_that_the_inventory_finds_wrong_leaves_all_well(filled: Engine, name: str) -> None:
    with filled.connect() as connection:
        windy = connection.execute(text(f"SELECT {WINDY}")).scalar_one()
    change(filled, *RED[name].replace("{windy}", f"DATE '{windy}'").split(";"))
    with filled.connect() as connection:
        findings = {f.result.checked.name: f for f in take_inventory(connection, FIRST, NOW)}
    assert not findings[name].result.passed
    found = report(filled)
    assert not found["ok"]
    assert found["problems"] or found["sums"] or found["uncounted_units"], "and what is wrong is told"
    commands = [x["repair"] for x in [*found["problems"], *found["sums"]]] + [str(REFRESH_REGISTER)]
    assert set(str(findings[name].result.repair).split("; ")) <= set("; ".join(commands).split("; "))


def test_a_register_without_wind_units_is_told_of_all_days_and_errors_are_told_before_warnings(filled: Engine) -> None:
    evaluate(filled, "2025-03-24", severity="WARN")
    change(filled, RED["register_is_believed"])
    lines = shown(filled)
    told = one_with(lines, f"{FIRST} to {LAST}, 14 days, are not as they should be: expected wind units in force")
    assert lines.index(told) < lines.index(one_with(lines, "2025-03-24 is warned"))


def test_days_of_which_nothing_is_stored_and_none_is_due_are_not_well(warehouse: Engine) -> None:
    found = read_report(url(warehouse), LAST, LAST, NOW - dt.timedelta(hours=6), narrowed=True).as_dict()
    assert (found["ok"], [p["what"] for p in found["problems"]]) == (
        False,
        ["not stored, so that nothing was looked at"],
    )
    due = read_report(url(warehouse), LAST, LAST, NOW, narrowed=True).as_dict()
    assert [p["what"] for p in due["problems"]] == ["missing"], "which says it"
    none_due = read_report(url(warehouse), LAST, LAST - dt.timedelta(days=1), NOW, narrowed=False).as_dict()
    assert not none_due["ok"]


def test_of_chosen_days_of_which_nothing_is_stored_it_is_not_said_that_nothing_is_stored_at_all(filled: Engine) -> None:
    lines = shown(filled, D("2025-01-01"), D("2025-01-05"), narrowed=True)
    assert lines[0] == ("Nothing is stored of 2025-01-01 to 2025-01-05. Fetch a day: minerecon reingest YYYY-MM-DD")


def test_years_before_the_first_stored_day_are_one_line_and_say_how_to_do_without(filled: Engine) -> None:
    lines = shown(filled, D("2022-01-01"))
    assert "2022-01-01 to 2025-03-19, 1,174 days, are missing: minerecon reingest 2022-01-01 2025-03-19" in lines
    assert any("MINERECON_START_DATE=2025-03-20" in line for line in lines)
    assert [line for line in lines if line.startswith((" 2022", " 2023", " 2024"))] == [
        next(line for line in lines if line.startswith(" 2022-01"))
    ], "months of which nothing is stored are one row"


def test_history_shows_repairs_and_changes_at_the_source(filled: Engine) -> None:
    lines = shown(filled)
    assert one_with(lines, "Compared with Elexon").endswith("1 right, 1 repaired.")
    assert "  2025-03-20 fix by weekly_audit: repaired; minerecon reingest 2025-03-20 --force" in lines
    assert one_with(lines, "Changed at the source") == "Changed at the source after the day: once; the latest:"
    assert one_with(lines, " (provisional): ").startswith("  2025-03-31 (provisional): ")
    with filled.begin() as connection:
        connection.execute(text("UPDATE minerecon.restatements SET old_state = 'incomplete'"))
    assert "  2025-03-31 (was incomplete: what it lacked has come): " in one_with(shown(filled), "was incomplete")


def test_a_terminal_of_80_columns_holds_everything_but_commands(filled: Engine) -> None:
    evaluate(filled, "2025-03-21", "2025-03-22")
    evaluate(filled, "2025-03-24", severity="WARN")
    evaluate(filled, *[f"2025-03-{n}" for n in (26, 27, 28)], name="a_property_with_a_name_that_is_rather_long")
    change(
        filled,
        "UPDATE minerecon.reconciliation_results SET waiver = 'known' || repeat(' and reviewed', 20),"
        " waived_until = '2099-12-31' WHERE settlement_date = '2025-03-22' AND NOT passed",
        "UPDATE minerecon.reconciliation_latest SET waived_until = '2099-12-31'"
        " WHERE settlement_date = '2025-03-22' AND NOT passed",
        "UPDATE minerecon.daily_summaries SET state = 'provisional' WHERE summary_date = '2025-04-02'",
        "UPDATE minerecon.daily_summaries SET state = 'incomplete' WHERE summary_date = '2025-04-01'",
        "DELETE FROM minerecon.daily_summaries WHERE summary_date = '2025-03-30'",
        "DELETE FROM minerecon.reconciliation_latest WHERE settlement_date = '2025-03-30'",
        "DELETE FROM minerecon.bitcoin_monthly_summaries WHERE miner_model = 'S9'",
    )
    lines = shown(filled, D("2022-01-01"), width=80)
    header = next(line for line in lines if "warned" in line)
    for word in ("warned", "waived", "failing", "missing"):
        assert word in header
    assert any(line.split()[:2] == ["provi-", "incom-"] for line in lines)
    # Whoever copies a command must not have to join it.
    assert [line for line in lines if len(line) > 80 and not line.startswith("    minerecon")] == []
    assert "    minerecon verify 2025-03-26 2025-03-28 --action fix" in lines


def test_commands_that_follow_each_other_are_a_line_each_where_they_do_not_fit_into_one(filled: Engine) -> None:
    change(filled, "DELETE FROM minerecon.daily_summaries WHERE summary_date IN ('2025-03-21', '2025-03-25')")
    change(filled, "DELETE FROM minerecon.reconciliation_latest WHERE settlement_date IN ('2025-03-21', '2025-03-25')")
    of_two = one_with(shown(filled), "days_become_final")
    assert of_two.endswith(": minerecon reingest 2025-03-21; minerecon reingest 2025-03-25"), of_two
    lines = shown(filled, width=80)
    after = lines.index("    minerecon reingest 2025-03-21")
    assert lines[after + 1] == "    minerecon reingest 2025-03-25"
    assert not any(len(line) > 80 and "; minerecon" in line for line in lines)


def test_many_groups_are_cut_and_json_has_all(filled: Engine) -> None:
    change(
        filled,
        "INSERT INTO minerecon.reconciliation_results (settlement_date, check_family, check_name, passed, severity,"
        " looked_at, violation_count, violations, repair, evaluated_at) SELECT d, 'conservation', 'sums_match_parts',"
        " false, 'ERROR', 1, 1, '[]', '', now()"
        " FROM generate_series(timestamp '2025-01-01', '2025-03-15', '2 days') AS d",
    )
    lines = shown(filled, D("2025-01-01"))
    assert any(line.startswith("… and ") and "--json" in line for line in lines)
    found = read_report(url(filled), D("2025-01-01"), LAST, NOW, narrowed=False).as_dict()
    assert len(found["problems"]) > 50


@pytest.mark.first_quick
@pytest.mark.parametrize(("days", "is_near"), [(WARN_AHEAD_DAYS, False), (WARN_AHEAD_DAYS - 1, True), (None, True)])
def test_a_difficulty_table_that_ends_soon_is_something_to_do_where_now_is_looked_at(
    filled: Engine, days: int | None, is_near: bool
) -> None:
    today = NOW.date()
    horizon = Horizon(None if days is None else today + dt.timedelta(days=days), today)
    found = report(filled, horizon=horizon)
    assert (found["ok"], found["difficulty_warning"]) == (not is_near, is_near)
    out = StringIO()
    whole = read_report(url(filled), FIRST, LAST, NOW, narrowed=False, horizon=horizon)
    print_report(whole, Console(file=out, width=160))
    assert ("minerecon difficulty load FILE.csv" in out.getvalue()) == is_near
    assert str(horizon) in out.getvalue()
    assert ("Soon without a difficulty" in out.getvalue()) == (is_near and days is not None)
    assert (out.getvalue().find("Without a difficulty: The difficulty table is empty") >= 0) == (days is None)
    narrowed = report(filled, horizon=horizon, narrowed=True)
    assert (narrowed["ok"], narrowed["difficulty_warning"]) == (True, is_near), "it is about now, as freshness is"


@pytest.mark.parametrize("last_day", [None, NOW.date() - dt.timedelta(days=1)])
def test_where_no_difficulty_is_left_that_is_said_before_what_needs_one(
    filled: Engine, last_day: dt.date | None
) -> None:
    out = StringIO()
    horizon = Horizon(last_day, NOW.date())
    found = read_report(url(filled), D("2025-01-01"), LAST, NOW, narrowed=False, horizon=horizon)
    print_report(found, Console(file=out, width=160))
    said = out.getvalue()
    assert 0 <= said.index("Without a difficulty") < said.index("minerecon reingest")


def test_more_units_that_are_not_counted_than_are_shown_are_counted(filled: Engine) -> None:
    of_units = RED["every_wind_unit_is_counted"].replace("{windy}", f"DATE '{FIRST}'").split(";")
    change(filled, *(of_units[0].replace("T_NEWWF-1", f"T_NEWWF-{n}") for n in range(23)), of_units[1])
    lines = shown(filled)
    assert len([line for line in lines if line.startswith("Not counted: ")]) == 20
    assert "… and 3 more units that are not counted: --json has all" in lines


def test_days_without_what_stands_beside_them_are_told_and_make_nothing_wrong(filled: Engine) -> None:
    before = read_report(url(filled), D("2025-01-01"), LAST, NOW, narrowed=False)
    change(
        filled,
        "UPDATE minerecon.daily_summaries SET turn_up_mwh = NULL, turn_up_estimate_gbp = NULL, co2_known_mwh = NULL,"
        " co2_known_t = NULL WHERE is_final",
        "INSERT INTO minerecon.ingestion_progress (settlement_date, settlement_period, stack_side, status, row_count,"
        " fetched_at, is_synthetic) SELECT summary_date, 1, 'offer', 'empty', 0, now(), is_synthetic"
        " FROM minerecon.daily_summaries"
        " ON CONFLICT DO NOTHING",
    )
    found = read_report(url(filled), D("2025-01-01"), LAST, NOW, narrowed=False)
    assert len(found.beside) > len(before.beside)
    assert "without a turn-up estimate" in " ".join(line for line in shown(filled, D("2025-01-01")) if "Beside" in line)
    assert [g for g in found.groups if "turn-up" in g.what] == []


@pytest.mark.slow
def test_the_command_prints_documented_keys_and_its_exit_code_says_whether_something_is_to_be_done(
    minerecon: Run, installed: Run, day_stored: Engine
) -> None:
    only = ("--from", str(DAY), "--to", str(DAY))
    ran = installed("status", *only, "--json")
    assert ran.code == 0, ran.out
    assert set(ran.json) == KEYS
    documented = (PROJECT_ROOT / "docs" / "operate" / "status.md").read_text("utf-8")
    assert [key for key in KEYS if f"`{key}`" not in documented] == []
    assert ran.json["ok"]
    assert ran.json["days"][0]["status"] == "complete"
    whole = minerecon("status", MINERECON_START_DATE="2025-03-27")
    assert whole.code == 1
    assert "Not fresh, yesterday_is_there" in whole.out


FAULTS = {
    "ten rows deleted": [
        "DELETE FROM minerecon.curtailment_records WHERE ctid IN"
        " (SELECT ctid FROM minerecon.curtailment_records LIMIT 10)"
    ],
    "a day typed in": [
        "UPDATE minerecon.bitcoin_daily_summaries SET mined_btc = 34.58136172 WHERE miner_model = 'S19J_PRO'"
    ],
    "a month and a year typed in": [
        "UPDATE minerecon.bitcoin_monthly_summaries SET mined_btc = 260.28916727 WHERE miner_model = 'S19J_PRO'",
        "UPDATE minerecon.bitcoin_yearly_summaries SET mined_btc = 903.24720919 WHERE miner_model = 'S19J_PRO'",
    ],
    "a day gone": ["DELETE FROM minerecon.daily_summaries"],
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_put_in_by_sql_is_told_and_the_commands_that_are_named_mend_it(
    minerecon: Run, day_stored: Engine, fault: str
) -> None:
    only = ("--from", str(DAY), "--to", str(DAY), "--json")
    assert minerecon("status", *only).code == 0
    change(day_stored, *FAULTS[fault])
    found = minerecon("status", *only)
    assert found.code == 1
    named = dict.fromkeys(x["repair"] for x in [*found.json["problems"], *found.json["sums"]])
    assert named
    for command in "; ".join(named).split("; "):
        program, *arguments = shlex.split(command)
        assert program == "minerecon"
        ran = minerecon(*arguments)
        assert ran.code == 0, f"{command}: {ran.err[-2000:]}"
    mended = minerecon("status", *only)
    assert mended.code == 0, mended.out
