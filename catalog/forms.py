"""The form that registers a location. What may be registered is decided in `targets.py` and `locations.py`."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from django import forms

from catalog import selection, targets
from catalog.hosts import integrations
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
    if len(parts) == 1 and (owner := _owner_type(urlsplit(target).netloc.lower())):
        return owner
    return Location.Type.GIT if len(parts) == 2 and "." not in parts[-1] else Location.Type.URL


def _owner_type(host: str) -> str:
    """What the address of an account of `host` most likely is: an organisation whose repositories are meant."""
    if host == "github.com" or integrations.of_host(host, integrations.GITHUB):
        return Location.Type.GITHUB_DISCOVERY
    if host == "gitlab.com" or integrations.of_host(host, integrations.GITLAB):
        return Location.Type.GITLAB_DISCOVERY
    return Location.Type.BACKSTAGE if integrations.of_host(host, integrations.BACKSTAGE) else GUESS


def _text(label: str, hint: str, placeholder: str = "") -> forms.CharField:
    attributes = {"class": "input is-mono", "placeholder": placeholder, "autocomplete": "off"}
    return forms.CharField(
        label=label, required=False, max_length=300, help_text=hint, widget=forms.TextInput(attributes)
    )


class SelectionFields(forms.Form):
    """Which repositories of an organisation or group, and which file in them; only for those types."""

    path = _text(
        "Path of the file",
        "In each repository. /**/catalog-info.yaml looks in all folders.",
        selection.DEFAULT_PATH,
    )
    branch = _text("Branch", "Empty: the default branch of each repository.")
    name = _text("Repository names", "Patterns by comma, like shop-*. Empty: all.")
    topic = _text("With one of these topics", "By comma. Empty: whatever their topics.")
    not_topic = _text("Without these topics", "By comma.", "sandbox")
    visibility = _text("Visibility", "public, internal, private, by comma. Empty: all.")
    archived = forms.BooleanField(label="Archived repositories too", required=False)
    forks = forms.BooleanField(label="Forks too", required=False)

    def selected(self) -> str:
        """As it is written behind # in a target; empty when nothing was chosen."""
        data = self.cleaned_data
        options = [
            f"{name.replace('_', '-')}={data[name]}"
            for name in ("branch", "name", "topic", "not_topic", "visibility")
            if data.get(name)
        ]
        options += [f"{name}=yes" for name in ("archived", "forks") if data.get(name)]
        path = data.get("path") or selection.DEFAULT_PATH
        return f"{path}?{'&'.join(options)}" if options or data.get("path") else ""


class RegisterForm(SelectionFields):
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
            type = self.fields["type"]
            type.choices = [choice for choice in type.choices if choice[0] not in targets.ORG_SOURCES]  # type: ignore[attr-defined]  # a ChoiceField

    @property
    def selection_fields(self) -> list[forms.BoundField]:
        """The texts of the selection, for the part of the page that is about them."""
        return [self[name] for name in ("path", "branch", "name", "topic", "not_topic", "visibility")]

    @property
    def has_selection(self) -> bool:
        return any(self[name].value() for name in SelectionFields.base_fields)

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
        if cleaned["type"] in targets.DISCOVERIES and (selected := self.selected()):
            cleaned["target"] = target = f"{target.partition('#')[0]}#{selected}"
        try:
            targets.checked_target(cleaned["type"], target, outside_roots=False)
        except targets.TargetRefused as error:
            self.add_error("target", str(error))
        return cleaned
