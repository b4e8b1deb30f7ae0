"""Push: an exported folder becomes one commit of a dataset repository on the Hugging Face Hub, or nothing changes.

A repository holds one config for each layout (`config_name`), all of whose files stand below the folder of its name.
Another layout of the same data joins those that are there, and the repository's own card is made of theirs.

Everything that can be refused is refused before the first request that writes. The files travel next, to where no
reader sees them, and one commit makes them the dataset. What was sent before an interruption is not sent again.
"""

import contextlib
import hashlib
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pipeline.dataset.card import merge
from pipeline.dataset.layout import CARD, MANIFEST, inside_config, kind_of
from pipeline.dataset.manifest_file import ManifestError, read_manifest
from pipeline.io.hashed_files import describe_file
from pipeline.tokenizers.hub_token import without_token
from schemas.errors import KoInstructError
from schemas.manifest import Manifest, config_name
from schemas.options import Source
from schemas.push import PushedFile, PushOptions, PushResult

if TYPE_CHECKING:
    from huggingface_hub import CommitInfo, Discussion, GitRefs, HfApi
    from huggingface_hub.hf_api import RepoFile

Answer = TypeVar("Answer")
Reason = Literal[
    "not-an-export",
    "changed-since-export",
    "embedded-tokenizer",
    "license",
    "visibility",
    "tag-exists",
    "invalid-card",
    "invalid-name",
    "not-logged-in",
    "forbidden",
    "not-found",
    "conflict",
    "rate-limited",
    "offline",
    "connection-lost",
    "hub-error",
]

#: Licences, in lower case and with - for spaces, under which a changed copy may not be passed on: no derivatives,
#: the Korean public licence's types 3 and 4 (변경금지), all rights reserved, and the terms of AI Hub and NIKL corpora.
FORBIDS = re.compile(
    r"^cc-.*\bnd\b|(kogl|공공누리)\D*[34]|all-rights-reserved|proprietary|no-redistribution|non-redistributable"
    r"|재배포-?(금지|불가)|변경-?금지|^ai-?hub|^nikl|모두의-?말뭉치"
)
UNKNOWN = ("", "unknown", "other")

#: Seconds without progress after which a connection counts as lost: to connect, read, write. A large commit takes
#: the Hub a while to answer.
TIMEOUTS = (15.0, 300.0, 60.0, None)
#: A request that the Hub turns down for being one too many is sent so often, with waits of at most so many seconds.
TRIES, LONGEST_WAIT = 4, 300


class PushError(KoInstructError):
    """The push did not happen. `reason`: its name; `remedy`: what to do. The message holds both, and no token."""

    def __init__(self, reason: Reason, found: str, remedy: str) -> None:
        super().__init__(f"{found}\n{remedy}")
        self.reason, self.remedy = reason, remedy


@dataclass(frozen=True)
class Local:
    """A file to publish. `path`: in the repository. `content`: where it lies, or what it holds."""

    path: str
    content: Path | bytes
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Remote:
    """The repository before the push. `head`: the commit at the tip of `branch`; None where there is no repository."""

    private: bool | None
    head: str | None
    branch: str
    branches: dict[str, str]
    tags: dict[str, str]
    files: dict[str, "RepoFile"]


