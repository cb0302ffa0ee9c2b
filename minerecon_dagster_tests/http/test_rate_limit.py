"""The request rate: what the arithmetic promises, and how seldom a process asks for its turns.

That the turns are given out right over processes and hosts: ``warehouse/test_turns.py``.
"""

import threading
import time
from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minerecon_dagster.http import rate_limit
from minerecon_dagster.http.rate_limit import Pace, RateLimiter, TurnsUnavailableError

SECOND = 1_000_000


def most_within(starts: list[int], window: int) -> int:
    """The largest number of ``starts`` (ascending) in any closed window of that length."""
    return max(bisect_right(starts, first + window) - index for index, first in enumerate(starts))


def starts_at(pace: Pace, asked: list[int], counts: list[int] | None = None) -> list[int]:
    due, starts = 0, []
    for number, now in enumerate(asked):
        count = counts[number % len(counts)] if counts else 1
        start, due = pace.reserve(due, now, count)
        starts += [start + n * pace.interval_us for n in range(count)]
    return starts


@given(
    limit=st.integers(1, 600),
    gaps=st.lists(st.integers(0, 5 * SECOND), max_size=500),
    counts=st.lists(st.integers(1, 12), min_size=1, max_size=9),
)
def test_no_minute_ever_sees_more_starts_than_the_limit_however_many_turns_are_taken_at_once(limit, gaps, counts):
    asked = list(accumulate(gaps, initial=7 * SECOND))
    assert most_within(sorted(starts_at(Pace.of(limit), asked, counts)), 60 * SECOND) <= limit


