"""Does a rule match? Pure: all that the answer depends on is in the arguments; every step is put into words.

Each rule is looked at by itself. Which of the matching rules counts is `decide`'s to say; `ASPECTS` are the same steps
without words, for `shortlists`, which looks at a thousand rules.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Self

from control.capability import Ask
from control.conditions import Circumstances
from control.durations import format_duration
from control.filters import Filter
from control.oncall import seen_by
from control.policy_documents import AccessRule, DenyRule, PolicySet, ReasonRule, RoleBinding, Scope, Who
from control.policy_schema import EVERY
from control.reasons import lack_of, ticket_in
from control.subjects import Subject

_NO_REASON = ReasonRule()


@dataclass(frozen=True)
class Check:
    """One condition: met, not met, or not known yet. `words` speak to the requester, `others` about them."""

    ok: bool | None
    words: str
    others: str
    about: str = ""  # who | entity | environment | duration | start | extension | reason | condition | …
    way_out: str = ""  # what the rule itself says to whoever does not meet it

    @classmethod
    def plain(cls, ok: bool | None, words: str, about: str, way_out: str = "") -> Self:
        """A condition that reads the same for everybody."""
        return cls(ok, words, words, about, way_out)


@dataclass(frozen=True)
class Requester:
    """What rules may know of a person."""

    name: str
    ref: str
    groups: frozenset[str]
    attributes: Callable[[], Mapping[str, Any]] = field(default=dict, compare=False)  # their document


@dataclass(frozen=True)
class Moment:
    """When something is asked, and who is on call then (references by rota)."""

    now: datetime
    on_call: Mapping[str, tuple[str, ...]]


def _no_moment() -> Moment:
    raise RuntimeError("a rule with conditions was asked outside of a moment")


@dataclass(frozen=True)
class Question:
    requester: Requester
    subject: Subject
    ask: Ask
    environment: str
    moment: Callable[[], Moment] = field(default=_no_moment, compare=False)

    @cached_property
    def circumstances(self) -> Circumstances:
        """Read when the first condition is looked at; most rules have none."""
        moment, who = self.moment(), self.requester
        return Circumstances(
            subject_ref=who.ref,
            groups=tuple(who.groups),
            attributes=who.attributes,
            entity_ref=self.subject.ref,
            owners=self.subject.owner_refs,
            document=self.subject.document,
            environment=self.environment,
            capability=self.ask.capability,
            role=self.ask.role,
            duration=self.ask.duration,
            reason=self.ask.reason,
            starts_at=self.ask.starts_at,
            now=moment.now,
            on_call=seen_by(moment.on_call, who.ref, who.groups),
        )


@dataclass(frozen=True)
class Match:
    rule: AccessRule
    checks: tuple[Check, ...]

    @property
    def failed(self) -> Check:
        return next(check for check in self.checks if check.ok is False)


def match_of(rule: AccessRule, question: Question) -> Match:
    """The rule with every condition looked at, whether it holds or not."""
    return Match(rule, _checks(rule, question))


def denial_of(found: PolicySet, question: Question) -> DenyRule | None:
    """The first DenyRule that speaks against it."""
    ask = question.ask
    for rule in found.denials:
        named = bool(ask.role and rule.roles & {EVERY, ask.role}) or bool(
            rule.capabilities & {EVERY, ask.capability}
        )
        if named and among(rule.subjects, question.requester) and in_scope(rule.scope, question):
            return rule
    return None


def bindings_of(found: PolicySet, question: Question) -> list[RoleBinding]:
    """Standing bindings that reach the requester on this entity in this environment; of `ask.role` if set."""
    return [
        binding
        for binding in found.bindings
        if question.ask.role in ("", binding.role)
        and among(binding.subjects, question.requester)
        and in_scope(binding.scope, question)
    ]


def among(subjects: Collection[Who], requester: Requester) -> bool:
    return _reached_by(subjects, requester) is not None


def in_scope(scope: Scope, question: Question) -> bool:
    if scope.entities is not None and not scope.entities.matches(question.subject.terms):
        return False
    return scope.environments is None or question.environment.lower() in scope.environments


def _checks(rule: AccessRule, question: Question) -> tuple[Check, ...]:
    checks = [_who(rule, question.requester)]
    if rule.scope.entities is not None:
        checks.append(_entity(rule.scope.entities, question.subject))
    if rule.scope.environments is not None:
        checks.append(_environment(rule.scope.environments, question.environment))
    if question.ask.role:
        checks += [_duration(rule, question.ask), *window_checks(rule, question.ask)]
    if rule.reason != _NO_REASON:
        checks.append(_reason(rule.reason, question.ask.reason))
    if rule.when and not any(check.ok is False and check.about != "reason" for check in checks):
        checks += _conditions(rule, question)
    return tuple(checks)


@dataclass(frozen=True)
class Aspect:
    """One step of `_checks` without its words. Rules of which `part` is the same get the same `answers`."""

    part: Callable[[AccessRule], Hashable]
    answers: Callable[[AccessRule, Question], tuple[bool | None, ...]]


def _entity_answers(rule: AccessRule, question: Question) -> tuple[bool, ...]:
    wanted = rule.scope.entities
    return () if wanted is None else (wanted.matches(question.subject.terms),)


def _environment_answers(rule: AccessRule, question: Question) -> tuple[bool, ...]:
    allowed = rule.scope.environments
    return () if allowed is None else (question.environment.lower() in allowed,)


def _duration_answers(rule: AccessRule, question: Question) -> tuple[bool, ...]:
    return (_is_within(rule.max_duration, question.ask.duration),) if question.ask.role else ()


def _window_answers(rule: AccessRule, question: Question) -> tuple[bool | None, ...]:
    return tuple(check.ok for check in window_checks(rule, question.ask)) if question.ask.role else ()


def _reason_answers(rule: AccessRule, question: Question) -> tuple[bool | None, ...]:
    return () if rule.reason == _NO_REASON else (_reason(rule.reason, question.ask.reason).ok,)


# In the order of `_checks`, after who asks. Conditions are looked at where none of these fails; those of `REASON` may.
ASPECTS = (
    Aspect(lambda rule: rule.scope.entities, _entity_answers),
    Aspect(lambda rule: rule.scope.environments, _environment_answers),
    Aspect(lambda rule: rule.max_duration, _duration_answers),
    Aspect(lambda rule: (rule.start_within, rule.extensions), _window_answers),
)
REASON = Aspect(lambda rule: rule.reason, _reason_answers)


def _conditions(rule: AccessRule, question: Question) -> list[Check]:
    """Looked at only where the rule could apply: what is said of other people's rules would mislead."""
    looked_at = [(one, *one.looked_at(question.circumstances)) for one in rule.when]
    return [Check.plain(ok, words, "condition", one.refusal) for one, ok, words in looked_at]


