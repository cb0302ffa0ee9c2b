"""Waivers: what a file may say, what is taken out of a result, and what happens when one expires."""

from __future__ import annotations

import datetime as dt
import logging
from pathlib import Path

import pytest

from minerecon_dagster.checks.properties import NEED_CONTROL_TOTAL
from minerecon_dagster.checks.waivers import Waivers
from minerecon_dagster.core import checks as c
from minerecon_dagster.core.checks import Result, could_not_look, result
from minerecon_dagster.core.errors import ConfigurationError
from minerecon_dagster.day.decisions import NO_DECISIONS, read_day_decisions
from minerecon_dagster.decisions.reader import WAIVERS_FILE
from minerecon_dagster.decisions.reviewed_units import reviewed_units
from minerecon_dagster.elexon.datasets.boav import BOAV_WIND_VOLUME
from minerecon_dagster.elexon.datasets.cashflows import EBOCF_WIND_CASHFLOW

DAY = dt.date(2025, 3, 28)
TODAY = dt.date(2026, 1, 10)
ENTRY = """
[[waiver]]
check = "control_totals.boav_wind_volume"
first_day = 2025-03-28
last_day = 2025-03-30
unit = "T_A-1"
reason = "an acceptance that BOAV lacks"
accepted_by = "A. Person"
expires = 2026-01-10
"""
WHOLE_DAY = ENTRY.replace('unit = "T_A-1"\n', "")


def waivers(tmp_path: Path, content: str) -> Waivers:
    path = tmp_path / "waivers.toml"
    path.write_text(content, "utf-8")
    return read_day_decisions(path, today=TODAY).waivers


def wrong(*units: str, checked: c.Property = BOAV_WIND_VOLUME) -> Result:
    violations = [{"bmu_id": unit, "settlement_period": n} for n, unit in enumerate(units)]
    return result(checked, looked_at=100, expected="x", actual="y", repair="z", violations=violations)


def test_the_shipped_file_decides_nothing_and_its_examples_are_valid(tmp_path: Path) -> None:
    assert read_day_decisions(WAIVERS_FILE, today=TODAY) == NO_DECISIONS
    lines = WAIVERS_FILE.read_text("utf-8").splitlines()
    example = tmp_path / "example.toml"
    example.write_text("\n".join(line.removeprefix("#").strip() for line in lines[lines.index("# [[waiver]]") :]))
    found = read_day_decisions(example, today=TODAY)
    assert len(found.waivers.waivers) == len(found.closed.entries) == 1


def test_a_named_unit_is_taken_out_of_the_count_and_the_others_still_fail(tmp_path: Path) -> None:
    (found,) = waivers(tmp_path, ENTRY).applied(DAY, [wrong("T_A-1", "T_B-1", "T_A-1")], today=TODAY)
    assert found.violation_count == 1
    assert [v["bmu_id"] for v in found.violations] == ["T_B-1"]
    assert found.blocks
    assert not found.is_waived
    assert "2 waived (T_A-1 until 2026-01-10)" in found.actual


def test_a_result_of_which_every_violator_is_accepted_is_waived_and_has_not_passed(tmp_path: Path) -> None:
    (found,) = waivers(tmp_path, ENTRY).applied(DAY, [wrong("T_A-1", "T_A-1")], today=TODAY)
    assert not found.passed
    assert found.is_waived
    assert not found.blocks
    assert found.violation_count == 2
    assert found.waived_until == dt.date(2026, 1, 10)
    assert found.waiver == "T_A-1: an acceptance that BOAV lacks (accepted by A. Person)"
    assert "WAIVED until 2026-01-10" in str(found)


def test_of_several_units_the_first_to_expire_ends_the_waiver(tmp_path: Path) -> None:
    other = ENTRY.replace("T_A-1", "T_B-1").replace("expires = 2026-01-10", "expires = 2027-01-01")
    (found,) = waivers(tmp_path, ENTRY + other).applied(DAY, [wrong("T_A-1", "T_B-1")], today=TODAY)
    assert found.waived_until == dt.date(2026, 1, 10)
    assert "T_A-1" in str(found.waiver)
    assert "T_B-1" in str(found.waiver)


def test_a_waiver_of_the_whole_day_covers_whatever_is_found_and_a_look_that_was_not_possible(tmp_path: Path) -> None:
    blind = could_not_look(BOAV_WIND_VOLUME, DAY, "no answer")
    given = waivers(tmp_path, WHOLE_DAY)
    assert all(r.is_waived for r in given.applied(DAY, [wrong("T_B-1"), blind], today=TODAY))
    (still_blind,) = waivers(tmp_path, ENTRY).applied(DAY, [blind], today=TODAY)
    assert still_blind.blocks, "a waiver of a unit says nothing of a look that was not possible"


@pytest.mark.parametrize(
    ("day", "checked"),
    [
        (dt.date(2025, 3, 27), BOAV_WIND_VOLUME),
        (dt.date(2025, 3, 31), BOAV_WIND_VOLUME),
        (DAY, EBOCF_WIND_CASHFLOW),
    ],
)
def test_other_days_and_checks_are_not_waived(tmp_path: Path, day: dt.date, checked: c.Property) -> None:
    failed = wrong("T_A-1", checked=checked)
    assert waivers(tmp_path, WHOLE_DAY).applied(day, [failed], today=TODAY) == [failed]


