"""A prompt with its replies, and the replies to those: each way down is a conversation."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from pipeline.stages.ingest.faults import Fault
from pipeline.stages.ingest.fields.marks import Marks
from pipeline.stages.ingest.fields.paths import Record, at, kind, list_at, number_of, without
from pipeline.stages.ingest.parse.framing import Entry
from pipeline.stages.ingest.shapes.joined import REPLIES, ROOT
from pipeline.stages.ingest.shapes.rows import Row, numbered
from pipeline.stages.ingest.shapes.talk_rows import row_of_talk
from pipeline.stages.ingest.shapes.turn_objects import Keys, turn_of
from schemas.shapes import Tree, TreeRecords


def tree_records(entry: Entry, shape: TreeRecords) -> list[Row]:
    """The rows of the tree that `joined` put together."""
    if not isinstance(at(entry.value, ROOT), dict):
        raise Fault("no-turns", f"the record holds no tree of messages with `{shape.id}` and `{shape.parent}`")
    options = {name: value for name, value in shape if name not in ("kind", "id", "parent")}
    return tree(entry, Tree(root=ROOT, replies=REPLIES, **options))


class Way(NamedTuple):
    """A way down a tree: its messages, and for each whether an earlier way went through it."""

    messages: list[Record]
    known: list[bool]


def tree(entry: Entry, shape: Tree) -> list[Row]:
    """A row for each way from the prompt to a last reply, or one for the way of the best replies."""
    root = at(entry.value, shape.root)
    if not isinstance(root, dict):
        raise Fault("not-an-object", f"`{shape.root}` is {kind(root)}, not a message with `{shape.replies}`")
    ways = [_best_way(root, shape)] if shape.paths == "best" else list(_ways(root, shape))
    others = without(entry.value, [shape.root])
    found = []
    for number, way in enumerate(ways, 1):
        keys = Keys(shape.role, shape.text, shape.reasoning, Marks(shape.learn, shape.learn_from))
        turns = [turn_of(message, place, keys, shape.roles) for place, message in enumerate(way.messages, 1)]
        taught = [
            turn._replace(learn=False) if known and turn.role == "assistant" else turn
            for turn, known in zip(turns, way.known, strict=True)
        ]
        found.append(row_of_talk(entry, taught, others, shape.root, place=numbered(number, len(ways))))
    return found


def _ways(root: Record, shape: Tree) -> Iterator[Way]:
    """Every way down, the replies in their order. Replies of a way are no field of its messages."""
    stack: list[tuple[Record, list[Record], list[bool]]] = [(root, [], [])]
    while stack:
        message, before, known = stack.pop()
        replies = list_at(message, shape.replies)
        messages = [*before, without(message, [shape.replies])]
        if not replies:
            yield Way(messages, [*known, False])
        for number in reversed(range(len(replies))):
            # The first way through a message is the one that learns it.
            passed = [True] * len(messages) if number else [*known, False]
            stack.append((_message(replies[number], shape), messages, passed))


def _best_way(root: Record, shape: Tree) -> Way:
    """The way of the replies that are ranked first; the others stay in the fields of the message that they answer."""
    messages = []
    message = root
    while replies := list_at(message, shape.replies):
        ranks = [number_of(at(reply, shape.rank)) for reply in replies]
        best = min(range(len(replies)), key=lambda place: (ranks[place] is None, ranks[place] or 0, place))
        others = [reply for place, reply in enumerate(replies) if place != best]
        messages.append({**without(message, [shape.replies]), **({shape.replies: others} if others else {})})
        message = _message(replies[best], shape)
    messages.append(without(message, [shape.replies]))
    return Way(messages, [False] * len(messages))


def _message(reply: Any, shape: Tree) -> Record:
    if isinstance(reply, dict):
        return reply
    raise Fault("not-an-object", f"a reply in `{shape.root}` is {kind(reply)}, not a message with `{shape.text}`")
