"""A conversation as an object of nodes, each with a message and the id of the node before it: an export of ChatGPT."""

from typing import Any

from pipeline.stages.ingest.fields import Record, at, kind, without
from pipeline.stages.ingest.framing import Entry
from pipeline.stages.ingest.parsing import Fault, dumps
from pipeline.stages.ingest.rows import Row
from pipeline.stages.ingest.trees import tree
from schemas.shapes import Nodes, Tree

#: The field of the answers to a message in the tree that is made of the nodes.
REPLIES = "replies"
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
    return isinstance(node, dict) and "parent" in node and isinstance(node.get("message", False), dict | None)


def nodes(entry: Entry, shape: Nodes) -> list[Row]:
    """A row for each way from the first message to a last one. Raises Fault: not-an-object, and as `tree` does."""
    found = at(entry.value, shape.nodes)
    if not are_nodes(found):
        raise Fault("not-an-object", f"`{shape.nodes}` is {kind(found)}, not an object of nodes with their messages")
    value = {**without(entry.value, [shape.nodes]), shape.nodes: _root(found)}
    return tree(entry._replace(value=value), Tree(root=shape.nodes, role="role", text="content", replies=REPLIES))


def _root(found: Record) -> Record:
    """The tree of the messages that say something, below one that says nothing where there are several first ones."""
    root: Record = {"role": "system", "content": "", REPLIES: []}
    messages = {key: _message(node["message"]) for key, node in found.items() if _says_something(node.get("message"))}
    for key, message in messages.items():
        seen, above = {key}, found[key]["parent"]
        while above in found and above not in messages and above not in seen:
            seen.add(above)
            above = found[above]["parent"]
        messages.get(above, root)[REPLIES].append(message)
    first = root[REPLIES]
    return first[0] if len(first) == 1 else root


def _says_something(message: Record | None) -> bool:
    content = message.get("content") if message else None
    if not isinstance(content, dict):
        return bool(content)
    values = without(content, ["content_type"]).values()
    return any(any(value) if isinstance(value, list) else bool(value) for value in values)


def _message(message: Record) -> Record:
    """A message with its role, its text and, as fields of its own, its thought and its call."""
    content, role = message["content"], at(message, "author.role")
    rest = without(message, ["content", "author.role"])
    return {"role": role, **rest, **_said(content, role, message.get("recipient")), REPLIES: []}


def _said(content: Any, role: str, recipient: Any) -> Record:
    """What a content says, by the keys of a message."""
    if not isinstance(content, dict):
        return {"content": content}
    kind_of, texts = content.get("content_type"), [text for key, text in content.items() if key in TEXTS and text]
    if isinstance(content.get("thoughts"), list):
        thoughts = [thought.get("content") or thought.get("summary") for thought in content["thoughts"]]
        return {"content": "", "reasoning": "\n".join(filter(None, thoughts))}
    if isinstance(content.get("parts"), list):
        return {"content": [_part(part) for part in content["parts"] if part]}
    if kind_of == RECAP:
        return {"content": "", RECAP: content.get("content")}
    if kind_of in ABOUT_USER:
        return {"role": "system", "content": "\n".join(texts)}
    if not texts:
        return {"content": dumps(content)}
    if role == "assistant" and isinstance(recipient, str) and recipient != EVERYBODY:
        call = {"name": recipient, "arguments": {"input": texts[0]}}
        return {"content": "", "tool_calls": [{"type": "function", "function": call}]}
    return {"content": texts[0]}


def _part(part: Any) -> Any:
    """A text as it is; an image or a sound as a part that a message can hold beside its text."""
    if not isinstance(part, dict):
        return part
    return {"type": "text" if isinstance(part.get("text"), str) else "image", **part}
