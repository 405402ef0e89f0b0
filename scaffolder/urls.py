"""Addresses of the scaffolder."""

from __future__ import annotations

from django.urls import path

from scaffolder import views

app_name = "scaffolder"
urlpatterns = [
    path("create/", views.templates, name="templates"),
    path("create/actions/", views.actions, name="actions"),
    path("create/workshop/", views.workshop, name="workshop"),
    path("create/options/", views.options, name="options"),
    path("create/<str:namespace>/<str:name>/", views.form, name="form"),
    path("runs/", views.runs, name="runs"),
    path("runs/<uuid:run_id>/", views.run, name="run"),
    path("runs/<uuid:run_id>/log/", views.log, name="log"),
    path("runs/<uuid:run_id>/log.txt", views.log_raw, name="log_raw"),
    path("runs/<uuid:run_id>/trial/", views.run_trial, name="run_trial"),
    path("runs/<uuid:run_id>/cancel/", views.cancel, name="cancel"),
    path("runs/<uuid:run_id>/retry/", views.retry, name="retry"),
    path("runs/<uuid:run_id>/withdraw/", views.withdraw, name="withdraw"),
]
