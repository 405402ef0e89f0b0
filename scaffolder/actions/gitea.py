"""publish:gitea: a repository at Gitea or Forgejo."""

from __future__ import annotations

from typing import Any

from catalog.hosts.integrations import GITEA
from scaffolder.actions import host_inputs, pretending
from scaffolder.actions.base import Action, Input, Output, Work, object_schema, text
from scaffolder.actions.host_inputs import FIRST_COMMIT, REPO_URL, REPOSITORY
from scaffolder.errors import ActionFailed
from scaffolder.hosting import api as hosts
from scaffolder.hosting import places, pushing
from scaffolder.hosting.api import Api, Refused


def _publish(work: Work, given: Input) -> Output:
    place = places.place_of(given, GITEA)
    pushing.branch_of(given)
    pushing.folder_of(work, given)
    with hosts.opened(place) as api:
        work.journal.command(f"create the repository {place.full_name} at {place.host}")
        is_made = _ensure(api, given)
        work.journal.info(f"{place.page} is {'made' if is_made else 'there already'}")
        pushed = pushing.push_first(work, given, place.remote)
    return host_inputs.published(place, given, pushed)


def _ensure(api: Api, given: Input) -> bool:
    """Make the repository unless it is there; whether it was made. Raises `ActionFailed` for one seen by others."""
    place, is_private = api.place, (given.get("repoVisibility") or "private") == "private"
    path, what = f"/repos/{place.full_name}", f"the repository {place.full_name}"
    if (found := api.find(path, what)) is None:
        try:
            _create(api, given, is_private=is_private)
            return True
        except Refused as refusal:
            if refusal.status != 409 or (found := api.find(path, what)) is None:
                raise
    if bool(found["private"]) != is_private:
        seen = "private" if found["private"] else "public"
        raise ActionFailed(
            f"{place.full_name} is at {place.host} already, and it is {seen}. Choose another name."
        )
    return False


def _create(api: Api, given: Input, *, is_private: bool) -> None:
    owner = api.place.owner
    data: dict[str, Any] = {
        "name": api.place.repo,
        "description": given.get("description") or "",
        "private": is_private,
        "default_branch": given.get("defaultBranch") or pushing.DEFAULT_BRANCH,
        "auto_init": False,
    }
    path = f"/orgs/{owner}/repos"
    if api.find(f"/orgs/{owner}", f"the organisation {owner}") is None:
        me = (api.find("/user", "whose token it is") or {}).get("login", "")
        if str(me).lower() != owner.lower():
            raise ActionFailed(
                f"There is no organisation {owner} at {api.place.host}, and its token is not {owner}'s. Check the name."
            )
        path = "/user/repos"
    api.change("POST", path, f"create the repository {api.place.full_name}", data)


ACTIONS = (
    Action(
        name="publish:gitea",
        description=(
            "Creates a repository at Gitea or Forgejo and pushes the workspace as its first commit. A second try finds "
            "what the first one made."
        ),
        schema=object_schema(
            ("repoUrl",),
            **REPO_URL,
            **FIRST_COMMIT,
            description=text("What the repository is for"),
            repoVisibility=host_inputs.visibility(),
        ),
        output=REPOSITORY,
        perform=_publish,
        pretend=pretending.publishing(GITEA),
        foresee=host_inputs.new_repository,
        example="action: publish:gitea\ninput:\n  repoUrl: ${{ parameters.repoUrl }}\n  defaultBranch: main\n",
    ),
)
