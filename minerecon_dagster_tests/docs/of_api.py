"""What docs/analyse/api.md has of the API: tables from the committed description, and answers of the sample."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from minerecon_dagster.settings import PROJECT_ROOT
from minerecon_dagster.web.question import _SHARED

ROOT = "/api/v1/"
EXAMPLES: Mapping[str, str] = {
    "Two days, one of them missing": (
        "days?from=2025-03-28&to=2025-03-29&fields=settlement_date,curtailed_mwh,payment_gbp,status"
    ),
    "The half hours before the clocks went forward": (
        "half-hours.csv?from=2025-03-30&to=2025-03-30&limit=3&fields=settlement_period,start_time,london_time,curtailed_mwh"
    ),
    "What a day's energy could have mined: block subsidy only, no fees": (
        "mining/days.csv?from=2025-03-28&to=2025-03-28&source=1&fields=miner_model,mined_btc,difficulty,status"
    ),
    "A month on both bases": (
        "months?from=2025-03&to=2025-03&fields=year_month,curtailed_mwh,all_bids_mwh,days_present,status"
    ),
    "A day compared": (
        "compare.csv?from=2025-10-26&to=2025-10-26&with=2025-03-28"
        "&fields=settlement_date,other_settlement_date,curtailed_mwh,other_curtailed_mwh,difference_curtailed_mwh"
    ),
    "What was published of a day at an instant that nothing is on record of": (
        "days?from=2025-03-28&to=2025-03-28&as_of=2025-03-29&fields=settlement_date,known_as,curtailed_mwh"
    ),
    "What others published of a miner model, in BTC; none of ours is compared, since the sample is made up": (
        "published.csv?model=S9&fields=period_label,value,is_known_wrong,ours_value,ours_is_synthetic,difference_value"
    ),
    "News": "feed.json?limit=1",
    "A typo": "days?form=2025-03-01",
    "Too much": "half-hours?from=2020&to=2025",
}
_OF_THIS_RUN = ("as_of", "request_id", "code", "warehouse_revision", "date_published", "date_modified")  # fmt: skip


def _paths() -> Iterator[tuple[str, dict[str, Any]]]:
    about = json.loads((PROJECT_ROOT / "docs" / "analyse" / "openapi.json").read_text("utf-8"))
    for path, operations in about["paths"].items():
        if path.startswith(ROOT):
            yield path.removeprefix(ROOT), operations["get"]


def resources() -> str:
    """A row for each resource."""
    lines = ["| resource | what | parameters of its own |", "|---|---|---|"]
    for path, operation in _paths():
        own = [f"`{p['name']}`" for p in operation["parameters"] if p["in"] == "query" and p["name"] not in _SHARED]
        most = next((s for s in operation["description"].split(". ") if s.startswith("At most ")), "")
        about = f"{operation['summary']} {most.removesuffix('.') + '.' if most else ''}".strip()
        lines.append(f"| `{path}` | {about} | {', '.join(own)} |")
    return "\n".join(lines)


def parameters() -> str:
    """A row for each parameter."""
    found: dict[str, str] = {}
    for path, operation in _paths():
        for parameter in operation["parameters"]:
            if path != "feed":
                found.setdefault(parameter["name"], parameter["description"])
    lines = ["| parameter | what it says |", "|---|---|"]
    return "\n".join([*lines, *(f"| `{name}` | {about} |" for name, about in found.items())])


def examples(get: Callable[[str], tuple[str, bytes]]) -> str:
    """Each example with its answer.

    Args:
        get: the media type and the body of what a path answers.
    """
    return "\n".join(_example(title, path, *get(ROOT + path)) for title, path in EXAMPLES.items())


def _example(title: str, path: str, media_type: str, body: bytes) -> str:
    shown = _json(json.loads(body)) if "json" in media_type else _lines(body)
    kind = "json" if "json" in media_type else "text"
    return f"{title}:\n\n```sh\ncurl -s 'http://127.0.0.1:3001{ROOT}{path}'\n```\n\n```{kind}\n{shown}\n```\n"


def _lines(body: bytes) -> str:
    found = []
    for line in body.decode("utf-8-sig").splitlines():
        name, mark, _ = line.partition(": ")
        of_run = mark and line.startswith("#") and name.removeprefix("# ") in _OF_THIS_RUN
        found.append(f"{name}: …" if of_run else line)
    return "\n".join(found)


def _json(answer: Any) -> str:
    return json.dumps(_masked(answer), ensure_ascii=False, indent=1)


def _masked(value: Any, name: str = "") -> Any:
    if name in _OF_THIS_RUN and value is not None:
        return "…"
    if isinstance(value, dict):
        return {key: _masked(inner, key) for key, inner in value.items()}
    return [_masked(inner) for inner in value] if isinstance(value, list) else value
