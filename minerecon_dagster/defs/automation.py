"""The update chain: when anything about a day changes, its month follows, and then its year.

The conditions are Dagster's own parts under names that say what is meant, but for one that asks the warehouse
which days fail, and one that asks which runs are at work: the sensor is therefore evaluated where the code is
loaded. Automation can lose an update that lands in the tick in which its month is recorded as handled, so a nightly
sweep compares all sums with their days; what is lost is late by a night, never wrong for good.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from functools import reduce
from operator import or_
from typing import Any

import dagster as dg
from dagster import AutomationCondition as Condition

from minerecon_dagster import asset_keys
from minerecon_dagster.defs import catalog
from minerecon_dagster.defs.in_progress import days_in_progress
from minerecon_dagster.defs.resources import ClockResource, WarehouseResource
from minerecon_dagster.standing.due import failing_days

_DAYS = dg.AssetSelection.assets(asset_keys.DAILY, asset_keys.BITCOIN_DAILY, *asset_keys.SUMMED_LATER)
_MONTHS = dg.AssetSelection.assets(asset_keys.MONTHLY, asset_keys.BITCOIN_MONTHLY)
SUMS = _MONTHS | dg.AssetSelection.assets(asset_keys.YEARLY, asset_keys.BITCOIN_YEARLY)


class DayFails(dg.AutomationCondition[dg.AssetKey]):
    """True of a month or year with a day that the warehouse calls failing.

    Dagster's own ``check_failed`` does not tell a family in which only a warning failed, or what failed is waived,
    from one that stops a day from being published. The warehouse does, and it is what the nightly sweep asks:
    both wait for the same days. It is asked only about months that are about to be requested; where it cannot be
    reached the tick fails, nothing is requested, and the next tick asks again.
    """

    @property
    def description(self) -> str:
        """What the UI shows beside it."""
        return "a day of it is failing in analytics.reconciliation_status"

    def evaluate(self, context: dg.AutomationContext[dg.AssetKey]) -> dg.AutomationResult[dg.AssetKey]:
        """The candidates, keyed as in 2025-03 or 2025, that a failing day is in."""
        keys = context.candidate_subset.expensively_compute_partition_keys()
        return _with_a_day_among(context, keys, _failing_days() if keys else ())


class DaysInProgress(dg.AutomationCondition[dg.AssetKey]):
    """True of a month or year while a run that asks Elexon for a day of it is queued or at work.

    Dagster knows of what a run is to make that it is in progress until it is made. Notifications are not among that,
    for they are not always due: they are asked for once all days of the run are there.
    """

    @property
    def description(self) -> str:
        """What the UI shows beside it."""
        return "a run that asks for days of it has not ended"

    def evaluate(self, context: dg.AutomationContext[dg.AssetKey]) -> dg.AutomationResult[dg.AssetKey]:
        """The candidates, keyed as in 2025-03 or 2025, that a run is at a day of."""
        keys = context.candidate_subset.expensively_compute_partition_keys()
        days = days_in_progress(context.asset_graph_view.instance, ClockResource().now()) if keys else ()
        return _with_a_day_among(context, keys, days)


def _with_a_day_among(
    context: dg.AutomationContext[dg.AssetKey], keys: Collection[str], days: Collection[dt.date]
) -> dg.AutomationResult[dg.AssetKey]:
    of_days = {day.isoformat()[: len(key)] for key in keys for day in days}
    found = context.candidate_subset.compute_intersection_with_partition_keys({*keys} & of_days)
    return dg.AutomationResult(context, true_subset=found)


def _failing_days() -> list[dt.date]:
    with WarehouseResource().open() as opened, opened.connection() as connection:
        return failing_days(connection)


def a_day_fails() -> Condition[dg.AssetKey]:
    """True of a month or year with a day that fails, or whose last run died before its checks.

    Drift is left out of the latter: a run that has not asked Elexon for the whole day does not evaluate it.
    """
    drift = dg.AssetSelection.checks(dg.AssetCheckKey(catalog.CHECKED_ASSET["drift"], "drift"))
    died = Condition.any_checks_match(Condition.execution_failed(), blocking_only=True).ignore(drift)
    checked = sorted(set(catalog.CHECKED_ASSET.values()))
    unchecked = reduce(or_, (Condition.asset_matches(asset, died) for asset in checked))
    return (DayFails() | unchecked).with_label("a day fails")


def changed_since_summed(parts: dg.AssetSelection) -> Condition[Any]:
    """True of a month or year once one of its parts was materialized after it was last requested or summed.

    Unlike `AutomationCondition.eager`, of old ones as of the latest, and with parts missing. Partitions
    that come to be with the calendar are not requested before there is something to sum.
    """
    return Condition.any_deps_updated().allow(parts).since_last_handled().with_label("changed since summed")


def follows(parts: dg.AssetSelection) -> Condition[dg.AssetKey]:
    """Request a month or year when its parts changed, none is being worked on, and no day of it fails."""
    return (
        changed_since_summed(parts)
        & ~Condition.any_deps_in_progress()
        & ~Condition.in_progress()
        & ~DaysInProgress()
        & ~a_day_fails()
    ).with_label("follows its parts")


def following_days(specs: Sequence[dg.AssetSpec]) -> list[dg.AssetSpec]:
    """The specs of months, with the condition that keeps them up to date with their days."""
    return [spec.replace_attributes(automation_condition=follows(_DAYS)) for spec in specs]


def following_months(specs: Sequence[dg.AssetSpec]) -> list[dg.AssetSpec]:
    """The specs of years, with the condition that keeps them up to date after their months."""
    return [spec.replace_attributes(automation_condition=follows(_MONTHS)) for spec in specs]
