"""A dataset repository on the Hub as it was before the push, and the account that pushes. Reads only."""

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.hub.errors import LOG_IN, WRITE_TOKEN, PushError
from pipeline.hub.requests import with_retries
from schemas.push import PushOptions

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile


@dataclass(frozen=True)
class Repository:
    """A repository before the push, which may not exist yet. `branch`: the one that the push begins at.

    `head`: the last commit of that branch, and `files`: its files by path. `branches`, `tags`: from name to commit.
    """

    api: "HfApi"
    id: str
    private: bool | None = None  # None: it does not exist
    branch: str = "main"
    head: str | None = None
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    files: dict[str, "RepoFile"] = field(default_factory=dict)


def writing_account(api: "HfApi") -> str:
    """The name of the account. Raises PushError where there is no login, or its token only reads."""
    from huggingface_hub import get_token

    if not re.fullmatch("[!-~]*", get_token() or ""):
        raise PushError("not-logged-in", "The access token contains invalid characters.", LOG_IN)
    account = with_retries(api.whoami)
    token = account.get("auth", {}).get("accessToken", {})
    if token.get("role") == "read":
        raise PushError("forbidden", f"The access token of {account['name']} has no write permission.", WRITE_TOKEN)
    return str(account["name"])


def look(api: "HfApi", repo_id: str, options: PushOptions) -> Repository:
    """The repository as it is."""
    from huggingface_hub.errors import HfHubHTTPError

    try:
        info = with_retries(lambda: api.repo_info(repo_id, repo_type="dataset"))
    except HfHubHTTPError as error:
        if error.response.status_code == 404:
            return Repository(api, repo_id)
        raise
    refs = with_retries(lambda: api.list_repo_refs(repo_id, repo_type="dataset"))
    branches = {ref.name: ref.target_commit for ref in refs.branches}
    tags = {ref.name: ref.target_commit for ref in refs.tags}
    branch = options.revision if options.revision in branches else "main"
    if branch != options.revision and options.create_pr:
        raise PushError(
            "not-found",
            f"{repo_id} has no branch {options.revision} for a pull request.",
            f"Its branches are {', '.join(sorted(branches))}.",
        )
    head = branches[branch]
    return Repository(api, repo_id, bool(info.private), branch, head, branches, tags, files_at(api, repo_id, head))


def files_at(api: "HfApi", repo_id: str, commit: str) -> dict[str, "RepoFile"]:
    """Every file of a commit by its path."""
    from huggingface_hub.hf_api import RepoFile

    entries = with_retries(
        lambda: list(api.list_repo_tree(repo_id, recursive=True, revision=commit, repo_type="dataset"))
    )
    return {entry.path: entry for entry in entries if isinstance(entry, RepoFile)}
