"""Signs of life of the processes that answer no requests: a thread of each notes that it is there.

A thread and not a job: two long jobs would make a busy worker look dead.
"""

from __future__ import annotations

import logging
import threading
import time

from django.db import DatabaseError, connection
from django.db.models.functions import Now

EVERY_SECONDS = 10
log = logging.getLogger(__name__)


def keep_noting(name: str) -> None:
    threading.Thread(target=_note_forever, args=(name,), name="heartbeat", daemon=True).start()


def note(name: str) -> None:
    from portal.models import Heartbeat  # this module is loaded before the apps are

    Heartbeat.objects.update_or_create(name=name, defaults={"seen_at": Now()})


def _note_forever(name: str) -> None:
    while True:
        try:
            note(name)
        except DatabaseError as error:
            log.warning("No sign of life could be noted, next try in %s s: %s", EVERY_SECONDS, error)
        finally:
            connection.close()  # forked jobs must find no open connection
        time.sleep(EVERY_SECONDS)
