"""Files of decisions: read whole or not at all, the old places too, and one line for what is wrong."""

from __future__ import annotations

import datetime as dt
import logging
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
import yaml  # type: ignore[import-untyped]  # Dagster brings it, without its types

import minerecon_dagster
from minerecon_dagster.core.errors import ConfigurationError
from minerecon_dagster.day.decisions import DayDecisions, read_day_decisions
from minerecon_dagster.decisions import reader
from minerecon_dagster.decisions.published_figures import published_figures
from minerecon_dagster.decisions.reviewed_units import reviewed_units

TODAY = dt.date(2026, 1, 10)
CLOSED = """
[[unavailable]]
first_day = 2025-05-10
last_day = 2025-05-12
reason = "the settlement run is lost"
accepted_by = "A. Person"
"""


def decided(tmp_path: Path, content: str) -> DayDecisions:
    path = tmp_path / "accepted.toml"
    path.write_text(content, "utf-8")
    return read_day_decisions(path, today=TODAY)


def problem(tmp_path: Path, content: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        decided(tmp_path, content)
    said = str(caught.value)
    assert said.startswith(f"{tmp_path / 'accepted.toml'}: ")
    assert "\n" not in said
    return said


def test_the_days_of_an_entry_are_closed_and_those_around_it_are_not(tmp_path: Path) -> None:
    closed = decided(tmp_path, CLOSED).closed
    assert [day.day for day in closed.by_day()] == [10, 11, 12]
    assert str(closed.of(dt.date(2025, 5, 12))) == "the settlement run is lost (accepted by A. Person)"
    assert closed.of(dt.date(2025, 5, 9)) is closed.of(dt.date(2025, 5, 13)) is None


def test_yesterday_can_be_closed(tmp_path: Path) -> None:
    closed = decided(tmp_path, CLOSED.replace("last_day = 2025-05-12", "last_day = 2026-01-09")).closed
    assert closed.of(dt.date(2026, 1, 9)) is not None


@pytest.mark.parametrize("last", ["2026-01-10", "2026-01-11", "2030-01-01"])
def test_a_day_that_is_not_over_cannot_be_closed(tmp_path: Path, last: str) -> None:
    said = problem(tmp_path, CLOSED.replace("last_day = 2025-05-12", f"last_day = {last}"))
    assert f"unavailable (2025-05-10 to {last}): {last} is not over, and today is 2026-01-10" in said


@pytest.mark.parametrize(
    ("other", "day"),
    [
        (("2025-05-12", "2025-05-20"), "2025-05-12"),
        (("2025-05-01", "2025-05-10"), "2025-05-10"),
        (("2025-05-11", "2025-05-11"), "2025-05-11"),
        (("2025-05-10", "2025-05-12"), "2025-05-10"),
    ],
)
def test_two_entries_that_close_one_day_are_named_with_it(tmp_path: Path, other: tuple[str, str], day: str) -> None:
    first, last = other
    more = CLOSED.replace("first_day = 2025-05-10", f"first_day = {first}")
    more = more.replace("last_day = 2025-05-12", f"last_day = {last}")
    said = problem(tmp_path, CLOSED + more)
    assert f"both close {day}" in said
    assert said.count("unavailable (") == 2


def test_entries_that_touch_close_their_days(tmp_path: Path) -> None:
    more = CLOSED.replace("2025-05-10", "2025-05-13").replace("2025-05-12", "2025-05-14")
    assert len(decided(tmp_path, more + CLOSED).closed.by_day()) == 5


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (CLOSED.replace("last_day = 2025-05-12", "last_day = 2025-05-09"), "unavailable 1 (2025-05-10 to 2025-05-09)"),
        (CLOSED.replace('reason = "the settlement run is lost"\n', ""), "unavailable 1: Object missing required field"),
        (CLOSED.replace("A. Person", " "), "accepted_by must be a text of one line"),
        (CLOSED + 'expires = "2026-01-01"\n', "unavailable 1: Object contains unknown field `expires`"),
        (CLOSED + CLOSED.replace("2025-05-10", '"May"').replace("2025-05-12", "2025-06-01"), "unavailable 2: "),
        (CLOSED.replace("[[unavailable]]", "[[closed]]"), "every entry is a table [[waiver]] or [[unavailable]]"),
        (CLOSED.replace("[[unavailable]]", "[unavailable]"), "unavailable must be a table [[waiver]] or"),
        ("[[unavailable", "it cannot be read: "),
    ],
)
def test_what_is_wrong_is_one_line_that_names_file_and_entry(tmp_path: Path, content: str, says: str) -> None:
    assert says in problem(tmp_path, content)


