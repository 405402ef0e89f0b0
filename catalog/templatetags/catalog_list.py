"""What a list repeats hundreds of times, written by code: as included templates it took a third of the page's time."""

from __future__ import annotations

from collections.abc import Iterable

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from catalog.list_page import Choice, Named

register = template.Library()
_CHOICE = (
    '<label class="facet-row"><input type="checkbox" id="choice-{0}-{1}" name="{0}" value="{1}" form="browse-form"{4}>'
    '<span>{2}</span><span class="facet-count">{3}</span></label>'
)
_CHECKED = SafeString(" checked")


@register.simple_tag
def choices(facet: str, values: Iterable[Choice]) -> SafeString:
    """Values of a facet as checkboxes with their counts."""
    return format_html_join(
        "\n", _CHOICE, ((facet, v.value, v.words, v.count, _CHECKED if v.is_chosen else "") for v in values)
    )


@register.simple_tag
def named(named: Named) -> SafeString | str:
    """An owner or a system: a link, or a name with what is wrong with it."""
    if named.state == "bad":
        return format_html('<span class="is-bad">{}</span>', named.words)
    if named.state == "unknown":
        return format_html('<span class="is-unknown" title="Not in the catalogue">{}</span>', named.words)
    return format_html('<a class="quiet" href="{}">{}</a>', named.url, named.words) if named.url else ""
