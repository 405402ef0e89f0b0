"""The map of the house: which app answers below which path."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path, re_path

from control.api import unknown
from portal import health, palette, start_page, views

urlpatterns: list[URLPattern | URLResolver] = [
    path("", start_page.home, name="home"),
    path("palette/", palette.palette, name="palette"),
    path("signin/", views.sign_in, name="signin"),
    path("signout/", views.sign_out, name="signout"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path(".backstage/health/v1/liveness", health.backstage_liveness),
    path(".backstage/health/v1/readiness", health.backstage_readiness),
    path("", include("control.urls")),
    path("", include("catalog.urls")),
    path("", include("portal.api_urls")),
    path("", include("access.urls")),
    path("", include("scaffolder.urls")),
    re_path(r"^api/", unknown),
]
handler500 = "portal.views.server_error"
