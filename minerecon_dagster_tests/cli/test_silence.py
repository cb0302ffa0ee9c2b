"""What the commands say of a silent source and of a restatement that is not believed, and their exit codes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from minerecon_dagster.core.calendar import STACK_SIDES
from minerecon_dagster_tests.cli.conftest import Ran
from minerecon_dagster_tests.fake_elexon import NO_ROWS, FakeElexon
from minerecon_dagster_tests.project import DAY

Run = Callable[..., Ran]


@pytest.mark.slow
def test_silence_exits_1_and_is_told_by_every_command_and_what_is_taken_exits_0(
    minerecon: Run, elexon: FakeElexon
) -> None:
    # At the first look: incomplete, naming what nobody says anything of.
    for side in STACK_SIDES:
        elexon.world.hide[DAY, side] = set(range(17, 41))
    elexon.world.hide_controls = True
    ran = minerecon("reingest", str(DAY))
    assert (ran.code, "Traceback" in ran.err) == (1, False)
    assert "incomplete" in ran.out
    assert "unpublished: 17-40" in ran.err
    elexon.world.hide.clear()
    assert minerecon("reingest", str(DAY)).code == 0
    # Of a day that is final: it stays, and that is told.
    elexon.faults = lambda path: None if "bmunits" in path else NO_ROWS
    ran = minerecon("reingest", str(DAY), "--force")
    assert ran.code == 1
    assert f"completeness.source_not_silent: minerecon reingest {DAY}\n" in ran.err
    ran = minerecon("verify", str(DAY), "--action", "fix")
    assert ran.code == 1
    assert "not repaired" in ran.out
    assert "48/48" in minerecon("reingest", str(DAY), "--from-archive").out
    elexon.faults = lambda path: None
    assert minerecon("verify", str(DAY), "--action", "fix").code == 0
    # A final day that would lose half: refused, and taken by whoever says so.
    elexon.world.revise[DAY] = 0.5
    ran = minerecon("reingest", str(DAY), "--force")
    assert ran.code == 1
    assert f"minerecon reingest {DAY} --accept-restatement" in ran.err
    assert minerecon("reingest", str(DAY), "--accept-restatement").code == 0
    assert minerecon("verify", str(DAY), "--accept-restatement").code == 2


@pytest.mark.slow
def test_the_figures_of_a_day_of_which_nothing_is_known_are_not_shown_as_0(minerecon: Run, elexon: FakeElexon) -> None:
    elexon.faults = lambda path: None if "bmunits" in path else NO_ROWS
    ran = minerecon("reingest", str(DAY))
    assert ran.code == 1
    (shown,) = [line for line in ran.out.splitlines() if str(DAY) in line and "0/48" in line]
    assert shown.split()[3:10] == ["0/48", *"------"], shown
