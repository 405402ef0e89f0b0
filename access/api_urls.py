"""Addresses below /api/access."""

from __future__ import annotations

from django.urls import path

from access import api, deputies_api
from control.api import endpoint

_ONE = "access/requests/<uuid:intent_id>"
urlpatterns = [
    path("access/offers", endpoint(GET=api.offers)),
    path("access/preview", endpoint(POST=api.preview)),
    path("access/break-glass/preview", endpoint(POST=api.look_at_glass)),
    path("access/break-glass", endpoint(POST=api.break_the_glass)),
    path("access/requests", endpoint(GET=api.listed, POST=api.create)),
    path(_ONE, endpoint(GET=api.one)),
    path(f"{_ONE}/withdraw", endpoint(POST=api.withdraw)),
    path(f"{_ONE}/again", endpoint(POST=api.ask_again)),
    path(f"{_ONE}/review", endpoint(POST=api.review)),
    path(f"{_ONE}/end", endpoint(POST=api.end)),
    path(f"{_ONE}/approve", endpoint(POST=api.approve)),
    path(f"{_ONE}/reject", endpoint(POST=api.reject)),
    path("access/deputies", endpoint(GET=deputies_api.listed, POST=deputies_api.name)),
    path("access/deputies/<int:number>/end", endpoint(POST=deputies_api.end)),
    path("access/check", endpoint(GET=api.check)),
]
