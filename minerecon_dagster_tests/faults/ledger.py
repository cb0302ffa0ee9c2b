"""The ledger of the faults that were put in, and what became of each; the session prints it at its end."""

from __future__ import annotations

from typing import Any

import pytest

FAULTS = pytest.StashKey[list[tuple[int, str, str, str]]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[FAULTS] = []


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A process that tests for another one hands its faults over to it."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["faults"] = session.config.stash[FAULTS]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    rows = getattr(node, "workeroutput", {}).get("faults", [])
    node.config.stash[FAULTS] += [tuple(row) for row in rows]


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    rows = sorted(config.stash.get(FAULTS, []))
    if not rows:
        return
    terminalreporter.section("thirty ways to be wrong: mode, fault, guard, result")
    width = max(len(fault) for _, fault, _, _ in rows)
    for mode, fault, guard, result in rows:
        terminalreporter.line(f"{mode:>2}  {fault:<{width}}  {guard}: {result}")
    survived = sum(result == "SURVIVED" for *_, result in rows)
    terminalreporter.line(f"{len({m for m, *_ in rows if m})} of 30 modes, {len(rows)} faults, {survived} survived")
