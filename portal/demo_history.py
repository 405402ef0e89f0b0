"""A little history for the demo, made by the functions that everybody uses: nothing here writes a row of its own.

One access that ended, one in force, one that was taken in an emergency and is to be reviewed; requests that wait for
one owner, in the first or second of two stages, for one more person, and two that were sent together; one finished run
of a template and one that waits.
Every request has a key of its own, so a load that was interrupted goes on where it stopped.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid5

from access import grants, together
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
    _emergency()
    _waiting_access()
    _waiting_in_stages()
    _waiting_for_one_more()
    _sent_together()
    _finished_run()
    _waiting_run()
    return "History: one access ended, one in force, one to review, six requests waiting; one run finished, one waiting"


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


def _emergency() -> None:
    """Over already, so that an owner of payments finds its review."""
    chloe = _person("chloe.marsh")
    intent = _ask(
        "emergency",
        chloe,
        entity="component:default/refund-desk",
        role="production-logs",
        environment="production",
        duration="30m",
        reason="Refunds have been failing for an hour and nobody of payments answers. Ticket SUP-1204.",
        break_glass=True,
    )
    _work(intent)
    grant = Grant.objects.live().filter(intent=intent).first()
    if grant:
        grants.revoke(grant.pk, by=chloe, reason="The processor had an outage, nothing on our side.")


def _waiting_in_stages() -> None:
    """One where the lead of support has agreed, and one that she asks for herself, so that platform stands in first."""
    intent = _ask(
        "stages",
        _person("maya.okafor"),
        entity="component:default/basket",
        role="customer-records",
        environment="production",
        duration="30m",
        reason="A customer ordered as a guest and cannot find the order. I need the address it went to. SUP-1211.",
    )
    _agree(intent, "chloe.marsh", "She has the customer on the phone.")
    _ask(
        "stages-lead",
        _person("chloe.marsh"),
        entity="component:default/storefront-gateway",
        role="customer-records",
        environment="production",
        duration="1h",
        reason="Two customers see each other's names. I want to know how many it concerns. Ticket SUP-1213.",
    )


def _waiting_for_one_more() -> None:
    intent = _ask(
        "two-people",
        _person("ines.duarte"),
        entity="component:default/ledger",
        role="production-database-read",
        environment="production",
        duration="1h",
        reason="The books of Tuesday do not balance by 40.00 EUR. I want to find the entry that has only one side.",
    )
    _agree(intent, "tomas.lind", "Agreed. Take the copy of the night if it is enough.")


def _sent_together() -> None:
    lucia = _person("lucia.romero")
    drafts = [
        _draft(
            lucia,
            entity=f"component:default/{name}",
            role="staging-shell",
            environment="staging",
            duration="2h",
            reason="Search results lose their filter on the way to the basket. I want to see what each of them gets.",
        )
        for name in ("storefront-gateway", "basket")
    ]
    together.submit(drafts, by=lucia, key=uuid5(_KEYS, "together"))


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


def _ask(name: str, actor: User, **wish: Any) -> Intent:
    return intents.submit(_draft(actor, **wish), key=uuid5(_KEYS, name))


def _draft(actor: User, *, entity: str, environment: str, reason: str, **parameters: Any) -> Draft:
    return Draft(
        capability=ACCESS,
        actor=actor,
        subject=subjects.resolve(entity),
        environment=environment,
        parameters=parameters,
        reason=reason,
    )


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
