"""The data dictionary: nothing is undescribed, and the database says what the code says."""

from __future__ import annotations

import dagster as dg
import pytest
from sqlalchemy import Connection, Engine, text

from minerecon_dagster import asset_keys
from minerecon_dagster.core.units import UNITS, has_number, unit_of
from minerecon_dagster.definitions import build_defs
from minerecon_dagster.defs import catalog
from minerecon_dagster.elexon import datasets  # noqa: F401 - their tables are in the metadata
from minerecon_dagster.exports.dictionary import read_dictionary, sources
from minerecon_dagster.warehouse.store import act_as_owner
from minerecon_dagster.warehouse.tables import metadata
from minerecon_dagster_tests.project import DAY, Project


def test_nothing_is_undescribed(stored: Engine) -> None:
    with stored.connect() as connection:
        entries = read_dictionary(connection)
    assert [name for entry in entries for name in entry.missing()] == []
    assert {e.kind for e in entries} == {"table", "view", "function"}
    assert sources().keys() == {e.name for e in entries if e.kind == "table"}


def test_what_is_undescribed_is_named(stored: Engine) -> None:
    with stored.connect() as connection:
        transaction = connection.begin()
        act_as_owner(connection)
        connection.execute(text("CREATE TABLE minerecon.nameless (a integer)"))
        connection.execute(text("COMMENT ON COLUMN minerecon.bm_units.name IS NULL"))
        connection.execute(text("CREATE FUNCTION analytics.silent() RETURNS integer LANGUAGE sql RETURN 1"))
        missing = [name for entry in read_dictionary(connection) for name in entry.missing()]
        transaction.rollback()
    assert sorted(missing) == [
        "analytics.silent() → integer",
        "minerecon.bm_units.name",
        "minerecon.nameless",
        "minerecon.nameless.a",
        "minerecon.nameless: source",
    ]


def test_the_database_says_what_the_code_says(stored: Engine) -> None:
    with stored.connect() as connection:
        entries = {e.name: e for e in read_dictionary(connection) if e.kind == "table"}
    for table in metadata.tables.values():
        entry = entries[f"{table.schema}.{table.name}"]
        assert entry.meaning == table.comment
        assert {c.name: c.meaning for c in entry.columns} == {c.name: c.comment for c in table.columns}, table.name


def results_of_functions(connection: Connection) -> list[tuple[str, str, str]]:
    """Function, name and type of every column that a function of the schema ``analytics`` returns."""
    query = (
        "SELECT p.proname, a.name, format_type(a.type, NULL) FROM pg_proc AS p CROSS JOIN LATERAL"
        " unnest(p.proargnames, p.proargmodes, p.proallargtypes) AS a (name, mode, type)"
        " WHERE p.pronamespace = 'analytics'::regnamespace AND a.mode = 't'"
    )
    return [(function, name, kind) for function, name, kind in connection.execute(text(query))]


def test_every_column_with_a_number_has_a_unit_or_a_word_for_what_it_counts(stored: Engine) -> None:
    with stored.connect() as connection:
        columns = [(e.name, c.name, c.type, c.unit) for e in read_dictionary(connection) for c in e.columns]
        returned = [(f, name, kind, unit_of(name, kind)) for f, name, kind in results_of_functions(connection)]
    assert len(returned) > 10
    columns += returned
    with_numbers = [(of, name, unit) for of, name, kind, unit in columns if has_number(kind)]
    assert len(with_numbers) > 300
    assert [f"{of}.{name}" for of, name, unit in with_numbers if unit is None] == [], "put it into core/units.py"
    assert {unit for _, _, kind, unit in columns if kind == "date"} == {"date"}
    assert {unit for _, _, kind, unit in columns if kind in ("text", "boolean", "jsonb")} == {None}


def test_a_column_of_a_new_view_without_a_unit_is_found(stored: Engine) -> None:
    with stored.connect() as connection:
        transaction = connection.begin()
        act_as_owner(connection)
        connection.execute(text("CREATE VIEW analytics.new AS SELECT 1 AS tonnes_of_co2, 2 AS all_bids_mwh, 'x' AS y"))
        found = {e.name: e.columns for e in read_dictionary(connection)}["analytics.new"]
        transaction.rollback()
    assert [(c.name, c.unit) for c in found] == [("tonnes_of_co2", None), ("all_bids_mwh", "MWh"), ("y", None)]


def test_nothing_stands_on_the_list_of_units_that_no_column_has(stored: Engine) -> None:
    with stored.connect() as connection:
        names = {c.name for e in read_dictionary(connection) for c in e.columns}
        names |= {name for _, name, _ in results_of_functions(connection)}
    unused = {ending for ending in UNITS if not any(f"_{name}".endswith(f"_{ending}") for name in names)}
    assert unused == set()


def test_dagster_shows_the_columns_of_every_table_and_where_they_are_from(project: Project) -> None:
    columns = {}
    for spec in build_defs().resolve_all_asset_specs():
        schema = spec.metadata.get("dagster/column_schema")
        if schema is not None:
            columns[spec.key] = {column.name: column.description for column in schema.columns}
            assert all(columns[spec.key].values()), spec.key
    assert {asset_keys.RECORDS, asset_keys.DAILY, asset_keys.MONTHLY, *asset_keys.CALCULATIONS} <= columns.keys()
    for key, lineage in catalog.COLUMN_LINEAGE.items():
        for name, deps in lineage.deps_by_column.items():
            assert name in columns[key], (key, name)
            for dep in deps:
                assert dep.column_name in columns[dep.asset_key], (key, name, dep)
    project.ingest(DAY)
    event = project.instance.get_latest_materialization_event(asset_keys.DAILY)
    assert event is not None
    assert event.asset_materialization is not None
    shown = event.asset_materialization.metadata["dagster/column_lineage"].value
    assert isinstance(shown, dg.TableColumnLineage)
    assert dg.TableColumnDep(asset_keys.RECORDS, "curtailed_mwh") in shown.deps_by_column["curtailed_mwh"]


@pytest.mark.parametrize("name", ["bm_units", "curtailment_by_period"])
def test_a_reader_finds_comments_with_psqls_own_queries(stored: Engine, name: str) -> None:
    with stored.connect() as connection:
        schema = "minerecon" if name == "bm_units" else "analytics"
        found = connection.execute(
            text("SELECT obj_description(CAST(:n AS regclass), 'pg_class')"), {"n": f"{schema}.{name}"}
        ).scalar()
    assert found
