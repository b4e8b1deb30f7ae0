"""Small tokenizers of every kind, trained on raw/sample in a moment, and chat templates as models have them."""

from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from pipeline.tokenizers.transformers_tokenizer import TransformersTokenizer, open_transformers
from tests.support.paths import ROOT

#: Each as the family named writes it: what matters here, shortened.
CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
#: Qwen 2.5: a default system prompt.
DEFAULT_SYSTEM = (
    "{% if messages[0].role != 'system' %}{{ '<|im_start|>system\n당신은 비서입니다.<|im_end|>\n' }}{% endif %}"
    + CHATML
)
#: Qwen 3: the last answer opens with an empty thought, and answers are taken apart at the end of one.
THINKING = (
    "{% for message in messages %}{% set content = message.content %}{% if message.role == 'assistant' %}"
    "{% if '</think>' in content %}{% set content = content.split('</think>')[-1].lstrip('\n') %}{% endif %}"
    "{% if loop.last %}{% set content = '<think>\n\n</think>\n\n' + content.lstrip('\n') %}{% endif %}{% endif %}"
    "{{ '<|im_start|>' + message.role + '\n' + content + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n<think>\n\n</think>\n\n' }}{% endif %}"
)
#: Llama 3: contents are stripped, the date is told.
STRIPPING = (
    "{{ bos_token + strftime_now('%d %b %Y') + '\n' }}{% for message in messages %}"
    "{{ '<|im_start|>' + message.role + '\n\n' + message.content | trim + '<|im_end|>' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n\n' }}{% endif %}"
)
#: Gemma: no place for a system prompt.
NO_SYSTEM = (
    "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}" + CHATML
)
#: Llama 2: the system prompt stands in the first message, spaces around contents, BOS before every exchange.
INST = (
    "{% if messages[0].role == 'system' %}{% set system = '<<SYS>>\n' + messages[0].content + '\n<</SYS>>\n\n' %}"
    "{% set rest = messages[1:] %}{% else %}{% set system = '' %}{% set rest = messages %}{% endif %}"
    "{% for message in rest %}{% if message.role == 'user' %}"
    "{{ bos_token + '[INST] ' + (system if loop.first else '') + message.content.strip() + ' [/INST]' }}"
    "{% else %}{{ ' ' + message.content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}"
)
#: Mistral Nemo: the system prompt stands in the last message of the user, and only until that is answered.
SYSTEM_LAST = (
    "{% if messages[0].role == 'system' %}{% set system = messages[0].content + '\n\n' %}{% set rest = messages[1:] %}"
    "{% else %}{% set system = '' %}{% set rest = messages %}{% endif %}{{ bos_token }}"
    "{% for message in rest %}{% if message.role == 'user' %}"
    "{{ '[INST]' + (system if loop.last else '') + message.content + '[/INST]' }}"
    "{% else %}{{ message.content + eos_token }}{% endif %}{% endfor %}"
)
#: Qwen 3 with tools: calls, results, thoughts, and earlier thoughts are left out.
TOOLS = (
    "{% if tools %}{{ '<|im_start|>system\n' }}{% for tool in tools %}{{ tool | tojson + '\n' }}{% endfor %}"
    "{{ '<|im_end|>\n' }}{% endif %}"
    "{% set ns = namespace(asked=-1) %}{% for message in messages %}{% if message.role == 'user' %}"
    "{% set ns.asked = loop.index0 %}{% endif %}{% endfor %}"
    "{% for message in messages %}{{ '<|im_start|>' + message.role + '\n' }}"
    "{% if message.role == 'assistant' and message.reasoning_content and loop.index0 > ns.asked %}"
    "{{ '<think>\n' + message.reasoning_content.strip('\n') + '\n</think>\n\n' }}{% endif %}"
    "{{ message.content }}{% for call in message.tool_calls or [] %}"
    "{{ '<call>' + call.function.name + ' ' + call.function.arguments | tojson + '</call>' }}{% endfor %}"
    "{{ '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}"
    "{% if enable_thinking is defined and not enable_thinking %}{{ '<think>\n\n</think>\n\n' }}{% endif %}{% endif %}"
)
#: Qwen 3 as it is: the last answer has an empty thought where it has none.
EMPTY_THOUGHT = TOOLS.replace(
    "{{ message.content }}",
    "{% if loop.last and message.role == 'assistant' and not message.reasoning_content %}"
    "{{ '<think>\n\n</think>\n\n' }}{% endif %}{{ message.content }}",
)
#: gpt-oss: one call of a message is written.
ONE_CALL = TOOLS.replace("message.tool_calls or []", "(message.tool_calls or [])[:1]")
#: Gemma 4: what is said before a call is written behind it.
CALL_FIRST = TOOLS.replace("{{ message.content }}", "").replace(
    "{{ '<|im_end|>\n' }}{% endfor %}{% if add", "{{ message.content + '<|im_end|>\n' }}{% endfor %}{% if add"
)
#: The same with the thought.
THOUGHT_LAST = CALL_FIRST.replace(
    "{{ message.content + '<|im_end|>\n' }}",
    "{% if message.thinking %}{{ '<think>\n' + message.thinking + '\n</think>\n\n' }}{% endif %}"
    "{{ message.content + '<|im_end|>\n' }}",
).replace("reasoning_content", "no_field")
#: Calls and results are written in one turn, and then what was said before the call.
RESULT_FIRST = CALL_FIRST.replace(
    "{{ message.content + '<|im_end|>\n' }}",
    "{% if message.tool_calls and not loop.last %}{{ loop.nextitem.content }}{% endif %}"
    "{% if message.role != 'tool' %}{{ message.content + '<|im_end|>\n' }}{% endif %}",
)
#: A template that reads {type, function} alone.
READS_FUNCTION = TOOLS.replace("{{ tool | tojson + '\n' }}", "{{ tool.function.name + '\n' }}")
#: A template that passes over other tools.
SKIPS_TOOLS = TOOLS.replace(
    "{{ tool | tojson + '\n' }}", "{% if tool.function is defined %}{{ tool.function.name + '\n' }}{% endif %}"
)
#: Two special tokens end an answer, with white space between them.
TWO_ENDS = CHATML.replace("'<|im_end|>\n'", "'<|im_end|>\n' + ('<|endoftext|>' if message.role == 'assistant' else '')")
#: GLM: nothing ends an answer but the beginning of the next message.
NEXT_ENDS = CHATML.replace("'<|im_end|>\n'", "''").replace("'<|im_start|>'", "'<|im_start|>' ")
#: Qwen 3.5: a prompt that opens a thought.
OPENS_THOUGHT = TOOLS.replace("{% if enable_thinking is", "{{ '<think>\n' }}{% if enable_thinking is")
#: Gemma 4: thoughts between marks of their own, taken out of earlier answers wherever they are written.
CHANNEL = (
    "{% for message in messages %}{% set content = message.content %}{% if '<channel|>' in content %}"
    "{% set content = content.split('<channel|>')[-1] %}{% endif %}{{ '<|im_start|>' + message.role + '\n' }}"
    "{% if message.thinking and loop.last %}{{ '<|channel>thought\n' + message.thinking + '<channel|>' }}{% endif %}"
    "{{ content + '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
#: Llama 3.1: results of tools are written as JSON; Mistral: a call has its id; DeepSeek: arguments are text.
JSON_RESULTS = (
    "{% for message in messages %}{{ '<|im_start|>' + message.role + '\n' }}"
    "{{ message.content | tojson if message.role == 'tool' else message.content }}"
    "{% for call in message.tool_calls or [] %}"
    "{{ '<call>' + call.id + call.function.name + call.function.arguments + '</call>' }}{% endfor %}"
    "{{ '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
#: Models that see images: contents are lists of parts.
PARTS = (
    "{% for message in messages %}{{ '<|im_start|>' + message.role + '\n' }}{% for part in message.content %}"
    "{{ part.text }}{% endfor %}{{ '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]


def sample_texts() -> list[str]:
    return [line for path in sorted((ROOT / "raw" / "sample").iterdir()) for line in path.read_text().splitlines()]


@cache
def byte_level() -> Tokenizer:
    """Byte-level BPE with GPT-4's way of splitting, as Llama 3 and Qwen have it."""
    tokenizer = Tokenizer(models.BPE())
    from tokenizers import Regex

    pattern = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+"
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=1500, special_tokens=SPECIALS, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(sample_texts(), trainer)
    return tokenizer


@cache
def metaspace() -> Tokenizer:
    """BPE over ▁ with bytes to fall back on, as Llama 2 has it: every text that is encoded alone begins with ▁."""
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=False)
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    specials = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    trainer = trainers.BpeTrainer(vocab_size=1500, special_tokens=specials, show_progress=False)
    tokenizer.train_from_iterator(sample_texts(), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 1)]
    )
    return tokenizer


