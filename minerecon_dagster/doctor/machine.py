"""Lines of the machine: room where home and archive are, and by which proxy the outside is asked."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from minerecon_dagster.core.errors import ConfigurationError
from minerecon_dagster.doctor.line import Line, looked_at, ok, wrong
from minerecon_dagster.doctor.services import nearest
from minerecon_dagster.http.attempt import proxy_of
from minerecon_dagster.settings import Settings
from minerecon_dagster.storage import is_folder

LEAST_FREE_BYTES = 5 * 1024**3
"""The archive of five years is about 2 GB, the warehouse of it, where that is embedded, about as much."""
_GB = 1024**3
_CERTIFICATES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def machine_lines(settings: Settings, *, least_free_bytes: int = LEAST_FREE_BYTES) -> list[Line]:
    """Disk and proxy.

    Args:
        settings: where home, archive and sources are.
        least_free_bytes: that a folder which is written to must have.
    """
    folders = {"MINERECON_HOME": settings.home}
    if is_folder(settings.archive_url):
        folders["MINERECON_ARCHIVE_URL"] = Path(settings.archive_url)
    return [
        looked_at("disk", lambda: _disk(folders, least_free_bytes)),
        looked_at("proxy", lambda: _proxy(settings)),
    ]


def _disk(folders: dict[str, Path], least_free_bytes: int) -> Line:
    free = {name: shutil.disk_usage(nearest(path)).free for name, path in folders.items()}
    for name, there in free.items():
        if there < least_free_bytes:
            says = (
                f"{there / _GB:,.1f} GB are free for {name} ({folders[name]}), and {least_free_bytes / _GB:,.0f} wanted"
            )
            return wrong("disk", says, f"make room there, or set {name} to another disk")
    return ok("disk", ", ".join(f"{there / _GB:,.0f} GB free for {name}" for name, there in free.items()))


def _proxy(settings: Settings) -> Line:
    """By which way each source is asked; the secret address of the webhook is in no line."""
    if (file := _certificates()) is not None and not file.exists():
        raise ConfigurationError(f"there are no certificates at {file}; correct REQUESTS_CA_BUNDLE")
    asked: dict[str, str] = {"Elexon": settings.elexon_base_url, "prices": settings.price_base_url}
    if settings.alert_webhook_url is not None:
        asked["the webhook"] = settings.alert_webhook_url
    ways = {name: proxy_of(url) for name, url in asked.items()}
    proxies = sorted({proxy for proxy in ways.values() if proxy})
    if not proxies:
        return ok("proxy", "none: sources are asked directly")
    said = "; ".join(f"{name} by {proxy}" if proxy else f"{name} directly" for name, proxy in ways.items())
    return ok("proxy", f"{said}; this machine directly")


def _certificates() -> Path | None:
    found = next((os.environ[name] for name in _CERTIFICATES if os.environ.get(name)), None)
    return None if found is None else Path(found)
