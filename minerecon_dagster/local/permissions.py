"""What other users of the machine may do with the files and sockets of ours: at most read, as a group.

Who may write in a home may put another PostgreSQL or another code server's socket there, and be run as its owner.
"""

from __future__ import annotations

import os
from pathlib import Path

from minerecon_dagster.core.errors import ConfigurationError

_OTHERS = 0o027
"""Nobody else writes; whoever is not of our group does not read either."""
_WRITABLE_BY_OTHERS = 0o022
_REMEDY = "set MINERECON_HOME to a folder of yours"


def keep_others_out() -> None:
    """Let this process and its children make nothing that others can write. A stricter umask stays."""
    os.umask(os.umask(0o077) | _OTHERS)


def own_folder(path: Path) -> None:
    """Make a folder of ours (0700), or take from others the right to write in the one that is there.

    Raises:
        ConfigurationError: it cannot be made or written in; or others may write in it, and it is not ours to change.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be made ({error.strerror}): {_REMEDY}") from None
    if not os.access(path, os.W_OK):
        raise ConfigurationError(f"{path} cannot be written in: {_REMEDY}")
    mode = path.stat().st_mode
    if not mode & _WRITABLE_BY_OTHERS:
        return
    try:
        path.chmod(mode & ~_WRITABLE_BY_OTHERS)
    except PermissionError:
        raise ConfigurationError(
            f"{path} can be written by other users and belongs to another one: {_REMEDY}"
        ) from None
