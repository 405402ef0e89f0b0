"""Walking a form in a test: one page, what somebody types, what becomes of it."""

from __future__ import annotations

from typing import Any

from django.http import QueryDict

from control.models import User
from scaffolder.forms.carrying import Carried
from scaffolder.forms.fields import Field, every, fields_of
from scaffolder.forms.pickers import Catalogue
from scaffolder.forms.schema import pages_of
from scaffolder.forms.steps import Shown, Steps


def steps_of(*pages: Any, person: User | None = None) -> Steps:
    """The way through a form of these pages. Without a person nothing may be asked of the catalogue."""
    document = {"spec": {"parameters": list(pages)}}
    return Steps(pages_of(document), Catalogue(person or User(pk=1)), Carried())


def page_with(required: list[str] | None = None, **properties: Any) -> dict[str, Any]:
    return {"title": "One page", "required": required or [], "properties": properties}


def post(do: str = "next", page: int = 0, /, **typed: Any) -> QueryDict:
    """What a browser sends. `a__b` is the control `a/b`; a list sends its name several times."""
    query = QueryDict(mutable=True)
    query["do"], query["page"] = do, str(page)
    for name, texts in typed.items():
        query.setlist("v/" + name.replace("__", "/"), texts if isinstance(texts, list) else [texts])
    return query


def answer(
    page: dict[str, Any], person: User | None = None, /, **typed: Any
) -> tuple[dict[str, Any], dict[str, str]]:
    """The values of one page after Next, and the problems by field."""
    steps = steps_of(page, person=person)
    shown = steps.take(post(**typed))
    if shown.reading is None:
        return steps.values(), {}
    problems = {"/".join(map(str, path)): message for path, message in shown.problems.items()}
    return shown.reading.values, problems


def drawn(steps: Steps, shown: Shown) -> dict[str, Field]:
    """The controls by name."""
    assert shown.reading is not None
    fields = fields_of(shown.reading, steps.catalogue, shown.problems)
    return {"/".join(map(str, one.path)): one for one in every(fields)}


def controls(page: dict[str, Any], person: User | None = None) -> dict[str, Field]:
    steps = steps_of(page, person=person)
    return drawn(steps, steps.first())
