"""The entries of a page of the inbox: single requests, and those that were sent together as one entry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode
from uuid import UUID

from django.urls import reverse

from control import away, companions, inbox
from control.companions import Together
from control.models import Delegation, Intent, User


@dataclass(frozen=True)
class Entry:
    """`rows` in the order of the tab; more than one, and `together`, where they were sent together. `delegations` say
    of each why it waits for the reader, where that is only because somebody is away."""

    rows: tuple[Intent, ...]
    together: Together | None = None
    delegations: tuple[Delegation | None, ...] = ()

    @property
    def lines(self) -> list[tuple[Intent, Delegation | None]]:
        return list(zip(self.rows, self.delegations, strict=True))

    @property
    def mark(self) -> str:
        """What ticking it sends: every request in it."""
        return ",".join(str(row.pk) for row in self.rows)

    @property
    def decide_url(self) -> str:
        return f"{reverse('control:several')}?{urlencode([('intent', row.pk) for row in self.rows])}"

    @property
    def targets(self) -> str:
        """“Payments, Ledger”: what they are about, each once."""
        return ", ".join(dict.fromkeys(row.subject_title for row in self.rows))

    @property
    def environments(self) -> str:
        return ", ".join(dict.fromkeys(row.environment for row in self.rows if row.environment))


def entries(tab: str, user: User, rows: Sequence[Intent]) -> list[Entry]:
    """Of the requests on one page. An entry is whole, and stands on the page of the first request in it: what of it
    falls on a later page is shown here, and left out there. Two queries at most, and those about who is away."""
    together = companions.of([row.pk for row in rows])
    members = _members(tab, user, together) if together else {}
    found = list(_entries(rows, together, members))
    shown = [row for entry in found for row in entry.rows]
    away_from = {row.pk: delegation for row, delegation in away.in_place_of(shown, user)}
    return [replace(one, delegations=tuple(away_from[row.pk] for row in one.rows)) for one in found]


def _members(tab: str, user: User, together: Mapping[UUID, Together]) -> dict[UUID, list[Intent]]:
    """By what was sent together: those requests of it that belong on this tab of this person, in its order."""
    wanted = {pk for one in together.values() for pk in one.intents}
    key_of = {pk: one.key for one in together.values() for pk in one.intents}
    members: dict[UUID, list[Intent]] = {}
    for row in inbox.to_show(inbox.of_tab(tab, user).filter(pk__in=wanted)):
        members.setdefault(key_of[row.pk], []).append(row)
    return members


def _entries(
    rows: Sequence[Intent], together: Mapping[UUID, Together], members: Mapping[UUID, list[Intent]]
) -> Iterator[Entry]:
    on_page, shown = {row.pk for row in rows}, set[UUID]()
    for row in rows:
        batch = together.get(row.pk)
        theirs = members.get(batch.key, []) if batch else []
        if batch is None or len(theirs) < 2:
            yield Entry((row,))
        elif batch.key not in shown and theirs[0].pk in on_page:
            shown.add(batch.key)
            yield Entry(tuple(theirs), batch)
