"""botocore's data files, read once by a process.

Each session of boto3 parses half a megabyte of JSON for its first client, and the project makes a session for each
piece of work, as threads need: half the cost of a client, in hundreds of tests.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from botocore.loaders import JSONFileLoader, Loader

_load_file = JSONFileLoader.load_file
_list_services = Loader.list_available_services


@cache
def _loaded(path: str) -> Any:
    return _load_file(JSONFileLoader(), path)


@cache
def _services(folders: tuple[str, ...], kind: str) -> list[str]:
    loader = Loader()
    loader.search_paths[:] = folders
    return _list_services(loader, kind)


def read_once() -> None:
    """Let all sessions share what they read, as the clients of one session do."""
    JSONFileLoader.load_file = lambda _, path: _loaded(path)
    Loader.list_available_services = lambda self, type_name: list(_services(tuple(self.search_paths), type_name))
