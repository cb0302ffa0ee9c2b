"""``dagster dev`` whose web server is ours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dagster._cli.dev as its_dev
from dagster._cli import main as its_main

from minerecon_dagster.local.permissions import keep_others_out

_THEIRS, _OURS = "dagster_webserver", "minerecon_dagster.launchers.webserver"


def main() -> None:
    """Run what the command line says, as ``dagster`` does."""
    keep_others_out()
    # Where that command starts its processes: the function is looked up there, by this name.
    names = vars(its_dev)
    opened = names["open_ipc_subprocess"]

    def open_ours(command: Sequence[str], **options: Any) -> Any:
        return opened([_OURS if part == _THEIRS else part for part in command], **options)

    names["open_ipc_subprocess"] = open_ours
    its_main()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()