def test_what_passes_is_left_as_it_is(tmp_path: Path) -> None:
    passed = wrong()
    assert waivers(tmp_path, WHOLE_DAY).applied(DAY, [passed], today=TODAY) == [passed]
    assert not passed.is_waived


def test_an_expired_waiver_is_ignored_and_the_log_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "minerecon_dagster"):
        (found,) = waivers(tmp_path, WHOLE_DAY).applied(DAY, [wrong("T_A-1")], today=dt.date(2026, 1, 11))
    assert found.blocks
    assert "expired on 2026-01-10" in caplog.text
    assert "boav_wind_volume" in caplog.text


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (ENTRY.replace("boav_wind_volume", "boav"), "no check that can be waived"),
        (ENTRY.replace("control_totals.boav_wind_volume", "completeness.periods_fetched"), "no check that can be"),
        (ENTRY.replace("control_totals.boav_wind_volume", "rollups.model_ratios"), "no check that can be waived"),
        (ENTRY.replace("last_day = 2025-03-30", "last_day = 2025-03-27"), "before first_day"),
        (ENTRY.replace('reason = "an acceptance that BOAV lacks"', 'reason = " "'), "reason"),
        (ENTRY.replace('accepted_by = "A. Person"\n', ""), "accepted_by"),
        (ENTRY.replace("expires = 2026-01-10\n", ""), "expires"),
        (ENTRY.replace("expires = 2026-01-10", 'expires = "for good"'), "expires"),
        (ENTRY + 'until = "2027-01-01"\n', "until"),
        (ENTRY.replace("[[waiver]]", "[waiver]"), "[[waiver]]"),
        (ENTRY.replace("[[waiver]]", "[[waivers]]"), "[[waiver]]"),
        ("[[waiver", "cannot be read"),
    ],
)
def test_a_bad_file_is_one_line_that_names_the_entry(tmp_path: Path, content: str, says: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        waivers(tmp_path, content)
    assert says in str(caught.value)
    assert "waivers.toml" in str(caught.value)
    assert "\n" not in str(caught.value)
    if "[[waiver]]\n" in content:
        assert "waiver 1" in str(caught.value)


def test_a_second_entry_is_named_as_the_second(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"waiver 2 \(money\.nothing, 2025-03-28\)"):
        waivers(tmp_path, ENTRY + ENTRY.replace("control_totals.boav_wind_volume", "money.nothing"))


def test_a_file_that_is_not_there_is_a_clear_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        read_day_decisions(tmp_path / "none.toml", today=TODAY)


def test_every_reviewed_unit_says_what_it_is_and_who_has_looked() -> None:
    units = reviewed_units()
    assert {"E_BRNLW-1", "T_CRGHD-1", "T_DWEXW-1", "E_GFLDW-1", "T_HAGHW-2", "E_KHLLW-1"} <= units.keys()
    for bmu_id, unit in units.items():
        assert bmu_id == unit.bmu_id
        assert all(text.strip() for text in (unit.name, unit.what, unit.reason, unit.reviewed_by))


OF_CONTROL = WHOLE_DAY.replace("control_totals.boav_wind_volume", "completeness.control_total_present")
UNKNOWN = {"control_total": "BOAV bid", "error": "it did not come"}


def blind(checked: c.Property, *more: dict[str, object]) -> Result:
    return result(checked, looked_at=0, expected="x", actual="y", repair="z", violations=[UNKNOWN, *more])


@pytest.mark.parametrize("checked", sorted(NEED_CONTROL_TOTAL, key=lambda p: p.name), ids=lambda p: p.name)
def test_the_waiver_of_a_control_total_covers_what_could_not_look_without_it(
    tmp_path: Path, checked: c.Property
) -> None:
    (found,) = waivers(tmp_path, OF_CONTROL).applied(DAY, [blind(checked)], today=TODAY)
    assert found.is_waived
    assert not found.blocks
    assert found.waived_until == TODAY
    (lapsed,) = waivers(tmp_path, OF_CONTROL).applied(DAY, [blind(checked)], today=TODAY + dt.timedelta(days=1))
    assert not lapsed.is_waived


def test_what_is_found_wrong_all_the_same_is_not_covered(tmp_path: Path) -> None:
    wrong_unit: dict[str, object] = {"bmu_id": "T_B-1", "stack_side": "offer"}
    (found,) = waivers(tmp_path, OF_CONTROL).applied(DAY, [blind(BOAV_WIND_VOLUME, wrong_unit)], today=TODAY)
    assert found.blocks
    assert list(found.violations) == [wrong_unit]
    assert "1 waived (completeness.control_total_present until 2026-01-10)" in found.actual


def test_cashflows_that_are_not_known_are_not_covered_by_it(tmp_path: Path) -> None:
    failed = blind(EBOCF_WIND_CASHFLOW)
    assert waivers(tmp_path, OF_CONTROL).applied(DAY, [failed], today=TODAY) == [failed]
