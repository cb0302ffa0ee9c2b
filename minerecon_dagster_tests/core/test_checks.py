"""The list of checks: written down once, and the documentation and Dagster say the same."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minerecon_dagster.checks.properties import DAY_PROPERTIES, PROPERTIES, table
from minerecon_dagster.core import checks as c
from minerecon_dagster.core.checks import Result, result
from minerecon_dagster.core.repairs import REINGEST, words
from minerecon_dagster.defs import catalog
from minerecon_dagster.defs.events import check_metadata
from minerecon_dagster.defs.partitions import daily_partitions
from minerecon_dagster.elexon.datasets import later
from minerecon_dagster.elexon.datasets.boav import BOAV_WIND_VOLUME
from minerecon_dagster.elexon.datasets.stack import BIDS_ARE_PRICED

DOCS = Path(__file__).resolve().parents[2] / "docs" / "operate" / "checks.md"
DAY = dt.date(2025, 3, 28)


def failed(checked: c.Property, count: int = 1) -> Result:
    violations = [{"bmu_id": f"T_A-{n}"} for n in range(count)]
    return result(checked, looked_at=50, expected="x", actual="y", repair=checked.repair_of(DAY), violations=violations)


def test_the_documentation_has_the_table_of_the_code() -> None:
    written = DOCS.read_text("utf-8")
    assert table() in written, "docs/operate/checks.md is old: write it anew by `make docs`"
    rows = [line for line in written.splitlines() if line.startswith("| `") and line.count("|") == 8]
    assert len(rows) == len(PROPERTIES)


def test_every_property_has_its_own_name_and_says_what_mends_it() -> None:
    assert len({p.full_name for p in PROPERTIES}) == len(PROPERTIES)
    assert all(p.meaning.endswith(".") and p.repair and p.evaluated for p in PROPERTIES)
    assert str(c.RECORDS_MATCH_ARCHIVE.repair_of(DAY)) == "minerecon reingest 2025-03-28 --from-archive"


def test_dagster_shows_at_most_eight_checks_a_day_each_with_all_its_properties() -> None:
    specs = {spec.name: spec for spec in catalog.check_specs(daily_partitions(dt.date(2025, 1, 1)))}
    assert specs.keys() == {p.family for p in PROPERTIES if p.scope == "day"}
    brought = {p.family for dataset in later() for p in dataset.properties}
    assert len(specs.keys() - brought) <= 8, "but for those of what comes days later, each on its own asset"
    for family, spec in specs.items():
        of_family = [p for p in PROPERTIES if p.family == family and p.scope == "day"]
        assert all(f"**{p.name}** ({p.severity}" in str(spec.description) for p in of_family)
        assert spec.blocking == any(p.severity == "ERROR" for p in of_family)


def test_every_family_of_a_day_has_an_error_that_says_when_it_could_not_be_run() -> None:
    assert {p.family for p in DAY_PROPERTIES if p.severity == "ERROR"} == {p.family for p in DAY_PROPERTIES}


def test_a_check_that_looked_at_nothing_has_not_passed() -> None:
    blind = result(c.MODEL_RATIOS, looked_at=0, expected="x", actual="y", repair=words("z"))
    assert not blind.passed
    assert blind.blocks
    assert not c.could_not_look(BIDS_ARE_PRICED, DAY, "gone").passed


def test_all_violators_are_counted_and_a_sample_is_shown() -> None:
    found = failed(BOAV_WIND_VOLUME, 30)
    assert found.violation_count == 30
    assert found.sample == list(found.violations[:10])
    assert found.kept("day") == found.sample


def test_of_very_many_violators_a_look_at_all_days_keeps_a_bounded_number() -> None:
    found = failed(c.EVERY_DAY_IS_COMPLETE, 1_001)
    assert found.violation_count == 1_001
    assert found.kept("all") == list(found.violations[:-1])


@pytest.mark.parametrize(
    ("checked", "count", "is_accepted", "expected"),
    [
        (c.SIGNS_BY_FORMULA, 0, False, (True, False, False)),
        (c.SIGNS_BY_FORMULA, 1, False, (False, False, True)),
        (c.SIGNS_BY_FORMULA, 1, True, (False, True, False)),
        (BIDS_ARE_PRICED, 0, False, (True, False, False)),
        (BIDS_ARE_PRICED, 1, False, (False, False, False)),
        (BIDS_ARE_PRICED, 1, True, (False, True, False)),
    ],
)
def test_what_fails_at_error_blocks_the_day_unless_it_is_accepted(
    checked: c.Property, count: int, is_accepted: bool, expected: tuple[bool, bool, bool]
) -> None:
    made = failed(checked, count)
    if is_accepted:
        made = made.waived("agreed (accepted by A. Person)", DAY)
    assert (made.passed, made.is_waived, made.blocks) == expected


def test_a_result_reads_as_one_line_with_its_waiver_where_it_has_one() -> None:
    line = (
        "money.signs_by_formula: 2 of 50 wrong; expected x, found y; "
        "repair: minerecon reingest 2025-03-28 --from-archive"
    )
    assert str(failed(c.SIGNS_BY_FORMULA, 2)) == line
    assert str(failed(c.SIGNS_BY_FORMULA, 2).waived("agreed", DAY)) == f"{line}; WAIVED until 2025-03-28: agreed"


def test_a_result_of_which_no_violator_is_said_has_none_and_one_thing_is_enough_to_have_looked() -> None:
    made = c.passed(c.SIGNS_BY_FORMULA, looked_at=1, expected="x", actual="y", repair=A_FIX)
    assert made == Result(c.SIGNS_BY_FORMULA, 1, "x", "y", A_FIX)
    assert made.violations == ()


def test_what_failed_is_told_in_words_or_by_what_is_there() -> None:
    violations = [{"bmu_id": "T_A-1"}]
    told = c.failed(c.SIGNS_BY_FORMULA, looked_at=3, expected="x", problem="not x", repair=A_FIX, violations=violations)
    assert (told.actual, told.violation_count, told.violations) == ("not x", 1, ({"bmu_id": "T_A-1"},))
    assert failed(c.SIGNS_BY_FORMULA).actual == "y"


def test_what_could_not_be_looked_at_is_mended_by_its_own_repair_or_by_that_of_what_kept_it() -> None:
    assert c.could_not_look(c.SIGNS_BY_FORMULA, DAY, "gone").repair == c.SIGNS_BY_FORMULA.repair_of(DAY)
    assert c.could_not_look(c.SIGNS_BY_FORMULA, DAY, "gone", repair=A_FIX).repair == A_FIX


A_FIX = REINGEST.over(DAY)
VIOLATIONS = st.lists(st.fixed_dictionaries({"bmu_id": st.text(max_size=4)}), max_size=4)


@given(
    looked_at=st.integers(-2, 5),
    count=st.integers(-2, 8),
    violations=VIOLATIONS,
    actual=st.sampled_from(["5 rows", "not 5 rows", "Missing", "older than a day in it", "0 missing", "nothing"]),
    waiver=st.sampled_from([None, "agreed (accepted by A. Person)"]),
    until=st.sampled_from([None, DAY]),
)
def test_no_result_says_one_thing_and_its_opposite(
    looked_at: int,
    count: int,
    violations: list[dict[str, str]],
    actual: str,
    waiver: str | None,
    until: dt.date | None,
) -> None:
    try:
        made = Result(c.SIGNS_BY_FORMULA, looked_at, "5 rows", actual, A_FIX, count, violations, waiver, until)
    except ValueError:
        return
    assert made.looked_at >= 0
    assert made.violation_count >= len(made.violations)
    assert bool(made.violation_count) == bool(made.violations)
    assert made.passed == (made.looked_at > 0 and not made.violations)
    assert not (made.passed and actual in ("not 5 rows", "Missing", "older than a day in it"))
    assert (made.waiver is None) == (made.waived_until is None)
    assert not (made.passed and made.waiver)


@given(looked_at=st.integers(0, 5), violations=VIOLATIONS)
def test_whatever_is_found_makes_a_result_and_the_words_for_a_failure_are_in_failures_alone(
    looked_at: int, violations: list[dict[str, str]]
) -> None:
    made = result(
        c.SIGNS_BY_FORMULA, looked_at=looked_at, expected="x", actual="as it is", problem="not as it was",
        repair=A_FIX, violations=violations,
    )  # fmt: skip
    assert made.passed == (looked_at > 0 and not violations)
    assert (made.actual == "as it is") == made.passed
    assert made.violation_count == len(violations)


@pytest.mark.parametrize(
    "contradiction",
    [
        {"violation_count": 0, "violations": ({"bmu_id": "T_A-1"},)},
        {"violation_count": 2, "violations": ()},
        {"actual": "not the sum of its days"},
        {"actual": "could not look: gone"},
        {"waiver": "agreed", "waived_until": DAY},
        {"looked_at": -1},
    ],
)
def test_a_result_that_contradicts_itself_cannot_be_made(contradiction: dict[str, Any]) -> None:
    holds = c.passed(c.SIGNS_BY_FORMULA, looked_at=3, expected="x", actual="the same", repair=A_FIX)
    assert holds.passed
    with pytest.raises(ValueError, match=r"money\.signs_by_formula: "):
        replace(holds, **contradiction)


def test_a_passed_result_has_looked_and_a_failed_one_names_a_violator() -> None:
    with pytest.raises(ValueError, match="looked at nothing"):
        c.passed(c.SIGNS_BY_FORMULA, looked_at=0, expected="x", actual="x", repair=A_FIX)
    with pytest.raises(ValueError, match="nothing violates it"):
        c.failed(c.SIGNS_BY_FORMULA, looked_at=3, expected="x", problem="y", repair=A_FIX)


@pytest.mark.parametrize(
    ("results", "problem", "repair"),
    [
        ([result(BIDS_ARE_PRICED, looked_at=5, expected="x", actual="y", repair=words("z"))],
         "none: 1 of 1 properties hold", "nothing to repair"),
        ([failed(BIDS_ARE_PRICED, 3)],
         "bids_are_priced (WARN), 3 of 50 wrong: expected x, found y", "minerecon reingest 2025-03-28 --force"),
        ([failed(BIDS_ARE_PRICED), failed(c.SIGNS_BY_FORMULA, 2)],
         "2 of 2 properties do not hold: signs_by_formula (ERROR), 2 of 50 wrong; bids_are_priced (WARN), 1 of 50 "
         "wrong",
         "minerecon reingest 2025-03-28 --force"),
        ([failed(c.SIGNS_BY_FORMULA).waived("agreed (accepted by A. Person)", DAY)],
         "signs_by_formula (ERROR) WAIVED until 2025-03-28: agreed (accepted by A. Person), 1 of 50 wrong: expected x, "
         "found y", "nothing to repair"),
    ],
    ids=["passed", "one", "two", "waived"],
)  # fmt: skip
def test_whoever_is_woken_reads_the_problem_and_then_the_repair(
    results: list[Result], problem: str, repair: str
) -> None:
    metadata = check_metadata(results, DAY)
    shown = sorted(metadata)  # by the alphabet, capitals first: Dagster stores and shows them so
    first = ["Problem", "Repair", *(["Repair by a job"] if "minerecon" in repair else []), "Wrong"]
    assert shown[: len(first)] == first
    assert metadata["Problem"] == problem
    assert metadata["Repair"] == repair
    assert {r.checked.name for r in results} <= set(shown[len(first) :])


def test_a_property_is_of_the_day_itself_unless_it_says_otherwise() -> None:
    assert c.Property("a family", "a name", "ERROR", "It holds.").is_beside is False
