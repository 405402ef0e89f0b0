"""Who hears what of a request, once, in the transaction of the change; and that leavers and agents hear nothing."""

from __future__ import annotations

import pytest
from django.db import transaction

from control import approvals, execution, intents
from control.errors import ExecutionFailed
from control.models import Happening, Intent, Notice, PolicyRevision, User
from control.notices import News, tell
from tests import factories
from tests.control.spine import Counting, wish

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("owners_decide")]


def told(user: User) -> list[str]:
    """Events this person sees, oldest first; read ones in brackets."""
    rows = Notice.objects.filter(user=user).order_by("id").values_list("happening__event", "read_at")
    return [f"({event})" if read_at else event for event, read_at in rows]


def words(user: User, event: str) -> tuple[str, str]:
    row = Happening.objects.get(event=event, notices__user=user)
    return row.title, row.detail


def approve(intent: Intent, by: User, **how: object) -> Intent:
    return approvals.approve(intent.pk, by=by, digest=intent.plan_digest, **how)  # type: ignore[arg-type]  # as given


def test_whoever_can_decide_hears_of_it_and_the_requester_does_not(
    maya: User, tomas: User, ines: User
) -> None:
    intent = intents.submit(wish(maya))
    assert told(tomas) == told(ines) == ["request.waiting"]
    assert told(maya) == []
    assert words(tomas, "request.waiting") == ("Maya Okafor asks for Size 4", "“Order 88 is stuck.”")
    row = Happening.objects.get()
    assert (row.url, row.groups) == (f"/inbox/{intent.pk}/", ["group:default/payments"])


def test_an_approval_reaches_the_requester_and_tells_the_others_that_it_is_settled(
    maya: User, tomas: User, ines: User
) -> None:
    intent = approve(intents.submit(wish(maya)), tomas, comment="Fine for order 88.")
    assert words(maya, "request.approved") == ("Approved: Size 4", "Tomas Lind: “Fine for order 88.”")
    assert told(tomas) == ["(request.waiting)"]  # he knows
    assert told(ines) == ["(request.waiting)", "request.settled"]
    assert words(ines, "request.settled")[0] == "Approved by Tomas Lind: Size 4, for Maya Okafor"
    waiting = Happening.objects.get(event="request.waiting")
    assert (waiting.settled_words, intent.state) == ("Approved by Tomas Lind.", "approved")


def test_what_was_made_smaller_is_said(maya: User, tomas: User) -> None:
    approve(intents.submit(wish(maya)), tomas, narrowed={"size": "1"})
    title, detail = words(maya, "request.approved")
    assert title == "Approved, made smaller: Size 1"
    assert detail.startswith("Made smaller: size 1.")


def test_the_first_of_two_approvals_says_nothing_yet(
    two_owners_decide: PolicyRevision, maya: User, tomas: User, ines: User
) -> None:
    intent = intents.submit(wish(maya))
    approve(intent, tomas)
    assert told(maya) == []
    assert (told(tomas), told(ines)) == (["(request.waiting)"], ["request.waiting"])
    approve(intent, ines)
    assert words(maya, "request.approved")[1] == "By Tomas Lind. By Ines Duarte."
    assert told(tomas) == ["(request.waiting)"], "who agreed first need not be told"


def test_a_rejection_carries_its_reason(maya: User, tomas: User, ines: User) -> None:
    intent = intents.submit(wish(maya))
    approvals.reject(intent.pk, by=tomas, digest=intent.plan_digest, comment="Use the replica.")
    assert words(maya, "request.rejected") == ("Rejected: Size 4", "Tomas Lind: “Use the replica.”")
    assert words(ines, "request.settled")[0].startswith("Rejected by Tomas Lind")


