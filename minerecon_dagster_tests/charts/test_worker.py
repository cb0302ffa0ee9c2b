"""The process that draws: replaced when it has grown, missed by nobody when it dies, and never left behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import msgspec
import psutil
import pytest

from minerecon_dagster import charts
from minerecon_dagster.charts import Chart, Drawer, DrawingError
from minerecon_dagster.charts.worker import Request
from minerecon_dagster_tests.charts.examples import examples

ENDS_WITHIN_S = 20


@pytest.fixture(scope="module")
def chart() -> Chart:
    return next(c for c in examples() if c.name == "energy-days")


@pytest.fixture
def drawer() -> Iterator[Drawer]:
    with Drawer(kept_mb=0) as made:
        yield made


def pid_of(drawer: Drawer) -> int:
    pid = drawer.worker_pid
    assert pid is not None
    return pid


def ended(pid: int) -> bool:
    """Whether a process has ended, or does before long."""
    try:
        psutil.Process(pid).wait(ENDS_WITHIN_S)
    except psutil.NoSuchProcess:
        return True
    except psutil.TimeoutExpired:
        return False
    return True


def test_nothing_is_started_before_something_is_drawn_and_nothing_is_left_when_it_is_closed(
    drawer: Drawer, chart: Chart
) -> None:
    assert drawer.worker_pid is None
    drawer.svg(chart)
    pid = pid_of(drawer)
    drawer.svg(chart, charts.NARROW)
    assert (pid_of(drawer), drawer.workers, drawer.drawings) == (pid, 1, 2)
    drawer.close()
    assert ended(pid)


@pytest.mark.slow
def test_a_worker_that_has_grown_is_replaced_and_the_next_one_draws_the_same(drawer: Drawer, chart: Chart) -> None:
    first = drawer.svg(chart)
    old = pid_of(drawer)
    drawer.grown_mb = drawer.resident_mb / 2
    assert drawer.svg(chart) == first
    assert ended(old)
    assert pid_of(drawer) != old
    drawer.grown_mb = 10 * drawer.resident_mb
    assert drawer.svg(chart) == first
    assert drawer.workers == 2


@pytest.mark.slow
def test_a_worker_that_died_in_between_is_missed_by_nobody(drawer: Drawer, chart: Chart) -> None:
    first = drawer.svg(chart)
    pid = pid_of(drawer)
    os.kill(pid, signal.SIGKILL)
    assert ended(pid)
    assert drawer.svg(chart) == first
    assert drawer.workers == 2


@pytest.mark.slow
def test_a_worker_that_is_killed_in_the_midst_of_it_is_an_error_in_words_and_the_next_drawing_works(
    drawer: Drawer, chart: Chart, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = drawer.svg(chart)
    pid = pid_of(drawer)
    os.kill(pid, signal.SIGSTOP)  # so that it is in the midst of it for certain
    asked, errors, write = threading.Event(), list[str](), os.write

    def written(to: int, what: bytes) -> int:
        count = write(to, what)
        asked.set()
        return count

    def ask() -> None:
        try:
            drawer.svg(chart)
        except DrawingError as error:
            errors.append(str(error))

    asking = threading.Thread(target=ask)
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", written)
        asking.start()
        assert asked.wait(ENDS_WITHIN_S)
    os.kill(pid, signal.SIGKILL)
    asking.join(ENDS_WITHIN_S)
    assert errors == ["the process that draws ended in the midst of it (exit status -9)"]
    assert drawer.svg(chart) == first


@pytest.mark.slow
def test_the_other_end_closed_before_an_answer_is_that_error(
    drawer: Drawer, chart: Chart, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/true")
    with pytest.raises(DrawingError, match=r"^the process that draws ended in the midst of it \(exit status 0\)$"):
        drawer.svg(chart)
    monkeypatch.undo()
    assert drawer.svg(chart).startswith("<svg")


@pytest.mark.slow
def test_a_drawing_that_takes_too_long_is_given_up_and_its_worker_ended(drawer: Drawer, chart: Chart) -> None:
    first = drawer.svg(chart)
    pid = pid_of(drawer)
    os.kill(pid, signal.SIGSTOP)
    drawer.time_out_s = 0.2
    with pytest.raises(DrawingError, match=r"^the drawing was not done within 0\.2 s, and given up$"):
        drawer.svg(chart)
    assert ended(pid)
    drawer.time_out_s = 20
    assert drawer.svg(chart) == first


@pytest.mark.slow
def test_the_answer_to_a_drawing_that_was_broken_off_is_not_taken_for_the_next_ones(
    drawer: Drawer, chart: Chart, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = next(c for c in examples() if c.name == "sizing")
    expected = drawer.svg(other)

    def ctrl_c(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(os, "read", ctrl_c)
        drawer.svg(chart)
    assert drawer.svg(other) == expected


@pytest.mark.slow
def test_who_waits_too_long_for_others_is_told_so_and_ends_nobodys_worker(drawer: Drawer, chart: Chart) -> None:
    drawer.svg(chart)
    pid = pid_of(drawer)
    drawer.time_out_s = 0.1
    with drawer._turn, pytest.raises(DrawingError, match=r"^other drawings were before this one for 0\.1 s$"):
        drawer.svg(chart)
    assert pid_of(drawer) == pid


def test_a_specification_that_cannot_be_drawn_is_an_error_in_words_and_the_worker_goes_on(
    drawer: Drawer, chart: Chart
) -> None:
    drawer.svg(chart)
    pid = pid_of(drawer)
    with pytest.raises(DrawingError, match="an id cannot be"):
        drawer.svg(chart, prefix='x" onload="y')
    assert drawer.svg(chart, prefix="x").startswith("<svg")
    assert pid_of(drawer) == pid


@pytest.mark.slow
def test_no_worker_outlives_a_parent_that_was_killed() -> None:
    code = (
        "import sys\n"
        "from minerecon_dagster.charts import Drawer\n"
        "drawer = Drawer()\n"
        "drawer.warm_up()\n"
        "print(drawer.worker_pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        assert psutil.pid_exists(worker)
        parent.kill()
    assert ended(worker)


@pytest.mark.slow
def test_a_worker_that_is_stuck_ends_itself_though_nobody_is_there_to_end_it() -> None:
    code = (
        "import signal, sys\n"
        "from minerecon_dagster.charts import worker\n"
        "worker.draw = lambda request: signal.pause()\n"
        "worker.main(sys.stdin.buffer, sys.stdout.buffer)\n"
    )
    asked = msgspec.json.encode(Request("{}", "", "", "x", "light", 0, 1)) + b"\n"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as stuck:
        assert stuck.stdin is not None
        stuck.stdin.write(asked)
        stuck.stdin.flush()
        assert stuck.wait(ENDS_WITHIN_S) == -signal.SIGALRM


@pytest.mark.slow
def test_who_asks_never_loads_what_draws() -> None:
    code = (
        "import sys\n"
        "from minerecon_dagster_tests.charts.examples import charts, examples\n"
        "with charts.Drawer() as drawer:\n"
        "    drawer.svg(examples()[0])\n"
        "loaded = {module.partition('.')[0] for module in sys.modules}\n"
        "print(sorted(loaded & {'vl_convert', 'altair', 'dagster', 'sqlalchemy'}))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.slow
def test_a_picture_that_was_drawn_is_kept_and_no_more_of_them_than_there_is_room_for(chart: Chart) -> None:
    with Drawer() as drawer:
        first = drawer.svg(chart)
        assert drawer.svg(chart) == first
        assert drawer.drawings == 1
        drawer._kept_bytes = drawer._kept_now * 1.5
        drawer.svg(chart, theme="dark")
        assert len(drawer._kept) == 1
        drawer.svg(chart)
        assert drawer.drawings == 3


def test_the_worker_has_no_secret_of_its_parents(drawer: Drawer, chart: Chart, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://owner:secret@nowhere/x")
    drawer.svg(chart)
    environment = psutil.Process(pid_of(drawer)).environ()
    assert not re.search("secret|DATABASE", str(environment))


@pytest.mark.slow
def test_threads_that_draw_at_once_each_get_their_own_picture(drawer: Drawer) -> None:
    asked = [c for c in examples() if c.name in ("energy-days", "money-days", "farms", "sizing")] * 2
    got: dict[int, str] = {}

    def ask(number: int) -> None:
        got[number] = drawer.svg(asked[number])

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(len(asked))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [f'id="{c.name}-1120-title"' in got[n] for n, c in enumerate(asked)] == [True] * len(asked)
    assert drawer.workers == 1
