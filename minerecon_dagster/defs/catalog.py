"""The assets' descriptions: keys, groups, owners, dependencies and column schemas, from the table metadata."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

import dagster as dg
from sqlalchemy import Table
from sqlalchemy.dialects import postgresql

from minerecon_dagster.asset_keys import (
    BITCOIN_DAILY,
    BITCOIN_MONTHLY,
    BITCOIN_YEARLY,
    BM_UNITS,
    CALCULATIONS,
    DAILY,
    DIFFICULTY,
    MODELS,
    MONTHLY,
    OF_DATASETS,
    PROGRESS,
    RECALCULATED,
    RECORDS,
    SUMMED_LATER,
    WIND,
    YEARLY,
    calculations,
    key_of,
)
from minerecon_dagster.checks.properties import collected
from minerecon_dagster.core.mining import MINER_MODELS
from minerecon_dagster.elexon.datasets import DATASETS, control_totals, later, of_the_day
from minerecon_dagster.warehouse import sums, tables

OWNERS = ["team:minerecon"]
_ALL_OF_THE_DAY = "Materialise it for a day, and all of the day is fetched and built."
_OF_BITCOIN = (
    "Materialise it for a stored day, and it is calculated again from the stored records; for another, and all of the "
    "day is fetched and built."
)
_POSTGRESQL = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped


def column_schema(table: Table) -> dg.TableSchema:
    """A table's columns as Dagster shows them: name, type, meaning, nullability."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=column.name,
                type=column.type.compile(dialect=_POSTGRESQL).lower(),
                description=column.comment,
                constraints=dg.TableColumnConstraints(nullable=bool(column.nullable)),
            )
            for column in table.columns
        ]
    )


def table_spec(
    key: dg.AssetKey,
    table: Table,
    *,
    group: str,
    deps: Sequence[dg.AssetKey] = (),
    description: str | None = None,
    partitions: dg.PartitionsDefinition[str] | None = None,
    kinds: frozenset[str] = frozenset({"postgres"}),
    skippable: bool = False,
) -> dg.AssetSpec:
    """An asset that is a table of the warehouse; its description and columns are the table's."""
    return dg.AssetSpec(
        key,
        deps=list(deps),
        description=description or table.comment,
        group_name=group,
        owners=OWNERS,
        kinds=set(kinds),
        partitions_def=partitions,
        skippable=skippable,
        metadata={"dagster/column_schema": column_schema(table), "dagster/table_name": f"{table.schema}.{table.name}"},
    )


def settlement_day_specs(partitions: dg.PartitionsDefinition[str]) -> list[dg.AssetSpec]:
    """The assets of a settlement day, in the order in which they are made."""

    def daily(
        key: dg.AssetKey,
        table: Table,
        group: str,
        deps: Sequence[dg.AssetKey],
        description: str | None = None,
        kinds: frozenset[str] = frozenset({"postgres"}),
    ) -> dg.AssetSpec:
        return table_spec(
            key,
            table,
            group=group,
            deps=deps,
            description=f"{description or table.comment} {_OF_BITCOIN if key in RECALCULATED else _ALL_OF_THE_DAY}",
            partitions=partitions,
            kinds=kinds,
            skippable=True,
        )

    return [
        daily(
            PROGRESS,
            tables.ingestion_progress,
            "elexon",
            [],
            "What Elexon answered for the day: settlement stacks and control totals "
            f"({', '.join(total.report for total in control_totals())}), kept in the raw archive as they came, and the "
            "latest attempt at every settlement period. A day that the archive holds final is not asked again unless "
            "`force` is set.",
            frozenset({"api", "postgres"}),
        ),
        *(
            daily(OF_DATASETS[d.name], d.table, d.group, [PROGRESS, BM_UNITS] if d.reads_register else [PROGRESS])
            for d in of_the_day()
        ),
        daily(DIFFICULTY, tables.bitcoin_difficulty, "bitcoin", [], None, frozenset({"dynamodb", "postgres"})),
        *(
            daily(
                calculations(m.name),
                tables.historical_bitcoin_calculations,
                "bitcoin",
                [RECORDS, DIFFICULTY, MODELS],
                f"{tables.historical_bitcoin_calculations.comment} This is model {m.name}: {m.hashrate_ths} TH/s, "
                f"{m.power_w} W.",
            )
            for m in MINER_MODELS
        ),
        daily(DAILY, tables.daily_summaries, "days", [RECORDS, WIND]),
        daily(BITCOIN_DAILY, tables.bitcoin_daily_summaries, "days", [DAILY, *CALCULATIONS]),
        *(daily(key_of(d), d.table, d.group, [PROGRESS, BM_UNITS]) for d in later()),
    ]


def month_specs(partitions: dg.PartitionsDefinition[str]) -> list[dg.AssetSpec]:
    """A month's sums, from the daily tables alone."""
    return [
        _sums(MONTHLY, tables.monthly_summaries, "months", partitions),
        _sums(BITCOIN_MONTHLY, tables.bitcoin_monthly_summaries, "months", partitions),
    ]


def year_specs(partitions: dg.PartitionsDefinition[str]) -> list[dg.AssetSpec]:
    """A year's sums, from the daily tables alone; they depend on the months because they follow them."""
    return [
        _sums(YEARLY, tables.yearly_summaries, "years", partitions),
        _sums(BITCOIN_YEARLY, tables.bitcoin_yearly_summaries, "years", partitions),
    ]


