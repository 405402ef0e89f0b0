"""The request form, as it is posted or typed: which role where, for how long, why."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID, uuid4

from django import forms
from django.http import QueryDict

from access import windows
from access.capability import LONGEST_REASON, NAME
from access.request_page import Choice
from control.capability import Draft
from control.models import User
from control.subjects import Subject


class RequestForm(forms.Form):
    """`what` is role@environment, as the options say; a typed length counts before a chosen one."""

    key = forms.UUIDField(required=False)  # one form, one request: sending twice is harmless
    entity = forms.CharField(max_length=255)
    what = forms.RegexField(r"^[^@]{1,63}(@[^@]{0,63})?$", required=False)
    role = forms.CharField(max_length=63, required=False)  # links name role and environment apart
    environment = forms.CharField(max_length=63, required=False)
    duration = forms.CharField(max_length=40, required=False)
    other = forms.CharField(max_length=40, required=False)
    begin = forms.ChoiceField(
        choices=[(one, one) for one in ("now", windows.AFTER, windows.UNSAID)], required=False
    )
    start = forms.CharField(max_length=40, required=False)
    reason = forms.CharField(max_length=10 * LONGEST_REASON, required=False)

    def choice(self) -> Choice:
        """What is chosen so far; nothing has to be."""
        cleaned = self.cleaned_data
        role, _, environment = (cleaned.get("what") or "").partition("@")
        return Choice(
            role=role or cleaned.get("role", ""),
            environment=environment if role else cleaned.get("environment", ""),
            duration=(cleaned.get("other") or cleaned.get("duration") or "").strip(),
            begin=cleaned.get("begin") or "now",
            start=cleaned.get("start", "").strip(),
            reason=cleaned.get("reason", ""),
            key=cleaned.get("key") or uuid4(),
        )

    def draft(self, actor: User, subject: Subject) -> Draft:
        chosen = self.choice()
        return Draft(
            capability=NAME,
            actor=actor,
            subject=subject,
            environment=chosen.environment,
            parameters={
                "role": chosen.role,
                "duration": chosen.duration,
                "starts_at": chosen.starts_at,
            },
            reason=chosen.reason,
        )

    def emergency(self, actor: User, subject: Subject) -> Draft:
        """The same wish with the glass broken, whatever start was chosen."""
        draft = self.draft(actor, subject)
        parameters = {**draft.parameters, "starts_at": "", "break_glass": True}
        return replace(draft, parameters=parameters)


class EndForm(forms.Form):
    """Why a grant is ended early; nobody has to say."""

    reason = forms.CharField(
        max_length=LONGEST_REASON,
        required=False,
        error_messages={"max_length": f"The reason is too long. Use {LONGEST_REASON:,} letters or fewer."},
    )


def read(data: QueryDict) -> RequestForm:
    """A form that is always readable: fields that make no sense are as if they were not given."""
    form = RequestForm(data)
    form.is_valid()
    return form


def read_common(data: QueryDict) -> Choice:
    """What several lines have in common; roles and targets are lists there, and read elsewhere."""
    common = data.copy()
    common["what"] = common["role"] = common["environment"] = ""
    return read(common).choice()


def key_of(form: RequestForm) -> UUID:
    return form.choice().key
