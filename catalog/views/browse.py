"""The list of entities: filters, facets, sorting and pages, all in the address."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers
from django_htmx.http import push_url

from catalog import list_page, listing
from catalog.listing import Filters, Order
from control.filters import FilterError
from control.models import User
from control.web import person, wants_fragment

RESULTS = "results"  # the id of what typing and ticking exchange; links exchange the whole page


@require_safe
@login_required
@vary_on_headers("HX-Request", "HX-Target")
def entity_list(request: HttpRequest) -> HttpResponse:
    filters, error = _filters(request.GET)
    context = _context(request, filters, person(request)) | {"error": error}
    only_results = wants_fragment(request) and request.headers.get("HX-Target") == RESULTS
    template = "catalog/_list_results.html" if only_results else "catalog/list.html"
    response = render(request, template, context, status=422 if error else 200)
    # A form sends its empty fields too; what stands in the address bar should be worth sharing.
    return push_url(response, str(list_page.Address(request.GET))) if only_results else response


def _filters(query: QueryDict) -> tuple[Filters, str]:
    """What the address asks for; with a filter that is none, everything else in it and the reason."""
    try:
        return Filters.from_query(query), ""
    except FilterError as error:
        rest = query.copy()
        del rest["filter"]
        return Filters.from_query(rest), str(error)


def _context(request: HttpRequest, filters: Filters, user: User) -> dict[str, Any]:
    address = list_page.Address(request.GET)
    sort = request.GET.get("sort", "")
    order = Order(sort) if sort in Order.values else Order.NAME
    page = listing.list_entities(filters, user=user, order=order, page=_number(request.GET.get("page")))
    texts = [text for text in request.GET.getlist("filter") if text.strip()]
    is_plain = not {key for key, values in request.GET.lists() if any(values)} & {"sort", "page"}
    added = list_page.own_columns(filters)
    facets = list_page.facet_groups(listing.facets(filters, user=user))
    return {
        "filters": filters,
        "filter_text": texts[0] if texts else "",
        "other_filters": texts[1:],
        "order": order,
        "page": page,
        "rows": list_page.rows(page.entities, added),
        "added_columns": added,
        "columns": list_page.columns(address, order),
        "chips": list_page.chips(filters, address, texts),
        "facets": facets,
        "chosen_count": sum(choice.is_chosen for facet in facets for choice in facet.shown),
        "views": list_page.views(filters, user, is_plain=is_plain),
        "page_links": list_page.page_links(page, address),
        "previous_url": address.page(page.number - 1) if page.has_previous else "",
        "next_url": address.page(page.number + 1) if page.has_next else "",
        "head": list_page.head(user),
    }


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 7 else 1
