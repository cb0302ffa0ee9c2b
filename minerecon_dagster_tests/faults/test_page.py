"""docs/build/faults.md names a test for every fault of the source and of ourselves, and leaves none of them out."""

import ast
import re
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
PAGE = TESTS.parent / "docs" / "build" / "faults.md"
_ROW = re.compile(r"^\| .* \| `([^`]+\.py)(?:::(\w+))?` \|$", re.MULTILINE)


def names_in(path: Path) -> set[str]:
    return {n.name for n in ast.parse(path.read_text("utf-8")).body if isinstance(n, ast.FunctionDef)}


def named() -> list[tuple[str, str | None]]:
    rows = _ROW.findall(PAGE.read_text("utf-8"))
    return [(file, test or None) for file, test in rows]


def test_each_test_that_the_page_names_is_there() -> None:
    rows = named()
    assert len(rows) > 40
    missing = [
        row for row in rows if not (TESTS / row[0]).is_file() or (row[1] and row[1] not in names_in(TESTS / row[0]))
    ]
    assert missing == []


def test_no_fault_of_the_source_is_left_out_of_the_page() -> None:
    on_the_page = {test for _, test in named()}
    sources = sorted(Path(__file__).parent.glob("test_source_*.py"))
    assert len(sources) >= 6
    of_faults = {name for path in sources for name in names_in(path) if name.startswith("test_")}
    assert of_faults - on_the_page == set()
