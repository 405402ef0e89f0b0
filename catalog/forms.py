"""The form that registers a location. What may be registered is decided in `targets.py` and `locations.py`."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from django import forms

from catalog import targets
from catalog.models import Location
from control.models import User

GUESS = ""
_GIT_ADDRESS = re.compile(r"^(?:git@|ssh://|git://)|\.git(?:#|$|/$)")


def guess_type(target: str) -> str:
    """The type that a pasted target most likely has; an empty text for one that looks like nothing known."""
    target = target.strip()
    if _GIT_ADDRESS.search(target):
        return Location.Type.GIT
    if target.startswith(("/", "file://")):
        return Location.Type.FILE
    if not target.lower().startswith(("http://", "https://")):
        return GUESS
    parts = [part for part in urlsplit(target).path.split("/") if part]
    return Location.Type.GIT if len(parts) == 2 and "." not in parts[-1] else Location.Type.URL


class RegisterForm(forms.Form):
    """`by` decides which fields are offered; the type is guessed unless somebody chose it."""

    target = forms.CharField(
        max_length=2000,
        error_messages={"required": "Paste the address of a repository, a descriptor file or a folder."},
    )
    type = forms.ChoiceField(
        required=False,
        choices=[(GUESS, "Guess from the address"), *Location.Type.choices],
        error_messages={"invalid_choice": "Choose one of the types in the list."},
    )
    is_org_source = forms.BooleanField(required=False)

    def __init__(self, *args: Any, by: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not by.is_staff:
            del self.fields["is_org_source"]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        target = cleaned.get("target")
        if not target or "type" not in cleaned:
            return cleaned
        cleaned["type"] = cleaned["type"] or guess_type(target)
        if not cleaned["type"]:
            self.add_error(
                "target",
                "This looks like no address. Begin it with https://, ssh:// or, for a folder here, with /.",
            )
            return cleaned
        try:
            targets.checked_target(cleaned["type"], target, outside_roots=False)
        except targets.TargetRefused as error:
            self.add_error("target", str(error))
        return cleaned
