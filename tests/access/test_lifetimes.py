"""Whatever happens in whatever order: a person holds exactly the union of their windows, inside and outside.

A machine of hypothesis drives the real functions over a real database whose clock it moves, and a fake outside system
that fails, crashes in the middle and comes back. What must hold is worked out here a second time, by plain arithmetic.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

from access import capability, grants
from access import reconcile as reconciling
from access import sweep as sweeping
from access.errors import AlreadyEnded
from access.models import Grant, OutsideRight
from control import approvals, execution, intents
from control.durations import parse_duration
from control.errors import ControlError
from control.models import Decision, Intent, State, User
from control.policy_documents import GAP
from tests import factories
from tests.access import room
from tests.access.test_reconcile import Remembering
from tests.moved_clock import stand_at

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
MOST_EXTENSIONS = 2
RULES = room.RULES.replace(
    "defaultDuration: 1h",
    f"defaultDuration: 1h\n  startWithin: 7d\n  extensions: {{count: {MOST_EXTENSIONS}}}",
).replace("maxDuration: 8h", "maxDuration: 8h\n  startWithin: 1d")
LOGS = ("production-logs", "production-logs-all")  # both need the same right outside
WHO = st.integers(0, 1)
ROLE = st.sampled_from([*LOGS, "staging-shell"])
LENGTHS = st.sampled_from(["30m", "1h", "2h"])
STARTS = st.sampled_from(
    ["", "", "after", 15, 45, 180]
)  # at once, when what is held ends, or in so many minutes


@dataclass
class Window:
    """What this test believes of one grant."""

    holder: int
    role: str
    starts_at: datetime
    ends_at: datetime

    def holds(self, at: datetime) -> bool:
        return self.starts_at <= at < self.ends_at


class Checked(Remembering):
    """The outside system; it remembers until when each membership was to last natively."""

    def __init__(self) -> None:
        super().__init__()
        self.until: dict[int, datetime] = {}

    def ensure_present(self, membership: Any, until: datetime) -> str:
        self.until[membership.user.pk] = until
        return super().ensure_present(membership, until)


class Lifetimes(RuleBasedStateMachine):
    folder: Path
    outside: Checked

    def __init__(self) -> None:
        super().__init__()
        self.around = transaction.atomic()
        self.around.__enter__()
        self.now = NOON
        self.windows: dict[UUID, Window] = {}
        self.waiting: list[UUID] = []
        self.closed: set[int] = set()

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.around.__exit__(None, None, None)
        with connection.cursor() as cursor:
            cursor.execute("RESET search_path")

    @initialize()
    def begin(self) -> None:
        """Nobody holds anything yet; the first hour is as most hours are."""
        stand_at(self.now)
        type(self).outside.__init__()  # type: ignore[misc]  # empty again, for the next example
        self.service = factories.entity(room.REF, type="service", owner_ref="group:default/payments")
        room.publish(type(self).folder, RULES)
        self.owner = factories.user("tomas.lind", groups=["group:default/payments"])
        support = ["group:default/support"]
        self.people = [factories.user(name, groups=support) for name in ("maya.okafor", "chloe.marsh")]
        self.get(0, LOGS[0], "1h", "", 0)

    # What people do

    @rule(who=WHO, role=ROLE, length=LENGTHS, start=STARTS)
    def ask(self, who: int, role: str, length: str, start: str | int) -> None:
        self.asked(who, role, length, start)

    def asked(self, who: int, role: str, length: str, start: str | int) -> UUID | None:
        """The key of what waits afterwards, if something does."""
        moment = start if isinstance(start, str) else (self.now + timedelta(minutes=start)).isoformat()
        place = "staging" if role == "staging-shell" else "production"
        before = Intent.objects.count()
        try:
            intent = room.ask(
                self.fresh(self.people[who]), role=role, duration=length, environment=place, starts_at=moment
            )
        except ControlError:
            assert Intent.objects.count() == before
            return None
        if intent.state == State.AWAITING_APPROVAL:
            self.waiting.append(intent.pk)
            return intent.pk
        if intent.state == State.APPROVED:
            self.opened(intent)
        else:
            assert intent.state == State.DENIED
        return None

    @rule(who=WHO, role=ROLE, length=LENGTHS, start=STARTS, minutes=st.sampled_from([0, 0, 20, 50]))
    def get(self, who: int, role: str, length: str, start: str | int, minutes: int) -> None:
        """Ask, and be answered after a while; most of what happens happens so."""
        asked = self.asked(who, role, length, start)
        self.time_passes(minutes)
        if asked:
            self.answer(asked, shorter=False)

    @rule(who=WHO, length=LENGTHS, count=st.integers(2, 5))
    def get_again_and_again(self, who: int, length: str, count: int) -> None:
        for _ in range(count):
            self.get(who, LOGS[0], length, "", 0)

    @precondition(lambda self: self.waiting)
    @rule(pick=st.integers(0, 9), shorter=st.booleans())
    def approve(self, pick: int, shorter: bool) -> None:
        self.answer(self.waiting[pick % len(self.waiting)], shorter)

    def answer(self, intent_id: UUID, shorter: bool) -> None:
        intent = Intent.objects.get(pk=intent_id)
        narrowed = {"duration": "30m"} if shorter and intent.parameters["duration"] != "30m" else None
        try:
            approvals.approve(intent.pk, by=self.owner, digest=intent.plan_digest, narrowed=narrowed)
        except ControlError:
            assert not Grant.objects.filter(intent=intent).exists()
            return
        self.waiting.remove(intent.pk)
        intent.refresh_from_db()
        self.opened(intent)

    @precondition(lambda self: self.waiting)
    @rule(pick=st.integers(0, 9), how=st.sampled_from(["reject", "withdraw"]))
    def close(self, pick: int, how: str) -> None:
        intent = Intent.objects.select_related("requested_by").get(pk=self.waiting[pick % len(self.waiting)])
        try:
            if how == "reject":
                approvals.reject(intent.pk, by=self.owner, digest=intent.plan_digest, comment="Not now.")
            else:
                intents.withdraw(intent.pk, by=intent.requested_by)
        except ControlError:
            return
        self.waiting.remove(intent.pk)

    @precondition(lambda self: self.windows)
    @rule(pick=st.integers(0, 9), then_sweep=st.booleans())
    def end_early(self, pick: int, then_sweep: bool) -> None:
        intent_id = sorted(self.windows, key=str)[pick % len(self.windows)]
        window, grant = self.windows[intent_id], Grant.objects.get(intent=intent_id)
        try:
            grants.revoke(grant.pk, by=self.owner)
        except AlreadyEnded:
            assert window.ends_at <= self.now or grant.revoked_at
            return
        assert self.now < window.ends_at
        window.ends_at = self.now
        if then_sweep:
            self.sweep()

    @rule(minutes=st.sampled_from([1, 14, 16, 31, 60]))
    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)
        stand_at(self.now)

    @precondition(lambda self: len(self.windows) > 2 and not self.closed)
    @rule(who=WHO)
    def leave(self, who: int) -> None:
        self.closed = {self.people[who].pk}
        User.objects.filter(pk__in=self.closed).update(is_active=False)

    @precondition(lambda self: self.closed)
    @rule()
    def come_back(self) -> None:
        User.objects.filter(pk__in=self.closed).update(is_active=True)
        self.closed = set()

    # What machines do

    @rule()
    def sweep(self) -> None:
        self.swept()
        owed_later = OutsideRight.objects.filter(next_try_at__gt=self.now)
        if self.outside.fail or owed_later.exists():
            return
        for person in self.people:
            wanted = any(
                one.holds(self.now) and one.role in LOGS and person.pk not in self.closed
                for one in self.of(person)
            )
            assert ((person.pk, room.RIGHT) in self.outside.members) is wanted
            if wanted:
                ends = max(one.ends_at for one in self.of(person) if one.holds(self.now))
                assert self.outside.until[person.pk] <= ends, "an outside right outlives the windows"

    @rule()
    def worker_dies_in_the_middle(self) -> None:
        self.outside.crash = True
        try:
            with transaction.atomic():
                self.swept()
        except KeyboardInterrupt:
            pass
        finally:
            self.outside.crash = False

    @rule(pick=st.integers(0, 9))
    def work(self, pick: int) -> None:
        owed = list(Intent.objects.owed().order_by("pk").values_list("pk", flat=True))
        if owed:
            execution.run(owed[pick % len(owed)])

    @rule(words=st.sampled_from(["", "payments-logs does not answer."]))
    def outside_fails_or_recovers(self, words: str) -> None:
        self.outside.fail = words

    # What must always be so

    @invariant()
    def holding_is_the_union_of_windows(self) -> None:
        for person in map(self.fresh, self.people):
            held = {
                one.role for one in self.of(person) if one.holds(self.now) and person.pk not in self.closed
            }
            assert person.has_perm("catalog.logs:read@production", self.service) is bool(held & set(LOGS))
            assert person.has_perm("catalog.logs:download", self.service) is (LOGS[1] in held)
            assert person.has_perm("catalog.shell:open", self.service) is ("staging-shell" in held)

    @invariant()
    def rows_say_what_happened(self) -> None:
        rows = {grant.intent_id: (grant.starts_at, grant.ends_at) for grant in Grant.objects.all()}
        assert rows == {key: (one.starts_at, one.ends_at) for key, one in self.windows.items()}
        given = {State.APPROVED, State.RUNNING, State.SUCCEEDED, State.FAILED}
        states = Intent.objects.filter(grant__isnull=False).values_list("state", flat=True)
        assert set(states) <= given
        waiting = Intent.objects.filter(state=State.AWAITING_APPROVAL).values_list("pk", flat=True)
        assert set(waiting) == set(self.waiting)
        assert Decision.objects.count() == Intent.objects.count()

    @invariant()
    def nobody_carries_a_window_on_more_often_than_the_rule_says(self) -> None:
        for person in self.people:
            for role in LOGS:
                assert self.longest_chain(person, role) <= 1 + MOST_EXTENSIONS

    # How this test keeps count

    def fresh(self, person: User) -> User:
        return User.objects.get(pk=person.pk)

    def of(self, person: User) -> list[Window]:
        return [window for window in self.windows.values() if window.holder == person.pk]

    def opened(self, intent: Intent) -> None:
        """The wished window, from now on if its start is over; never past its wished end."""
        asked, length = intent.parameters, parse_duration(intent.parameters["duration"])
        starts_at = self.now
        if asked.get("starts_at"):
            starts_at = max(self.now, datetime.fromisoformat(asked["starts_at"]))
        ends_at = starts_at + length
        if asked.get("ends_by"):
            ends_at = min(ends_at, datetime.fromisoformat(asked["ends_by"]))
        self.windows[intent.pk] = Window(intent.requested_by_id, asked["role"], starts_at, ends_at)

    def swept(self) -> None:
        """Both sweeps, and what of this is to be seen afterwards."""
        approvals.expire_undecided()
        intents.withdraw_of_leavers()
        sweeping.sweep()
        for window in self.windows.values():
            if window.holder in self.closed and self.now < window.ends_at:
                window.ends_at = self.now
        gone = Intent.objects.filter(pk__in=self.waiting).exclude(state=State.AWAITING_APPROVAL)
        assert set(gone.values_list("state", flat=True)) <= {State.EXPIRED, State.WITHDRAWN}
        past = set(gone.values_list("pk", flat=True))
        self.waiting = [pk for pk in self.waiting if pk not in past]

    def longest_chain(self, person: User, role: str) -> int:
        own = sorted(
            (one.starts_at, one.ends_at)
            for one in self.of(person)
            if one.role == role and one.ends_at > one.starts_at
        )
        longest = count = 0
        last: datetime | None = None
        for starts_at, ends_at in own:
            count = count + 1 if last and starts_at < last + GAP else 1
            last = max(last, ends_at) if last and count > 1 else ends_at
            longest = max(longest, count)
        return longest


def drive(monkeypatch: pytest.MonkeyPatch, folder: Path, **given: Any) -> None:
    Lifetimes.folder, Lifetimes.outside = folder, Checked()
    monkeypatch.setattr(reconciling, "connector_for", lambda type_name, target: Lifetimes.outside)
    monkeypatch.setattr(capability, "WAITS_SECONDS", ())
    run_machine(
        Lifetimes,
        settings=settings(
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            **given,
        ),
    )


OTHER_STORIES = int(os.environ.get("PORTICO_STORIES", "0"))  # so many others, different each time


@pytest.mark.slow
def test_windows_are_what_is_held_whatever_happens(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The same stories each time, and none made shorter when it fails: that takes minutes."""
    if OTHER_STORIES:
        drive(monkeypatch, tmp_path, max_examples=OTHER_STORIES, stateful_step_count=40)
        return
    drive(
        monkeypatch,
        tmp_path,
        max_examples=24,
        stateful_step_count=40,
        derandomize=True,
        phases=[Phase.generate],
    )
