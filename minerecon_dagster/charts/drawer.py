"""Pictures of charts, drawn by a worker process that is started when it is needed and replaced when it has grown."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import select
import subprocess
import sys
import threading
import time
import zlib
from collections import OrderedDict
from pathlib import Path
from types import TracebackType

import msgspec

from minerecon_dagster.charts.chart import Chart
from minerecon_dagster.charts.colours import Theme
from minerecon_dagster.charts.words import clean
from minerecon_dagster.charts.worker import Answer, Request
from minerecon_dagster.core.errors import MinereconError

WIDE, NARROW = 1120, 328
"""Widths in pixels of the two pictures of a chart: for a page of 1280, and for a telephone of 360."""
GROWN_MB = 320
"""A worker that holds more than this after a drawing is replaced."""
TIME_OUT_S = 20.0
"""A drawing that takes longer, its waiting for others included, is given up, and its worker ended."""
KEPT_MB = 4
"""Of pictures that were drawn, so much is kept, packed: asked again with the same data, they are not drawn again."""
_PACKING = 1
"""zlib's quickest level: a few milliseconds, where a drawing takes tens."""


class DrawingError(MinereconError):
    """A chart could not be drawn; the message says why. The next one can."""


class Drawer:
    """Draws charts, one at a time; for several threads, and closed by whoever made it.

    Args:
        grown_mb: above so many megabytes the worker is replaced.
        time_out_s: for one drawing with its waiting.
        kept_mb: of pictures that are kept; 0 keeps none.
    """

    def __init__(self, grown_mb: float = GROWN_MB, time_out_s: float = TIME_OUT_S, kept_mb: float = KEPT_MB) -> None:
        self.grown_mb, self.time_out_s, self._kept_bytes = grown_mb, time_out_s, kept_mb * 1e6
        self._turn = threading.Lock()
        self._worker: subprocess.Popen[bytes] | None = None
        self._kept: OrderedDict[bytes, bytes] = OrderedDict()
        self._kept_now = 0
        self._keeping = threading.Lock()
        self.drawings = 0
        """How many pictures were drawn, and not taken from those that are kept."""
        self.workers = 0
        """How many workers were started."""
        self.resident_mb = 0.0
        """Megabytes that the worker held after its last drawing."""

    def __enter__(self) -> Drawer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def worker_pid(self) -> int | None:
        """The process that draws; None while there is none."""
        return self._worker.pid if self._worker is not None else None

    def close(self) -> None:
        """End the worker; a later drawing starts another."""
        with self._turn:
            self._end()

    def warm_up(self) -> None:
        """Start the worker, so that the first drawing need not wait for it."""
        with self._turn:
            self._started()

    def svg(
        self, chart: Chart, width: int = WIDE, *, theme: Theme = "auto", titled: bool = True, prefix: str = ""
    ) -> str:
        """The chart as an SVG element with a name and a description, for a page or as a file of its own.

        Args:
            chart: what is drawn.
            width: pixels; it scales, but labels are legible at this one. Below 600 it is laid out for narrow screens.
            theme: ``auto`` takes the page's variables (`colours.css`), the others stand alone.
            titled: whether title, subtitle and source are in the picture; if not, the page says them.
            prefix: of its ids, unique on the page; made of the chart's name and the width if empty.

        Raises:
            DrawingError: it could not be drawn.
        """
        return self._picture(chart, width, theme, titled, prefix or f"{chart.name}-{width}", 0)

    def png(self, chart: Chart, width: int = WIDE, *, theme: Theme = "light", scale: float = 1) -> bytes:
        """The chart as a picture for link previews and the like; else as `svg`."""
        literal: Theme = "light" if theme == "auto" else theme
        return base64.b64decode(self._picture(chart, width, literal, True, chart.name, scale))

    def _picture(self, chart: Chart, width: int, theme: Theme, titled: bool, prefix: str, scale: float) -> str:
        request = Request(
            specification=msgspec.json.encode(chart.specification(width, titled=titled)).decode(),
            title=clean(chart.title),
            description=clean(chart.description),
            prefix=prefix,
            theme=theme,
            scale=scale,
            seconds=int(self.time_out_s) + 1,
        )
        asked = msgspec.json.encode(request)
        key = hashlib.sha256(asked).digest()
        with self._keeping:
            if (kept := self._kept.get(key)) is not None:
                self._kept.move_to_end(key)
        if kept is not None:
            return zlib.decompress(kept).decode()
        picture = self._drawn(asked)
        packed = zlib.compress(picture.encode(), _PACKING)
        with self._keeping:
            if key not in self._kept:
                self._kept[key] = packed
                self._kept_now += len(packed)
            while self._kept_now > self._kept_bytes:
                self._kept_now -= len(self._kept.popitem(last=False)[1])
        return picture

    def _drawn(self, asked: bytes) -> str:
        until = time.monotonic() + self.time_out_s
        if not self._turn.acquire(timeout=self.time_out_s):
            raise DrawingError(f"other drawings were before this one for {self.time_out_s:g} s")
        try:
            answer = self._answer(asked, until)
            self.resident_mb = answer.resident_mb
            if answer.resident_mb > self.grown_mb:
                self._end()
                self._started()  # it gets ready while nobody waits
        finally:
            self._turn.release()
        if answer.error:
            raise DrawingError(answer.error)
        self.drawings += 1
        return answer.picture

    def _answer(self, asked: bytes, until: float) -> Answer:
        worker, answer = self._started(), None
        try:
            answer = msgspec.json.decode(_exchange(worker, asked + b"\n", until), type=Answer)
        except TimeoutError:
            raise DrawingError(f"the drawing was not done within {self.time_out_s:g} s, and given up") from None
        except (OSError, EOFError, msgspec.DecodeError) as error:
            self._end()
            status = worker.returncode
            raise DrawingError(f"the process that draws ended in the midst of it (exit status {status})") from error
        finally:
            if answer is None:  # whatever it was, Ctrl-C too: its answer must not be taken for the next one's
                self._end()
        return answer

    def _started(self) -> subprocess.Popen[bytes]:
        if self._worker is not None and self._worker.poll() is not None:
            self._end()
        if self._worker is None:
            self._worker = subprocess.Popen(
                [sys.executable, "-m", "minerecon_dagster.charts.worker"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                env=plain_environ(), cwd=Path(__file__).parent,
            )  # fmt: skip
            assert self._worker.stdin is not None
            assert self._worker.stdout is not None
            os.set_blocking(self._worker.stdin.fileno(), False)
            os.set_blocking(self._worker.stdout.fileno(), False)
            self.workers += 1
        return self._worker

    def _end(self) -> None:
        if self._worker is not None:
            self._worker.kill()
            self._worker.wait()
            for pipe in (self._worker.stdin, self._worker.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):  # what was still to be written is for nobody
                        pipe.close()
            self._worker = None


_PLAIN = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "TZ": "UTC", "PYTHONNOUSERSITE": "1"}


def plain_environ() -> dict[str, str]:
    """The environment of a process that works on what others named: it finds the package, and no secret of ours."""
    return {**_PLAIN, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}


def _exchange(worker: subprocess.Popen[bytes], asked: bytes, until: float) -> bytes:
    """The line that answers a line, both ways without waiting longer than ``until``."""
    assert worker.stdin is not None
    assert worker.stdout is not None
    inward, outward = worker.stdin.fileno(), worker.stdout.fileno()
    rest, got = memoryview(asked), bytearray()
    while not got.endswith(b"\n"):
        left = until - time.monotonic()
        readable, writable, _ = select.select([outward], [inward] if rest else [], [], max(left, 0))
        if not readable and not writable:
            raise TimeoutError
        if readable:
            part = os.read(outward, 1 << 20)
            if not part:
                raise EOFError
            got += part
        if writable:
            rest = rest[os.write(inward, rest[: 1 << 16]) :]
    return bytes(got)
