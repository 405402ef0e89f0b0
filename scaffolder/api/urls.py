"""Addresses below /api/scaffolder."""

from __future__ import annotations

from django.urls import path

from control.api import endpoint
from scaffolder.api import linting, tasks, templates, trying, waiting

_V2 = "scaffolder/v2"
_TASK = f"{_V2}/tasks/<str:task_id>"
urlpatterns = [
    path(
        f"{_V2}/templates/<str:namespace>/<str:kind>/<str:name>/parameter-schema",
        endpoint(GET=templates.parameter_schema),
    ),
    path(f"{_V2}/actions", endpoint(GET=templates.actions)),
    path(f"{_V2}/tasks", endpoint(GET=tasks.listed, POST=tasks.create)),
    path(_TASK, endpoint(GET=tasks.one)),
    path(f"{_TASK}/events", endpoint(GET=waiting.polled)),
    path(f"{_TASK}/eventstream", endpoint(GET=waiting.stream)),
    path(f"{_TASK}/cancel", endpoint(POST=tasks.cancel)),
    path(f"{_TASK}/retry", endpoint(POST=tasks.retry)),
    path(f"{_V2}/dry-run", endpoint(POST=trying.try_out)),
    path(f"{_V2}/lint", endpoint(POST=linting.lint)),
    path(f"{_V2}/templating-extensions", endpoint(GET=templates.templating_extensions)),
    path(f"{_V2}/autocomplete/<str:provider>/<str:resource>", endpoint(POST=templates.autocomplete)),
]
