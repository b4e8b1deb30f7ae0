"""Options and result of `push`."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from schemas.options import Options


def must_name_a_ref(name: str) -> str:
    if not re.fullmatch(r"\w[\w.+-]*(/\w[\w.+-]*)*", name) or name.startswith("refs/") or ".." in name:
        raise ValueError("the name of a branch or tag has only letters, digits and . _ + - /, as in v1.0")
    return name


#: Short name of a branch or tag.
Ref = Annotated[str, AfterValidator(must_name_a_ref)]


class PushOptions(Options):
    """How an exported folder is published. The card, the manifest and the Parquet files are always sent."""

    private: bool = True
    """Visibility of a repository that push creates. The visibility of an existing one does not change."""
    revision: Ref = "main"
    """Branch that receives the commit. A missing branch is created from main."""
    create_pr: bool = False
    """Propose the commit as a pull request to the branch instead of changing it."""
    tag: Ref | None = None
    """Tag of the published commit."""
    message: str | None = Field(default=None, min_length=1)
    """First line of the commit message; the default is the name of the dataset."""
    also: tuple[Literal["jsonl", "arrow"], ...] = ()
    """Formats to publish in addition to Parquet. `load_dataset` does not need them."""
    rejects: bool = False
    """Publish rejects.jsonl. It holds the raw text of rejected records, which may contain what they were rejected
    for.
    """
    allow_embedded: bool = False
    """Publish token ids of the embedded vocabulary, which do not fit any published model."""
    permitted: tuple[str, ...] = ()
    """Sources whose owner permits redistribution, even if their declared licence does not."""
    dry_run: bool = False
    """Check and compare, but change nothing."""

    @model_validator(mode="after")
    def tag_what_is_published(self) -> Self:
        if self.create_pr and self.tag is not None:
            raise ValueError("a pull request is not published yet: merge it, then push again with the tag")
        return self


class PushedFile(BaseModel):
    """A file of the repository that push looked at. `bytes`: its local size; of a deleted file its size on the Hub."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str
    bytes: int
    change: Literal["add", "update", "delete", "same"]


class PushResult(BaseModel):
    """What push did, or would do (in a dry run)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    repo_id: str
    url: str
    """Address of the repository's page."""
    revision: str
    private: bool
    created: bool
    """Whether push created the repository."""
    files: tuple[PushedFile, ...]
    """Every published file, and the files of an earlier push that this push deletes."""
    card: str
    """The card of the repository, README.md: of the pushed layout, or of all layouts in the repository."""
    commit: str | None = None
    """The commit that holds these files: the new one, or an earlier one. None in a dry run."""
    committed: bool = False
    """Whether that commit is new. False: the repository already held the same bytes."""
    pr_url: str | None = None
    tag: str | None = None
    warnings: tuple[str, ...] = ()
    """What the user should know, although push went on."""

    @property
    def bytes(self) -> int:
        """Bytes published: the size of the dataset in the repository."""
        return sum(file.bytes for file in self.files if file.change != "delete")

    @property
    def bytes_to_send(self) -> int:
        return sum(file.bytes for file in self.files if file.change in ("add", "update"))
