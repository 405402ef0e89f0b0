"""Refusals of the scaffolder, in words for whoever started the run."""

from __future__ import annotations

from collections.abc import Mapping

from control.errors import ControlError


class TemplateUnusable(ControlError):
    """A template that cannot run here; `problems` name each reason."""

    status = 422

    def __init__(self, problems: list[str]) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems


class ActionFailed(Exception):
    """A step that could not be done: what happened, why, what to do."""


class PathRefused(ActionFailed):
    """A path that would leave the workspace or reach into git's own files."""


class InputInvalid(ActionFailed):
    """The input of a step that its action cannot use; `fields` maps the field to what is wrong."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__(" ".join(fields.values()))
        self.fields = dict(fields)
