"""The moved clock of the processes that are looked at; the driver itself stays on the machine's."""

from __future__ import annotations

import datetime as dt
import mmap
import os
import struct
import subprocess
import time
from pathlib import Path
from zoneinfo import ZoneInfo

LONDON = ZoneInfo("Europe/London")
STEPCLOCK = Path(__file__).resolve().parents[3] / "shared" / "clock" / "stepclock.c"


class Clock:
    """Real time plus an offset that is set here and seen by every process started with `environ`.

    Args:
        folder: where the library and the file of the offset are made.
        start: what the clock shows at first.

    Raises:
        subprocess.CalledProcessError: the library cannot be compiled.
    """

    def __init__(self, folder: Path, start: dt.datetime) -> None:
        library, offset = folder / "stepclock.so", folder / "offset"
        subprocess.run(["gcc", "-shared", "-fPIC", "-O2", "-o", library, STEPCLOCK, "-ldl"], check=True)
        offset.write_bytes(bytes(8))
        with offset.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 8)
        self.environ = {"LD_PRELOAD": str(library), "STEPCLOCK": str(offset)}
        self._offset_s = 0
        self.move_to(start)

    def now(self) -> dt.datetime:
        """What the moved processes take for the time (UTC)."""
        return dt.datetime.fromtimestamp(time.time() + self._offset_s, dt.UTC)

    def move_to(self, instant: dt.datetime) -> None:
        """Let the clock show ``instant``, to the second.

        Raises:
            ValueError: that would move it back, which no machine's clock does by hours.
        """
        if self._offset_s and instant < self.now() - dt.timedelta(seconds=1):
            raise ValueError(f"the clock shows {self.now()}, and is not moved back to {instant}")
        self._offset_s = round(instant.timestamp() - time.time())
        self._map[:] = struct.pack("<q", self._offset_s)

    def move_by(self, seconds: int) -> None:
        """Move the clock forward."""
        self._offset_s += seconds
        self._map[:] = struct.pack("<q", self._offset_s)


def why_not() -> str | None:
    """Why the clock cannot be moved on this machine; None where it can."""
    if not STEPCLOCK.exists():
        return "needs ../shared/clock/stepclock.c beside the project"
    if not any(os.access(Path(folder) / "gcc", os.X_OK) for folder in os.get_exec_path()):
        return "needs gcc, to compile the clock"
    return None
