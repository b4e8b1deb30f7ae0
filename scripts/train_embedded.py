"""Train the embedded vocabulary: a small one, laid out like KoBERT's, so that a first run needs no network.

    python -m scripts.train_embedded

It reads raw/sample and writes pipeline/tokenizers/embedded/: the vocabulary and the check that
`pipeline.kobert.load` knows it by.
The same records give the same bytes.
"""

import io
import json
from pathlib import Path

import pyarrow.compute as pc

from pipeline.io.atomic_files import whole
from pipeline.stages.ingest import ingest
from pipeline.tokenizers.kobert import EMBEDDED, KOBERT, SPECIAL_TOKENS
from schemas.options import Source

SAMPLE = Path(__file__).parents[1] / "raw" / "sample"
PIECES = 4000

#: The syllables of KS X 1001, which is nearly every syllable that Korean writes, the jamo that ㅋㅋ and ㅠㅠ become,
#: and printable ASCII: the sample holds only some of them, and a user's own text should not come out as [UNK].
REQUIRED = "".join(
    [bytes([row, cell]).decode("euc-kr") for row in range(0xB0, 0xC9) for cell in range(0xA1, 0xFF)]
    + [chr(code) for codes in (range(0x1100, 0x1113), range(0x1161, 0x1176), range(0x21, 0x7F)) for code in codes]
)


def sentences(folder: Path) -> list[str]:
    """Every distinct text of the sample's records, in sorted order."""
    texts: set[str] = set()
    source = Source(name="sample", files=("sample/*",))
    for path in sorted(path for path in folder.iterdir() if path.suffix in {".jsonl", ".json", ".csv"}):
        for table in ingest(path, path.name, source):
            for column in ("instruction", "input", "output"):
                texts.update(pc.unique(table[column]).drop_null().to_pylist())
    return sorted(texts - {""})


def train(texts: list[str]) -> bytes:
    """A unigram model with nmt_nfkc and KoBERT's special tokens 0 to 4, as bytes."""
    from sentencepiece import SentencePieceTrainer

    model = io.BytesIO()
    unk, pad, cls, sep, mask = SPECIAL_TOKENS
    SentencePieceTrainer.train(
        sentence_iterator=iter(texts),
        model_writer=model,
        model_type="unigram",
        vocab_size=PIECES,
        character_coverage=1.0,
        required_chars=REQUIRED,
        normalization_rule_name="nmt_nfkc",
        unk_id=0,
        unk_piece=unk,
        pad_id=1,
        pad_piece=pad,
        bos_id=2,
        bos_piece=cls,
        eos_id=3,
        eos_piece=sep,
        control_symbols=[mask],
        num_threads=1,  # more threads add floats in another order
        minloglevel=2,
    )
    return model.getvalue()


def main() -> None:
    from sentencepiece import SentencePieceProcessor

    texts = sentences(SAMPLE)
    model = train(texts)
    processor = SentencePieceProcessor(model_proto=model)
    check = {
        "name": "embedded",
        "pieces": processor.get_piece_size(),
        "text": KOBERT.text,
        "ids": processor.encode(KOBERT.text),
    }
    with whole(EMBEDDED / "spiece.model") as sink:
        sink.write(model)
    with whole(EMBEDDED / "check.json") as sink:
        sink.write(json.dumps(check, ensure_ascii=False, indent=1).encode() + b"\n")
    print(f"{EMBEDDED}: {check['pieces']:,} pieces from {len(texts):,} texts, {len(model):,} bytes")


if __name__ == "__main__":
    main()
