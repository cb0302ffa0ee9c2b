"""The tools that compare versions of the code: what they see, and what they must not be fooled by."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from bench import fingerprint, page
from bench.new_tests_against import PACKAGE, Found, _pytest, judge
from bench.pairs import compared
from bench.replay import FIGURES, differences
from bench.versions import check_out
from bench.year_2025 import calls_that_differ


def change(engine: Engine, statement: str) -> None:
    with engine.begin() as connection:
        assert connection.execute(text(statement)).rowcount


def url_of(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=False)


@pytest.mark.slow
def test_a_fingerprint_differs_in_the_column_that_was_changed_and_in_nothing_else(filled: Engine) -> None:
    before = fingerprint.take(url_of(filled))
    assert fingerprint.take(url_of(filled)) == before
    assert before["daily_summaries"]["rows"] > 0
    change(filled, "UPDATE minerecon.daily_summaries SET bmu_count = bmu_count + 1 WHERE summary_date = '2025-03-21'")
    assert fingerprint.compare(before, fingerprint.take(url_of(filled))) == (["daily_summaries.bmu_count"], [])


@pytest.mark.slow
def test_two_values_that_change_places_are_seen(filled: Engine) -> None:
    before = fingerprint.take(url_of(filled))
    change(
        filled,
        "UPDATE minerecon.daily_summaries AS d SET bmu_count = other.bmu_count"
        " FROM minerecon.daily_summaries AS a, minerecon.daily_summaries AS b, minerecon.daily_summaries AS other"
        " WHERE a.bmu_count = (SELECT min(bmu_count) FROM minerecon.daily_summaries)"
        " AND b.bmu_count = (SELECT max(bmu_count) FROM minerecon.daily_summaries)"
        " AND d.summary_date IN (a.summary_date, b.summary_date)"
        " AND other.summary_date IN (a.summary_date, b.summary_date) AND other.summary_date <> d.summary_date",
    )
    assert fingerprint.compare(before, fingerprint.take(url_of(filled))) == (["daily_summaries.bmu_count"], [])


@pytest.mark.slow
def test_when_it_ran_and_zeros_behind_the_point_are_no_difference_and_a_lost_row_is(filled: Engine) -> None:
    before = fingerprint.take(url_of(filled))
    change(filled, "UPDATE minerecon.daily_summaries SET built_at = now(), curtailed_mwh = curtailed_mwh + 0.000")
    assert fingerprint.compare(before, fingerprint.take(url_of(filled))) == ([], [])
    change(filled, "DELETE FROM minerecon.wind_generation_data WHERE settlement_period = 3")
    differing, _ = fingerprint.compare(before, fingerprint.take(url_of(filled)))
    assert any(line.startswith("wind_generation_data: ") for line in differing)


@pytest.mark.slow
def test_a_column_or_table_that_is_new_is_said_and_is_no_difference(filled: Engine) -> None:
    before = fingerprint.take(url_of(filled))
    after = {table: {**found, "columns": {**found["columns"]}} for table, found in before.items()}
    after["daily_summaries"]["columns"]["new_column"] = "0"
    after["new_table"] = {"rows": 1, "columns": {}}
    assert fingerprint.compare(before, after) == (
        [],
        ["daily_summaries.new_column, only after", "table new_table, only after"],
    )


def figures(*values: str) -> list[Decimal]:
    return [Decimal(value) for value in values]


def test_a_unit_that_differs_or_lacks_and_the_day_that_it_is_in_are_named() -> None:
    one, two = figures("2", "10", "-500", "1", "4", "-200"), figures("1", "1", "1", "0", "0", "0")
    whole = figures("3", "11", "-499", "1", "4", "-200")
    wanted = {"T_A-1": one, "T_B-1": two}
    assert differences(wanted, {**wanted, "": whole}) == []
    rounded = {**wanted, "T_A-1": figures("2", "10.0000009", "-500", "1", "4", "-200"), "": whole}
    assert differences(wanted, rounded) == []
    assert [d["of"] for d in differences(wanted, {"T_A-1": one, "": whole})] == ["T_B-1"] * len(FIGURES)
    assert {(d["of"], d["figure"]) for d in differences(wanted, {**wanted, "": [*whole[:5], Decimal(-201)]})} == {
        ("day", "so_gbp")
    }


def test_nothing_stored_is_a_difference_and_a_windless_day_is_none() -> None:
    assert len(differences({}, {})) == len(FIGURES)
    assert differences({}, {"": figures(*"000000")}) == []


def test_calls_beyond_those_of_a_days_periods_are_named_on_short_and_long_days_too() -> None:
    right = {"2025-03-29": 101, "2025-03-30": 97, "2025-10-26": 105}
    work = {day: {"requests": n} for day, n in right.items()}
    assert calls_that_differ(work) == {}
    assert calls_that_differ(work | {"2025-03-30": {"requests": 101}}) == {"2025-03-30": 101}


def line(name: str, value: float) -> dict[str, dict[str, object]]:
    return {name: {"name": name, "value": value, "unit": "s"}}


def test_pairs_are_compared_by_their_medians_and_a_small_ratio_is_noise() -> None:
    old = [line("a", v) | line("b", 1) | line("gone", 1) for v in (1.0, 1.0, 9.0)]
    new = [line("a", v) | line("b", 2) | line("fresh", 3) for v in (1.05, 1.05, 0.1)]
    found = {each["name"]: each for each in compared(old, new)}
    assert (found["a"]["ratio"], found["a"]["says"]) == (1.05, "noise")
    assert (found["b"]["ratio"], found["b"]["says"]) == (2.0, "more")
    assert (found["fresh"]["new"], found["fresh"]["says"]) == (3, "only the new code has it")
    assert found["gone"]["says"] == "only the old code has it"


def test_what_takes_under_a_millisecond_in_both_says_nothing() -> None:
    tiny, slow = ({"x": {"name": "x", "value": v, "unit": "ms"}} for v in (0.01, 5.0))
    assert compared([tiny], [{"x": {**tiny["x"], "value": 0.09}}])[0]["says"] == "noise"
    assert compared([tiny], [slow])[0]["says"] == "more"


TESTS_OF_A_TREE = {
    "tests/test_old_package.py": """