def test_a_control_total_is_waived_for_a_whole_day_only(tmp_path: Path) -> None:
    entry = """
[[waiver]]
check = "completeness.control_total_present"
first_day = 2025-05-10
last_day = 2025-05-10
reason = "it never comes"
accepted_by = "A. Person"
expires = 2026-06-30
"""
    assert decided(tmp_path, entry).waivers.of_control_total(dt.date(2025, 5, 10), today=TODAY) is not None
    assert "leave unit out" in problem(tmp_path, entry + 'unit = "T_A-1"\n')


def test_files_in_the_old_places_are_read_too_and_one_line_says_where_they_are_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(reader, "OLD_FOLDER", tmp_path)
    (tmp_path / "waivers.toml").write_text(CLOSED, "utf-8")
    (tmp_path / "reviewed_units.toml").write_text(
        '[[unit]]\nbmu_id = "T_OLDW-1"\nname = "Old"\nwhat = "a farm"\nreason = "r"\nreviewed_by = "A. Person"\n'
        "reviewed_on = 2026-01-01\n",
        "utf-8",
    )
    reviewed_units.cache_clear()
    with caplog.at_level(logging.WARNING, "minerecon_dagster"):
        for _ in range(2):
            assert len(read_day_decisions(reader.WAIVERS_FILE, today=TODAY).closed.entries) == 1
        assert {"T_OLDW-1", "T_CRGHD-1"} <= reviewed_units().keys()
    reviewed_units.cache_clear()
    assert [record.getMessage() for record in caplog.records] == [
        f"{tmp_path / name} is read too, and has moved: put its entries into {reader.FOLDER / name}, and remove it"
        for name in ("waivers.toml", "reviewed_units.toml")
    ]


def test_the_old_place_is_the_packages_own_folder() -> None:
    assert Path(minerecon_dagster.__file__).parent == reader.OLD_FOLDER


def test_where_a_file_is_now_is_told_on_stderr_and_in_the_log_of_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "waivers.toml").write_text(CLOSED, "utf-8")
    program = (
        "import sys, datetime, pathlib; from minerecon_dagster.decisions import reader;"
        " from minerecon_dagster.day.decisions import read_day_decisions;"
        " reader.OLD_FOLDER = pathlib.Path(sys.argv[1]);"
        " [read_day_decisions(reader.WAIVERS_FILE, today=datetime.date(2026, 1, 1)) for _ in range(2)]"
    )
    ran = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)
    (line,) = ran.stderr.splitlines()
    assert line.startswith(f"{tmp_path / 'waivers.toml'} is read too, and has moved: ")

    @dg.job
    def look() -> None:
        dg.op(name="look_at_decisions")(lambda: bool(read_day_decisions(reader.WAIVERS_FILE, today=TODAY)))()

    monkeypatch.setattr(reader, "OLD_FOLDER", tmp_path)
    project = Path(minerecon_dagster.__file__).parents[1]
    settings = {"python_logs": yaml.safe_load((project / "dagster.yaml").read_text("utf-8"))["python_logs"]}
    with dg.DagsterInstance.ephemeral(settings=settings) as instance:
        run_id = look.execute_in_process(instance=instance).run_id
        assert [r.user_message for r in instance.all_logs(run_id)].count(line) == 1


def test_a_file_that_is_named_is_the_only_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "OLD_FOLDER", tmp_path)
    (tmp_path / "waivers.toml").write_text(CLOSED, "utf-8")
    assert decided(tmp_path, "") == DayDecisions()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("2026-06", "2026-13"), "period must be as in"),
        (("2026-06", "June"), "period must be as in"),
        (("curtailed_mwh", "energy"), "Invalid enum value 'energy'"),
        (("curtailed_mwh", "mined_btc"), "miner_model goes with mined_btc"),
        (('value = "707488"\n', ""), "missing required field `value`"),
    ],
)
def test_a_published_figure_that_is_wrong_is_named(tmp_path: Path, change: tuple[str, str], says: str) -> None:
    entry = (
        '[[figure]]\nperiod = "2026-06"\nbasis = "all_bids"\nfigure = "curtailed_mwh"\nvalue = "707488"\n'
        'source = "s"\nnote = "n"\n'
    )
    path = tmp_path / "published.toml"
    path.write_text(entry, "utf-8")
    assert len(published_figures(path)) == 1
    published_figures.cache_clear()
    path.write_text(entry.replace(*change), "utf-8")
    with pytest.raises(ConfigurationError, match="figure 1") as caught:
        published_figures(path)
    assert says in str(caught.value)
