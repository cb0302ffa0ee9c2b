"""The register of BM units, as dated versions, and the job by which a person takes an answer that was refused."""

import logging

import dagster as dg
from pydantic import ConfigDict
from sqlalchemy import Engine

from minerecon_dagster import asset_keys
from minerecon_dagster.core.calendar import settlement_date
from minerecon_dagster.core.repairs import Repair, all_of
from minerecon_dagster.day.build import record_results
from minerecon_dagster.defs import catalog, links, remedies
from minerecon_dagster.defs.resources import (
    ArchiveResource,
    ClockResource,
    ElexonResource,
    WarehouseResource,
)
from minerecon_dagster.jobs import ACCEPT_REGISTER_OP
from minerecon_dagster.register.open_units import days_to_rebuild
from minerecon_dagster.register.store import (
    WIND_UNITS_MAPPED,
    RegisterReport,
    accept_register,
    rebuild_register,
    record_register,
    wind_units_mapped,
)
from minerecon_dagster.register.zones import ZONES_STAY, zones_stay
from minerecon_dagster.warehouse import tables

_log = logging.getLogger(__name__)


class RegisterConfig(dg.Config):
    """How a run treats the register."""

    model_config = ConfigDict(use_attribute_docstrings=True)  # the launchpad shows them

    from_archive: bool = False
    """Ask Elexon for nothing: rebuild all versions from the archived answers."""


@dg.multi_asset(
    name="bm_units",
    specs=[
        catalog.table_spec(
            asset_keys.BM_UNITS,
            tables.bm_units,
            group="elexon",
            kinds=frozenset({"api", "postgres"}),
        )
    ],
    check_specs=[
        dg.AssetCheckSpec(
            checked.name, asset=asset_keys.BM_UNITS, description=f"{checked.meaning} ({checked.severity})"
        )
        for checked in (WIND_UNITS_MAPPED, ZONES_STAY)
    ],
)
def bm_units(
    context: dg.AssetExecutionContext,
    config: RegisterConfig,
    warehouse: WarehouseResource,
    elexon: ElexonResource,
    archive: ArchiveResource,
    clock: ClockResource,
) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Fetch the register, archive it, and store what changed."""
    with warehouse.open() as opened:
        if config.from_archive:
            report = rebuild_register(opened.engine, archive.archive())
        else:
            with elexon.client() as client:
                answer = client.fetch_register()
            report = record_register(opened.engine, archive.archive(), answer, now=clock.now())
        rebuild = _tell_days_to_rebuild(opened.engine)
        now = clock.now()
        with opened.transaction() as connection:
            today = settlement_date(now)
            results = [wind_units_mapped(connection, report, today), zones_stay(connection, today)]
            record_results(connection, today, results, now=now, run_id=context.run.run_id, scope="all")
    return dg.MaterializeResult(
        asset_key=asset_keys.BM_UNITS,
        metadata=links.to_farms() | _metadata(report, rebuild),
        check_results=[
            dg.AssetCheckResult(
                check_name=checked.checked.name,
                asset_key=asset_keys.BM_UNITS,
                passed=checked.passed,
                severity=dg.AssetCheckSeverity.WARN,
                metadata={
                    remedies.PROBLEM: "none"
                    if checked.passed
                    else f"expected {checked.expected}; found {checked.actual}",
                    **remedies.metadata(checked.repair if not checked.passed else Repair()),
                    "wrong_units": checked.violation_count,
                    "units": dg.MetadataValue.json(list(checked.violations)),
                    "looked_at": checked.looked_at,
                },
            )
            for checked in results
        ],
    )


class AcceptConfig(dg.Config):
    """Which answer is accepted, and by whom."""

    model_config = ConfigDict(use_attribute_docstrings=True)  # the launchpad shows them

    sha256: str
    """SHA-256 of the answer, as the failed run, `minerecon status` and the table `register_refusals` have it."""
    accepted_by: str
    """Who accepts it, for the record."""


@dg.op(name=ACCEPT_REGISTER_OP)
def accept_answer(
    context: dg.OpExecutionContext,
    config: AcceptConfig,
    warehouse: WarehouseResource,
    archive: ArchiveResource,
    clock: ClockResource,
) -> None:
    """Take an answer of the register which was refused as unbelievable."""
    with warehouse.open() as opened:
        opened.require_current()
        report = accept_register(
            opened.engine, archive.archive(), config.sha256, accepted_by=config.accepted_by, now=clock.now()
        )
        metadata = _metadata(report, _tell_days_to_rebuild(opened.engine)) | {"accepted_by": config.accepted_by}
        context.log_event(dg.AssetMaterialization(asset_keys.BM_UNITS, metadata=metadata))
        _log.info(
            "the register has %d units now, %d of them wind; %d versions begin today, %d end",
            report.unit_count, report.wind_unit_count, report.begun_count, report.ended_count,
        )  # fmt: skip


def _metadata(report: RegisterReport, rebuild: str | None) -> dict[str, int | str]:
    return {
        "units": report.unit_count,
        "wind_units": report.wind_unit_count,
        "versions_begun": report.begun_count,
        "versions_ended": report.ended_count,
        "archive_uri": report.archive_uri,
        **({"days_to_rebuild": rebuild} if rebuild else {}),
    }


def _tell_days_to_rebuild(engine: Engine) -> str | None:
    """The commands for the stored days that lack a unit which the register has as wind by now, also logged."""
    with engine.connect() as connection:
        found = days_to_rebuild(connection)
    if not found:
        return None
    commands = str(all_of(found))
    _log.warning("days are stored without units that the register has as wind now; rebuild them: %s", commands)
    return commands
