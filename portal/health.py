"""Is everything there that Portico needs? One word per part, nothing else: anybody may ask."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from portal import queue
from portal.models import Heartbeat

SILENCE = timedelta(seconds=30)  # three signs of life missed
_migrated = threading.Event()


@never_cache
@require_safe
def healthz(_request: HttpRequest) -> HttpResponse:
    """This process answers."""
    return HttpResponse("up\n", content_type="text/plain")


@never_cache
@require_safe
def readyz(_request: HttpRequest) -> HttpResponse:
    """Everything that Portico needs answers: 200, else 503. One word per part."""
    state = parts()
    words = {name: "up" if is_up else "down" for name, is_up in state.items()}
    return JsonResponse(words, status=200 if all(state.values()) else 503)


@never_cache
@require_safe
def backstage_liveness(_request: HttpRequest) -> HttpResponse:
    """As `healthz`, where Backstage's clients and charts ask."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def backstage_readiness(_request: HttpRequest) -> HttpResponse:
    """Whether this process can answer: the database is there and in shape. Workers are not its business."""
    if _holds(_database) and _holds(_migrations):
        return JsonResponse({"status": "ok"})
    return JsonResponse({"message": "Backend has not started yet", "status": "error"}, status=503)


def parts() -> dict[str, bool]:
    """Up or down for each part, in the order in which they depend on each other."""
    checks: dict[str, Callable[[], bool]] = {
        "database": _database,
        "migrations": _migrations,
        "queue": _queue,
        "worker": partial(_lives, "worker"),
        "schedule": partial(_lives, "schedule"),
    }
    return {name: _holds(check) for name, check in checks.items()}


def _holds(check: Callable[[], bool]) -> bool:
    try:
        return check()
    except DatabaseError:
        return False


def _database() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return bool(cursor.fetchone())


def _migrations() -> bool:
    """Asked until they are all there; a running process never has more of them, and anybody may ask this often."""
    if not _migrated.is_set():
        executor = MigrationExecutor(connection)
        if not executor.migration_plan(executor.loader.graph.leaf_nodes()):
            _migrated.set()
    return _migrated.is_set()


def _queue() -> bool:
    return not settings.CELERY_BROKER_URL.startswith("pgmq") or queue.is_installed()


def _lives(name: str) -> bool:
    return Heartbeat.objects.filter(name=name, seen_at__gt=Now() - SILENCE).exists()