def push(folder: Path, repo_id: str, options: PushOptions = PushOptions()) -> PushResult:
    """Publish an exported folder as a dataset repository, in one commit.

    `folder`: processed/<dataset>, as `export` wrote it. `repo_id`: owner/name, or name below the account logged in.
    The token comes from where huggingface_hub looks: HF_TOKEN, or what `hf auth login` stored.

    Pushing the same bytes again makes no commit. A push that is refused or interrupted leaves the branch as it was; at
    most a new repository stays behind, empty and with the visibility asked for, and the next push goes on with it.

    Raises PushError, whose `reason` names why and whose message says what to do.
    """
    try:
        manifest = read_manifest(folder)
    except ManifestError as error:
        raise PushError("not-an-export", f"{folder / MANIFEST}: {'; '.join(error.faults)}.", error.remedy) from None
    config = config_name(manifest.options)
    paths = select(manifest, config, options)
    warnings = refuse_unpublishable(manifest, options)
    digests = {path: measure(folder, path) for path in paths}
    warnings += refuse_changed(digests, manifest)
    files = [
        Local(f"{config}/{inside}", folder / path, (folder / path).stat().st_size, digests[path])
        for path, inside in paths.items()
    ]

    from huggingface_hub import HfApi

    api = HfApi(library_name="ko-instruct")
    try:
        with timeouts():
            return publish(api, repo_id, files, manifest, options, warnings)
    except PushError as error:
        refused = error
    except Exception as error:
        refused = explain(error, repo_id, options)
    if options.dry_run and refused.reason in ("not-logged-in", "offline", "connection-lost"):
        return unseen(api, repo_id, files, config, options, [*warnings, f"Not compared with the Hub: {refused}"])
    # Raised outside of the handler, so that nothing is chained to it: the requests that errors hold carry the token.
    raise refused


# What is published.


def select(manifest: Manifest, config: str, options: PushOptions) -> dict[str, str]:
    """The files to publish: card, manifest, Parquet, and what the options add.

    Of each the path in the export's folder, sorted, and that below the config's folder in the repository: the Parquet
    files stand in a folder of the config's name already.
    """
    wanted = {"card", "manifest", "parquet", *options.also, *(["rejects"] if options.rejects else [])}
    have = {path: inside_config(path, config) for path in sorted({*manifest.files, MANIFEST})}
    kinds = {inside: kind_of(inside) for inside in have.values()}
    for name in ("parquet", *options.also):
        if name not in kinds.values():
            raise PushError(
                "not-an-export",
                f"The export holds no {name} files.",
                f'Add "{name}" to formats under [export] in pipeline.toml and build again.',
            )
    return {path: inside for path, inside in have.items() if kinds[inside] in wanted}


def refuse_unpublishable(manifest: Manifest, options: PushOptions) -> list[str]:
    """Raises for what should not be published; gives warnings for what may be wrong."""
    if manifest.tokenizer.kind == "embedded" and not options.allow_embedded:
        raise PushError(
            "embedded-tokenizer",
            "The dataset was tokenised with the embedded stand-in vocabulary, whose ids fit no published model.",
            "Build it with the real tokenizer (tokenizer under [tokenize] in pipeline.toml: a Hub id or a local file), "
            "or allow the embedded one for this push (--allow-embedded).",
        )
    names = {source.name for source in manifest.sources}
    if strangers := sorted(set(options.permitted) - names):
        raise PushError(
            "license",
            f"Permission is declared for {', '.join(strangers)}, which is no source of this dataset.",
            f"Its sources are {', '.join(sorted(names))}.",
        )
    open_sources = [source for source in manifest.sources if source.name not in options.permitted]
    if forbidden := [source for source in open_sources if FORBIDS.search(spelled(source))]:
        raise PushError(
            "license",
            "The licence of these sources forbids passing on a changed copy: "
            + ", ".join(f"{source.name} ({source.license})" for source in forbidden)
            + ".",
            "Take them out of pipeline.toml and build again; or, with the holder's permission, name each one "
            "(--permitted NAME).",
        )
    return [
        f"The licence of {source.name} is not known: find out whether it may be published, and declare it in "
        "pipeline.toml."
        for source in open_sources
        if spelled(source) in UNKNOWN
    ]


def spelled(source: Source) -> str:
    """A licence's name as FORBIDS and UNKNOWN spell it."""
    return re.sub(r"[\s_-]+", "-", source.license.strip().lower())


def measure(folder: Path, path: str) -> str:
    """sha256 of a file."""
    try:
        return describe_file(folder / path).sha256
    except OSError as error:
        raise PushError(
            "changed-since-export",
            f"{path} is in the manifest but cannot be read ({error.strerror}).",
            "Build the dataset again (make processed).",
        ) from None


