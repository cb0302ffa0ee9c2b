"""The register of BM units, as dated versions."""

import dagster as dg

from minerecon_dagster.assets import catalog
from minerecon_dagster.core.calendar import settlement_date
from minerecon_dagster.pipeline.register import load_register, rebuild_register, record_register
from minerecon_dagster.resources.dagster_resources import (
    ArchiveResource,
    ClockResource,
    ElexonResource,
    WarehouseResource,
)
from minerecon_dagster.warehouse import tables


class RegisterConfig(dg.Config):
    """How a run treats the register."""

    from_archive: bool = False
    """Ask Elexon for nothing: rebuild all versions from the archived answers."""


@dg.multi_asset(
    name="bm_units",
    specs=[
        catalog.table_spec(
            catalog.BM_UNITS,
            tables.bm_units,
            group="elexon",
            kinds=frozenset({"api", "postgres"}),
        )
    ],
    check_specs=[
        dg.AssetCheckSpec(
            "wind_units_mapped",
            asset=catalog.BM_UNITS,
            description="Units that look like wind farms by id or name, and are not mapped as wind: their curtailment "
            "is not counted. A person should look (WARN).",
        )
    ],
)
def bm_units(
    config: RegisterConfig,
    warehouse: WarehouseResource,
    elexon: ElexonResource,
    archive: ArchiveResource,
    clock: ClockResource,
) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Fetch the register, archive it, and store what changed."""
    engine = warehouse.engine()
    try:
        if config.from_archive:
            report = rebuild_register(engine, archive.archive())
        else:
            with elexon.client() as client:
                answer = client.fetch_register()
            report = record_register(engine, archive.archive(), answer, now=clock.now())
        with engine.connect() as connection:
            unmapped = load_register(connection).unmapped_wind_like(settlement_date(clock.now()))
    finally:
        engine.dispose()
    listed = [
        {"bmu_id": u.bmu_id, "name": u.name, "lead_party_name": u.lead_party_name, "fuel_type": u.fuel_type}
        for _, u in sorted(unmapped.items())
    ]
    return dg.MaterializeResult(
        asset_key=catalog.BM_UNITS,
        metadata={
            "units": report.unit_count,
            "wind_units": report.wind_unit_count,
            "versions_begun": report.begun_count,
            "versions_ended": report.ended_count,
            "archive_uri": report.archive_uri,
        },
        check_results=[
            dg.AssetCheckResult(
                check_name="wind_units_mapped",
                asset_key=catalog.BM_UNITS,
                passed=not unmapped and report.unit_count > 0,
                severity=dg.AssetCheckSeverity.WARN,
                metadata={
                    "unmapped_units": len(unmapped),
                    "units": dg.MetadataValue.json(listed),
                    "looked_at": report.unit_count,
                    "repair": "ask Elexon to give the unit its fuel type; then materialise bm_units",
                },
            )
        ],
    )
