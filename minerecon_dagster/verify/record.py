"""What a verification is: what was asked, what was wrong, what was done, what changed, and its row for the record."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Any, Literal, TypeVar, get_args

from sqlalchemy import Connection, null

from minerecon_dagster.checks.properties import PROPERTIES
from minerecon_dagster.core.checks import Result, Severity
from minerecon_dagster.core.exact import EXACT
from minerecon_dagster.core.repairs import REBUILD, RECALCULATE, VERIFY, Repair, of_day, words
from minerecon_dagster.core.sampling import Sampling
from minerecon_dagster.day.later import LaterReport
from minerecon_dagster.day.stored import StoredDay
from minerecon_dagster.day.worker import DayReport
from minerecon_dagster.verify.compare import (
    Amounts,
    Comparison,
    StoredContents,
    amounts_by,
    differing,
    of_periods,
    total,
)
from minerecon_dagster.warehouse.tables import verifications

Action = Literal["verify", "fix", "force-fix"]
ACTIONS: tuple[Action, ...] = get_args(Action)
Outcome = Literal["right", "right in part", "wrong", "repaired", "not repaired", "failed", "unavailable"]
"""How a verification ended.

``right``: nothing is wrong, and nothing was; every settlement period was compared with Elexon, row by row, flags
included. ``right in part``: nothing was found wrong, and only a part was compared: control totals, a sample of periods,
or the one of a spot fix; ``sampling``, ``periods_looked_at`` and ``detection_share`` say which. ``repaired``: what a
repair can mend is mended. ``not repaired``: it was tried, now or often enough before, and is still wrong. ``wrong``:
something is, and no repair was asked for, or none can mend it. ``failed``: Elexon could not be asked, or the repair
came to an error. ``unavailable``: a person has closed the day, and it was not looked at.
"""
Part = TypeVar("Part", int, str)

REBUILT = frozenset(p.full_name for p in PROPERTIES if p.scope == "day" and p.repair in (REBUILD, RECALCULATE))
"""What only the stored tables have wrong: building the day again from the archive mends it, and asks for nothing."""
FOR_A_PERSON = frozenset(p.full_name for p in PROPERTIES if p.scope == "day" and p.repair.needs_a_person)
REFETCHED = frozenset(p.full_name for p in PROPERTIES if p.scope == "day") - REBUILT - FOR_A_PERSON
"""What differs from the source, is incomplete, or is not what the control totals say: it is fetched again."""
MENDABLE = REBUILT | REFETCHED

MISSING = "missing"
LATEST_ATTEMPT = "latest_attempt"
"""No properties of a stored day, but wrong all the same: nothing is stored; the latest attempt to fetch it failed."""


def is_mendable(name: str) -> bool:
    """Whether a repair may mend a problem of that name."""
    return name in MENDABLE or name in (MISSING, LATEST_ATTEMPT)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a day; ``name`` is a property's full name, `MISSING` or `LATEST_ATTEMPT`."""

    name: str
    severity: Severity
    expected: str
    actual: str
    count: int
    repair: Repair

    @property
    def is_mendable(self) -> bool:
        """Whether a repair may mend it."""
        return is_mendable(self.name)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "property": self.name,
            "severity": self.severity,
            "expected": self.expected,
            "actual": self.actual,
            "count": self.count,
            "repair": str(self.repair),
        }