def refuse_changed(digests: Mapping[str, str], manifest: Manifest) -> list[str]:
    """Raises where a file is not the one that the manifest describes. A card edited by hand is welcome: a warning."""
    changed = [
        path for path, digest in digests.items() if path in manifest.files and digest != manifest.files[path].sha256
    ]
    if data := [path for path in changed if path != CARD]:
        raise PushError(
            "changed-since-export",
            f"These are not the files that the manifest describes, they were changed since: {', '.join(data)}.",
            "Build the dataset again (make processed), so that the manifest tells the truth.",
        )
    return [f"{CARD} was edited after it was generated; the edited card is published."] if changed else []


# How it is published.


def publish(
    api: "HfApi", repo_id: str, files: list[Local], manifest: Manifest, options: PushOptions, warnings: list[str]
) -> PushResult:
    """Compare with the repository, then send, commit and tag what is new."""
    owner = account(api)
    if "/" not in repo_id:
        repo_id = f"{owner}/{repo_id}"
    before = look(api, repo_id, options)
    if before.private is False and options.private:
        raise PushError(
            "visibility",
            f"{repo_id} is public, and this push asks for a private dataset.",
            "Say that it is meant to be public (--public), or name another repository.",
        )
    if before.private and not options.private:
        warnings = [*warnings, f"{repo_id} is private and stays so: make it public in its settings on the Hub."]
    config = config_name(manifest.options)
    files = [root_card(files, config, cards_of_others(api, repo_id, before, config)), *files]
    compared = compare(files, before.files, config)
    changed = any(file.change != "same" for file in compared)
    tagged = before.tags.get(options.tag) if options.tag else None
    if tagged is not None and (changed or tagged != before.head):
        raise PushError(
            "tag-exists",
            f"{repo_id} has a tag {options.tag} already, on another commit ({tagged[:8]}).",
            "Choose a new tag: published versions do not change.",
        )
    result = PushResult(
        repo_id=repo_id,
        url=page(api, repo_id),
        revision=options.revision,
        private=options.private if before.private is None else before.private,
        created=before.head is None,
        files=tuple(compared),
        card=text_of(files[0].content, config),
        warnings=tuple(warnings),
    )
    if options.dry_run:
        return result
    commit, pr_url, committed = before.head, None, False
    if not changed:
        make_branch(api, repo_id, before, options)
    elif options.create_pr and before.head and (pull := same_pull_request(api, repo_id, owner, files, config)):
        commit, pr_url = pull
    else:
        sent = send(
            api, repo_id, files, compared, before, options, options.message or f"Publish {manifest.dataset.name}"
        )
        commit, pr_url, committed = sent.oid, sent.pr_url, True
    if (tag := options.tag) and tagged is None:
        patiently(lambda: api.create_tag(repo_id, tag=tag, revision=commit, repo_type="dataset"))
    return result.model_copy(update={"commit": commit, "committed": committed, "pr_url": pr_url, "tag": tag})


def cards_of_others(api: "HfApi", repo_id: str, before: Remote, config: str) -> dict[str, str]:
    """The cards of the other configs that the repository holds."""
    configs = [path.removesuffix(f"/{CARD}") for path in before.files if re.fullmatch(rf"[^/]+/{CARD}", path)]
    others = [name for name in configs if f"{name}/{MANIFEST}" in before.files]

    def read(name: str) -> str:
        path = api.hf_hub_download(repo_id, f"{name}/{CARD}", repo_type="dataset", revision=before.head)
        return text_of(Path(path), name)

    return {name: patiently(partial(read, name)) for name in others if name != config}


def root_card(files: Iterable[Local], config: str, others: Mapping[str, str]) -> Local:
    """README.md of the repository, which the Hub shows and `load_dataset` reads: the cards of all configs."""
    own = next(text_of(file.content, config) for file in files if file.path == f"{config}/{CARD}")
    try:
        data = merge({config: own, **others}).encode()
    except ValueError as error:
        found = f"The cards of the configs cannot be joined: {error}."
        raise PushError("invalid-card", found, "Correct its YAML header, and push again.") from None
    return Local(CARD, data, len(data), hashlib.sha256(data).hexdigest())


