"""Everything of a push that writes: the repository, the upload, the branch, the commit or pull request, the tag."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from pipeline.hub.compare import compare
from pipeline.hub.publishable import LocalFile, Publication
from pipeline.hub.repository import Repository, files_at
from pipeline.hub.requests import with_retries
from schemas.push import PushedFile, PushOptions

if TYPE_CHECKING:
    from huggingface_hub import Discussion, GitRefs


class Commit(NamedTuple):
    """The commit that holds the published files. `new`: whether this push made it."""

    id: str | None
    pr_url: str | None
    new: bool


def send(
    repository: Repository,
    files: Sequence[LocalFile],
    compared: Sequence[PushedFile],
    publication: Publication,
    options: PushOptions,
) -> Commit:
    """Upload what is new, then commit: nobody sees anything before the commit."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    api, repo_id = repository.api, repository.id
    if repository.head is None:
        with_retries(lambda: api.create_repo(repo_id, private=options.private, repo_type="dataset"))
    content = {file.path: file.content for file in files}
    additions = [
        CommitOperationAdd(file.path, content[file.path]) for file in compared if file.change in ("add", "update")
    ]
    deletions = [CommitOperationDelete(file.path) for file in compared if file.change == "delete"]
    # Retries by itself.
    api.preupload_lfs_files(
        repo_id,
        additions,
        repo_type="dataset",
        revision=repository.branch,
        create_pr=options.create_pr,
        free_memory=False,
    )
    make_branch(repository, options.revision)
    made = with_retries(
        lambda: api.create_commit(
            repo_id,
            [*additions, *deletions],
            commit_message=options.message or f"Publish {publication.name}",
            repo_type="dataset",
            revision=options.revision,
            create_pr=options.create_pr,
            # The Hub refuses the commit if someone else has made one since `look`.
            parent_commit=repository.head,
        )
    )
    return Commit(made.oid, made.pr_url, new=True)


def make_branch(repository: Repository, name: str) -> None:
    """Create the branch for the commit from main if it is missing."""
    if name not in (*repository.branches, "main"):
        with_retries(
            lambda: repository.api.create_branch(
                repository.id, branch=name, revision=repository.head, repo_type="dataset", exist_ok=True
            )
        )


def make_tag(repository: Repository, name: str, commit: str | None) -> None:
    with_retries(lambda: repository.api.create_tag(repository.id, tag=name, revision=commit, repo_type="dataset"))


def same_pull_request(repository: Repository, files: Sequence[LocalFile], config: str, author: str) -> Commit | None:
    """The commit of an open pull request of this author that proposes exactly these files, if there is one."""
    api, repo_id = repository.api, repository.id

    def pull_requests() -> list["Discussion"]:
        return list(
            api.get_repo_discussions(
                repo_id, repo_type="dataset", author=author, discussion_type="pull_request", discussion_status="open"
            )
        )

    def refs() -> "GitRefs":
        return api.list_repo_refs(repo_id, repo_type="dataset", include_pull_requests=True)

    commits = {ref.ref: ref.target_commit for ref in with_retries(refs).pull_requests or ()}
    for pull in with_retries(pull_requests):
        commit = commits.get(pull.git_reference or "")
        if commit and all(file.change == "same" for file in compare(files, files_at(api, repo_id, commit), config)):
            return Commit(commit, pull.url, new=False)
    return None
