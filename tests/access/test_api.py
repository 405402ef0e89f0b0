"""`/api/access`: a script does what its person may, and writes nothing that is not theirs to write."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from access.models import Grant
from control import clock, tokens
from control.models import Approval, Intent, State, User
from tests import factories
from tests.access import room

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("service", "rules")]
LINE = {"entity": room.REF, "role": "production-logs", "environment": "production"}
WISH = {"lines": [LINE], "duration": "1h", "reason": "Refunds of order 88 fail."}
AT_ONCE = {"entity": room.REF, "role": "staging-shell", "environment": "staging"}


class Script:
    """Calls with the token of one person."""

    def __init__(self, user: User) -> None:
        secret = tokens.issue(owner=user, by=user, name="script")[1]
        self.client = Client(headers={"Authorization": f"Bearer {secret}"})

    def get(self, path: str, **query: str) -> Any:
        return self.client.get(f"/api/access/{path}", query)

    def post(self, path: str, body: Any = None) -> Any:
        data = b"" if body is None else json.dumps(body)
        return self.client.post(f"/api/access/{path}", data, content_type="application/json")


@pytest.fixture
def script(maya: User, tomas: User) -> Script:
    return Script(maya)


def words(answer: Any) -> str:
    return str(answer.json()["error"]["message"])


def test_what_can_be_asked_for_is_answered_with_what_the_rules_say(script: Script) -> None:
    found = {one["role"]: one for one in script.get("offers", entity=room.REF).json()["offers"]}
    logs = found["production-logs"]
    assert (logs["verdict"], logs["maxDuration"]) == ("needs_approval", "4h")
    assert logs["approvers"] == ["user:default/tomas.lind"]
    assert found["staging-shell"]["verdict"] == "allow"
    assert found["production-shell"]["verdict"] == "deny"


def test_a_look_writes_nothing(script: Script) -> None:
    (line,) = script.post("preview", WISH).json()["lines"]
    assert line["message"] == "One of the payments owners must agree. Then you have 1\u00a0h."
    assert line["changes"]
    assert not Intent.objects.exists()


def test_asking_approving_and_ending_from_scripts(script: Script, maya: User, tomas: User) -> None:
    answer = script.post("requests", WISH)
    assert answer.status_code == 201
    (asked,) = answer.json()["requests"]
    assert (asked["state"], asked["grant"], asked["isMine"]) == ("awaiting_approval", None, True)
    owner = Script(tomas)
    (waiting,) = owner.get("requests", of="waiting").json()["requests"]
    shown = owner.get(f"requests/{waiting['id']}").json()
    assert shown["plan"]["summary"]
    given = owner.post(f"requests/{asked['id']}/approve", {"digest": shown["digest"], "duration": "30m"})
    assert given.status_code == 200, given.content
    assert given.json()["grant"]["isLive"] is True
    assert given.json()["answers"][0]["narrowed"] == {"duration": "30m"}
    check = {"entity": room.REF, "permission": "logs:read", "environment": "production"}
    assert script.get("check", **check).json()["allowed"] is True
    over = script.post(f"requests/{asked['id']}/end", {"reason": "Found it."}).json()
    assert (over["grant"]["isLive"], over["grant"]["endedBy"]) == (False, "Maya Okafor")
    assert script.get("check", **check).json()["allowed"] is False


def test_several_lines_are_sent_whole_or_not_at_all(script: Script) -> None:
    both = script.post("requests", {**WISH, "lines": [LINE, AT_ONCE]}).json()["requests"]
    assert [one["state"] for one in both] == ["awaiting_approval", "approved"]
    refused = {"entity": room.REF, "role": "production-shell", "environment": "production"}
    answer = script.post("requests", {**WISH, "lines": [AT_ONCE, refused]})
    assert answer.status_code == 403
    assert "Nothing was sent." in words(answer)
    assert Intent.objects.count() == 2


@pytest.mark.parametrize("lines", [[LINE], [LINE, AT_ONCE]])
def test_the_same_key_again_is_the_same_requests(script: Script, lines: list[dict[str, str]]) -> None:
    wish = {**WISH, "lines": lines, "key": str(uuid4())}
    first, second = (script.post("requests", wish).json()["requests"] for _ in range(2))
    assert [one["id"] for one in first] == [one["id"] for one in second]
    assert Intent.objects.count() == len(lines)


@pytest.mark.parametrize(
    "field",
    ["state", "approved", "approver", "user", "requestedBy", "decision", "expiresAt", "grant", "break_glass"],
)
def test_what_is_not_theirs_to_write_is_refused(script: Script, field: str) -> None:
    """TEAM CVE-2025-1969, Nautobot CVE-2026-83805: state, approver and decision were writable."""
    for body in ({**WISH, field: "approved"}, {**WISH, "lines": [{**LINE, field: "approved"}]}):
        answer = script.post("requests", body)
        assert answer.status_code == 400
    assert not Intent.objects.exists()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"duration": "9h"}, "9\u00a0h is more than production-logs allows."),
        ({"reason": ""}, "Say why."),
        ({"startsAt": "soon"}, "is no moment"),
        ({"key": "x"}, "key is no UUID"),
        ({"lines": []}, "lines"),
        ({"lines": [{**LINE, "role": "root"}]}, "Choose one of the roles"),
    ],
)
def test_a_mistake_is_answered_in_words(script: Script, changed: dict[str, Any], said: str) -> None:
    answer = script.post("requests", {**WISH, **changed})
    assert answer.status_code == 400
    assert said in words(answer)
    assert not Intent.objects.exists()


def test_nobody_approves_their_own_nor_without_the_digest(script: Script, maya: User, tomas: User) -> None:
    intent = room.ask(maya)
    path = f"requests/{intent.pk}/approve"
    assert script.post(path, {"digest": intent.plan_digest}).status_code == 403
    assert Script(tomas).post(path, {}).status_code == 400
    assert Script(tomas).post(path, {"digest": "0" * 64}).status_code == 409
    agent = factories.user("release-agent", acts_for=tomas, groups=["group:default/payments"])
    assert Script(agent).post(path, {"digest": intent.plan_digest}).status_code in (403, 404)
    assert not Approval.objects.exists()


def test_rejecting_needs_words(script: Script, maya: User, tomas: User) -> None:
    intent, owner = room.ask(maya), Script(tomas)
    path = f"requests/{intent.pk}/reject"
    assert owner.post(path, {"digest": intent.plan_digest}).status_code == 400
    said = owner.post(path, {"digest": intent.plan_digest, "comment": "Not today."}).json()
    assert said["state"] == State.REJECTED


def test_withdrawing_once(script: Script, maya: User) -> None:
    intent = room.ask(maya)
    assert script.post(f"requests/{intent.pk}/withdraw").json()["state"] == State.WITHDRAWN
    assert script.post(f"requests/{intent.pk}/withdraw").status_code == 409


@pytest.mark.parametrize("action", ["", "/withdraw", "/end", "/approve", "/reject"])
def test_strangers_find_nothing(script: Script, maya: User, action: str) -> None:
    intent, stranger = room.ask(maya), Script(factories.user("freya.nilsen"))
    body = {"digest": intent.plan_digest} if action in ("/approve", "/reject") else None
    path = f"requests/{intent.pk}{action}"
    answer = stranger.post(path, body) if action else stranger.get(path)
    assert answer.status_code == 404
    intent.refresh_from_db()
    assert intent.state == State.AWAITING_APPROVAL


def test_without_a_token_nothing_is_answered(maya: User) -> None:
    for path in ("offers", "requests", "check", f"requests/{room.ask(maya).pk}"):
        assert Client().get(f"/api/access/{path}").status_code == 401
    forged = Client(enforce_csrf_checks=True)
    forged.force_login(maya, backend="django.contrib.auth.backends.ModelBackend")
    sent = forged.post("/api/access/requests", json.dumps(WISH), content_type="application/json")
    assert sent.status_code == 403


@pytest.mark.parametrize(
    "query", [{"limit": "0"}, {"limit": "x"}, {"of": "all"}, {"state": "given"}, {"after": "%%"}]
)
def test_a_list_that_makes_no_sense_is_refused(script: Script, query: dict[str, str]) -> None:
    assert script.get("requests", **query).status_code == 400


def test_a_list_is_read_page_by_page_at_the_same_cost(script: Script, maya: User, tomas: User) -> None:
    asked = [room.ask(maya, reason=f"Order {number}.") for number in range(5)]
    script.get("requests")
    pages, after = [], ""
    while True:
        found = script.get("requests", limit="2", **({"after": after} if after else {})).json()
        pages.append([one["id"] for one in found["requests"]])
        after = found["after"]
        if not after:
            break
    assert [len(page) for page in pages] == [2, 2, 1]
    assert [pk for page in pages for pk in page] == [str(one.pk) for one in reversed(asked)]

    def cost(limit: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            script.get("requests", limit=limit)
        return len(queries)

    room.granted(maya, by=tomas)
    assert cost("6") == cost("1")


def test_a_later_start_and_its_end_before(script: Script, maya: User, tomas: User, tmp_path: Any) -> None:
    room.publish(tmp_path, room.RULES.replace("maxDuration: 8h", "maxDuration: 8h\n  startWithin: 1d"))
    start = clock.now().replace(microsecond=0)
    wish = {**WISH, "lines": [AT_ONCE], "startsAt": start.replace(year=start.year + 1).isoformat()}
    assert script.post("requests", wish).status_code == 400
    wish["startsAt"] = (start + timedelta(hours=3)).isoformat()
    (asked,) = script.post("requests", wish).json()["requests"]
    assert asked["grant"]["isLive"] is False
    assert script.post(f"requests/{asked['id']}/end").json()["grant"]["endedAt"]
    assert not Grant.objects.open().exists()