def _reason(rule: ReasonRule, reason: str | None) -> Check:
    if reason is None:
        wanted = f"a ticket like {rule.ticket}" if rule.ticket else "a reason"
        return Check.plain(None, f"It needs {wanted}", "reason")
    if lack := lack_of(rule, reason):
        return Check.plain(False, "The reason is not what the rule asks for", "reason", lack)
    found = ticket_in(rule.ticket, reason) if rule.ticket else ""
    return Check.plain(True, f"The reason names {found}" if found else "A reason is given", "reason")


def _reached_by(subjects: Collection[Who], requester: Requester) -> Who | None:
    for who in subjects:
        if who.kind == "everyone":
            return who
        if who.kind == "group" and who.ref in requester.groups:
            return who
        if who.kind == "user" and requester.ref and who.ref == requester.ref:
            return who
    return None


def _who(rule: AccessRule, requester: Requester) -> Check:
    reached = _reached_by(rule.subjects, requester)
    if reached is None:
        named = " or ".join(who.ref for who in rule.subjects)
        return Check(False, f"You are not in {named}", f"{requester.name} is not in {named}", "who")
    if reached.kind == "everyone":
        return Check.plain(True, "Everybody who is signed in may ask", "who")
    if reached.kind == "group":
        return Check(True, f"You are in {reached.ref}", f"{requester.name} is in {reached.ref}", "who")
    return Check(True, "The rule names you", f"The rule names {requester.name}", "who")


def _entity(wanted: Filter, subject: Subject) -> Check:
    fits = wanted.matches(subject.terms)
    words = f"{subject.title} {'matches' if fits else 'does not match'} {wanted}"
    return Check.plain(fits, words, "entity")


def _environment(allowed: frozenset[str], environment: str) -> Check:
    if environment.lower() in allowed:
        words = f"The rule covers {environment}"
        return Check.plain(True, words, "environment")
    words = f"The rule covers {' and '.join(sorted(allowed))}, not {environment or 'no environment'}"
    return Check.plain(False, words, "environment")


def _duration(rule: AccessRule, ask: Ask) -> Check:
    """A role is never given without an end, so a missing length or a missing limit does not hold."""
    if rule.max_duration is None or ask.duration is None:
        return Check.plain(False, "No length of time is given", "duration")
    asked, limit = format_duration(ask.duration), format_duration(rule.max_duration)
    if _is_within(rule.max_duration, ask.duration):
        return Check.plain(True, f"{asked} is within the limit of {limit}", "duration")
    return Check.plain(False, f"{asked} is over the limit of {limit}", "duration")


def _is_within(limit: timedelta | None, length: timedelta | None) -> bool:
    return limit is not None and length is not None and length <= limit


def window_checks(rule: AccessRule, ask: Ask) -> list[Check]:
    """Where the window lies: how far ahead it begins, and what it carries on. Nothing is said of the usual case."""
    checks: list[Check] = []
    if ask.starts_in > timedelta(0):
        fits = ask.starts_in <= rule.start_within
        ahead, limit = format_duration(ask.starts_in), format_duration(rule.start_within)
        allowed = f"the limit of {limit}" if rule.start_within else "what the rule allows: at once only"
        checks.append(
            Check.plain(fits, f"Starts {ahead} ahead, {'within' if fits else 'over'} {allowed}", "start")
        )
    if ask.windows_before and rule.extensions:
        count, total = rule.extensions.count, rule.extensions.total
        words = f"Made longer {times_words(ask.windows_before)}, {count} allowed"
        checks.append(Check.plain(ask.windows_before <= count, words, "extension"))
        if total and ask.total:
            words = f"{format_duration(ask.total)} in all, {format_duration(total)} allowed"
            checks.append(Check.plain(ask.total <= total, words, "extension"))
    return checks


def times_words(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number} times")
