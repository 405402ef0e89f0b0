"""The Celery application: what a worker may do, and what beat rings regularly.

Messages are only bells, the rows say what is owed (`control.execution`), so a message that is lost or comes twice does
no harm.
"""

from __future__ import annotations

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

from celery import Celery
from celery.signals import beat_init, worker_ready
from django.conf import settings

from portal import heartbeat
from portal.broker import transport_options

QUEUE = "portico"
# Longer than any step of a template or connector may take; past it the job's process is replaced.
SOFT_LIMIT_SECONDS = 20 * 60
HARD_LIMIT_SECONDS = SOFT_LIMIT_SECONDS + 60

app = Celery("portico")
app.conf.update(
    broker_url=settings.CELERY_BROKER_URL,
    broker_transport_options=transport_options(settings.CELERY_BROKER_URL, settings.DATABASES["default"]),
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,  # a database that restarts is waited for
    task_default_queue=QUEUE,
    task_ignore_result=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_soft_time_limit=SOFT_LIMIT_SECONDS,
    task_time_limit=HARD_LIMIT_SECONDS,
    task_serializer="json",
    accept_content=["json"],
    worker_prefetch_multiplier=1,
    worker_concurrency=2,
    worker_enable_remote_control=False,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
    worker_send_task_events=False,
    timezone="UTC",
    beat_scheduler="celery.beat:Scheduler",  # remembers nothing: every entry comes round soon again
    beat_schedule={
        "sweep": {"task": "control.sweep", "schedule": float(settings.PORTICO_SWEEP_SECONDS)},
        "deliver": {"task": "control.deliver", "schedule": float(settings.PORTICO_SWEEP_SECONDS)},
        "forget": {"task": "control.forget_told", "schedule": 3_600.0},
        "seal": {"task": "control.seal", "schedule": 60.0},
        "rules": {"task": "control.read_rules", "schedule": float(settings.PORTICO_REFRESH_SECONDS)},
        "refresh": {"task": "catalog.refresh_due", "schedule": 30.0},
        "scaffolder": {"task": "scaffolder.forget_ended", "schedule": 300.0},
        "access": {"task": "access.sweep", "schedule": float(settings.PORTICO_SWEEP_SECONDS)},
    },
)
app.autodiscover_tasks()


@worker_ready.connect
def _worker_lives(**_signal: object) -> None:
    heartbeat.keep_noting("worker")


@beat_init.connect
def _schedule_lives(**_signal: object) -> None:
    heartbeat.keep_noting("schedule")
