"""Tickets of Acme's tracker, for templates of Portico."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, Field, SecretStr

from scaffolder.plugin import ActionFailed, Change, Reader, Unreadable, Work, action


class Ticket(BaseModel):
    server: str = Field(description="The address of the tracker", pattern=r"^https?://[^/]+$")
    title: str = Field(description="What is to be done", min_length=1, max_length=200)
    labels: list[str] = Field(default=[], description="Labels to find it by")
    token: SecretStr = Field(description="A token of the tracker, best from ${{ secrets.… }}")


class Opened(BaseModel):
    number: int = Field(description="The number of the ticket")
    url: str = Field(description="Its page")


def plan_of(given: Ticket) -> list[Change]:
    return [Change("+", given.server, f"ticket “{given.title}”")]


def pretend(work: Work, given: Ticket) -> Opened:
    work.journal.info(f"Would open “{given.title}” at {given.server}")
    return Opened(number=1, url=f"{given.server}/tickets/1")


@action(
    "acme:ticket:open",
    plan=plan_of,
    pretend=pretend,
    example="""
        action: acme:ticket:open
        input:
          server: https://tickets.acme.example
          title: Review ${{ parameters.name }}
          labels: [new-service]
          token: ${{ secrets.trackerToken }}
    """,
)
def open_ticket(work: Work, given: Ticket) -> Opened:
    """Opens a ticket at Acme's tracker.

    Only this first paragraph is shown to authors of templates.
    """

    def send(key: str) -> Any:
        # Should the worker die before this is written down, the tracker sees the same key again.
        headers = {"Authorization": f"Bearer {given.token.get_secret_value()}", "Idempotency-Key": key}
        body = json.dumps({"title": given.title, "labels": given.labels}).encode()
        try:
            with Reader() as web:
                answer = web.send("POST", f"{given.server}/api/tickets", body, headers=headers)
        except Unreadable as problem:
            raise ActionFailed(f"The tracker cannot be reached. {problem}") from None
        if answer.status not in (200, 201):
            raise ActionFailed(f"The tracker answered {answer.status}. Check the token, then run this again.")
        return json.loads(answer.body)

    work.journal.info(f"Opens “{given.title}” at {given.server}")
    made = work.once("ticket", send)
    work.journal.info(f"It is number {made['number']}")
    return Opened(number=made["number"], url=f"{given.server}/tickets/{made['number']}")


ACTIONS = [open_ticket]
