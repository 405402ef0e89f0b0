"""Access: what can be asked for, asking, following, ending, and answering what others asked."""

from __future__ import annotations

import re
import sys
import time
from argparse import Namespace
from typing import Any
from uuid import uuid4

from portico_cli.connection import Connection
from portico_cli.errors import Misused, Refused
from portico_cli.printing import complain, data, moment, say, table

LOOKED_AT = 200  # requests of a list among which a short id is looked for
POLL_SECONDS = 3.0
WAITING = ("submitted", "awaiting_approval")
_REFUSED = ("denied", "rejected", "expired", "withdrawn")
_STATES = {
    "awaiting_approval": "waits for approval",
    "denied": "refused by a rule",
    "expired": "expired undecided",
}
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def offers(portico: Connection, given: Namespace) -> int:
    found = portico.get("offers", entity=given.entity)
    if given.json:
        data(found)
        return 0
    if not found["offers"]:
        say(f"No rule offers anything on {found['entity']}.")
        return 0
    table([(one["role"], one["environment"] or "everywhere", _offer_words(one)) for one in found["offers"]])
    return 0


def _offer_words(offer: dict[str, Any]) -> str:
    if offer["heldUntil"]:
        return f"You hold it until {moment(offer['heldUntil'])}."
    return str(offer["message"])


def ask(portico: Connection, given: Namespace) -> int:
    wish = {
        "lines": [{"entity": given.entity, "role": given.role, "environment": given.environment}],
        "duration": given.duration,
        "startsAt": given.starts_at,
        "reason": given.reason,
    }
    (line,) = portico.post("preview", wish)["lines"]
    if given.look or not given.json:
        _show_preview(line, given)
    if line["verdict"] == "deny":
        raise Refused("Nothing was asked for.")
    if given.look:
        return 0
    (sent,) = portico.post("requests", {**wish, "key": str(uuid4())})["requests"]
    if given.wait:
        sent = _decided(portico, sent)
    if given.json:
        data(sent)
    else:
        _say_state(portico, sent)
    return 1 if sent["state"] in _REFUSED else 0


def _show_preview(line: dict[str, Any], given: Namespace) -> None:
    if given.json:
        data(line)
        return
    say(line["title"])
    say(line["message"])
    for change in line["changes"]:
        say(f"  {change['sign']} {change['where']}: {change['what']}")


def _decided(portico: Connection, sent: dict[str, Any]) -> dict[str, Any]:
    complain("Waiting. Ctrl-C leaves the request as it is.")
    while sent["state"] in WAITING:
        time.sleep(POLL_SECONDS)
        sent = portico.get(f"requests/{sent['id']}")
    return sent


def _say_state(portico: Connection, request: dict[str, Any]) -> None:
    say(f"Request {request['id'][:8]} {_state(request)}: {portico.url}{request['url']}")


def _state(request: dict[str, Any]) -> str:
    grant = request["grant"]
    if grant and grant["isLive"]:
        return f"holds until {moment(grant['expiresAt'])}"
    if grant and grant["endedAt"]:
        return f"ended {moment(grant['endedAt'])}"
    if grant and request["state"] in ("approved", "running", "succeeded"):
        return f"from {moment(grant['startsAt'])} until {moment(grant['expiresAt'])}"
    return _STATES.get(request["state"], str(request["state"]))


def listed(portico: Connection, given: Namespace) -> int:
    found = portico.get("requests", of="waiting" if given.waiting else "mine", limit=str(given.limit))
    if given.json:
        data(found)
        return 0
    rows = [
        (
            one["id"][:8],
            one["title"],
            one["requestedBy"] if given.waiting else _state(one),
            one["reason"][:60],
        )
        for one in found["requests"]
    ]
    if rows:
        table(rows)
    else:
        say("Nothing waits for you." if given.waiting else "You have asked for nothing yet.")
    return 0


