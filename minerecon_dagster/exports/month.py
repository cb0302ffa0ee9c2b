"""Export the analysts' views: a Parquet and a CSV file per month and view, and a manifest that is written last.

What is exported is found in the database: every view of the schema ``analytics`` with a column of days or
of months. ``docs/analyse/exports.md`` says how the files look and how to read them.
"""

from __future__ import annotations

import calendar
import datetime as dt
import hashlib
import json
import logging
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, Select, Text, cast, collate, column, select, table, text

from minerecon_dagster.core.answers import source_of
from minerecon_dagster.core.calendar import settlement_date
from minerecon_dagster.core.errors import ArchiveError
from minerecon_dagster.core.mining import FORMULA_VERSION
from minerecon_dagster.core.units import unit_of
from minerecon_dagster.warehouse.store import alone, statement
from minerecon_dagster.warehouse.warehouse import Warehouse

if TYPE_CHECKING:  # pyarrow and the archive's clients are loaded when something is exported
    from minerecon_dagster.exports.files import Column
    from minerecon_dagster.storage import Store

FOLDER = "exports"
MANIFEST = "manifest.json"
FORMAT = "minerecon-export/1"
FORMATS = ("parquet", "csv")

_DAY_COLUMNS = ("settlement_date", "summary_date", "price_date")
_MONTH_COLUMNS = ("year_month",)
_CHUNK_ROWS = 20_000
_LOCK = 0x6578706F
_REMOVING = "removing"
"""The key of a manifest with the files of views that there are no more, until they are gone."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class View:
    """A view that is exported: ``partition_column`` has its days or months."""

    name: str
    comment: str | None
    columns: Sequence[Column]
    partition_column: str

    def month(self, first: dt.date) -> Select[Any]:
        """The rows of the month that begins on ``first``, in an order that is the same on every server."""
        of_view = table(self.name, *(column(c.name) for c in self.columns), schema="analytics")
        part = of_view.c[self.partition_column]
        asked = [cast(of_view.c[c.name], Text) if c.is_text_in_files else of_view.c[c.name] for c in self.columns]
        if self.partition_column in _MONTH_COLUMNS:
            chosen = part == f"{first:%Y-%m}"
        else:
            chosen = part.between(first, _last(first))
        order = [
            collate(of_view.c[c.name], "C") if c.sql_type == "text" else value
            for c, value in zip(self.columns, asked, strict=True)
        ]
        return select(*asked).where(chosen).order_by(part, *order)


@dataclass(frozen=True)
class Export:
    """What became of a month's export.

    Args:
        month: as in ``2025-03``.
        manifest_uri: where the manifest is.
        manifest: what it says.
        written: the names of the files that were new or had other content.
        removed: the names of files of views that there are no more.
        manifest_written: whether the manifest had to be written: something changed, if only a day's status.
    """

    month: str
    manifest_uri: str
    manifest: Mapping[str, Any]
    written: Sequence[str]
    removed: Sequence[str]
    manifest_written: bool

    @property
    def row_counts(self) -> dict[str, int]:
        """Rows by view."""
        return {name: view["rows"] for name, view in self.manifest["views"].items()}

    @property
    def byte_count(self) -> int:
        """The size of all files."""
        return sum(file["bytes"] for file in _files(self.manifest).values())


def exported_views(connection: Connection) -> list[View]:
    """The views that have a column of days or of months, by name."""
    from minerecon_dagster.exports.files import Column

    found: dict[str, tuple[str | None, list[Column]]] = {}
    for row in connection.execute(statement("exports/views")):
        _, columns = found.setdefault(row.view_name, (row.view_comment, []))
        columns.append(
            Column(row.column_name, row.column_type, row.column_comment, unit_of(row.column_name, row.column_type))
        )
    views = []
    for name, (comment, columns) in found.items():
        types = {c.name: c.sql_type for c in columns}
        parts = [c for c in _DAY_COLUMNS if types.get(c) == "date"] + [
            c for c in _MONTH_COLUMNS if types.get(c) == "text"
        ]
        if parts:
            views.append(View(name, comment, columns, parts[0]))
    return views


def months_with_days(connection: Connection) -> list[str]:
    """The months of which a day is stored, or closed by a person, oldest first."""
    query = (
        "SELECT to_char(summary_date, 'YYYY-MM') FROM minerecon.daily_summaries"
        " UNION SELECT to_char(settlement_date, 'YYYY-MM') FROM minerecon.unavailable_days ORDER BY 1"
    )
    return list(connection.execute(text(query)).scalars())


def export_month(engine: Engine, store: Store, month: str, now: dt.datetime) -> Export | None:
    """Write the files of a month that are not there as they should be, and then its manifest.

    All files are of one snapshot of the warehouse. Nothing is written before all of them are made, and a
    file with the content that it should have is left alone.

    Args:
        engine: the warehouse.
        store: the place of the archive.
        month: as in ``2025-03``.
        now: the present instant.

    Returns:
        None where no day of the month is stored, and none ever was.

    Raises:
        ConfigurationError: the warehouse is not migrated.
        ArchiveError: the place cannot be used, or holds an export of real days and this one is of synthetic ones.
        ExportError: a value cannot be written to a file.
    """
    first = dt.date.fromisoformat(f"{month}-01")
    folder = f"{FOLDER}/{month}"
    # Two exports of a month at once would leave files of both.
    with (
        alone(engine, _LOCK, first.year * 12 + first.month),
        tempfile.TemporaryDirectory(prefix="minerecon-export-") as scratch,
    ):
        names = [name.removeprefix(f"{folder}/") for name in store.names(folder)]
        with Warehouse(engine).snapshot(require_current=True) as connection:
            manifest = _about(connection, first, now)
            if not manifest["state"]["days_present"] and MANIFEST not in names:
                return None
            for view in exported_views(connection):
                manifest["views"][view.name] = _make(connection, view, first, manifest["source"], Path(scratch))
        before = _read_manifest(store, f"{folder}/{MANIFEST}") if MANIFEST in names else {}
        files = _files(manifest)
        if manifest["is_synthetic"]:
            _refuse_to_cover(store, folder, before, files.keys() & set(names))
        written = []
        for name, file in files.items():
            if name not in names or hashlib.sha256(store.read(f"{folder}/{name}")).hexdigest() != file["sha256"]:
                store.replace(f"{folder}/{name}", (Path(scratch) / name).read_bytes())
                written.append(name)
        changed = bool(written) or _without_time(before) != _without_time(manifest)
        # Listed before they are removed: whoever is killed between the two leaves the rest to the next export.
        listed = {*_files(before), *before.get(_REMOVING, ())}
        removed = [name for name in names if name in listed and name not in files]
        if removed:
            _write_manifest(store, folder, manifest | {_REMOVING: removed})
            for name in removed:
                store.delete(f"{folder}/{name}")
        if changed:
            _write_manifest(store, folder, manifest)
    return Export(
        month=month,
        manifest_uri=f"{store.root}/{folder}/{MANIFEST}",
        manifest=manifest if changed else before,
        written=written,
        removed=removed,
        manifest_written=changed,
    )


def _about(connection: Connection, first: dt.date, now: dt.datetime) -> dict[str, Any]:
    """The manifest, without its views."""
    asked = {"first": first, "last": _last(first), "today": settlement_date(now)}
    state = connection.execute(statement("exports/month_state"), asked).one()
    revision = connection.execute(text("SELECT version_num FROM minerecon.alembic_version")).scalar_one()
    return {
        "format": FORMAT,
        "month": f"{first:%Y-%m}",
        "generated_at": now.isoformat(),
        "source": source_of(synthetic=state.is_synthetic),
        "is_synthetic": state.is_synthetic,
        "state": {
            "days_expected": state.days_expected,
            "days_present": state.days_present,
            "days_final": state.days_final,
            "is_complete": state.days_final == state.days_expected,
            "is_provisional": state.days_final + state.days_unavailable < state.days_expected,
            "statuses": dict(sorted(state.statuses.items())),
        },
        "version": {
            "code": version("minerecon-dagster"),
            "warehouse_revision": revision,
            "formula_version": FORMULA_VERSION,
        },
        "views": {},
    }


def _make(connection: Connection, view: View, first: dt.date, source: str, scratch: Path) -> dict[str, Any]:
    """Make a view's files in ``scratch``; what the manifest says of them."""
    from minerecon_dagster.exports.files import write_files

    paths = {kind: scratch / f"{view.name}.{kind}" for kind in FORMATS}
    about = {"view": f"analytics.{view.name}", "month": f"{first:%Y-%m}", "source": source}
    if view.comment:
        about["comment"] = view.comment
    with connection.execute(view.month(first), execution_options={"yield_per": _CHUNK_ROWS}) as rows:
        written = write_files(rows.partitions(), view.columns, paths["parquet"], paths["csv"], about)
    return {
        "comment": view.comment,
        "rows": written.rows,
        "columns": [
            {
                "name": c.name,
                "type": c.sql_type,
                "parquet_type": str(c.arrow_type),
                "unit": c.unit,
                "comment": c.comment,
                # None of a column whose values are all as they are in the view.
                "rounded_in_parquet": written.rounded.get(c.name) or None,
                "marked_in_csv": written.marked.get(c.name) or None,
            }
            for c in view.columns
        ],
        "files": {
            kind: {
                "name": path.name,
                "bytes": path.stat().st_size,
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            }
            for kind, path in paths.items()
        },
    }


