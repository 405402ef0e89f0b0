"""The spine's state: people, intents, decisions, approvals, policy revisions and the audit record.

Rows of Decision, Approval and AuditEvent are written by one function each (`intents`, `approvals`, `audit`) and never
changed; a database trigger refuses it. Everything that wants to change an Intent's state goes through `Intent.move`.
"""

from __future__ import annotations

import uuid
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar, Self

from django.conf import settings
from django.contrib.auth.models import AbstractUser, Group, UserManager
from django.contrib.postgres.fields import ArrayField
from django.db import models, transaction
from django.db.models import CheckConstraint, Exists, F, OuterRef, Q, UniqueConstraint
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone


def open_account(path: str = "") -> Q:
    """That an account is open, and its owner's too when it is an agent's; `path` leads to it, like `user__`."""
    owner = Q(**{f"{path}acts_for": None}) | Q(**{f"{path}acts_for__is_active": True})
    return Q(**{f"{path}is_active": True}) & owner


class User(AbstractUser):
    """A person, or an agent that acts for one. Rights are compared by primary key, never by a name."""

    entity_ref = models.CharField(max_length=255, unique=True, null=True)  # user:default/maya.okafor
    acts_for = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="agents"
    )

    objects: ClassVar[UserManager[User]] = UserManager()  # type: ignore[assignment]  # stubs say Self

    @property
    def is_agent(self) -> bool:
        return self.acts_for_id is not None

    @property
    def label(self) -> str:
        return self.get_full_name() or self.username

    @property
    def is_open(self) -> bool:
        """Whether the account may do anything; an agent's ends with that of its owner. No query for people."""
        return self.is_active and (self.acts_for is None or self.acts_for.is_active)

    @property
    def principal_id(self) -> int:
        """Whose will this is: an agent counts as its owner."""
        return self.acts_for_id or self.pk


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def active(self) -> Self:
        """Neither revoked nor past their end, at the database's own clock."""
        return self.filter(revoked_at=None, expires_at__gt=Now())


class ApiToken(models.Model):
    """What a script signs in with, as its person. The secret itself is nowhere: only its SHA-256 is kept.

    A token works from `created_at` until `expires_at` or `revoked_at`, and only while its person's account is open.
    """

    LONGEST = timedelta(days=365)

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=100)  # what it is for
    digest = models.CharField(max_length=64)  # of 256 random bits, so a plain hash is enough
    hint = models.CharField(max_length=4)  # the last characters, to tell tokens apart
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)  # to the minute
    revoked_at = models.DateTimeField(null=True)
    revoked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )  # null with `revoked_at`: the command line

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        constraints = [
            UniqueConstraint(fields=["digest"], name="api_token_digest_once"),  # serves authentication
            CheckConstraint(condition=~Q(name=""), name="api_token_named"),
            CheckConstraint(
                condition=Q(expires_at__gt=F("created_at"))
                & Q(expires_at__lte=F("created_at") + timedelta(days=365)),
                name="api_token_ends_within_a_year",
            ),
            CheckConstraint(
                condition=Q(revoked_by=None) | Q(revoked_at__isnull=False), name="api_token_revoked_whole"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} (…{self.hint})"

    @property
    def is_active(self) -> bool:
        return self.revoked_at is None and self.expires_at > timezone.now()


class PolicyRevision(models.Model):
    """One whole, valid set of RBAC documents. The newest is in force."""

    class Origin(models.TextChoices):
        FILES = "files", "Files of the server"
        GIT = "git", "A git repository"
        CHANGE = "change", "An approved change"
        BREAK_GLASS = "break_glass", "Break-glass on the server"

    digest = models.CharField(max_length=64)
    documents = models.JSONField()  # as parsed, each with its file and line
    sources = models.JSONField(default=list)  # [{"path": …, "sha256": …}]
    published_at = models.DateTimeField(auto_now_add=True)
    published_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT)
    origin = models.CharField(max_length=11, choices=Origin, default=Origin.FILES)
    note = models.TextField(blank=True)  # why the glass was broken
    intent = models.ForeignKey("Intent", null=True, on_delete=models.PROTECT, related_name="+")  # of a change

    class Meta:
        constraints = [
            CheckConstraint(
                condition=Q(origin__in=["files", "git", "change", "break_glass"]), name="policy_origin_known"
            ),
            CheckConstraint(
                condition=Q(origin="change", intent__isnull=False) | ~Q(origin="change") & Q(intent=None),
                name="policy_change_has_its_request",
            ),
            CheckConstraint(
                condition=~Q(origin="break_glass") | ~Q(note=""), name="policy_break_glass_says_why"
            ),
        ]

    @property
    def short(self) -> str:
        return self.digest[:7]


