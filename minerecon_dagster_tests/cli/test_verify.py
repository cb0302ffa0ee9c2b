"""`minerecon verify` and `minerecon spot-fix` as a user runs them: exit codes, what is said, and what mends it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal

import pytest
from sqlalchemy import Engine, text

from minerecon_dagster.cli import verify
from minerecon_dagster.sample.units import UNMAPPED_WIND
from minerecon_dagster_tests.cli.conftest import Ran
from minerecon_dagster_tests.fake_elexon import FakeElexon, Fault, stack_path
from minerecon_dagster_tests.project import DAY

Run = Callable[..., Ran]


def month(engine: Engine) -> Decimal:
    with engine.connect() as connection:
        found: Decimal = connection.execute(text("SELECT all_bids_mwh FROM minerecon.monthly_summaries")).scalar_one()
    return found


@pytest.mark.slow
def test_a_right_day_exits_0_and_says_what_was_compared(installed: Run, day_stored: Engine) -> None:
    ran = installed("verify", str(DAY))
    assert ran.code == 0, ran.err
    assert "right" in ran.out
    assert "all 48" in ran.out
    assert f"{DAY}: right; compared with Elexon in 48 of 48 periods" in ran.err


@pytest.mark.slow
def test_a_revised_day_exits_1_and_the_command_that_it_names_mends_it_and_its_month(
    minerecon: Run, elexon: FakeElexon, day_stored: Engine
) -> None:
    before = month(day_stored)
    elexon.world.revise[DAY] = 1.5
    ran = minerecon("verify", str(DAY))
    assert ran.code == 1
    assert "drift.source_unchanged (ERROR)" in ran.err
    with day_stored.connect() as connection:
        rows = connection.execute(text("SELECT count(*) FROM minerecon.curtailment_records")).scalar_one()
    assert f"; rows: {rows:,} changed, in 48 periods and " in ran.err, "no more than there are"
    assert "Settlement periods that differ" in ran.out
    assert "Traceback" not in ran.err
    (command,) = {line.partition("repair: ")[2] for line in ran.err.splitlines() if line.startswith("repair: ")}
    assert command == f"minerecon verify {DAY} --action fix"
    assert month(day_stored) == before
    ran = minerecon(*command.split()[1:], "--json")
    assert ran.code == 0, ran.err
    (row,) = ran.json["verifications"]
    assert (row["outcome"], row["repair"], row["requested_by"]) == ("repaired", "fetched again", "minerecon verify")
    assert month(day_stored) == sum((t.mwh for t in elexon.world.expected_totals(DAY).values()), Decimal())
    assert Decimal(row["after_figures"]["mwh"]) == month(day_stored)


@pytest.mark.slow
def test_a_repair_shows_before_and_after(minerecon: Run, elexon: FakeElexon, day_stored: Engine) -> None:
    elexon.world.revise[DAY] = 1.5
    ran = minerecon("verify", str(DAY), "--action", "fix")
    assert ran.code == 0, ran.err
    for said in (
        "before and after",
        "BTC S19J_PRO",
        "Settlement periods that differ",
        "Units that differ",
        "MWh after",
    ):
        assert said in ran.out


def test_elexon_out_of_reach_exits_1(minerecon: Run, elexon: FakeElexon, day_stored: Engine) -> None:
    elexon.faults = lambda path: Fault(400)
    ran = minerecon("verify", str(DAY), "--action", "fix", "--json")
    assert ran.code == 1
    assert ran.json["ok"] is False
    assert ran.json["verifications"][0]["outcome"] == "failed"


@pytest.mark.slow
def test_a_sample_says_its_share_and_its_seed(minerecon: Run, day_stored: Engine) -> None:
    ran = minerecon("verify", str(DAY), "--sampling", "random", "--seed", "7")
    assert ran.code == 0, ran.err
    assert "periods are drawn with --seed 7" in ran.err
    assert "finds 20.8 % of single faults" in ran.out
    again = minerecon("verify", str(DAY), "--sampling", "random", "--seed", "7", "--json")
    assert again.json["verifications"][0]["seed"] == 7
    assert len(again.json["verifications"][0]["periods_looked_at"]) == 10


@pytest.mark.slow
def test_a_missing_day_of_a_range_is_named_and_mended(minerecon: Run) -> None:
    ran = minerecon("verify", str(DAY))
    assert ran.code == 1
    assert f"{DAY}: missing (ERROR): expected a stored day; found nothing is stored" in ran.err
    of_the_day = [line for line in ran.err.splitlines() if line.startswith((str(DAY), "repair: "))]
    told = [line.partition("repair: ")[2].partition(" [")[0] for line in of_the_day if "repair: " in line]
    assert told == [f"minerecon reingest {DAY}"] * 2
    assert "--action fix" not in ran.err, "one fault, one repair"
    listed = minerecon("status", "--from", str(DAY), "--to", str(DAY), "--json").json["days"]
    assert [day["status"] for day in listed] == ["missing"]
    assert minerecon("verify", str(DAY), "--action", "fix").code == 0
    assert minerecon("status", "--from", str(DAY), "--to", str(DAY)).code == 0


@pytest.mark.slow
def test_a_spot_fix_exits_0_and_says_what_it_did(installed: Run, day_stored: Engine) -> None:
    with day_stored.connect() as connection:
        unit = connection.execute(text("SELECT min(bmu_id) FROM minerecon.curtailment_records")).scalar_one()
    ran = installed("spot-fix", str(DAY), "12", unit)
    assert ran.code == 0, ran.err
    assert f"period 12 fetched again, all units of it, for {unit}" in " ".join(ran.out.split())


@pytest.mark.parametrize(
    ("unit", "says", "not_said"),
    [
        (
            UNMAPPED_WIND[0].bmu_id,
            "the register has T_SYNUW-1, but not with wind as its fuel type, so it is not",
            "no wind",
        ),
        ("T_NOSCW-1", "the stored register has no unit T_NOSCW-1: a unit is written as in T_SGRWO-1", "no wind"),
        ("T_NOSUCH-1", "the stored register has no unit T_NOSUCH-1", "not counted"),
        ("T_SYNGT-1", "T_SYNGT-1 is no wind unit of the stored register", "not counted"),
    ],
)
def test_a_spot_fix_says_of_a_unit_whether_the_register_has_it_and_as_what(
    minerecon: Run, day_stored: Engine, unit: str, says: str, not_said: str
) -> None:
    ran = minerecon("spot-fix", str(DAY), "12", unit)
    said = " ".join(ran.err.split())
    assert ran.code == 2
    assert says in said
    assert not_said not in said
    assert "minerecon register refresh" in said
    assert ("ask Elexon to give the unit its fuel type" in said) == (unit == UNMAPPED_WIND[0].bmu_id)


def test_a_spot_fix_that_did_its_period_is_not_called_in_vain_for_what_else_is_wrong_with_the_day() -> None:
    row = {
        "action": "spot-fix", "outcome": "not repaired", "problems": [], "periods_looked_at": [17], "sampling": None,
    }  # fmt: skip
    shown = verify._outcome(row), verify._compared(row), verify._wrong_before(row)
    assert shown == ("period done, day not right", "17 alone, fetched again", "not looked at")
    look = row | {"action": "verify"}
    shown = verify._outcome(look), verify._compared(look), verify._wrong_before(look)
    assert shown == ("not repaired", "none", "nothing")


@pytest.mark.first_quick
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["verify", "2025-03-28", "--action", "mend"], "'mend' is not one of"),
        (["verify", "2025-03-28", "--sampling", "some"], "'some' is not one of"),
        (["verify", "2025-03-29", "2025-03-28"], "is after TO"),
        (["verify", "2099-01-01"], "has not begun"),
        (["spot-fix", "2025-03-30", "47", "T_SGRWO-1"], "2025-03-30 has settlement periods 1 to 46, not 47"),
        (["spot-fix", "2025-03-28", "12", "T_NOSUCH-1"], "T_NOSUCH-1 is not in the register on 2025-03-28"),
        (["verify", "2025-03-28"], "MINERECON_RECONCILE_DAYS must be a whole number"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_usage_and_configuration_exit_with_2_and_one_clear_line(
    minerecon: Run, arguments: list[str], says: str
) -> None:
    environment = {"MINERECON_RECONCILE_DAYS": "none"} if "RECONCILE" in says else {}
    ran = minerecon(*arguments, **environment)
    assert ran.code == 2
    assert says in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.slow
def test_what_only_a_person_can_mend_exits_1_and_names_no_repair_that_would_not(
    minerecon: Run, elexon: FakeElexon, day_stored: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = elexon.world.register()
    other = next(row for row in served if row["fuelType"] != "WIND" and row["elexonBmUnit"])
    rows = [row | ({"fuelType": "WIND"} if row is other else {}) for row in served]
    monkeypatch.setattr(elexon.world, "register", lambda: rows)
    ran = minerecon("verify", str(DAY), "--sampling", "fixed")
    assert ran.code == 1
    assert "drift.register_unchanged (WARN)" in ran.err
    assert "minerecon register refresh" in ran.err
    assert "--action fix" not in ran.err


@pytest.mark.slow
def test_sums_that_wait_for_a_failing_day_are_said_with_that_day_and_its_command_and_the_exit_code_is_1(
    minerecon: Run, elexon: FakeElexon, day_stored: Engine
) -> None:
    failing = DAY + dt.timedelta(days=1)
    elexon.world.days = (DAY, failing)
    elexon.faults = lambda path: Fault(400) if path == stack_path("bid", failing, 17) else None
    assert minerecon("reingest", str(failing)).code == 1
    assert minerecon("verify", str(DAY)).code == 0, "its month is what its days say, and lacks nothing yet"
    mends = f"minerecon reingest {failing} --force"
    keys = f"{DAY:%Y-%m}", str(DAY.year)
    waits = {key: f"{key} waits for {failing}, which fails: {mends}" for key in keys}

    again = minerecon("recalculate", str(DAY))
    assert again.code == 1
    assert [line for line in again.err.splitlines() if " waits " in line] == [f"not done: {w}" for w in waits.values()]
    looked = minerecon("verify", str(DAY))
    assert looked.code == 1
    assert [line for line in looked.err.splitlines() if " waits " in line] == list(waits.values())
    assert minerecon("verify", str(DAY), "--json").json["not_done"] == waits

    elexon.faults = lambda path: None
    assert minerecon(*mends.split()[1:]).code == 0
    assert minerecon("verify", str(DAY)).code == 0
