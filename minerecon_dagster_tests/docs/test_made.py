"""Whatever pages and files have from code is what the code says now; `make docs` writes them."""

from __future__ import annotations

import pytest

from minerecon_dagster.settings import PROJECT_ROOT
from minerecon_dagster_tests.docs.made import FILES, OF_CODE, OF_SUITE, OF_WAREHOUSE, PAGES, compare, filled, names_in

WITH_BLOCKS = [page for page, path in PAGES.items() if names_in(path)]


@pytest.mark.parametrize("page", WITH_BLOCKS)
def test_a_page_has_what_the_code_says(page: str, request: pytest.FixtureRequest) -> None:
    def make(name: str) -> str | None:
        if name in OF_SUITE:
            return None
        if name in OF_WAREHOUSE:
            return str(request.getfixturevalue(f"made_{name}"))
        return OF_CODE[name](page.rpartition("/")[0] or ".")

    compare(PAGES[page], filled(PAGES[page], make))


@pytest.mark.parametrize("path", FILES)
def test_a_file_has_what_the_code_says(path: str) -> None:
    compare(PROJECT_ROOT / path, FILES[path]())


def test_everything_that_is_made_stands_in_one_page_and_no_more() -> None:
    shown = [name for page in WITH_BLOCKS for name in names_in(PAGES[page])]
    assert sorted(shown) == sorted([*OF_CODE, *OF_WAREHOUSE, *OF_SUITE])
    assert all(path.read_text("utf-8").count("<!-- made") == len(names_in(path)) for path in PAGES.values())
