"""Who can do what, and why: the rules of an entity laid open, one person's rights, and questions that write nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from control.models import AuditEvent, Decision, Intent, User
from tests import factories
from tests.access import room

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("service", "rules")]
SignedIn = Callable[[User], Client]
HIDDEN = """
---
apiVersion: portico.dev/v1
kind: VisibilityRule
metadata: {name: not-for-all}
spec: {entities: "metadata.name=payments", visibleTo: [{kind: Group, name: platform}]}
"""


def page(client: Client, **asked: str) -> str:
    """The words that somebody reads on the page, without its frame."""
    return words_of(client.get(reverse("access:explain"), {"entity": room.REF, **asked}).content.decode())


def words_of(html: str) -> str:
    main = html[html.index("<main") : html.index("</main>")]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", main)).replace("\u00a0", " ").split())


def test_every_role_is_shown_with_who_may_ask_who_decides_and_by_which_rule(
    maya: User, tomas: User, client_for: SignedIn
) -> None:
    shown = page(client_for(maya))
    assert (
        "support may ask, one of payments must agree Tomas Lind production, up to 4 h "
        "production-logs rules.yaml, line 36" in shown
    )
    assert (
        "payments have it without asking staging, standing owners-read-staging rules.yaml, line 29" in shown
    )
    assert "Everybody may ask, allowed at once" in shown


def test_what_must_hold_besides_and_the_way_in_an_emergency_are_shown(
    maya: User, client_for: SignedIn, tmp_path: Path
) -> None:
    more = (
        "  maxDuration: 4h\n  breakGlass: {maxDuration: 30m}\n  reason: {ticket: 'PAY-[0-9]+'}\n"
        '  when: [{expression: "time.hour < 18", title: Only by day}, "request.role != \'x\'"]\n'
    )
    room.publish(tmp_path, room.RULES.replace("  maxDuration: 4h\n", more))
    shown = page(client_for(maya))
    assert "Asks for: Only by day Asks for: request.role != 'x' Asks for: a ticket like PAY-[0-9]+" in shown
    assert "In an emergency at once, for 30 min, reviewed afterwards" in shown


def test_stages_and_who_is_let_in_by_time_are_told_in_their_order(
    maya: User, tomas: User, client_for: SignedIn, tmp_path: Path
) -> None:
    stages = (
        "approval: {stages: [{anyOf: [{owners: true}], "
        "escalation: [{after: 4h, anyOf: [{kind: Group, name: platform}]}]}, "
        "{anyOf: [{kind: User, name: root.admin}]}]}"
    )
    room.publish(tmp_path, room.RULES.replace("approval: {anyOf: [{owners: true}], count: 1}", stages, 1))
    shown = page(client_for(maya))
    assert "support may ask, one of payments (platform too after 4 h) must agree, then root.admin" in shown


def test_a_group_without_members_is_named_as_nobody(maya: User, client_for: SignedIn) -> None:
    assert "Nobody is there to decide, so it is refused." in page(client_for(maya))


def test_who_holds_a_role_now_is_named_until_when(
    maya: User, tomas: User, ines: User, client_for: SignedIn
) -> None:
    assert "by nobody for a time" in page(client_for(ines))
    room.granted(maya, by=tomas)
    shown = page(client_for(ines))
    assert shown.count("Maya Okafor") == 1
    assert "until" in shown.split("Maya Okafor")[1][:60]


def test_a_grant_that_a_denial_took_away_is_not_shown_as_held(
    maya: User, tomas: User, client_for: SignedIn, tmp_path: Path
) -> None:
    room.granted(maya, by=tomas)
    room.publish(tmp_path, room.RULES + room.NO_SUPPORT)
    shown = page(client_for(tomas))
    assert "taken away by a denial" in shown
    assert "support never, whatever else is said here Support holds nothing today." in shown


def test_an_environment_leaves_out_the_rules_of_others(maya: User, client_for: SignedIn) -> None:
    shown = page(client_for(maya), environment="staging")
    assert "Staging shell Open a shell in staging Everybody may ask" in shown
    assert "production-logs rules.yaml" not in shown


def test_an_environment_that_nobody_names_shows_all(maya: User, client_for: SignedIn) -> None:
    assert "production-logs rules.yaml" in page(client_for(maya), environment="<script>")


# One person


def test_everybody_reads_what_they_can_do_themselves_and_why_not(
    maya: User, tomas: User, client_for: SignedIn
) -> None:
    shown = page(client_for(maya))
    assert "What you can do here" in shown
    assert "You are not in group:default/platform" in shown


def test_an_owner_asks_about_somebody_else(maya: User, tomas: User, client_for: SignedIn) -> None:
    shown = page(
        client_for(tomas),
        person="maya.okafor",
        role="production-logs",
        environment="production",
        duration="2h",
    )
    assert "What Maya Okafor can do here" in shown
    assert "Needs approval" in shown
    assert "Maya Okafor is in group:default/support" in shown
    assert "2 h is within the limit of 4 h" in shown
    assert "Who would be asked TL Tomas Lind" in shown


def test_a_question_writes_nothing(maya: User, tomas: User, client_for: SignedIn) -> None:
    before = AuditEvent.objects.count()
    page(client_for(tomas), person="maya.okafor", role="staging-shell", environment="staging", duration="1h")
    assert (Intent.objects.count(), Decision.objects.count(), AuditEvent.objects.count()) == (0, 0, before)


def test_others_are_nobodys_business_but_the_owners_and_administrators(
    maya: User, tomas: User, root_admin: User, client_for: SignedIn
) -> None:
    asked = {"person": "tomas.lind", "role": "staging-logs", "environment": "staging", "duration": "1h"}
    refused = page(client_for(maya), **asked)
    assert "Only the owners and administrators can ask about others" in refused
    assert "Tomas Lind holds" not in refused
    assert "What Tomas Lind can do here" not in refused
    assert "Who asks" not in refused
    assert "What Tomas Lind can do here" in page(client_for(root_admin), **asked)


def test_a_stranger_learns_nothing_about_who_exists(maya: User, tomas: User, client_for: SignedIn) -> None:
    known, unknown = (
        page(client_for(maya), person=name).replace(name, "NAME") for name in ("tomas.lind", "no.body")
    )
    assert known == unknown


def test_an_agent_does_not_ask_about_others_though_its_owner_may(
    tomas: User, maya: User, client_for: SignedIn
) -> None:
    agent = factories.user("tomas-agent", acts_for=tomas, groups=["group:default/payments"], entity_ref=None)
    assert "What Maya Okafor can do here" not in page(client_for(agent), person="maya.okafor")


@pytest.mark.parametrize("name", ["no.body", "a:b:c", "x" * 400, "user:default/", "' or 1=1"])
def test_somebody_who_is_not_there_is_said_in_words(tomas: User, client_for: SignedIn, name: str) -> None:
    assert "Nobody here is called" in page(client_for(tomas), person=name)


def test_somebody_whose_page_is_hidden_is_not_there(
    maya: User, tomas: User, client_for: SignedIn, tmp_path: Path
) -> None:
    factories.entity("user:default/maya.okafor")
    assert "What Maya Okafor can do here" in page(client_for(tomas), person="maya.okafor")
    room.publish(tmp_path, room.RULES + HIDDEN.replace("metadata.name=payments", "kind=user"))
    assert "Nobody here is called maya.okafor" in page(client_for(tomas), person="maya.okafor")


def test_whom_a_visibility_rule_hides_it_from_can_ask_for_nothing(
    maya: User, tomas: User, client_for: SignedIn, tmp_path: Path
) -> None:
    room.publish(tmp_path, room.RULES + HIDDEN)
    shown = page(
        client_for(tomas), person="maya.okafor", role="staging-shell", environment="staging", duration="1h"
    )
    assert "Refused Maya Okafor does not see payments in the catalogue, so it cannot be asked for." in shown
    assert "Allowed at once, up to" not in shown
    assert client_for(maya).get(reverse("access:explain"), {"entity": room.REF}).status_code == 404


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"role": "production-logs"}, "Say for how long, like 1h."),
        ({"duration": "1h"}, "Choose a role."),
        ({"role": "nothing", "duration": "1h"}, "The rules have no such role."),
        ({"role": "production-logs", "duration": "soon"}, "“soon” is not a length of time"),
        ({"role": "production-logs", "duration": "1h", "at": "noon"}, "This is no moment."),
        ({"role": "production-logs", "duration": "1h", "at": "2026-02-31T10:00"}, "This is no moment."),
    ],
)
def test_half_a_question_is_answered_with_what_is_missing(
    maya: User, client_for: SignedIn, asked: dict[str, str], words: str
) -> None:
    shown = page(client_for(maya), **asked)
    assert words in shown
    assert "What would become of it" not in shown


def test_another_moment_may_be_asked_about(
    maya: User, tomas: User, client_for: SignedIn, tmp_path: Path
) -> None:
    by_day = room.RULES.replace(
        "  maxDuration: 4h\n",
        "  maxDuration: 4h\n  when: [{expression: \"now.getHours('UTC') < 18\", message: Only until six.}]\n",
    )
    room.publish(tmp_path, by_day)
    asked = {"role": "production-logs", "environment": "production", "duration": "1h"}
    assert "Needs approval" in page(client_for(maya), **asked, at="2026-11-25T10:00")
    assert "Only until six." in page(client_for(maya), **asked, at="2026-11-25T22:00")


@pytest.mark.slow
def test_the_page_costs_the_same_for_many_holders_and_rules(
    maya: User, tomas: User, client_for: SignedIn, tmp_path: Path
) -> None:
    client = client_for(tomas)

    def cost() -> int:
        page(client, person="maya.okafor", role="production-logs", environment="production", duration="1h")
        with CaptureQueriesContext(connection) as queries:
            page(
                client, person="maya.okafor", role="production-logs", environment="production", duration="1h"
            )
        return len(queries)

    room.granted(maya, by=tomas)
    before = cost()
    for number in range(12):
        room.granted(factories.user(f"user{number}", groups=["group:default/support"]), by=tomas)
    more = "".join(
        room.RULES[room.RULES.index("---\napiVersion: portico.dev/v1\nkind: AccessRule") :]
        .split("---\napi")[1]
        .replace("name: production-logs}", f"name: more-{number}}}")
        .join(["---\napi", ""])
        for number in range(12)
    )
    room.publish(tmp_path, room.RULES + more)
    assert cost() == before
    assert "and 7 more grants" in page(client)


def test_without_an_entity_one_is_chosen(maya: User, client_for: SignedIn) -> None:
    shown = client_for(maya).get(reverse("access:explain")).content.decode()
    assert f'href="/rules/explain/?entity={room.REF}"' in shown


def test_the_access_tab_leads_here(maya: User, client_for: SignedIn) -> None:
    shown = client_for(maya).get("/catalog/component/default/payments/access/").content.decode()
    assert (
        '<a href="/rules/explain/?entity=component%3Adefault/payments">Who can do what, and why</a>' in shown
    )
