"""Fetch: download the files of a published dataset from the Hugging Face Hub into raw/, and declare its [[source]]."""

import errno
import fnmatch
import json
import tomllib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import BaseModel, ConfigDict

from pipeline.dataset.layout import MANIFEST
from pipeline.dataset.own_files import OwnFiles, manifests_of, own_files
from pipeline.hub.errors import FetchError
from pipeline.stages.ingest.detect.recipes import recipes
from schemas.options import Config
from schemas.recipe import Recipe

#: The files to download of a dataset that has no recipe.
DATA_FILES = tuple(
    f"{folder}*.{ending}"
    for ending in ("json", "jsonl", "csv", "tsv", "parquet", "arrow", "zip")
    for folder in ("", "**/")
)
#: Errors of a file system, where others are of the network.
OF_DISK = (
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO),
    *(errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG),
)


class Fetched(BaseModel):
    """A dataset that was downloaded into raw/."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    revision: str  # the commit that was downloaded
    license: str
    folder: str  # below raw/
    files: tuple[str, ...]  # below the folder
    recipe: str  # "" where there is none
    trap: str
    attribution: str = ""

    @property
    def source_name(self) -> str:
        return self.id.replace("/", "--")

    @property
    def globs(self) -> list[str]:
        """The files, below raw/."""
        return [f"{self.folder}/{escape(name)}" for name in self.files]

    def toml(self) -> str:
        """The [[source]] of pipeline.toml that declares it."""
        values: dict[str, object] = {
            "name": self.source_name,
            "files": self.globs,
            "recipe": self.recipe,
            "license": self.license,
            "attribution": self.attribution,
            "url": f"https://huggingface.co/datasets/{self.id}",
            "revision": self.revision,
        }
        lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items() if value]
        return "\n".join(["[[source]]", *lines])

    def benchmark_toml(self) -> str:
        """The line of [screen] that keeps its rows out of a dataset."""
        return f"benchmarks = {json.dumps(self.globs, ensure_ascii=False)}"


def escape(name: str) -> str:
    """The glob that matches this file name alone.

    >>> escape("a[1]*.json")
    'a[[]1][*].json'
    """
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


def fetch(name: str, raw: Path, revision: str = "main") -> Fetched:
    """Download the files that a dataset's recipe names to raw/<owner>/<name>. An interrupted download is continued.

    `name`: a Hub id, of a recipe or of any dataset (then every data file is downloaded). The revision is pinned to its
    commit. Raises FetchError where the Hub cannot be reached, and for a dataset that is gated, unknown, or empty.
    """
    recipe = recipes().get(name, Recipe(id=name, files=DATA_FILES))
    if not recipe.files:
        raise FetchError(
            f"{name} is a template for files that you have. It names no files on the Hub: put yours in raw/"
        )
    return fetch_files(recipe, raw, revision)


def fetch_files(recipe: Recipe, raw: Path, revision: str) -> Fetched:
    """Download the files of a recipe to raw/<owner>/<name>. Raises FetchError where that is not possible."""
    from huggingface_hub.errors import (  # type: ignore[attr-defined]
        HFValidationError,
        HTTPError,  # of the HTTP library that the client uses
    )

    try:
        return download(recipe, raw, revision)
    except (HTTPError, HFValidationError, UnicodeEncodeError, OSError) as error:
        message = explain(error, recipe.id, raw, revision)
    # Outside of the handler, so that nothing is chained to it: an error of the client holds a request, with the token.
    raise FetchError(message)


def download(recipe: Recipe, raw: Path, revision: str) -> Fetched:
    from huggingface_hub import HfApi

    name = recipe.id
    info = HfApi().dataset_info(name, revision=revision)
    sha = info.sha or revision
    there = [file.rfilename for file in info.siblings or ()]
    card = info.card_data.get("license") if info.card_data else None
    licence = recipe.license if recipe.license != "unknown" else card if isinstance(card, str) else "unknown"
    if name not in recipes() and (own := own_dataset(name, there, raw, sha)):
        bring(name, own.files, raw, sha)
        return of_own(own, name, sha, licence)
    files = tuple(sorted(file for file in there if wanted(file, recipe.files)))
    if not files:
        raise FetchError(f"{name} has no file that matches {', '.join(recipe.files)}: look at its files on the Hub")
    bring(name, files, raw, sha)
    return Fetched(
        id=name,
        revision=sha,
        license=licence,
        folder=name,
        files=files,
        recipe=name if name in recipes() else "",
        trap=recipe.trap,
    )


def bring(name: str, files: Sequence[str], raw: Path, sha: str) -> None:
    """Download these files to raw/<owner>/<name>."""
    from huggingface_hub import snapshot_download

    patterns = [escape(file) for file in files]
    snapshot_download(name, repo_type="dataset", revision=sha, allow_patterns=patterns, local_dir=raw / name)


def own_dataset(name: str, there: Sequence[str], raw: Path, sha: str) -> OwnFiles | None:
    """The files with the records of a dataset that ko-instruct published; None for any other.

    A repository has a config for each layout, with the same records: the one with the most rows is taken.
    """
    described = [file for file in there if PurePosixPath(file).name == MANIFEST]
    if not described:
        return None
    bring(name, described, raw, sha)
    configs = own_files(there, manifests_of(((raw / name / file).parent for file in described), raw / name))
    if configs and not configs[0].files:
        raise FetchError(
            f"{name} was published by ko-instruct with packed rows alone, which hold no texts. Ask its owner to push "
            "another layout, or the texts: ko-instruct push FOLDER REPO --also jsonl"
        )
    return configs[0] if configs else None


def of_own(own: OwnFiles, name: str, sha: str, licence: str) -> Fetched:
    """A dataset of ko-instruct that was downloaded, with the licence and the attributions of its sources.

    `licence`: of the card, for sources with several.
    """
    licences = {source.license for source in own.manifest.sources}
    of_whom = dict.fromkeys(source.attribution for source in own.manifest.sources if source.attribution)
    return Fetched(
        id=name,
        revision=sha,
        license=licences.pop() if len(licences) == 1 else licence,
        folder=name,
        files=own.files,
        recipe="",
        trap=f"ko-instruct wrote this dataset. Its config {own.manifest.config} is taken, with "
        f"{own.manifest.counts.kept:,} records: without their token ids, and each in the split that it has there",
        attribution="; ".join(of_whom),
    )


def explain(error: Exception, name: str, raw: Path, revision: str) -> str:
    """What an error of the Hub's client means, and what to do. Without its own message, which may hold the token."""
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    match error:
        case GatedRepoError():
            return f"{name} is gated: accept its terms at https://huggingface.co/datasets/{name}, then `hf auth login`"
        case RepositoryNotFoundError() | RevisionNotFoundError():
            return f"{name} at {revision} is not on the Hub, or it is private: check the name, or `hf auth login`"
        case HFValidationError():
            return f"{name!r} is not a valid Hub id: use owner/name"
        case UnicodeEncodeError():
            return "The access token contains invalid characters: log in again with `hf auth login`"
        case OSError() if error.errno in OF_DISK:
            return (
                f"{error.filename or raw / name}: {error.strerror}. Correct this and run this again, which "
                "continues the download"
            )
        case _:
            return (
                f"the Hub cannot be reached ({type(error).__name__}): go online and run this again, which continues "
                f"the download; or put the files into {raw / name} yourself"
            )


