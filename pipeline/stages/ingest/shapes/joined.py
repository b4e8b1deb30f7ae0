"""Records that are a message each and name the message that they answer, put together to trees."""

from collections.abc import Iterator, Sequence

from pipeline.stages.ingest.faults import Fault
from pipeline.stages.ingest.fields.paths import Record, at
from pipeline.stages.ingest.fields.written import spelled
from pipeline.stages.ingest.parse.framing import Entry
from schemas.shapes import TreeRecords

#: The keys of the first message in the record of a tree, and of the replies to a message.
ROOT, REPLIES = "prompt", "replies"


def joined(entries: Iterator[Entry], shape: TreeRecords) -> Iterator[Entry]:
    """An entry for each tree, placed where its first message is. A message follows the one that it answers: another
    one is faulty (parted-tree). Faulty entries stay.
    """
    held: list[Entry] = []
    messages: dict[str, Record] = {}
    for entry in entries:
        name = at(entry.value, shape.id)
        if entry.fault or not isinstance(entry.value, dict) or name is None:
            yield entry._replace(
                fault=entry.fault or Fault("no-group", f"`{shape.id}` is missing: which message is it?")
            )
            continue
        parent = at(entry.value, shape.parent)
        message = {**entry.value, REPLIES: []}
        if parent in (None, ""):
            if held:
                yield together(held)
            messages, held = {}, [entry._replace(value={ROOT: message})]
        elif spelled(parent) not in messages or spelled(name) in messages:
            yield entry._replace(fault=_parted(shape, spelled(parent)))
            continue
        else:
            held.append(entry)
            messages[spelled(parent)][REPLIES].append(message)
        messages[spelled(name)] = message
    if held:
        yield together(held)


def together(held: Sequence[Entry]) -> Entry:
    """The first of some entries that are one record together, with the repairs and the fields left out of all."""
    fixes = dict.fromkeys(fix for entry in held for fix in entry.fixes)
    left_out = dict.fromkeys(name for entry in held for name in entry.left_out)
    return held[0]._replace(raw=None, fixes=tuple(fixes), left_out=tuple(left_out))


def _parted(shape: TreeRecords, parent: str) -> Fault:
    detail = f"the message answers {parent} (`{shape.parent}`), which does not come before it in the same tree: sort"
    return Fault("parted-tree", f"{detail} the source tree by tree, each message behind the one that it answers")
