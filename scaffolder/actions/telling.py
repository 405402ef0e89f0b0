"""notify and notification:send: a message to people and groups, in the portal and as each of them wants to be told."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Group

from catalog import refs
from control.capability import Change
from control.models import User
from control.notice_topics import Topic
from control.notices import News, tell
from control.verdict_words import short_ref
from scaffolder.actions.base import Action, Input, Output, Work, object_schema, text, texts
from scaffolder.errors import ActionFailed

TOPIC = Topic("templates", "Messages of templates", "What a template tells you or your teams while it runs.")
MAX_PEOPLE = 500
_SIGNS = {"critical": "bad", "high": "warn", "normal": "info", "low": "info"}


def recipients_of(given: Input) -> list[str]:
    """References of groups and people. Raises `ActionFailed` for anything else."""
    named = given.get("to") or given.get("entityRefs") or given.get("entityRef") or []
    found = []
    for name in [named] if isinstance(named, str) else named:
        try:
            ref = refs.canonical(str(name), kind="group", namespace="default")
        except ValueError as problem:
            raise ActionFailed(f"{name!r} is nobody who can be told. {problem}") from None
        if not ref.startswith(("group:", "user:")):
            raise ActionFailed(f"{ref} cannot be told anything. Name groups and people.")
        found.append(ref)
    if not found:
        raise ActionFailed("Nobody is named. Give groups or people under to.")
    return list(dict.fromkeys(found))


def _people(wanted: list[str]) -> set[int]:
    groups = {ref for ref in wanted if ref.startswith("group:")}
    members = User.objects.filter(groups__name__in=groups).values_list("pk", flat=True)
    named = User.objects.filter(entity_ref__in=set(wanted) - groups).values_list("pk", flat=True)
    return {*members, *named}


def _notify(work: Work, given: Input) -> Output:
    if given.get("recipients") == "broadcast":
        raise ActionFailed("A template does not tell everybody. Name groups and people.")
    wanted = recipients_of(given)
    people = _people(wanted)
    if len(people) > MAX_PEOPLE:
        raise ActionFailed(
            f"These are {len(people)} people; a template tells at most {MAX_PEOPLE}. Name fewer."
        )
    title, link = work.mask(given["title"]), work.mask(str(given.get("link") or ""))
    body = work.mask(str(given.get("message") or given.get("info") or ""))
    is_here = link.startswith("/") and not link.startswith("//")
    parts = [body, "" if is_here else link, f"From {work.template_title}, started by {work.requester.label}."]

    def send(key: str) -> int:
        news = News(
            event="template.message",
            topic=TOPIC.name,
            key=f"template.message:{key}",
            thread=f"run:{key}",
            title=title,
            detail="\n".join(filter(None, parts)),
            url=link if is_here else "/create/",
            sign=_SIGNS.get(str(given.get("severity")), "info"),
            groups=tuple(Group.objects.filter(name__in=wanted).values_list("name", flat=True)),
        )
        tell(news, people)
        return len(people)

    count = work.once("message", send)
    if not count:
        work.journal.warning(f"{_names(wanted)}: nobody of them has an account here.")
    work.journal.info(f"Told {_names(wanted)}")
    return {"people": count}


def _names(wanted: list[str]) -> str:
    return ", ".join(map(short_ref, wanted))


def _foresee(given: Input) -> list[Change]:
    return [Change("+", "Notices", f"“{given['title']}” to {_names(recipients_of(given))}")]


def _pretend(work: Work, given: Input) -> Output:
    work.journal.info(f"Would tell {_names(recipients_of(given))}: {given['title']}")
    return {"people": 1}


_MESSAGE: dict[str, Any] = {
    "title": text("The message in one line"),
    "link": text("A page of Portico (/…), or an address that is put into the message"),
    "severity": {
        "enum": ["critical", "high", "normal", "low"],
        "description": "How urgent; normal by default",
    },
}

ACTIONS = (
    Action(
        name="notify",
        description="Tells people and groups something, in the portal and by mail as each of them wants it; once.",
        schema=object_schema(
            ("to", "title"),
            to=texts("Groups and people: payments, user:default/maya"),
            message=text("The message itself"),
            **_MESSAGE,
        ),
        output=object_schema(people={"type": "number", "description": "How many people were named"}),
        perform=_notify,
        pretend=_pretend,
        foresee=_foresee,
        example=(
            "action: notify\ninput:\n  to: [group:default/payments]\n  title: ${{ parameters.name }} is there\n"
            "  link: /catalog/component/default/${{ parameters.name }}\n"
        ),
    ),
    Action(
        name="notification:send",
        description="The same under the name that Backstage has for it; to named groups and people only.",
        schema=object_schema(
            ("recipients", "title"),
            recipients={"enum": ["entity", "broadcast"], "description": "entity; broadcast is refused"},
            entityRefs=texts("Groups and people"),
            info=text("The message itself"),
            topic=text("Without effect: what a template tells has a topic of its own"),
            scope=text("Without effect: each message is told once"),
            **_MESSAGE,
        ),
        output=object_schema(people={"type": "number", "description": "How many people were named"}),
        perform=_notify,
        pretend=_pretend,
        foresee=_foresee,
        example=(
            "action: notification:send\ninput:\n  recipients: entity\n  entityRefs: [group:default/payments]\n"
            "  title: ${{ parameters.name }} is there\n"
        ),
    ),
)
