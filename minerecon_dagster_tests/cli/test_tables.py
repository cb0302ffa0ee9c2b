"""Tables for people: which columns go where not all fit, and that no cell is ever cut."""

from __future__ import annotations

import datetime as dt
import logging
from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console
from rich.progress import Progress

from minerecon_dagster.cli import tables
from minerecon_dagster.cli.dagster_run import _Lines
from minerecon_dagster.cli.lines import wrapped
from minerecon_dagster.cli.tables import Column, print_columns, print_table, table_of, that_fit
from minerecon_dagster.cli.verify import _print_days
from minerecon_dagster.verify.compare import Comparison
from minerecon_dagster.verify.record import Verification

DAYS = Column("day", ["2025-03-28", "2025-03-29"], justify="left")
MWH = Column("MWh", ["126,000.25", "3.10"])
RECORDS = Column("records", ["3,084", "12"], goes=2)
BITCOIN = [Column(f"BTC {model}", ["75.39210000", "-"], goes=3) for model in ("S9", "M20S")]
ALL = [DAYS, MWH, RECORDS, *BITCOIN]


def headings(columns: list[Column]) -> list[str]:
    return [column.heading for column in columns]


def test_bitcoin_goes_first_and_all_of_it_then_the_records_and_what_a_row_is_never() -> None:
    whole = sum(c.width for c in ALL) + 2 * (len(ALL) - 1)
    assert that_fit(ALL, whole) == ALL
    assert headings(that_fit(ALL, whole - 1)) == ["day", "MWh", "records"]
    assert headings(that_fit(ALL, 10 + 2 + 10 + 2 + 6)) == ["day", "MWh"]
    assert headings(that_fit(ALL, 1)) == ["day", "MWh"]


@pytest.mark.parametrize("width", [15, 22, 40, 80, 130])
def test_no_cell_is_cut_in_a_terminal_of_whatever_width(width: int) -> None:
    out = StringIO()
    screen = Console(file=out, width=width, force_terminal=True, color_system=None)
    print_table(table_of(that_fit(ALL, width), "Days [1]"), screen)
    for line in ("2025-03-28  126,000.25", "2025-03-29        3.10"):
        assert line in out.getvalue()
    assert "…" not in out.getvalue()
    assert (max(map(len, out.getvalue().splitlines())) <= width) == (width >= 22)


def test_a_pipe_gets_every_column_without_drawing_without_blanks_at_the_end_and_a_line_a_row(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tables, "_PIPE_WIDTH", 20)
    assert print_columns([*ALL, Column("two\nlines", ["[a]", "b"])], "Days")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Days"
    assert lines[1].split() == ["day", "MWh", "records", "BTC", "S9", "BTC", "M20S", "two", "lines"]
    assert [line.split()[0] for line in lines[2:]] == ["2025-03-28", "2025-03-29"]
    assert lines[2].endswith("[a]")
    assert all(line == line.rstrip() and line.isascii() for line in lines)


def told(width: int, message: str, **extra: object) -> list[str]:
    """What a terminal of ``width`` columns shows of a line that the project's code logs."""
    out = StringIO()
    handler = _Lines(Progress(console=Console(file=out, width=width, force_terminal=True, color_system=None)))
    record = logging.LogRecord("minerecon_dagster", logging.INFO, "", 0, message, None, None)
    record.__dict__.update(extra)
    handler.emit(record)
    return out.getvalue().splitlines()


LONG = (
    "2025-03-28: final, 48 of 48 periods, 3,084 SO-flagged records, 95,018.88 MWh, £3,582,869.68, 101 requests, 5.25 s"
)
SHORT = "2025-03-28: final, 48 of 48 periods, 95,018.88 MWh, £3,582,869.68"


def test_a_line_that_is_too_long_for_a_terminal_is_told_in_short_and_whole_where_it_fits() -> None:
    assert told(130, LONG, in_short=SHORT) == [LONG]
    assert told(80, LONG, in_short=SHORT) == [SHORT]


def test_a_line_breaks_between_words_and_never_within_a_figure_a_command_or_how_far_it_has_come() -> None:
    assert told(80, LONG) == [LONG[: LONG.index("£") - 1], "    " + LONG[LONG.index("£") :]]
    command = "minerecon reingest 2025-03-01 2025-03-31 --from-archive"
    assert wrapped(f"not done: {'word ' * 8}; repair: {command}; then look [13 of 31]", 80).split("\n") == [
        f"not done: {'word ' * 8}; repair:",
        f"    {command}; then look",
        "    [13 of 31]",
    ]
    long = f"minerecon {'local ' * 20}"
    assert wrapped(f"new since? ({long.rstrip()})", 80).split("\n") == ["new since?", f"    ({long.rstrip()})"]
    assert wrapped("a line\nand another", 80) == "a line\nand another"
    prose = f"minerecon reingest 2025-03-01 --periods 1,12, or where that is not {'wanted ' * 6}"
    assert wrapped(prose, 60).startswith("minerecon reingest 2025-03-01 --periods 1,12, or where that\n    is not")


def test_a_title_is_not_broken_at_the_width_of_its_table() -> None:
    out = StringIO()
    title = "Stored days and Elexon now, which is longer"
    print_table(table_of([DAYS, MWH], title), Console(file=out, width=80, force_terminal=True, color_system=None))
    assert out.getvalue().splitlines()[0].rstrip() == title


def test_what_a_source_says_moves_no_cursor_of_a_terminal() -> None:
    assert told(80, "not done: \x1b[2Jgone\rnothing is wrong") == [r"not done: \x1b[2Jgone nothing is wrong"]


def test_of_a_look_a_narrow_terminal_is_told_what_was_compared_and_what_was_done_before_what_it_says_below_anyway(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = StringIO()
    screen = Console(file=out, width=90, force_terminal=True, color_system=None)
    monkeypatch.setattr(tables, "console", lambda: screen)
    row = {
        "settlement_date": "2025-03-28", "action": "fix", "outcome": "repaired", "sampling": "full",
        "periods_looked_at": list(range(1, 49)), "detection_share": 1, "problems_left": [],
        "repair": "minerecon reingest 2025-03-28 --force", "problems": [{"property": "drift.source_unchanged"}],
    }  # fmt: skip
    _print_days([row])
    title, header, _, line = out.getvalue().splitlines()
    assert title.rstrip() == "Stored days and Elexon now"
    assert header.split() == ["day", "outcome", "periods", "compared", "done"]
    assert line.split("  ")[-1].strip() == row["repair"]


def test_a_look_is_told_in_short_where_nothing_is_wrong_and_whole_where_something_is() -> None:
    compared = Comparison(
        day=dt.date(2025, 3, 28), sampling="controls", seed=None, comparable=range(1, 49), periods=(), stored={},
        source={}, control_differences=(), compares_controls=True, unseen=(), looked_at=4,
    )  # fmt: skip
    right = Verification(compared.day, "verify", "right in part", (), (), comparison=compared)
    assert right.in_short == "2025-03-28: right in part; compared by control totals"
    of_some = replace(right, comparison=replace(compared, sampling="fixed", periods=(1, 12)))
    assert of_some.in_short == "2025-03-28: right in part; compared in 2 of 48 periods"
    failed = replace(right, outcome="failed", error="Elexon did not answer")
    assert failed.in_short == str(failed)
