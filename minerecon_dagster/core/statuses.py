"""The words for how a settlement day stands, in the order in which they are listed, and what each means.

``analytics.reconciliation_status`` decides which of them a day has; everything that shows or counts them takes the
list from here.
"""

from __future__ import annotations

from collections.abc import Mapping

MEANINGS: Mapping[str, str] = {
    "complete": "everything is final, and every check passes but remarks on what stands beside it",
    "warned": "everything is final, and a person should look at what a check found",
    "waived": "everything is final, and what a check found is accepted for a time (`waivers.toml`)",
    "unavailable": "the source has nothing, and a person has closed it (`waivers.toml`): its figures are NULL",
    "provisional": "every period that is due is there; the figures may still change",
    "incomplete": "Elexon has not published some period that is due",
    "failing": "an attempt failed, or a check that stops publication did",
    "missing": "nothing is stored",
}
STATUSES = tuple(MEANINGS)
IN_PART = ("incomplete", "failing")
"""A stored day of these may lack half hours."""
UNAVAILABLE = "unavailable"
"""Closed by a person: nothing is stored, nothing is asked, and nothing is wrong."""


def table() -> str:
    """The words as the Markdown table of docs/operate/status.md."""
    return "\n".join(["| word | a day of which |", "|---|---|", *(f"| {w} | {m} |" for w, m in MEANINGS.items())])
