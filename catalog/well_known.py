"""What well-known annotations stand for: Backstage's own and those of widespread plugins.

An annotation whose tool has one address in the world becomes a link; one that only means something to a tool of the
company (a Kubernetes id, a key of SonarQube) is shown as what it says. A value that is no slug is neither. Annotations
about the page itself (documentation, where it is edited, what it was made from) have functions of their own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from catalog.known_links import Link, annotations_of, safe_url
from catalog.models import Entity
from catalog.refs import RefInvalid, canonical

LONGEST_SHOWN = 120  # characters of a value; the Source tab has all of it
TECHDOCS_REF, TECHDOCS_ENTITY = "backstage.io/techdocs-ref", "backstage.io/techdocs-entity"
EDIT_URL = "backstage.io/edit-url"
SOURCE_TEMPLATE = "backstage.io/source-template"
_SLUG = re.compile(r"[\w.-]+(/[\w.-]+)+")
_WORD = re.compile(r"[\w.:-]+")
_HOST = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+(:\d+)?", re.IGNORECASE)
_PRINTABLE = re.compile(r"[^\x00-\x1f\x7f]+")

Address = Callable[[str], str]


@dataclass(frozen=True)
class Known:
    """`address` gives nothing for a value that is none; `is_said` shows the value where there is no address."""

    title: str
    icon: str
    address: Address = lambda _value: ""
    is_said: bool = False


def _at(base: str, pattern: re.Pattern[str] = _SLUG) -> Address:
    return lambda value: base + quote(value, safe="/:") if pattern.fullmatch(value) else ""


def _plain(value: str) -> str:
    return safe_url(value.removeprefix("url:"))


def _pair(pattern: str) -> Address:
    """`organisation/name`, put into an address that has both."""

    def address(value: str) -> str:
        first, _, second = value.partition("/")
        if not (_WORD.fullmatch(first) and _WORD.fullmatch(second)):
            return ""
        return pattern.format(quote(first), quote(second))

    return address


def _circleci(value: str) -> str:
    """Without a first part it is Bitbucket, as in Backstage."""
    slug = value if value.count("/") > 1 else f"bitbucket/{value}"
    return _at("https://app.circleci.com/pipelines/")(slug) if _SLUG.fullmatch(value) else ""


def _first_of_list(base: str) -> Address:
    return lambda value: _at(base, _WORD)(value.partition(",")[0].strip())


_ENTRA = "https://portal.azure.com/#view/Microsoft_AAD_"
_ANNOTATIONS: dict[str, Known] = {
    "backstage.io/source-location": Known("Source code", "code", _plain),
    "backstage.io/view-url": Known("Descriptor", "file-code", _plain),
    "backstage.io/adr-location": Known("Decisions", "book-open", _plain),
    "github.com/project-slug": Known("GitHub", "git-branch", _at("https://github.com/")),
    "github.com/team-slug": Known("GitHub team", "users", _pair("https://github.com/orgs/{}/teams/{}")),
    "github.com/user-login": Known("GitHub", "user", _at("https://github.com/", _WORD)),
    "circleci.com/project-slug": Known("CircleCI", "refresh-cw", _circleci),
    "buildkite.com/project-slug": Known("Buildkite", "refresh-cw", _at("https://buildkite.com/")),
    "jenkins.io/job-full-name": Known("Jenkins job", "refresh-cw", is_said=True),
    "gocd.org/pipelines": Known("GoCD pipelines", "refresh-cw", is_said=True),
    "argocd/app-name": Known("Argo CD", "refresh-cw", is_said=True),
    "argocd/app-selector": Known("Argo CD", "refresh-cw", is_said=True),
    "backstage.io/kubernetes-id": Known("Kubernetes", "server", is_said=True),
    "backstage.io/kubernetes-namespace": Known("Kubernetes namespace", "server", is_said=True),
    "backstage.io/kubernetes-label-selector": Known("Kubernetes labels", "server", is_said=True),
    "backstage.io/kubernetes-cluster": Known("Kubernetes cluster", "server", is_said=True),
    "sentry.io/project-slug": Known(
        "Sentry", "bug", _pair("https://sentry.io/organizations/{}/projects/{}/"), is_said=True
    ),
    "rollbar.com/project-slug": Known("Rollbar", "bug", _at("https://rollbar.com/"), is_said=True),
    "periskop.io/service-name": Known("Periskop", "bug", is_said=True),
    "pagerduty.com/service-id": Known(
        "PagerDuty", "bell", _at("https://app.pagerduty.com/service-directory/", _WORD)
    ),
    "opsgenie.com/team": Known("Opsgenie team", "bell", is_said=True),
    "sonarqube.org/project-key": Known("SonarQube", "shield-check", is_said=True),
    "backstage.io/code-coverage": Known("Code coverage", "shield-check", is_said=True),
    "snyk.io/org-name": Known("Snyk", "shield-check", _at("https://app.snyk.io/org/", _WORD)),
    "endoflife.date/products": Known("End of life", "calendar", _first_of_list("https://endoflife.date/")),
    "newrelic.com/dashboard-guid": Known(
        "New Relic", "gauge", _at("https://one.newrelic.com/redirect/entity/", _WORD)
    ),
    "datadoghq.com/dashboard-url": Known("Datadog", "gauge", _plain),
    "grafana/dashboard-selector": Known("Grafana", "gauge", is_said=True),
    "dynatrace.com/dynatrace-entity-id": Known("Dynatrace", "gauge", is_said=True),
    "jira/project-key": Known("Jira", "list-checks", is_said=True),
    "vault.io/secrets-path": Known("Vault path", "key-round", is_said=True),
    "lighthouse.com/website-url": Known("Website", "globe", _plain),
    "graph.microsoft.com/tenant-id": Known("Entra tenant", "building-2", is_said=True),
    "graph.microsoft.com/group-id": Known(
        "Entra group", "users", _at(f"{_ENTRA}IAM/GroupDetailsMenuBlade/~/Overview/groupId/", _WORD)
    ),
    "graph.microsoft.com/user-id": Known(
        "Entra user", "user", _at(f"{_ENTRA}UsersAndTenants/UserProfileMenuBlade/~/overview/userId/", _WORD)
    ),
    "backstage.io/ldap-rdn": Known("LDAP name", "users", is_said=True),
    "backstage.io/ldap-dn": Known("LDAP entry", "users", is_said=True),
    "backstage.io/ldap-uuid": Known("LDAP id", "users", is_said=True),
}


def annotation_links(entity: Entity) -> list[Link]:
    """What well-known annotations point to or say, in the order of the table."""
    values = annotations_of(entity)
    known = (link for key, one in _ANNOTATIONS.items() if key in values and (link := _link(one, values[key])))
    return [*_gitlab(values), *known]


def _link(known: Known, value: str) -> Link | None:
    if url := known.address(value):
        return Link(known.title, url, known.icon, urlsplit(url).netloc)
    if known.is_said and _PRINTABLE.fullmatch(value):
        return Link(known.title, "", known.icon, value=value[:LONGEST_SHOWN])
    return None


def _gitlab(values: Mapping[str, str]) -> Iterator[Link]:
    """A project by slug or number, on gitlab.com or the instance that is named."""
    host = values.get("gitlab.com/instance", "gitlab.com")
    if not _HOST.fullmatch(host):
        return
    slug, number = values.get("gitlab.com/project-slug", ""), values.get("gitlab.com/project-id", "")
    url = _at(f"https://{host}/")(slug) or _at(f"https://{host}/projects/", re.compile(r"\d+"))(number)
    if url:
        yield Link("GitLab", url, "git-branch", host)


def edit_url(entity: Entity) -> str:
    return _plain(annotations_of(entity).get(EDIT_URL, ""))


def docs_ref(entity: Entity) -> str:
    """Where its documentation is said to be: `dir:.`, or nothing."""
    return annotations_of(entity).get(TECHDOCS_REF, "")


def docs_owner(entity: Entity) -> str:
    """The reference of the entity whose documentation stands for its own; nothing when it has its own, or none."""
    return "" if docs_ref(entity) else _reference(entity, TECHDOCS_ENTITY)


def source_template(entity: Entity) -> str:
    """The reference of the template that it was made from."""
    return _reference(entity, SOURCE_TEMPLATE)


def _reference(entity: Entity, key: str) -> str:
    try:
        return canonical(annotations_of(entity).get(key, "").strip(), namespace=entity.namespace)
    except RefInvalid:
        return ""
