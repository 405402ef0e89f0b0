"""Mail as files, for the demo and for trying out: one `.eml` for each message, which mail programs open."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.utils import timezone

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9@.-]+")


class FolderBackend(BaseEmailBackend):
    """Writes into EMAIL_FILE_PATH."""

    def __init__(self, fail_silently: bool = False, **_kwargs: Any) -> None:
        super().__init__(fail_silently=fail_silently)
        self.folder = Path(settings.EMAIL_FILE_PATH)

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for message in email_messages:
            written = message.message()
            words = _NOT_IN_NAMES.sub("-", f"{message.to[0]} {message.subject}")[:80].strip("-")
            number = _NOT_IN_NAMES.sub("", str(written["Message-ID"]))[:8]
            name = f"{timezone.now():%Y%m%d-%H%M%S}-{words}-{number}.eml"
            unfinished = self.folder / f".{name}"
            unfinished.write_bytes(written.as_bytes())
            unfinished.rename(self.folder / name)
        return len(email_messages)
