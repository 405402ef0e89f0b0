"""What a list repeats hundreds of times, written by code: as included templates it took a third of the page's time."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from catalog.list_page import Choice, Named, Row
from control.templatetags.portico import kind_icon, tag
from control.templatetags.times import when

register = template.Library()
_CHOICE = (
    '<label class="facet-row"><input type="checkbox" id="choice-{0}-{1}" name="{0}" value="{1}" form="browse-form"{4}>'
    '<span>{2}</span><span class="facet-count">{3}</span></label>'
)
_CHECKED = SafeString(" checked")
_ORPHAN = SafeString(f" {tag('Orphan', 'warn')}")
_ROW = (
    '<tr><td class="name">{icon}<a href="{url}" data-open>{name}</a>{orphan} <span class="about">{about}</span></td>'
    '<td class="from-tablet nowrap">{owner}</td>'
    '<td class="from-desktop nowrap">{system}</td>'
    '<td class="from-desktop nowrap">{type}</td>'
    "{cells}"
    '<td class="nowrap">{lifecycle}</td>'
    '<td class="num from-tablet dim">{changed}</td></tr>'
)


@register.simple_tag
def choices(facet: str, values: Iterable[Choice]) -> SafeString:
    """Values of a facet as checkboxes with their counts."""
    return _choices(facet, tuple(values))


@lru_cache(maxsize=512)
def _choices(facet: str, values: tuple[Choice, ...]) -> SafeString:
    """Up to 200 of them on each list, and the same ones until the catalogue changes."""
    return format_html_join(
        "\n", _CHOICE, ((facet, v.value, v.words, v.count, _CHECKED if v.is_chosen else "") for v in values)
    )


@register.simple_tag
def entity_rows(rows: Iterable[Row]) -> SafeString:
    """The rows of the list."""
    return format_html_join("\n", "{}", ((_row(row),) for row in rows))


def _row(row: Row) -> SafeString:
    entity = row.entity
    return format_html(
        _ROW,
        icon=kind_icon(entity.kind, entity.type),
        url=entity.get_absolute_url(),
        name=entity.name,
        orphan=_ORPHAN if entity.orphaned_at else "",
        about=row.about,
        owner=named(row.owner),
        system=named(row.system),
        type=row.type,
        cells=format_html_join("", '<td class="from-tablet">{}</td>', ((cell,) for cell in row.cells)),
        lifecycle=_lifecycle(row),
        changed=when(entity.changed_at),
    )


def _lifecycle(row: Row) -> SafeString | str:
    if not row.lifecycle_class:
        return row.lifecycle
    return format_html('<span class="{}">{}</span>', row.lifecycle_class, row.lifecycle)


@register.simple_tag
@lru_cache(maxsize=4096)
def named(named: Named) -> SafeString | str:
    """An owner or a system: a link, or a name with what is wrong with it."""
    if named.state == "bad":
        return format_html('<span class="is-bad">{}</span>', named.words)
    if named.state == "unknown":
        return format_html('<span class="is-unknown" title="Not in the catalogue">{}</span>', named.words)
    return format_html('<a class="quiet" href="{}">{}</a>', named.url, named.words) if named.url else ""
