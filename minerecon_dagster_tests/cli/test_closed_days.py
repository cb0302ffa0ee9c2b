"""A day that a person has closed, on the command line: what each command says of it, and what a wrong entry does."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from minerecon_dagster.core.calendar import settlement_date
from minerecon_dagster_tests.cli.conftest import Ran
from minerecon_dagster_tests.fake_elexon import FakeElexon
from minerecon_dagster_tests.project import DAY

Run = Callable[..., Ran]

ENTRY = """
[[unavailable]]
first_day = {first}
last_day = {last}
reason = "the settlement run is lost"
accepted_by = "A. Person"
"""
SAID = f"{DAY}: unavailable, closed by a person: the settlement run is lost (accepted by A. Person)"


def entry(first: dt.date, last: dt.date | None = None) -> str:
    return ENTRY.format(first=first, last=last or first)


def accepted(tmp_path: Path, content: str) -> dict[str, str]:
    path = tmp_path / "accepted.toml"
    path.write_text(content, "utf-8")
    return {"MINERECON_WAIVERS": str(path), "MINERECON_START_DATE": str(DAY)}


@pytest.mark.slow
def test_a_closed_day_from_its_entry_to_its_being_opened(
    minerecon: Run, warehouse: Engine, elexon: FakeElexon, tmp_path: Path
) -> None:
    opened = accepted(tmp_path, "")
    day = str(DAY)
    assert minerecon("reingest", day, **opened).code == 0
    asked = elexon.requests.total()
    closed = accepted(tmp_path, entry(DAY))

    at_once = minerecon("status", "--from", day, "--to", day, "--json", **closed)
    assert at_once.code == 0, at_once.out + at_once.err
    assert at_once.json["days"][0]["status"] == "unavailable"
    assert at_once.json["days"][0].get("curtailed_mwh") is None
    (shown,) = at_once.json["unavailable"]
    assert (shown["first"], shown["accepted_by"], shown["is_followed"]) == (day, "A. Person", False)
    assert at_once.json["months"][0]["by_status"] == {"unavailable": 1}

    again = minerecon("reingest", day, **closed)
    assert again.code == 0, again.out + again.err
    assert [line for line in again.err.splitlines() if SAID in line] != []
    assert "unavailable" in again.out
    assert elexon.requests.total() == asked
    with warehouse.connect() as connection:
        for table in ("daily_summaries", "curtailment_records", "monthly_summaries", "yearly_summaries"):
            assert connection.execute(text(f"SELECT count(*) FROM minerecon.{table}")).scalar() == 0, table

    looked = minerecon("verify", day, "--action", "fix", **closed)
    assert looked.code == 0, looked.out + looked.err
    assert "closed by a person" in looked.err

    forced = minerecon("reingest", day, "--force", "--json", **closed)
    assert forced.code == 1
    assert "nothing was published; the day is there: take the entry out" in forced.json["not_done"][day]
    assert forced.json["days"][0]["status"] == "unavailable"

    status = minerecon("status", "--from", day, "--to", day, **closed)
    assert status.code == 0, status.out + status.err
    assert "Unavailable, closed by a person" in " ".join(status.out.split())

    back = minerecon("reingest", day, "--json", **accepted(tmp_path, ""))
    assert back.code == 0, back.out + back.err
    assert back.json["days"][0]["status"] == "complete"


@pytest.mark.slow
def test_an_upgrade_closes_the_days_of_the_file_and_says_so(minerecon: Run, warehouse: Engine, tmp_path: Path) -> None:
    done = minerecon("db", "upgrade", **accepted(tmp_path, entry(DAY)))
    assert done.code == 0, done.err
    assert SAID in done.out
    with warehouse.connect() as connection:
        status = "SELECT status FROM analytics.reconciliation_status"
        assert connection.execute(text(status)).scalars().all() == ["unavailable"]
    done = minerecon("db", "upgrade", **accepted(tmp_path, ""))
    assert f"{DAY}: no longer closed, and missing: minerecon reingest {DAY}" in done.out


@pytest.mark.first_quick
@pytest.mark.parametrize("command", [("status",), ("reingest", str(DAY))])
@pytest.mark.parametrize("kind", ["today", "tomorrow", "overlapping"])
def test_a_file_that_closes_what_it_may_not_is_one_line_and_exit_code_2(
    minerecon: Run, tmp_path: Path, command: tuple[str, ...], kind: str
) -> None:
    today = settlement_date(dt.datetime.now(dt.UTC))
    content = {
        "today": entry(DAY, today),
        "tomorrow": entry(today + dt.timedelta(days=1)),
        "overlapping": entry(DAY, DAY + dt.timedelta(days=3)) + entry(DAY + dt.timedelta(days=3)),
    }[kind]
    ran = minerecon(*command, **accepted(tmp_path, content))
    assert ran.code == 2, ran.out + ran.err
    (line,) = [line for line in ran.err.splitlines() if "unavailable (" in line]
    assert "Traceback" not in ran.err
    assert ("only a day that is over can be closed" if kind != "overlapping" else "both close 2025-03-31") in line
