"""What the layout shows on every page."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def shell(request: HttpRequest) -> dict[str, Any]:
    """`organisation`, `version`, and `section`: the first part of the path, which the navigation marks."""
    return {
        "organisation": settings.PORTICO_ORGANISATION,
        "version": settings.PORTICO_VERSION,
        "section": request.path.strip("/").split("/", 1)[0],
    }
