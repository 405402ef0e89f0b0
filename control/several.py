"""Deciding several requests in one go: each is looked at, and answered, by itself.

What is answered is what was shown: every line carries the digest of its request. One that cannot be answered any more
is told with its reason and keeps none of the others from being answered.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from control import approvals, away, inbox
from control.capability import registry
from control.errors import ControlError
from control.models import Delegation, Intent, User

MOST = inbox.PAGE_SIZE
_ITEM = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}):([0-9a-f]{64})")


@dataclass(frozen=True)
class Line:
    intent: Intent
    warnings: Sequence[tuple[str, str]]
    facts: Sequence[tuple[str, str]]
    delegation: Delegation | None = None  # why it waits for them, where only because somebody is away

    @property
    def item(self) -> str:
        """What the form sends back: which request, and what was shown of it."""
        return f"{self.intent.pk}:{self.intent.plan_digest}"


@dataclass(frozen=True)
class Outcome:
    intent: Intent
    refusal: str = ""  # why it could not be answered


def lines(ids: Iterable[str], user: User) -> list[Line]:
    """Those of `ids` that wait for `user`, oldest first, at most `MOST`; others are left out without a word.

    One text may name several, with commas: those of an entry of the inbox that were sent together.
    """
    waiting = inbox.of_tab("waiting", user).filter(pk__in=_uuids(ids))
    wanted = list(inbox.to_show(waiting)[:MOST])
    warnings = _warnings(wanted)
    return [
        Line(intent, warnings.get(intent.pk, ()), _facts(intent)[:3], delegation)
        for intent, delegation in away.in_place_of(wanted, user)
    ]


def _facts(intent: Intent) -> list[tuple[str, str]]:
    facts: list[tuple[str, str]] = intent.plan.get("facts", [])
    return [(label, value) for label, value in facts]


def _warnings(intents: Sequence[Intent]) -> dict[UUID, Sequence[tuple[str, str]]]:
    """Each kind of request asks for all of its own at once."""
    found: dict[UUID, Sequence[tuple[str, str]]] = {}
    for name in {intent.capability for intent in intents}:
        found |= registry.get(name).warnings([one for one in intents if one.capability == name])
    return found


def answer(items: Sequence[str], *, by: User, verb: str, comment: str) -> list[Outcome]:
    """Answer each of `items` (as `Line.item`); `verb` is approve or reject. Raises nothing for a single refusal."""
    asked = [(UUID(found[1]), found[2]) for item in items[:MOST] if (found := _ITEM.fullmatch(item))]
    visible = Intent.objects.visible_to(by).select_related("requested_by").in_bulk([pk for pk, _ in asked])
    return [_answer(visible[pk], digest, by, verb, comment) for pk, digest in asked if pk in visible]


def _answer(intent: Intent, digest: str, by: User, verb: str, comment: str) -> Outcome:
    decide = approvals.approve if verb == "approve" else approvals.reject
    try:
        return Outcome(decide(intent.pk, by=by, digest=digest, comment=comment))
    except ControlError as refusal:
        return Outcome(intent, str(refusal))


def _uuids(texts: Iterable[str]) -> list[UUID]:
    found = []
    for text in (one for some in texts for one in some.split(",", MOST)):
        try:
            found.append(UUID(text))
        except ValueError:
            continue
    return list(dict.fromkeys(found))[:MOST]
