"""What can be asked for and how: messages per field, the plan that approvers see, making it shorter."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from access.capability import AccessGrant
from control import approvals, intents
from control.errors import InvalidParameters, OwnRequest, Refused
from control.models import State, User
from tests import factories
from tests.access import room

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("service", "rules")]


@pytest.mark.parametrize(
    ("given", "field", "words"),
    [
        ({"role": "root"}, "role", "Choose one of the roles that are offered here."),
        ({"role": ""}, "role", "Choose one of the roles"),
        ({"environment": "staging"}, "environment", "Production logs is offered in production. Choose that."),
        ({"environment": ""}, "environment", "is offered in production"),
        (
            {"duration": "a while"},
            "duration",
            "“a while” is not a length of time. Type it like 30m, 4h or 1d.",
        ),
        (
            {"duration": "8h"},
            "duration",
            "8\u00a0h is more than production-logs allows. Ask for 4\u00a0h or less.",
        ),
        ({"reason": "  "}, "reason", "Say why."),
        ({"reason": "x" * 2001}, "reason", "2,000 letters or fewer"),
        ({"ref": "component:default/nothing"}, "entity", "The catalogue has no component:default/nothing."),
    ],
)
def test_what_cannot_be_asked_for_is_told_at_its_field(
    maya: User, tomas: User, given: dict[str, Any], field: str, words: str
) -> None:
    with pytest.raises(InvalidParameters) as refusal:
        intents.submit(room.draft(maya, **given))
    assert words in refusal.value.fields[field]


def test_the_plan_says_what_is_held_for_how_long_and_what_changes_outside(maya: User, tomas: User) -> None:
    plan = room.ask(maya, duration="4h").plan
    assert plan["title"] == "Production logs of payments"
    assert plan["summary"] == (
        "Maya Okafor holds Production logs on payments in production for 4\u00a0h, and it ends by itself."
    )
    assert [change["what"] for change in plan["changes"]] == [
        f"portico_maya_okafor joins {room.RIGHT}",
        f"leaves {room.RIGHT}; read back to make sure",
    ]
    assert plan["data"]["permissions"] == ["logs:read"]


def test_a_target_that_is_not_configured_is_said_in_the_plan(maya: User, tomas: User, settings: Any) -> None:
    settings.PORTICO_CONNECTORS = {}
    assert "There is no target payments-logs" in room.ask(maya).plan["changes"][0]["what"]


@pytest.mark.parametrize("longer", ["1h", "2h", "90m", "soon", ""])
def test_an_approver_can_only_make_it_shorter(maya: User, tomas: User, longer: str) -> None:
    intent = room.ask(maya, duration="1h")
    with pytest.raises(InvalidParameters):
        approvals.approve(intent.pk, by=tomas, digest=intent.plan_digest, narrowed={"duration": longer})
    intent.refresh_from_db()
    assert intent.state == State.AWAITING_APPROVAL


def test_an_approver_cannot_change_the_role(maya: User, tomas: User) -> None:
    intent = room.ask(maya)
    with pytest.raises(InvalidParameters, match="Only the length"):
        approvals.approve(
            intent.pk, by=tomas, digest=intent.plan_digest, narrowed={"role": "production-shell"}
        )


def test_nobody_approves_their_own_access(tomas: User, ines: User, tmp_path: Path) -> None:
    room.publish(tmp_path, room.RULES.replace("name: support", "name: payments"))
    intent = room.ask(tomas)
    with pytest.raises(OwnRequest):
        approvals.approve(intent.pk, by=tomas, digest=intent.plan_digest)


def test_a_rule_that_was_made_narrower_after_the_request_counts(
    maya: User, tomas: User, tmp_path: Path
) -> None:
    intent = room.ask(maya, duration="4h")
    room.publish(tmp_path, room.RULES.replace("maxDuration: 4h\n  defaultDuration: 1h", "maxDuration: 2h"))
    with pytest.raises(Refused, match="is more than production-logs allows"):
        approvals.approve(intent.pk, by=tomas, digest=intent.plan_digest)


def test_a_role_that_gives_more_since_the_request_gives_what_was_shown(
    maya: User, tomas: User, tmp_path: Path
) -> None:
    intent = room.ask(maya)
    room.publish(
        tmp_path, room.RULES.replace("verbs: [read]}]\noutside", "verbs: [read, delete]}]\noutside", 1)
    )
    approvals.approve(intent.pk, by=tomas, digest=intent.plan_digest)
    intent.refresh_from_db()
    assert intent.grant.permissions == ["logs:read"]


def test_what_a_rule_allows_at_once_holds_at_once(maya: User) -> None:
    intent = room.ask(maya, role="staging-shell", environment="staging", duration="8h")
    assert intent.state == State.APPROVED
    assert intent.grant.permissions == ["shell:open"]


def test_the_inbox_is_told_what_to_look_at_first(maya: User, tomas: User) -> None:
    intent = room.ask(maya, duration="4h")
    facts = AccessGrant().inbox_facts(intent, tomas)
    sentences = [words for _, words in AccessGrant().warnings([intent])[intent.pk]]
    assert sentences[:2] == ["This reaches production.", "Maya Okafor has not held this before."]
    assert facts["as_asked"] == "4\u00a0h"
    assert facts["history"] == "Asks for it for the first time."
    assert [label for label, _ in facts["narrow_choices"]] == ["2\u00a0h", "1\u00a0h", "30\u00a0min"]


def test_the_inbox_is_told_that_it_is_longer_than_usual(maya: User, tomas: User) -> None:
    room.granted(maya, by=tomas, duration="30m")
    intent = room.ask(maya, duration="4h")
    facts = AccessGrant().inbox_facts(intent, tomas)
    warnings = AccessGrant().warnings([intent])[intent.pk]
    assert ("warn", "4\u00a0h is longer than usual: 30\u00a0min until now.") in warnings
    assert facts["history"] == "Asked for it once before, 1 allowed."


def test_what_to_look_at_first_costs_the_same_for_many_requests(
    maya: User, tomas: User, client_for: Callable[[User], Client]
) -> None:
    room.granted(maya, by=tomas, duration="30m")
    many = [room.ask(maya, duration="4h") for _ in range(10)]
    owner, costs = client_for(tomas), []
    for chosen in (many[:2], many):
        with CaptureQueriesContext(connection) as queries:
            page = owner.get("/inbox/several/", {"intent": [str(intent.pk) for intent in chosen]})
        assert page.content.decode().count("is longer than usual: 30") == len(chosen)
        costs.append(len(queries))
    assert costs[0] == costs[1]


def test_an_agent_cannot_ask_for_what_only_its_owner_may(maya: User, tomas: User) -> None:
    agent = factories.user("mayas-agent", acts_for=maya)
    assert room.ask(agent).state == State.DENIED
