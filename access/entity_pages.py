"""Access on the page of an entity (tab, panel, button), and choosing an entity to ask for access to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString

from access import duties, standing_debt
from access.grants import is_owner
from access.models import Grant
from access.offers import Offer, offers_for, takes_requests
from access.what_if import may_ask_about_others
from catalog.entity_page import shell
from catalog.extensions import Action
from catalog.models import Entity
from control import clock, policy, subjects
from control.decide import requester_of, standing_of
from control.models import Approval, User
from control.policy_documents import PolicySet
from control.subjects import Subject
from control.web import person

PAGE_SIZE = 20
PANEL_ROWS = 5
FOUND_SHOWN = 20
CANDIDATES_READ = 500  # entities looked through for the ones that offer something


def request_url(ref: str) -> str:
    return f"{reverse('access:request')}?{urlencode({'entity': ref}, safe=':/')}"


def several_url(refs: Sequence[str]) -> str:
    """The form for several, with these targets."""
    return f"{reverse('access:several')}?{urlencode([('entity', ref) for ref in refs], safe=':/')}"


def _rules() -> PolicySet | None:
    revision = policy.in_force()
    return policy.parsed(revision) if revision else None


def _offers_access(entity: Entity) -> bool:
    found = _rules()
    return found is not None and takes_requests(found, subjects.resolve(entity.ref))


def applies(entity: Entity) -> bool:
    """The tab is there where something is offered, or held now though the rules have changed."""
    return _offers_access(entity) or Grant.objects.live().filter(entity_ref=entity.ref).exists()


def live_count(entity: Entity, user: User) -> int | None:  # noqa: ARG001  the same for everybody
    """How many grants hold here now; not more than 100 are counted."""
    return Grant.objects.live().filter(entity_ref=entity.ref)[:100].count()


def action(request: HttpRequest, entity: Entity) -> Action | None:  # noqa: ARG001  the same for everybody
    if not _offers_access(entity):
        return None
    return Action("Request access", request_url(entity.ref), primary=True)


def panel(request: HttpRequest, entity: Entity) -> SafeString | None:
    """“Your access”, beside the overview."""
    if not applies(entity):
        return None
    user = person(request)
    grants = Grant.objects.live().filter(user=user, entity_ref=entity.ref).order_by("expires_at")
    context = {
        "entity": entity,
        "grants": grants[:PANEL_ROWS],
        "standing": _standing(user, subjects.resolve(entity.ref)),
        "request_url": request_url(entity.ref),
    }
    return render_to_string("access/_panel.html", context, request)


def _standing(user: User, subject: Subject) -> list[tuple[str, str]]:
    """Role and environment of what bindings give here without asking."""
    found = _rules()
    if found is None:
        return []
    requester = requester_of(user)
    places = sorted({env for binding in found.bindings for env in binding.scope.environments or ("",)})
    return [(role.title, env) for env in places for role in standing_of(found, requester, subject, env)]


def tab_context(request: HttpRequest, entity: Entity) -> dict[str, Any]:
    user = person(request)
    subject = subjects.resolve(entity.ref)
    live = Grant.objects.live().filter(entity_ref=entity.ref)
    held = (
        Grant.objects.open()
        .filter(entity_ref=entity.ref)
        .select_related("user", "user__acts_for", "intent")
        .order_by("expires_at")
    )
    page = Paginator(held, PAGE_SIZE).get_page(request.GET.get("page"))
    may_end_all = user.is_staff or is_owner(user, subject.owner_refs)
    approved = set() if may_end_all else _approved_by(user, page.object_list)
    return {
        **shell(request, entity, tab="access"),
        "offers": _by_consequence(offers_for(user, subject)),
        "page": page,
        "rows": [
            (grant, may_end_all or grant.user_id == user.pk or grant.intent_id in approved) for grant in page
        ],
        "mine": list(live.filter(user=user).order_by("expires_at")[:PANEL_ROWS]),
        "standing": _standing(user, subject),
        "duties": duties.of_entity(user, entity.ref),
        "debts": standing_debt.on_entity(subject) if may_ask_about_others(user, subject) else [],
        "request_url": request_url(entity.ref),
        "now": clock.now(),
    }


def _approved_by(user: User, grants: Iterable[Grant]) -> set[Any]:
    yes = Approval.objects.filter(by=user, answer=Approval.Answer.APPROVED)
    return set(yes.filter(intent__in=[grant.intent_id for grant in grants]).values_list("intent", flat=True))


def _by_consequence(offers: list[Offer]) -> list[Offer]:
    """What can be asked for first; what is refused stays visible, with its reason."""
    return sorted(offers, key=lambda offer: offer.is_forbidden)


def first_open_to_requests(entities: Sequence[Entity]) -> Entity | None:
    """The first of them on which a rule offers something to anybody. Two queries."""
    found = _rules()
    if found is None or not entities:
        return None
    known = Entity.objects.filter(pk__in=[entity.pk for entity in entities]).only(*_SHOWN_COLUMNS)
    able = {one.pk for one in known if takes_requests(found, Subject(one.ref, one.label, terms=one.terms))}
    return next((entity for entity in entities if entity.pk in able), None)


def choices(user: User, text: str, url_of: Callable[[str], str] = request_url) -> dict[str, Any]:
    """Entities on which something is offered, by name, for somebody who comes without one; `url_of` leads on."""
    found = _rules()
    entities = Entity.objects.visible_to(user).filter(kind__in=["component", "resource", "api", "system"])
    if text.strip():
        entities = entities.filter(name__icontains=text.strip())
    shown: list[Entity] = []
    for entity in entities.order_by("name").only(*_SHOWN_COLUMNS)[:CANDIDATES_READ]:
        if found and takes_requests(found, Subject(entity.ref, entity.label, terms=entity.terms)):
            shown.append(entity)
        if len(shown) == FOUND_SHOWN:
            break
    return {"text": text, "rows": [(entity, url_of(entity.ref)) for entity in shown]}


_SHOWN_COLUMNS = (
    "ref",
    "kind",
    "namespace",
    "name",
    "title",
    "type",
    "lifecycle",
    "description",
    "term_keys",
)
