"""Answers of an API that are asked for again only if they changed, kept per location and cut down to what is needed.

A kept answer costs a conditional request; with a `stamp` that is as before, none. Pages are told by number and end with
one that is not full and names no next, so an unchanged first page never hides a new last one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from catalog.errors import Unreadable
from catalog.hosts.client import Client, as_json, checked
from catalog.models import KeptAnswer, Location
from catalog.web import Answer, Validators

FORMAT = "1"  # what is kept of an answer changed with the program: ask anew
PAGE_SIZE = 100  # the most that GitHub and GitLab give
MOST_PAGES = 1_000
_BATCH = 500
Reduce = Callable[[Any], Any]


Test = Callable[[Answer], bool]


def _never(_answer: Answer) -> bool:
    return False


class Kept:
    """The answers for one location. `save` at the end, also of a read that broke off: what was learned is not lost."""

    def __init__(self, location: Location, client: Client) -> None:
        self.client = client
        self._location = location
        self._rows = {row.url: row for row in location.answers.all()}
        self._used: set[str] = set()
        self._fresh: list[KeptAnswer] = []

    def value(
        self, url: str, what: str, reduce: Reduce, *, stamp: str = "", is_nothing: Test = _never
    ) -> Any:
        """What `reduce` made of the answer at `url`, now or earlier; an empty list for an answer that `is_nothing`.

        Raises `Missing`, `Unreadable` or `Postponed`.
        """
        return self._row(url, what, reduce, stamp, is_nothing).value

    def pages(
        self,
        path: str,
        query: Mapping[str, str | int],
        what: str,
        reduce: Reduce,
        *,
        most_pages: int = MOST_PAGES,
        is_nothing: Test = _never,
    ) -> Iterator[list[Any]]:
        """The items of each page; `reduce` makes a list of as many as the page has."""
        for number in range(1, most_pages + 1):
            url = self.client.address(path, {**query, "per_page": PAGE_SIZE, "page": number})
            row = self._row(url, what, reduce, "", is_nothing)
            yield row.value
            if not row.has_more and len(row.value) < PAGE_SIZE:
                return
        raise Unreadable(
            f"There is more than {most_pages * PAGE_SIZE:,} entries of {what}. Register a smaller part of it."
        )

    def _row(self, url: str, what: str, reduce: Reduce, stamp: str, is_nothing: Test) -> KeptAnswer:
        self._used.add(url)
        known = self._known(url)
        if known and stamp and known.stamp == f"{FORMAT} {stamp}":
            return known
        unless = Validators(known.etag, known.last_modified) if known else None
        answer = self.client.get(url, unless=unless)
        if answer.status == 304 and known:
            return self._restamped(known, stamp)
        value = [] if is_nothing(answer) else reduce(self._content(answer, what))
        return self._keep(
            KeptAnswer(
                location=self._location,
                url=url,
                etag=answer.validators.etag,
                last_modified=answer.validators.last_modified,
                stamp=f"{FORMAT} {stamp}",
                value=value,
                has_more=_has_more(answer),
            )
        )

    def _known(self, url: str) -> KeptAnswer | None:
        known = self._rows.get(url)
        return known if known and known.stamp.startswith(f"{FORMAT} ") else None

    def _content(self, answer: Answer, what: str) -> Any:
        return as_json(checked(answer, what, self.client.integration), what)

    def _restamped(self, known: KeptAnswer, stamp: str) -> KeptAnswer:
        if known.stamp == f"{FORMAT} {stamp}":
            return known
        known.stamp = f"{FORMAT} {stamp}"
        return self._keep(known)

    def _keep(self, row: KeptAnswer) -> KeptAnswer:
        self._fresh.append(row)
        if len(self._fresh) >= _BATCH:
            self._write()
        return row

    def save(self, *, is_complete: bool) -> None:
        """Write what is new, if anything is; after a complete read forget what was not asked for."""
        self._write()
        gone = self._rows.keys() - self._used if is_complete else None
        if gone:
            self._location.answers.filter(url__in=gone).delete()

    def _write(self) -> None:
        KeptAnswer.objects.bulk_create(
            [_copy(row) for row in self._fresh],
            update_conflicts=True,
            unique_fields=["location", "url"],
            update_fields=["etag", "last_modified", "stamp", "value", "has_more"],
        )
        self._fresh = []


def _has_more(answer: Answer) -> bool:
    return 'rel="next"' in answer.headers.get("Link", "") or bool(answer.headers.get("X-Next-Page"))


def _copy(row: KeptAnswer) -> KeptAnswer:
    """Without a key: rows that are there are found by their address."""
    row.pk = None
    return row
