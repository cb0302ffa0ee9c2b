"""`minerecon register`: what was refused and waits, and taking it."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable

import pytest
from sqlalchemy import Engine, text

from minerecon_dagster.core.answers import Answer
from minerecon_dagster.core.errors import RegisterRefusedError
from minerecon_dagster.core.repairs import REFRESH_REGISTER
from minerecon_dagster.elexon.archive import Archive
from minerecon_dagster.register.store import record_register
from minerecon_dagster.sample.units import MAPPED_WIND, UNMAPPED_WIND
from minerecon_dagster_tests.cli.conftest import Ran
from minerecon_dagster_tests.fake_elexon import FakeElexon

Run = Callable[..., Ran]


@pytest.fixture
def refused(warehouse: Engine, elexon: FakeElexon, environ: dict[str, str]) -> str:
    """The SHA-256 of an answer without the fuel of half the farms, which was refused."""
    archive, now = Archive.from_url(f"{environ['MINERECON_HOME']}/archive"), dt.datetime.now(dt.UTC)

    def answer() -> Answer:
        url = f"{elexon.base_url}/reference/bmunits/all"
        return Answer(url, 200, now, json.dumps(elexon.world.register()).encode())

    record_register(warehouse, archive, answer(), now=now)
    elexon.world.register_as = {unit.bmu_id: {"fuelType": None} for unit in MAPPED_WIND[::2]}
    with pytest.raises(RegisterRefusedError):
        record_register(warehouse, archive, answer(), now=now)
    return answer().sha256


@pytest.mark.slow
def test_a_refused_register_is_shown_until_a_person_takes_it_and_the_record_says_who(
    minerecon: Run, installed: Run, refused: str, warehouse: Engine
) -> None:
    command = f"minerecon register accept {refused}"
    listed = installed("register", "list")
    assert (listed.code, command in listed.out) == (1, True)
    assert "6 lose WIND" in listed.out
    shown = minerecon("status", "--from", "2025-03-28", "--to", "2025-03-28")
    assert shown.code == 1
    assert command in shown.out
    assert [r["sha256"] for r in minerecon("status", "--json").json["refused_registers"]] == [refused]

    unknown = minerecon("register", "accept", "0" * 64)
    assert (unknown.code, unknown.out) == (2, "")
    assert unknown.err.splitlines()[-1].startswith("minerecon: no refused answer of the register with SHA-256 000")
    assert f"these do: {refused}" in unknown.err
    assert "Traceback" not in unknown.err

    taken = minerecon("register", "accept", refused, "--by", "A. Person")
    assert (taken.code, taken.out) == (0, f"accepted by A. Person: {refused}\n")
    with warehouse.connect() as connection:
        rows = connection.execute(text("SELECT state, accepted_by FROM minerecon.register_refusals")).all()
    assert [tuple(row) for row in rows] == [("accepted", "A. Person")]
    again = minerecon("register", "list", "--json")
    assert (again.code, again.json) == (0, {"ok": True, "waiting": []})


@pytest.mark.parametrize("by", ["  ", "two\nlines"])
def test_who_accepts_is_a_name_of_one_line(minerecon: Run, by: str) -> None:
    ran = minerecon("register", "accept", "0" * 64, f"--by={by}")
    assert ran.code == 2
    assert "one line" in ran.err


@pytest.mark.slow
def test_the_command_that_faults_name_fetches_the_register_and_a_refusal_is_said_with_its_own(
    minerecon: Run, warehouse: Engine, elexon: FakeElexon
) -> None:
    empty = minerecon("reingest", "2025-03-28", "--from-archive")
    assert empty.code == 1
    assert f"the archive holds no register of BM units; fetch it: {REFRESH_REGISTER}" in " ".join(empty.err.split())

    warned = minerecon("register", "refresh")
    assert (warned.code, warned.out) == (1, "the register is as Elexon has it now\n")
    named = ", ".join(f"{unit.bmu_id} (none)" for unit in sorted(UNMAPPED_WIND, key=lambda u: u.bmu_id))
    assert f"2 units of another or none: {named}; ask Elexon to give the unit its fuel type; minerecon " in warned.err

    elexon.world.register_as = {unit.bmu_id: {"fuelType": "WIND"} for unit in UNMAPPED_WIND}
    fetched = minerecon(*str(REFRESH_REGISTER).split()[1:])
    assert (fetched.code, fetched.out) == (0, "the register is as Elexon has it now\n"), fetched.err
    with warehouse.connect() as connection:
        units = connection.execute(
            text("SELECT count(*) FROM minerecon.bm_units WHERE fuel_type = 'WIND'")
        ).scalar_one()
    assert units == len(MAPPED_WIND) + len(UNMAPPED_WIND)

    elexon.world.register_as = {unit.bmu_id: {"fuelType": None} for unit in MAPPED_WIND[::2]}
    refused = minerecon("register", "refresh")
    assert (refused.code, refused.out) == (1, "")
    assert "minerecon register accept " in refused.err
