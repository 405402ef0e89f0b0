"""http:backstage:request: one request to Portico's own API, or to a host of PORTICO_REQUEST_HOSTS."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

from django.conf import settings

from catalog.errors import Unreadable
from catalog.web import Reader, origin
from control.capability import Change
from scaffolder import own_api
from scaffolder.actions.base import Action, Input, Output, Work, flag, object_schema, text
from scaffolder.errors import ActionFailed
from scaffolder.own_api import MAX_BYTES, READING, Reply

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
MAX_REDIRECTS = 3
_NOT_SENT = frozenset({"host", "content-length", "connection", "transfer-encoding"})


def _request(work: Work, given: Input) -> Output:
    method, shown = given["method"], _shown(given)
    work.journal.info(f"{method} {shown}")
    if method in READING:
        return _answered(given, _ask(work, given))
    # What changes something is sent once: a later try gets the answer of the first.
    return dict(work.once("request", lambda _key: _answered(given, _ask(work, given))))


def _ask(work: Work, given: Input) -> Reply:
    method, body = given["method"], _body_of(given)
    params = {str(key): str(value) for key, value in (given.get("params") or {}).items()}
    if not _is_elsewhere(given):
        return own_api.ask(method, given["path"], params, body, person=work.requester)
    query = ("&" if "?" in given["path"] else "?") + urlencode(params) if params else ""
    try:
        return _sent(method, f"{given['path']}{query}", body, _headers_of(given))
    except Unreadable as problem:
        raise ActionFailed(str(problem)) from None


def _sent(method: str, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
    """Redirects are followed when reading, to allowed hosts alone, and without the headers once the host is another."""
    address = url
    with Reader() as web:
        for _ in range(MAX_REDIRECTS + 1):
            _check_host(address)
            sent = headers if origin(address) == origin(url) else {}
            answer = web.send(method, address, body, headers=sent, limit_bytes=MAX_BYTES)
            target = answer.headers.get("location", "")
            if method not in READING or answer.status not in (301, 302, 303, 307, 308) or not target:
                return Reply(answer.status, answer.headers, answer.body)
            address = urljoin(address, target)
    raise ActionFailed(f"{_without_query(url)} redirects more than {MAX_REDIRECTS} times.")


def _check_host(url: str) -> None:
    parts = urlsplit(url)
    if parts.username is not None or parts.scheme not in ("https", "http"):
        raise ActionFailed("The address must begin with https:// and hold no name or password.")
    allowed = {host.lower() for host in settings.PORTICO_REQUEST_HOSTS}
    if parts.netloc.lower() not in allowed:
        known = ", ".join(sorted(allowed)) or "none"
        raise ActionFailed(
            f"Templates may send nothing to {parts.netloc}. Hosts that are set up: {known} (PORTICO_REQUEST_HOSTS)."
        )


def _answered(given: Input, reply: Reply) -> dict[str, Any]:
    if reply.status >= 400 and not given.get("continueOnBadResponse"):
        raise ActionFailed(
            f"{given['method']} {_shown(given)} was answered {reply.status}. {_words_of(reply)}".strip()
        )
    headers = {name.lower(): value for name, value in reply.headers.items() if name.lower() != "set-cookie"}
    return {"code": reply.status, "headers": headers, "body": _read(reply)}


def _read(reply: Reply) -> Any:
    """JSON as data; all else as Backstage has it, under `message`."""
    words = reply.body.decode("utf-8", "replace")
    try:
        return json.loads(words)
    except ValueError:
        return {"message": words}


def _words_of(reply: Reply) -> str:
    found = _read(reply)
    error = found.get("error") if isinstance(found, Mapping) else None
    words = error.get("message") if isinstance(error, Mapping) else ""
    return str(words or "Set continueOnBadResponse: true to go on nevertheless.")[:500]


def _body_of(given: Input) -> bytes:
    body = given.get("body")
    if body is None:
        return b""
    return (body if isinstance(body, str) else json.dumps(body)).encode()


def _headers_of(given: Input) -> dict[str, str]:
    found = {str(name): str(value) for name, value in (given.get("headers") or {}).items()}
    if any("\n" in part or "\r" in part for pair in found.items() for part in pair):
        raise ActionFailed("A header holds a line break. Take it out.")
    return {name: value for name, value in found.items() if name.lower() not in _NOT_SENT}


def _is_elsewhere(given: Input) -> bool:
    return "://" in given["path"].partition("?")[0]


def _shown(given: Input) -> str:
    """For people: queries may hold secrets that nobody knows of."""
    if given.get("logRequestPath") is False:
        return urlsplit(given["path"]).netloc if _is_elsewhere(given) else "a path of Portico"
    return _without_query(given["path"])


def _without_query(path: str) -> str:
    return path.partition("?")[0]


def _foresee(given: Input) -> list[Change]:
    if given["method"] in READING:
        return []
    if _is_elsewhere(given):
        _check_host(given["path"])
        return [
            Change(
                "~",
                urlsplit(given["path"]).netloc,
                f"{given['method']} {urlsplit(given['path']).path or '/'}",
            )
        ]
    path = own_api.checked_path(given["method"], given["path"])
    return [Change("~", "Portico", f"{given['method']} {_without_query(path)}, in your name")]


def _pretend(work: Work, given: Input) -> Output:
    if _is_elsewhere(given):
        try:
            _check_host(given["path"])
        except ActionFailed as refusal:
            work.journal.warning(f"A run would stop here. {refusal}")
    else:
        own_api.checked_path(given["method"], given["path"])
    work.journal.info(f"Would send {given['method']} {_shown(given)}")
    return {"code": 200, "headers": {}, "body": {}}


ACTIONS = (
    Action(
        name="http:backstage:request",
        description=(
            "Sends one request: to Portico's own API in the name of who started the run, or to a host that is set up "
            "for it. The own API can be read as they may read it; changed is only the catalogue."
        ),
        schema=object_schema(
            ("path", "method"),
            path=text("A path of the API (/catalog/entities), or an address: https://…"),
            method={"enum": list(METHODS), "description": "GET, POST, …"},
            headers={"type": "object", "description": "Headers, for other hosts; best with ${{ secrets.… }}"},
            params={"type": "object", "description": "What comes after the ? of the address"},
            body={"type": ["object", "array", "string"], "description": "What is sent; data becomes JSON"},
            logRequestPath=flag(
                "Show the path in the log; true by default, always without what comes after ?"
            ),
            continueOnBadResponse=flag("Go on when it is answered with 400 or more"),
            timeout={"type": "number", "description": "Without effect: an answer has a minute"},
        ),
        output=object_schema(
            code={"type": "number", "description": "The status of the answer"},
            headers={"type": "object", "description": "Its headers, in lower case"},
            body={"description": "Its JSON; what is none stands under message"},
        ),
        perform=_request,
        pretend=_pretend,
        foresee=_foresee,
        example=(
            "action: http:backstage:request\ninput:\n  method: GET\n"
            "  path: /catalog/entities/by-name/component/default/${{ parameters.name }}\n"
            "  continueOnBadResponse: true\n"
        ),
    ),
)
