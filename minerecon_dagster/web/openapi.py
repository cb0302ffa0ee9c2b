"""What the API says of itself: OpenAPI 3.1, made from the resources and from the columns of the warehouse."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from minerecon_dagster.web import feed
from minerecon_dagster.web.answers import PROBLEM, TYPES
from minerecon_dagster.web.database import Column
from minerecon_dagster.web.derived import OF_AS_OF
from minerecon_dagster.web.question import FIRST_YEAR, LAST_YEAR, MOST_ROWS, MOST_SIZES, PAGE_ROWS, parameters_of
from minerecon_dagster.web.resources import RESOURCES, Resource
from minerecon_dagster.web.service import SUBSIDY_ONLY, is_bitcoin

Json = dict[str, Any]

_DATE = r"^20\d\d(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?$"
_INSTANT = r"^20\d\d-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])(T([01]\d|2[0-3]):[0-5]\d:[0-5]\dZ)?$"
_NAME: Json = {"type": "string", "pattern": r"^[^\x00]+$"}
_POWER = r"[0-9]{1,5}(\.[0-9]{1,9})?"
_DECIMAL = r"^-?[0-9]+(\.[0-9]+)?$"
_PARAMETERS: Mapping[str, tuple[str, Json]] = {
    "from": ("First settlement date, or its month or year, inclusive.", {"type": "string", "pattern": _DATE}),
    "to": ("Last settlement date, or its month or year, inclusive.", {"type": "string", "pattern": _DATE}),
    "basis": (
        "so: SO-flagged bids, the headline; all: all accepted bids. Never add the two.",
        {"type": "string", "enum": ["so", "all"], "default": "so"},
    ),
    "fields": ("Columns, by comma, of either basis; by default those of the basis.", {"type": "string"}),
    "after": ("Where a page begins: what `next` of the page before has.", {"type": "string"}),
    "limit": (
        f"Rows at most. JSON has pages of {PAGE_ROWS} by default, files are whole, up to {MOST_ROWS} rows.",
        {"type": "integer", "minimum": 1, "maximum": MOST_ROWS},
    ),
    "numbers": (
        "text: decimals are strings, exact in every reader; json: the same digits as JSON numbers.",
        {"type": "string", "enum": ["text", "json"], "default": "text"},
    ),
    "source": ("1: a CSV begins with lines about itself, behind #.", {"type": "string", "enum": ["0", "1"]}),
    "farm": ("Wind farm, as in `units`.", _NAME),
    "unit": ("BM unit, as in T_SGRWO-1.", _NAME),
    "period": ("Settlement period, counted from 1.", {"type": "string", "pattern": "^([1-9]|[1-4][0-9]|50)$"}),
    "zone": ("Zone: GSP group, _A to _P, or unknown.", _NAME),
    "lead_party": ("Lead party, to the letter.", _NAME),
    "model": ("Miner model, as in `models`.", _NAME),
    "with": (
        "The first day of the other period, or its month or year; by default each day a year before.",
        {"type": "string", "pattern": _DATE},
    ),
    "as_of": (
        "An instant as in 2025-04-01T06:00:00Z, or a date: what was published then, with other columns, where it is on "
        "record; else known_as says so, and no figure is guessed.",
        {"type": "string", "pattern": _INSTANT},
    ),
    "machines": (
        f"Up to {MOST_SIZES} numbers of machines, by comma; or else power_mw.",
        {"type": "string", "pattern": rf"^[1-9][0-9]{{0,6}}(,[1-9][0-9]{{0,6}}){{0,{MOST_SIZES - 1}}}$"},
    ),
    "power_mw": (
        f"Up to {MOST_SIZES} powers in MW, by comma; or else machines.",
        {"type": "string", "pattern": rf"^{_POWER}(,{_POWER}){{0,{MOST_SIZES - 1}}}$"},
    ),
}
_SCHEMAS: Mapping[str, Json] = {
    "numeric": {"anyOf": [{"type": "string", "pattern": _DECIMAL}, {"type": "number"}]},
    "smallint": {"type": "integer"},
    "integer": {"type": "integer"},
    "bigint": {"type": "integer"},
    "boolean": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "timestamp with time zone": {"type": "string", "format": "date-time"},
    "text[]": {"type": "array", "items": {"type": "string"}},
    "jsonb": {},
}
_KEYS = {
    "date": r'"20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])"',
    "text": r'"[A-Za-z0-9 ._/-]{0,40}"',
    "integer": r"(0|[1-9][0-9]{0,3})",
}
"""What a value of a page's beginning looks like, by the type of its column: some of what is taken."""
_REFUSALS = {
    "304": "Nothing has changed since the ETag of If-None-Match.",
    "401": "A token is needed.",
    "404": "There is no such farm, unit, model or party.",
    "406": "There is no such format.",
    "422": "A parameter is not one, or beyond a limit, which the answer names.",
    "503": "Too many requests, or the warehouse cannot be reached: come back after Retry-After.",
    "504": "It took too long: ask for a shorter range.",
}


