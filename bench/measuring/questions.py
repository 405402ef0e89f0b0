"""What is asked of a catalogue of descriptors from `descriptors.py`: over the API, and as pages."""

from __future__ import annotations

from measuring.clients import Question
from measuring.descriptors import SYSTEMS, TEAMS, services_of

VARIETY = 200  # different requests of one kind, asked in turn


def _spread(size: int) -> range:
    services = services_of(size)
    return range(0, services, max(1, services // VARIETY))


def of_the_api(size: int) -> dict[str, Question]:
    """Those of Backstage's catalogue and search APIs, for any server that has them."""
    names = [f"service-{i}" for i in _spread(size)]
    query = (
        "/api/catalog/entities/by-query?filter=kind=component,spec.type={type}"
        "&orderField=metadata.name,asc&limit=20"
    )
    return {
        "by-name": Question(
            tuple(f"/api/catalog/entities/by-name/component/default/{name}" for name in names)
        ),
        "by-query kind+type, ordered, 20": Question(
            tuple(query.format(type=type) for type in ("service", "library", "website"))
        ),
        "by-query full text": Question(
            tuple(
                "/api/catalog/entities/by-query?filter=kind=component&orderField=metadata.name,asc&limit=20"
                f"&fullTextFilterTerm={name.removeprefix('ser')}&fullTextFilterFields=metadata.name,metadata.title"
                for name in names
            )
        ),
        "three facets": Question(
            (
                "/api/catalog/entity-facets?facet=kind&facet=spec.type&facet=spec.lifecycle&filter=kind=component",
            )
        ),
        "search": Question(
            tuple(
                f"/api/search/query?term=service+{i % 1000}&types[0]=software-catalog" for i in _spread(size)
            )
        ),
        "entities by owner": Question(
            tuple(
                f"/api/catalog/entities/by-query?filter=relations.ownedBy=group:default/team-{i}&limit=20"
                for i in range(TEAMS)
            )
        ),
    }


def of_the_pages(size: int) -> dict[str, Question]:
    """Portico's own pages, as somebody who is signed in sees them."""
    entities = [f"/catalog/component/default/service-{i}/" for i in _spread(size)]
    return {
        "page: list": Question(("/catalog/", "/catalog/?kind=component&type=service&page=3")),
        "page: list, filtered": Question(
            tuple(f"/catalog/?kind=component&owner=group:default/team-{i}" for i in range(TEAMS))
        ),
        "page: entity": Question(tuple(entities)),
        "page: dependency graph": Question(tuple(f"{path}dependencies/" for path in entities)),
        "page: system": Question(tuple(f"/catalog/system/default/system-{i}/" for i in range(SYSTEMS))),
        "page: search": Question(tuple(f"/search/?q=service+{i % 1000}" for i in _spread(size))),
        "palette": Question(tuple(f"/palette/?q=service-{i % 1000}" for i in _spread(size))),
    }
