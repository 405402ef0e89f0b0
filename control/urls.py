"""Paths of the inbox, the rules and the own profile."""

from __future__ import annotations

from django.urls import path

from control import profile_views, views

app_name = "control"
urlpatterns = [
    path("inbox/", views.inbox_list, name="inbox"),
    path("inbox/<uuid:intent_id>/", views.inbox_item, name="inbox_item"),
    path("inbox/<uuid:intent_id>/approve/", views.approve, name="approve"),
    path("inbox/<uuid:intent_id>/reject/", views.reject, name="reject"),
    path("rules/", views.rules, name="rules"),
    path("profile/", profile_views.profile, name="profile"),
    path("profile/tokens/<int:token_id>/revoke/", profile_views.revoke_token, name="token_revoke"),
]