PARTS: Mapping[dg.AssetKey, Sequence[dg.AssetKey]] = {
    MONTHLY: (DAILY, *SUMMED_LATER),
    BITCOIN_MONTHLY: (BITCOIN_DAILY,),
    YEARLY: (DAILY, *SUMMED_LATER, MONTHLY),
    BITCOIN_YEARLY: (BITCOIN_DAILY, BITCOIN_MONTHLY),
}
"""What sums are made of, and follow."""


def _sums(key: dg.AssetKey, table: Table, group: str, partitions: dg.PartitionsDefinition[str]) -> dg.AssetSpec:
    # A group each grain: in the graph a name is cut to its two ends, which are the same of months and years.
    return table_spec(key, table, group=group, deps=PARTS[key], partitions=partitions, skippable=True)


def _lineage(columns: Mapping[str, Sequence[tuple[dg.AssetKey, str]]]) -> dg.TableColumnLineage:
    return dg.TableColumnLineage(
        {name: [dg.TableColumnDep(key, column) for key, column in deps] for name, deps in columns.items()}
    )


_OF_SUMS = {name: [(DAILY, name)] for name in sums.SUMMED}
COLUMN_LINEAGE: Mapping[dg.AssetKey, dg.TableColumnLineage] = {
    RECORDS: _lineage(
        {
            "lead_party_name": [(BM_UNITS, "lead_party_name")],
            "curtailed_mwh": [(RECORDS, "volume_mwh")],
            "payment_gbp": [(RECORDS, "volume_mwh"), (RECORDS, "original_price_gbp_per_mwh")],
        }
    ),
    **{
        key: _lineage(
            {
                "curtailed_mwh": [(RECORDS, "curtailed_mwh"), (RECORDS, "so_flag")],
                "difficulty": [(DIFFICULTY, "difficulty")],
                "block_subsidy_btc": [(RECORDS, "start_time")],
                "mined_btc": [
                    (RECORDS, "curtailed_mwh"),
                    (DIFFICULTY, "difficulty"),
                    (MODELS, "hashrate_ths"),
                    (MODELS, "power_w"),
                ],
            }
        )
        for key in CALCULATIONS
    },
    DAILY: _lineage(
        {
            **{a.name: [(RECORDS, column) for column in a.made_of] for a in sums.ADDITIVE},
            **{k.name: [(RECORDS, column) for column in k.made_of] for k in sums.TURN_UP if k.made_of},
            **{w.name: [(WIND, column) for column in w.made_of] for w in sums.WIND_OUTPUT},
            "payment_gbp": [(RECORDS, "payment_gbp"), (RECORDS, "so_flag")],
            "bmu_count": [(RECORDS, "bmu_id")],
            "curtailed_share": [(RECORDS, "curtailed_mwh"), (WIND, "total_wind_mwh")],
        }
    ),
    BITCOIN_DAILY: _lineage({"mined_btc": [(key, "mined_btc") for key in CALCULATIONS]}),
    MONTHLY: _lineage(_OF_SUMS),
    YEARLY: _lineage(_OF_SUMS),
    BITCOIN_MONTHLY: _lineage({"mined_btc": [(BITCOIN_DAILY, "mined_btc")]}),
    BITCOIN_YEARLY: _lineage({"mined_btc": [(BITCOIN_DAILY, "mined_btc")]}),
}
"""Which columns a column is made of. Dagster shows it of the latest materialization, so each carries it."""


def lineage_of(key: dg.AssetKey) -> dict[str, dg.TableColumnLineage]:
    """The metadata by which a materialization tells Dagster what its columns are made of, if that is known."""
    return {"dagster/column_lineage": COLUMN_LINEAGE[key]} if key in COLUMN_LINEAGE else {}


CHECKED_ASSET: Mapping[str, dg.AssetKey] = {
    "completeness": PROGRESS,
    "control_totals": RECORDS,
    "conservation": DAILY,
    "calculation": BITCOIN_DAILY,
    "physics": DAILY,
    "money": DAILY,
    "register": RECORDS,
    "drift": RECORDS,
}
"""The asset on which each family of checks of a settlement day is shown."""


def checked_assets() -> dict[str, dg.AssetKey]:
    """`CHECKED_ASSET`, and the families that a dataset brings: they are shown on its own asset."""
    own = {p.family: key_of(dataset) for dataset in DATASETS for p in dataset.properties}
    return {**own, **CHECKED_ASSET}


_AT = {"ERROR": "the day is not published", "WARN": "a person should look"}


def check_specs(partitions: dg.PartitionsDefinition[str]) -> list[dg.AssetCheckSpec]:
    """A check per family; blocking where one of its properties is an ERROR.

    Drift is evaluated by verification, and by a run that has fetched the whole day.
    """
    # Dagster calls partitioned checks a preview: the pinned version is tested with them, an operator need not read it.
    warnings.filterwarnings("ignore", category=dg.PreviewWarning)
    specs = []
    for family, asset in checked_assets().items():
        properties = [p for p in collected() if p.family == family and p.scope == "day"]
        specs.append(
            dg.AssetCheckSpec(
                family,
                asset=asset,
                blocking=any(p.severity == "ERROR" for p in properties),
                partitions_def=partitions,
                # Shown as Markdown, in which a single line feed is a space.
                description="\n\n".join(
                    f"**{p.name}** ({p.severity}, {_AT[p.severity]}): {p.meaning}" for p in properties
                ),
            )
        )
    return specs
