"""Fetch: a published dataset's files from the Hugging Face Hub into raw/, at one revision, and its [[source]]."""

import fnmatch
import json
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from pipeline.stages.ingest.recipes import recipes
from schemas.errors import KoInstructError
from schemas.options import Config
from schemas.recipe import Recipe

#: What is taken of a dataset that has no recipe.
DATA_FILES = tuple(
    f"{folder}*.{ending}"
    for ending in ("json", "jsonl", "csv", "tsv", "parquet", "arrow", "zip")
    for folder in ("", "**/")
)


class FetchError(KoInstructError):
    """A dataset could not be fetched. The message says why, and what to do."""


class Fetched(BaseModel):
    """What lies in raw/ now."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    revision: str  # the commit that was taken
    license: str
    folder: str  # below raw/
    files: tuple[str, ...]  # below the folder
    recipe: str  # "" where none is known
    trap: str

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
            "url": f"https://huggingface.co/datasets/{self.id}",
            "revision": self.revision,
        }
        lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items() if value]
        return "\n".join(["[[source]]", *lines])

    def benchmark_toml(self) -> str:
        """The line of [screen] that keeps its rows out of a dataset."""
        return f"benchmarks = {json.dumps(self.globs, ensure_ascii=False)}"


def escape(name: str) -> str:
    """A file's name as a glob that means it alone."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


def fetch(name: str, raw: Path, revision: str = "main") -> Fetched:
    """Download the files that a dataset's recipe names to raw/<owner>/<name>, resuming what an earlier try has begun.

    `name`: a Hub id, of a recipe or of any dataset (then every data file is taken). The revision is pinned to the
    commit that it stands for. Raises FetchError: offline, gated, unknown, or nothing to take.
    """
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import (  # type: ignore[attr-defined]
        GatedRepoError,
        HFValidationError,
        HTTPError,  # of whichever HTTP library the client uses
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    recipe = recipes().get(name, Recipe(id=name, files=DATA_FILES))
    if not recipe.files:
        raise FetchError(f"{name} is a template for files that you have, and names none on the Hub: put them into raw/")
    try:
        info = HfApi().dataset_info(name, revision=revision)
        files = tuple(sorted(file.rfilename for file in info.siblings or () if wanted(file.rfilename, recipe.files)))
        if not files:
            raise FetchError(f"{name} holds none of {', '.join(recipe.files)}: look at its files on the Hub")
        folder = raw / name
        exactly = [escape(file) for file in files]
        snapshot_download(name, repo_type="dataset", revision=info.sha, allow_patterns=exactly, local_dir=folder)
    except GatedRepoError:
        refused = f"{name} is gated: accept its terms at https://huggingface.co/datasets/{name}, then `hf auth login`"
    except (RepositoryNotFoundError, RevisionNotFoundError):
        refused = f"{name} at {revision} is not on the Hub, or private: check the name, or `hf auth login`"
    except HFValidationError:
        refused = f"{name!r} is no Hub id: it has the form owner/name"
    except UnicodeEncodeError:
        refused = "the token holds characters that no token has: log in again with `hf auth login`"
    except (HTTPError, OSError) as error:
        refused = (
            f"the Hub cannot be reached ({type(error).__name__}): go online and run this again, it goes on where it "
            f"stopped; or put the files into {raw / name} yourself"
        )
    else:
        card = info.card_data.get("license") if info.card_data else None
        return Fetched(
            id=name,
            revision=info.sha or revision,
            license=recipe.license if recipe.license != "unknown" else card if isinstance(card, str) else "unknown",
            folder=name,
            files=files,
            recipe=name if name in recipes() else "",
            trap=recipe.trap,
        )
    # Raised outside of the handlers, so that nothing is chained to it: the requests that errors hold carry the token.
    raise FetchError(refused)


def declare(fetched: Fetched, config: Config, path: Path) -> bool:
    """Add the [[source]] to the config at this path, unless it declares a source of this name. Whether it was added."""
    if any(source.name == fetched.source_name for source in config.source):
        return False
    with path.open("a", encoding="utf-8") as file:
        file.write(f"\n{fetched.toml()}\n")
    return True


def wanted(file: str, patterns: tuple[str, ...]) -> bool:
    """Whether a repository's file is among those to take (`**/` stands for any folder, or none)."""
    return any(
        fnmatch.fnmatch(file, pattern) or fnmatch.fnmatch(file, pattern.removeprefix("**/")) for pattern in patterns
    )