def check_own(listed: Sequence[object], path: Path, *place: str) -> None:
    """Raises FetchError where what the config at this path lists is in a config that it extends: a table that is added
    here would take the place of that list."""
    own: Any = tomllib.loads(path.read_text("utf-8-sig"))
    for name in place:
        own = own.get(name) if isinstance(own, dict) else None
    if listed and own is None:
        raise FetchError(
            f"{path} extends a config that lists {'.'.join(place)}, and a table that is added here would take the "
            "place of that list. Name the config that it extends with --config."
        )


def declare(fetched: Fetched, config: Config, path: Path) -> bool:
    """Add the [[source]] to the config at this path. False: the config already has a source of this name."""
    if any(source.name == fetched.source_name for source in config.source):
        return False
    with path.open("a", encoding="utf-8") as file:
        file.write(f"\n{fetched.toml()}\n")
    return True


def wanted(file: str, patterns: tuple[str, ...]) -> bool:
    """Whether a file of the repository matches one of the patterns. `**/` stands for any folder, or none.

    >>> wanted("train.parquet", ("**/*.parquet",)), wanted("README.md", ("**/*.parquet", "*.json"))
    (True, False)
    """
    return any(
        fnmatch.fnmatch(file, pattern) or fnmatch.fnmatch(file, pattern.removeprefix("**/")) for pattern in patterns
    )
