r"""The data dictionary: every table, view, column and function, from what the database says of itself.

Meanings stand in the comments of `warehouse/tables.py` and of ``sql/objects``, so that psql's ``\d+``, Dagster and
docs/analyse/dictionary.md say the same. Units are those of `core/units.py`. Sources are of a relation: `sources`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from minerecon_dagster.core.units import unit_of
from minerecon_dagster.elexon.datasets import DATASETS
from minerecon_dagster.elexon.datasets.stack import STACK
from minerecon_dagster.warehouse.store import statement

DERIVED = "derived from the records"
OURS = "this project's own record"
_SOURCES: Mapping[str, str] = {
    "minerecon.bitcoin_daily_summaries": "derived from historical_bitcoin_calculations",
    "minerecon.bitcoin_difficulty": "the DynamoDB difficulty table",
    "minerecon.bitcoin_monthly_summaries": "derived from bitcoin_daily_summaries",
    "minerecon.bitcoin_price_gbp": "Coinbase Exchange, daily candles of BTC-GBP",
    "minerecon.bitcoin_yearly_summaries": "derived from bitcoin_daily_summaries",
    "minerecon.block_subsidies": "the list in core/mining.py",
    "minerecon.bm_units": "Elexon's register of BM units",
    "minerecon.calculation_reconciliation": OURS,
    "minerecon.daily_summaries": "derived from curtailment_records, wind_generation_data and turn_up_by_period",
    "minerecon.day_locks": OURS,
    "minerecon.emission_factors": "the list in core/emissions.py",
    "minerecon.historical_bitcoin_calculations": "derived from curtailment_records and bitcoin_difficulty",
    "minerecon.ingestion_progress": OURS,
    "minerecon.left_out_units": STACK.source,
    "minerecon.miner_models": "the list in core/mining.py",
    "minerecon.monthly_summaries": "derived from daily_summaries",
    "minerecon.period_summaries": DERIVED,
    "minerecon.published_figures": "others' publications, as each row names them",
    "minerecon.reconciliation_latest": OURS,
    "minerecon.reconciliation_results": OURS,
    "minerecon.register_refusals": OURS,
    "minerecon.request_turns": OURS,
    "minerecon.restatements": OURS,
    "minerecon.schema_compatibility": OURS,
    "minerecon.turn_up_by_fuel_day": f"derived from {STACK.source}: its offers",
    "minerecon.turn_up_by_period": f"derived from {STACK.source}: its offers",
    "minerecon.unanswered_days": OURS,
    "minerecon.unavailable_days": "the reviewed file decisions/waivers.toml",
    "minerecon.uncounted_units": STACK.source,
    "minerecon.unit_daily_summaries": DERIVED,
    "minerecon.verifications": OURS,
    "minerecon.wind_farm_exceptions": "the reviewed file decisions/wind_farms.toml",
    "minerecon.wind_sites": "the reviewed file decisions/wind_sites.toml",
    "minerecon.yearly_summaries": "derived from daily_summaries",
    "minerecon.later_answers": OURS,
}
"""Where the rows of a table are from that is no dataset's."""


def sources() -> dict[str, str]:
    """Where the rows of each table are from; a view's are from the tables that it reads."""
    of_datasets = {t.fullname: dataset.source for dataset in DATASETS for t in (dataset.table, *dataset.more_tables)}
    return {**_SOURCES, **of_datasets}


@dataclass(frozen=True)
class ColumnEntry:
    """A column: its name, type, unit (None: it has none), meaning and an example (None: there is none)."""

    name: str
    type: str
    unit: str | None
    meaning: str | None
    example: str | None = None


@dataclass(frozen=True)
class Entry:
    """A table, view or function: its full name, kind, meaning, source and columns (of a function: none)."""

    name: str
    kind: str
    meaning: str | None
    source: str | None
    columns: Sequence[ColumnEntry] = ()

    def missing(self) -> list[str]:
        """What nobody has described."""
        found = [] if self.meaning else [self.name]
        if self.kind == "table" and not self.source:
            found.append(f"{self.name}: source")
        return found + [f"{self.name}.{column.name}" for column in self.columns if not column.meaning]


def read_dictionary(connection: Connection) -> list[Entry]:
    """Every table, view and function of both schemas, as the database describes it: tables, views, functions.

    Args:
        connection: a migrated warehouse. Examples are left out.
    """
    known = sources()
    columns: dict[str, list[ColumnEntry]] = {}
    entries: dict[str, Entry] = {}
    for r in connection.execute(statement("dictionary/columns")):
        columns.setdefault(r.relation, []).append(
            ColumnEntry(r.column_name, r.type, unit_of(r.column_name, r.type), r.meaning)
        )
        entries[r.relation] = Entry(r.relation, r.kind, r.relation_meaning, known.get(r.relation))
    relations = [Entry(e.name, e.kind, e.meaning, e.source, columns[e.name]) for e in entries.values()]
    functions = [
        Entry(r.signature, "function", r.meaning, None) for r in connection.execute(statement("dictionary/functions"))
    ]
    return sorted(relations, key=lambda e: (e.kind != "view", e.name)) + functions


def as_markdown(entries: Sequence[Entry]) -> str:
    """The dictionary as the part of a page, views first: they are what analysts read."""
    parts = []
    for entry in entries:
        source = f" Source: {entry.source}." if entry.source else ""
        parts.append(f"\n## `{entry.name}` ({entry.kind})\n\n{_cell(entry.meaning or '')}{source}\n")
        if entry.columns:
            lines = ["| column | type | unit | meaning | example |", "|---|---|---|---|---|"]
            lines += [
                f"| `{c.name}` | {c.type} | {c.unit or ''} | {_cell(c.meaning or '')} | {_cell(c.example or '')} |"
                for c in entry.columns
            ]
            parts.append("\n" + "\n".join(lines) + "\n")
    return "".join(parts)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