def _write_manifest(store: Store, folder: str, manifest: Mapping[str, Any]) -> None:
    body = json.dumps(manifest, ensure_ascii=False, indent=1) + "\n"
    store.replace(f"{folder}/{MANIFEST}", body.encode())


def _read_manifest(store: Store, name: str) -> dict[str, Any]:
    try:
        found = json.loads(store.read(name))
    except ValueError as error:
        _log.warning("%s/%s is damaged (%s), and is written anew", store.root, name, error)
        return {}
    return found if isinstance(found, dict) else {}


def _refuse_to_cover(store: Store, folder: str, before: Mapping[str, Any], there: Collection[str]) -> None:
    """Let synthetic days cover no export of real ones.

    Args:
        store: the place.
        folder: of the month.
        before: the manifest that is there.
        there: the files of an export that are there.

    Raises:
        ArchiveError: they are of real days, or no manifest says of what: it is gone, or damaged.
    """
    is_synthetic = before.get("is_synthetic")
    if is_synthetic is True or (is_synthetic is None and not there):
        return
    of = "of real days" if is_synthetic is False else "without a manifest that says of which days"
    remedy = "" if is_synthetic is False else f"; or, if it is the sample's own, delete {folder}"
    raise ArchiveError(
        f"{store.root}/{folder} holds an export {of}, and synthetic ones never cover them: "
        f"give the sample another MINERECON_ARCHIVE_URL, or another MINERECON_HOME{remedy}"
    )


def _files(manifest: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The files that a manifest lists, by name."""
    return {file["name"]: file for view in manifest.get("views", {}).values() for file in view["files"].values()}


def _without_time(manifest: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in manifest.items() if name != "generated_at"}


def _last(first: dt.date) -> dt.date:
    return first.replace(day=calendar.monthrange(first.year, first.month)[1])
