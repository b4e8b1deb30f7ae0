"""What `push` is told and what it tells: options, the files that travel, the result."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from schemas.options import Options


def must_name_a_ref(name: str) -> str:
    if not re.fullmatch(r"\w[\w.+-]*(/\w[\w.+-]*)*", name) or name.startswith("refs/") or ".." in name:
        raise ValueError("a branch or tag is named with letters, digits and . _ + - /, as in v1.0")
    return name


#: Short name of a branch or tag.
Ref = Annotated[str, AfterValidator(must_name_a_ref)]


class PushOptions(Options):
    """How an exported folder is published. The card, the manifest and the Parquet files always go."""

    #: Visibility of a repository that push creates. Push never changes that of an existing one.
    private: bool = True
    #: Branch that takes the commit; made from main where it is missing.
    revision: Ref = "main"
    #: Propose the commit as a pull request to the branch instead of changing it.
    create_pr: bool = False
    #: Tag of the published commit.
    tag: Ref | None = None
    #: First line of the commit's message; the dataset's name by default.
    message: str | None = Field(default=None, min_length=1)
    #: Formats beside Parquet. `load_dataset` needs neither.
    also: tuple[Literal["jsonl", "arrow"], ...] = ()
    #: Publish rejects.jsonl: raw text of records that were left out, which may be why they were left out.
    rejects: bool = False
    #: Publish token ids of the embedded stand-in vocabulary, which fit no published model.
    allow_embedded: bool = False
    #: Sources whose holder permits redistribution, whatever the licence that they are declared with says.
    permitted: tuple[str, ...] = ()
    #: Check and compare, change nothing.
    dry_run: bool = False

    @model_validator(mode="after")
    def tag_what_is_published(self) -> Self:
        if self.create_pr and self.tag is not None:
            raise ValueError("a pull request is not published yet: merge it, then push again with the tag")
        return self


class PushedFile(BaseModel):
    """A file of the repository that push looked at. `bytes`: its size here, or there where it is deleted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str
    bytes: int
    change: Literal["add", "update", "delete", "same"]


class PushResult(BaseModel):
    """What was done, or in a dry run would be done."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    repo_id: str
    #: Address of the repository's page.
    url: str
    revision: str
    private: bool
    #: The repository did not exist before.
    created: bool
    #: Every file that is published, and those of an earlier push that this one deletes.
    files: tuple[PushedFile, ...]
    #: The repository's own card, README.md: that of the layout pushed, or of all layouts that the repository holds.
    card: str
    #: The commit that holds these files: the new one, or the one that held them already. None in a dry run.
    commit: str | None = None
    #: Whether that commit is new. False means that the repository held the same bytes.
    committed: bool = False
    pr_url: str | None = None
    tag: str | None = None
    #: What a reader should know, though it stopped nothing.
    warnings: tuple[str, ...] = ()

    @property
    def bytes(self) -> int:
        """Bytes published: the size of the dataset in the repository."""
        return sum(file.bytes for file in self.files if file.change != "delete")

    @property
    def bytes_to_send(self) -> int:
        return sum(file.bytes for file in self.files if file.change in ("add", "update"))
