"""Reading over http(s), for all of the portal: to allowed networks only, at every redirect, within limits.

`Reader` asks one or many addresses; what an answer means is for its callers to say, `read_if_changed` does for single
public files. Secrets go to the place that they were given for, never on with a redirect to another.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import urljoin, urlsplit

import requests
from urllib3.util import Retry

from catalog.errors import Missing, Unreadable
from catalog.network import checked_addresses
from catalog.targets import TargetRefused, checked_url
from catalog.yaml12 import FILE_LIMIT_BYTES
from control import outbound

SILENCE_SECONDS = 10  # between two pieces of an answer
WHOLE_SECONDS = 60  # for all of it, redirects included: a slow drip ends too
REDIRECT_LIMIT = 5
RETRIES = 3  # after connection errors and 5xx: at once, after 0.5 s, after 1 s
RETRY_FACTOR = 0.25
ERROR_LIMIT_BYTES = 64 * 1024  # of an answer that is no success: only its first words are of use
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# A page of a repository browser, whose raw file is meant: github.com, gitlab.com, Gitea and servers like them.
_BROWSED = re.compile(
    r"(?P<repository>https://[^/]+/.+?)/(?P<dash>-/)?(?:blob|tree|src(?=/(?:branch|tag|commit)/))/(?P<rest>.+)"
)


def raw_address(url: str) -> str:
    """Where the file itself lies that a repository page (`…/blob/main/x.yaml`) shows; other addresses as they are."""
    browsed = _BROWSED.fullmatch(url)
    return f"{browsed['repository']}/{browsed['dash'] or ''}raw/{browsed['rest']}" if browsed else url


@dataclass(frozen=True)
class Validators:
    """What a server said to tell an answer from a later one; sent along, it answers 304 when nothing changed."""

    etag: str = ""
    last_modified: str = ""

    def __bool__(self) -> bool:
        return bool(self.etag or self.last_modified)

    @property
    def headers(self) -> dict[str, str]:
        found = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in found.items() if value}


@dataclass(frozen=True)
class Content:
    """The bytes of a file, and what to send along when it is asked for again."""

    data: bytes
    validators: Validators = Validators()


@dataclass(frozen=True)
class Answer:
    status: int
    url: str  # where it came from, redirects followed
    headers: Mapping[str, str]
    body: bytes

    @property
    def validators(self) -> Validators:
        return Validators(self.headers.get("ETag", "")[:255], self.headers.get("Last-Modified", "")[:64])


class Reader:
    """Asks addresses one after the other and keeps their connections; close it, best by `with`."""

    def __init__(self) -> None:
        self._session = _session()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._session.close()

    def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        secrets: Mapping[str, str] | None = None,
        limit_bytes: int = FILE_LIMIT_BYTES,
    ) -> Answer:
        """Whatever is answered in the end. `secrets` are headers for the origin of `url` alone.

        Raises `Unreadable` when nobody answers, in time and within the size, or a hop is not allowed.
        """
        deadline = time.monotonic() + WHOLE_SECONDS
        address = url
        for _ in range(REDIRECT_LIMIT + 1):
            sent = {**(headers or {}), **((secrets or {}) if origin(address) == origin(url) else {})}
            with _answer(self._session, address, sent) as answer:
                if answer.status_code not in _REDIRECTS:
                    limit = limit_bytes if answer.ok else ERROR_LIMIT_BYTES
                    body = _body(answer, url, limit, deadline)
                    return Answer(answer.status_code, address, answer.headers, body)
                address = _checked(urljoin(address, answer.headers.get("location", "")))
        raise Unreadable(f"{url} redirects more than {REDIRECT_LIMIT} times. Name the address it ends at.")

    def send(
        self,
        method: str,
        url: str,
        body: bytes,
        *,
        headers: Mapping[str, str],
        limit_bytes: int = FILE_LIMIT_BYTES,
    ) -> Answer:
        """A change, sent once: no redirect is followed, so `headers` may hold secrets. `body` is JSON or nothing.

        Raises `Unreadable` when nobody answers, in time and within the size, or the address is not allowed.
        """
        deadline = time.monotonic() + WHOLE_SECONDS
        sent = {**headers, **({"Content-Type": "application/json"} if body else {})}
        with _answer(self._session, url, sent, method=method, body=body) as answer:
            limit = limit_bytes if answer.ok else ERROR_LIMIT_BYTES
            return Answer(answer.status_code, url, answer.headers, _body(answer, url, limit, deadline))


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port: whom a secret is told to."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return parts.scheme, (parts.hostname or "").lower(), port


def read(url: str) -> bytes:
    """The bytes at `url`. Raises `Missing` when the server says that there is nothing, `Unreadable` for all else."""
    found = read_if_changed(url)
    assert found is not None  # nothing was sent along that a 304 could answer  # noqa: S101
    return found.data


def read_if_changed(url: str, unless: Validators | None = None) -> Content | None:
    """As `read`; None when the server says that it is as `unless` was made from."""
    with Reader() as reader:
        answer = reader.get(raw_address(url), headers=unless.headers if unless else None)
    if answer.status == 304 and unless:
        return None
    return Content(_file(answer, url), answer.validators)


def _checked(url: str) -> str:
    try:
        return checked_url(url)
    except TargetRefused as error:
        raise Unreadable(str(error)) from error


def _answer(
    session: requests.Session, url: str, headers: Mapping[str, str], *, method: str = "GET", body: bytes = b""
) -> requests.Response:
    _checked(url)
    limits = (outbound.CONNECT_SECONDS, SILENCE_SECONDS)
    try:
        return session.request(
            method,
            url,
            headers=dict(headers),
            data=body or None,
            timeout=limits,
            allow_redirects=False,
            stream=True,
        )
    except Unreadable:
        raise
    except requests.RequestException as error:
        raise Unreadable(_could_not(url, error)) from error


def _could_not(url: str, error: requests.RequestException) -> str:
    if isinstance(error, requests.Timeout):
        return f"{url} did not answer in time. Try again later."
    if isinstance(error, requests.exceptions.SSLError):
        return (
            f"{url} has no certificate that is trusted here. Set REQUESTS_CA_BUNDLE to your authority's file."
        )
    return f"{url} could not be reached. Check the address, and the network of this server."


def _file(answer: Answer, url: str) -> bytes:
    if answer.status in (404, 410):
        raise Missing(f"There is nothing at {url} (the server answered {answer.status}). Check the address.")
    if answer.status in (401, 403):
        raise Unreadable(
            f"{url} is not public (the server answered {answer.status}). Read it as a git repository, or add its host "
            "with a token to PORTICO_INTEGRATIONS."
        )
    if answer.status != 200:
        raise Unreadable(f"{url} answered {answer.status} instead of the file. Try again later.")
    return answer.body


def _body(answer: requests.Response, url: str, limit: int, deadline: float) -> bytes:
    pieces, size = [], 0
    try:
        for piece in answer.iter_content(64 * 1024):
            pieces.append(piece)
            size += len(piece)
            if size > limit and not answer.ok:
                break
            if size > limit:
                raise Unreadable(f"{url} is larger than {limit:,} bytes, which is the most that is read.")
            if time.monotonic() > deadline:
                raise Unreadable(f"{url} took longer than {WHOLE_SECONDS} seconds. Try again later.")
    except requests.RequestException as error:
        raise Unreadable(f"{url} broke off while it was read. Try again later.") from error
    return b"".join(pieces)


def _session() -> requests.Session:
    session = outbound.session(checked_addresses, _retries())
    session.headers["Accept"] = "application/yaml, text/plain, */*;q=0.8"
    return session


def _retries() -> Retry:
    """For what may pass by itself. Waiting as long as a server asks for is for callers, who know what that blocks."""
    return Retry(
        total=RETRIES,
        read=1,
        status_forcelist=(500, 502, 503, 504),
        allowed_methods=("GET", "HEAD"),
        backoff_factor=RETRY_FACTOR,
        respect_retry_after_header=False,
        raise_on_status=False,
        redirect=0,
    )
