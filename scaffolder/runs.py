"""Starting runs of templates, stopping them, running them again, and what is kept of them.

The one way to start a run with secrets: they are checked and sealed here, in the transaction that writes the intent,
and never part of an intent's parameters, which rules, approvers and the record see.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from catalog.models import Entity
from control import intents
from control.capability import Draft
from control.errors import InvalidParameters, NotWaiting
from control.models import FINAL_STATES, Intent, State, User
from control.subjects import resolve
from scaffolder import answers, effects, sealing
from scaffolder.document import Blueprint
from scaffolder.errors import ActionFailed
from scaffolder.models import Run, RunStep
from scaffolder.workspace import Store

CAPABILITY = "scaffolder.run"
# A failed run can be run again for so long; after that its secrets, then its files, are gone.
KEEP_SECRETS = timedelta(hours=24)
KEEP_FILES = timedelta(days=7)  # and what steps did outside, so that a retry does it no second time


def start(
    template: Entity,
    values: Mapping[str, Any],
    secrets: Mapping[str, str] | None = None,
    *,
    by: User,
    reason: str = "",
    key: UUID | None = None,
) -> Intent:
    """Ask for a run; the rules decide whether it begins at once. A second call with the same `key` changes nothing.

    Raises `InvalidParameters` with a message per field.
    """
    draft = Draft(
        CAPABILITY,
        by,
        resolve(template.ref),
        parameters={"template": template.ref, "values": dict(values)},
        reason=reason,
    )
    checked = answers.checked_secrets(template.document, values, secrets or {}, by)
    with transaction.atomic():
        intent = intents.submit(draft, key=key)
        if checked and intent.state not in FINAL_STATES:
            Run.objects.filter(pk=intent.pk, sealed_secrets=None).update(
                sealed_secrets=sealing.seal(checked), secret_names=sorted(checked)
            )
    return intent


def stop(run_id: UUID, *, by: User) -> Intent:
    """Take back what nobody has decided, else cancel what goes on. Raises `TooLate`, `Refused`."""
    waits = Intent.objects.filter(pk=run_id, state=State.AWAITING_APPROVAL).exists()
    with suppress(NotWaiting):  # decided meanwhile: then it goes on, or is over
        if waits:
            return intents.withdraw(run_id, by=by)
    return intents.cancel(run_id, by=by)


@transaction.atomic
def retry(run_id: UUID, secrets: Mapping[str, str] | None = None, *, by: User) -> Intent:
    """Run a failed run again under the same approval, with secrets anew where they are given.

    Raises `TooLate`, `Refused`, or `InvalidParameters` by secret where its secrets are gone and not given again.
    """
    intent = intents.retry(run_id, by=by)
    run = Run.objects.get(pk=run_id)
    known = {**_kept_secrets(run), **(secrets or {})}
    if lost := [name for name in run.secret_names if not known.get(name)]:
        words = (
            "This secret was erased when the run had ended. Start a new run, or send it again over the API."
        )
        raise InvalidParameters(dict.fromkeys(lost, words))
    if secrets:
        checked = answers.checked_secrets(run.template, run.values, known, intent.requested_by)
        run.sealed_secrets, run.secret_names = sealing.seal(checked), sorted(checked)
        run.save(update_fields=["sealed_secrets", "secret_names"])
    return intent


def _kept_secrets(run: Run) -> dict[str, str]:
    try:
        return sealing.unseal(run.sealed_secrets)
    except ActionFailed:  # the key is another one, so they are as good as erased
        return {}


def record(intent: Intent, document: Mapping[str, Any], blueprint: Blueprint) -> Run:
    """The rows of a run, in the transaction that writes its intent."""
    run = Run.objects.create(
        intent=intent,
        template_ref=intent.subject_ref,
        template=dict(document),
        values=intent.parameters["values"],
    )
    RunStep.objects.bulk_create(
        RunStep(
            run=run, index=step.index, step_id=step.id[:200], name=step.name[:500], action=step.action[:200]
        )
        for step in blueprint.steps
    )
    return run


def forget(run_id: UUID) -> None:
    """The run is over for good: its secrets and its files go."""
    Run.objects.filter(pk=run_id).update(sealed_secrets=None)
    effects.forget(Q(step__run=run_id))
    Store(run_id).remove()


def forget_ended(*, at: datetime) -> int:
    """Erase the secrets of runs that ended without a worker noticing, and of failed ones after a while.

    Returns how many things were erased.
    """
    over = Q(intent__state__in=FINAL_STATES - {State.FAILED})
    failed = Q(intent__state=State.FAILED)
    stale_secrets = Run.objects.exclude(sealed_secrets=None).filter(
        over | failed & Q(intent__finished_at__lt=at - KEEP_SECRETS)
    )
    count = stale_secrets.update(sealed_secrets=None)
    of_run = "step__run__intent__"
    count += effects.forget(
        Q(**{f"{of_run}state__in": FINAL_STATES - {State.FAILED}})
        | Q(**{f"{of_run}state": State.FAILED, f"{of_run}finished_at__lt": at - KEEP_FILES})
    )
    return count + _remove_files(at)


def _remove_files(at: datetime) -> int:
    folders = {folder.name: folder for folder in Store.every()}
    kept = Intent.objects.filter(pk__in=folders).exclude(state__in=FINAL_STATES - {State.FAILED})
    kept = kept.exclude(state=State.FAILED, finished_at__lt=at - KEEP_FILES)
    stale = set(folders) - {str(pk) for pk in kept.values_list("pk", flat=True)}
    for name in stale:
        Store(UUID(name)).remove()
    return len(stale)