@pytest.mark.parametrize("limit", [1, 2, 7, 60, 1200, 4500, 100_000])
def test_a_client_that_always_asks_gets_nearly_all_of_the_limit_and_no_more(limit):
    starts = starts_at(Pace.of(limit), [0] * (limit * 3))
    assert most_within(starts, 60 * SECOND) <= limit
    assert most_within(starts, SECOND // 1000) <= max(1, limit / 60)
    per_minute = (len(starts) - 1) / (starts[-1] - starts[0]) * 60 * SECOND
    assert per_minute >= (0.98 if limit >= 100 else 0.97) * limit


def test_a_pause_allows_one_burst_and_not_more():
    pace = Pace.of(1200)
    starts = starts_at(pace, [0] * 100 + [3600 * SECOND] * 100)
    assert starts.count(0) == starts.count(3600 * SECOND) == pace.burst


class Place:
    """Gives out turns in this process; what it is asked is counted, and how long it takes can be set."""

    def __init__(self, fails: Callable[[], bool] = lambda: False) -> None:
        self.taken: list[int] = []
        self.due_us = self.held_until_us = 0
        self.fails = fails
        self.takes_s = 0.0
        self.pace = Pace.of(1200)
        self._lock = threading.Lock()

    def take(self, count: int, interval_us: int, ahead_us: int) -> int:
        with self._lock:
            if self.fails():
                raise TurnsUnavailableError("it is down")
            assert (interval_us, ahead_us) == (self.pace.interval_us, self.pace.ahead_us)
            self.taken.append(count)
            now = time.monotonic_ns() // 1000
            start, self.due_us = self.pace.reserve(self.due_us, now, count)
        if self.takes_s:
            threading.Event().wait(self.takes_s)
        return start - now

    def hold(self, hold_us: int, ahead_us: int) -> None:
        self.held_until_us = time.monotonic_ns() // 1000 + hold_us
        self.due_us = max(self.due_us, self.held_until_us + ahead_us)

    def held_us(self) -> int:
        return max(0, self.held_until_us - time.monotonic_ns() // 1000)

    def close(self) -> None:
        pass


def ask(limiter: RateLimiter, requests: int, threads: int = 8) -> list[float]:
    """Let threads take turns for so many requests, and say when each began."""
    todo, began, lock = list(range(requests)), [], threading.Lock()

    def work() -> None:
        while True:
            with lock:
                if not todo:
                    return
                todo.pop()
                wanted = len(todo) + 1
            limiter.acquire(wanted=wanted)
            began.append(time.monotonic())

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sorted(began)


@pytest.mark.slow
def test_a_process_that_is_held_back_asks_once_for_several_requests_and_wastes_no_turn():
    place = Place()
    began = ask(RateLimiter(1200, place), 48)
    assert len(place.taken) <= 48 / 2
    assert 48 <= sum(place.taken) <= 48 + 4, "turns that nobody was there for"
    pace = place.pace
    assert began[-1] - began[0] >= (48 - pace.burst - 4) * pace.interval_us / SECOND


def test_no_limit_waits_for_nothing_and_asks_nobody():
    place = Place()
    limiter = RateLimiter(0, place)
    limiter.penalise(100)
    assert [limiter.acquire() for _ in range(1000)] == [0.0] * 1000
    assert place.taken == []
    assert place.held_until_us == 0


def test_a_penalty_holds_everybody_back_also_who_waits_already_and_allows_no_burst():
    place = Place()
    limiter, ended = RateLimiter(1200, place), []
    ask(limiter, place.pace.burst + 2)
    waiting = [threading.Thread(target=lambda: ended.append((limiter.acquire(), time.monotonic()))) for _ in range(3)]
    began = time.monotonic()
    limiter.penalise(0.4)
    for thread in waiting:
        thread.start()
    limiter.penalise(0.5)
    for thread in waiting:
        thread.join()
    ends = sorted(at - began for _, at in ended)
    assert ends[0] >= 0.5
    assert ends[2] - ends[0] >= 1.8 * place.pace.interval_us / SECOND, "no burst after a penalty"


def test_a_penalty_of_another_host_is_seen_after_a_long_wait(monkeypatch):
    monkeypatch.setattr(rate_limit, "LOOK_AFTER_S", 0.05)
    place = Place()
    limiter = RateLimiter(1200, place)
    place.due_us = time.monotonic_ns() // 1000 + place.pace.ahead_us + 200_000
    penalty = threading.Timer(0.05, place.hold, (400_000, place.pace.ahead_us))
    penalty.start()
    assert limiter.acquire() >= 0.4
    assert len(place.taken) == 2


def test_a_cancelled_wait_ends_at_once():
    place, cancelled = Place(), threading.Event()
    place.due_us = time.monotonic_ns() // 1000 + 600 * SECOND
    thread = threading.Thread(target=RateLimiter(1200, place).acquire, args=(cancelled,))
    thread.start()
    cancelled.set()
    thread.join(timeout=5)
    assert not thread.is_alive()


def test_a_turn_whose_answer_took_too_long_is_not_used(monkeypatch):
    monkeypatch.setattr(rate_limit, "LATEST_S", 0.05)
    place = Place()
    place.takes_s = 0.1
    slow = threading.Timer(0.25, setattr, (place, "takes_s", 0.0))
    slow.start()
    RateLimiter(1200, place).acquire()
    assert len(place.taken) >= 3


def test_while_nobody_gives_out_turns_nobody_starts_and_after_a_minute_it_is_an_error(monkeypatch):
    monkeypatch.setattr(rate_limit, "GIVE_UP_AFTER_S", 0.2)
    monkeypatch.setattr(rate_limit, "_TRY_AGAIN_S", 0.02)
    down = threading.Event()
    down.set()
    place = Place(down.is_set)
    limiter, errors = RateLimiter(1200, place), []

    def wait() -> None:
        try:
            limiter.acquire()
        except TurnsUnavailableError as error:
            errors.append(str(error))

    threads = [threading.Thread(target=wait) for _ in range(4)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == ["it is down"] * 4
    assert time.monotonic() - began < 4 * 0.2, "they gave up together"
    down.clear()
    monkeypatch.setattr(rate_limit, "_ONCE_FOR_ALL_S", 0.0)
    assert limiter.acquire() < 0.2
