"""A question about one person: what would become of a wish of theirs, with every condition, and nothing written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from django.db.models import Q
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from access.capability import NAME
from access.grants import is_owner
from access.offers import Offer, offers_for
from catalog.models import Entity
from control import clock
from control.capability import Ask
from control.decide import Verdict, decide
from control.durations import DurationError, parse_duration
from control.matching import Check
from control.models import Decision, User
from control.policy_documents import PolicySet
from control.policy_fields import full_ref
from control.subjects import Subject

LONGEST_TYPED = 255


@dataclass(frozen=True)
class Asked:
    """As it was typed; nothing has to be."""

    person: str = ""
    role: str = ""
    environment: str = ""
    duration: str = ""
    at: str = ""  # a moment in the portal's time zone; empty is now


@dataclass(frozen=True)
class Answer:
    """`person` is whom it is about; `verdict` is there when a whole wish was typed, `errors` when it makes no sense."""

    person: User
    is_self: bool
    sees_entity: bool = True
    offers: tuple[Offer, ...] = ()
    verdict: Verdict | None = None
    errors: Mapping[str, str] = field(default_factory=dict)


def may_ask_about_others(user: User, subject: Subject) -> bool:
    """The owners of the entity, who decide there anyway, and administrators; agents ask about themselves alone."""
    return (user.is_staff and not user.is_agent) or is_owner(user, subject.owner_refs)


def read(data: Mapping[str, str]) -> Asked:
    values = {name: data.get(name, "").strip()[:LONGEST_TYPED] for name in Asked.__annotations__}
    return Asked(**values)


def answer(user: User, subject: Subject, found: PolicySet, asked: Asked) -> Answer:
    """What the rules in force say about the person who was named, or about `user`."""
    person = user
    if asked.person and asked.person != user.username:
        other = _person(user, asked.person) if may_ask_about_others(user, subject) else None
        if other is None:
            return Answer(user, True, errors={"person": _unknown(user, subject, asked.person)})
        person = other
    sees = Entity.objects.visible_to(person).filter(ref=subject.ref).exists()
    about = Answer(person, person == user, sees)
    if sees:
        about = replace(about, offers=tuple(offers_for(person, subject)))
    return _with_verdict(about, subject, found, asked)


def _person(user: User, text: str) -> User | None:
    """A person, not an agent; one whose page in the catalogue is hidden from `user` is not there."""
    people = User.objects.filter(acts_for=None)
    found = people.filter(Q(username=text) | Q(entity_ref=full_ref("user", text))).order_by("pk").first()
    if found is None or Entity.objects.hidden_from(user).filter(ref=found.entity_ref).exists():
        return None
    return found


def _unknown(user: User, subject: Subject, text: str) -> str:
    if may_ask_about_others(user, subject):
        return f"Nobody here is called {text}. Type a user name, like {user.username}."
    return "Only the owners and administrators can ask about others. Leave this as it is."


def _with_verdict(about: Answer, subject: Subject, found: PolicySet, asked: Asked) -> Answer:
    if not (asked.role and asked.duration):
        missing = {"role": "Choose a role.", "duration": "Say for how long, like 1h."}
        typed = bool(asked.role or asked.duration)
        errors = {name: words for name, words in missing.items() if typed and not getattr(asked, name)}
        return replace(about, errors=errors)
    if asked.role not in found.roles:
        return replace(about, errors={"role": "The rules have no such role. Choose one of the list."})
    try:
        ask = Ask(NAME, asked.role, parse_duration(asked.duration))
    except DurationError as error:
        return replace(about, errors={"duration": str(error)})
    try:
        at = _moment(asked.at)
    except ValueError:
        return replace(about, errors={"at": "This is no moment. Type it like 2026-11-25T22:00."})
    if not about.sees_entity:
        return replace(about, verdict=_hidden(about.person, subject))
    verdict = decide(
        actor=about.person,
        subject=subject,
        ask=ask,
        environment=asked.environment,
        now=(lambda: at) if at else clock.now,
    )
    return replace(about, verdict=verdict)


def _moment(text: str) -> datetime | None:
    """Raises `ValueError` for what is no moment."""
    if not text:
        return None
    moment = parse_datetime(text)
    if moment is None:
        raise ValueError(text)
    try:
        return moment if moment.tzinfo else timezone.make_aware(moment)
    except OverflowError as error:  # the first and last days of all
        raise ValueError(text) from error


def _hidden(person: User, subject: Subject) -> Verdict:
    words = f"{person.label} does not see {subject.title} in the catalogue"
    message = f"{words}, so it cannot be asked for. A VisibilityRule hides it."
    return Verdict(Decision.Verdict.DENY.value, message, checks=(Check.plain(False, words, "who"),))
