"""Whatever is handed on may be: the licences of packages, of the script for browsers, of the project itself."""

from __future__ import annotations

import contextlib
import json
import tomllib
from email.message import Message
from importlib.metadata import PackageNotFoundError, distribution
from types import SimpleNamespace

import pytest
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

from minerecon_dagster.charts import bundle
from minerecon_dagster.core.emissions import EMISSION_FACTORS, SOURCE
from minerecon_dagster.settings import PROJECT_ROOT
from minerecon_dagster_tests.deploy.files import module

licences = module("licences.py")


def declared(**fields: str | list[str]) -> str:
    """The licence of a package that declares this."""
    metadata = Message()
    for name, said in fields.items():
        for value in [said] if isinstance(said, str) else said:
            metadata[name.replace("_", "-")] = value
    return str(licences.licence_of(SimpleNamespace(metadata=metadata)))


def test_every_package_that_is_shipped_and_every_extra_may_be_handed_on() -> None:
    forbidden = {
        f"{name} ({licence})"
        for of in licences.packages().values()
        for name, licence in of.items()
        if not licences.may_be_shipped(licence)
    }
    assert forbidden == set()


def test_the_lists_have_what_the_locks_of_the_image_have() -> None:
    lock, found = module("lock.py"), licences.packages()
    shipped = {*found[""], *found["web"], *found["k8s"]}
    pinned = [lock.constraints((PROJECT_ROOT / "deploy" / name).read_text("utf-8")) for name in lock.LOCKS]
    assert {str(name) for names in pinned for name in names} <= shipped


def needed(python: str) -> set[NormalizedName]:
    """All that `make setup` installs on a Python, as far as what is installed here says it."""
    lock = module("lock.py")
    environment = {"python_version": python.rpartition(".")[0], "python_full_version": python}
    found: set[NormalizedName] = set()
    seen: set[tuple[NormalizedName, str]] = set()
    waiting = [(requirement, "") for requirement in lock.wanted(("local", "dev"))]
    while waiting:
        requirement, of_extra = waiting.pop()
        if requirement.marker and not requirement.marker.evaluate({**environment, "extra": of_extra}):
            continue
        name = canonicalize_name(requirement.name)
        found.add(name)
        for extra in {"", *requirement.extras} - {extra for known, extra in seen if known == name}:
            seen.add((name, extra))
            with contextlib.suppress(PackageNotFoundError):  # of another Python: its own name is pinned all the same
                waiting += [(Requirement(needs), extra) for needs in distribution(name).requires or ()]
    return found


@pytest.mark.first_quick
@pytest.mark.parametrize("python", ["3.11.0", "3.11.9", "3.12.1", "3.13.1"])
def test_every_package_that_setup_installs_on_a_python_is_pinned(python: str) -> None:
    pinned = module("lock.py").constraints((PROJECT_ROOT / "constraints.txt").read_text("utf-8"))
    assert needed(python) - pinned.keys() == set(), "write them into constraints.txt"


@pytest.mark.parametrize(
    ("fields", "licence", "may"),
    [
        ({"License_Expression": "MIT"}, "MIT", True),
        ({"License_Expression": "Apache-2.0 OR GPL-3.0-only"}, "Apache-2.0 OR GPL-3.0-only", True),
        ({"License_Expression": "MIT AND GPL-3.0-only"}, "MIT AND GPL-3.0-only", False),
        ({"License_Expression": "AGPL-3.0-or-later"}, "AGPL-3.0-or-later", False),
        ({"License_Expression": "BUSL-1.1"}, "BUSL-1.1", False),
        ({"License": "GPLv3"}, "GPLv3", False),
        ({"License": "Proprietary"}, "Proprietary", False),
        ({"License": "Apache License 2.0"}, "Apache-2.0", True),
        ({"License": "Dual License", "Classifier": ["License :: OSI Approved :: BSD License"]}, "BSD", True),
        (
            {"Classifier": ["License :: OSI Approved :: GNU General Public License v3 (GPLv3)"]},
            "GNU General Public License v3 (GPLv3)",
            False,
        ),
        (
            {"Classifier": ["License :: OSI Approved :: MIT License", "License :: Other/Proprietary License"]},
            "MIT OR Other/Proprietary License",
            True,
        ),
        ({"License": "Whoever has this may\nuse it on Mondays"}, "Whoever has this may", False),
        ({}, "none", False),
    ],
)
def test_a_licence_that_forbids_it_or_that_nobody_can_read_is_none(
    fields: dict[str, str | list[str]], licence: str, may: bool
) -> None:
    assert (declared(**fields), licences.may_be_shipped(licence)) == (licence, may)


def test_the_project_is_under_mit_and_says_so_where_it_is_installed() -> None:
    assert (PROJECT_ROOT / "LICENSE").read_text("utf-8").startswith("MIT License\n")
    project = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert (project["license"], project["license-files"]) == ("MIT", ["LICENSE"])


def test_the_script_for_browsers_begins_with_the_notices_of_all_that_is_in_it() -> None:
    head = bundle.notices()
    for of in ("Vega", "Vega-Lite", "Vega-Embed", "D3", "TopoJSON", "fast-json-patch", "semver"):
        assert of in head, of
    for licence in ("Redistributions in binary form must reproduce", "Permission to use, copy, modify",
                    "Permission is hereby granted, free of charge"):  # fmt: skip
        assert licence in head.replace("\n", " ")
    assert "*/" not in head


def test_data_of_others_that_lie_in_the_package_are_on_the_page_with_their_licences() -> None:
    package = PROJECT_ROOT / "minerecon_dagster"
    page = (PROJECT_ROOT / "docs" / "operate" / "licences.md").read_text("utf-8")
    rows = {row.split("`")[1]: row for row in page.splitlines() if row.startswith("|") and row.count("`") > 1}
    sites = tomllib.loads((package / "decisions" / "wind_sites.toml").read_text("utf-8"))["site"]
    outline = json.loads((package / "charts" / "great_britain.json").read_text("utf-8"))
    assert {site["licence"] for site in sites} == {"MIT; REPD: Open Government Licence v3.0"}
    for words in (
        "MIT, Copyright (c)",
        "contains public sector information licensed under the Open Government Licence",
    ):
        assert words in rows["decisions/wind_sites.toml"]
    assert outline["licence"].startswith("Natural Earth: public domain")
    assert "Natural Earth: public domain" in rows["charts/great_britain.json"]
    assert {factor.source for factor in EMISSION_FACTORS} == {SOURCE}
    assert SOURCE.endswith("(CC BY 4.0)")
    assert "CC BY 4.0" in rows["core/emissions.py"]
    data = {
        str(p.relative_to(package)) for p in package.rglob("*") if p.suffix in (".csv", ".json", ".geojson", ".parquet")
    }
    own = {str(p.relative_to(package)) for p in (package / "charts" / "specifications").iterdir()}
    assert data - own - rows.keys() == set(), "data that the page does not have"


def test_no_font_and_no_script_of_others_lies_in_the_package() -> None:
    """What would come to be shipped unseen: fonts, and scripts that nobody here wrote."""
    package = PROJECT_ROOT / "minerecon_dagster"
    own = {"live.js", "site.js"}
    found = {
        str(path.relative_to(package))
        for path in package.rglob("*")
        if path.suffix in (".woff", ".woff2", ".ttf", ".otf", ".eot", ".wasm", ".js", ".mjs")
        and path.name not in own
        and path.parent != bundle.FOLDER
    }
    assert found == set()
    assert "@font-face" not in (package / "web" / "pages" / "static" / "site.css").read_text("utf-8")
