"""How somebody wants to be told, as the page of their wishes posts it: two fields for each topic, and the hours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.forms.boundfield import BoundField

from control.models import MailWish, User
from control.notice_choices import Choice, choices_of, choose, hours_of

_HOURS = [(str(hour), f"{hour:02}:00") for hour in range(24)]
_NO_HOUR = ("", "No quiet hours")


def _zones() -> list[tuple[str, str]]:
    return [(name, name.replace("_", " ")) for name in sorted(available_timezones())]


@dataclass(frozen=True)
class Row:
    choice: Choice
    shown: BoundField
    mail: BoundField


class WishesForm(forms.Form):
    zone = forms.ChoiceField(
        label="Your time zone", choices=_zones, widget=forms.Select(attrs={"class": "input"})
    )
    digest = forms.ChoiceField(
        label="Daily mail at", choices=_HOURS, widget=forms.Select(attrs={"class": "input"})
    )
    quiet_from = forms.ChoiceField(
        label="No mail from",
        choices=[_NO_HOUR, *_HOURS],
        required=False,
        widget=forms.Select(attrs={"class": "input"}),
    )
    quiet_until = forms.ChoiceField(
        label="until",
        choices=[_NO_HOUR, *_HOURS],
        required=False,
        widget=forms.Select(attrs={"class": "input"}),
    )

    def __init__(self, user: User, data: Any = None) -> None:
        self.user, self.choices = user, choices_of(user)
        super().__init__(data, initial=self._now())
        for choice in self.choices:
            self.fields[f"shown-{choice.topic.name}"] = forms.BooleanField(
                required=False, disabled=choice.topic.is_always_shown
            )
            self.fields[f"mail-{choice.topic.name}"] = forms.ChoiceField(
                choices=MailWish.choices, widget=forms.Select(attrs={"class": "input"})
            )

    def _now(self) -> dict[str, Any]:
        hours = hours_of(self.user)
        begin, end = hours.quiet or ("", "")
        found = {"zone": hours.zone.key, "digest": hours.digest, "quiet_from": begin, "quiet_until": end}
        for choice in self.choices:
            found[f"shown-{choice.topic.name}"] = choice.is_shown
            found[f"mail-{choice.topic.name}"] = choice.mail
        return found

    def rows(self) -> Iterator[Row]:
        for choice in self.choices:
            yield Row(choice, self[f"shown-{choice.topic.name}"], self[f"mail-{choice.topic.name}"])

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        begin, end = data.get("quiet_from"), data.get("quiet_until")
        if bool(begin) != bool(end):
            self.add_error("quiet_until", "Choose both ends of the quiet hours, or none.")
        elif begin and begin == end:
            self.add_error(
                "quiet_until", "Quiet hours that begin and end at the same hour are none. Choose another."
            )
        return data

    def save(self) -> None:
        data = self.cleaned_data
        quiet = (int(data["quiet_from"]), int(data["quiet_until"])) if data["quiet_from"] else None
        chosen = {
            choice.topic.name: (data[f"shown-{choice.topic.name}"], data[f"mail-{choice.topic.name}"])
            for choice in self.choices
        }
        choose(self.user, chosen, zone=data["zone"], digest=int(data["digest"]), quiet=quiet)
