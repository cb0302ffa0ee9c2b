"""The process that draws: a request a line comes in, an answer a line goes out; it ends when nobody can ask any more.

It is a process of its own because Vega's engine grows with what it draws, and a server or a run must not. It writes
nothing, reads no file and has no address to load data from.
"""

from __future__ import annotations

import base64
import os
import queue
import resource
import signal
import sys
import threading
from typing import Any, BinaryIO

import msgspec

from minerecon_dagster.charts.colours import Theme
from minerecon_dagster.charts.svg import page_ready

MARGIN = 24
"""Pixels around a PNG, which stands alone."""


class Request(msgspec.Struct):
    """What is to be drawn.

    Args:
        specification: with its data, as JSON.
        title, description, prefix: as `svg.page_ready` has them.
        theme: of the colours.
        scale: of a PNG, in its pixels per pixel of the picture; 0 for SVG.
        seconds: after which the process ends itself, whoever still waits.
    """

    specification: str
    title: str
    description: str
    prefix: str
    theme: Theme
    scale: float
    seconds: int


class Answer(msgspec.Struct):
    """What came of it: the picture (SVG, or PNG in base 64), or an error in words; and the process's megabytes now."""

    picture: str
    error: str
    resident_mb: float


def resident_mb() -> float:
    """Megabytes of memory that this process holds now; its peak, where /proc does not say."""
    try:
        with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123 - no Path in the loop's way
            return int(statm.read().split()[1]) * resource.getpagesize() / 1e6
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / 1e6 if sys.platform == "darwin" else peak / 1e3


def draw(request: Request) -> str:
    """The picture of a request.

    Raises:
        ValueError: Vega, or what makes its picture safe, refuses it.
    """
    import vl_convert

    drawn = vl_convert.vegalite_to_svg(request.specification, allowed_base_urls=[])
    margin = MARGIN if request.scale else 0
    ready = page_ready(drawn, request.prefix, request.title, request.description, request.theme, margin)
    if not request.scale:
        return ready
    return base64.b64encode(vl_convert.svg_to_png(ready, scale=request.scale)).decode("ascii")


def main(asked: BinaryIO, told: BinaryIO) -> None:
    """Answer until the other end is closed, also while something is drawn that nobody waits for any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever asks, and ends this process by its end
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def read() -> None:
        for line in asked:
            lines.put(line)
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    while True:
        request = msgspec.json.decode(lines.get(), type=Request)
        signal.alarm(request.seconds)
        try:
            answer: dict[str, Any] = {"picture": draw(request), "error": ""}
        except ValueError as error:  # what vl_convert raises of anything that it cannot draw
            answer = {"picture": "", "error": str(error)}
        signal.alarm(0)
        told.write(msgspec.json.encode(Answer(**answer, resident_mb=resident_mb())) + b"\n")
        told.flush()


if __name__ == "__main__":
    main(sys.stdin.buffer, sys.stdout.buffer)
