"""All properties: those of each dataset, of all control totals, and those that are of no one dataset.

A property of a dataset, of a register or of prices is declared beside what evaluates it, one of the day's tables in
`core.checks`; all are collected here.

The table of docs/operate/checks.md and Dagster's descriptions are made from here.
"""

from __future__ import annotations

from minerecon_dagster.checks import control_totals
from minerecon_dagster.core import checks
from minerecon_dagster.core.checks import Property
from minerecon_dagster.elexon.datasets import DATASETS, later, required_control_totals
from minerecon_dagster.prices.store import PRICES_KNOWN
from minerecon_dagster.register.store import WIND_UNITS_MAPPED
from minerecon_dagster.register.zones import ZONES_STAY


def collected() -> tuple[Property, ...]:
    """All of them, by family, in the order of their declaration."""
    of_datasets = [p for dataset in DATASETS for p in dataset.properties]
    declared = [
        *checks.OF_NO_DATASET,
        *of_datasets,
        *control_totals.PROPERTIES,
        WIND_UNITS_MAPPED,
        ZONES_STAY,
        PRICES_KNOWN,
    ]
    families = dict.fromkeys([*checks.FAMILIES, *(p.family for p in declared)])
    return tuple(p for family in families for p in declared if p.family == family)


PROPERTIES = collected()

NEED_CONTROL_TOTAL = frozenset(
    {control_totals.EMPTY_DAY_HAS_EMPTY_CONTROL, *(p for total in required_control_totals() for p in total.properties)}
)
"""What compares with a control total that a person may do without: of a day that is built so it cannot look."""

_OF_LATER = frozenset(p for dataset in later() for p in dataset.properties)
DAY_PROPERTIES = tuple(
    p for p in PROPERTIES if p.scope == "day" and p.family != checks.SOURCE_UNCHANGED.family and p not in _OF_LATER
)
"""What is evaluated of every stored day. Drift is not, since it needs Elexon's answers of now; and what comes later is
evaluated when it comes."""


def table() -> str:
    """All properties as the Markdown table of docs/operate/checks.md."""
    lines = ["| check | severity | of | must hold | evaluated by | mended | repair |", "|---|---|---|---|---|---|---|"]
    lines += [
        f"| `{p.full_name}` | {p.severity} | {p.scope} | {p.meaning} | {p.evaluated} |"
        f" {'by a person' if p.repair.needs_a_person else 'by itself'} | `{p.repair}` |"
        for p in PROPERTIES
    ]
    return "\n".join(lines)