def test_a_withdrawal_is_settled_for_owners_and_no_news_for_who_did_it(
    maya: User, tomas: User, root_admin: User
) -> None:
    intents.withdraw(intents.submit(wish(maya)).pk, by=maya)
    assert told(maya) == []
    assert words(tomas, "request.settled")[0].startswith("Withdrawn by Maya Okafor")
    intents.withdraw(intents.submit(wish(maya, size=5)).pk, by=root_admin)
    assert words(maya, "request.withdrawn")[1] == "Root Admin took it back in your place."


def test_an_undecided_request_expires_with_a_word_to_both_sides(maya: User, tomas: User) -> None:
    intent = intents.submit(wish(maya))
    Intent.objects.filter(pk=intent.pk).update(
        requested_at="2020-01-01T00:00Z", decide_before="2020-01-02T00:00Z"
    )
    assert approvals.expire_undecided() == 1
    assert words(maya, "request.expired")[1] == "Nobody decided in time. You can ask again."
    assert told(tomas) == ["(request.waiting)", "request.settled"]


def test_work_tells_how_it_ended(
    capability: Counting, maya: User, tomas: User, django_capture_on_commit_callbacks: object
) -> None:
    intent = approve(intents.submit(wish(maya)), tomas)

    def fail(*_: object) -> None:
        raise ExecutionFailed("The name payout is taken. Choose another.")

    capability.hook = fail
    execution.run(intent.pk)
    assert words(maya, "request.failed") == ("Failed: Size 4", "The name payout is taken. Choose another.")
    capability.hook = None
    intents.retry(intent.pk, by=maya)
    execution.run(intent.pk)
    assert told(maya) == ["request.approved", "request.failed", "request.succeeded"]


def test_where_the_approval_gives_it_all_success_of_the_rest_is_no_news(
    capability: Counting, maya: User, tomas: User
) -> None:
    capability.holds_when_approved = True
    execution.run(approve(intents.submit(wish(maya)), tomas).pk)
    assert told(maya) == ["request.approved"]


def test_a_leaver_hears_nothing(maya: User, tomas: User, ines: User) -> None:
    User.objects.filter(pk=ines.pk).update(is_active=False)
    intent = intents.submit(wish(maya))
    assert told(ines) == []
    User.objects.filter(pk=maya.pk).update(is_active=False)
    tell(News("test.said", "decided", "k", "t", "Said", "/"), [maya.pk, ines.pk])
    assert told(maya) == told(ines) == []
    assert intent.state == "awaiting_approval"


def test_an_agents_owner_hears_in_its_place_and_agents_never(maya: User, tomas: User) -> None:
    agent = factories.user("helper", groups=["group:default/support"], acts_for=maya)
    approve(intents.submit(wish(agent)), tomas)
    assert told(agent) == []
    assert told(maya) == ["request.approved"]
    inner = factories.user("inner", acts_for=agent)
    tell(News("test.said", "decided", "k", "t", "Said", "/"), [inner.pk])
    assert told(inner) == told(agent) == []


def test_the_same_thing_is_told_once_to_each_and_later_to_who_comes_along(maya: User, tomas: User) -> None:
    said = News("test.said", "decided", "the-key", "t", "Said", "/")
    tell(said, [maya.pk, maya.pk])
    tell(said, [maya.pk, tomas.pk])
    assert Happening.objects.count() == 1
    assert told(maya) == told(tomas) == ["test.said"]


def test_a_change_that_is_undone_told_nobody(maya: User, tomas: User) -> None:
    def withdraw_in_vain() -> None:
        with transaction.atomic():
            intents.withdraw(intent.pk, by=maya)
            raise RuntimeError("undone")

    intent = intents.submit(wish(maya))
    with pytest.raises(RuntimeError):
        withdraw_in_vain()
    assert told(tomas) == ["request.waiting"]


def test_names_cannot_begin_a_line_of_their_own(maya: User) -> None:
    said = News("test.said", "decided", "k", "t", "Size\r\nBcc: all@example.org\u2028x\0" + "y" * 400, "/")
    title = tell(said, [maya.pk]).title
    assert title.startswith("Size  Bcc: all@example.org x y")
    assert len(title) == 300
