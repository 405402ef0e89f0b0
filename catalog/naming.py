"""How events and clients name a location: the reference of the Location entity that Backstage generates for it."""

from __future__ import annotations

import hashlib

from catalog.models import Location


def location_ref(location: Location) -> str:
    digest = hashlib.sha1(str(location).encode(), usedforsecurity=False).hexdigest()
    return f"location:default/generated-{digest}"
