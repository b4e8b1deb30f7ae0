"""What layout causal learns, and what TRL learns, token by token, for every chat template in TRL's wheel.

    TRL=…/bin/python python -m benchmarks.templates > benchmarks/templates.md

TRL is the Python of an environment that holds trl, torch and jinja2; this file runs there again, with `peer`, and so
imports nothing of this project at its top.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "description": "도시의 날씨를 알려 준다.",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string", "description": "도시"}},
                "required": ["city"],
            },
        },
    }
]
CALL = {"id": "call12345", "type": "function", "function": {"name": "weather", "arguments": {"city": "부산"}}}


def user(content: str) -> dict[str, Any]:
    return {"role": "user", "content": content}


def answer(content: str, reasoning: str | None = None, calls: list[Any] | None = None) -> dict[str, Any]:
    return {"role": "assistant", "content": content, "reasoning": reasoning, "calls": calls}


FIRST = [user("인사해 줘."), answer("안녕하세요!")]
LAST = [user("한국의 수도는?"), answer("서울입니다.")]
RESULT = {"role": "tool", "content": "맑음, 21도", "tool_call_id": "call12345", "name": "weather"}
CASES: dict[str, dict[str, Any]] = {
    "single": {"messages": LAST},
    "turns": {"messages": [*FIRST, *LAST]},
    "system": {"system": "짧게 답한다.", "messages": LAST},
    "tools": {
        "tools": TOOLS,
        "messages": [user("부산 날씨는?"), answer("", calls=[CALL]), RESULT, answer("부산은 맑고 21도입니다.")],
    },
    "thought": {"messages": [user("3에 6을 곱하면?"), answer("18입니다.", "여섯 번 더한다.")]},
    "thoughts": {
        "messages": [user("안녕?"), answer("네.", "인사다."), user("3 × 6?"), answer("18.", "여섯 번 더한다.")]
    },
}


def peer(folder: Path) -> None:
    """In TRL's environment: what TRL makes of the cases, for each tokenizer in the folder."""
    from transformers import AutoTokenizer
    from trl.chat_template_utils import get_training_chat_template, has_generation_markers

    for place in sorted(folder.iterdir()):
        tokenizer = AutoTokenizer.from_pretrained(place)
        found: dict[str, Any] = {}
        try:
            training = get_training_chat_template(tokenizer) or tokenizer.chat_template
            if not has_generation_markers(training):
                training = None
        except ValueError:
            training = None
        found["training"] = training
        date = (place / "date.txt").read_text()
        for name, case in json.loads((place / "cases.json").read_text()).items():
            how = {"tools": case["tools"] or None, "tokenize": True, "return_dict": True}
            try:
                if training is None:
                    raise ValueError("TRL has no training template")
                ids = tokenizer.apply_chat_template(
                    case["messages"], chat_template=date + training, return_assistant_tokens_mask=True, **how
                )
                row = {"ids": ids["input_ids"], "mask": ids["assistant_masks"]}
            except Exception as error:
                row = {"error": f"{type(error).__name__}: {error}"}
            try:
                how["chat_template"] = date + tokenizer.chat_template
                given = tokenizer.apply_chat_template(case["messages"][:-1], add_generation_prompt=True, **how)[
                    "input_ids"
                ]
                whole = tokenizer.apply_chat_template(case["messages"], **how)["input_ids"]
                row["completion"] = [whole, len(given), whole[: len(given)] == given]
            except Exception as error:
                row["completion_error"] = f"{type(error).__name__}: {error}"
            found[name] = row
        (place / "peer.json").write_text(json.dumps(found))


#: How special tokens look, and the marks that models have as tokens that are not special.
SPECIAL = re.compile(
    r"<\|[^|<>\s'\"]+\|>|<｜[^<>\s'\"]+｜>|<\|[a-z_]+>|<[a-z_]+\|>|</?s>|<(?:start|end)_of_\w+>|<end_of_utterance>"
    r"|\[/?(?:INST|gMASK)\]|<sop>|<bos>|<eos>"
)
PLAIN = re.compile(r"</?(?:think|tool_call|tool_response|tools|arg_key|arg_value)>")
ENDS = ("<|im_end|>", "<|eot_id|>", "<end_of_turn>", "<turn|>", "<|END_OF_TURN_TOKEN|>", "<end_of_utterance>",
        "<|return|>", "<｜end▁of▁sentence｜>")  # fmt: skip


def tokenizer_for(template: str, folder: Path) -> None:
    """A small tokenizer with the special tokens of this template, saved with it."""
    import copy

    from tokenizers import AddedToken
    from transformers import PreTrainedTokenizerFast

    from tests.support.small_tokenizers import byte_level

    base = copy.deepcopy(byte_level())
    specials = sorted(set(SPECIAL.findall(template)))
    plain = sorted(set(PLAIN.findall(template)))
    base.add_special_tokens(
        [AddedToken(token, special=True, normalized=False) for token in ["<bos>", "<eos>", *specials]]
    )
    base.add_tokens([AddedToken(token, special=False, normalized=False) for token in plain])
    eos = next((end for end in ENDS if end in specials), "<eos>")
    wrapped: Any = PreTrainedTokenizerFast(tokenizer_object=base, bos_token="<bos>", eos_token=eos)
    wrapped.chat_template = template
    wrapped.save_pretrained(folder)


