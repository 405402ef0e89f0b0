"""How rooms above put things on the page of an entity: tabs, aside panels and header buttons.

Register in `AppConfig.ready()`. Each page of an entity calls every registered function once, so each may spend a
constant number of queries. The words and the HTML of an extension are its own; this module only keeps the order.

    register_tab(Tab("access", "Access", "access:entity", applies=takes_grants, count=open_grants))
    register_panel(your_access)      # the HTML of a whole <section>, or None
    register_action(request_access)  # an Action, or None

A page of a tab that lives in another app extends `catalog/entity_base.html`, fills `{% block tab %}` and gets its
context from `catalog.entity_page.shell(request, entity, tab="access")`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.http import HttpRequest
from django.utils.safestring import SafeString

from catalog.models import Entity
from control.models import User


@dataclass(frozen=True)
class Tab:
    """`url_name` is reversed with (kind, namespace, name). `count` is shown beside the title unless None or 0."""

    slug: str
    title: str
    url_name: str
    applies: Callable[[Entity], bool] = lambda _entity: True
    count: Callable[[Entity, User], int | None] = lambda _entity, _user: None


@dataclass(frozen=True)
class Action:
    """A button in the head of the page, a plain link. At most one on a page is filled: the first `primary` one."""

    label: str
    url: str
    primary: bool = False


Panel = Callable[[HttpRequest, Entity], SafeString | None]
ActionMaker = Callable[[HttpRequest, Entity], Action | None]

_tabs: dict[str, Tab] = {}
_panels: list[Panel] = []
_actions: list[ActionMaker] = []


def register_tab(tab: Tab) -> None:
    """Shown after the catalogue's own tabs and before Activity; a second tab of the same slug replaces the first."""
    _tabs[tab.slug] = tab


def register_panel(panel: Panel) -> None:
    if panel not in _panels:
        _panels.append(panel)


def register_action(maker: ActionMaker) -> None:
    if maker not in _actions:
        _actions.append(maker)


def tabs(entity: Entity) -> list[Tab]:
    return [tab for tab in _tabs.values() if tab.applies(entity)]


def panels(request: HttpRequest, entity: Entity) -> list[SafeString]:
    return [html for panel in _panels if (html := panel(request, entity))]


def actions(request: HttpRequest, entity: Entity) -> list[Action]:
    return [action for maker in _actions if (action := maker(request, entity))]