class PolicyProposal(models.Model):
    """A whole, valid set of rules that somebody wants in force; `intent` once it was sent. Documents never change."""

    digest = models.CharField(max_length=64)
    documents = models.JSONField()
    sources = models.JSONField(default=list)
    tests = models.PositiveIntegerField(default=0)  # rule tests that came along, and passed
    author_email = models.CharField(
        max_length=254, blank=True
    )  # of the commit, where Portico itself proposes it
    based_on = models.ForeignKey(PolicyRevision, on_delete=models.PROTECT, related_name="proposals")
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="policy_proposals"
    )
    intent = models.OneToOneField(
        "Intent", null=True, on_delete=models.PROTECT, related_name="policy_proposal"
    )

    @property
    def short(self) -> str:
        return self.digest[:7]


class PolicyReading(models.Model):
    """How it went when PORTICO_POLICY_PATHS was read last; one row. A failed reading keeps the rules in force."""

    read_at = models.DateTimeField()
    succeeded_at = models.DateTimeField(null=True)
    problem = models.TextField(blank=True)  # what was wrong the last time; empty when nothing was
    commits = models.JSONField(default=dict)  # repository → commit, of the last reading that succeeded
    proposal = models.ForeignKey(
        PolicyProposal, null=True, on_delete=models.SET_NULL
    )  # where somebody must agree

    class Meta:
        constraints = [CheckConstraint(condition=Q(pk=1), name="policy_reading_one_row")]


class State(models.TextChoices):
    SUBMITTED = "submitted", "Submitted"
    DENIED = "denied", "Refused by a rule"
    AWAITING_APPROVAL = "awaiting_approval", "Waiting for approval"
    APPROVED = "approved", "Approved"
    REJECTED = "rejected", "Rejected"
    EXPIRED = "expired", "Expired undecided"
    WITHDRAWN = "withdrawn", "Withdrawn"
    RUNNING = "running", "Running"
    SUCCEEDED = "succeeded", "Done"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


# failed → approved is a retry: the same approval, the same digest, the steps that were not done.
MOVES: dict[State, frozenset[State]] = {
    State.SUBMITTED: frozenset({State.DENIED, State.AWAITING_APPROVAL, State.APPROVED}),
    State.AWAITING_APPROVAL: frozenset({State.APPROVED, State.REJECTED, State.EXPIRED, State.WITHDRAWN}),
    State.APPROVED: frozenset({State.RUNNING, State.CANCELLED}),
    State.RUNNING: frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED}),
    State.FAILED: frozenset({State.APPROVED}),
}
UNDECIDED = (State.SUBMITTED, State.AWAITING_APPROVAL)
FINAL_STATES = frozenset(State) - frozenset(MOVES) | {State.FAILED}


class IllegalMove(Exception):
    """A state change that the machine does not have; a defect of the caller, never shown to people."""


class IntentQuerySet(models.QuerySet["Intent"]):
    def involving(self, user: User) -> Self:
        """What `user` asked for, or an agent of theirs did."""
        return self.filter(_of(user))

    def asked_of(self, user: User) -> Self:
        """What `user` may be asked to decide, open or decided; never their own."""
        return self._of_others(user).filter(_asked_at_any_time(user))

    def waiting_for(self, user: User) -> Self:
        """Open in `user`'s inbox: awaiting, their turn, not past its deadline, and not yet answered by them or in
        their place."""
        from control.seats import deputy_turns, on_call_seats

        return self._waiting(user, on_call_seats(user) | deputy_turns(user))

    def waiting_by_name(self, user: User) -> Self:
        """As `waiting_for`, without what comes by the clock: by being on call, or in place of somebody who is away.
        Depends on nothing but who asks."""
        return self._waiting(user, Q())

    def _waiting(self, user: User, by_the_clock: Q) -> Self:
        answered = Approval.objects.filter(intent=OuterRef("pk")).involving(user)
        return (
            self._of_others(user)
            .filter(state=State.AWAITING_APPROVAL, decide_before__gt=Now())
            .filter(_sits_among(user, Approver.objects.open(), by_the_clock))
            .exclude(Exists(answered))
        )

    def _of_others(self, user: User) -> Self:
        """Not their own, nor an agent's of theirs."""
        return self.exclude(_of(user))

    def visible_to(self, user: User) -> Self:
        """Their own, those they decide or decided, and everything for administrators."""
        if user.is_staff:
            return self
        # Each a question about the row at hand, so that a request looked up by its key costs one look at each.
        answered = Approval.objects.filter(intent=OuterRef("pk"), by=user)
        return self.filter(_of(user) | Q(_asked_at_any_time(user)) | Exists(answered))

    def owed(self) -> Self:
        """Approved work that no living worker holds. What was put aside is owed when the request that it waits on is
        decided, or when it is to be cancelled."""
        waits = Intent.objects.filter(pk=OuterRef("waits_on"), state__in=UNDECIDED)
        return self.filter(
            Q(lease_expires_at=None) | Q(lease_expires_at__lt=Now()),
            Q(waits_on=None) | Q(cancel_asked_at__isnull=False) | ~Exists(waits),
            state__in=[State.APPROVED, State.RUNNING],
        )


