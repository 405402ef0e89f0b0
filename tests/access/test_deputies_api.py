"""`/api/access/deputies`: naming, ending and deciding in somebody's place by script, as the pages do it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from control import clock
from control.models import Approval, Delegation, State, User
from tests import factories
from tests.access import room
from tests.access.test_api import Script, words

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("service", "rules")]


@pytest.fixture
def dee(db: None) -> User:
    return factories.user("dee.kim", "Dee Kim")


def body(**changed: Any) -> dict[str, Any]:
    ends = (clock.now() + timedelta(days=3)).isoformat()
    return {"deputy": "user:default/dee.kim", "expiresAt": ends, "reason": "Holiday", **changed}


def test_naming_deciding_and_ending_from_scripts(maya: User, tomas: User, dee: User) -> None:
    owner, deputy = Script(tomas), Script(dee)
    named = owner.post("deputies", body())
    assert named.status_code == 201, named.content
    assert (named.json()["absent"], named.json()["isInForce"]) == ("user:default/tomas.lind", True)
    intent = room.ask(maya)
    (waiting,) = deputy.get("requests", of="waiting").json()["requests"]
    shown = deputy.get(f"requests/{waiting['id']}").json()
    assert shown["standIns"][0]["deputy"] == "user:default/dee.kim"
    answer = {"digest": shown["digest"], "inPlaceOf": "user:default/tomas.lind"}
    given = deputy.post(f"requests/{intent.pk}/approve", answer).json()
    assert given["answers"][0]["by"] == "user:default/dee.kim"
    assert given["answers"][0]["asDeputyOf"] == "user:default/tomas.lind"
    assert given["standIns"] == []
    (listed,) = deputy.get("deputies").json()["deputies"]
    assert (listed["id"], listed["reason"]) == (named.json()["id"], "Holiday")
    ended = deputy.post(f"deputies/{listed['id']}/end")
    assert (ended.status_code, ended.json()["isInForce"]) == (200, False)
    assert owner.post(f"deputies/{listed['id']}/end").status_code == 409


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"deputy": "nobody.knows"}, "nobody is called"),
        ({"expiresAt": "2026-11-27T14:00"}, "a moment with its zone"),
        ({"expiresAt": "soon"}, "a moment with its zone"),
        ({"expiresAt": "9999-12-31T23:59:59-12:00"}, ""),
        ({"startsAt": "0001-01-01T00:00:00+12:00"}, ""),
        ({"reason": " "}, "Say why"),
        ({"groups": ["group:default/security"]}, "You are not in"),
        ({"absent": "user:default/maya.okafor"}, ""),
        ({"endedAt": None}, ""),
    ],
)
def test_a_mistake_is_answered_in_words_and_writes_nothing(
    tomas: User, dee: User, changed: dict[str, Any], said: str
) -> None:
    answer = Script(tomas).post("deputies", body(**changed))
    assert (answer.status_code, said in words(answer)) == (400, True)
    assert not Delegation.objects.exists()


def test_strangers_and_agents_find_nothing_to_end_or_name(
    maya: User, tomas: User, dee: User, root_admin: User
) -> None:
    number = Script(tomas).post("deputies", body()).json()["id"]
    assert Script(maya).post(f"deputies/{number}/end").status_code == 404
    assert Script(maya).get("deputies").json() == {"deputies": []}
    agent = factories.user("bot", acts_for=tomas)
    assert Script(agent).post("deputies", body()).status_code == 403
    assert Script(agent).post(f"deputies/{number}/end").status_code == 404
    assert Delegation.objects.get().ended_at is None
    ended = Script(root_admin).post(f"deputies/{number}/end").json()
    assert ended["reason"] is None, "why is for the two alone"
    assert Delegation.objects.get().ended_by == root_admin


def test_a_place_that_is_not_theirs_is_refused(maya: User, tomas: User, ines: User, dee: User) -> None:
    Script(tomas).post("deputies", body())
    intent, deputy = room.ask(maya), Script(dee)
    for place, status in (("user:default/ines.duarte", 403), ("user:default/nobody", 400)):
        answer = deputy.post(
            f"requests/{intent.pk}/approve", {"digest": intent.plan_digest, "inPlaceOf": place}
        )
        assert answer.status_code == status
    rejected = {"digest": intent.plan_digest, "comment": "No.", "inPlaceOf": "user:default/tomas.lind"}
    assert deputy.post(f"requests/{intent.pk}/reject", rejected).json()["state"] == State.REJECTED
    assert Approval.objects.get().deputy_of == tomas
