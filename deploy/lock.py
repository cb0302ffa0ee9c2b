"""Makes the hashed locks of the image from pyproject.toml and constraints.txt; `make lock` runs it.

A lock has what `pip install --no-deps --require-hashes` needs and nothing else: names, versions, and the SHA-256 of the
wheels for Python 3.13 on Linux, amd64 and arm64. Names and versions are decided here, without a registry; only for
the hashes pip asks one. So a test compares names and versions offline.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PYTHON = "3.13"
MACHINES = ("x86_64", "aarch64")
_TAGS = ("manylinux_2_28", "manylinux_2_27", "manylinux_2_26", "manylinux_2_17", "manylinux2014")
"""Platforms whose wheels Debian 12 and later take; newest first."""
LOCKS: Mapping[str, tuple[str, ...]] = {"requirements.lock": ("web",), "requirements-k8s.lock": ("k8s",)}
"""Each lock, and the extras that it has; the first has what all have, and the others only what they add."""
BUILD = "requirements-build.lock"
"""What makes a wheel of the project, and stays out of the image."""
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==(\S+?)(?: \\)?$", re.M)


def constraints(text: str) -> dict[NormalizedName, str]:
    """The versions that constraints.txt, or a lock, pins."""
    return {canonicalize_name(name): version for name, version in _PIN.findall(text)}


def wanted(extras: Iterable[str]) -> list[Requirement]:
    """What the project itself asks for, with ``extras``."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    lines = [*project["dependencies"], *(line for e in extras for line in project["optional-dependencies"][e])]
    return [Requirement(line) for line in lines]


def closure(requirements: Iterable[Requirement], machine: str) -> set[NormalizedName]:
    """All packages that ``requirements`` need on Python 3.13 and Linux, by the metadata of what is installed here.

    Raises:
        SystemExit: one of them is not installed here, so that what it needs is not known.
    """
    environment = {
        "python_version": PYTHON,
        "python_full_version": f"{PYTHON}.0",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "os_name": "posix",
        "platform_machine": machine,
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }
    found: set[NormalizedName] = set()
    seen: set[tuple[NormalizedName, str]] = set()
    waiting = [(requirement, "") for requirement in requirements]
    while waiting:
        requirement, of_extra = waiting.pop()
        if requirement.marker and not requirement.marker.evaluate({**environment, "extra": of_extra}):
            continue
        name = canonicalize_name(requirement.name)
        found.add(name)
        for extra in ("", *requirement.extras):
            if (name, extra) not in seen:
                seen.add((name, extra))
                waiting += [(needed, extra) for needed in _needs(name)]
    return found


def _needs(name: NormalizedName) -> Iterator[Requirement]:
    try:
        return map(Requirement, distribution(name).requires or ())
    except PackageNotFoundError:
        raise SystemExit(f"{name} is needed on Python {PYTHON} and not installed here: install it first") from None


def pins(lock: str) -> dict[NormalizedName, str]:
    """Names and versions of a lock, as they should be now.

    Raises:
        SystemExit: constraints.txt has no version of one of them.
    """
    pinned = constraints((ROOT / "constraints.txt").read_text("utf-8"))
    if lock == BUILD:
        names: set[NormalizedName] = {canonicalize_name(name) for name in ("setuptools", "wheel", "packaging")}
    else:
        names = _names(LOCKS[lock])
        if lock != (first := next(iter(LOCKS))):
            names -= _names(LOCKS[first])
    if missing := sorted(names - pinned.keys()):
        raise SystemExit(f"constraints.txt does not pin {', '.join(missing)}")
    return {name: pinned[name] for name in sorted(names)}


def _names(extras: tuple[str, ...]) -> set[NormalizedName]:
    return set[NormalizedName]().union(*(closure(wanted(extras), machine) for machine in MACHINES))


def hashes(wanted_pins: Mapping[NormalizedName, str]) -> dict[NormalizedName, set[str]]:
    """The SHA-256 of the wheel of each package, for each of the machines; pip asks its registry."""
    found: dict[NormalizedName, set[str]] = {name: set() for name in wanted_pins}
    # Another index's wheels, or wheels of this machine's own, would be locked with hashes that nobody else has.
    environ = {k: v for k, v in os.environ.items() if k not in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL")}
    environ["PIP_CONFIG_FILE"] = os.devnull
    with tempfile.TemporaryDirectory() as folder:
        asked = Path(folder) / "asked.txt"
        asked.write_text("".join(f"{name}=={version}\n" for name, version in wanted_pins.items()), "utf-8")
        for machine in MACHINES:
            command = [
                sys.executable,
                "-m",
                "pip",
                "install",
                "--quiet",
                "--dry-run",
                "--ignore-installed",
                "--no-deps",
            ]
            command += [
                "--only-binary=:all:",
                f"--python-version={PYTHON}",
                "--implementation=cp",
                f"--target={folder}/x",
            ]
            command += [f"--platform={tag}_{machine}" for tag in _TAGS]
            command += ["--report=-", "--disable-pip-version-check", "-r", str(asked)]
            report = subprocess.run(command, env=environ, check=True, stdout=subprocess.PIPE).stdout  # noqa: S603
            for item in json.loads(report)["install"]:
                name = canonicalize_name(item["metadata"]["name"])
                found[name].add(item["download_info"]["archive_info"]["hashes"]["sha256"])
    return found


def lock_text(lock: str) -> str:
    """The whole text of a lock."""
    wanted_pins = pins(lock)
    of = hashes(wanted_pins)
    lines = [f"# Python {PYTHON}, Linux, amd64 and arm64; made by `make lock` from constraints.txt."]
    for name, version in wanted_pins.items():
        lines.append(" \\\n".join([f"{name}=={version}", *(f"    --hash=sha256:{h}" for h in sorted(of[name]))]))
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write all locks."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None).parse_args()
    for lock in (*LOCKS, BUILD):
        (ROOT / "deploy" / lock).write_text(lock_text(lock), "utf-8")


if __name__ == "__main__":
    main()
