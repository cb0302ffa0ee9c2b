"""Answers of PN and B1610 as a test wants them: the fake's own, changed on the way."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from minerecon_dagster.sample.server import API_PATH, reply_to
from minerecon_dagster_tests.fake_elexon import FakeElexon, Fault

Rows = list[dict[str, Any]]
PN, METERED = "/datasets/PN/stream", "/datasets/B1610/stream"


def rows_of(elexon: FakeElexon, path: str) -> Rows:
    """What the fake answers to a path."""
    rows: Rows = json.loads(reply_to(elexon.world, API_PATH + path).body)
    return rows


def spoil(elexon: FakeElexon, of: str, change: Callable[[Rows], Rows]) -> None:
    """Let ``change`` have the rows of every answer of a path before the client does."""

    def fault(path: str) -> Fault | None:
        return Fault(200, json.dumps(change(rows_of(elexon, path))).encode()) if path.startswith(of) else None

    elexon.faults = fault


def asked(elexon: FakeElexon, of: str) -> list[str]:
    """The paths below ``of`` that were asked for, one for each time."""
    return [path for path in elexon.requests.elements() if path.startswith(of)]