@cache
def unigram() -> Tokenizer:
    """Unigram with EOS behind every text, as T5 has it."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=1500, special_tokens=["<pad>", "</s>", "<unk>"], unk_token="<unk>", show_progress=False
    )
    tokenizer.train_from_iterator(sample_texts(), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)]
    )
    return tokenizer


def save(folder: Path, tokenizer: Tokenizer, chat_template: str | None = None, **specials: str) -> Path:
    """The tokenizer as `save_pretrained` lays it out."""
    wrapped: Any = PreTrainedTokenizerFast(tokenizer_object=tokenizer, **specials)
    wrapped.chat_template = chat_template
    wrapped.save_pretrained(folder)
    return folder


def save_causal(folder: Path, chat_template: str | None = CHATML) -> Path:
    specials = {"bos_token": "<|endoftext|>", "pad_token": "<|endoftext|>"}
    return save(folder, byte_level(), chat_template, eos_token="<|im_end|>", **specials)


@cache
def causal(chat_template: str | None = CHATML) -> TransformersTokenizer:
    return open_transformers("causal", str(save_causal(Path(mkdtemp()), chat_template)))


@cache
def llama2(chat_template: str | None = INST) -> TransformersTokenizer:
    specials = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    return open_transformers("llama2", str(save(Path(mkdtemp()), metaspace(), chat_template, **specials)))


@cache
def t5() -> TransformersTokenizer:
    specials = {"eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
    return open_transformers("t5", str(save(Path(mkdtemp()), unigram(), None, **specials)))
