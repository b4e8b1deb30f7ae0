"""What `ko-instruct diff` finds between two datasets."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel

#: A record that was not kept and now is, one that was and is not, one that is kept with another content.
Kind = Literal["came", "went", "changed"]


class Rows(BaseModel):
    """How many records of a source came, went or changed, and why."""

    kind: Kind
    source: str
    why: str
    rows: int


class Example(BaseModel):
    """A record that came, went or changed. `old`, `new`: its origin, and its texts; of a changed one what differs."""

    kind: Kind
    why: str
    old: dict[str, Any] | None = None
    new: dict[str, Any] | None = None


class Setting(BaseModel):
    """An option, a version, a raw file or another thing of a manifest that differs; null where a manifest has none."""

    name: str
    old: Any = None
    new: Any = None


class Difference(BaseModel):
    """The difference between two datasets.

    `kept`, `rejected`: records of the old and of the new one; null where a dataset has no rejects.jsonl. `totals`:
    records of each kind; one that changed in two ways is in two of `rows`. `same`: kept in both, and not changed.
    `rejects`: rejected records that the old one does not have at all, that the new one does not have, and that have
    another reason; null where a dataset has no rejects.jsonl.
    `moved`: kept in both, from another place. `notes`: what could not be compared.
    """

    old: str
    new: str
    kept: tuple[int, int]
    rejected: tuple[int | None, int | None]
    rejects: tuple[int, int, int] | None = None
    totals: dict[Kind, int]
    same: int
    moved: int
    rows: list[Rows]
    settings: list[Setting]
    examples: list[Example]
    notes: list[str]

    @property
    def differs(self) -> bool:
        return bool(self.rows or self.settings or self.moved or any(self.rejects or ()))
