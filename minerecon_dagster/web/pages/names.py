"""The names that there are: of farms, lead parties and models; and what is said of one that there is not."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from urllib.parse import quote

from minerecon_dagster.web.pages.asked import Asked
from minerecon_dagster.web.pages.reader import Reader
from minerecon_dagster.web.question import NotAnsweredError

_LIKELY = 3
"""So many names that it may be are told."""
_ALIKE = 0.4
"""How like a name must be to be told, from 0 to 1."""
_SHOWN = 60


def farm_names(reader: Reader) -> list[str]:
    """Every wind farm that there ever was, by name."""
    return [r["farm_name"] for r in reader.rows("SELECT DISTINCT farm_name FROM analytics.wind_farms ORDER BY 1")]


def party_names(reader: Reader) -> list[str]:
    """Every lead party that wind ever had."""
    found = reader.rows(
        "SELECT lead_party_name FROM minerecon.bm_units WHERE lead_party_name IS NOT NULL AND fuel_type = 'WIND'"
        " UNION SELECT lead_party_name FROM analytics.wind_farms WHERE lead_party_name IS NOT NULL ORDER BY 1"
    )
    return [row["lead_party_name"] for row in found]


def model_names(reader: Reader) -> list[str]:
    """The miner models."""
    return [row["miner_model"] for row in reader.ask("models", fields=["miner_model"]).rows]


def require(
    reader: Reader, asked: Asked, *, farm: str | None = None, party: str | None = None, model: str | None = None
) -> None:
    """Refuse a farm, a lead party or a miner model that there is not, with those that it may be.

    Raises:
        NotAnsweredError: there is none of that name.
    """
    if farm is not None and farm not in (names := farm_names(reader)):
        raise _unknown(asked, farm, names, "wind farm", "farms")
    if model is not None and model not in (names := model_names(reader)):
        close = difflib.get_close_matches(model.upper(), names, 1, _ALIKE)
        raise NotAnsweredError(
            404,
            f"there is no miner model {model[:_SHOWN]!r}; there are {', '.join(names)}",
            **{"try": asked.address(model=close[0] if close else None)},
        )
    if party is not None and not reader.rows(
        "SELECT FROM minerecon.unit_daily_summaries WHERE lead_party_name = %(name)s UNION ALL"
        " SELECT FROM minerecon.bm_units WHERE lead_party_name = %(name)s LIMIT 1",
        name=party,
    ):
        raise _unknown(asked, party, party_names(reader), "lead party of wind", "lead-parties")


def _unknown(asked: Asked, name: str, names: Sequence[str], what: str, folder: str) -> NotAnsweredError:
    folded = {n.casefold(): n for n in names}
    close = [folded[n] for n in difflib.get_close_matches(name.casefold(), list(folded), _LIKELY, _ALIKE)]
    close += [n for n in names if name.casefold() in n.casefold() and n not in close][:_LIKELY]
    more = f"; did you mean {' or '.join(close)}?" if close else ""
    target = f"/{folder}/{quote(close[0], safe='')}" if close else "/farms"
    return NotAnsweredError(404, f"there is no {what} {name[:_SHOWN]!r}{more}", **{"try": asked.prefix + target})
