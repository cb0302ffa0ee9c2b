"""The standing inventory: checks over all partitions, shown on the asset of the reconciliation's results.

They look at the calendar and the clock, at no partition of their own: a job runs them on a schedule, and
whoever wants to know now runs it from the UI.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from itertools import groupby

import dagster as dg

from minerecon_dagster import asset_keys
from minerecon_dagster.checks.properties import PROPERTIES
from minerecon_dagster.core.calendar import settlement_date
from minerecon_dagster.core.checks import INVENTORY
from minerecon_dagster.core.repairs import all_of
from minerecon_dagster.day.build import record_results
from minerecon_dagster.defs import remedies
from minerecon_dagster.defs.events import follow_decisions
from minerecon_dagster.defs.resources import ClockResource, WarehouseResource
from minerecon_dagster.register.open_units import by_unit, read_open_units
from minerecon_dagster.standing.inventory import Finding, take_inventory

MOST_GROUPS_SHOWN = 50
"""How many groups of days a check's table shows; the count is of all, and so is `minerecon status --json`."""

_PROPERTIES = tuple(p for p in PROPERTIES if p.evaluated == INVENTORY)
CHECKS = tuple(dict.fromkeys(p.family for p in _PROPERTIES))
"""The checks, each a family of properties."""
CHECK_KEYS = tuple(dg.AssetCheckKey(asset_keys.RESULTS, family) for family in CHECKS)

_COLUMNS = dg.TableSchema(
    columns=[
        dg.TableColumn("days", description="First and last day of the group."),
        dg.TableColumn("count", "int", description="How many days."),
        dg.TableColumn("what", description="What is wrong with them."),
        dg.TableColumn("repair", description="The command that mends them."),
    ]
)


def build_inventory(first_day: dt.date) -> dg.AssetChecksDefinition:
    """The checks, over the settlement days from ``first_day`` on."""

    @dg.multi_asset_check(
        name="inventory_of_all_days",
        specs=[
            dg.AssetCheckSpec(
                family,
                asset=asset_keys.RESULTS,
                description="\n\n".join(
                    f"{p.name} ({p.severity}): {p.meaning}" for p in _PROPERTIES if p.family == family
                ),
            )
            for family in CHECKS
        ],
    )
    def inventory_of_all_days(
        context: dg.AssetCheckExecutionContext, warehouse: WarehouseResource, clock: ClockResource
    ) -> Iterator[dg.AssetCheckResult]:
        now = clock.now()
        with warehouse.open() as opened:
            opened.require_current()
            follow_decisions(context.op_execution_context, opened.engine, now)
            # One state of the warehouse, whatever is written meanwhile: a day being replaced is whole in it.
            with opened.snapshot() as connection:
                findings = take_inventory(connection, first_day, now)
                open_units = read_open_units(connection, first_day, dt.date.max, settlement_date(now))
                units = by_unit(connection, open_units)
            with opened.transaction() as connection:
                record_results(
                    connection,
                    settlement_date(now),
                    [*(finding.result for finding in findings), *units],
                    now=now,
                    run_id=context.run.run_id,
                    scope="all",
                )
        for family, of_family in groupby(findings, key=lambda finding: finding.result.checked.family):
            yield _check_result(family, list(of_family))

    return inventory_of_all_days


def _check_result(family: str, findings: Sequence[Finding]) -> dg.AssetCheckResult:
    results = [finding.result for finding in findings]
    failed = [r for r in results if not r.passed]
    is_warning = bool(failed) and all(r.checked.severity == "WARN" for r in failed)
    groups = [group for finding in findings for group in finding.groups]
    table = [
        dg.TableRecord(
            {
                "days": str(g.first) if g.first == g.last else f"{g.first} to {g.last}",
                "count": g.day_count,
                "what": g.what + (f" ({', '.join(g.properties)})" if g.properties else ""),
                "repair": str(g.repair),
            }
        )
        for g in groups[:MOST_GROUPS_SHOWN]
    ]
    return dg.AssetCheckResult(
        asset_key=asset_keys.RESULTS,
        check_name=family,
        passed=not failed,
        severity=dg.AssetCheckSeverity.WARN if is_warning else dg.AssetCheckSeverity.ERROR,
        metadata={
            remedies.PROBLEM: "; ".join(f"{r.checked.name}: expected {r.expected}; found {r.actual}" for r in failed)
            or "none",
            **remedies.metadata(all_of(r.repair for r in failed)),
            "Wrong": sum(r.violation_count for r in results),
            "groups": dg.MetadataValue.table(table, _COLUMNS),
            **{
                r.checked.name: f"{'passed' if r.passed else 'FAILED'}: expected {r.expected}; found {r.actual}; "
                f"looked at {r.looked_at:,}"
                for r in results
            },
            "sample": dg.MetadataValue.json([v for r in failed for v in r.sample]),
        },
    )
