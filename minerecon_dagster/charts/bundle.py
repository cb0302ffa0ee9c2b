"""The script that makes charts alive in a browser: `live.js` and Vega as one file, made when the project is set up.

``python -m minerecon_dagster.charts.bundle`` makes it, in a process of its own since that takes 200 MB for a second; a
server only reads it. A page has ``<script src="…/NAME" defer>`` for it, with NAME from `bundle`, which is another one
whenever its content is, so that it may be cached for good. Where it was not made, `bundle` is None and pages have
pictures.
"""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path

FOLDER = Path(__file__).parent / "made"
_SNIPPET = Path(__file__).parent / "live.js"
_NOTICES = Path(__file__).parent / "notices.txt"


@dataclass(frozen=True)
class Bundle:
    """The script: the name by which it is served, and its text as bytes."""

    name: str
    body: bytes


def notices() -> str:
    """The licences of what is in the script: it is handed to every browser, and the bundler leaves them out."""
    return _NOTICES.read_text("utf-8")


def _name() -> str:
    inputs = f"{version('vl-convert-python')}\n{_SNIPPET.read_text('utf-8')}{notices()}"
    return f"charts-{hashlib.sha256(inputs.encode()).hexdigest()[:12]}.js"


@cache
def bundle(folder: Path = FOLDER) -> Bundle | None:
    """The script that was made for this version of Vega and of `live.js`; None where none was."""
    try:
        return Bundle(_name(), (folder / _name()).read_bytes())
    except FileNotFoundError:
        return None


def make(folder: Path = FOLDER) -> Path:
    """Make the script, and remove those of other versions; gives where it is."""
    import vl_convert

    made = vl_convert.javascript_bundle(_SNIPPET.read_text("utf-8"))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / _name()
    half = path.with_suffix(".half")
    half.write_text(f"/*!\n{notices()}*/\n{made}", "utf-8")
    half.replace(path)
    for other in folder.glob("charts-*"):
        if other != path:
            other.unlink()
    return path


if __name__ == "__main__":
    sys.stdout.write(f"{make()}\n")
