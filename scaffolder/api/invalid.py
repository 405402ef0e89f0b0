"""What does not fit, as Backstage's validator says it, beside the usual error. No answer is ever repeated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse

from control.api import answer_data, refusal_data
from control.errors import InvalidParameters

_OF_THE_WHOLE = frozenset({"values", "template"})


def invalid(request: HttpRequest, problem: InvalidParameters) -> HttpResponse:
    """Answers of a form that do not fit, one error for each."""
    errors = [
        error_at([] if field in _OF_THE_WHOLE else field.split("."), said)
        for field, said in problem.fields.items()
    ]
    return answer_data({**refusal_data(request, 400, str(problem)), "errors": errors}, 400)


def error_at(path: Sequence[str | int], said: str, **more: Any) -> dict[str, Any]:
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    where = "instance" + "".join(parts)
    return {
        "path": list(path),
        "property": where,
        "message": said,
        "schema": {},
        "instance": {},
        "name": "portico",
        "argument": where,
        "stack": f"{where}: {said}",
        **more,
    }
