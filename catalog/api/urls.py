"""Addresses below /api that Backstage's clients know."""

from __future__ import annotations

from django.urls import path

from catalog.api import entities, locations, searching
from control.api import endpoint

_NAME = "<str:kind>/<str:namespace>/<str:name>"
_CATALOG = "catalog/"
urlpatterns = [
    path(f"{_CATALOG}entities", endpoint(GET=entities.listed)),
    path(
        f"{_CATALOG}entities/by-query",
        endpoint(GET=entities.queried, POST=entities.queried_by_body),
    ),
    path(f"{_CATALOG}entities/by-refs", endpoint(POST=entities.by_refs)),
    path(
        f"{_CATALOG}entities/by-uid/<str:uid>",
        endpoint(GET=entities.by_uid, DELETE=entities.remove_by_uid),
    ),
    path(f"{_CATALOG}entities/by-name/{_NAME}", endpoint(GET=entities.by_name)),
    path(f"{_CATALOG}entities/by-name/{_NAME}/ancestry", endpoint(GET=entities.ancestry)),
    path(f"{_CATALOG}entity-facets", endpoint(GET=entities.faceted, POST=entities.faceted_by_body)),
    path(f"{_CATALOG}refresh", endpoint(POST=locations.refresh)),
    path(f"{_CATALOG}locations", endpoint(GET=locations.listed, POST=locations.create)),
    path(f"{_CATALOG}locations/by-query", endpoint(POST=locations.queried)),
    path(f"{_CATALOG}locations/by-entity/{_NAME}", endpoint(GET=locations.by_entity)),
    path(
        f"{_CATALOG}locations/<str:id>",
        endpoint(GET=locations.one, PUT=locations.update, DELETE=locations.delete),
    ),
    path(f"{_CATALOG}analyze-location", endpoint(POST=locations.analyze)),
    path(f"{_CATALOG}validate-entity", endpoint(POST=locations.validate)),
    path("search/query", endpoint(GET=searching.query)),
]
