"""The request rate: what the arithmetic promises, and what real processes and a real file make of it."""

import os
import subprocess
import sys
import threading
import time
from bisect import bisect_right
from itertools import accumulate, chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minerecon_dagster.core.errors import ConfigurationError
from minerecon_dagster.http import rate_limit
from minerecon_dagster.http.rate_limit import Pace, RateLimiter, default_state_file

SECOND = 1_000_000_000


def most_within(starts, window):
    """The largest number of ``starts`` (ascending) in any closed window of that length."""
    return max(bisect_right(starts, first + window) - index for index, first in enumerate(starts))


def starts_at(pace, asked):
    due, starts = 0, []
    for now in asked:
        start, due = pace.reserve(due, now)
        starts.append(start)
    return starts


@given(limit=st.integers(1, 600), gaps=st.lists(st.integers(0, 5 * SECOND), max_size=900))
def test_no_minute_ever_sees_more_starts_than_the_limit(limit, gaps):
    asked = list(accumulate(gaps, initial=7 * SECOND))
    assert most_within(sorted(starts_at(Pace.of(limit), asked)), 60 * SECOND) <= limit


@pytest.mark.parametrize("limit", [1, 2, 7, 60, 1200, 4500, 100_000])
def test_a_client_that_always_asks_gets_nearly_all_of_the_limit_and_no_more(limit):
    starts = starts_at(Pace.of(limit), [0] * (limit * 3))
    assert most_within(starts, 60 * SECOND) <= limit
    assert most_within(starts, SECOND // 1000) <= max(1, limit / 30)
    per_minute = (len(starts) - 1) / (starts[-1] - starts[0]) * 60 * SECOND
    assert per_minute >= 0.97 * limit


def test_a_pause_allows_one_burst_and_not_more():
    pace = Pace.of(1200)
    starts = starts_at(pace, [0] * 100 + [3600 * SECOND] * 100)
    assert starts.count(0) == starts.count(3600 * SECOND) == pace.burst


WORKER = """
import sys, threading, time
from pathlib import Path
from minerecon_dagster.http.rate_limit import RateLimiter
limiter, until, starts = RateLimiter(int(sys.argv[2]), Path(sys.argv[1])), time.monotonic() + float(sys.argv[3]), []
def ask():
    while time.monotonic() < until:
        limiter.acquire()
        starts.append(time.monotonic_ns())
threads = [threading.Thread(target=ask) for _ in range(4)]
[t.start() for t in threads]
[t.join() for t in threads]
print(*starts)
"""


def test_three_processes_of_four_threads_share_one_limit(tmp_path):
    limit, seconds = 6000, 2.0
    command = [sys.executable, "-c", WORKER, str(tmp_path / "state"), str(limit), str(seconds)]
    workers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    by_worker = [[int(n) for n in worker.communicate(timeout=60)[0].split()] for worker in workers]
    starts = sorted(chain.from_iterable(by_worker))
    pace = Pace.of(limit)
    jitter = SECOND // 4
    for window in (SECOND // 10, SECOND // 2, SECOND):
        assert most_within(starts, window) <= pace.burst + (window + jitter) // pace.interval_ns + 1
    assert all(by_worker)
    # The reservations of a pace come evenly after the burst, however the threads are scheduled.
    per_second = (len(starts) - pace.burst) / (starts[-1] - starts[0]) * SECOND
    assert per_second >= 0.93 * limit / 60


def test_no_limit_waits_for_nothing_and_touches_no_file(tmp_path):
    limiter = RateLimiter(0, tmp_path / "missing" / "state")
    limiter.penalise(100)
    assert [limiter.acquire() for _ in range(1000)] == [0.0] * 1000


def test_a_penalty_holds_everybody_back_also_who_waits_already(tmp_path):
    state, ended = tmp_path / "state", []
    RateLimiter(300, state).penalise(0.15)
    waiting = [
        threading.Thread(target=lambda: ended.append((RateLimiter(300, state).acquire(), time.monotonic())))
        for _ in range(2)
    ]
    began = time.monotonic()
    for thread in waiting:
        thread.start()
    RateLimiter(300, state).penalise(0.5)
    for thread in waiting:
        thread.join()
    waits = sorted(at - began for _, at in ended)
    assert waits[0] >= 0.5
    assert waits[1] - waits[0] >= 0.15, "no burst after a penalty"
    assert all(waited > 0.4 for waited, _ in ended)


def test_a_cancelled_wait_ends_at_once(tmp_path):
    limiter, cancelled = RateLimiter(1, tmp_path / "state"), threading.Event()
    limiter.acquire()
    thread = threading.Thread(target=limiter.acquire, args=(cancelled,))
    thread.start()
    cancelled.set()
    thread.join(timeout=5)
    assert not thread.is_alive()


def test_what_was_written_before_a_reboot_counts_no_more(tmp_path):
    state = tmp_path / "state"
    limiter = RateLimiter(60, state)
    limiter.penalise(3600)
    name, _boot, *rest = state.read_text().split(" ")
    state.write_text(" ".join([name, "another-boot", *rest]))
    assert limiter.acquire() < 0.5


@pytest.mark.parametrize(
    "content", [b"\0" * 40, b"minerecon-rate-limit-1 torn", b"x" * 5000, b"minerecon-rate-limit-1 a 9 "]
)
def test_a_damaged_file_is_replaced_and_allows_no_burst(tmp_path, content):
    state = tmp_path / "state"
    state.write_bytes(content)
    limiter = RateLimiter(3000, state)
    assert limiter.acquire() < 0.5
    assert state.read_bytes().startswith(b"minerecon-rate-limit-1 ")
    assert limiter.acquire() > 0.01


def test_a_holder_that_was_killed_blocks_nobody(tmp_path):
    state = tmp_path / "state"
    hold = (
        "import fcntl, sys, time; f = open(sys.argv[1], 'w'); fcntl.flock(f, fcntl.LOCK_EX);"
        "print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", hold, str(state)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "held\n"
    waiting = threading.Thread(target=RateLimiter(60, state).acquire)
    waiting.start()
    waiting.join(timeout=0.1)
    assert waiting.is_alive()
    holder.kill()
    holder.communicate()
    waiting.join(timeout=5)
    assert not waiting.is_alive()


def test_the_file_is_for_every_user_whatever_the_umask(tmp_path):
    before = os.umask(0o077)
    try:
        RateLimiter(60, tmp_path / "state").acquire()
    finally:
        os.umask(before)
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o666


@pytest.mark.parametrize("trap", ["symlink", "hardlink", "folder", "no folder"])
def test_a_file_that_is_not_its_own_is_refused_and_left_alone(tmp_path, trap):
    state, other = tmp_path / "state", tmp_path / "other"
    other.write_text("precious")
    if trap == "symlink":
        state.symlink_to(other)
    elif trap == "hardlink":
        state.hardlink_to(other)
    elif trap == "folder":
        state.mkdir()
    else:
        state = tmp_path / "missing" / "state"
    with pytest.raises(ConfigurationError, match=f"state file {state} cannot be used: "):
        RateLimiter(60, state).acquire()
    assert other.read_text() == "precious"


def test_each_host_has_one_file_on_a_machine(monkeypatch):
    monkeypatch.setenv("TMPDIR", "/elsewhere")
    paths = {
        default_state_file(f"https://{host}/bmrs") for host in ("data.elexon.co.uk", "data.elexon.co.uk", "[::1]:8/..")
    }
    assert len(paths) == 2
    assert {path.parent for path in paths} == {rate_limit._SHARED_TEMP}
