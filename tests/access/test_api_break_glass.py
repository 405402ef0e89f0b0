"""Breaking the glass over the API: as loud, as short and as much reviewed as on the page."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from access import grants
from access.models import Grant, OwedReview, Review
from control import clock
from control.models import AuditEvent, Intent, Notice, User
from tests import factories
from tests.access import room
from tests.access.test_api import Script, words
from tests.access.test_break_glass import glass

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("service", "glass")]
__all__ = ["glass"]
WISH = {
    "entity": room.REF,
    "role": "production-logs",
    "environment": "production",
    "duration": "30m",
    "reason": "Payments are down, incident 7.",
}


@pytest.fixture
def script(maya: User, tomas: User, root_admin: User) -> Script:
    return Script(maya)


def nothing_happened() -> bool:
    return not (Intent.objects.exists() or Grant.objects.exists() or Notice.objects.exists())


def test_a_look_says_what_it_gives_and_who_hears_of_it_and_writes_nothing(script: Script) -> None:
    found = script.post("break-glass/preview", WISH).json()
    assert (found["verdict"], found["maxDuration"], found["reviewWithin"]) == ("allow", "1h", "1d")
    assert found["told"] == ["user:default/root.admin", "user:default/tomas.lind"]
    assert found["reviewers"] == ["user:default/tomas.lind"]
    assert nothing_happened()


def test_it_holds_at_once_and_everybody_it_concerns_is_told(
    script: Script, tomas: User, root_admin: User
) -> None:
    answer = script.post("break-glass", WISH)
    assert answer.status_code == 201
    found = answer.json()
    assert (found["grant"]["isLive"], found["grant"]["breakGlass"]) == (True, True)
    grant = Grant.objects.get()
    assert grant.expires_at - grant.starts_at == timedelta(minutes=30)
    assert found["reviewDueAt"] == OwedReview.objects.get().due_at.isoformat()
    assert set(found["told"]) == {"user:default/root.admin", "user:default/tomas.lind"}
    told = Notice.objects.filter(happening__event="access.glass_broken").values_list("user", flat=True)
    assert set(told) == {tomas.pk, root_admin.pk}
    assert AuditEvent.objects.filter(action="grant.glass_broken").count() == 1


def test_the_same_key_breaks_it_once(script: Script) -> None:
    wish = {**WISH, "key": str(uuid4())}
    first, second = (script.post("break-glass", wish) for _ in range(2))
    assert first.json()["id"] == second.json()["id"]
    assert Grant.objects.count() == 1


@pytest.mark.parametrize(
    ("changed", "status", "said"),
    [
        ({"duration": "2h"}, 403, "more than production-logs allows"),
        ({"role": "production-shell"}, 403, ""),
        ({"role": "nothing"}, 400, "Choose one of the roles"),
        ({"reason": " "}, 400, "Say why"),
        ({"duration": "soon"}, 400, "soon"),
        ({"entity": "component:default/nothing"}, 404, "The catalogue has no"),
        ({"environment": "staging"}, 400, "production"),
        ({"startsAt": "after"}, 400, "additional properties"),
        ({"break_glass": True}, 400, "additional properties"),
        ({"key": "x"}, 400, "UUID"),
    ],
)
@pytest.mark.parametrize("path", ["break-glass", "break-glass/preview"])
def test_what_a_rule_does_not_give_is_refused_with_words_and_nothing_made(
    script: Script, path: str, changed: dict[str, Any], status: int, said: str
) -> None:
    answer = script.post(path, {**WISH, **changed})
    assert answer.status_code == status
    assert said in words(answer)
    assert nothing_happened()


@pytest.mark.parametrize("missing", ["entity", "role", "duration", "reason"])
def test_nothing_is_taken_for_granted(script: Script, missing: str) -> None:
    answer = script.post("break-glass", {name: value for name, value in WISH.items() if name != missing})
    assert (answer.status_code, nothing_happened()) == (400, True)


def test_agents_do_not_break_it_with_a_token_of_theirs(maya: User, tomas: User) -> None:
    agent = factories.user("helper", acts_for=maya, groups=["group:default/support"])
    answer = Script(agent).post("break-glass", WISH)
    assert (answer.status_code, nothing_happened()) == (403, True)
    assert "Agents do not break the glass" in words(answer)


def test_one_emergency_at_a_time_and_none_that_nobody_could_review(
    script: Script, maya: User, tomas: User
) -> None:
    assert script.post("break-glass", WISH).status_code == 201
    again = script.post("break-glass", WISH)
    assert (again.status_code, Grant.objects.count()) == (403, 1)
    grants.revoke(Grant.objects.get().pk, by=maya)
    tomas.groups.clear()
    alone = script.post("break-glass", WISH)
    assert (alone.status_code, Grant.objects.count()) == (403, 1)
    assert "Nobody but you could review it" in words(alone)


def test_a_request_is_no_way_around(script: Script) -> None:
    line = {"entity": room.REF, "role": "production-logs", "environment": "production", "break_glass": True}
    answer = script.post("requests", {"lines": [line], "duration": "30m", "reason": "x"})
    assert (answer.status_code, nothing_happened()) == (400, True)


def test_somebody_else_reviews_it_once_it_is_over(script: Script, maya: User, tomas: User) -> None:
    key = script.post("break-glass", WISH).json()["id"]
    body = {"outcome": "justified", "done": "Read the log of the processor."}
    owner = Script(tomas)
    early = owner.post(f"requests/{key}/review", body)
    assert (early.status_code, Review.objects.exists()) == (409, False)
    grants.revoke(Grant.objects.get().pk, by=maya)
    own = script.post(f"requests/{key}/review", body)
    assert (own.status_code, Review.objects.exists()) == (403, False)
    for wrong in ({**body, "outcome": "fine"}, {**body, "by": "x"}, {**body, "outcome": "not_justified"}):
        assert owner.post(f"requests/{key}/review", wrong).status_code == 400
    found = owner.post(f"requests/{key}/review", body).json()["review"]
    assert (found["outcome"], found["by"]) == ("justified", "user:default/tomas.lind")
    assert owner.post(f"requests/{key}/review", body).status_code == 409
    assert Review.objects.get().reviewed_at <= clock.now()


def test_what_was_asked_in_the_usual_way_has_nothing_to_review(
    script: Script, maya: User, tomas: User
) -> None:
    grant = room.granted(maya, by=tomas)
    body = {"outcome": "justified", "done": "x"}
    assert Script(tomas).post(f"requests/{grant.intent_id}/review", body).status_code == 404