import pytest
def test_passes(): pass
def test_fails(): assert False
def test_needs_a_new_module(): import minerecon_dagster.new
def test_needs_a_new_name(): from minerecon_dagster import new_name
def test_needs_what_nobody_has(): import no_such_library
def test_skips(): pytest.skip("no reason")
@pytest.fixture
def broken(): raise ValueError("in the fixture")
def test_has_a_broken_fixture(broken): pass
def test_is_not_new(): assert False
""",
    "tests/test_new_module.py": "import minerecon_dagster.new\ndef test_one(): pass\n",
    "tests/__init__.py": "",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    files = {f"{PACKAGE}/__init__.py": "", **TESTS_OF_A_TREE}
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, "utf-8")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["one process", "two"])
def test_new_tests_are_sorted_by_what_they_prove_of_an_old_package(
    tree: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    names = ("passes", "fails", "needs_a_new_module", "needs_a_new_name", "needs_what_nobody_has", "skips")
    asked = {f"tests/test_old_package.py::test_{name}" for name in (*names, "has_a_broken_fixture", "is_made_no_more")}
    asked |= {"tests/test_new_module.py::test_one"}
    files = sorted({test.split("::")[0] for test in asked})
    found = judge(asked, _pytest(tree, tmp_path, "--continue-on-collection-errors", *options, *files, asked=asked))

    def short(tests: object) -> set[str]:
        return {str(test).split("::test_")[1] for test in tests}  # type: ignore[attr-defined]

    assert short(found.passed) == {"passes"}
    assert short(found.skipped) == {"skips"}
    assert {test.split("::test_")[1]: why for test, why in found.failed.items()} == {
        "fails": "AssertionError",
        "needs_what_nobody_has": "ModuleNotFoundError",
        "has_a_broken_fixture": "ValueError",
    }
    assert short(found.not_there) == {"needs_a_new_module", "needs_a_new_name", "one", "is_made_no_more"}
    head = found.lines("0000000")[-1]
    assert (head["new_tests"], head["fail"], head["pass"], head["cannot_be_imported_there"]) == (9, 3, 1, 4)


@pytest.mark.slow
def test_a_conftest_that_cannot_be_imported_there_leaves_no_test_of_its_folder_as_passed(
    tree: Path, tmp_path: Path
) -> None:
    (tree / "tests" / "conftest.py").write_text("import minerecon_dagster.new\n", "utf-8")
    asked = {"tests/test_old_package.py::test_passes"}
    found = judge(asked, _pytest(tree, tmp_path, "tests/test_old_package.py", asked=asked))
    assert set(found.not_there) == asked and "minerecon_dagster.new" in found.not_there[next(iter(asked))]


def test_two_folders_are_joined() -> None:
    one = Found({"a": "ValueError"}, frozenset("b"), frozenset(), {})
    two = Found({}, frozenset("c"), frozenset("d"), {"e": "why"})
    assert one.joined(two) == Found({"a": "ValueError"}, frozenset("bc"), frozenset("d"), {"e": "why"})


needs_git = pytest.mark.skipif(
    subprocess.run(["git", "rev-parse", "HEAD"], cwd=Path(__file__).parent, capture_output=True).returncode != 0,
    reason="needs the project's git repository",
)


@needs_git
def test_a_commits_package_is_what_python_uses_in_its_folder(tmp_path: Path) -> None:
    from bench.versions import environ

    folder = check_out("HEAD", tmp_path / "a commit", PACKAGE)
    assert environ(folder)["PYTHONPATH"] == str(folder)
    (tmp_path / "nothing").mkdir()
    with pytest.raises(SystemExit, match="and not the project in"):
        environ(tmp_path / "nothing")
    with pytest.raises(SystemExit, match="is no commit"):
        check_out("no-such-commit", tmp_path / "b")


@pytest.mark.slow
def test_the_tools_say_what_they_do_when_they_are_asked() -> None:
    for name in ("weekend", "new_tests_against", "year_2025", "pairs", "fingerprint"):
        said = subprocess.run(
            [sys.executable, "-m", f"bench.{name}", "--help"],
            cwd=Path(__file__).resolve().parents[2],
            capture_output=True,
            text=True,
        )
        assert said.returncode == 0 and "usage:" in said.stdout, said.stderr


def test_the_days_of_the_weekend_are_those_of_the_short_sunday() -> None:
    from bench.weekend.scenario import MONDAY, SATURDAY, SUNDAY
    from minerecon_dagster.core.calendar import period_count

    days = [dt.date.fromisoformat(day) for day in (SATURDAY, SUNDAY, MONDAY)]
    assert [period_count(day) for day in days] == [48, 46, 48]


def test_a_part_of_the_benchmarks_replaces_its_own_rows_on_the_page_and_no_other(tmp_path: Path) -> None:
    copy = tmp_path / "measurements.md"
    before = page.PAGE.read_text("utf-8")
    copy.write_text(before, "utf-8")
    measured = {"name": "checks_of_a_day", "value": 0.04, "unit": "s", "source": "sample", "runs": 3, "target": "< 1"}
    new = measured | {"name": "a_new_one"}
    page.write([measured, new, measured | {"name": "property_x"}], "2025-06-01, abc1234", copy)
    row = "| `{}` | 0.04 s | < 1 | source sample, runs 3 | 2025-06-01, abc1234 |"
    added = set(copy.read_text("utf-8").splitlines()) - set(before.splitlines())
    gone = set(before.splitlines()) - set(copy.read_text("utf-8").splitlines())
    assert added == {row.format("checks_of_a_day"), row.format("a_new_one")}
    assert [line.split("`")[1] for line in gone] == ["checks_of_a_day"]
    assert "commit" not in page.here_and_now()
