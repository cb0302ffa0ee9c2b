"""A line of the doctor's: what was looked at, how it is, and what mends it."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from minerecon_dagster.alerts.redaction import redact
from minerecon_dagster.core.errors import MinereconError, one_line
from minerecon_dagster.core.printable import printable


class State(enum.Enum):
    """How it is."""

    OK = "ok"
    WRONG = "wrong"
    UNSET = "not set"
    """Not configured: there is nothing to look at."""
    NOT_YET = "not yet"
    """What the first run brings is not there, and nothing is wrong with that."""
    IGNORED = "ignored"
    """It was set, and nobody reads it."""
    UNSEEN = "unseen"
    """It could not be looked at, since something else is wrong."""


@dataclass(frozen=True)
class Line:
    """What was looked at.

    Args:
        name: of what, in a few words.
        state: how it is.
        says: what is there; no secret is in it.
        remedy: what mends it; empty where nothing is to be done.
    """

    name: str
    state: State
    says: str
    remedy: str = ""

    def as_dict(self) -> dict[str, str | None]:
        """Plain values for JSON."""
        return {"name": self.name, "state": self.state.value, "says": self.says, "remedy": self.remedy or None}


def ok(name: str, says: str) -> Line:
    """A line where all is well."""
    return Line(name, State.OK, says)


def wrong(name: str, says: str, remedy: str) -> Line:
    """A line where something is wrong."""
    return Line(name, State.WRONG, says, remedy)


def unseen(names: Iterable[str], because: str) -> list[Line]:
    """Lines of what could not be looked at."""
    return [Line(name, State.UNSEEN, f"not looked at: {because}") for name in names]


def looked_at(name: str, look: Callable[[], Line]) -> Line:
    """The line of a look, whatever it raises.

    Args:
        name: of the line where it raises.
        look: makes the line.
    """
    try:
        line = look()
    except MinereconError as error:
        line = _of_error(name, error)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told here, and the others are looked at all the same
        line = wrong(name, f"{type(error).__name__}: {one_line(error)}", "mend what it says, and look again")
    says, remedy = (printable(redact(text)) for text in (line.says, line.remedy))
    return Line(line.name, line.state, says, remedy)


def _of_error(name: str, error: MinereconError) -> Line:
    """An error of ours ends with its remedy, after a semicolon, or after a colon."""
    text = " ".join(str(error).split())
    for mark in ("; ", ": "):
        says, found, remedy = text.rpartition(mark)
        if found:
            return wrong(name, says, remedy)
    return wrong(name, text, "mend what it says, and look again")


def exit_code(lines: Sequence[Line]) -> int:
    """0: all is well; 1: something is wrong; 2: nothing is, and something is not configured."""
    states = {line.state for line in lines}
    return 1 if State.WRONG in states else 2 if State.UNSET in states else 0
