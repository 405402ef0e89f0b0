"""Paths of the catalogue's pages."""

from __future__ import annotations

from django.urls import path

from catalog.views import browse, entity, hooks, locations, preview, search

app_name = "catalog"
_ENTITY = "catalog/<str:kind>/<str:namespace>/<str:name>/"
urlpatterns = [
    path("catalog/", browse.entity_list, name="list"),
    path(_ENTITY, entity.overview, name="entity"),
    path(f"{_ENTITY}dependencies/", entity.dependencies, name="dependencies"),
    path(f"{_ENTITY}api/", entity.api, name="api"),
    path(f"{_ENTITY}docs/", entity.docs, name="docs"),
    path(f"{_ENTITY}source/", entity.source, name="source"),
    path(f"{_ENTITY}activity/", entity.activity, name="activity"),
    path(f"{_ENTITY}remove/", entity.remove, name="entity_remove"),
    path(f"{_ENTITY}refresh/", entity.refresh, name="entity_refresh"),
    path("search/", search.search_page, name="search"),
    path("hooks/github/", hooks.github, name="github_hook"),
    path("hooks/gitlab/", hooks.gitlab, name="gitlab_hook"),
    path("locations/", locations.location_list, name="locations"),
    path("locations/register/", locations.register, name="register"),
    path("locations/register/preview/", preview.preview, name="register_preview"),
    path("locations/register/catalog-info.yaml", preview.starter_file, name="starter"),
    path("locations/<uuid:location_id>/", locations.location_detail, name="location"),
    path("locations/<uuid:location_id>/refresh/", locations.refresh, name="location_refresh"),
    path("locations/<uuid:location_id>/remove/", locations.remove, name="location_remove"),
]
