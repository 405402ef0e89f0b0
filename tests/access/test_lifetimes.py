"""Whatever happens in whatever order: a person holds exactly the union of their windows, inside and outside.

A machine of hypothesis drives the real functions over a real database whose clock it moves, and a fake outside system
that fails, crashes in the middle and comes back. What must hold is worked out here a second time, by plain arithmetic.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.db.models import Count, Q
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

from access import capability, grants
from access import reconcile as reconciling
from access import sweep as sweeping
from access.errors import AlreadyEnded
from access.models import Grant, Need, OutsideRight
from control import approvals, execution, intents
from control.durations import parse_duration
from control.errors import ControlError
from control.models import AuditEvent, Decision, Intent, State, User
from control.policy_documents import GAP
from control.policy_schema import DECIDE_WITHIN
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
SHORTER = timedelta(minutes=30)
DOWN = "payments-logs does not answer."
# Events that one request has once at most, however often its work is taken up again.
ONCE = [
    *("intent.approved", "intent.rejected", "intent.withdrawn", "intent.expired", "intent.succeeded"),
    *("grant.opened", "grant.ended", "grant.revoked"),
]
STARTS = st.sampled_from(
    ["", "", "after", 15, 45, 180]
)  # at once, when what is held ends, or in so many minutes


@dataclass(frozen=True)
class Wish:
    """What was asked for, as this test works it out; `ends_at` where it was to begin later: no end after that."""

    holder: int
    role: str
    length: timedelta
    starts_at: datetime
    ends_at: datetime | None
    decide_before: datetime

    def shorter(self, length: timedelta) -> Wish:
        return replace(self, length=min(self.length, length))

    def window(self, now: datetime) -> Window:
        """From now on, if its start is over; never past its wished end."""
        starts_at = max(self.starts_at, now)
        ends_at = starts_at + self.length
        return Window(self.holder, self.role, starts_at, min(ends_at, self.ends_at or ends_at))


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
        self.waiting: dict[UUID, Wish] = {}
        self.over: dict[UUID, State] = {}  # requests that came to nothing
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
        self.get(0, LOGS[0], "1h", "", 0, shorter=False)

    # What people do

    @rule(who=WHO, role=ROLE, length=LENGTHS, start=STARTS)
    def ask(self, who: int, role: str, length: str, start: str | int) -> None:
        self.asked(who, role, length, start)

    def asked(self, who: int, role: str, length: str, start: str | int) -> UUID | None:
        """The key of what waits afterwards, if something does."""
        moment = start if isinstance(start, str) else (self.now + timedelta(minutes=start)).isoformat()
        place = "staging" if role == "staging-shell" else "production"
        before, wish = Intent.objects.count(), self.wished(self.people[who], role, length, start)
        try:
            intent = room.ask(
                self.fresh(self.people[who]), role=role, duration=length, environment=place, starts_at=moment
            )
        except ControlError:
            assert Intent.objects.count() == before
            return None
        assert wish, "what begins when nothing is held ends"
        if intent.state == State.AWAITING_APPROVAL:
            self.waiting[intent.pk] = wish
            return intent.pk
        if intent.state == State.APPROVED:
            self.windows[intent.pk] = wish.window(self.now)
        else:
            assert intent.state == State.DENIED
            self.over[intent.pk] = State.DENIED
        return None

    def wished(self, person: User, role: str, length: str, start: str | int) -> Wish | None:
        lasts, starts_at = parse_duration(length), self.now
        if start == "after":
            held = [one.ends_at for one in self.of(person) if one.role == role and one.holds(self.now)]
            if not held:
                return None
            starts_at = max(held)
        elif isinstance(start, int):
            starts_at += timedelta(minutes=start)
        ends_at = starts_at + lasts if starts_at > self.now else None
        decide_before = min(self.now + DECIDE_WITHIN, ends_at or datetime.max.replace(tzinfo=UTC))
        return Wish(person.pk, role, lasts, starts_at, ends_at, decide_before)

    @rule(
        who=WHO,
        role=ROLE,
        length=LENGTHS,
        start=STARTS,
        minutes=st.sampled_from([0, 0, 20, 50]),
        shorter=st.booleans(),
    )
    def get(self, who: int, role: str, length: str, start: str | int, minutes: int, shorter: bool) -> None:
        """Ask, and be answered after a while; most of what happens happens so."""
        asked = self.asked(who, role, length, start)
        self.time_passes(minutes)
        if asked:
            self.answer(asked, shorter)

    @rule(who=WHO, length=LENGTHS, count=st.integers(2, 5))
    def get_again_and_again(self, who: int, length: str, count: int) -> None:
        for _ in range(count):
            self.get(who, LOGS[0], length, "", 0, shorter=False)

    @precondition(lambda self: self.waiting)
    @rule(pick=st.integers(0, 9), shorter=st.booleans())
    def approve(self, pick: int, shorter: bool) -> None:
        self.answer(self.picked(pick), shorter)

    def answer(self, intent_id: UUID, shorter: bool) -> None:
        intent, wish = Intent.objects.get(pk=intent_id), self.waiting[intent_id]
        narrowed = {"duration": "30m"} if shorter and wish.length > SHORTER else None
        try:
            approvals.approve(intent.pk, by=self.owner, digest=intent.plan_digest, narrowed=narrowed)
        except ControlError:
            assert not Grant.objects.filter(intent=intent).exists()
            return
        assert self.now < wish.decide_before, "decided after the deadline"
        assert wish.holder not in self.closed, "given to a closed account"
        del self.waiting[intent.pk]
        self.windows[intent.pk] = (wish.shorter(SHORTER) if narrowed else wish).window(self.now)

    @precondition(lambda self: self.waiting)
    @rule(pick=st.integers(0, 9), how=st.sampled_from(["reject", "withdraw"]))
    def close(self, pick: int, how: str) -> None:
        intent = Intent.objects.select_related("requested_by").get(pk=self.picked(pick))
        try:
            if how == "reject":
                approvals.reject(intent.pk, by=self.owner, digest=intent.plan_digest, comment="Not now.")
            else:
                intents.withdraw(intent.pk, by=intent.requested_by)
        except ControlError:
            return
        self.over[intent.pk] = State.REJECTED if how == "reject" else State.WITHDRAWN
        del self.waiting[intent.pk]

    @precondition(lambda self: self.windows)
    @rule(pick=st.integers(0, 9), then_sweep=st.booleans())
    def end_early(self, pick: int, then_sweep: bool) -> None:
        intent_id = list(self.windows)[pick % len(self.windows)]
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

    @rule(minutes=st.sampled_from([1, 3, 14, 16, 31, 60]))
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
        excused = owed_later.filter(Q(last_error=DOWN) | Q(last_error__endswith="is closed."))
        assert set(owed_later) == set(excused), "refused outside though nothing failed"
        if self.outside.fail or owed_later.exists():
            return
        for person in self.people:
            holds = [one for one in self.of(person) if one.holds(self.now) and one.role in LOGS]
            wanted = bool(holds) and person.pk not in self.closed
            assert ((person.pk, room.RIGHT) in self.outside.members) is wanted
            if wanted:
                ends = max(one.ends_at for one in holds)
                assert self.outside.until[person.pk] == ends, "the outside right ends with the last window"
        open_needs = Need.objects.filter(settled_at=None).exclude(grant__in=Grant.objects.upcoming(self.now))
        assert not open_needs.filter(grant__in=Grant.objects.ended(self.now)).exists(), "told nobody its end"
        assert not open_needs.filter(in_place_at=None).exists(), "left undone"
        ended = Grant.objects.ended(self.now)
        assert not ended.filter(ended_recorded_at=None).exists(), "an end that is not in the record"

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

    @precondition(lambda self: self.windows)
    @rule(pick=st.integers(0, 9), dies=st.booleans())
    def work(self, pick: int, dies: bool) -> None:
        """The bell rings for any of them. A worker that dies in the middle leaves its lease behind."""
        intent = Intent.objects.get(pk=list(self.windows)[pick % len(self.windows)])
        is_leased = intent.lease_expires_at is not None and intent.lease_expires_at > self.now
        is_owed = intent.state in (State.APPROVED, State.RUNNING) and not is_leased
        self.outside.crash = dies
        try:
            execution.run(intent.pk)
        except KeyboardInterrupt:
            assert dies
        finally:
            self.outside.crash = False
        claims = Intent.objects.values_list("attempts", flat=True).get(pk=intent.pk)
        assert claims == intent.attempts + is_owed, "work of another, or that is done, was taken"

    @rule(words=st.sampled_from(["", DOWN]))
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
        without = Intent.objects.filter(grant=None).exclude(pk__in=self.waiting)
        assert dict(without.values_list("pk", "state")) == self.over, "what is over stays as it ended"
        assert Decision.objects.count() == Intent.objects.count()

    @invariant()
    def the_record_tells_everything_once(self) -> None:
        told = AuditEvent.objects.filter(action__in=ONCE).values("intent", "action")
        assert not told.annotate(times=Count("pk")).filter(times__gt=1).exists()
        for ended in ("grant.ended", "grant.revoked"):
            over = Grant.objects.ended(self.now).values("intent")
            assert not AuditEvent.objects.filter(action=ended).exclude(intent__in=over).exists()

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

    def picked(self, pick: int) -> UUID:
        return list(self.waiting)[pick % len(self.waiting)]

    def swept(self) -> None:
        """Both sweeps, and what of this is to be seen afterwards."""
        approvals.expire_undecided()
        intents.withdraw_of_leavers()
        sweeping.sweep()
        for window in self.windows.values():
            if window.holder in self.closed and self.now < window.ends_at:
                window.ends_at = self.now
        for intent_id, wish in list(self.waiting.items()):
            if self.now >= wish.decide_before:
                self.over[intent_id] = State.EXPIRED
            elif wish.holder in self.closed:
                self.over[intent_id] = State.WITHDRAWN
            else:
                continue
            del self.waiting[intent_id]

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


def prepare(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    Lifetimes.folder, Lifetimes.outside = folder, Checked()
    monkeypatch.setattr(reconciling, "connector_for", lambda type_name, target: Lifetimes.outside)
    monkeypatch.setattr(capability, "WAITS_SECONDS", ())


def drive(monkeypatch: pytest.MonkeyPatch, folder: Path, **given: Any) -> None:
    prepare(monkeypatch, folder)
    run_machine(
        Lifetimes,
        settings=settings(
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            **given,
        ),
    )


# Short stories, each of which some guard decides: which step of the machine, and what it is given.
Step = tuple[str, dict[str, Any]]
GET = {"who": 0, "role": LOGS[0], "length": "1h", "start": "", "minutes": 0, "shorter": False}
ALL = {**GET, "role": LOGS[1]}
ASK = {"who": 0, "role": LOGS[0], "length": "1h", "start": ""}
SWEEP: Step = ("sweep", {})
CARRY_ON: list[Step] = [("get", {**GET, "start": "after"}), ("time_passes", {"minutes": 60})]
ASK_AGAIN: Step = ("ask", ASK)
AGREE: Step = ("approve", {"pick": 0, "shorter": False})
STORIES: dict[str, list[Step]] = {
    "what is ended is taken away by the next sweep, however soon": [
        SWEEP,
        ("end_early", {"pick": 0, "then_sweep": True}),
    ],
    "what runs out is taken away by the next sweep, however lately it was looked at": [
        ("time_passes", {"minutes": 59}),
        SWEEP,
        ("time_passes", {"minutes": 1}),
        SWEEP,
    ],
    "an answer that comes late leaves the end where it was wished": [
        ("ask", {**ASK, "length": "2h", "start": 15}),
        ("time_passes", {"minutes": 31}),
        ("approve", {"pick": 0, "shorter": False}),
        SWEEP,
    ],
    "a late answer for a shorter time is that short, and ends no later than wished": [
        ("ask", {**ASK, "length": "2h", "start": 15}),
        ("ask", {**ASK, "who": 1, "start": 15}),
        ("time_passes", {"minutes": 60}),
        ("approve", {"pick": 0, "shorter": True}),
        ("approve", {"pick": 0, "shorter": True}),
        SWEEP,
    ],
    "a shorter answer is that short": [
        ("ask", {**ASK, "who": 1, "length": "2h"}),
        ("approve", {"pick": 0, "shorter": True}),
        SWEEP,
        ("time_passes", {"minutes": 31}),
        SWEEP,
    ],
    "the end of one leaves what another covers, the longer first": [
        ("get", {**ALL, "length": "2h"}),
        SWEEP,
        ("time_passes", {"minutes": 60}),
        SWEEP,
    ],
    "the end of one leaves what another covers, the shorter last": [
        ("get", {**ALL, "length": "30m"}),
        SWEEP,
        ("time_passes", {"minutes": 31}),
        SWEEP,
        ("end_early", {"pick": 0, "then_sweep": True}),
    ],
    "the longest of three is ended, and the right lasts as long as the others": [
        ("get", {**ALL, "length": "2h"}),
        ("get", {**ALL, "length": "30m"}),
        SWEEP,
        ("end_early", {"pick": 1, "then_sweep": True}),
    ],
    "what is made longer goes on without a break": [
        ("get", {**GET, "start": "after"}),
        SWEEP,
        ("time_passes", {"minutes": 60}),
        SWEEP,
        ("time_passes", {"minutes": 60}),
        SWEEP,
    ],
    "it is made longer as often as the rule says and no more": [
        *CARRY_ON * (MOST_EXTENSIONS + 2),
        ("get_again_and_again", {"who": 1, "length": "30m", "count": MOST_EXTENSIONS + 3}),
    ],
    "requests that wait together are counted when they are answered": [
        *[ASK_AGAIN] * (MOST_EXTENSIONS + 2),
        *[AGREE] * (MOST_EXTENSIONS + 2),
    ],
    "nobody decides after the deadline, sweep or no sweep": [
        ("ask", {**ASK, "length": "30m", "start": 15}),
        ("time_passes", {"minutes": 45}),
        ("approve", {"pick": 0, "shorter": False}),
        SWEEP,
    ],
    "what was taken back or refused does not expire as well": [
        ("ask", {**ASK, "length": "30m", "start": 15}),
        ("close", {"pick": 0, "how": "withdraw"}),
        ("ask", {**ASK, "length": "30m", "start": 15}),
        ("close", {"pick": 0, "how": "reject"}),
        ("time_passes", {"minutes": 60}),
        SWEEP,
    ],
    "a worker that dies leaves its work to the next, which does it once": [
        ("work", {"pick": 0, "dies": True}),
        ("work", {"pick": 0, "dies": False}),
        ("time_passes", {"minutes": 3}),
        ("work", {"pick": 0, "dies": False}),
        ("work", {"pick": 0, "dies": False}),
        ("worker_dies_in_the_middle", {}),
        SWEEP,
    ],
    "what fails outside is tried again, also when it is over meanwhile": [
        ("outside_fails_or_recovers", {"words": DOWN}),
        SWEEP,
        ("outside_fails_or_recovers", {"words": ""}),
        ("time_passes", {"minutes": 14}),
        SWEEP,
        ("outside_fails_or_recovers", {"words": DOWN}),
        ("end_early", {"pick": 0, "then_sweep": True}),
        ("outside_fails_or_recovers", {"words": ""}),
        ("time_passes", {"minutes": 14}),
        SWEEP,
    ],
    "who leaves holds nothing from then on, and nothing again on coming back": [
        ("get", {**GET, "who": 1}),
        ("ask", ASK),
        SWEEP,
        ("leave", {"who": 0}),
        ("approve", {"pick": 0, "shorter": False}),
        SWEEP,
        ("come_back", {}),
        SWEEP,
    ],
    "who comes back before anybody noticed holds it on": [
        SWEEP,
        ("leave", {"who": 0}),
        ("come_back", {}),
        SWEEP,
    ],
    "what is called off before its start never begins": [
        ("get", {**ALL, "who": 1, "start": 45}),
        ("end_early", {"pick": 1, "then_sweep": True}),
        ("time_passes", {"minutes": 60}),
        SWEEP,
    ],
}


EVERY_DAY = (
    "what is ended is taken away by the next sweep, however soon",
    "a late answer for a shorter time is that short, and ends no later than wished",
    "the end of one leaves what another covers, the longer first",
)


@pytest.mark.parametrize(
    "name",
    [name if name in EVERY_DAY else pytest.param(name, marks=pytest.mark.slow) for name in STORIES],
)
def test_story(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    prepare(monkeypatch, tmp_path)
    machine = Lifetimes()
    try:
        machine.begin()
        for step, given in STORIES[name]:
            getattr(machine, step)(**given)
            machine.holding_is_the_union_of_windows()
            machine.rows_say_what_happened()
            machine.the_record_tells_everything_once()
            machine.nobody_carries_a_window_on_more_often_than_the_rule_says()
    finally:
        machine.teardown()


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
