"""What a person sees in a terminal of 80 columns, in a pty: days as they come, tables that are whole, and Ctrl-C."""

from __future__ import annotations

import datetime as dt
import fcntl
import os
import pty
import re
import struct
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import psycopg2
import pytest
from sqlalchemy import Engine, text

from minerecon_dagster_tests.cli.conftest import MINERECON, Ran
from minerecon_dagster_tests.fake_elexon import FakeElexon, Fault, fake_elexon, stack_path
from minerecon_dagster_tests.notified import PN

Run = Callable[..., Ran]
DAYS = [dt.date(2025, 2, 20) + dt.timedelta(days=n) for n in range(3)]
CTRL_C = b"\x03"


@pytest.fixture
def elexon() -> Iterator[FakeElexon]:
    with fake_elexon(*DAYS) as server:
        yield server


class Terminal:
    """`minerecon ARGUMENTS` in a terminal of its own, of 80 columns."""

    def __init__(self, environ: dict[str, str], *arguments: str, columns: int = 80) -> None:
        self._printed = b""
        self._pid, self._terminal = pty.fork()
        if self._pid == 0:  # pragma: no cover - another process
            import signal

            # As a shell starts what is typed into it, whatever ignores it above.
            signal.signal(signal.SIGINT, signal.default_int_handler)
            os.execve(MINERECON, [str(MINERECON), *arguments], environ | {"TERM": "xterm"})
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 45, columns, 0, 0))

    @property
    def lines(self) -> list[str]:
        """What was printed so far, without what moves the cursor and sets colours."""
        plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self._printed.decode("utf-8", "replace"))
        return [line.rstrip() for line in re.split(r"[\r\n]+", plain) if line.strip()]

    def read_until(self, words: str | None = None) -> None:
        """Read until ``words`` were printed, or to the end."""
        with suppress(OSError):  # how the end of a terminal shows
            while words is None or words not in "\n".join(self.lines):
                read = os.read(self._terminal, 65_536)
                if not read:
                    return
                self._printed += read

    def type(self, keys: bytes) -> None:
        os.write(self._terminal, keys)

    def ended(self) -> int:
        """Its exit code, once it has ended."""
        self.read_until()
        _, status = os.waitpid(self._pid, 0)
        os.close(self._terminal)
        return os.waitstatus_to_exitcode(status)


@pytest.mark.slow
def test_in_a_terminal_a_day_is_told_as_it_comes_and_the_table_at_the_end_is_whole(
    environ: dict[str, str], elexon: FakeElexon
) -> None:
    second, go_on = threading.Event(), threading.Event()

    def hold(path: str) -> Fault | None:
        if path == stack_path("bid", DAYS[2], 1):
            second.set()
            return Fault(hang=go_on)
        return None

    elexon.faults = hold
    terminal = Terminal(environ, "reingest", str(DAYS[0]), str(DAYS[2]))
    # The third day cannot come before the first was seen.
    terminal.read_until("[1 of 3]")
    assert any(line.startswith(f"{DAYS[0]}: final, 48 of 48 periods, ") for line in terminal.lines)
    assert second.wait(60)
    elexon.faults = lambda path: None
    go_on.set()
    assert terminal.ended() in (0, 1), terminal.lines
    table = terminal.lines[next(n for n, line in enumerate(terminal.lines) if line.startswith("day ")) :]
    assert table[0].split() == ["day", "status", "periods", "MWh", "£", "net", "checks"]
    assert "BTC" not in table[0]
    for day, line in zip(DAYS, table[2:], strict=False):
        assert re.match(rf"{day} \(synthetic\)  \w+  +48/48  +[\d,]+\.\d\d  +-?[\d,]+\.\d\d  +\d+/\d+$", line), line
    assert all(len(line) <= 80 for line in table)
    assert not any("Traceback" in line for line in terminal.lines)