def _of(user: User) -> Q:
    """Of an intent: theirs, or an agent's of theirs. Agents are few, so the requester of each row is not looked up."""
    return Q(requested_by=user) | Q(requested_by__in=User.objects.filter(acts_for=user).values("pk"))


def _asked_at_any_time(user: User) -> Exists:
    """Of an intent: whether `user` sits, or sat, among those who are asked."""
    from control.seats import deputy_seats, on_call_seats

    return _sits_among(user, Approver.objects.all(), on_call_seats(user) | deputy_seats(user))


def _sits_among(user: User, approvers: ApproverQuerySet, by_the_clock: Q) -> Exists:
    """Of an intent: whether `user` sits in one of these places. `by_the_clock` are those that come by being on call,
    or in place of somebody who is away."""
    named = Q(user=user) | Q(group__in=user.groups.values("pk"))
    return Exists(approvers.filter(intent=OuterRef("pk")).filter(named | by_the_clock))


class Intent(models.Model):
    """One self-service wish and everything that became of it.

    submitted → denied | awaiting_approval | approved; awaiting_approval → approved | rejected | expired | withdrawn;
    approved → running → succeeded | failed | cancelled; failed → approved (retry).
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    capability = models.CharField(max_length=63)
    title = models.CharField(max_length=300)  # "Production logs of payments"
    subject_ref = models.CharField(max_length=255)
    subject_title = models.CharField(max_length=500)
    environment = models.CharField(max_length=63, blank=True)
    parameters = models.JSONField(default=dict)
    reason = models.TextField(blank=True)
    state = models.CharField(max_length=20, choices=State, default=State.SUBMITTED)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="intents"
    )
    requested_at = models.DateTimeField()
    decide_before = models.DateTimeField()  # an undecided request expires then
    plan = models.JSONField(default=dict)
    plan_digest = models.CharField(max_length=64)  # SHA-256 of what approvers are shown
    decided_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    cancel_asked_at = models.DateTimeField(null=True)
    lease = models.UUIDField(null=True)  # who runs it; a new one each time it is claimed
    lease_expires_at = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    # Put aside until that other request is decided: no worker holds it meanwhile.
    waits_on = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="waited_on_by")
    rung_at = models.DateTimeField(null=True)  # when a worker was last told
    compared_at = models.DateTimeField(null=True)  # while it waits: when it was last held against the rules
    outcome = models.JSONField(default=dict)
    error = models.TextField(blank=True)

    objects = IntentQuerySet.as_manager()

    class Meta:
        constraints = [
            CheckConstraint(condition=Q(state__in=State.values), name="intent_state_known"),
            CheckConstraint(
                condition=~Q(state__in=["running", "succeeded", "failed"]) | Q(decided_at__isnull=False),
                name="intent_runs_only_decided",
            ),
            CheckConstraint(
                condition=Q(lease=None, lease_expires_at=None)
                | Q(lease__isnull=False, lease_expires_at__isnull=False),
                name="intent_lease_whole",
            ),
            CheckConstraint(
                condition=Q(decide_before__gt=F("requested_at")), name="intent_deadline_after_request"
            ),
            CheckConstraint(
                condition=Q(waits_on=None) | Q(state="running", lease=None),
                name="intent_waits_without_worker",
            ),
        ]
        indexes = [
            # the sweep for owed work and for undecided requests
            models.Index(
                fields=["state", "lease_expires_at"],
                name="intent_open",
                condition=Q(state__in=["awaiting_approval", "approved", "running"]),
            ),
            models.Index(fields=["requested_by", "-requested_at"], name="intent_of_person"),  # "mine"
            models.Index(
                fields=["subject_ref", "-requested_at"], name="intent_of_subject"
            ),  # activity of an entity
            models.Index(fields=["capability", "-requested_at"], name="intent_of_capability"),  # list of runs
        ]

    def __str__(self) -> str:
        return f"{self.title} ({self.get_state_display()})"

    @property
    def short(self) -> str:
        text = str(self.pk)
        return f"{text[:4]}-{text[9:13]}"

    @property
    def is_final(self) -> bool:
        return State(self.state) in FINAL_STATES

    def get_absolute_url(self) -> str:
        """The capability's own page of this intent; the inbox page where it has none."""
        from control.capability import registry

        return registry.url_of(self) or reverse("control:inbox_item", args=[self.pk])

    def move(self, to: State, **changes: Any) -> None:
        """Change state and `changes` in one UPDATE. The caller holds the row lock and writes the audit event."""
        if to not in MOVES.get(State(self.state), frozenset()):
            raise IllegalMove(f"{self.pk}: {self.state} → {to}")
        is_decided = self.state == State.AWAITING_APPROVAL
        self.state = to
        for name, value in changes.items():
            setattr(self, name, value)
        self.save(update_fields=["state", *changes])
        if is_decided:
            self._ring_for_those_who_wait()

    def _ring_for_those_who_wait(self) -> None:
        """What was put aside until this is decided can go on; a lost bell only delays it until the next sweep."""
        from control.intents import ring_for_waiting

        transaction.on_commit(partial(ring_for_waiting, self.pk))


