"""Mutants of Python source, by mutmut's operators.

mutmut's own runner leaves out what is decorated (every ``@property``) and what stands outside of functions (every
bound): its operators are applied here to every node.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import cast

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation import mutators

TAKEN = tuple(
    (kind, operator)
    for kind, operator in mutators.mutation_operators
    # Words of messages are for tests of messages; an argument that is None is mostly one of those words.
    if operator not in (mutators.operator_string, mutators.operator_arg_removal)
)


@dataclass(frozen=True)
class Mutant:
    """A change of one place of a file.

    Args:
        file: its path from the root of the repository.
        function: the outermost function that has it, as ``Class.method``; the class or ``""`` outside of functions.
        before: the lines that change, without indentation, joined by blanks.
        after: what they are then.
        nth: which one, of several that read the same.
        line: where it is now; no part of what it is called.
        lines: how many lines of the file change.
        span: first and last line of the function, or of nothing outside of one.
        in_body: whether it is in the body of a function, so that no import sees it.
        source: the whole file with it.
    """

    file: str
    function: str
    before: str
    after: str
    nth: int = 1
    line: int = 0
    lines: int = 1
    span: tuple[int, int] = (0, 0)
    in_body: bool = False
    source: str = ""

    @property
    def name(self) -> tuple[str, str, str, str, int]:
        return self.file, self.function, self.before, self.after, self.nth

    def __str__(self) -> str:
        which = f" ({self.nth})" if self.nth > 1 else ""
        return f"{self.file}:{self.line} {self.function}{which}\n    - {self.before}\n    + {self.after}"


def condition_turned(node: cst.If | cst.While | cst.CompIf) -> Iterator[cst.CSTNode]:
    """`if a:` becomes `if not a:`; mutmut turns conditional expressions only."""
    if not isinstance(node.test, cst.UnaryOperation | cst.Comparison):
        inside = node.test.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
        yield node.with_changes(test=cst.UnaryOperation(cst.Not(), inside))


def term_dropped(node: cst.BooleanOperation) -> Iterator[cst.CSTNode]:
    """`a and b` becomes `a`, and `b`."""
    yield from (node.left, node.right)


OWN = (
    (cst.If, condition_turned),
    (cst.While, condition_turned),
    (cst.CompIf, condition_turned),
    (cst.BooleanOperation, term_dropped),
)


class _Finder(cst.CSTVisitor):
    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[cst.CSTNode, cst.CSTNode, str, bool, int, cst.CSTNode, int, tuple[int, int]]] = []
        self._names: list[str] = []
        self._functions = 0
        self._bodies: list[cst.CSTNode] = []
        self._holders: list[tuple[cst.CSTNode, int]] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.Annotation | cst.Import | cst.ImportFrom):
            return False
        if isinstance(node, cst.If) and isinstance(node.test, cst.Name) and node.test.value == "TYPE_CHECKING":
            return False
        if self._holds(node):
            self._holders.append((node, len(self._names)))
        if isinstance(node, cst.ClassDef | cst.FunctionDef):
            if not self._functions:
                self._names.append(node.name.value)
            if isinstance(node, cst.FunctionDef):
                if not self._functions:
                    self._bodies.append(node.body)
                self._functions += 1
        if self._bodies and node is self._bodies[-1]:
            self._in_body = True
            at = self.get_metadata(PositionProvider, node)
            self._span = at.start.line, at.end.line
        for kind, operator in (*TAKEN, *OWN):
            if isinstance(node, kind):
                at = self.get_metadata(PositionProvider, node, None)
                line = at.start.line if at else 0
                for mutated in operator(node):
                    self.found.append(
                        (node, mutated, ".".join(self._names), self._in_body, line, *self._holders[-1], self._span)
                    )
        return True

    _in_body = False
    _span = 0, 0

    def _holds(self, node: cst.CSTNode) -> bool:
        """A statement of the file or of a class, as small as can be: what is rendered anew for a mutant."""
        return not self._functions and isinstance(node, cst.BaseStatement)

    def on_leave(self, original_node: cst.CSTNode) -> None:
        if self._bodies and original_node is self._bodies[-1]:
            self._in_body = False
        if isinstance(original_node, cst.FunctionDef):
            self._functions -= 1
            if not self._functions:
                self._bodies.pop()
        if isinstance(original_node, cst.ClassDef | cst.FunctionDef) and not self._functions:
            self._names.pop()
        if self._holders and self._holders[-1][0] is original_node:
            self._holders.pop()


def mutants(file: str, source: str) -> list[Mutant]:
    """All mutants of a file, in the order of its lines; two operators that make the same one make it once."""
    wrapper = MetadataWrapper(cst.parse_module(source))
    finder = _Finder()
    wrapper.visit(finder)
    made = []
    seen = set()
    rendered: dict[cst.CSTNode, str] = {}
    for node, mutated, function, in_body, line, holder, depth, span in finder.found:
        if holder not in rendered:
            rendered[holder] = _code(wrapper.module, holder, depth)
        if source.count(rendered[holder]) == 1:
            replaced = _code(wrapper.module, cast(cst.CSTNode, holder.deep_replace(node, mutated)), depth)
            text = source.replace(rendered[holder], replaced)
        else:
            text = cast(cst.Module, wrapper.module.deep_replace(node, mutated)).code
        if text == source or text in seen or not _compiles(text):
            continue
        seen.add(text)
        before, after, first, count = _lines_that_differ(source, text)
        made.append(
            Mutant(file, function, before, after, 1, first or line, count, span if in_body else (0, 0), in_body, text)
        )
    return numbered(sorted(made, key=lambda m: m.line))


def _code(module: cst.Module, node: cst.CSTNode, depth: int) -> str:
    """The text of a statement that stands ``depth`` classes deep; to write the whole file anew each time is slow."""
    state = cst._nodes.internal.CodegenState(
        default_indent=module.default_indent, default_newline=module.default_newline
    )
    for _ in range(depth):
        state.increase_indent(module.default_indent)
    node._codegen(state)
    return "".join(state.tokens)


def numbered(made: Iterable[Mutant]) -> list[Mutant]:
    """Those that read the same told apart by their order."""
    count: Counter[tuple[str, ...]] = Counter()
    result = []
    for m in made:
        count[m.name[:4]] += 1
        result.append(replace(m, nth=count[m.name[:4]]))
    return result


def _compiles(text: str) -> bool:
    try:
        compile(text, "mutant", "exec")
    except SyntaxError:
        return False
    return True


def _lines_that_differ(before: str, after: str) -> tuple[str, str, int, int]:
    old, new = before.splitlines(), after.splitlines()
    first = 0
    while first < min(len(old), len(new)) and old[first] == new[first]:
        first += 1
    last = 0
    while last < min(len(old), len(new)) - first and old[-1 - last] == new[-1 - last]:
        last += 1
    return (
        _joined(old[first : len(old) - last]),
        _joined(new[first : len(new) - last]),
        first + 1,
        len(old) - last - first,
    )


def _joined(lines: list[str]) -> str:
    return " ".join(line.strip() for line in lines)
