"""What a package of actions imports, and all that it needs: see docs/actions.md."""

from __future__ import annotations

from catalog.errors import Unreadable
from catalog.web import Answer, Reader
from control.capability import Change
from scaffolder.actions.base import Work
from scaffolder.actions.typed import ActionInvalid, action
from scaffolder.errors import ActionFailed, PathRefused

__all__ = [
    "ActionFailed",
    "ActionInvalid",
    "Answer",
    "Change",
    "PathRefused",
    "Reader",
    "Unreadable",
    "Work",
    "action",
]