class Decision(models.Model):
    """What the rules said about an intent, with what is needed to say it again. Append-only."""

    class Verdict(models.TextChoices):
        ALLOW = "allow", "Allowed"
        DENY = "deny", "Refused"
        NEEDS_APPROVAL = "needs_approval", "Needs approval"

    intent = models.ForeignKey(Intent, on_delete=models.PROTECT, related_name="decisions")
    verdict = models.CharField(max_length=16, choices=Verdict)
    policy = models.ForeignKey(PolicyRevision, null=True, on_delete=models.PROTECT)
    rule = models.CharField(max_length=63, blank=True)  # the rule that decided
    inputs = models.JSONField()
    explanation = models.JSONField()  # `decide.Verdict` as data: checks, message, approvers
    approvals_needed = models.PositiveSmallIntegerField(default=0)
    decided_at = models.DateTimeField()

    class Meta:
        constraints = [
            CheckConstraint(
                condition=Q(verdict__in=["allow", "deny", "needs_approval"]), name="decision_verdict_known"
            ),
            CheckConstraint(
                condition=~Q(verdict="needs_approval") | Q(approvals_needed__gte=1),
                name="decision_needs_somebody",
            ),
        ]


class ApproverQuerySet(models.QuerySet["Approver"]):
    def open(self) -> Self:
        """Whose turn it is, at the database's own clock."""
        return self.filter(counts_from__lte=Now(), closed_at=None)


class Approver(models.Model):
    """Who may decide an intent: members of a group, one person, or whoever is on call. No row means nobody.

    Each sits in one `part` of one `stage`, as the rule had them when it was asked; `tier` 0 was asked at first, the
    others are its escalation. A later stage counts from when those before are done.
    """

    intent = models.ForeignKey(Intent, on_delete=models.CASCADE, related_name="approvers")
    group = models.ForeignKey(Group, null=True, on_delete=models.PROTECT)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT)
    rota = models.CharField(max_length=63, blank=True)  # whoever is on call when they decide
    stage = models.PositiveSmallIntegerField(default=0)
    part = models.PositiveSmallIntegerField(default=0)
    tier = models.PositiveSmallIntegerField(default=0)
    counts_from = models.DateTimeField(null=True)  # null: its stage is not reached
    closed_at = models.DateTimeField(null=True)  # nothing more is wanted of them
    asked_at = models.DateTimeField(null=True)  # when they were told

    objects = ApproverQuerySet.as_manager()

    class Meta:
        constraints = [
            CheckConstraint(
                condition=Q(group__isnull=False, user=None, rota="")
                | Q(group=None, user__isnull=False, rota="")
                | Q(group=None, user=None) & ~Q(rota=""),
                name="approver_group_person_or_rota",
            ),
            UniqueConstraint(fields=["intent", "stage", "part", "group"], name="approver_group_once"),
            UniqueConstraint(fields=["intent", "stage", "part", "user"], name="approver_person_once"),
            UniqueConstraint(
                fields=["intent", "stage", "part", "rota"], name="approver_rota_once", condition=~Q(rota="")
            ),
        ]
        indexes = [
            # the sweep for those who may decide from now on and were not told
            models.Index(
                fields=["counts_from"],
                name="approver_to_ask",
                condition=Q(asked_at=None, closed_at=None, counts_from__isnull=False),
            ),
        ]


