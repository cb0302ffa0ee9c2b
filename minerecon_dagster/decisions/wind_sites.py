"""Where wind farms are: reviewed facts of others, by BM unit. The register has no place but the zone."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Literal

from minerecon_dagster.decisions.reader import FOLDER, Decision, only, read, refuse_twice

FILE = FOLDER / "wind_sites.toml"


class WindSite(Decision, frozen=True):
    """The place of one BM unit.

    Args:
        bmu_id: the unit.
        technology: which kind of wind farm it is.
        source: whose facts these are.
        licence: under which they may be used.
        latitude, longitude: degrees (WGS 84); None where nobody has looked, or the source contradicts itself.
        connection_latitude, connection_longitude: of an offshore farm, where it comes to land.
    """

    kind = "site"

    bmu_id: str
    technology: Literal["onshore", "offshore"]
    source: str
    licence: str
    latitude: Decimal | None = None
    longitude: Decimal | None = None
    connection_latitude: Decimal | None = None
    connection_longitude: Decimal | None = None

    @property
    def title(self) -> str:
        """The unit's id."""
        return self.bmu_id

    def problem(self) -> str | None:
        """Half of a pair of coordinates, or a place outside Great Britain and its waters."""
        for latitude, longitude in (
            (self.latitude, self.longitude),
            (self.connection_latitude, self.connection_longitude),
        ):
            if (latitude is None) != (longitude is None):
                return "latitude and longitude go together"
            if latitude is not None and longitude is not None and not (49 < latitude < 62 and -9 < longitude < 4):
                return f"{latitude}, {longitude} is not in Great Britain or its waters"
        return None


@cache
def wind_sites(file: Path = FILE) -> tuple[WindSite, ...]:
    """The sites of ``file``, in its order.

    Raises:
        ConfigurationError: the file cannot be read, or an entry is wrong or there twice.
    """
    sites = only(WindSite, read(file, WindSite))
    refuse_twice(file, sites)
    return tuple(sites)