def problems_of(results: Iterable[Result]) -> list[Problem]:
    """What did not pass, and is not waived; ERRORs first."""
    wrong = [r for r in results if not r.passed and not r.is_waived]
    return [
        Problem(r.checked.full_name, r.checked.severity, r.expected, r.actual, r.violation_count, r.repair)
        for r in sorted(wrong, key=lambda r: r.checked.severity)
    ]


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked of a run.

    Args:
        action: look; repair what is wrong; or repair in any case.
        sampling: which periods are compared with Elexon.
        seed: of the periods that are drawn at random; None to draw one.
        requested_by: who or what asks, for the record.
        most_days: how many days the run repairs at most; 0: no limit.
        most_attempts: leave a day to a person that was repaired in vain so often since it was last right; 0: never.
        accept_restatement: who takes what a final day loses too much by to be believed; None to refuse that.
    """

    action: Action = "verify"
    sampling: Sampling = "full"
    seed: int | None = None
    requested_by: str = "job verify"
    most_days: int = 0
    most_attempts: int = 0
    accept_restatement: str | None = None


@dataclass(frozen=True)
class Verification:
    """A look at a day, what was done, and what changed.

    Args:
        day: settlement date.
        action: what was asked for: one of `ACTIONS`, or ``spot-fix``.
        outcome: how it ended.
        results: the latest evaluation of every property that was evaluated.
        problems: what was wrong before.
        problems_left: what is wrong after the repair; None where nothing was done.
        before, after: what was stored; ``after`` is None where nothing was done, or nothing is stored.
        comparison: the first look at Elexon; None where nothing was compared.
        periods: the settlement periods that were looked at.
        repair: what was done; None where nothing was.
        error: why it could not look, could not repair, or left it to a person.
        report: the ingestion that was the repair.
        followed: what comes later of the day, made again beside it.
        requests: how many requests it took.
        seconds: how long it took.
    """

    day: dt.date
    action: str
    outcome: Outcome
    results: Sequence[Result]
    problems: Sequence[Problem]
    problems_left: Sequence[Problem] | None = None
    before: StoredContents | None = None
    after: StoredContents | None = None
    comparison: Comparison | None = None
    periods: Sequence[int] = ()
    repair: str | None = None
    error: str | None = None
    report: DayReport | None = None
    followed: Sequence[LaterReport] = ()
    requests: int = 0
    seconds: float = 0.0

    @property
    def left(self) -> Sequence[Problem]:
        """What is wrong now."""
        return self.problems if self.problems_left is None else self.problems_left

    @property
    def is_trouble(self) -> bool:
        """Whether the day's figures cannot be relied on: something is wrong at ERROR, or it came to an error.

        A look at a day of which nothing is stored finds no figures, and no fault either.
        """
        if self.action == "verify" and self.before is None and self.outcome == "wrong":
            return False
        return self.outcome == "failed" or any(p.severity == "ERROR" for p in self.left)

    def __str__(self) -> str:
        """One line: the outcome, what was looked at and done, what is wrong, and the command that mends it."""
        parts = [f"{self.day}: {self.outcome}"]
        if self.comparison is not None:
            parts.append(f"compared with Elexon {self.comparison.extent()}")
        parts += [self.repair] if self.repair else []
        parts += [f"{p.name}: {p.actual}" for p in self.left]
        parts += [self.error] if self.error else []
        return "; ".join(parts + ([f"repair: {self.remedy}"] if self.remedy else []))

    @property
    def in_short(self) -> str:
        """The same for a narrow terminal, where nothing is wrong."""
        if self.comparison is None or self.left or self.error:
            return str(self)
        parts = [f"{self.day}: {self.outcome}", f"compared {self.comparison.extent_in_short()}"]
        return "; ".join([*parts, *([self.repair] if self.repair else [])])

    @property
    def remedy(self) -> Repair | None:
        """What mends what is wrong now; None where nothing is."""
        if self.comparison is not None and self.comparison.unseen and not self.repair:
            return words(f"{VERIFY.over(self.day)}, once Elexon answers")
        # One fault, one command: of what its checks name, as `minerecon status` and the alerts say it.
        return of_day((p.repair for p in self.left), self.day).over(self.day) or None


@dataclass(frozen=True, slots=True)
class _Part:
    """The stored figures of a period or a unit: its bids, and the Bitcoin of its SO-flagged ones."""

    amounts: Amounts
    bitcoin: Mapping[str, Decimal]

    def as_dict(self) -> dict[str, Any]:
        return self.amounts.as_dict() | {"btc": {m: f"{btc:f}" for m, btc in sorted(self.bitcoin.items())}}


_NOTHING = _Part(Amounts(), {})


def _parts(stored: StoredContents, of: Callable[[int, str], Part], periods: Sequence[int] | None) -> dict[Part, _Part]:
    """Stored figures by a part of the key; of some periods, or of all."""
    bids = stored.bids if periods is None else of_periods(stored.bids, periods)
    amounts = amounts_by(bids, lambda key: of(key.settlement_period, key.bmu_id))
    bitcoin: dict[Part, dict[str, Decimal]] = {}
    with localcontext(EXACT):
        for (period, unit), mined in stored.bitcoin.items():
            if periods is None or period in periods:
                sums = bitcoin.setdefault(of(period, unit), {})
                for model, btc in mined.items():
                    sums[model] = sums.get(model, Decimal()) + btc
    return {k: _Part(amounts.get(k, Amounts()), bitcoin.get(k, {})) for k in amounts.keys() | bitcoin.keys()}


def differences(found: Verification, name: str, of: Callable[[int, str], Part]) -> list[dict[str, Any]]:
    """The settlement periods, or the units, that differ: as they were stored, as Elexon has them, and after a repair.

    A period that was not compared with Elexon has null for it. Units are added up over the periods that were
    compared; where a repair followed a look at some of them only, over the whole day, and then without Elexon's.

    Args:
        found: the verification.
        name: how the part is called, as in ``settlement_period``.
        of: gives the part of a period and unit.
    """
    compared = found.comparison
    seen = list(compared.periods) if compared is not None else []
    partial = compared is not None and 0 < len(seen) < len(compared.comparable)
    only = seen if name == "bmu_id" and partial and found.after is None else None
    before = _parts(found.before, of, only) if found.before is not None else {}
    after = _parts(found.after, of, only) if found.after is not None else {}
    comparable = bool(seen) and (name != "bmu_id" or not partial or only is not None)
    source = (
        amounts_by(compared.source, lambda key: of(key.settlement_period, key.bmu_id))
        if compared is not None and comparable
        else {}
    )
    changed: set[Part] = set()
    if compared is not None and comparable:
        changed |= {of(key.settlement_period, key.bmu_id) for key in compared.differing}
    if found.after is not None:
        was = found.before.bids if found.before is not None else {}
        changed |= {of(key.settlement_period, key.bmu_id) for key in differing(was, found.after.bids)}
        changed |= {k for k in before.keys() | after.keys() if before.get(k, _NOTHING) != after.get(k, _NOTHING)}
    listed = []
    for key in sorted(changed):
        asked = comparable and (name == "bmu_id" or key in seen)
        listed.append(
            {
                name: key,
                "stored": before.get(key, _NOTHING).as_dict() if found.before is not None else None,
                "elexon": source.get(key, Amounts()).as_dict() if asked else None,
                "after": after.get(key, _NOTHING).as_dict() if found.after is not None else None,
            }
        )
    return listed


def has_changed(before: StoredContents | None, after: StoredContents | None) -> bool:
    """Whether a repair has changed any bid or any Bitcoin."""
    if before is None or after is None:
        return before is not after
    return bool(differing(before.bids, after.bids)) or before.bitcoin != after.bitcoin


_FIGURES = {
    "state": "state",
    "rows": "record_count",
    "so_rows": "so_record_count",
    "mwh": "all_bids_mwh",
    "so_mwh": "curtailed_mwh",
    "gbp": "all_bids_payment_gbp",
    "so_gbp": "payment_gbp",
    "btc": "mined_btc",
}
"""What the record of a verification has of a day, by the names of `Amounts.as_dict`."""


def figures_dict(stored: StoredDay) -> dict[str, Any]:
    """A day's figures as the record of a verification has them."""
    plain = stored.as_dict()
    return {key: plain[name] for key, name in _FIGURES.items()}