def describe(columns: Mapping[str, Sequence[Column]]) -> Json:
    """The description of all resources.

    Args:
        columns: of each resource's relation.
    """
    paths: Json = {f"/api/v1/{r.path}": {"get": _operation(r, _columns(r, columns[r.relation]))} for r in RESOURCES}
    paths["/api/v1/feed"] = {"get": _feed()}
    for path, about in (("/healthz", "Whether the process is there."), ("/readyz", "Whether it can answer.")):
        answers: Json = {
            "200": {"description": "Yes.", "content": {"application/json": {"schema": {"type": "object"}}}}
        }
        if path == "/readyz":
            answers["503"] = {"description": "No; each part says why.", "content": answers["200"]["content"]}
        paths[path] = {"get": {"operationId": path[1:], "summary": about, "security": [], "responses": answers}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "minerecon",
            "version": "v1",
            "description": (
                "Great Britain's wind curtailment and the Bitcoin it could have mined, each figure with its state. "
                "GET and HEAD only. A suffix of the path chooses the format: .json, .csv, .parquet, .zip; or Accept "
                f"does. Dates are settlement dates in London, from {FIRST_YEAR} to {LAST_YEAR}; instants are UTC; a "
                "figure that is not known is null. Bitcoin is of the block subsidy only, without fees."
            ),
        },
        "paths": paths,
        "components": {
            "schemas": {"Meta": _META, "Problem": _PROBLEM},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "basic": {"type": "http", "scheme": "basic"},
            },
        },
        "security": [{}, {"bearer": []}, {"basic": []}],
    }


