"""Push: an exported folder becomes one commit of a dataset repository on the Hugging Face Hub, or nothing changes.

A repository holds one config for each layout (`config_name`), and all files of a config are below the folder of its
name. Another layout of the same data joins the configs that are there, and the repository's own card is made of theirs.

All checks come before the first request that writes. Then the files are uploaded, where no reader sees them, and one
commit makes them the dataset. After an interruption, what was uploaded is not uploaded again.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.hub.commit import Commit, make_branch, make_tag, same_pull_request, send
from pipeline.hub.compare import compare
from pipeline.hub.errors import PushError, explain
from pipeline.hub.publishable import LocalFile, Publication, publication_of
from pipeline.hub.repository import Repository, look, writing_account
from pipeline.hub.requests import timeouts
from pipeline.hub.root_card import card_text, cards_of_other_configs, root_card
from schemas.push import PushedFile, PushOptions, PushResult

if TYPE_CHECKING:
    from huggingface_hub import HfApi

#: A dry run that fails for one of these reasons shows what it knows without the Hub.
NO_ACCESS = ("not-logged-in", "offline", "connection-lost")


def push(folder: Path, repo_id: str, options: PushOptions = PushOptions()) -> PushResult:
    """Publish an exported folder as a dataset repository, in one commit.

    `folder`: processed/<dataset>, as `export` wrote it. `repo_id`: owner/name, or a name below your own account.
    The access token is the one that huggingface_hub uses: HF_TOKEN, or that of `hf auth login`.

    Pushing the same bytes again makes no commit. A push that is refused or interrupted leaves the branch as it was. At
    most a new repository remains, empty and with the visibility of the options, and the next push continues with it.

    Raises PushError: `reason` names the cause, and the message says what to do.
    """
    publication = publication_of(folder, options)

    from huggingface_hub import HfApi

    api = HfApi(library_name="ko-instruct")
    try:
        with timeouts():
            return publish(api, repo_id, publication, options)
    except PushError as error:
        refused = error
    except Exception as error:
        refused = explain(error, repo_id, options.revision)
    if options.dry_run and refused.reason in NO_ACCESS:
        files = [root_card(publication, {}), *publication.files]
        compared = compare(files, {}, publication.config)
        warnings = [*publication.warnings, f"Not compared with the Hub: {refused}"]
        return planned(Repository(api, repo_id), files, compared, warnings, options, created=False)
    # Outside of the handlers, so that nothing is chained to it: an error of the client holds a request, with the token.
    raise refused


def publish(api: "HfApi", repo_id: str, publication: Publication, options: PushOptions) -> PushResult:
    """Look at the repository and compare; then send, commit and tag what is new."""
    config = publication.config
    account = writing_account(api)
    repository = look(api, repo_id if "/" in repo_id else f"{account}/{repo_id}", options)
    warnings = [*publication.warnings, *check_visibility(repository, options)]

    files = [root_card(publication, cards_of_other_configs(repository, config)), *publication.files]
    compared = compare(files, repository.files, config)
    changed = any(file.change != "same" for file in compared)
    check_tag(repository, changed, options)
    result = planned(repository, files, compared, warnings, options, created=repository.head is None)
    if options.dry_run:
        return result

    commit = None
    if not changed:
        make_branch(repository, options.revision)
        commit = Commit(repository.head, None, new=False)
    elif options.create_pr and repository.head:
        commit = same_pull_request(repository, files, config, account)
    commit = commit or send(repository, files, compared, publication, options)
    if options.tag and options.tag not in repository.tags:
        make_tag(repository, options.tag, commit.id)
    return result.model_copy(
        update={"commit": commit.id, "committed": commit.new, "pr_url": commit.pr_url, "tag": options.tag}
    )


def check_visibility(repository: Repository, options: PushOptions) -> list[str]:
    """Raises where a private dataset would become public; gives a warning where a public one would stay private."""
    if repository.private is False and options.private:
        raise PushError(
            "visibility",
            f"{repository.id} is public, and this push is for a private dataset.",
            "Allow the dataset to be public (--public), or name another repository.",
        )
    if repository.private and not options.private:
        return [f"{repository.id} is private and stays private. To publish it, change its settings on the Hub."]
    return []


def check_tag(repository: Repository, changed: bool, options: PushOptions) -> None:
    """Raises where the tag exists, and does not name the commit that this push gives."""
    tagged = repository.tags.get(options.tag) if options.tag else None
    if tagged is not None and (changed or tagged != repository.head):
        raise PushError(
            "tag-exists",
            f"{repository.id} already has a tag {options.tag}, for another commit ({tagged[:8]}).",
            "Choose a new tag: a published version does not change.",
        )


def planned(
    repository: Repository,
    files: Sequence[LocalFile],
    compared: Sequence[PushedFile],
    warnings: Sequence[str],
    options: PushOptions,
    created: bool,
) -> PushResult:
    """The result of a push before anything is sent. `files`: the card of the repository comes first."""
    card = files[0]
    return PushResult(
        repo_id=repository.id,
        url=f"{repository.api.endpoint}/datasets/{repository.id}",
        revision=options.revision,
        private=options.private if repository.private is None else repository.private,
        created=created,
        files=tuple(compared),
        card=card_text(card.content, card.path),
        warnings=tuple(warnings),
    )