class ApprovalQuerySet(models.QuerySet["Approval"]):
    def involving(self, user: User) -> Self:
        """Answers that `user` gave, or that somebody gave in their place."""
        return self.filter(Q(by=user) | Q(deputy_of=user))

    def with_people(self) -> Self:
        """Each with whom it involves, and how, read along."""
        return self.select_related("by", "deputy_of", "delegation")


class Approval(models.Model):
    """One person's answer to one intent, bound to the digest of what they were shown. Append-only.

    Given in the place of `deputy_of` it counts for their places, and under the `delegation` that said so.
    """

    class Answer(models.TextChoices):
        APPROVED = "approved", "Approved"
        REJECTED = "rejected", "Rejected"

    intent = models.ForeignKey(Intent, on_delete=models.PROTECT, related_name="approvals")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="approvals")
    answer = models.CharField(max_length=8, choices=Answer)
    comment = models.TextField(blank=True)
    digest = models.CharField(max_length=64)
    narrowed = models.JSONField(default=dict)  # parameters that the approver made smaller: {"duration": "1h"}
    seats = models.JSONField(default=list)  # [[stage, part], …] that they sat in then; empty: the first
    decided_at = models.DateTimeField()
    deputy_of = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    delegation = models.ForeignKey(
        "Delegation", null=True, on_delete=models.PROTECT, related_name="approvals"
    )

    objects = ApprovalQuerySet.as_manager()

    class Meta:
        constraints = [
            UniqueConstraint(fields=["intent", "by"], name="approval_once_per_person"),
            UniqueConstraint(fields=["intent", "deputy_of"], name="approval_once_in_place_of_a_person"),
            CheckConstraint(
                condition=Q(deputy_of=None, delegation=None)
                | Q(deputy_of__isnull=False, delegation__isnull=False) & ~Q(deputy_of=F("by")),
                name="approval_deputy_by_delegation",
            ),
            CheckConstraint(condition=Q(answer__in=["approved", "rejected"]), name="approval_answer_known"),
        ]

    @property
    def whose_place(self) -> User:
        """Whose places it takes: those of the person who gave it, or of whom they stood in for."""
        return self.deputy_of or self.by

    @property
    def who(self) -> str:
        """“Dee Kim”, “Dee Kim as deputy of Dana Fox”."""
        return f"{self.by.label} as deputy of {self.deputy_of.label}" if self.deputy_of else self.by.label


class AuditEvent(models.Model):
    """One thing that happened. Names are kept as text too, so that the record outlives its objects. Append-only."""

    at = models.DateTimeField(db_default=Now())
    action = models.CharField(max_length=63)  # dotted: intent.approved
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.DO_NOTHING, db_constraint=False
    )
    actor_name = models.CharField(max_length=200)  # "Portico" for the system itself
    on_behalf_of_name = models.CharField(max_length=200, blank=True)
    subject_ref = models.CharField(max_length=255, blank=True)
    intent = models.ForeignKey(
        Intent, null=True, on_delete=models.DO_NOTHING, db_constraint=False, related_name="events"
    )
    summary = models.CharField(max_length=500)  # one sentence for people
    detail = models.TextField(blank=True)  # how it happened, for people
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    request_id = models.CharField(max_length=64, blank=True)
    # The transaction that wrote the event; the seal covers ranges of finished transactions. Set by the database.
    transaction = models.BigIntegerField(null=True, editable=False)

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(fields=["intent", "id"], name="audit_of_intent"),
            models.Index(fields=["subject_ref", "-id"], name="audit_of_subject"),
            models.Index(fields=["transaction", "id"], name="audit_to_seal"),
        ]


class AuditSeal(models.Model):
    """A batch of events, hashed with the seal before it. Append-only."""

    through_transaction = models.BigIntegerField()  # every event of an earlier transaction is sealed
    event_ids = ArrayField(models.BigIntegerField())
    previous = models.CharField(max_length=64, blank=True)
    hash = models.CharField(max_length=64)
    sealed_at = models.DateTimeField(db_default=Now())


# Django looks for models here; those of deputies, notices and remarks have files of their own.
from control.deputy_models import Delegation  # noqa: E402  they refer to the account above
from control.notice_models import (  # noqa: E402  they refer to the account above
    Channel,
    Delivery,
    Happening,
    MailWish,
    Notice,
    NoticeChoice,
    NoticeSchedule,
)
from control.remark_models import Remark  # noqa: E402

__all__ = [
    "Channel",
    "Delegation",
    "Delivery",
    "Happening",
    "MailWish",
    "Notice",
    "NoticeChoice",
    "NoticeSchedule",
    "Remark",
]
