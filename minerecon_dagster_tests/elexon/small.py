"""A settlement day as small as one can be: an acceptance of one unit in each period and side, in every report."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Mapping
from typing import Any

from minerecon_dagster.core.answers import Answer, AnswerKey
from minerecon_dagster.core.calendar import STACK_SIDES, StackSide, period_starts, rerun_done_at
from minerecon_dagster.elexon.datasets.agws import AGWS
from minerecon_dagster.elexon.reading import DayReading, read_day
from minerecon_dagster_tests.core.test_schema import boav_row, ebocf_row, stack_row

Rows = dict[AnswerKey, list[dict[str, Any]]]

DAY = dt.date(2025, 3, 28)
STARTS = period_starts(DAY)
PERIODS = range(1, len(STARTS) + 1)
AT = rerun_done_at(DAY) + dt.timedelta(days=3)
NOON = dt.datetime(2025, 3, 28, 12, tzinfo=dt.UTC)
MADE = "2025-03-30T06:00:00Z"
"""After the second run of every period."""
UNIT = "T_UNIT-1"


def _of(period: int) -> dict[str, Any]:
    return {
        "settlementDate": str(DAY),
        "settlementPeriod": period,
        "startTime": f"{STARTS[period - 1]:%Y-%m-%dT%H:%M:%SZ}",
        "createdDateTime": MADE,
    }


def in_stack(period: int, **changes: Any) -> dict[str, Any]:
    return stack_row(**_of(period) | {"id": UNIT} | changes)


def in_boav(period: int, **changes: Any) -> dict[str, Any]:
    return boav_row(**_of(period) | {"bmUnit": UNIT} | changes)


def in_cashflows(period: int, **changes: Any) -> dict[str, Any]:
    return ebocf_row(**_of(period) | {"bmUnit": UNIT} | changes)


def in_agws(period: int, kind: str, mw: float | None = 100, **changes: Any) -> dict[str, Any]:
    return {
        "publishTime": "2025-03-29T09:00:00Z",
        "businessType": "Wind generation",
        "psrType": kind,
        "quantity": mw,
        "startTime": f"{STARTS[period - 1]:%Y-%m-%dT%H:%M:%SZ}",
        "settlementDate": str(DAY),
        "settlementPeriod": period,
    } | changes


def whole_day() -> Rows:
    rows: Rows = {AnswerKey("stack", side, p): [in_stack(p)] for side in STACK_SIDES for p in PERIODS}
    rows |= {AnswerKey("boav", side): [in_boav(p) for p in PERIODS] for side in STACK_SIDES}
    rows |= {AnswerKey("cashflows", side): [in_cashflows(p) for p in PERIODS] for side in STACK_SIDES}
    wind = [in_agws(p, "Wind Onshore") for p in PERIODS] + [in_agws(p, "Wind Offshore", 200) for p in PERIODS]
    return rows | {AGWS.key: wind}


def without(
    rows: Rows,
    periods: Collection[int],
    sides: Collection[StackSide] = STACK_SIDES,
    kinds: Collection[str] = ("stack", "boav", "cashflows"),
) -> Rows:
    """The same without the acceptances of some periods, in some reports."""
    changed = dict(rows)
    for key, each in rows.items():
        if key.side in sides and key.kind in kinds:
            changed[key] = [row for row in each if row["settlementPeriod"] not in periods]
    return changed


def answer(rows: Any, at: dt.datetime = AT, settled: dt.timedelta | None = None, url: str = "http://x") -> Answer:
    body = json.dumps({"data": rows}).encode()
    return Answer(url, 200, at, body, None if settled is None else at - settled)


def answers_of(rows: Rows, at: dt.datetime = AT, settled: dt.timedelta | None = None) -> dict[AnswerKey, Answer]:
    return {key: answer(each, at, settled, f"http://{key}") for key, each in rows.items()}


def read(
    rows: Rows,
    *,
    failures: Mapping[AnswerKey, Any] | None = None,
    sides: tuple[StackSide, ...] = STACK_SIDES,
    silent: Rows | None = None,
    settled: dt.timedelta | None = None,
    now: dt.datetime = AT,
    controls_waived: bool = False,
) -> DayReading:
    return read_day(
        DAY,
        answers_of(rows, now, settled),
        failures or {},
        sides=sides,
        now=now,
        silent=answers_of(silent or {}, now),
        controls_waived=controls_waived,
    )


def of_itself(dataset: Any) -> dict[str, Any]:
    """What a dataset of the day declares of itself, without what it does."""
    names = (
        "name", "report", "source", "is_bare", "columns", "group", "reads_register", "is_required", "has_side",
        "has_period", "held_stands_in", "what", "amount", "wind_amount", "where", "compared_as", "unit", "digits",
    )  # fmt: skip
    found = {name: getattr(dataset, name) for name in names if hasattr(dataset, name)}
    unseen_as = getattr(dataset, "unseen_as", None)
    unseen = unseen_as and unseen_as.name
    of_table = {"table": dataset.table.name, "may_be_null": [c.name for c in dataset.table.columns if c.nullable]}
    return found | of_table | {"properties": [p.name for p in dataset.properties], "unseen_as": unseen}


def are_stored(dataset: Any) -> list[str]:
    """The columns of its table that PostgreSQL works out and stores."""
    return [c.name for c in dataset.table.columns if c.computed is not None and c.computed.persisted is True]
