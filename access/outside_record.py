"""What the record of a grant tells about outside systems: joined, observed, kept, left, failed; each once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from access.connectors.base import Connector
from access.models import Grant, Need, OutsideRight
from control import audit, clock
from control.models import Intent
from control.templatetags.times import clock_words


@dataclass(frozen=True)
class Story:
    """`right` still says what was observed before; the caller holds its row lock and writes it afterwards."""

    right: OutsideRight
    connector: Connector

    def in_place(self, needs: Iterable[Need], *, was_present: bool) -> None:
        """The right was observed for these needs; those that know it already are told only if it had gone missing."""
        known = self.right.observed == OutsideRight.Observed.PRESENT
        for need in needs:
            if need.in_place_at is None:
                self._joined(need.grant.intent, shared=known, was_present=was_present)
                need.in_place_at = clock.now()
                need.save(update_fields=["in_place_at"])
            elif known and not was_present:
                words = (
                    f"{self.connector.label} had lost the membership. Somebody may have changed it by hand."
                )
                self._tell(need.grant.intent, "outside.restored", f"Joined {self.right.right} again", words)

    def _joined(self, intent: Intent, *, shared: bool, was_present: bool) -> None:
        name, place = self.right.right, self.connector.label
        if shared:
            words = f"{place}. Another grant brought it; both are counted."
            self._tell(intent, "outside.joined", f"Holds {name} already", words)
        else:
            how = (
                "Was there already: an earlier try had done it."
                if was_present
                else "As " + self.right.account + "."
            )
            self._tell(intent, "outside.joined", f"Joined {name}", f"{place}. {how}")
        native = (
            " The system itself refuses new sign-ins after the end." if self.connector.ends_natively else ""
        )
        read = f"Portico read the membership back and found it.{native}"
        self._tell(intent, "outside.observed_present", "Observed in place", read)

    def settled(self, now: datetime, kept_until: datetime | None, held: Iterable[Need]) -> None:
        """Tell the grants that have ended what became of the right.

        Those of `held` still did when it was looked at: one that was ended since then is told the next time, when the
        right has followed.
        """
        ended = self.right.needs.filter(settled_at=None, grant__in=Grant.objects.ended(now))
        ended = ended.exclude(pk__in=[need.pk for need in held])
        for need in ended.select_related("grant__intent"):
            if kept_until:
                words = f"Another grant covers it until {clock_words(kept_until, now)}."
                self._tell(need.grant.intent, "outside.kept", f"{self.right.right} stays", words)
            else:
                self._gone(need)
            need.settled_at = clock.now()
            need.save(update_fields=["settled_at"])

    def refused(self, needs: Iterable[Need]) -> None:
        """Needs that do not count any more lose the right before their grant ends."""
        for need in needs:
            if need.in_place_at and self.right.observed == OutsideRight.Observed.ABSENT:
                self._gone(need)
                need.in_place_at = None
                need.save(update_fields=["in_place_at"])

    def _gone(self, need: Need) -> None:
        place = self.connector.label
        if need.in_place_at:
            words = f"{place}. Open sessions were ended."
            self._tell(need.grant.intent, "outside.left", f"Left {self.right.right}", words)
        read = f"Portico read {place} back and did not find the membership."
        self._tell(need.grant.intent, "outside.observed_absent", "Observed gone", read)

    def _tell(self, intent: Intent, action: str, summary: str, detail: str) -> None:
        audit.record(action, actor=None, intent=intent, summary=summary, detail=detail)


def record_failure(right: OutsideRight, words: str, now: datetime) -> None:
    for need in right.needs.filter(settled_at=None).select_related("grant__intent"):
        done = "brought about" if need.grant.is_live(now) else "taken away"
        audit.record(
            "outside.failed",
            actor=None,
            intent=need.grant.intent,
            summary=f"{right.right} could not be {done}",
            detail=words,
        )
