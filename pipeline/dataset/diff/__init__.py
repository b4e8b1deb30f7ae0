"""diff: which records came, went and changed between two datasets, and what they were made with.

One pass over each dataset, batch by batch; of a record a few hashes are held. A second pass reads the examples.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.dataset.diff.examples import KINDS, examples
from pipeline.dataset.diff.found import find, numbers_of
from pipeline.dataset.diff.join import Joined, join
from pipeline.dataset.diff.records import Group, Records, records_of
from pipeline.dataset.diff.rows import DiffError, has_rejects
from pipeline.dataset.diff.settings import Manifest, same_ids, settings
from pipeline.dataset.hidden import Hide, masked
from pipeline.dataset.manifest_file import read_any_manifest
from pipeline.io.terminal_text import visible
from schemas.difference import Difference, Rows

__all__ = ["DiffError", "diff"]


def diff(old: Path, new: Path, count: int = 10, hide: Hide = masked) -> Difference:
    """The difference between two datasets, with `count` examples of each kind. `hide`: what is done to their texts.

    `old`, `new`: folders under processed/, configs of a downloaded repository, or files of rows. Raises DiffError, and
    RowsError or ManifestError for a file that is damaged.
    """
    before, after = read_any_manifest(old), read_any_manifest(new)
    groups: dict[Group, int] = {}
    first, second = records_of(old, groups), records_of(new, groups)
    joined = join(first, second)
    with_ids = same_ids(before, after)
    found = list(find(first, second, joined, list(groups), with_ids))
    totals = {kind: len(numbers_of(found, kind)) for kind in KINDS}
    both = first.kept[joined.old] & second.kept[joined.new]
    rejected = (_rejected(old, first), _rejected(new, second))
    ids_note = IDS_DIFFER if before and after else IDS_UNKNOWN
    return Difference(
        old=visible(str(old)),
        new=visible(str(new)),
        kept=(int(first.kept.sum()), int(second.kept.sum())),
        rejected=rejected,
        rejects=_rejects(first, second, joined, list(groups)) if None not in rejected else None,
        totals=totals,
        same=int(both.sum()) - totals["changed"],
        moved=int((both & joined.moved).sum()),
        rows=[Rows(kind=one.kind, source=one.source, why=one.why, rows=len(one.old)) for one in found],
        settings=settings(before, after),
        examples=examples(old, new, found, count, hide),
        notes=[
            *_notes(old, before),
            *_notes(new, after),
            *([] if with_ids else [ids_note]),
        ],
    )


IDS_DIFFER = "token ids are not compared: the layouts or the tokenizers differ"
IDS_UNKNOWN = "token ids are not compared: without manifest.json the layout and the tokenizer are not known"


def _rejected(path: Path, records: Records) -> int | None:
    return int((~records.kept).sum()) if path.is_file() or has_rejects(path) else None


def _rejects(old: Records, new: Records, joined: Joined, groups: Sequence[Group]) -> tuple[int, int, int]:
    """The records that are rejected now and were not there, those the other way round, those with another reason."""
    both = ~old.kept[joined.old] & ~new.kept[joined.new]
    pairs = zip(old.group[joined.old[both]].tolist(), new.group[joined.new[both]].tolist(), strict=True)
    other = sum(groups[one][1:] != groups[two][1:] for one, two in pairs)
    return int((~new.kept[joined.new_alone]).sum()), int((~old.kept[joined.old_alone]).sum()), other


def _notes(path: Path, manifest: Manifest) -> Iterator[str]:
    if not manifest:
        yield f"{visible(str(path))} has no manifest.json: options, versions and raw files are not compared"
    if path.is_dir() and not has_rejects(path):
        yield f"{visible(str(path))} has no rejects.jsonl: why a record is not in it is not known"
