"""How sure a page's figures are, in words: the state line, and the three texts of what is empty, which never mix."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from minerecon_dagster.core.statuses import IN_PART, STATUSES, UNAVAILABLE
from minerecon_dagster.web.pages import words

NOBODY = "No wind farm was curtailed"
NOT_STORED = "Not stored yet: missing"
FAILED = "Failing: nothing of it could be stored yet"
"""Of what was tried: it could not be fetched, or a check did not let it through."""
CLOSED = "Unavailable: a person has closed it"
NOT_FLAGGED = "Nothing was flagged as for system reasons"
NO_ROW = "No row matches this filter"
WITHOUT_A_FIGURE = (NOT_STORED, FAILED, CLOSED)
"""How each text begins that says that there is nothing of a range."""

BASES: Mapping[str, str] = {"so": "SO-flagged bids", "all": "all accepted bids"}
BASIS_MEANINGS: Mapping[str, str] = {
    "so": "turned down for system reasons",
    "all": "turned down in all accepted bids",
}
WHOLE = ("complete", "warned", "waived", "provisional")
"""Of a day of these its checks hold, and every half hour is stored, but of one in progress, which is provisional: that
it has nothing can be said."""
_WORST = ("failing", "incomplete", "missing", "provisional", UNAVAILABLE, "warned", "waived", "complete")
"""In the order in which a reader of several days must know them."""
assert set(_WORST) == set(STATUSES)
_UNSURE = ("provisional", "incomplete", "failing", "missing")


@dataclass(frozen=True)
class State:
    """The state of a range of days.

    Args:
        word: the status that a reader must know: the worst of the days'.
        line: the state line.
        short: what stands behind a figure in a sentence; empty where all is final.
        is_synthetic: whether the days are made up.
        as_of: when the newest of them was built, in words.
        lacks_days: whether a day of the range is in no sum over it: it is missing or closed, or failed before it was
            stored.
        is_least: whether what can only grow by what is not there, as energy and Bitcoin, is at least its sum. So it is
            too with a day that is incomplete, in progress, or failing: what was stored of that is not replaced, and may
            lack half hours. A payment, a price and a share may go either way.
    """

    word: str
    line: str
    short: str
    is_synthetic: bool
    as_of: str
    lacks_days: bool
    is_least: bool

    @property
    def at_least(self) -> str:
        """What stands before a sum of energy or Bitcoin over the range; empty where it is all there is."""
        return "at least " if self.is_least else ""

    @property
    def of_stored(self) -> str:
        """What stands before a statement that ranks; empty where it is of all there is."""
        return "of the days that are stored, " if self.lacks_days else "of what is stored, " if self.is_least else ""

    @property
    def not_flagged(self) -> str:
        """What is said where there are bids and none is flagged, which may be so of what is stored only."""
        return self.titled(f"{NOT_FLAGGED[0].lower()}{NOT_FLAGGED[1:]}") if self.of_stored else NOT_FLAGGED

    def titled(self, text: str) -> str:
        """A title that ranks, which says that it is of what is stored only where it is."""
        return f"{self.of_stored[:1].upper()}{self.of_stored[1:]}{text}"


def nothing_there(meta: Mapping[str, Any], of: str | None = None) -> str:
    """What is said where no stored row has anything: of the three texts the one that is true.

    That no wind farm was curtailed is said only where every day of the range is stored, whole, and had none; where days
    are missing or not sure, it says so instead.

    Args:
        meta: of the answer, with its range and the states of its days.
        of: the farm or lead party that was asked for; None: all.
    """
    by_status: Mapping[str, int] = meta["statuses"]
    days = (dt.date.fromisoformat(meta["to"]) - dt.date.fromisoformat(meta["from"])).days + 1
    stored, closed = meta["days_present"], by_status.get(UNAVAILABLE, 0)
    missing = days - stored - closed
    if not stored:
        if closed and not missing:
            return CLOSED
        return FAILED if by_status.get("failing", 0) == missing else NOT_STORED
    if not missing and not closed:
        if meta["days_in_part"] or any(by_status.get(word) for word in STATUSES if word not in WHOLE):
            return f"Not sure yet: what is stored has no bid{f' of {of}' if of else ''}"
        return NO_ROW if of else NOBODY
    gap = f"{NOT_STORED}, {missing:,}" if missing else f"{CLOSED}, {closed:,}"
    there = "the one that is stored has" if stored == 1 else f"the {stored:,} that are stored have"
    return f"{gap} of {words.counted(days, 'day')}; {there} no bid{f' of {of}' if of else ''}"


def state_of(meta: Mapping[str, Any]) -> State:
    """The state of the range of an answer, by its meta."""
    by_status: Mapping[str, int] = meta["statuses"]
    days = meta["days_expected"]
    worst = next((word for word in _WORST if by_status.get(word)), "missing")
    as_of = f"As of {words.instant_text(meta['as_of'])}." if meta["as_of"] else "Nothing of it is stored."
    basis = BASES[meta["basis"]]
    line = f"{_sentence(meta)} {as_of} {basis[0].upper()}{basis[1:]}."
    lacks_days = meta["days_present"] < days
    is_least = lacks_days or meta["days_in_part"] > 0 or any(by_status.get(word) for word in IN_PART)
    return State(worst, line, _short(by_status, days), bool(meta["is_synthetic"]), as_of, lacks_days, is_least)


def _sentence(meta: Mapping[str, Any]) -> str:
    by_status: Mapping[str, int] = meta["statuses"]
    days, stored = meta["days_expected"], meta["days_present"]
    if not days:
        return "No day of it has begun."
    of = f" of {words.counted(days, 'day')}"
    may_change = sum(by_status.get(word, 0) for word in ("provisional", "incomplete", "failing"))
    missing, closed = by_status.get("missing", 0), by_status.get(UNAVAILABLE, 0)
    parts: list[str] = []
    if closed == days:
        return f"{CLOSED}, since the source has nothing."
    if not stored and by_status.get("failing") == days:
        return f"{FAILED}." if days == 1 else f"{FAILED}, of all {days:,} days."
    if missing == days:
        return f"{NOT_STORED}." if days == 1 else f"{NOT_STORED}, all {days:,} days."
    if by_status.get("provisional", 0) + by_status.get("incomplete", 0) + by_status.get("failing", 0):
        lead = "Failing" if by_status.get("failing") else "Incomplete" if by_status.get("incomplete") else "Provisional"
        word = "In progress" if lead == "Provisional" and meta["days_in_part"] else lead
        parts.append(f"{lead}: {may_change:,}{of} may still change" if days > 1 else f"{lead}: {_one(word)}")
    elif missing:
        parts.append("Not complete")
    else:
        parts.append(f"Final: all {words.counted(days, 'day')}" if days > 1 else "Final")
    if by_status.get("incomplete") and days > 1:
        parts.append(f"{words.counted(by_status['incomplete'], 'day')} without some half hours")
    if by_status.get("failing") and days > 1:
        parts.append(f"on {words.counted(by_status['failing'], 'day')} a check is red")
    if missing:
        parts.append(f"{missing:,}{of} not stored yet")
    if closed:
        parts.append(f"{words.counted(closed, 'day')} closed: the source has nothing")
    if by_status.get("warned"):
        parts.append(f"a person should look at {words.counted(by_status['warned'], 'day')}")
    if by_status.get("waived"):
        parts.append(f"a deviation is accepted on {words.counted(by_status['waived'], 'day')}")
    return "; ".join(parts) + "."


def _one(lead: str) -> str:
    return {
        "Failing": "a check is red, or the newest look at the source failed; what is stored may be wrong",
        "Incomplete": "half hours are missing, so the true figure may be higher",
        "Provisional": "the figures may still change",
        "In progress": "half hours are still to come",
    }[lead]


def _short(by_status: Mapping[str, int], days: int) -> str:
    if not days:
        return ""
    if days == 1:
        return next((word for word in _WORST if word in _UNSURE and by_status.get(word)), "")
    may_change = sum(by_status.get(word, 0) for word in ("provisional", "incomplete", "failing"))
    missing = by_status.get("missing", 0)
    of = f" of {days:,} days"
    kinds = [word for word in ("provisional", "incomplete", "failing") if by_status.get(word)]
    parts = [f"{may_change:,}{of} {kinds[0] if len(kinds) == 1 else 'not sure yet'}"] if may_change else []
    if missing:
        parts.append(f"{missing:,}{'' if may_change else of} missing")
    return ", ".join(parts)