def show(portico: Connection, given: Namespace) -> int:
    request = _found(portico, given.id)
    if given.json:
        data(request)
    else:
        _show(request)
        _say_state(portico, request)
    return 0


def _show(request: dict[str, Any]) -> None:
    say(f"{request['requestedBy']} asks for {request['title']}")
    say(f"“{request['reason']}”")
    say(request["plan"]["summary"])
    for change in request["plan"].get("changes", []):
        say(f"  {change['sign']} {change['where']}: {change['what']}")
    for answer in request["answers"]:
        place = f" as deputy of {answer['asDeputyOf']}" if answer["asDeputyOf"] else ""
        said = f": {answer['comment']}" if answer["comment"] else ""
        say(f"{answer['answer']} by {answer['by']}{place}{said}")
    if request["changedSince"]:
        say(f"The rules have changed since: {request['changedSince']['message']}")


def _found(portico: Connection, text: str) -> dict[str, Any]:
    """One request by its id, or by the beginning of it among the newest that one sees in the lists."""
    wanted = text.strip().lower()
    if not _ID.fullmatch(wanted):
        wanted = _whole_id(portico, wanted)
    answer: dict[str, Any] = portico.get(f"requests/{wanted}")
    return answer


def _whole_id(portico: Connection, beginning: str) -> str:
    if not re.fullmatch(r"[0-9a-f-]{4,35}", beginning):
        raise Misused(f"{beginning} is no id of a request. `portico access list` shows them.")
    lists = [portico.get("requests", of=of, limit=str(LOOKED_AT)) for of in ("waiting", "mine")]
    ids = {one["id"] for found in lists for one in found["requests"] if one["id"].startswith(beginning)}
    if len(ids) == 1:
        return str(ids.pop())
    if ids:
        raise Misused(f"{len(ids)} requests begin with {beginning}. Write more of the id.")
    raise Refused(f"None of your newest requests begins with {beginning}. Write the whole id.")


def withdraw(portico: Connection, given: Namespace) -> int:
    return _changed(portico, given, "withdraw", {})


def end(portico: Connection, given: Namespace) -> int:
    return _changed(portico, given, "end", {"reason": given.reason} if given.reason else {})


def _changed(portico: Connection, given: Namespace, verb: str, body: dict[str, Any]) -> int:
    request = portico.post(f"requests/{_found(portico, given.id)['id']}/{verb}", body)
    if given.json:
        data(request)
    else:
        _say_state(portico, request)
    return 0


def approve(portico: Connection, given: Namespace) -> int:
    body = {"duration": given.duration} if given.duration else {}
    return _answered(portico, given, "approve", body)


def reject(portico: Connection, given: Namespace) -> int:
    return _answered(portico, given, "reject", {})


def _answered(portico: Connection, given: Namespace, verb: str, body: dict[str, Any]) -> int:
    """What stands is shown first, and only that is answered: its digest goes along."""
    request = _found(portico, given.id)
    if not given.json:
        _show(request)
    if not given.yes and not _agrees(f"{verb.capitalize()} this? [y/N] "):
        raise Refused("Nothing was answered.")
    answer = {**body, "digest": request["digest"], "comment": given.comment}
    sent = portico.post(f"requests/{request['id']}/{verb}", answer)
    if given.json:
        data(sent)
    else:
        _say_state(portico, sent)
    return 0


def _agrees(question: str) -> bool:
    if not sys.stdin.isatty():
        raise Misused("Nobody is there to ask. Add --yes to answer without a question.")
    return input(question).strip().lower() in ("y", "yes")


def check(portico: Connection, given: Namespace) -> int:
    query = {"environment": given.environment} if given.environment else {}
    found = portico.get("check", entity=given.entity, permission=given.permission, **query)
    if given.json:
        data(found)
    else:
        say(f"{'Yes' if found['allowed'] else 'No'}. {found['why']}")
    return 0 if found["allowed"] else 1
