"""Why somebody asks: whether a rule takes the reason, and the tickets in it as links."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any
from urllib.parse import quote

import re2

from control.policy_documents import ReasonRule
from control.policy_when import SAFE_SCHEMES

MOST_TICKETS = 20  # links in one reason


@lru_cache(maxsize=256)
def _pattern(ticket: str) -> Any:
    return re2.compile(ticket)


def ticket_in(ticket: str, reason: str) -> str:
    """The first that is named; empty when none is."""
    found = _pattern(ticket).search(reason)
    return str(found.group()) if found else ""


def lack_of(rule: ReasonRule, reason: str) -> str:
    """What the reason lacks, in words for whoever writes it; empty when it lacks nothing."""
    if rule.ticket and not ticket_in(rule.ticket, reason) and (reason.strip() or rule.is_required):
        return rule.hint or f"Name the ticket: something like {rule.ticket}."
    if rule.is_required and not reason.strip():
        return rule.hint or "Say why. Whoever decides reads it first, and the record keeps it."
    return ""


def linked(reason: str, ticket: str, url: str) -> Iterator[tuple[str, str]]:
    """The parts of a reason in order, each with the address it leads to, or none. Only web addresses are given."""
    end = 0
    if ticket and url.startswith(SAFE_SCHEMES):
        for index, found in enumerate(_pattern(ticket).finditer(reason)):
            if index == MOST_TICKETS:
                break
            if found.start() > end:
                yield reason[end : found.start()], ""
            yield found.group(), url.replace("{ticket}", quote(found.group(), safe=""))
            end = found.end()
    if end < len(reason):
        yield reason[end:], ""
