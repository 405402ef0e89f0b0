"""The addresses that tokens reach: those of the API, where pages have them too."""

from __future__ import annotations

from django.urls import include, path

urlpatterns = [
    path("api/", include("catalog.api.urls")),
    path("api/", include("access.api_urls")),
    path("api/", include("scaffolder.api.urls")),
]
