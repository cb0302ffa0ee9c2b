"""A fingerprint of what a warehouse holds, so that two versions of the code can be compared on the same source.

    python -m bench.fingerprint postgresql://… > before.json
    python -m bench.fingerprint --compare before.json after.json

Of each table the number of rows, and of each column a hash of (key, value) over all rows, whatever their order. Numbers
that are equal have the same hash, however many zeros they are written with. A column or table that one of the two has
not got is said, and is no difference. `LEFT_OUT` is in no fingerprint: it differs between two runs of the same code.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2 import sql

LEFT_OUT_TABLES: Mapping[str, str] = {
    "alembic_version": "the version of the code",
    "day_locks": "locks",
    "reconciliation_results": "the history of all looks; the latest are in reconciliation_latest",
    "verifications": "the history of all looks",
}
LEFT_OUT_COLUMNS: Mapping[str, str] = {
    "archive_uri": "a place",
    "last_asked_at": "when it ran",
    "new_archive_uri": "a place",
    "old_archive_uri": "a place",
    "built_at": "when it ran",
    "built_from": "a hash of what a day was built from, which each version of the code makes in its own way",
    "detected_at": "when it ran",
    "evaluated_at": "when it ran",
    "fetched_at": "when it ran",
    "first_asked_at": "when it ran",
    "figure_id": "a number that is drawn",
    "restatement_id": "a number that is drawn",
    "result_id": "a number that is drawn",
    "run_id": "a number that is drawn",
    "source": "an address with a port",
    "source_table": "an address",
    "summed_days": "a hash of when the days were built",
    "valid_from": "when the register was fetched",
    "valid_to": "when the register was fetched",
}

Fingerprint = dict[str, dict[str, Any]]
"""By table: ``rows``, and ``columns`` with a hash each."""

_COLUMNS = """
    SELECT c.table_name, c.column_name, c.data_type
    FROM information_schema.columns AS c
    JOIN information_schema.tables AS t USING (table_schema, table_name)
    WHERE c.table_schema = 'minerecon' AND t.table_type = 'BASE TABLE'
    ORDER BY 1, c.ordinal_position
"""
_KEYS = """
    SELECT r.relname, a.attname
    FROM pg_index AS i
    JOIN pg_class AS r ON r.oid = i.indrelid
    JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attnum = ANY(i.indkey)
    WHERE i.indisprimary AND r.relnamespace = CAST('minerecon' AS regnamespace)
    ORDER BY r.relname, a.attnum
"""


def take(database_url: str) -> Fingerprint:
    """The fingerprint of the warehouse at ``database_url``, in one snapshot."""
    found: Fingerprint = {}
    with contextlib.closing(psycopg2.connect(database_url.replace("+psycopg2", ""))) as connection:
        connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL TimeZone = 'UTC'")
            cursor.execute(_KEYS)
            keys: dict[str, list[str]] = {}
            for table, column in cursor.fetchall():
                keys.setdefault(table, []).append(column)
            cursor.execute(_COLUMNS)
            columns: dict[str, dict[str, str]] = {}
            for table, column, kind in cursor.fetchall():
                if table not in LEFT_OUT_TABLES and column not in LEFT_OUT_COLUMNS:
                    columns.setdefault(table, {})[column] = kind
            for table, of_table in columns.items():
                key = [name for name in keys.get(table, ()) if name in of_table]
                cursor.execute(_query(table, of_table, key))
                ((rows, *hashes),) = cursor.fetchall()
                named = {name: f"{int(value or 0) % 2**64:016x}" for name, value in zip(of_table, hashes, strict=True)}
                found[table] = {"rows": rows, "columns": named}
    return found


def _query(table: str, columns: Mapping[str, str], key: list[str]) -> sql.Composed:
    def as_text(name: str) -> sql.Composed:
        value = sql.Identifier(name)
        if columns[name] == "numeric":
            value = sql.SQL("trim_scale({})").format(value)  # type: ignore[assignment]
        return sql.SQL("coalesce(CAST({} AS text), '')").format(value)

    def summed(name: str) -> sql.Composed:
        null = sql.SQL("CASE WHEN {} IS NULL THEN 'null' ELSE 'is' END").format(sql.Identifier(name))
        parts = sql.SQL(" || '|' || ").join([*(as_text(k) for k in key), null, as_text(name)])
        return sql.SQL("sum(CAST(CAST('x' || left(md5({}), 15) AS bit(60)) AS bigint))").format(parts)

    sums = sql.SQL(", ").join([sql.SQL("count(*)"), *map(summed, columns)])
    return sql.SQL("SELECT {} FROM minerecon.{}").format(sums, sql.Identifier(table))


def compare(before: Fingerprint, after: Fingerprint) -> tuple[list[str], list[str]]:
    """What differs, and what only one of the two has."""
    differing, alone = [], []
    for table in sorted(before.keys() | after.keys()):
        if table not in before or table not in after:
            alone.append(f"table {table}, only {'before' if table in before else 'after'}")
            continue
        old, new = before[table], after[table]
        if old["rows"] != new["rows"]:
            differing.append(f"{table}: {old['rows']} rows before, {new['rows']} after")
        for column in sorted(old["columns"].keys() | new["columns"].keys()):
            if column not in old["columns"] or column not in new["columns"]:
                alone.append(f"{table}.{column}, only {'before' if column in old['columns'] else 'after'}")
            elif old["columns"][column] != new["columns"][column]:
                differing.append(f"{table}.{column}")
    return differing, alone


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("database_url", nargs="?")
    parser.add_argument("--compare", nargs=2, type=Path, metavar=("BEFORE", "AFTER"))
    given = parser.parse_args()
    if given.compare:
        differing, alone = compare(*(json.loads(file.read_text("utf-8")) for file in given.compare))
        for what in differing:
            print(f"differs: {what}")
        for what in alone:
            print(f"no counterpart: {what}")
        print("no difference" if not differing else f"{len(differing)} differences")
        return int(bool(differing))
    if not given.database_url:
        parser.error("name a warehouse, or two fingerprints to --compare")
    print(json.dumps(take(given.database_url), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