def record_of(case: dict[str, Any]) -> dict[str, Any]:
    """A case as a row of the table."""
    fields = ("role", "content", "reasoning", "tool_calls", "tool_call_id", "name", "learn")

    def message(spoken: dict[str, Any]) -> dict[str, Any]:
        calls = spoken.get("calls") and json.dumps(spoken["calls"])
        return {name: (spoken | {"tool_calls": calls}).get(name) for name in fields}

    spoken = case["messages"]
    asked = max(place for place, each in enumerate(spoken) if each["role"] == "user")
    return {
        "system": case.get("system"),
        "tools": case.get("tools") and json.dumps(case["tools"], ensure_ascii=False),
        "history": [message(each) for each in spoken[:asked]],
        "instruction": spoken[asked]["content"],
        "input": "",
        "steps": [message(each) for each in spoken[asked + 1 : -1]],
        "reasoning": spoken[-1].get("reasoning"),
        "output": spoken[-1]["content"],
    }


def ours(folder: Path) -> dict[str, Any]:
    """What layout causal makes of the cases, with the tokenizer in the folder."""
    import pyarrow as pa

    from pipeline.stages.tokenize import tokenize
    from pipeline.table.sequences import unroll
    from pipeline.tokenizers.protocol import ChatTemplateError
    from pipeline.tokenizers.transformers_tokenizer import open_transformers
    from schemas.columns import INGESTED
    from schemas.options import TokenizeOptions

    tokenizer = open_transformers(folder.name, str(folder))
    options = TokenizeOptions(layout="causal", max_length=8192)
    found: dict[str, Any] = {}
    for name, case in CASES.items():
        row = record_of(case)
        table = pa.table(
            {field.name: pa.array([row[field.name]], field.type) for field in INGESTED if field.name in row}
        )
        try:
            rows = unroll(tokenize(table, tokenizer, options)).to_pylist()
        except ChatTemplateError as error:
            found[name] = f"ChatTemplateError: {error}"
            continue
        rejected = rows[0]["reject_reason"] and f"{rows[0]['reject_reason']}: {rows[0]['reject_detail']}"
        found[name] = rejected or [
            {"ids": each["input_ids"], "mask": [int(label != -100) for label in each["labels"]]} for each in rows
        ]
    return found


def cases_for(folder: Path) -> dict[str, Any]:
    """The cases as messages for TRL, thoughts in the field that this template reads."""
    from pipeline.stages.tokenize.chat import writer_of
    from pipeline.tokenizers.transformers_tokenizer import open_transformers
    from schemas.options import TokenizeOptions

    writer = writer_of(open_transformers(folder.name, str(folder)), TokenizeOptions())
    found = {}
    for name, case in CASES.items():
        system = [{"role": "system", "content": case["system"]}] if "system" in case else []
        messages: list[dict[str, Any]] = []
        for spoken in [*system, *case["messages"]]:
            message = {key: value for key, value in spoken.items() if key not in ("reasoning", "calls")}
            if spoken.get("reasoning"):
                from pipeline.stages.tokenize.probe import message_of

                field = writer.prober.thought_field or "content"
                message = message_of("assistant", {"": spoken["content"], "r": spoken["reasoning"]}, field, ())
            if spoken.get("calls"):
                message["tool_calls"] = spoken["calls"]
            if writer.parts:
                message = message | {"content": [{"type": "text", "text": message["content"]}]}
            messages.append(message)
        found[name] = {"tools": case.get("tools"), "messages": messages}
    return found


def verdict(mine: Any, theirs: dict[str, Any], trained: Any = None) -> str:
    """What the table says of one case. `trained`: what ours makes of it with TRL's training template."""
    if "ids" not in theirs:
        return "–" if isinstance(mine, str) else "ours only"
    again = verdict(trained, theirs) if trained is not None else ""
    again = f", {again}" if again in ("=", "given") else ""
    if isinstance(mine, str):
        return "refused" + again
    if len(mine) > 1:
        return f"{len(mine)} sequences" + again
    if mine[0]["ids"] != theirs["ids"]:
        return "other ids" + again
    pairs = list(zip(mine[0]["mask"], theirs["mask"], strict=True))
    if all(one == other for one, other in pairs):
        return "="
    return "given" if all(one <= other for one, other in pairs) else "other"


def completion(mine: Any, theirs: dict[str, Any]) -> bool | None:
    """Whether the last answer has the ids and the mask of TRL's prompt-completion; None where one of both has none, or
    where TRL's prompt is not the beginning of its conversation: TRL then masks as many ids as the prompt has."""
    if isinstance(mine, str) or "completion" not in theirs or not theirs["completion"][2]:
        return None
    whole, given, _ = theirs["completion"]
    mask = mine[-1]["mask"]
    start = len(mask) - mask[::-1].index(0) if 0 in mask else 0
    return bool(mine[-1]["ids"] == whole and start == given)


