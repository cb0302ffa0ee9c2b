"""The update chain: when anything about a day changes, its month follows, and then its year.

The conditions are Dagster's own parts under names that say what is meant. Automation can lose an update
that lands in the tick in which its month is recorded as handled, so a nightly sweep compares all sums with
their days; what is lost is late by a night, never wrong for good.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import or_
from typing import Any

import dagster as dg
from dagster import AutomationCondition as Condition

from minerecon_dagster.assets import catalog

_DAYS = dg.AssetSelection.assets(catalog.DAILY, catalog.BITCOIN_DAILY)
_MONTHS = dg.AssetSelection.assets(catalog.MONTHLY, catalog.BITCOIN_MONTHLY)
_SUMS = _MONTHS | dg.AssetSelection.assets(catalog.YEARLY, catalog.BITCOIN_YEARLY)


def a_day_fails() -> Condition[dg.AssetKey]:
    """True of a month or year with a day of which a blocking check failed, or could not run, when last tried.

    `completeness` is not asked. Dagster does not tell its warnings (a period that is not published yet: the
    month shows the day, and says that it is not complete) from its errors; and where it is an error, the
    other checks of the day could not run.
    """
    failed = Condition.any_checks_match(Condition.check_failed() | Condition.execution_failed(), blocking_only=True)
    checked = sorted({asset for asset in catalog.CHECKED_ASSET.values() if asset != catalog.PROGRESS})
    return reduce(or_, (Condition.asset_matches(asset, failed) for asset in checked)).with_label("a day fails")


def changed_since_summed(parts: dg.AssetSelection) -> Condition[Any]:
    """True of a month or year once one of its parts was materialized after it was last requested or summed.

    Unlike `AutomationCondition.eager`, of old ones as of the latest, and with parts missing. Partitions
    that come to be with the calendar are not requested before there is something to sum.
    """
    return Condition.any_deps_updated().allow(parts).since_last_handled().with_label("changed since summed")


def follows(parts: dg.AssetSelection) -> Condition[dg.AssetKey]:
    """Request a month or year when its parts changed, none is being worked on, and no day of it fails."""
    return (
        changed_since_summed(parts) & ~Condition.any_deps_in_progress() & ~Condition.in_progress() & ~a_day_fails()
    ).with_label("follows its parts")


def following_days(specs: Sequence[dg.AssetSpec]) -> list[dg.AssetSpec]:
    """The specs of months, with the condition that keeps them up to date with their days."""
    return [spec.replace_attributes(automation_condition=follows(_DAYS)) for spec in specs]


def following_months(specs: Sequence[dg.AssetSpec]) -> list[dg.AssetSpec]:
    """The specs of years, with the condition that keeps them up to date after their months."""
    return [spec.replace_attributes(automation_condition=follows(_MONTHS)) for spec in specs]


def build_sensor() -> dg.AutomationConditionSensorDefinition:
    """The sensor that evaluates the conditions."""
    return dg.AutomationConditionSensorDefinition(
        "months_and_years_follow_days",
        target=_SUMS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=30,
        description="Sums a month again when one of its days changed, then its year; they wait while one of their "
        "days fails a blocking check. Running unless it is switched off.",
    )


def build_sweep_schedule(sweep: dg.JobDefinition) -> dg.ScheduleDefinition:
    """The nightly sweep."""
    return dg.ScheduleDefinition(
        name="rollup_sweep",
        job=sweep,
        cron_schedule="30 3 * * *",
        execution_timezone="Europe/London",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="03:30: sums every month and year again that is not what its days say, and checks all of them. "
        "Running unless it is switched off.",
    )
