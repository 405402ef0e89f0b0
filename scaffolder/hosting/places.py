"""The repository that a `repoUrl` names, on a host of PORTICO_INTEGRATIONS.

A template names the host, but never the address that a token is sent to: that comes from the settings alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, urlsplit

from django.conf import settings

from catalog.errors import Unreadable
from catalog.hosts import integrations
from catalog.hosts.integrations import GITEA, GITHUB, GITLAB, Integration, Secret
from scaffolder.errors import ActionFailed
from scaffolder.forms import names
from scaffolder.git import Login, Remote, checked_remote
from scaffolder.templating.backstage import RepoUrl

TITLES = {GITHUB: "GitHub", GITLAB: "GitLab", GITEA: "Gitea"}
_USERS = {GITHUB: "x-access-token", GITLAB: "oauth2", GITEA: "oauth2"}  # the name that goes with a token
_CONTENTS = {GITHUB: "blob", GITLAB: "-/blob", GITEA: "src/branch"}


@dataclass(frozen=True)
class Named:
    """What a `repoUrl` says, checked."""

    host: str
    owner: str
    repo: str

    @property
    def full_name(self) -> str:
        return f"{self.owner}/{self.repo}"


@dataclass(frozen=True)
class Place(Named):
    """A repository, there or to be made, with the integration that answers for it."""

    integration: Integration

    @property
    def page(self) -> str:
        return f"{urlsplit(self.integration.api).scheme}://{self.host}/{self.full_name}"

    @property
    def project(self) -> str:
        """As GitLab takes it in a path."""
        return quote(self.full_name, safe="")

    def contents(self, branch: str) -> str:
        return f"{self.page}/{_CONTENTS[self.integration.type]}/{quote(branch, safe='/')}"

    @property
    def remote(self) -> Remote:
        """Where git finds it: the pattern of PORTICO_GIT_HOSTS for this host, else beside its page."""
        pattern = settings.PORTICO_GIT_HOSTS.get(self.host)
        url = (
            pattern.replace("{owner}", self.owner).replace("{repo}", self.repo)
            if pattern
            else f"{self.page}.git"
        )
        remote = checked_remote(url, is_configured=True)
        known = {self.host, urlsplit(self.integration.api).netloc.lower()}
        if remote.scheme not in ("https", "http") or remote.parts.netloc.lower() not in known:
            return remote
        return replace(remote, login=Login(_USERS[self.integration.type], self.integration.token.read()))


def named(given: Mapping[str, Any]) -> Named:
    """Raises `ActionFailed` for names that no repository has."""
    host, owner, repo = _parts(str(given.get("repoUrl") or ""))
    for what, name in [("owner", part) for part in owner.split("/")] + [("repository", repo)]:
        if not names.is_hosted(name):
            raise ActionFailed(
                f"{name!r} cannot be the name of a {what}. Use letters, digits, hyphens, dots and _."
            )
    return Named(host, owner, repo)


def _parts(text: str) -> tuple[str, str, str]:
    try:
        url = RepoUrl.parse(text)
    except ValueError as problem:
        raise ActionFailed(str(problem)) from None
    return url.host, url.owner, url.repo.removesuffix(".git")


def place_of(given: Mapping[str, Any], type: str) -> Place:
    """Raises `ActionFailed` for a host that is not set up. A `token` of the step goes before the portal's own."""
    found = named(given)
    integration = integrations.of_host(found.host, type)
    if integration is None:
        known = ", ".join(sorted(one.host for one in integrations.of_type(type))) or "none"
        raise ActionFailed(
            f"Portico may not change anything at {found.host}. Hosts of {TITLES[type]} that are set up: {known} "
            "(PORTICO_INTEGRATIONS)."
        )
    if token := given.get("token"):
        integration = replace(integration, token=Secret("token", str(token)))
    return Place(found.host, found.owner, found.repo, _with_token(integration))


def _with_token(integration: Integration) -> Integration:
    try:
        has_token = bool(integration.token.read())
    except Unreadable as problem:
        raise ActionFailed(str(problem)) from None
    if not has_token:
        raise ActionFailed(
            f"The entry of {integration.host} in PORTICO_INTEGRATIONS has no token, and nobody else may change what is "
            "there. Add one that may create repositories."
        )
    return integration


def hosts() -> list[str]:
    """All hosts that templates can publish to, those of PORTICO_GIT_HOSTS first."""
    others = [one.host for one in integrations.integrations() if one.type in TITLES]
    return list(dict.fromkeys([*settings.PORTICO_GIT_HOSTS, *others]))
