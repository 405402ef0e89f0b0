"""A little history for the demo, made by the functions that everybody uses: nothing here writes a row of its own.

One access that ended, one in force, one that waits for an owner; one finished run of a template and one that waits.
Every request has a key of its own, so a load that was interrupted goes on where it stopped.
"""

from __future__ import annotations

from uuid import UUID, uuid5

from access import grants
from access.capability import NAME as ACCESS
from access.models import Grant
from catalog.models import Entity
from control import approvals, execution, intents, subjects
from control.capability import Draft
from control.models import Approval, Intent, State, User
from scaffolder import runs

_KEYS = UUID(
    "6f0d3c52-6a4e-4a8b-9a58-0f6f2e0f7d11"
)  # any: the same requests get the same keys in every database


def make() -> str:
    """Submit, decide and work off what the story needs; returns what there is now, in words."""
    _ended_access()
    _active_access()
    _waiting_access()
    _finished_run()
    _waiting_run()
    return "History: one access ended, one in force, one waiting; one run finished, one waiting"


def _ended_access() -> None:
    maya = _person("maya.okafor")
    intent = _ask(
        "ended",
        maya,
        entity="component:default/basket",
        role="staging-shell",
        environment="staging",
        duration="1h",
        reason="The basket of a customer empties itself, and I can repeat it in staging. Ticket SUP-1183.",
    )
    _agree(intent, "freya.nilsen", "Go ahead. Look at the keys that begin with basket:guest first.")
    _work(intent)
    grant = Grant.objects.live().filter(intent=intent).first()
    if grant:
        grants.revoke(
            grant.pk, by=maya, reason="Found it: the guest basket is merged too late. Noted in SUP-1183."
        )


def _active_access() -> None:
    intent = _ask(
        "active",
        _person("chloe.marsh"),
        entity="component:default/payments",
        role="production-logs",
        environment="production",
        duration="4h",
        reason="Order HM-204531 shows twice on the customer's card. I need the lines of the timeout. Ticket SUP-1207.",
    )
    _agree(intent, "ines.duarte", "Search for the request id, the second one is the retry on route b.")
    _work(intent)


def _waiting_access() -> None:
    _ask(
        "waiting",
        _person("theo.martin"),
        entity="component:default/payments-capture",
        role="production-shell",
        environment="production",
        duration="30m",
        reason="The capture worker restarts every 20 minutes. I want to see its open connections before it does.",
    )


def _finished_run() -> None:
    intent = _run(
        "static-website",
        "kenji.mori",
        {
            "name": "summer-reading",
            "title": "Summer reading",
            "audience": "customers",
            "owner": "group:default/storefront",
            "repoUrl": "git.localhost?owner=halfmoon&repo=summer-reading",
        },
        reason="",
    )
    _work(intent)


def _waiting_run() -> None:
    _run(
        "python-service",
        "hanna.kowalska",
        {
            "name": "returns-labels",
            "description": "Prints the label with which a customer sends a book back",
            "owner": "group:default/fulfilment",
            "system": "system:default/warehouse",
            "framework": "fastapi",
            "exposure": "internal",
            "port": 8000,
            "tags": ["internal"],
            "needsDatabase": False,
            "repoUrl": "git.localhost?owner=halfmoon&repo=returns-labels",
        },
        reason="Customers print labels at home today, and every third one is the wrong size.",
    )


def _ask(
    name: str, actor: User, *, entity: str, role: str, environment: str, duration: str, reason: str
) -> Intent:
    draft = Draft(
        capability=ACCESS,
        actor=actor,
        subject=subjects.resolve(entity),
        environment=environment,
        parameters={"role": role, "duration": duration},
        reason=reason,
    )
    return intents.submit(draft, key=uuid5(_KEYS, name))


def _run(template: str, username: str, values: dict[str, object], *, reason: str) -> Intent:
    entity = Entity.objects.get(ref=f"template:default/{template}")
    return runs.start(
        entity, values, {}, by=_person(username), reason=reason, key=uuid5(_KEYS, str(values["name"]))
    )


def _agree(intent: Intent, username: str, comment: str) -> None:
    approver = _person(username)
    answered = Approval.objects.filter(intent=intent, by=approver).exists()
    if intent.state == State.AWAITING_APPROVAL and not answered:
        approvals.approve(intent.pk, by=approver, digest=intent.plan_digest, comment=comment)


def _work(intent: Intent) -> None:
    """Now, in this process: the worker may not be up yet. A worker that is quicker leaves nothing to do here."""
    execution.run(intent.pk)


def _person(username: str) -> User:
    return User.objects.get(username=username)
