"""The rows of a page: the API's own questions and statements, asked in one transaction.

What a page shows is so what the API answers, and the address of each table's CSV is that of the question it came from.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from minerecon_dagster.web import question
from minerecon_dagster.web.database import Asking, OtherSchemaError, RefusedError
from minerecon_dagster.web.question import NoFieldError, NotAnsweredError, Question
from minerecon_dagster.web.resources import RESOURCES
from minerecon_dagster.web.service import Service, check_names

Row = dict[str, Any]

_BY_PATH = {resource.path: resource for resource in RESOURCES}


@dataclass(frozen=True)
class Rows:
    """The answer to one question.

    Args:
        question: that was asked.
        columns: of the rows, in order.
        rows: values as the API writes them: numbers are their digits as text.
        meta: what is to be known of the range, as the API has it.
        also: the fields that only a sentence needs, and no table shows.
    """

    question: Question
    columns: Sequence[str]
    rows: Sequence[Row]
    meta: Mapping[str, Any]
    also: Sequence[str] = ()

    def address(self, suffix: str = ".csv") -> str:
        """Where the API answers the same question, in a format."""
        if not self.also:
            return self.question.address(suffix)
        shown = [name for name in self.question.given["fields"].split(",") if name not in self.also]
        return self.question.address(suffix, fields=",".join(shown))


class Reader:
    """Asks what a page needs, at one instant.

    Args:
        service: with the columns and the states of days.
        asking: the transaction.
        newest: the newest stored day; None where nothing is stored.
    """

    def __init__(self, service: Service, asking: Asking, newest: dt.date | None) -> None:
        self._service = service
        self._asking = asking
        self.newest = newest
        self.today = service.today()

    def ask(self, path: str, also: Sequence[str] = (), **given: str | dt.date | Sequence[str] | None) -> Rows:
        """The rows of a resource.

        Args:
            path: of the resource, as in ``farms/{farm}/days``.
            also: fields beside those of ``given``, which no table shows.
            given: its parameters; ``from_`` is ``from``, a list of fields becomes one text, None is left out.

        Raises:
            NotAnsweredError: as the API would say it.
            OtherSchemaError: the warehouse has no such field: what a page asks for, its own version has.
        """
        resource = _BY_PATH[path]
        if also:
            fields = given["fields"]
            assert isinstance(fields, list)
            given["fields"] = [*fields, *also]
        texts = {
            name.rstrip("_"): value
            if isinstance(value, str)
            else ",".join(value)
            if isinstance(value, Sequence)
            else str(value)
            for name, value in given.items()
            if value is not None
        }
        in_path = {name: texts.pop(name) for name in list(texts) if f"{{{name}}}" in path}
        asked, all_columns, derived = self._service.understood(resource, in_path, urlencode(texts))
        try:
            columns = question.chosen(asked, all_columns)
        except NoFieldError:
            raise OtherSchemaError from None
        sql, values = question.statement(asked, columns, all_columns, self.today, question.MOST_ROWS)
        values |= {**(derived.values if derived else {}), "as_of": asked.as_of}
        try:
            if not resource.call:
                check_names(self._asking, asked)
            found = self._asking.rows(sql, values)
            meta = self._service.meta(self._asking, asked, columns)
        except RefusedError as error:
            raise NotAnsweredError(404 if str(error).startswith("there is no") else 422, str(error)) from None
        if len(found) > question.MOST_ROWS:
            raise NotAnsweredError(422, f"this has more than {question.MOST_ROWS:,} rows: ask for a shorter range")
        names = [column.name for column in columns]
        return Rows(asked, names, [dict(zip(names, row, strict=False)) for row in found], meta, also)

    def rows(self, statement: str, **parameters: Any) -> list[Row]:
        """The rows of a statement of the pages' own, where no resource has what is shown."""
        found, names = self._asking.named_rows(statement, parameters)
        return [dict(zip(names, row, strict=True)) for row in found]
