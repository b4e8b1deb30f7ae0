"""The whole chain on long records against SentencePiece alone, and with a large vocabulary against `tokenizers` alone.

KOBERT_SPIECE=…/spiece.model KO_INSTRUCT_DATA=…/data python -m benchmarks.chain_long > benchmarks/chain_long.md

RECORDS=200 VOCABULARY=4000 LARGEST=1 ROUNDS=1 try it in small: these are the conversations, the pieces of the
vocabulary, the megabytes of the largest record, and the rounds.
"""

import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson

from benchmarks.chain import ALONE, CORES, KO_INSTRUCT, Cost, apart, cost, three_columns
from benchmarks.synthetic import real_rows, reviews
from pipeline.dataset.manifest_file import read_manifest

#: Long records, and characters of their answers: some 2,000 tokens of KoBERT.
RECORDS, ANSWER = int(os.environ.get("RECORDS", 10_000)), 4_300
VOCABULARY = int(os.environ.get("VOCABULARY", 128_000))
#: Megabytes of one record.
LARGEST = int(os.environ.get("LARGEST", 10))
ROUNDS = int(os.environ.get("ROUNDS", 3))
TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)

#: Encodes the three columns of a file of rows with a tokenizer of the library `tokenizers`, in batches, on all cores.
BATCHES = """
import sys, time, orjson
from tokenizers import Tokenizer
tokenizer = Tokenizer.from_file(sys.argv[1])
rows = [orjson.loads(line) for line in open(sys.argv[2], "rb")]
columns = [[row[name] for row in rows] for name in ("instruction", "input", "output")]
start = time.perf_counter()
for column in columns:
    for at in range(0, len(column), 8192):
        tokenizer.encode_batch(column[at : at + 8192], add_special_tokens=False)
print(time.perf_counter() - start)
"""


def long_records(file: Path, columns: Path, count: int, length: int) -> None:
    """Conversations: questions of KoAlpaca and the chatbot data, answered with joined film reviews of this length. And
    their texts as the rows of `ALONE`."""
    rng, questions, texts = random.Random(1), real_rows(), reviews()

    def text() -> str:
        found: list[str] = []
        characters = 0
        while characters < length:
            found.append(rng.choice(texts))
            characters += len(found[-1]) + 1
        return " ".join(found)[:length]

    with file.open("wb") as records, columns.open("wb") as rows:
        for number in range(count):
            question = f"{questions[number % len(questions)]['instruction']} ({number})"
            answer = text()
            messages = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
            records.write(orjson.dumps({"messages": messages}, option=orjson.OPT_APPEND_NEWLINE))
            row = {"instruction": question, "input": "", "output": answer}
            rows.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))


def train(columns: Path, folder: Path) -> None:
    """A byte-level BPE of VOCABULARY pieces of these rows, as a folder that transformers opens."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    specials = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=specials,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    rows = map(orjson.loads, columns.open("rb"))
    tokenizer.train_from_iterator((" ".join(row.values()) for row in rows), trainer)
    fast: Any = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token="<|endoftext|>", chat_template=TEMPLATE
    )
    fast.save_pretrained(folder)


def alone(code: str, *arguments: object) -> Cost:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    seconds = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return Cost(seconds, float("nan"), float("nan"))


def chain(files: list[Path], out: Path, *options: object) -> Cost:
    return cost(KO_INSTRUCT, "run", *files, "--out", out, *options, cwd=out.parent)


def show(name: str, reference: str, turns: list[tuple[Cost, Cost]], out: Path) -> None:
    """The table of a corpus: the best of the turns, each the reference and the chain."""
    manifest = read_manifest(out)
    counts, least, ours = manifest.counts, min(turn[0] for turn in turns).wall, min(turn[1] for turn in turns)
    print(f"\n## {name}: {counts.rows_in:,} rows; the chain keeps {counts.kept:,}, {manifest.tokens.total:,} tokens\n")
    print("| | s | ratio | µs a row | processor, s | peak, MiB |\n|---|---|---|---|---|---|")
    print(f"| {reference} | {least:.2f} | **1.00** | {least / counts.rows_in * 1e6:.1f} | | |")
    cells = [f"{ours.wall:.2f}", f"**{ours.wall / least:.2f}**", f"{ours.wall / counts.rows_in * 1e6:.1f}"]
    print(f"| `ko-instruct run` | {' | '.join([*cells, f'{ours.processor:.1f}', f'{ours.peak:,.0f}'])} |", flush=True)


def main() -> None:
    model, data = str(Path(os.environ["KOBERT_SPIECE"]).resolve()), Path(os.environ["KO_INSTRUCT_DATA"]).resolve()
    libraries = ", ".join(f"{name} {version(name)}" for name in ("sentencepiece", "tokenizers", "pyarrow", "orjson"))
    print(f"""# The whole chain on long records, and with a large vocabulary

{time.strftime("%B %Y")}, {CORES} cores; Python {platform.python_version()}, {libraries}.

    KOBERT_SPIECE=…/spiece.model KO_INSTRUCT_DATA=…/data python -m benchmarks.chain_long > benchmarks/chain_long.md

Best of {ROUNDS} rounds in turns. `ko-instruct run` is measured from the start of its process to its end, files to
files.

- Long records: {RECORDS:,} conversations with an answer of {ANSWER:,} characters each, made of film reviews; layout
  pair with max_length 8192. SentencePiece encodes question and answer, ready in memory, on all cores.
- One record of {LARGEST} MB: a question and such an answer, which truncation cuts.
- A large vocabulary: KoAlpaca a + b with a byte-level BPE of up to {VOCABULARY:,} pieces, trained on the film reviews
  and these rows; layout causal. `tokenizers` encodes the three columns, ready in memory, with encode_batch on all
  cores.""")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        file, columns, out = home / "long.jsonl", home / "columns.jsonl", home / "built"
        options = ("--tokenizer", model, "--set", "tokenize.max_length=8192")
        letters = LARGEST * 1_000_000 // 3  # of three bytes, most of them
        for name, count, length in (("Long records", RECORDS, ANSWER), (f"One record of {LARGEST} MB", 1, letters)):
            apart(long_records, file, columns, count, length)
            turns = [(alone(ALONE, model, columns, CORES), chain([file], out, *options)) for _ in range(ROUNDS)]
            show(name, f"SentencePiece alone, {CORES} threads", turns, out)

        files = [data / f"koalpaca_v1.0_{name}.json" for name in "ab"]
        rows, corpus, tokenizer, out = home / "rows.jsonl", home / "corpus.jsonl", home / "bpe", home / "built_bpe"
        apart(three_columns, files, rows)
        apart(corpus_of, rows, corpus)
        apart(train, corpus, tokenizer)
        options = ("--tokenizer", str(tokenizer), "--layout", "causal")
        encode = tokenizer / "tokenizer.json"
        turns = [(alone(BATCHES, encode, rows), chain(files, out, *options)) for _ in range(ROUNDS)]
        show("A large vocabulary", f"`tokenizers` alone, {CORES} threads", turns, out)


def corpus_of(rows: Path, corpus: Path) -> None:
    """These rows and the film reviews."""
    with corpus.open("wb") as sink:
        sink.write(rows.read_bytes())
        for review in reviews():
            row = {"instruction": "", "input": review, "output": ""}
            sink.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))


if __name__ == "__main__":
    main()
