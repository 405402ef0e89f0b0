"""What actions at hosts would do, said in a dry run: nobody is called, and the outputs are those that there would be.

A host that is not set up is only told as a warning, so that authors can try their templates anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from catalog.hosts.integrations import Integration, Secret
from scaffolder.actions.base import Input, Output, Perform, Work
from scaffolder.errors import ActionFailed
from scaffolder.hosting import places, pushing
from scaffolder.hosting.places import Place

NO_COMMIT = "0" * 40  # in the place of a commit that nobody made
NUMBER = 1  # in the place of a number that the host would give
Outputs = Callable[[Place, Input], Mapping[str, object]]


def place_of(work: Work, given: Input, type: str) -> Place:
    """As in a run, also where the host is not set up. Raises `ActionFailed` for names that no repository has."""
    try:
        return places.place_of(given, type)
    except ActionFailed as refusal:
        found = places.named(given)
        work.journal.warning(f"A run would stop here. {refusal}")
        nobody = Integration(
            type, found.host, f"https://{found.host}", Secret("token"), Secret("webhook_secret")
        )
        return Place(found.host, found.owner, found.repo, nobody)


def publishing(type: str, **more: object) -> Perform:
    """A repository and its first commit; `more` are further outputs."""

    def pretend(work: Work, given: Input) -> Output:
        place, branch = place_of(work, given, type), pushing.branch_of(given)
        pushing.folder_of(work, given)
        work.journal.info(f"Would make {place.page} and push the files to its branch {branch}")
        return {**published(place, branch), **more}

    return pretend


def published(place: Place, branch: str) -> dict[str, object]:
    return {
        "remoteUrl": f"{place.page}.git",
        "repoContentsUrl": place.contents(branch),
        "commitHash": NO_COMMIT,
    }


def changing(type: str, words: str, outputs: Outputs | None = None) -> Perform:
    """Something at a repository: `words` say what, `outputs` what later steps get."""

    def pretend(work: Work, given: Input) -> Output:
        place = place_of(work, given, type)
        work.journal.info(f"Would {words} {place.full_name} at {place.host}")
        return dict(outputs(place, given)) if outputs else {}

    return pretend


def requesting(type: str, outputs: Outputs) -> Perform:
    """A branch with the files, and a request to merge it."""

    def pretend(work: Work, given: Input) -> Output:
        place = place_of(work, given, type)
        pushing.folder_of(work, given)
        work.journal.info(f"Would push the files to the branch {given['branchName']} of {place.page}")
        return dict(outputs(place, given))

    return pretend