def keep(
    connection: Connection,
    found: Verification,
    order: Order,
    *,
    started_at: dt.datetime,
    finished_at: dt.datetime,
    run_id: str | None,
) -> None:
    """Write the row of ``verifications``."""
    compared = found.comparison
    row = {
        "settlement_date": found.day,
        "requested_by": order.requested_by,
        "action": found.action,
        "sampling": compared.sampling if compared is not None else None,
        "seed": compared.seed if compared is not None else None,
        "periods_looked_at": list(found.periods) or None,
        "detection_share": compared.share if compared is not None else None,
        "problems": [p.as_dict() for p in found.problems],
        "repair": found.repair,
        "problems_left": None if found.problems_left is None else [p.as_dict() for p in found.problems_left],
        "before_figures": figures_dict(found.before.figures) if found.before is not None else None,
        "after_figures": figures_dict(found.after.figures) if found.after is not None else None,
        "source_figures": total(compared.source).as_dict() if compared is not None and compared.periods else None,
        "period_differences": differences(found, "settlement_period", lambda period, _: period),
        "unit_differences": differences(found, "bmu_id", lambda _, unit: unit),
        "outcome": found.outcome,
        "error": found.error,
        "run_id": run_id,
        "started_at": started_at,
        "finished_at": finished_at,
    }
    # A plain None would be stored in JSONB as a null of JSON's, which SQL takes for a value.
    connection.execute(verifications.insert().values({k: null() if v is None else v for k, v in row.items()}))
