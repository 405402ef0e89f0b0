"""What the scaffolder puts on the page of a template: the button that opens its form."""

from __future__ import annotations

from django.http import HttpRequest
from django.urls import reverse

from catalog.extensions import Action
from catalog.models import Entity


def use_template(request: HttpRequest, entity: Entity) -> Action | None:
    """Shown too when the template cannot run: the form says why."""
    if entity.kind != "template" or not request.user.is_authenticated:
        return None
    return Action(
        "Use this template", reverse("scaffolder:form", args=[entity.namespace, entity.name]), primary=True
    )
