"""The exports of months, what keeps them up to date, and the nightly sweep over all of them.

A step exports its months one by one and logs a materialization for each; a month without any stored day
stays unmaterialized. The month in progress changes every half hour, and is exported by the sweep alone.
"""

import datetime as dt
import logging
from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg

from minerecon_dagster import asset_keys
from minerecon_dagster.asset_keys import EXPORTS, PRICE
from minerecon_dagster.defs import automation, catalog, inputs, links
from minerecon_dagster.defs.months import month_by_month, months_to_sweep
from minerecon_dagster.defs.resources import ArchiveResource, ClockResource, WarehouseResource
from minerecon_dagster.exports.month import FOLDER, MANIFEST, Export, export_month
from minerecon_dagster.instance import hold_connections
from minerecon_dagster.launchers.heartbeat import beating

_log = logging.getLogger(__name__)
_INPUTS = (asset_keys.MONTHLY, asset_keys.BITCOIN_MONTHLY, PRICE)


def build_exports(partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """The asset on the given monthly partitions."""
    parts = dg.AssetSelection.assets(asset_keys.MONTHLY, asset_keys.BITCOIN_MONTHLY, PRICE)
    # Sums wait for failing days already; an export says in its manifest which there are.
    condition = (
        automation.changed_since_summed(parts)
        & ~dg.AutomationCondition.any_deps_in_progress()
        & ~dg.AutomationCondition.in_progress()
        & ~dg.AutomationCondition.in_latest_time_window()
    )

    @dg.multi_asset(
        name="exports",
        specs=[
            dg.AssetSpec(
                EXPORTS,
                deps=_INPUTS,
                description="A Parquet and a CSV file per month of every view in `analytics` that has days or months, "
                "under `exports/` in the archive's place, and a manifest that says what they hold, how complete the "
                "month is, and the hash of each file. What has not changed is not written again. "
                "docs/analyse/exports.md says how to read them.",
                group_name="exports",
                owners=catalog.OWNERS,
                kinds={"parquet", "csv"},
                partitions_def=partitions,
                automation_condition=condition.with_label("follows its month"),
                skippable=True,
            )
        ],
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def exports(
        context: dg.AssetExecutionContext, warehouse: WarehouseResource, archive: ArchiveResource, clock: ClockResource
    ) -> Iterator[Any]:
        _export(context, context.partition_keys, warehouse, archive, clock.now(), log_all=True)
        yield from ()

    return exports


@dg.op
def sweep_exports(
    context: dg.OpExecutionContext, warehouse: WarehouseResource, archive: ArchiveResource, clock: ClockResource
) -> None:
    """Find what changed without a month being summed: names of farms, statuses, days that went, views."""
    months = months_to_sweep(warehouse, archive.store(), FOLDER, f"/{MANIFEST}")
    _export(context, months, warehouse, archive, clock.now(), log_all=False)


def _export(
    context: dg.OpExecutionContext | dg.AssetExecutionContext,
    months: Sequence[str],
    warehouse: WarehouseResource,
    archive: ArchiveResource,
    now: dt.datetime,
    *,
    log_all: bool,
) -> None:
    """Export months, and log a materialization of each: of all of them, or only where something was written.

    Raises:
        dg.Failure: a month cannot be exported; the others are.
        ConfigurationError: none can.
    """
    hold_connections(context.instance)
    with beating(context.instance, context.run.run_id), warehouse.open() as opened:
        engine, store = opened.engine, archive.store()

        def make(month: str) -> None:
            tags = inputs.read_by_now(context.instance, _INPUTS)
            export = export_month(engine, store, month, now)
            if export is None:
                _log.info("no day is stored of %s: no export", month)
                return
            _log.info("%s", _line(export))
            if log_all or export.manifest_written:
                context.log_event(
                    dg.AssetMaterialization(EXPORTS, partition=month, metadata=_metadata(export), tags=tags)
                )

        month_by_month(months, make)


def _line(export: Export) -> str:
    state = export.manifest["state"]
    complete = "complete" if state["is_complete"] else "not complete"
    return (
        f"{export.month}: {complete}, {state['days_present']} of {state['days_expected']} days, "
        f"{state['days_final']} final, {sum(export.row_counts.values()):,} rows, {export.byte_count:,} bytes, "
        f"{len(export.written)} files written"
    )


def _metadata(export: Export) -> dict[str, Any]:
    state = export.manifest["state"]
    metadata: dict[str, Any] = {
        **links.to_csv_of(export.month),
        "manifest": links.to_file(export.manifest_uri),
        "is_complete": state["is_complete"],
        "days": f"{state['days_present']} of {state['days_expected']}, {state['days_final']} final",
        "statuses": state["statuses"],
        "rows": export.row_counts,
        "bytes": export.byte_count,
        "files_written": str(len(export.written)),
        # What is a number here is drawn by the UI, and says nothing as a line: so these are within one value.
        "counts": dg.MetadataValue.json(
            {name: state[name] for name in ("days_present", "days_expected", "days_final")}
            | {"files_written": len(export.written)}
        ),
    }
    if export.removed:
        metadata["files_removed"] = list(export.removed)
    if export.manifest["is_synthetic"]:
        metadata["synthetic"] = True
    return metadata
