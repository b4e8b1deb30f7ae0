"""Lists in a document beside the records that are read: data of another shape, which people must choose."""

from collections.abc import Mapping, Sequence

from pipeline.stages.ingest.detect.record import shapes_of
from pipeline.stages.ingest.faults import Fault
from pipeline.stages.ingest.fields.names import DESCRIPTIONS, NOTES, ORIGIN, leaf
from pipeline.stages.ingest.fields.paths import Record
from pipeline.stages.ingest.fields.toml_line import toml
from pipeline.stages.ingest.fields.unmapped import LEGAL, MOST, is_sentence
from pipeline.stages.ingest.fields.written import is_talk
from pipeline.stages.ingest.offers.ways import guesses, made_of_another, ways
from pipeline.stages.ingest.parse.framing import Entry
from schemas.shapes import Shape


def lists_beside(sample: Sequence[Entry]) -> dict[str, list[Record]]:
    """The lists of objects beside the records of the one document that a file is, by their paths.

    (What people say is what the records are about.)
    """
    found = sample[0].others if sample else None
    if not found or any(entry.others is not found for entry in sample):
        return {}
    return {path: items for path, items in found.items() if not is_talk(items)}


def lists_of_records(lists: Mapping[str, list[Record]]) -> dict[str, list[Record]]:
    """The lists among those of a document, by their paths, that may be records of their own."""
    return {path: items for path, items in lists.items() if not _is_note(path) and _are_records(items)}


def _is_note(path: str) -> bool:
    word = leaf(path)
    return word in {*ORIGIN, *NOTES, *DESCRIPTIONS} or LEGAL.fullmatch(word) is not None


def _are_records(items: Sequence[Record]) -> bool:
    """Whether most objects hold a sentence beside another text. (What people say belongs to the document.)"""
    objects = [item for item in items if isinstance(item, dict)]
    texts = [[text for text in item.values() if isinstance(text, str) and text.strip()] for item in objects]
    likely = [each for each in texts if len(each) > 1 and any(map(is_sentence, each))]
    return len(likely) > MOST * len(items) and not is_talk(items)


def without_lists(outer: Record, lists: Mapping[str, object]) -> Record:
    """What a document says around its records, without these lists."""
    inside = {name: [path.removeprefix(f"{name}.") for path in lists if path.startswith(f"{name}.")] for name in outer}
    return {
        name: without_lists(value, dict.fromkeys(inside[name])) if inside[name] else value
        for name, value in outer.items()
        if name not in lists
    }


def lists_fault(lists: Mapping[str, list[Record]], shape: Shape | None) -> Fault:
    """The fault of a document with records of several shapes: what reads the first list, and what reads another."""
    names = " and ".join(f"`{path}`" for path in lists)
    offered = [f"`{toml(shape)}`, so that {names} {'is' if len(lists) == 1 else 'are'} left out"] if shape else []
    for path, items in lists.items():
        lines = [toml(each) for each in shapes_of(items[0])] or [*ways(items)]
        lines = lines or [*made_of_another(items[0]), *guesses(items)]
        offered += [f"`{line}`, so that `{path}` is read" for line in lines[:1]]
    words = ", with words of your own in place of …" if any("…" in each for each in offered) else ""
    found = f"{names} {'holds' if len(lists) == 1 else 'hold'} records of another shape than those that are read"
    choice = f"choose in the source {', or '.join(offered)}{words}"
    return Fault("unmapped-text", f"{found}: {choice}; to read all of them, split the file")
