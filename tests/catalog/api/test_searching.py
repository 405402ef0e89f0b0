"""Search in the shape of Backstage's plugin, and its signs of life."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from tests import factories
from tests.catalog.api.conftest import Caller
from tests.catalog.api.test_reading import error
from tests.catalog.places import Place

pytestmark = pytest.mark.django_db


def search(calls: Caller, query: str, status: int = 200) -> Any:
    return calls.get(f"/search/query?{query}", prefix="/api", status=status)


def test_a_hit_has_the_document_and_what_matched(maya_calls: Caller, shop: Place) -> None:
    body = search(maya_calls, "term=ledg")
    assert body["numberOfResults"] == 1
    [hit] = body["results"]
    assert hit["type"] == "software-catalog"
    assert hit["document"]["title"] == "ledger"
    assert hit["document"]["owner"] == "group:default/payments"
    mark = hit["highlight"]["preTag"]
    assert hit["highlight"]["fields"]["title"] == f"{mark}ledg{hit['highlight']['postTag']}er"
    assert hit["rank"] == 1


def test_words_match_from_their_beginning_and_all_must(maya_calls: Caller, shop: Place) -> None:
    assert search(maya_calls, "term=edger") == {"numberOfResults": 0, "results": []}
    assert search(maya_calls, "term=pay+nothing")["numberOfResults"] == 0


def test_kinds_narrow_and_other_types_are_unknown(maya_calls: Caller, shop: Place) -> None:
    assert search(maya_calls, "term=pay&filters[kind]=API")["numberOfResults"] == 1
    assert search(maya_calls, "types[0]=software-catalog")["numberOfResults"] == 8
    assert error(search(maya_calls, "types[0]=nope", 400))[0] == "InputError"
    search(maya_calls, "pageLimit=101", 400)
    search(maya_calls, "pageCursor=xyz", 400)
    search(maya_calls, "nonsense=1", 400)


def test_pages_have_25_hits_and_cursors_to_both_sides(maya_calls: Caller) -> None:
    for number in range(30):
        factories.entity(f"component:default/billing-{number:02}")
    first = search(maya_calls, "")
    assert (first["numberOfResults"], len(first["results"])) == (30, 25)
    assert "previousPageCursor" not in first
    second = search(maya_calls, f"pageCursor={first['nextPageCursor']}")
    assert len(second["results"]) == 5
    assert second["results"][0]["rank"] == 26
    assert "nextPageCursor" not in second
    assert search(maya_calls, f"pageCursor={second['previousPageCursor']}")["results"][0]["rank"] == 1


@pytest.mark.parametrize("word", ["liveness", "readiness"])
def test_signs_of_life_need_no_credentials(client: Client, word: str) -> None:
    assert client.get(f"/.backstage/health/v1/{word}").json() == {"status": "ok"}