def table(folder: Path) -> list[str]:
    """A line for each template, and the reasons of what is refused."""
    lines = ["| template | " + " | ".join(CASES) + " | completion |", "|---" * (len(CASES) + 2) + "|"]
    reasons: dict[str, list[str]] = {}
    for place in sorted(folder.iterdir()):
        if place.name.endswith("_training"):
            continue
        theirs = json.loads((place / "peer.json").read_text())
        mine, trained = ours(place), dict.fromkeys(CASES)
        if theirs["training"] and theirs["training"] != (place / "chat_template.jinja").read_text():
            again = folder / f"{place.name}_training"
            trained = ours(again) if again.exists() else trained
        cells = [verdict(mine[name], theirs[name], trained[name]) for name in CASES]
        same = [same for name in CASES if (same := completion(mine[name], theirs[name])) is not None]
        lines.append(f"| {place.name} | {' | '.join(cells)} | {sum(same)} of {len(same)} |")
        for name in CASES:
            if isinstance(mine[name], str):
                reason = mine[name].replace(place.name, "this tokenizer").replace("\n", " ")
                reasons.setdefault(reason, []).append(f"{place.name} ({name})")
    return [*lines, "", *(f"- {reason.removesuffix('.')}: {', '.join(names)}" for reason, names in reasons.items())]


TEXT = """# Chat templates: what layout causal learns, and what TRL learns

TRL {version}, transformers {transformers}; every chat template in TRL's wheel, each with a small tokenizer that has its
special tokens.

    {command}

The cases: one exchange; two; a system prompt; a call of a tool and its result; a thought; two exchanges, both with
thoughts. TRL's side is `SFTTrainer` with `assistant_only_loss` (its training template, which has `{{% generation %}}`
marks), the date in the prompt set to the one that we always write. The last column: the last answer compared with TRL's
prompt-completion form (`completion_only_loss`), in how many of the cases that both can write and where TRL's prompt
is the beginning of its conversation (elsewhere TRL warns, and masks as many ids as the prompt has, which are others).

- **=** the same ids, and the same ids learned, token by token: thought, calls, the whole end of an answer.
- **given** the same ids; TRL also learns some ids before the answer which the template gives a model at generation
  (`add_generation_prompt`): the header (`<｜Assistant｜>`), its line end, or `<think>`. We learn what a model has to
  write.
- **2 sequences** the model's template writes the first answer otherwise in the middle than at the end (without its
  thought): that answer is learned in a sequence of its own, as it is at generation. TRL learns it without its thought,
  or writes, with a training template, what the model's own template never writes.
- **other ids** one sequence on both sides. The model's template writes an empty thought before the last answer alone;
  TRL's training template writes one before every answer. We write what the model's template writes, and flag the row
  (`other-prompt`).
- **other** the mask differs in another way: see below.
- **ours only** TRL cannot mask it: it has no training template for this one, or its template fails.
- **refused** the template loses the tools, the calls or the thought of the row. TRL trains on what is left; we reject
  the row by name (`no-template`) and say why (below).
- **–** neither can write it.
- Behind a comma: the result with TRL's training template as the template of the tokenizer.

{table}

**other**: diffusion_gemma, tools: after a result its template gives no header at generation, but writes one before the
answer, so a model has to write it, and it is learned; and a call ends in `<|tool_response>`, which the template writes
where a conversation ends with a call. TRL learns neither. llava_next writes a space after `</s>`: it is learned as part
of the end, as TRL learns the line end after `<|im_end|>` elsewhere.

**completion**: glm4moe writes no end after the last answer. TRL's prompt-completion form then teaches no end; we learn
the token with which the next message begins, as TRL's training template does.
"""


def main(python: str) -> None:
    import transformers

    from pipeline.tokenizers.transformers_tokenizer import FIXED_DATE

    where = "import trl, pathlib; print(pathlib.Path(trl.__file__).parent / 'chat_templates'); print(trl.__version__)"
    asked = subprocess.run([python, "-c", where], capture_output=True, text=True, check=True)
    templates, version = asked.stdout.split()
    folder = Path(mkdtemp())
    for path in sorted(Path(templates).glob("*.jinja")):
        place = folder / path.stem
        tokenizer_for(path.read_text("utf-8"), place)
        (place / "cases.json").write_text(json.dumps(cases_for(place)))
        (place / "date.txt").write_text(FIXED_DATE)
    subprocess.run([python, __file__, "peer", str(folder)], check=True, stdout=sys.stderr)
    command = "TRL=…/bin/python python -m benchmarks.templates > benchmarks/templates.md"
    rows = "\n".join(table(folder))
    print(TEXT.format(version=version, transformers=transformers.__version__, command=command, table=rows), end="")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        peer(Path(sys.argv[2]))
    else:
        main(os.environ["TRL"])
