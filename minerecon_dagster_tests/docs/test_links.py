"""Links of pages lead somewhere, what they name is there (files, commands, targets), and README.md leads to all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from minerecon_dagster.settings import PROJECT_ROOT
from minerecon_dagster_tests.docs.made import PAGES, commands

_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")
_PATH = re.compile(r"`((?:minerecon_dagster|minerecon_dagster_tests|bench|docs|queries)/[\w./]+|[\w/]+\.(?:py|sql))`")
_ROOTS = (PROJECT_ROOT, PROJECT_ROOT / "minerecon_dagster", PROJECT_ROOT / "minerecon_dagster_tests")
BEFORE = "docs/build/moved.md"
"""Names what was, beside what is."""
NOT_THERE = {
    "minerecon_dagster/waivers.toml": "an older place, read where somebody still has it",
    "minerecon_dagster/reviewed_units.toml": "an older place, read where somebody still has it",
    "bench/out/weekend/": "is written by `make weekend`",
    "launchers.py": "foreseen",
}
"""What pages name although it is not there, and why."""


def text_of(page: Path) -> str:
    return _FENCED.sub("", page.read_text("utf-8"))


def links_of(page: Path) -> Iterator[tuple[Path, str]]:
    """The files that a page leads to, each with the anchor in it, or nothing; links to elsewhere are left out."""
    for target in _LINK.findall(text_of(page)):
        if "://" not in target:
            path, _, anchor = target.partition("#")
            yield (page.parent / path).resolve() if path else page, anchor


def anchors_of(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_to_a_file_and_every_anchor_to_a_heading(page: str) -> None:
    dead = [
        f"{path.relative_to(PROJECT_ROOT)}#{anchor}"
        for path, anchor in links_of(PAGES[page])
        if not path.exists() or (anchor and anchor not in anchors_of(path))
    ]
    assert dead == []


@pytest.mark.parametrize("page", [page for page in PAGES if page != BEFORE])
def test_every_file_of_the_project_that_a_page_names_is_there(page: str) -> None:
    named = {name for name in _PATH.findall(text_of(PAGES[page])) if "NAME" not in name} - set(NOT_THERE)
    assert sorted(name for name in named if not is_there(name, PAGES[page].parent)) == []


def is_there(name: str, folder: Path) -> bool:
    """Whether a file is there by its path from the project's folder, the package, its tests or a page; or its name."""
    if any((root / name).exists() for root in (*_ROOTS, folder)):
        return True
    return "/" not in name and any(any(root.rglob(name)) for root in _ROOTS[1:])


def test_each_function_that_the_map_names_is_in_the_file_that_it_names() -> None:
    rows = re.findall(r"`([\w/]+\.py)`: ((?:`[\w.]+`(?:, )?)+)", PAGES["docs/build/README.md"].read_text("utf-8"))
    named = [(path, name) for path, names in rows for name in re.findall(r"[\w]+(?=`)", names)]
    assert len(named) > 4
    written = {path: (PROJECT_ROOT / "minerecon_dagster" / path).read_text("utf-8") for path, _ in named}
    assert [(path, name) for path, name in named if not re.search(rf"\bdef {name}\(", written[path])] == []


def test_a_reader_who_follows_the_links_of_the_readme_comes_to_every_page() -> None:
    reached, ahead = set(), [PROJECT_ROOT / "README.md"]
    while ahead:
        page = ahead.pop()
        if page not in reached and page.suffix == ".md":
            reached.add(page)
            ahead += [path for path, _ in links_of(page)]
    assert {str(page.relative_to(PROJECT_ROOT)) for page in PAGES.values() if page not in reached} == set()


@pytest.mark.parametrize("reader", ["operate", "analyse", "build"])
def test_the_index_of_a_reader_has_each_of_their_pages(reader: str) -> None:
    index = PROJECT_ROOT / "docs" / reader / "README.md"
    listed = {path for path, _ in links_of(index)}
    assert set(index.parent.glob("*.md")) - listed - {index} == set()


def test_every_command_that_a_page_has_typed_is_one_with_its_options() -> None:
    options = {name: {o for p in command.params for o in (*p.opts, *p.secondary_opts)} for name, command in commands()}
    words = "|".join(sorted(options, key=len, reverse=True))
    typed = re.compile(r"^(?:    |.*`)(?:\S+=\S+ )*(?:\.venv/bin/)?minerecon (.+?)(?:  +#.*|`.*)?$", re.MULTILINE)
    found = [line for page in PAGES.values() for line in typed.findall(page.read_text("utf-8"))]
    lines = [line for several in found for line in several.split("; minerecon ")]
    assert len(lines) > 50
    wrong = []
    for line in lines:
        command = re.match(rf"({words})\b", line)
        used = set(re.findall(r"(?<= )--[a-z-]+", line.partition(" -- ")[0]))
        if command is None or not used <= options[command[1]] | {"--help"}:
            wrong.append(line)
    assert wrong == []


def test_every_target_that_a_page_has_made_is_in_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z][\w-]*):", (PROJECT_ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = re.compile(r"(?:^    |`)(?:[A-Z_]+=\S+ )*make ([a-z][\w-]*)", re.MULTILINE)
    used = {target for page in PAGES.values() for target in named.findall(page.read_text("utf-8"))}
    assert {"run", "ui", "test", "docs"} <= used
    assert used - targets == set()


def test_every_room_of_the_package_is_told_in_the_design() -> None:
    package = PROJECT_ROOT / "minerecon_dagster"
    rooms = [path.name + "/" for path in package.iterdir() if (path / "__init__.py").is_file()]
    rooms += [path.name for path in package.glob("*.py") if path.name != "__init__.py"]
    told = set(re.findall(r"`([\w/.]+)`", text_of(PAGES["docs/build/design.md"]).partition("## A settlement day")[0]))
    assert len(rooms) > 20
    assert set(rooms) - told == set()


WORDS = (
    "acceptance", "accepted bid", "AGWS", "basis", "BM unit", "BOAV", "difficulty", "EBOCF", "final", "lead party",
    "metered output", "notified potential", "provisional", "register", "settlement period", "SO-flagged",
)  # fmt: skip
"""What nobody knows who is not of the field."""


@pytest.mark.parametrize("word", WORDS)
def test_a_word_of_the_field_has_its_sentence_and_readme_leads_there_where_it_first_uses_it(word: str) -> None:
    rows = (PROJECT_ROOT / "docs" / "glossary.md").read_text("utf-8").splitlines()
    assert any(re.match(rf"\| [^|]*{word}\b[^|]* \| \S", row) or f"{word}." in row for row in rows), word
    paragraphs = (PROJECT_ROOT / "README.md").read_text("utf-8").split("\n\n")
    prose = (each for each in paragraphs if not each.startswith("    "))
    first = next((each for each in prose if re.search(rf"\b{word}s?\b", each)), "docs/glossary.md")
    assert "docs/glossary.md" in first
