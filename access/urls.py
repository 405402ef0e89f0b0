"""Paths of access, and of the access tab of an entity."""

from __future__ import annotations

from django.urls import path

from access import explain_views, several_views, views

app_name = "access"
urlpatterns = [
    path("access/", views.mine, name="mine"),
    path("access/check/", views.check, name="check"),
    path("access/standing/", views.standing, name="standing"),
    path("access/request/", views.request_access, name="request"),
    path("access/break-glass/", views.break_the_glass, name="break_glass"),
    path("access/request/several/", several_views.several, name="several"),
    path("access/request/several/lines/", several_views.lines, name="several_lines"),
    path("access/together/<uuid:key>/", several_views.together_page, name="together"),
    path("access/request/decision/", views.decision, name="decision"),
    path("access/requests/<uuid:intent_id>/", views.show, name="show"),
    path("access/requests/<uuid:intent_id>/withdraw/", views.withdraw, name="withdraw"),
    path("access/requests/<uuid:intent_id>/again/", views.ask_again, name="again"),
    path("access/requests/<uuid:intent_id>/end/", views.end, name="end"),
    path("access/requests/<uuid:intent_id>/retry/", views.retry, name="retry"),
    path("access/requests/<uuid:intent_id>/review/", views.review, name="review"),
    path("access/requests/<uuid:intent_id>/sign-in/", views.show_sign_in, name="sign_in"),
    path("rules/explain/", explain_views.explain, name="explain"),
    path("catalog/<str:kind>/<str:namespace>/<str:name>/access/", views.entity, name="entity"),
]
