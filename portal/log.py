"""What the log leaves out: work that comes round every few seconds and went well."""

from __future__ import annotations

import logging
import re

# Beat rings these (portal/celery.py), and /readyz says no five times a second while Portico starts.
_ROUTINE = re.compile(
    r"Task (control\.(sweep|seal|deliver)|access\.(sweep|reconcile)|catalog\.refresh_due)\[.*(received|succeeded in)"
    r"|.*: /readyz$"
)


class NotRoutine(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return _ROUTINE.match(record.getMessage()) is None
