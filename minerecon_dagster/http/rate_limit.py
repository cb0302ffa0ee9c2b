"""One request rate for all who ask a source, on all hosts: turns are given out by one place that they share.

The generic cell rate algorithm (GCRA, ITU-T I.371): the place keeps the time at which the next request would be due if
all came evenly; a request may start ahead of that by at most the burst. Here is the arithmetic, and how a process asks:
as seldom as it can, several turns at once. The place itself is `warehouse.turns`. Own code because the libraries tried
reached 88–91 % of a limit over several processes.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Protocol

WINDOW_S = 60.5
"""The minute in which the limit holds, and half a second more: a request starts a little after its turn."""
BURST_SHARE = 0.01
"""What may start at once, as a share of a minute's requests; the contract allows two seconds' worth, 0.033."""
LATEST_S = 0.4
"""How long after its turn a request may still start; the rest of the half second is for the network."""
AHEAD_S = 0.25
"""A process takes as many turns at once as it has used in so long, while it has questions for them."""
LOOK_AFTER_S = 1.0
"""After a longer wait it is looked whether the source has asked for patience meanwhile."""
GIVE_UP_AFTER_S = 60.0
"""How long to try to have a turn while the place does not answer."""
_TRY_AGAIN_S = 1.0
_ONCE_FOR_ALL_S = 5.0
"""For so long after one thread has given up, the others do not try for as long themselves."""
_US = 1_000_000


class TurnsUnavailableError(Exception):
    """The place that gives out the turns does not answer; ``str()`` is one line."""


class Turns(Protocol):
    """A place that gives out turns. Durations are in whole microseconds, and begin when the answer is there.

    All methods raise `TurnsUnavailableError`.
    """

    def take(self, count: int, interval_us: int, ahead_us: int) -> int:
        """Take ``count`` turns, ``interval_us`` apart; how long to wait for the first."""

    def hold(self, hold_us: int, ahead_us: int) -> None:
        """Let nobody start for so long from now, and nobody in a burst after that."""

    def held_us(self) -> int:
        """How long nobody may start from now on; 0 where that was not asked for."""

    def close(self) -> None:
        """End the connection."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How far apart requests start, and how far ahead of that they may; microseconds.

    `burst` requests may start at once. Any `WINDOW_S` seconds then see at most
    ``burst + floor(WINDOW_S / interval)`` starts, which is the limit.
    """

    burst: int
    interval_us: int

    @classmethod
    def of(cls, max_per_minute: int) -> Pace:
        """The fastest pace that never exceeds ``max_per_minute`` (at least 1)."""
        burst = max(1, int(max_per_minute * BURST_SHARE))
        # One more than limit - burst, since the interval is rounded up and the window then holds less than that.
        return cls(burst, int(WINDOW_S * _US) // (max_per_minute - burst + 1) + 1)

    @property
    def ahead_us(self) -> int:
        """How far ahead of its due time a request may start."""
        return (self.burst - 1) * self.interval_us

    def reserve(self, due_us: int, now_us: int, count: int = 1) -> tuple[int, int]:
        """When the first of ``count`` requests may start that are asked for at ``now_us``, and when the next is due.

        The others of them start an interval apart: no earlier than each by itself might, and no later than it is due.
        """
        start_us = max(now_us, due_us - self.ahead_us)
        return start_us, max(due_us, start_us) + count * self.interval_us


@dataclass(frozen=True, slots=True)
class _Turn:
    """When a request may start, and until when it must have; by the monotonic clock of this process."""

    starts_at: float
    lapses_at: float
    penalties: int


class RateLimiter:
    """Holds request starts of all that share ``turns`` to ``max_per_minute`` in any 60 s.

    Threads that wait together take their turns together, and some more for the questions that are known to follow: a
    turn that nobody is there for in time is not used.

    Args:
        max_per_minute: 0 lifts the limit; then nothing waits and nobody is asked.
        turns: who gives out the turns; not needed without a limit.
    """

    def __init__(self, max_per_minute: int, turns: Turns | None = None) -> None:
        self._pace = Pace.of(max_per_minute) if max_per_minute else None
        self._turns = turns
        self._taking = threading.Lock()
        self._counting = threading.Lock()
        self._waiting = 0
        self._ready: deque[_Turn] = deque()
        self._used: deque[float] = deque(maxlen=self._pace.burst if self._pace else 1)
        self._penalties = 0
        self._gave_up: tuple[float, TurnsUnavailableError] | None = None

    def acquire(self, cancelled: threading.Event | None = None, wanted: int = 1) -> float:
        """Wait until a request may start; the seconds waited. Returns at once when ``cancelled`` is set.

        Args:
            cancelled: ends the wait.
            wanted: how many requests are to be made by this process, this one included, as far as is known.

        Raises:
            TurnsUnavailableError: no turn could be had in `GIVE_UP_AFTER_S`.
        """
        if self._pace is None or self._turns is None:
            return 0.0
        cancelled = cancelled or threading.Event()
        asked = time.monotonic()
        while (turn := self._next(self._pace, self._turns, cancelled, wanted)) is not None:
            wait_s = turn.starts_at - time.monotonic()
            if wait_s > 0 and cancelled.wait(wait_s):
                break
            # A penalty given during the wait holds this request back too: it takes a new turn behind it.
            if wait_s > LOOK_AFTER_S and _is_held(self._turns):
                continue
            if self._is_good(turn):
                self._used.append(time.monotonic())
                break
        return time.monotonic() - asked

    def penalise(self, seconds: float) -> None:
        """Let nobody start for ``seconds`` from now, and nobody in a burst after that.

        Raises:
            TurnsUnavailableError: the others could not be told.
        """
        if self._pace is None or self._turns is None:
            return
        self._penalties += 1
        self._turns.hold(int(seconds * _US), self._pace.ahead_us)

    def close(self) -> None:
        """End the connection to the place that gives out the turns."""
        if self._turns is not None and self._pace is not None:
            self._turns.close()

    def _next(self, pace: Pace, turns: Turns, cancelled: threading.Event, wanted: int) -> _Turn | None:
        """A turn; None when ``cancelled`` is set."""
        self._count(1)
        try:
            with self._taking:
                while self._ready:
                    if self._is_good(turn := self._ready.popleft()):
                        return turn
                return self._take(pace, turns, cancelled, wanted)
        finally:
            self._count(-1)

    def _count(self, more: int) -> None:
        with self._counting:
            self._waiting += more

    def _is_good(self, turn: _Turn) -> bool:
        return time.monotonic() <= turn.lapses_at and turn.penalties == self._penalties

    def _take(self, pace: Pace, turns: Turns, cancelled: threading.Event, wanted: int) -> _Turn | None:
        begun = time.monotonic()
        if self._gave_up is not None and begun - self._gave_up[0] < _ONCE_FOR_ALL_S:
            raise self._gave_up[1]
        problem = TurnsUnavailableError(f"it answers later than after {LATEST_S:g} s")
        while not cancelled.is_set():
            of_late = sum(at > time.monotonic() - AHEAD_S for at in tuple(self._used))
            count = max(self._waiting, min(wanted, of_late))
            penalties, sent = self._penalties, time.monotonic()
            try:
                wait_us = turns.take(count, pace.interval_us, pace.ahead_us)
            except TurnsUnavailableError as error:
                problem = error
                cancelled.wait(_TRY_AGAIN_S)
            else:
                came = time.monotonic()
                # The turn is of some time between question and answer: what took too long is no turn any more.
                if came - sent <= LATEST_S:
                    offsets = [(wait_us + n * pace.interval_us) / _US for n in range(count)]
                    first, *more = (_Turn(came + s, sent + s + LATEST_S, penalties) for s in offsets)
                    self._ready.extend(more)
                    return first
            if time.monotonic() - begun >= GIVE_UP_AFTER_S:
                self._gave_up = time.monotonic(), problem
                raise problem
        return None


def _is_held(turns: Turns) -> bool:
    """Whether the source has asked for patience; who cannot find out keeps the turn that he has."""
    try:
        return turns.held_us() > 0
    except TurnsUnavailableError:
        return False