def text_of(card: Path | bytes, config: str) -> str:
    """A card's text as its author left it, line ends too."""
    data = card if isinstance(card, bytes) else card.read_bytes()
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        found = f"The card of the config {config} is not UTF-8 ({error.reason} at byte {error.start})."
        raise PushError("invalid-card", found, f"Save {CARD} as UTF-8, and push again.") from None


def unseen(
    api: "HfApi", repo_id: str, files: list[Local], config: str, options: PushOptions, warnings: list[str]
) -> PushResult:
    """What a dry run can say without a look at the repository."""
    files = [root_card(files, config, {}), *files]
    return PushResult(
        repo_id=repo_id,
        url=page(api, repo_id),
        revision=options.revision,
        private=options.private,
        created=False,
        files=tuple(compare(files, {}, config)),
        card=text_of(files[0].content, config),
        warnings=tuple(warnings),
    )


def page(api: "HfApi", repo_id: str) -> str:
    return f"{api.endpoint}/datasets/{repo_id}"


def send(
    api: "HfApi",
    repo_id: str,
    files: Iterable[Local],
    compared: Iterable[PushedFile],
    before: Remote,
    options: PushOptions,
    message: str,
) -> "CommitInfo":
    """Upload what is new, then commit: everything before the commit is seen by nobody."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    if before.head is None:
        patiently(lambda: api.create_repo(repo_id, private=options.private, repo_type="dataset"))
    local = {file.path: file.content for file in files}
    additions = [
        CommitOperationAdd(each.path, local[each.path]) for each in compared if each.change in ("add", "update")
    ]
    deletions = [CommitOperationDelete(each.path) for each in compared if each.change == "delete"]
    # This one waits and tries again by itself.
    api.preupload_lfs_files(
        repo_id,
        additions,
        repo_type="dataset",
        revision=before.branch,
        create_pr=options.create_pr,
        free_memory=False,
    )
    make_branch(api, repo_id, before, options)
    return patiently(
        lambda: api.create_commit(
            repo_id,
            [*additions, *deletions],
            commit_message=message,
            repo_type="dataset",
            revision=options.revision,
            create_pr=options.create_pr,
            # The Hub refuses if someone else committed since we looked.
            parent_commit=before.head,
        )
    )


def account(api: "HfApi") -> str:
    """The name of the account logged in, once it is known that it may write somewhere."""
    from huggingface_hub import get_token

    if not re.fullmatch("[!-~]*", get_token() or ""):
        raise PushError("not-logged-in", "The token holds characters that no token has.", LOG_IN)
    who = patiently(api.whoami)
    token = who.get("auth", {}).get("accessToken", {})
    if token.get("role") == "read":
        raise PushError("forbidden", f"{who['name']} is logged in with a token that only reads.", WRITE_TOKEN)
    return str(who["name"])


def look(api: "HfApi", repo_id: str, options: PushOptions) -> Remote:
    """The repository as it is. Reads only."""
    from huggingface_hub.errors import HfHubHTTPError

    try:
        info = patiently(lambda: api.repo_info(repo_id, repo_type="dataset"))
    except HfHubHTTPError as error:
        if error.response.status_code == 404:
            return Remote(None, None, "main", {}, {}, {})
        raise
    refs = patiently(lambda: api.list_repo_refs(repo_id, repo_type="dataset"))
    branches = {ref.name: ref.target_commit for ref in refs.branches}
    tags = {ref.name: ref.target_commit for ref in refs.tags}
    branch = options.revision if options.revision in branches else "main"
    if branch != options.revision and options.create_pr:
        raise PushError(
            "not-found",
            f"{repo_id} has no branch {options.revision} to which a pull request could go.",
            f"Its branches are {', '.join(sorted(branches))}.",
        )
    return Remote(bool(info.private), branches[branch], branch, branches, tags, tree(api, repo_id, branches[branch]))


def tree(api: "HfApi", repo_id: str, revision: str) -> dict[str, "RepoFile"]:
    """Every file of the repository by its path."""
    from huggingface_hub.hf_api import RepoFile

    entries = patiently(
        lambda: list(api.list_repo_tree(repo_id, recursive=True, revision=revision, repo_type="dataset"))
    )
    return {entry.path: entry for entry in entries if isinstance(entry, RepoFile)}


def compare(files: Iterable[Local], there: dict[str, "RepoFile"], config: str) -> list[PushedFile]:
    """What becomes of each file. Files of the config that are not among these are deleted: a shard that stayed behind
    would be loaded with the new ones. Files of other configs, or of any other name, are not ours to touch."""
    compared = []
    for file in files:
        change: Literal["add", "update", "same"] = "add"
        if file.path in there:
            change = "same" if is_same(file, there[file.path]) else "update"
        compared.append(PushedFile(path=file.path, bytes=file.bytes, change=change))
    kept = {file.path for file in compared}
    stale = sorted(path for path in there if path not in kept and belongs(path, config))
    return compared + [PushedFile(path=path, bytes=there[path].size, change="delete") for path in stale]


def belongs(path: str, config: str) -> bool:
    """Whether a push of this config may have put the file there."""
    inside = inside_config(path, config)
    return inside != path and kind_of(inside) is not None


def is_same(file: Local, there: "RepoFile") -> bool:
    if file.bytes != there.size:
        return False
    return file.sha256 == there.lfs.sha256 if there.lfs else git_oid(file.content) == there.blob_id


def git_oid(content: Path | bytes) -> str:
    """The id under which git stores a small file."""
    data = content if isinstance(content, bytes) else content.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def same_pull_request(
    api: "HfApi", repo_id: str, author: str, files: list[Local], config: str
) -> tuple[str, str] | None:
    """Commit and address of an open pull request of ours that proposes exactly this, if there is one."""

    def ours() -> list["Discussion"]:
        return list(
            api.get_repo_discussions(
                repo_id, repo_type="dataset", author=author, discussion_type="pull_request", discussion_status="open"
            )
        )

    def refs() -> "GitRefs":
        return api.list_repo_refs(repo_id, repo_type="dataset", include_pull_requests=True)

    commits = {ref.ref: ref.target_commit for ref in patiently(refs).pull_requests or ()}
    for pull in patiently(ours):
        commit = commits.get(pull.git_reference or "")
        if commit and all(file.change == "same" for file in compare(files, tree(api, repo_id, commit), config)):
            return commit, pull.url
    return None


def make_branch(api: "HfApi", repo_id: str, before: Remote, options: PushOptions) -> None:
    """The branch that takes the commit, where it is missing: made from main, and only once the files are there."""
    if options.revision not in (*before.branches, "main"):
        name, start = options.revision, before.head
        patiently(lambda: api.create_branch(repo_id, branch=name, revision=start, repo_type="dataset", exist_ok=True))


# What can go wrong on the way.


def patiently(request: Callable[[], Answer]) -> Answer:
    """The request's result; a request that is turned down as one too many (429) waits and tries again.

    huggingface_hub does so for uploads only. It did not take effect, so sending it again is safe.
    """
    from huggingface_hub.errors import HfHubHTTPError

    for tried in range(1, TRIES + 1):
        try:
            return request()
        except HfHubHTTPError as error:
            if error.response.status_code != 429 or tried == TRIES:
                raise
            wait = wait_asked(error.response.headers) or 2**tried
            if wait > LONGEST_WAIT:
                raise
            time.sleep(wait)
    raise AssertionError("unreachable")


def wait_asked(headers: Any) -> int | None:
    """Seconds that the Hub asks to wait: Retry-After, or t of its RateLimit header."""
    found = re.fullmatch(r"\d+", headers.get("Retry-After", "")) or re.search(
        r";\s*t\s*=\s*(\d+)", headers.get("RateLimit", "")
    )
    return int(found[found.lastindex or 0]) if found else None


@contextlib.contextmanager
def timeouts() -> Iterator[None]:
    """huggingface_hub waits for ever by default; here a connection that is silent for long counts as lost."""
    from huggingface_hub import get_session

    session = get_session()
    before = session.timeout
    session.timeout = TIMEOUTS
    try:
        yield
    finally:
        session.timeout = before


LOG_IN = (
    "Log in with `hf auth login`, or set HF_TOKEN to a token with write permission "
    "(https://huggingface.co/settings/tokens)."
)
WRITE_TOKEN = "Make a token with write permission (https://huggingface.co/settings/tokens) and log in with it."
GO_ON = "Push again: what was sent is not sent twice. Readers see a push whole or not at all."

#: HTTP status to reason, what was found, and what to do. {repo} and {revision} are filled in.
REFUSALS: dict[int, tuple[Reason, str, str]] = {
    401: ("not-logged-in", "The Hub does not accept this login.", LOG_IN),
    403: (
        "forbidden",
        "This account may not write to {repo}.",
        "Name a repository of your own (owner/name), ask the owner for write access, or propose a change to an "
        "existing one (--create-pr). A fine-grained token must include this repository.",
    ),
    404: ("not-found", "The Hub has no {repo} with a revision {revision}.", "Check the name and the revision."),
    409: ("conflict", "{repo} was changed by someone else meanwhile.", "Look at what changed, then push again."),
    412: ("conflict", "{repo} was changed by someone else meanwhile.", "Look at what changed, then push again."),
    429: ("rate-limited", "The Hub takes no more requests for now.", f"Wait some minutes. {GO_ON}"),
}


def explain(error: BaseException, repo_id: str, options: PushOptions) -> PushError:
    """The PushError that says what an error of the client means. It quotes the Hub's own words, without any token."""
    from huggingface_hub.errors import (
        HfHubHTTPError,
        HFValidationError,
        LocalTokenNotFoundError,
        OfflineModeIsEnabled,
    )

    for cause in chain(error):
        said = f"({type(cause).__name__}: {without_token(str(cause))})"
        match cause:
            case HfHubHTTPError() if cause.response.status_code in REFUSALS:
                reason, found, remedy = REFUSALS[cause.response.status_code]
                return PushError(reason, f"{found.format(repo=repo_id, revision=options.revision)} {said}", remedy)
            case HfHubHTTPError():
                remedy = GO_ON if cause.response.status_code >= 500 else "Its words in brackets say what to change."
                return PushError("hub-error", f"The Hub did not take the push. {said}", remedy)
            case LocalTokenNotFoundError():
                return PushError("not-logged-in", "No login for the Hugging Face Hub was found.", LOG_IN)
            case OfflineModeIsEnabled():
                return PushError("offline", "HF_HUB_OFFLINE is set: nothing may be sent.", "Unset it to push.")
            case HFValidationError():
                return PushError(
                    "invalid-name", f"{repo_id} cannot be the name of a repository. {said}", "Use owner/name."
                )
            case ValueError() if "metadata in README.md" in str(cause):
                return PushError(
                    "invalid-card", f"The Hub does not accept the card. {said}", "Correct its YAML header."
                )
            case ConnectionError() | TimeoutError():
                return PushError("connection-lost", f"The connection to the Hub was lost. {said}", GO_ON)
            # The client library's own name for it; which library that is has changed between releases of the Hub's.
            case _ if any(kind.__name__ == "TransportError" for kind in type(cause).__mro__):
                return PushError("connection-lost", f"The connection to the Hub was lost. {said}", GO_ON)
    return PushError("hub-error", f"The push failed. ({type(error).__name__}: {without_token(str(error))})", GO_ON)


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what caused it, from the outermost inward."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
