"""The licences of what is shipped and of the extras, as packages declare them; `make docs` writes their page.

A licence that does not let a package be handed on beside MIT, or that nobody can read, fails a test, whatever extra it
came with. The tools of development are in none of these: nobody gets them from this project.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Mapping
from importlib.metadata import Distribution, distribution
from pathlib import Path
from types import ModuleType

_HERE = Path(__file__).resolve().parent


def _lock() -> ModuleType:
    """`lock.py` beside this file: the folder is no package."""
    spec = importlib.util.spec_from_file_location("deploy_lock", _HERE / "lock.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


EXTRAS: Mapping[str, str] = {
    "": "the core: `pip install` of the project, and the image",
    "web": "extra `web`: the read API and the dashboard; in the image",
    "k8s": "extra `k8s`: in an image that was built with `KUBERNETES=1`",
    "celery": "extra `celery`: installed by who asks for it; in no image",
    "local": "extra `local`: the embedded services of `make run`; in no image",
}
ALLOWED = {
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSD", "CC0-1.0", "CNRI-Python", "ISC", "LGPL-3.0", "MIT",
    "MIT-0", "MPL-2.0", "PSF-2.0", "Unlicense", "Zlib",
}  # fmt: skip
"""All of them let a package be handed on, unchanged, beside what is under MIT. MPL and LGPL bind their own files."""
_WORDS = {
    "3-clause bsd license": "BSD-3-Clause",
    "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license version 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "bsd": "BSD",
    "bsd license": "BSD",
    "isc license (iscl)": "ISC",
    "gnu library or lesser general public license (lgpl)": "LGPL-3.0",
    "lgpl with exceptions": "LGPL-3.0",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "new bsd": "BSD-3-Clause",
    "python software foundation license": "PSF-2.0",
}
"""What packages say for a licence that has a shorter name; in small letters."""


def licence_of(package: Distribution) -> str:
    """The licence that a package declares, as an SPDX expression where it can be read as one.

    Its ``License-Expression`` counts; else a short ``License``; else its classifiers, any of which may be chosen.
    """
    said = package.metadata.get("License-Expression") or ""
    short = package.metadata.get("License") or ""
    if (
        not said and "\n" not in short and len(short) < 60 and _read(short)
    ):  # a text is no name, and "Dual License" none
        said = _read(short)
    if not said:
        classifiers = package.metadata.get_all("Classifier") or []
        names = [c.rpartition(" :: ")[2] for c in classifiers if c.startswith("License :: ")]
        said = " OR ".join(dict.fromkeys(_read(name) or name for name in names))
    return said or short.partition("\n")[0][:60] or "none"


def _read(words: str) -> str:
    known = _WORDS.get(words.lower(), words)
    return known if parts(known) and parts(known) <= ALLOWED else ""


def parts(expression: str) -> set[str]:
    """The names in an expression."""
    return {part.strip("() ") for part in re.split(r"\bAND\b|\bOR\b", expression)} - {""}


def may_be_shipped(expression: str) -> bool:
    """Whether a licence lets a package be handed on: of alternatives one does, of what holds together all do."""
    return any(
        all(part.strip("() ") in ALLOWED for part in re.split(r"\bAND\b", either))
        for either in re.split(r"\bOR\b", expression)
    )


def packages() -> dict[str, dict[str, str]]:
    """By extra the packages that it adds to the core, each with its licence."""
    lock = _lock()
    found: dict[str, dict[str, str]] = {}
    core: set[str] = set()
    for extra in EXTRAS:
        wanted = lock.wanted((extra,) if extra else ())
        names = {str(name) for machine in lock.MACHINES for name in lock.closure(wanted, machine)}
        found[extra] = {name: licence_of(distribution(name)) for name in sorted(names - core)}
        core = core or names
    return found


def page() -> str:
    """The tables of licences.md."""
    lines: list[str] = []
    pinned = _lock().constraints((_HERE.parent / "constraints.txt").read_text("utf-8"))
    for extra, of in packages().items():
        lines += ["", f"**{EXTRAS[extra][0].upper()}{EXTRAS[extra][1:]}**", "", "| package | version | licence |"]
        lines.append("|---|---|---|")
        lines += [f"| {name} | {pinned[name]} | {licence} |" for name, licence in of.items()]
    return "\n".join(lines).strip()
