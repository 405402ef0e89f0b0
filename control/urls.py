"""Paths of the inbox and the rules."""

from __future__ import annotations

from django.urls import path

from control import views

app_name = "control"
urlpatterns = [
    path("inbox/", views.inbox_list, name="inbox"),
    path("inbox/<uuid:intent_id>/", views.inbox_item, name="inbox_item"),
    path("inbox/<uuid:intent_id>/approve/", views.approve, name="approve"),
    path("inbox/<uuid:intent_id>/reject/", views.reject, name="reject"),
    path("rules/", views.rules, name="rules"),
]
