"""publish:git: the workspace as the first commit of a repository, on any remote that git can push to."""

from __future__ import annotations

from django.conf import settings

from control.capability import Change
from scaffolder.actions.base import Action, Input, Output, Work, object_schema, text
from scaffolder.actions.pretending import NO_COMMIT
from scaffolder.errors import ActionFailed
from scaffolder.forms import names
from scaffolder.git import Remote, checked_remote, create_bare
from scaffolder.hosting import places, pushing
from scaffolder.templating.backstage import RepoUrl


def remote_of(given: Input) -> Remote:
    """Raises `ActionFailed` for hosts that nobody configured and names that are none."""
    if given.get("remoteUrl"):
        return checked_remote(given["remoteUrl"])
    try:
        url = RepoUrl.parse(given.get("repoUrl") or "")
    except ValueError as problem:
        raise ActionFailed(str(problem)) from None
    pattern = settings.PORTICO_GIT_HOSTS.get(url.host)
    if pattern is None:
        known = ", ".join(sorted(settings.PORTICO_GIT_HOSTS)) or "none"
        raise ActionFailed(
            f"Portico cannot publish to {url.host}: the hosts that are set up are {known} (PORTICO_GIT_HOSTS)."
        )
    owner = _owner(url.owner or url.parts.get("workspace") or url.parts.get("project", ""))
    repo = _checked_name(url.repo, "repository").removesuffix(".git")
    remote = pattern.replace("{owner}", owner).replace("{repo}", repo)
    return checked_remote(remote, is_made_here=remote.startswith("file://"), is_configured=True)


def _owner(owner: str) -> str:
    """An owner may be a group in a group: `a/b`."""
    return "/".join(_checked_name(part, "owner") for part in owner.split("/"))


def _checked_name(name: str, what: str) -> str:
    if not names.is_hosted(name):
        raise ActionFailed(
            f"{name!r} cannot be the name of a {what}. Use letters, digits, hyphens, dots and _."
        )
    return name


def _publish(work: Work, given: Input) -> Output:
    remote = remote_of(given)
    if remote.is_made_here:
        pushing.branch_of(given)
        pushing.folder_of(work, given)
        create_bare(remote)
    pushed = pushing.push_first(work, given, remote)
    return {"remoteUrl": remote.url, "repoContentsUrl": remote.url, "commitHash": pushed.commit}


def _pretend(work: Work, given: Input) -> Output:
    pushing.folder_of(work, given)
    branch, url = pushing.branch_of(given), _would_be(work, given)
    work.journal.info(f"Would push the files to the branch {branch} of {url}")
    return {"remoteUrl": url, "repoContentsUrl": url, "commitHash": NO_COMMIT}


def _would_be(work: Work, given: Input) -> str:
    """The address of the repository, also on a host that is not set up: that is only told."""
    try:
        return remote_of(given).url
    except ActionFailed as refusal:
        if given.get("remoteUrl"):
            raise
        found = places.named(given)
        work.journal.warning(f"A run would stop here. {refusal}")
        return f"https://{found.host}/{found.full_name}.git"


def _foresee(given: Input) -> list[Change]:
    remote = remote_of(given)
    branch = given.get("defaultBranch") or pushing.DEFAULT_BRANCH
    where = str(RepoUrl.parse(given["repoUrl"]).host) if given.get("repoUrl") else remote.url
    made = "repository" if remote.is_made_here else "first commit of the repository"
    return [Change("+", where, f"{made} {remote.label}, branch {branch}")]


ACTIONS = (
    Action(
        name="publish:git",
        description=(
            "Pushes the workspace as the first commit of a repository. Doing it twice changes nothing; a repository "
            "that holds something else is refused."
        ),
        schema={
            **object_schema(
                repoUrl=text("What the repository picker gives: host?owner=OWNER&repo=NAME"),
                remoteUrl=text(
                    "The address of an empty repository instead: https://, ssh:// or git@host:path"
                ),
                defaultBranch=text("The branch to push; main by default"),
                sourcePath=text("The folder of the workspace to publish; by default all of it"),
                gitCommitMessage=text("The message of the commit"),
                gitAuthorName=text("The author; by default who started the run"),
                gitAuthorEmail=text("The author's address"),
                description=text("A description; hosts without a place for it ignore it"),
            ),
            "anyOf": [{"required": ["repoUrl"]}, {"required": ["remoteUrl"]}],
        },
        output=object_schema(
            remoteUrl=text("The address of the repository"),
            repoContentsUrl=text("Where its files are read, for catalog:register"),
            commitHash=text("The commit that was pushed"),
        ),
        perform=_publish,
        pretend=_pretend,
        foresee=_foresee,
        example="action: publish:git\ninput:\n  repoUrl: ${{ parameters.repoUrl }}\n  defaultBranch: main\n",
    ),
)
