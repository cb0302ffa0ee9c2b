"""Where `deploy/` is, and its scripts as modules: it is no package, and is not installed."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from minerecon_dagster.settings import PROJECT_ROOT

DEPLOY = PROJECT_ROOT / "deploy"


def module(path: str) -> ModuleType:
    """A script of `deploy/` as a module, as in ``test/parts.py``."""
    name = f"deploy_{Path(path).with_suffix('').as_posix().replace('/', '_')}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, DEPLOY / path)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]
