"""Addresses below /api/scaffolder."""

from __future__ import annotations

from django.urls import path

from control.api import endpoint
from scaffolder.api import tasks, templates

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
]
