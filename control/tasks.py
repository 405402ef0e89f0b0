"""Celery's doors into the spine. Each may run twice or never: the rows say what is owed."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task

from control import (
    approvals,
    audit,
    deliveries,
    deputies,
    execution,
    intents,
    mail,
    moved,
    policy_sources,
    stages,
    webhooks,
)


@shared_task(name="control.run", ignore_result=True)
def run(intent_id: str) -> None:
    execution.run(UUID(intent_id))


@shared_task(name="control.sweep", ignore_result=True)
def sweep() -> None:
    approvals.expire_undecided()
    stages.escalate()
    moved.compare_waiting()
    intents.withdraw_of_leavers()
    deputies.end_of_leavers()
    deputies.tell_begun()
    execution.ring_owed()


@shared_task(name="control.deliver", ignore_result=True)
def deliver() -> None:
    mail.work_off_mail()
    webhooks.work_off_calls()


@shared_task(name="control.forget_told", ignore_result=True)
def forget_told() -> None:
    deliveries.give_up_old()
    while deliveries.forget_old() >= deliveries.FORGET_BATCH:
        pass


@shared_task(name="control.seal", ignore_result=True)
def seal() -> None:
    while audit.seal() >= audit.SEAL_BATCH:
        pass


@shared_task(name="control.read_rules", ignore_result=True)
def read_rules() -> None:
    policy_sources.read_again()