@pytest.mark.slow
def test_ctrl_c_says_with_which_day_the_same_command_goes_on_and_nobody_is_alarmed(
    environ: dict[str, str], minerecon: Run, elexon: FakeElexon, warehouse: Engine, dagster_database: str
) -> None:
    held = threading.Event()

    def hold(path: str) -> Fault | None:
        return Fault(hang=held) if path == stack_path("bid", DAYS[1], 20) else None

    elexon.faults = hold
    terminal = Terminal(environ, "reingest", str(DAYS[0]), str(DAYS[2]))
    terminal.read_until("[1 of 3]")
    terminal.type(CTRL_C)
    terminal.read_until("interrupted: waiting")
    held.set()
    assert terminal.ended() == 130
    assert terminal.lines[-2:] == [
        "minerecon: interrupted after 1 of 3 days; the same command goes on with",
        f"    {DAYS[1]}",
    ]
    assert not any("Traceback" in line or "Error" in line for line in terminal.lines)
    with psycopg2.connect(dagster_database) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT status, run_id FROM runs ORDER BY id DESC LIMIT 1")
        ((status, run_id),) = cursor.fetchall()
        cursor.execute(
            "SELECT count(*) FROM event_logs WHERE run_id = %s AND dagster_event_type = 'PIPELINE_FAILURE'", (run_id,)
        )
        assert (status, cursor.fetchall()) == ("CANCELED", [(0,)])
    with warehouse.connect() as connection:
        stored = connection.execute(text("SELECT summary_date FROM minerecon.daily_summaries")).scalars().all()
    assert stored == [DAYS[0]]
    elexon.faults = lambda path: None
    elexon.requests.clear()
    assert minerecon("reingest", str(DAYS[0]), str(DAYS[2])).code == 0
    assert not elexon.requests[stack_path("bid", DAYS[0], 1)], "what was done is not asked for again"


@pytest.mark.slow
def test_what_comes_later_of_the_days_is_told_as_it_comes_too_and_ctrl_c_says_that_the_days_are_done(
    environ: dict[str, str], elexon: FakeElexon
) -> None:
    held = threading.Event()

    def hold(path: str) -> Fault | None:
        return Fault(hang=held) if PN in path and str(DAYS[2]) in path else None

    elexon.faults = hold
    terminal = Terminal(environ, "reingest", str(DAYS[0]), str(DAYS[2]))
    terminal.read_until(f"{DAYS[1]}: also ")
    assert [line for line in terminal.lines if ": also " in line] == [
        f"{day}: also notifications (PN) and metered output (B1610) [{number} of 3]"
        for number, day in enumerate(DAYS[:2], 1)
    ]
    terminal.type(CTRL_C)
    terminal.read_until("interrupted: waiting")
    held.set()
    assert terminal.ended() == 130
    assert " ".join(" ".join(terminal.lines).split()).endswith(
        "minerecon: interrupted after all 3 days, before all that follows them (PN, B1610, sums of months and years) "
        "was done; the same command does the rest"
    )
    elexon.faults = lambda path: None
    again = Terminal(environ, "reingest", str(DAYS[0]), str(DAYS[2]))
    again.ended()
    assert [line for line in again.lines if ": also " in line] == [
        f"{DAYS[2]}: also notifications (PN) and metered output (B1610) [3 of 3]"
    ]


@pytest.mark.first_quick
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["spot-fix", "2025-02-20", "12", "T_NOSUCH-1"], "T_NOSUCH-1 is "),
        (["report", "2125-05"], "2125-05 has not begun"),
        (["register", "accept", "0" * 64], "no refused answer"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_slip_exits_2_and_leaves_no_failed_run_that_an_alert_would_tell_of(
    minerecon: Run, dagster_database: str, warehouse: Engine, arguments: list[str], says: str
) -> None:
    def failed() -> int:
        with psycopg2.connect(dagster_database) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM event_logs WHERE dagster_event_type = 'PIPELINE_FAILURE'")
            ((count,),) = cursor.fetchall()
        return int(count)

    before = failed()
    ran = minerecon(*arguments)
    assert ran.code == 2, ran.err
    assert says in ran.err
    assert failed() == before


def test_help_names_how_a_date_is_written_and_cuts_no_sentence(installed: Run) -> None:
    assert "..." not in installed("--help", COLUMNS="80").out.partition("Commands:")[2]
    assert "written YYYY-MM-DD" in " ".join(installed("reingest", "--help").out.split())