def _feed() -> Json:
    problem = {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    item = {
        "type": "object",
        "required": ["id", "url", "title", "content_text", "date_published", "date_modified", "tags", "attachments"],
        "properties": {
            **{name: {"type": "string"} for name in ("id", "url", "title", "content_text")},
            **{name: {"type": "string", "format": "date-time"} for name in ("date_published", "date_modified")},
            "attachments": {"type": "array", "items": {"type": "object", "required": ["url", "mime_type"]}},
            "tags": {"type": "array", "items": {"enum": list(feed.KINDS)}},
        },
    }
    of_json = {
        "type": "object",
        "required": ["version", "title", "feed_url", "items"],
        "properties": {"items": {"type": "array", "items": item}},
    }
    answers: Json = {
        "200": {
            "description": "The feed, newest first.",
            "content": {
                feed.TYPES["atom"]: {"schema": {"type": "string"}},
                feed.TYPES["json"]: {"schema": of_json},
            },
        }
    }
    for status in ("304", "401", "406", "422", "503", "504"):
        answers[status] = {"description": _REFUSALS[status]} | ({} if status == "304" else {"content": problem})
    about = "News: days that became final, restatements, and gaps of the last three months."
    return {
        "operationId": "feed",
        "summary": about,
        "description": f"{about} As Atom (.atom, .xml) or JSON Feed (.json).",
        "parameters": [
            {
                "name": "kind", "in": "query", "description": "One kind of news alone.",
                "schema": {"type": "string", "enum": list(feed.KINDS)},
            },
            {
                "name": "limit", "in": "query", "description": "Entries at most.",
                "schema": {"type": "integer", "minimum": 1, "maximum": feed.MOST_ENTRIES},
            },
        ],
        "responses": answers,
    }  # fmt: skip


def _columns(resource: Resource, columns: Sequence[Column]) -> list[Column]:
    found = list(resource.derive(columns).columns if resource.derive else columns)
    if resource.as_of:
        names = {c.name for c in found}
        found += [c for c in resource.as_of(columns).columns if c.name not in names]
    return found


def _operation(resource: Resource, columns: Sequence[Column]) -> Json:
    in_path = re.findall(r"{(\w+)}", resource.path)
    required = ("farm", "model") if "machines" in resource.takes else ()
    parameters = [
        _parameter(name, "path" if name in in_path else "query", is_required=name in in_path or name in required)
        for name in (*in_path, *parameters_of(resource))
    ]
    for parameter in parameters:
        if parameter["name"] in ("fields", "after"):
            pattern = _of_fields(columns) if parameter["name"] == "fields" else _of_keys(resource, columns)
            parameter["schema"] = {"type": "string", "pattern": pattern}
        if parameter["name"] == "basis" and resource.basis:
            parameter["description"] = f"{resource.basis}: the only one that there is here."
            parameter["schema"] = {"type": "string", "enum": [resource.basis], "default": resource.basis}
    limit = f" At most {resource.most_days} days at once." if resource.span else ""
    row = {
        "type": "object",
        "properties": {c.name: _column(c) for c in columns},
        "additionalProperties": False,
    }
    body = {
        "type": "object",
        "required": ["meta", "data"],
        "properties": {"meta": {"$ref": "#/components/schemas/Meta"}, "data": {"type": "array", "items": row}},
    }
    files = {media_type: {"schema": {"type": "string"}} for suffix, media_type in TYPES.items() if suffix != "json"}
    answers: Json = {
        "200": {"description": "The rows.", "content": {"application/json": {"schema": body}, **files}},
    }
    problem = {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for status, about in _REFUSALS.items():
        answers[status] = {"description": about} | ({} if status == "304" else {"content": problem})
    return {
        "operationId": resource.name,
        "summary": resource.about,
        "description": " ".join(
            text for text in (f"{resource.about}{limit} Rows by {', '.join(resource.keys)}.", resource.note) if text
        ),
        "parameters": parameters,
        "responses": answers,
    }


def _of_fields(columns: Sequence[Column]) -> str:
    only_then = {c.name for c in OF_AS_OF}
    names = "|".join(re.escape(c.name) for c in columns if c.name not in only_then)
    return f"^({names})(,({names}))*$"


def _of_keys(resource: Resource, columns: Sequence[Column]) -> str:
    types = {c.name: c.sql_type for c in columns}
    return rf"^\[{','.join(_KEYS.get(types[key], _KEYS['integer']) for key in resource.keys)}\]$"


def _parameter(name: str, place: str, *, is_required: bool) -> Json:
    about, schema = _PARAMETERS[name]
    found: Json = {"name": name, "in": place, "description": about, "schema": schema}
    return found | ({"required": True} if is_required else {})


def _column(column: Column) -> Json:
    schema = _SCHEMAS.get(column.sql_type, {"type": "string"})
    kinds = [schema] if schema and "anyOf" not in schema else schema.get("anyOf", [])
    may_be_null: Json = {"anyOf": [*kinds, {"type": "null"}]} if kinds else {}
    unit = f" ({column.unit})" if column.unit else ""
    subsidy = f" Bitcoin: {SUBSIDY_ONLY}." if is_bitcoin(column) else ""
    return may_be_null | {"description": f"{column.comment or column.name}{unit}{subsidy}"}


_COUNT = {"type": "integer"}
_TEXT = {"type": ["string", "null"]}
_META: Json = {
    "type": "object",
    "required": ["source", "resource", "basis", "from", "to", "version", "next"],
    "properties": {
        "source": {"type": "string"},
        "resource": {"type": "string"},
        "basis": {"type": "string", "enum": ["so", "all"]},
        "from": _TEXT,
        "to": _TEXT,
        "covers_from": {"type": "string", "description": "Of rows of months or years: the first day that they are of."},
        "covers_to": {
            "type": "string",
            "description": "The last day that they are of: the state is of all.",
        },
        "note": {"type": "string", "description": "What a reader of the rows must know."},
        "bitcoin": {"type": "string", "description": "What every figure of Bitcoin in the rows is of."},
        "published_as_of": {"type": "string", "description": "The instant of as_of."},
        "totals": {"type": "object", "description": "The sums over the pairs of days that are there on both sides."},
        "days_expected": {**_COUNT, "description": "Days that the rows are of, and that have begun."},
        "days_present": {**_COUNT, "description": "Those of them that are stored."},
        "days_final": {**_COUNT, "description": "Those that are final."},
        "days_in_part": {
            **_COUNT,
            "description": "Stored ones that lack half hours, as one in progress does: energy is at least so much.",
        },
        "statuses": {"type": "object", "additionalProperties": _COUNT, "description": "Days by status."},
        **{
            f"other_{name}": {**schema, "description": f"Of what is compared with: {about}."}
            for name, schema, about in (
                ("days_expected", _COUNT, "its days"),
                ("days_present", _COUNT, "those that are stored"),
                ("days_final", _COUNT, "those that are final"),
                ("days_in_part", _COUNT, "stored ones that lack half hours"),
                ("statuses", {"type": "object", "additionalProperties": _COUNT}, "days by status"),
            )
        },
        "is_provisional": {
            "type": "boolean",
            "description": "Whether a day that the rows are of, on either side, may still change or come.",
        },
        "as_of": {**_TEXT, "description": "When the newest day of the range was built."},
        "is_synthetic": {"type": "boolean", "description": "Whether the days are made up."},
        "version": {"type": "object"},
        "next": {**_TEXT, "description": "The next page; null: there is none."},
    },
}
_PROBLEM: Json = {
    "type": "object",
    "description": "RFC 9457.",
    "required": ["type", "title", "status", "detail", "instance", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": _COUNT,
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "request_id": {"type": "string"},
        "limit": {"description": "The most that is answered."},
        "asked": {"description": "What was asked for."},
        "try": {"type": "string", "description": "An address that works."},
    },
}
