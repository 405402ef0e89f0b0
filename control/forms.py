"""The answer to a request, as the inbox posts it."""

from __future__ import annotations

from django import forms


class AnswerForm(forms.Form):
    """`narrow` is `parameter=value`; whether that is smaller is the capability's to judge."""

    digest = forms.CharField(max_length=64)
    comment = forms.CharField(max_length=2000, required=False)
    narrow = forms.RegexField(r"^[a-z_]+=[^=]{1,100}$", required=False)
    answer = forms.CharField(max_length=20, required=False)

    def narrowed(self) -> dict[str, str]:
        """What the approver made smaller; empty for «as asked»."""
        if self.cleaned_data["answer"] != "shorten" or not self.cleaned_data["narrow"]:
            return {}
        name, _, value = self.cleaned_data["narrow"].partition("=")
        return {name: value}
