"""What people fill in here: answers to requests, what they have read, how they want to be told, and a new API token."""

from __future__ import annotations

from typing import Any

from django import forms

from control.tokens import DEFAULT_DAYS, MOST_DAYS


class AnswerForm(forms.Form):
    """`narrow` is `parameter=value`; whether that is smaller is the capability's to judge."""

    digest = forms.CharField(max_length=64)
    comment = forms.CharField(
        max_length=2000,
        required=False,
        error_messages={"max_length": "The comment is too long. Use 2,000 letters or fewer."},
    )
    narrow = forms.RegexField(r"^[a-z_]+=[^=]{1,100}$", required=False)
    answer = forms.CharField(max_length=20, required=False)
    in_place_of = forms.IntegerField(min_value=1, max_value=2**63 - 1, required=False)  # whose places: a key

    def clean(self) -> dict[str, Any]:
        """“Shorter” without saying how much is no answer: it must not become “as asked”."""
        data = super().clean() or self.cleaned_data
        if data.get("answer") == "shorten" and not data.get("narrow"):
            self.add_error("narrow", "Choose how much shorter, then approve.")
        return data

    def problem(self) -> str:
        """What is wrong, in words for the person."""
        for name in ("comment", "narrow"):
            if name in self.errors:
                return str(self.errors[name][0])
        return "This answer cannot be read. Open the request again."

    def narrowed(self) -> dict[str, str]:
        """What the approver made smaller; empty for «as asked»."""
        if self.cleaned_data["answer"] != "shorten":
            return {}
        name, _, value = self.cleaned_data["narrow"].partition("=")
        return {name: value}


class NoticesReadForm(forms.Form):
    through = forms.IntegerField(min_value=0, max_value=2**63 - 1)


class TokenForm(forms.Form):
    name = forms.CharField(
        label="What it is for",
        max_length=100,
        help_text="So that you know later which one to revoke.",
        error_messages={"required": "Say what the token is for, for example “nightly report”."},
        widget=forms.TextInput(attrs={"class": "input", "autocomplete": "off"}),
    )
    days = forms.IntegerField(
        label="Days until it ends",
        min_value=1,
        max_value=MOST_DAYS,
        initial=DEFAULT_DAYS,
        help_text=f"At most {MOST_DAYS}.",
        widget=forms.NumberInput(attrs={"class": "input"}),
    )
