"""One request rate for all processes of a machine, kept in a small locked file.

The generic cell rate algorithm (GCRA, ITU-T I.371): the file holds the time at which the next request
would be due if all came evenly; a request may start ahead of that by at most the burst. Own code
because the libraries tried reached 88–91 % of a limit over several processes.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import stat
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from minerecon_dagster.core.errors import ConfigurationError

WINDOW_S = 60.5
"""The minute in which the limit holds, and half a second more: a request starts a little after its turn."""
BURST_SHARE = 0.02
"""What may start at once, as a share of a minute's requests; the contract allows two seconds' worth, 0.033."""
_NS = 1_000_000_000
_STATE = re.compile(rb"minerecon-rate-limit-1 (\S+) (\d{1,19}) (\d{1,19})\n")
# Not tempfile.gettempdir(): TMPDIR differs between users and services, and the limit is the machine's.
_SHARED_TEMP = Path("/tmp")  # noqa: S108


def default_state_file(base_url: str) -> Path:
    """The file that all processes and users of this machine share for the host of ``base_url``."""
    return _SHARED_TEMP / f"minerecon-rate-limit-{re.sub('[^A-Za-z0-9.-]', '_', urlsplit(base_url).netloc)}"


@dataclass(frozen=True, slots=True)
class Pace:
    """How far apart requests start, and how far ahead of that they may; nanoseconds.

    `burst` requests may start at once. Any `WINDOW_S` seconds then see at most
    ``burst + floor(WINDOW_S / interval)`` starts, which is the limit.
    """

    burst: int
    interval_ns: int

    @classmethod
    def of(cls, max_per_minute: int) -> Pace:
        """The fastest pace that never exceeds ``max_per_minute`` (at least 1)."""
        burst = max(1, int(max_per_minute * BURST_SHARE))
        # One more than limit - burst, since the interval is rounded up and the window then holds less than that.
        return cls(burst, int(WINDOW_S * _NS) // (max_per_minute - burst + 1) + 1)

    @property
    def ahead_ns(self) -> int:
        """How far ahead of its due time a request may start."""
        return (self.burst - 1) * self.interval_ns

    def reserve(self, due_ns: int, now_ns: int) -> tuple[int, int]:
        """When a request asked for at ``now_ns`` may start, and when the next is due after it."""
        start_ns = max(now_ns, due_ns - self.ahead_ns)
        return start_ns, max(due_ns, start_ns) + self.interval_ns


@dataclass(frozen=True, slots=True)
class _State:
    due_ns: int
    held_until_ns: int


class RateLimiter:
    """Holds request starts of every process that uses the same file to ``max_per_minute`` in any 60 s.

    Args:
        max_per_minute: 0 lifts the limit; then nothing waits and no file is touched.
        state_file: shared by the processes. It may be lost or damaged: the next request replaces it.
    """

    def __init__(self, max_per_minute: int, state_file: Path) -> None:
        self._pace = Pace.of(max_per_minute) if max_per_minute else None
        self._file = state_file

    def acquire(self, cancelled: threading.Event | None = None) -> float:
        """Wait until a request may start; the seconds waited. Returns at once when ``cancelled`` is set.

        Raises:
            ConfigurationError: the state file cannot be used.
        """
        if self._pace is None:
            return 0.0
        cancelled = cancelled or threading.Event()
        asked_ns = time.monotonic_ns()
        while True:
            start_ns = self._reserve(self._pace)
            wait_ns = start_ns - time.monotonic_ns()
            if wait_ns <= 0:
                break
            # A penalty given during the wait holds this request back too: it takes a new turn behind it.
            if cancelled.wait(wait_ns / _NS) or self._held_until_ns() <= start_ns:
                break
        return (time.monotonic_ns() - asked_ns) / _NS

    def penalise(self, seconds: float) -> None:
        """Let nobody start for ``seconds`` from now, and nobody in a burst after that.

        Raises:
            ConfigurationError: the state file cannot be used.
        """
        if self._pace is None:
            return
        with self._locked() as file:
            now_ns = time.monotonic_ns()
            state = self._read(file, now_ns)
            until_ns = now_ns + int(seconds * _NS)
            _write(file, _State(max(state.due_ns, until_ns + self._pace.ahead_ns), max(state.held_until_ns, until_ns)))

    def _reserve(self, pace: Pace) -> int:
        with self._locked() as file:
            now_ns = time.monotonic_ns()
            state = self._read(file, now_ns)
            start_ns, due_ns = pace.reserve(state.due_ns, now_ns)
            _write(file, _State(due_ns, state.held_until_ns))
        return start_ns

    def _held_until_ns(self) -> int:
        with self._locked() as file:
            return self._read(file, time.monotonic_ns()).held_until_ns

    def _read(self, file: int, now_ns: int) -> _State:
        content = os.pread(file, 4096, 0)
        match = _STATE.fullmatch(content)
        if match and match[1] == _boot_id():
            return _State(int(match[2]), int(match[3]))
        if match or not content:
            return _State(0, 0)
        # Damaged: nothing is known of the last minute, so at least nothing starts in a burst.
        return _State(now_ns + self._pace.ahead_ns if self._pace else 0, 0)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[int]:
        # Opened anew each time: the file may have been cleaned away, and a lock is per open file, so it
        # also holds between threads and after a fork. The kernel frees it when its holder dies.
        try:
            file = _open(self._file)
        except OSError as error:
            raise ConfigurationError(
                f"the request rate's state file {self._file} cannot be used: {error.strerror}; "
                "remove it, or make it a plain file that every user of this machine may write"
            ) from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file
        finally:
            os.close(file)


def _open(path: Path) -> int:
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
    while True:
        try:
            # Without O_CREAT: in a folder like /tmp Linux refuses it for another user's file (fs.protected_regular).
            file = os.open(path, flags)
        except FileNotFoundError:
            try:
                file = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o666)
            except FileExistsError:
                continue
            # The umask took the other users' right to write. Where it cannot be given back, they are told.
            with contextlib.suppress(PermissionError):
                os.fchmod(file, 0o666)
        found = os.fstat(file)
        if stat.S_ISREG(found.st_mode) and found.st_nlink <= 1:
            return file
        os.close(file)
        raise OSError(0, "it is not a plain file of its own")


def _write(file: int, state: _State) -> None:
    content = b"minerecon-rate-limit-1 %b %d %d\n" % (_boot_id(), state.due_ns, state.held_until_ns)
    os.pwrite(file, content, 0)
    os.ftruncate(file, len(content))


@cache
def _boot_id() -> bytes:
    """Names this run of the machine: the monotonic clock begins anew with the next."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_bytes().strip()
    except OSError:
        # No such file outside Linux: the time of the boot will do, coarse enough not to move with clock corrections.
        return b"booted-%d" % ((time.time() - time.monotonic()) // 600)
