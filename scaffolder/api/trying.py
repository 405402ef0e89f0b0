"""POST /v2/dry-run: a template that is in no catalogue, tried with answers and the files beside it. No effect."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse

from catalog.api.asked import body_of
from control.api import ApiError, answer_data, refusal_data
from control.errors import InvalidParameters
from control.models import User
from scaffolder import answers, dry_run
from scaffolder.api.invalid import error_at, invalid
from scaffolder.api.places import Places, all_taken
from scaffolder.api.task_documents import COMPLETED, FAILED, PROCESSING, SKIPPED
from scaffolder.errors import ActionFailed
from scaffolder.forms.validator import patience

MOST_TRYING = 1  # in one process; each takes seconds of a thread
MOST_FILES = 2_000
_places = Places(MOST_TRYING)
_BODY = {
    "type": "object",
    "properties": {
        "template": {"type": "object"},
        "values": {"type": "object"},
        "secrets": {"type": "object", "additionalProperties": {"type": "string"}},
        "directoryContents": {
            "type": "array",
            "maxItems": MOST_FILES,
            "items": {
                "type": "object",
                "properties": {"path": {"type": "string"}, "base64Content": {"type": "string"}},
                "required": ["path", "base64Content"],
            },
        },
    },
    "required": ["template", "values", "directoryContents"],
}
_STATUS_OF = {
    dry_run.DONE: COMPLETED,
    dry_run.FORESEEN: COMPLETED,
    dry_run.SKIPPED: SKIPPED,
    dry_run.FAILED: FAILED,
}


def try_out(request: HttpRequest, user: User) -> HttpResponse:
    """What a run would leave; a step that fails is 400, with what the steps before it did."""
    body = body_of(request, _BODY)
    _refuse_what_is_none(body["template"])
    files = {one["path"]: _content(one) for one in body["directoryContents"]}
    place = _places.take()
    if place is None:
        return all_taken(request, "Somebody else is trying a template here. Ask again in a second.")
    try:
        outcome = _outcome(body, files, user)
    except InvalidParameters as problem:
        return invalid(request, problem)
    except ActionFailed as problem:
        raise ApiError(400, str(problem)) from None
    finally:
        place.leave()
    shown = _shown(outcome)
    if outcome.problem is None:
        return answer_data(shown)
    return answer_data({**refusal_data(request, 400, outcome.problem.words), **shown}, 400)


@patience()
def _outcome(body: Mapping[str, Any], files: Mapping[str, bytes], user: User) -> dry_run.Outcome:
    template = body["template"]
    values = answers.checked_values(template, body["values"], user)
    secrets = answers.checked_secrets(template, values, body.get("secrets", {}), user)
    return dry_run.of_files(template, values, files, person=user, secrets=secrets)


def _refuse_what_is_none(template: Mapping[str, Any]) -> None:
    metadata = template.get("metadata")
    has_name = isinstance(metadata, Mapping) and isinstance(metadata.get("name"), str)
    if template.get("kind") != "Template" or not has_name or not isinstance(template.get("spec"), Mapping):
        raise ApiError(
            400, "Input template is not a template: it needs kind: Template, metadata.name and spec."
        )


def _content(file: Mapping[str, str]) -> bytes:
    try:
        return base64.b64decode(file["base64Content"], validate=True)
    except (binascii.Error, ValueError):
        raise ApiError(400, f"base64Content of {file['path'][:200]} is not base64.") from None


def _shown(outcome: dry_run.Outcome) -> dict[str, Any]:
    problem = outcome.problem
    path: list[str | int] = (
        [] if problem is None or problem.step is None else ["template", "spec", "steps", problem.step]
    )
    return {
        "log": [{"body": body} for body in _log(outcome)],
        "directoryContents": [_file(file) for file in outcome.files],
        "output": outcome.output,
        "steps": [
            {"id": one.step.id, "name": one.step.name, "action": one.step.action, "input": one.step.input}
            for one in outcome.steps
        ],
        "changes": [
            {"sign": change.sign, "where": change.where, "what": change.what} for change in outcome.changes
        ],
        **({"errors": [error_at(path, problem.words)]} if problem else {}),
    }


def _log(outcome: dry_run.Outcome) -> Iterator[dict[str, Any]]:
    for index, one in enumerate(outcome.steps):
        if one.state == dry_run.AHEAD:
            break
        of_step = {"stepId": one.step.id}
        yield {"message": f"Beginning step {one.step.name}", "status": PROCESSING, **of_step}
        for line in outcome.log:
            if line.step == index:
                yield {"message": line.text, **of_step}
        yield {"message": _end_of(one, outcome.problem), "status": _STATUS_OF[one.state], **of_step}
    for line in outcome.log:
        if line.step is None:
            yield {"message": line.text}


def _end_of(one: dry_run.StepOutcome, problem: dry_run.Problem | None) -> str:
    if one.state == dry_run.FAILED and problem is not None:
        return problem.words
    return f"{'Skipped' if one.state == dry_run.SKIPPED else 'Finished'} step {one.step.name}"


def _file(file: dry_run.File) -> dict[str, Any]:
    """Of a link where it points to; of a large file its beginning."""
    content = file.points_to.encode() if file.points_to else file.content
    return {
        "path": file.path,
        "executable": file.is_executable,
        "base64Content": base64.b64encode(content).decode(),
        **({"symlink": True} if file.points_to else {}),
    }
