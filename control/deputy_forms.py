"""What somebody fills in before they are away: who decides for them, from when until when, why, and where."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.urls import reverse
from django.utils.html import format_html

from control.deputies import LONGEST_REASON, Wish
from control.models import User
from control.people import called

SUGGESTED = 50  # colleagues whose names the browser offers
_WHEN = "Write a day and a time, like 2026-11-27T14:00."
_MINUTES = "%Y-%m-%dT%H:%M"


def _moment(**fields: Any) -> forms.DateTimeField:
    """In the time zone that is active while the form is read and shown."""
    widget = forms.DateTimeInput(attrs={"class": "input", "type": "datetime-local"}, format=_MINUTES)
    return forms.DateTimeField(widget=widget, error_messages={"invalid": _WHEN, "required": _WHEN}, **fields)


class DeputyForm(forms.Form):
    deputy = forms.CharField(
        label="Your deputy",
        max_length=255,
        help_text="Their user name, full name, or address.",
        error_messages={"required": "Name somebody."},
        widget=forms.TextInput(attrs={"class": "input", "autocomplete": "off", "list": "colleagues"}),
    )
    starts_at = _moment(label="From", required=False)
    expires_at = _moment(label="Until")
    reason = forms.CharField(
        label="Why",
        max_length=LONGEST_REASON,
        help_text="You, your deputy and the record see it.",
        error_messages={
            "required": "Say why, for example “Holiday”.",
            "max_length": f"Use {LONGEST_REASON} letters or fewer.",
        },
        widget=forms.TextInput(attrs={"class": "input", "autocomplete": "off", "placeholder": "Holiday"}),
    )
    groups = forms.MultipleChoiceField(
        label="Only for",
        required=False,
        help_text="None ticked: for everything that waits for you.",
        error_messages={"invalid_choice": "You are not in that group, so nobody can stand in for you there."},
        widget=forms.CheckboxSelectMultiple(attrs={"class": "several-boxes"}),
    )

    def __init__(self, user: User, zone: ZoneInfo, data: Any = None) -> None:
        """`zone` is what moments are read and shown in; the caller makes it the active one."""
        super().__init__(data)
        self.user = user
        self.teams = list(user.groups.order_by("name").values_list("name", flat=True))
        self.fields["groups"].choices = [(name, name.rpartition("/")[2]) for name in self.teams]  # type: ignore[attr-defined]  # a ChoiceField
        self.fields["starts_at"].help_text = format_html(
            'Left empty: from now on. Times are in {} (<a href="{}">change</a>).',
            zone.key.replace("_", " "),
            reverse("control:notice_wishes"),
        )
        self.fields["expires_at"].help_text = f"At most {settings.PORTICO_DEPUTY_DAYS} days later."

    def clean_deputy(self) -> User:
        return _person_typed(self.cleaned_data["deputy"].strip())

    def wish(self) -> Wish:
        data = self.cleaned_data
        return Wish(
            deputy=data["deputy"],
            starts_at=data["starts_at"],
            expires_at=data["expires_at"],
            reason=data["reason"],
            groups=data["groups"],
        )


def _person_typed(typed: str) -> User:
    found = called(typed)
    if not found:
        raise forms.ValidationError("Nobody here is called that. Write their user name, like tomas.lind.")
    if len(found) > 1:
        names = ", ".join(user.username for user in found)
        raise forms.ValidationError(
            f"Several people are called that. Write one of their user names: {names}."
        )
    return found[0]


def colleagues(user: User) -> list[User]:
    """People who share a group, for the browser to offer."""
    shared = User.objects.filter(groups__in=user.groups.values("pk"), is_active=True, acts_for=None)
    return list(shared.exclude(pk=user.pk).distinct().order_by("first_name", "username")[:SUGGESTED])
