"""What schemathesis cannot know from the description: which rules join two parameters."""

from __future__ import annotations

import re
from typing import Any

import schemathesis
from schemathesis import GenerationMode

_JOINED = (
    "is after to=",  # from and to
    "days at once",  # how far they are apart
    "one of them",  # machines or power_mw
    "to the present",  # as_of
    "there is no field",  # an answer with as_of has others
)
_NO_SUCH_DAY = re.compile(
    r"must be (a settlement date.*-(29|30|31)', which is in no calendar|an instant.*-(29|30|31)(T.*)?')$"
)
"""Which months have them is beyond a pattern."""


@schemathesis.check
def a_right_question_is_refused_by_a_rule_of_two_parameters_alone(ctx: Any, response: Any, case: Any) -> None:
    """Every parameter by itself is as described, so nothing else may be wrong with it."""
    if case.meta.generation.mode == GenerationMode.POSITIVE and response.status_code == 422:
        detail = response.json()["detail"]
        assert _NO_SUCH_DAY.search(detail) or any(words in detail for words in _JOINED), detail
