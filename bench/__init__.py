"""Benchmarks and measuring tools: docs/build/measuring.md. `make bench` prints one JSON object a line."""

from __future__ import annotations

import os
import signal

from bench.older import stand_in

stand_in()

_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV")


def bare_environ() -> dict[str, str]:
    """The environment without any setting or credential of what is around: nothing of it may reach what is measured."""
    return {name: value for name, value in os.environ.items() if name in _KEPT}


def end_in_order() -> None:
    """Let SIGTERM end this process as Ctrl-C does: what it started is stopped."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
