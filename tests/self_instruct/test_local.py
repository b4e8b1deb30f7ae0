"""Self-Instruct with models of transformers on this machine: tiny ones, made here, that write nonsense."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipeline.cli import main
from pipeline.self_instruct.errors import GeneratorError
from pipeline.self_instruct.generators import Generator, open_generator
from schemas.self_instruct import Request, Sampling
from tests.support.self_instruct_model import SENTENCES

pytestmark = pytest.mark.train

TEXTS = [
    "새로운 과제를 한국어로 쓰세요. 1. 요약하세요. 2. 번역하세요.",
    "예시 1\n입력: 하늘\n출력: 파랑",
    "지시문: 답:",
]
PROMPTS = ["하늘", "새로운 과제를 한국어로 쓰세요.", "입력: 하늘\n출력:", "예시", "번역하세요. 요약하세요. 과제", "답:"]
REQUESTS = [Request(prompt=prompt, seed=number) for number, prompt in enumerate(PROMPTS)]
DRAWN = Sampling(max_tokens=12, temperature=1.5, top_p=0.95, stop=())
LIKELIEST = DRAWN.model_copy(update={"temperature": 0})


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    torch = pytest.importorskip("torch", reason="torch is not installed: make test-train installs it")
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration

    torch.manual_seed(0)
    torch.set_num_threads(1)
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    special = ["<pad>", "</s>"]
    raw.train_from_iterator(
        TEXTS, trainers.BpeTrainer(vocab_size=400, special_tokens=special, initial_alphabet=alphabet)
    )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, eos_token="</s>", pad_token="<pad>")
    size = len(tokenizer)
    folder = tmp_path_factory.mktemp("models")
    ends = {"bos_token_id": 1, "eos_token_id": 1, "pad_token_id": 0}
    causal = GPT2LMHeadModel(GPT2Config(vocab_size=size, n_embd=16, n_layer=2, n_head=2, n_positions=2048, **ends))
    seq2seq = T5ForConditionalGeneration(
        T5Config(
            vocab_size=size, d_model=16, d_kv=8, d_ff=32, num_layers=2, num_heads=2, decoder_start_token_id=0, **ends
        )
    )
    for name, model in (("causal", causal), ("seq2seq", seq2seq)):
        model.save_pretrained(folder / name)
        tokenizer.save_pretrained(folder / name)
    tokenizer.chat_template = "{% for turn in messages %}<{{ turn.role }}>{{ turn.content }}{% endfor %}답:"
    causal.save_pretrained(folder / "chat")
    tokenizer.save_pretrained(folder / "chat")
    return {name: str(folder / name) for name in ("causal", "seq2seq", "chat")}


def opened(folder: str, batch: int = 1) -> Generator:
    return open_generator(folder, batch=batch, concurrency=1, retries=0, timeout=1)


@pytest.mark.parametrize("kind", ["causal", "seq2seq", "chat"])
def test_what_is_drawn_depends_on_the_seed_and_not_on_the_batch(kind: str, models: dict[str, str]) -> None:
    one_by_one = list(opened(models[kind]).answers(REQUESTS, DRAWN))
    together = list(opened(models[kind], 4).answers(REQUESTS, DRAWN))
    assert one_by_one == together
    assert list(opened(models[kind], 4).answers(REQUESTS[4:], DRAWN)) == together[4:]
    other = [request.model_copy(update={"seed": request.seed + 100}) for request in REQUESTS]
    assert list(opened(models[kind]).answers(other, DRAWN)) != one_by_one
    assert len({answer.text for answer in one_by_one}) > 1


@pytest.mark.parametrize("kind", ["causal", "seq2seq"])
def test_at_temperature_0_no_seed_matters(kind: str, models: dict[str, str]) -> None:
    model = opened(models[kind], 3)
    other = [request.model_copy(update={"seed": request.seed + 100}) for request in REQUESTS]
    assert list(model.answers(REQUESTS, LIKELIEST)) == list(model.answers(other, LIKELIEST))


def test_draws_follow_the_distribution() -> None:
    """Gumbel-max: the shares of the tokens drawn are the softmax of the logits at this temperature."""
    torch = pytest.importorskip("torch")
    from pipeline.self_instruct.local import sampler

    logits, count = torch.tensor([1.0, 0.0, -1.0, 2.0]), 4000
    draw = sampler(DRAWN.model_copy(update={"temperature": 2.0, "top_p": 1}), range(count))
    drawn = draw(torch.zeros(count, 1, dtype=torch.long), logits.repeat(count, 1)).argmax(dim=1)
    shares = torch.bincount(drawn, minlength=4) / count
    assert torch.allclose(shares, (logits / 2).softmax(dim=0), atol=0.03)


def test_ends_and_counts(models: dict[str, str]) -> None:
    model = opened(models["causal"], 6)
    long = list(model.answers(REQUESTS, DRAWN))
    assert {answer.completion_tokens for answer in long if answer.finish == "length"} == {12}
    assert all(answer.completion_tokens < 12 for answer in long if answer.finish == "stop")
    for request, answer in zip(REQUESTS, long, strict=True):
        assert answer.prompt_tokens == len(model.tokenizer(request.prompt)["input_ids"])  # type: ignore[attr-defined]
    # A text that stops the answer is cut off with what comes behind it.
    text = next(answer.text for answer in long if len(answer.text) > 4)
    stop = text[2:4]
    cut = list(model.answers(REQUESTS, DRAWN.model_copy(update={"stop": (stop,)})))
    place = [answer.text for answer in long].index(text)
    assert (cut[place].text, cut[place].finish) == (text[: text.index(stop)], "stop")


def test_the_chat_template_is_used(models: dict[str, str]) -> None:
    plain, chat = (next(iter(opened(models[kind]).answers(REQUESTS[:1], DRAWN))) for kind in ("causal", "chat"))
    assert chat.prompt_tokens > plain.prompt_tokens


def test_a_prompt_without_room(models: dict[str, str]) -> None:
    with pytest.raises(
        GeneratorError, match=r"causal has room for 2048 tokens, and a prompt of \d+ with an answer of 12"
    ):
        list(opened(models["causal"]).answers([Request(prompt="가나다 " * 900, seed=0)], DRAWN))


def test_no_model(models: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(GeneratorError, match="cannot be loaded as a model that generates"):
        opened(str(tmp_path))


def test_the_command_with_a_model_in_a_folder(models: dict[str, str], tmp_path: Path) -> None:
    sentences, out = tmp_path / "sentences.txt", tmp_path / "new.jsonl"
    sentences.write_text(SENTENCES, encoding="utf-8")
    arguments = [
        *("self-instruct", "--simple", "--seeds", str(sentences), "--generator", models["causal"]),
        *("--count", "2", "--max-tokens", "16", "--requests", "3", "--patience", "2", "--out", str(out)),
    ]
    assert CliRunner().invoke(main, arguments, catch_exceptions=False).exit_code == 0
    log = (tmp_path / "new.log").read_bytes()
    entries = [json.loads(line) for line in log.splitlines()]
    assert entries[0]["generator"] == "causal"
    assert sum("answer" in entry for entry in entries) >= 6
    (tmp_path / "new.log").write_bytes(log[: len(log) // 2])
    assert CliRunner().invoke(main, arguments, catch_exceptions=False).exit_code == 0
    assert (tmp_path / "new.log").read_bytes() == log
