"""A conversation as an object of nodes, each with a message and the id of the node before it: an export of ChatGPT."""

from collections.abc import Sequence
from typing import Any

from pipeline.stages.ingest.faults import Fault
from pipeline.stages.ingest.fields.paths import Record, at, kind, without
from pipeline.stages.ingest.parse.exact_json import dumps
from pipeline.stages.ingest.parse.framing import Entry
from pipeline.stages.ingest.shapes.rows import Row
from pipeline.stages.ingest.shapes.trees import tree
from schemas.shapes import Nodes, Tree

#: The field of the answers to a message in the tree that is made of the nodes.
REPLIES = "replies"
#: The field of the messages that say nothing.
SILENT = "silent_messages"
#: What is not for a tool has this recipient.
EVERYBODY = "all"
#: Types of contents: how long a thought took, and what a user wants to be known.
RECAP, ABOUT_USER = "reasoning_recap", ("user_editable_context", "model_editable_context")
#: Keys of a text in a content without parts.
TEXTS = ("text", "content", "result", "user_profile", "user_instructions", "model_set_context")


def are_nodes(value: Any) -> bool:
    """Whether a value is an object of nodes: each names the one before it, and holds a message or null."""
    return isinstance(value, dict) and bool(value) and all(map(_is_node, value.values()))


def _is_node(node: Any) -> bool:
    if not isinstance(node, dict) or "parent" not in node or isinstance(node["parent"], list | dict):
        return False
    return isinstance(node.get("message", False), dict | None)


def nodes(entry: Entry, shape: Nodes) -> list[Row]:
    """A row for each way from the first message to a last one. Raises Fault: not-an-object, and as `tree` does.

    Messages that say nothing are no turns: they stay in `meta`.
    """
    found = at(entry.value, shape.nodes)
    if not are_nodes(found):
        raise Fault("not-an-object", f"`{shape.nodes}` is {kind(found)}, not an object of nodes with their messages")
    silent = [node["message"] for node in found.values() if node.get("message") and not _says_something(node)]
    value = {**entry.value, shape.nodes: _root(found), **({SILENT: silent} if silent else {})}
    return tree(entry._replace(value=value), Tree(root=shape.nodes, role="role", text="content", replies=REPLIES))


def _root(found: Record) -> Record:
    """The tree of the messages that say something, below one that says nothing where there are several first ones."""
    root: Record = {"role": "system", "content": "", REPLIES: []}
    messages = {key: _message(node) for key, node in found.items() if _says_something(node)}
    for key, message in messages.items():
        seen, above = {key}, found[key]["parent"]
        while above in found and above not in messages and above not in seen:
            seen.add(above)
            above = found[above]["parent"]
        messages.get(above, root)[REPLIES].append(message)
    first = root[REPLIES]
    return first[0] if len(first) == 1 else root


def _says_something(node: Record) -> bool:
    content = (node.get("message") or {}).get("content")
    if not isinstance(content, dict):
        return bool(content)
    values = without(content, ["content_type"]).values()
    return any(any(value) if isinstance(value, list) else bool(value) for value in values)


def _message(node: Record) -> Record:
    """The message of a node with its role, its text and, as fields of its own, its thought, its call and the rest."""
    message = node["message"]
    content, role = message["content"], at(message, "author.role")
    said, read = _said(content, role, message.get("recipient")) if isinstance(content, dict) else ({}, ())
    more = without(content, ["content_type", *read]) if isinstance(content, dict) else {}
    rest = {**without(node, ["id", "parent", "children", "message"]), **without(message, ["author.role"])}
    return {"role": role, **rest, **({"more": more} if more else {}), **said, REPLIES: []}


def _said(content: Record, role: str, recipient: Any) -> tuple[Record, Sequence[str]]:
    """What a content says, by the keys of a message, and the keys that say it."""
    texts = {key: content[key] for key in TEXTS if isinstance(content.get(key), str) and content[key]}
    if isinstance(content.get("thoughts"), list):
        thoughts = [at(thought, "content") for thought in content["thoughts"]]
        said = "\n".join(thought for thought in thoughts if isinstance(thought, str) and thought)
        return {"content": "", "reasoning": said}, ()  # with their summaries
    if isinstance(content.get("parts"), list):
        return {"content": [_part(part) for part in content["parts"] if part]}, ("parts",)
    if content.get("content_type") == RECAP:
        return {"content": ""}, ()
    if content.get("content_type") in ABOUT_USER:
        return {"role": "system", "content": "\n".join(texts.values())}, tuple(texts)
    if not texts:
        return {"content": dumps(content)}, tuple(content)
    key, text = next(iter(texts.items()))
    if role == "assistant" and isinstance(recipient, str) and recipient != EVERYBODY:
        call = {"name": recipient, "arguments": {"input": text}}
        return {"content": "", "tool_calls": [{"type": "function", "function": call}]}, (key,)
    return {"content": text}, (key,)


def _part(part: Any) -> Any:
    """A text as it is; an image or a sound as a part that a message can hold beside its text."""
    if not isinstance(part, dict):
        return part
    return {"type": "text" if isinstance(part.get("text"), str) else "image", **part}
