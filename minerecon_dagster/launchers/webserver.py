"""Dagster's web server behind the door: ``minerecon-webserver``, with the options of ``dagster-webserver``."""

from __future__ import annotations

from typing import Any

import dagster_webserver.app as its_app
import dagster_webserver.cli as its_cli
from dagster_webserver.webserver import DagsterWebserver
from starlette.middleware import Middleware

from minerecon_dagster.launchers.door import Door
from minerecon_dagster.local.permissions import keep_others_out
from minerecon_dagster.settings import Settings


class GuardedWebserver(DagsterWebserver[Any, Any]):
    """Dagster's web server, which lets in what is from its own pages."""

    def build_middleware(self) -> list[Middleware]:
        """The door first, so that nothing else sees what it refuses."""
        settings = Settings.from_environ()
        ui_url = settings.ui_url if "ui_url" in settings.model_fields_set else None
        return [Middleware(Door, ui_url=ui_url), *super().build_middleware()]


def main() -> None:
    """Serve, with the options of ``dagster-webserver``."""
    keep_others_out()
    # Where Dagster's command makes its server: the class is looked up there, by this name.
    vars(its_app)["DagsterWebserver"] = GuardedWebserver
    its_cli.main()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()
