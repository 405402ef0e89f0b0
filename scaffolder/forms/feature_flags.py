"""Parts of a form that wait for a flag of the portal: `backstage:featureFlag`, as in Backstage."""

from __future__ import annotations

from typing import Any

from django.conf import settings

KEYWORD = "backstage:featureFlag"


def is_hidden(raw: Any) -> bool:
    """Whether a page or a question names a flag that PORTICO_FEATURE_FLAGS does not."""
    flag = raw.get(KEYWORD) if isinstance(raw, dict) else None
    return flag is not None and str(flag) not in settings.PORTICO_FEATURE_FLAGS
