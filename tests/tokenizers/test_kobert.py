"""KoBERT's ids: the golden set of the official wrapper, and a plain reference of its steps on generated texts."""

import gzip
import json
import os
import pickle
import re
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.kobert import KoBERTTokenizer
from pipeline.tokenizers import kobert
from pipeline.tokenizers.kobert import KOBERT, KoBERT, VocabularyError, load, prepare
from tests.support.kobert_reference import reference_ids

EMBEDDED = kobert.EMBEDDED / "spiece.model"


@pytest.fixture(scope="module")
def real(spiece: Path) -> KoBERT:
    return load(spiece)


@pytest.fixture(scope="module")
def embedded() -> KoBERT:
    return load(EMBEDDED)


# The official ids.


def test_golden_ids(real: KoBERT, spiece: Path) -> None:
    with gzip.open(spiece.with_name("golden_ids.jsonl.gz")) as lines:
        golden = [orjson.loads(line) for line in lines]
    assert len(golden) == 12_060
    ids = real.encode(pa.array([row["text"] for row in golden])).to_pylist()
    assert [row["text"] for row, got in zip(golden, ids, strict=True) if got != row["ids"]] == []


def test_golden_pairs(spiece: Path) -> None:
    tokenizer = KoBERTTokenizer.from_pretrained(str(spiece))
    golden = json.loads(spiece.with_name("golden_pairs.json").read_text("utf-8"))
    assert len(golden) == 16
    for row in golden:
        wanted = {name: row[name] for name in ("input_ids", "token_type_ids", "attention_mask")}
        how = {"max_length": row["max_length"], "padding": "max_length", "truncation": True}
        assert dict(tokenizer(row["a"], row["b"], **how)) == wanted
        batch = tokenizer([row["a"]], row["b"] and [row["b"]], **how)
        assert dict(batch) == {name: [ids] for name, ids in wanted.items()}


def test_the_well_known_ids(real: KoBERT) -> None:
    assert real.name == "kobert"
    assert real.encode(pa.array(["한국어 모델을 공유합니다."])).to_pylist() == [
        [4958, 6855, 2046, 7088, 1050, 7843, 54]
    ]
    assert real.decode([2, 4958, 6855, 2046, 7088, 1050, 7843, 54, 3]) == "[CLS] 한국어 모델을 공유합니다.[SEP]"


def test_real_texts_equal_the_reference(real: KoBERT, data: Path) -> None:
    """Two thousand reviews and every text of KoAlpaca that the scan finds to need preparation, or not."""
    texts: list[str] = []
    with gzip.open(data / "nsmc_instruct.jsonl.gz") as lines:
        texts += [orjson.loads(line)["input"] for line, _ in zip(lines, range(2000), strict=False)]
    for row in orjson.loads((data / "koalpaca_v1.0_a.json").read_bytes())[:3000]:
        texts += [row["instruction"], row["output"]]
    expect_reference(real, texts)


# Any text.


SPACES = " \t\n\r\v\f\x1c\x1d\x1e\x1f\x85\u00a0\u1680\u2003\u2028\u2029\u202f\u205f\u3000"
MARKS = "\u0300\u0301\u0308\u0327\u20e3\u3099\u302e\u302f\u093c\u0bbe\ufe0f\u200d"
COMPATIBILITY_JAMO = "".join(map(chr, range(0x3131, 0x318F)))
CONJOINING_JAMO = "ᄀᄁᄋ하ᅢᅵᆨᆩᆫᇂ\u115f\u1160ᄼᆢꥠힰ"
PHRASES = [
    "한국어", "각", "하나님", "ㅋㅋㅋ", "ㅠㅠ", "10,000원", "....", "…", "카페", "``", "''", "①", "㎏", "ﷺ", "½",
    "x²", "ｱﾞ", "が", "盧", "👨\u200d👩\u200d👧", "🇰🇷", "[", "]", "▁", "<s>", "\x00", "\u200b", "\ufeff",
    "[mask]", "[MASK", "[[SEP]]", "［ＳＥＰ］",
    unicodedata.normalize("NFD", "각설이 타령"), unicodedata.normalize("NFD", "Café"), *kobert.SPECIAL_TOKENS,
]  # fmt: skip

texts = st.lists(
    st.one_of(
        st.sampled_from(PHRASES),
        st.sampled_from(SPACES),
        st.sampled_from(MARKS),
        st.sampled_from(COMPATIBILITY_JAMO),
        st.sampled_from(CONJOINING_JAMO),
        st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3),
        st.characters(max_codepoint=0x17F),
        st.characters(exclude_categories=["Cs"]),
    ),
    max_size=12,
).map("".join)


def expect_reference(tokenizer: KoBERT, column: list[str]) -> None:
    wanted = [reference_ids(tokenizer.processor, text) for text in column]
    got = tokenizer.encode(pa.array(column, pa.string())).to_pylist()
    assert [(text, w, g) for text, w, g in zip(column, wanted, got, strict=True) if w != g] == []


@given(column=st.lists(texts, max_size=30))
@settings(max_examples=300)
def test_any_column_equals_the_reference(embedded: KoBERT, column: list[str]) -> None:
    expect_reference(embedded, column)


@given(column=st.lists(texts, max_size=30))
def test_any_column_equals_the_reference_with_the_real_vocabulary(real: KoBERT, column: list[str]) -> None:
    expect_reference(real, column)


def plain_characters() -> Iterator[str]:
    plain = re.compile(f"[{kobert.PLAIN}]")
    return (chr(code) for code in range(sys.maxunicode + 1) if plain.match(chr(code)))


def test_plain_characters_need_no_preparation(embedded: KoBERT) -> None:
    """Every character of PLAIN, alone and next to those with which preparation could join or part it."""
    processor = embedded.processor
    around = [("", ""), ("가", "나"), ("각", "ㅏ"), (" ", "ㄱ"), ("ㄱ", " "), ("…", "."), ("a", "1")]
    contexts = pa.array([b + c + a for c in plain_characters() for b, a in around])
    contexts = contexts.filter(pc.invert(pc.match_substring_regex(contexts, kobert.UNPLAIN))).to_pylist()
    assert len(contexts) > 200_000
    prepared = [prepare(text) for text in contexts]
    changed = [(text, ready) for text, ready in zip(contexts, prepared, strict=True) if text != ready]
    assert len(changed) > 70_000  # syllables at least: the comparison below is not empty
    raw, ready = (processor.encode([pair[side] for pair in changed]) for side in (0, 1))
    assert [pair for pair, r, p in zip(changed, raw, ready, strict=True) if r != p] == []


def test_jamo_next_to_each_other(embedded: KoBERT) -> None:
    """Loose jamo join to syllables: every pair of letters, and triples and fours of one letter of each kind."""
    letters = [*COMPATIBILITY_JAMO, *CONJOINING_JAMO, *"가각힣a. …'`", "\u3000"]
    kinds = "ㄱㄲㅋㅏㅢㄳㅤ가각각. "
    sequences = [*product(letters, letters), *product(kinds, repeat=3), *product("ㄱㅏㄳ가ᅡᆨ ", repeat=4)]
    expect_reference(embedded, ["".join(sequence) for sequence in sequences])


# Columns.


def test_columns_of_every_shape(embedded: KoBERT) -> None:
    values = ["안녕", None, "안녕", "", "반가워요 [SEP]", None, "안녕"]
    wanted = [None if text is None else reference_ids(embedded.processor, text) for text in values]
    string = pa.array(values, pa.string())
    columns = [
        string,
        pa.array(values, pa.large_string()),
        pa.array(values, pa.string_view()),
        string.dictionary_encode(),
        pa.concat_arrays([pa.array(["앞"]), string, pa.array(["뒤"])]).slice(1, len(values)),
        pa.chunked_array([string.slice(0, 3), string.slice(3, 0), string.slice(3)]),
    ]
    for column in columns:
        ids = embedded.encode(column)
        assert ids.type == pa.list_(pa.int32())
        assert ids.to_pylist() == wanted
    for empty in (pa.array([], pa.string()), pa.chunked_array([], pa.string())):
        assert embedded.encode(empty).to_pylist() == []
    assert embedded.encode(pa.nulls(2, pa.string())).to_pylist() == [None, None]


def test_rows_do_not_know_each_other(embedded: KoBERT) -> None:
    values = ["가 나", "[MASK]", "ㄱㅏ", "가 나", "é", "x" * 5000]
    whole = embedded.encode(pa.array(values)).to_pylist()
    assert whole == [embedded.encode(pa.array([text])).to_pylist()[0] for text in values]
    assert pickle.loads(pickle.dumps(embedded)).encode(pa.array(values)).to_pylist() == whole


# Vocabularies.


def test_embedded_is_laid_out_like_kobert(embedded: KoBERT) -> None:
    assert embedded.name == "embedded"
    processor = embedded.processor
    assert [processor.id_to_piece(number) for number in range(5)] == list(kobert.SPECIAL_TOKENS)
    assert (embedded.single, embedded.pair) == (([2], [3]), ([2], [3], [3]))
    pieces = [processor.id_to_piece(number) for number in range(len(processor))]
    assert [piece for piece in pieces if re.search(r"\d,$", piece)] == []


def test_training_is_deterministic() -> None:
    """In this process and in another with another hash seed."""
    code = "import sys; from scripts.train_embedded import *; sys.stdout.buffer.write(train(sentences(SAMPLE)))"
    first, second = (
        subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True)
        for seed in ("1", "2")
    )
    assert first.returncode == 0, first.stderr.decode()
    assert first.stdout == second.stdout
    assert len(first.stdout) > 200_000


def wrong_vocabulary(path: Path, **options: Any) -> Path:
    from sentencepiece import SentencePieceTrainer

    with path.open("wb") as sink:
        SentencePieceTrainer.train(
            sentence_iterator=iter(["가나다라 마바사", "아자차카 타파하"]),
            model_writer=sink,
            vocab_size=20,
            model_type="char",
            minloglevel=2,
            **options,
        )
    return path


def test_another_vocabulary_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VocabularyError, match=r"Found \d+ pieces that begin with <unk> .*spiece.model of skt/kobert"):
        load(wrong_vocabulary(tmp_path / "spiece.model"))


def test_kobert_of_other_pieces_is_refused(tmp_path: Path) -> None:
    """The right special tokens are not enough: the pieces behind them decide the ids."""
    pieces = {"unk_piece": "[UNK]", "pad_id": 1, "pad_piece": "[PAD]", "bos_id": 2, "bos_piece": "[CLS]"}
    path = wrong_vocabulary(
        tmp_path / "x.model", unk_id=0, eos_id=3, eos_piece="[SEP]", control_symbols=["[MASK]"], **pieces
    )
    with pytest.raises(VocabularyError) as refused:
        load(path)
    assert "[UNK] [PAD] [CLS] [SEP] [MASK]" in str(refused.value)
    assert str(KOBERT.ids) in str(refused.value)


def test_no_vocabulary_at_all(tmp_path: Path) -> None:
    for no_model in (b"version https://git-lfs.github.com/spec/v1\n", b""):
        (tmp_path / "spiece.model").write_bytes(no_model)
        with pytest.raises(VocabularyError, match="not a SentencePiece model"):
            load(tmp_path / "spiece.model")
    with pytest.raises(FileNotFoundError, match="no such file"):
        load(tmp_path / "nowhere.model")


# The transformers tokenizer.


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return KoBERTTokenizer.from_pretrained(str(EMBEDDED))


def test_the_encoder_does_not_import_transformers() -> None:
    code = (
        "import sys, pipeline.tokenizers.kobert; sys.exit(bool({'transformers', 'sentencepiece'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("first", ["transformers", "pipeline.kobert"])
def test_auto_tokenizer_opens_a_saved_folder(first: str, tokenizer: Any, tmp_path: Path) -> None:
    """Alone, and beside the config of the model that it was saved with."""
    from transformers import BertConfig

    tokenizer.save_pretrained(tmp_path / "alone")
    tokenizer.save_pretrained(tmp_path / "model")
    BertConfig().save_pretrained(tmp_path / "model")
    code = f"""if True:
        import sys, {first}, pipeline.kobert
        from transformers import AutoTokenizer
        for folder in sys.argv[1:]:
            tokenizer = AutoTokenizer.from_pretrained(folder)
            print(type(tokenizer).__name__, tokenizer("안녕하세요")["input_ids"])
    """
    folders = [str(tmp_path / name) for name in ("alone", "model")]
    ran = subprocess.run([sys.executable, "-c", code, *folders], check=False, capture_output=True, text=True)
    assert ran.stdout.splitlines() == [f"KoBERTTokenizer {tokenizer('안녕하세요')['input_ids']}"] * 2, ran.stderr


def test_special_tokens(tokenizer: Any) -> None:
    assert (tokenizer.unk_token_id, tokenizer.pad_token_id, tokenizer.cls_token_id) == (0, 1, 2)
    assert (tokenizer.sep_token_id, tokenizer.mask_token_id) == (3, 4)
    assert tokenizer.convert_tokens_to_ids(["[MASK]", "없는조각"]) == [4, 0]
    assert tokenizer.convert_ids_to_tokens([2, 0, 3]) == ["[CLS]", "[UNK]", "[SEP]"]
    assert len(tokenizer) == tokenizer.vocab_size == 4000


@given(column=st.lists(texts, min_size=1, max_size=8))
def test_batches_singles_and_columns_agree(tokenizer: Any, embedded: KoBERT, column: list[str]) -> None:
    wanted = [[2, *ids, 3] for ids in embedded.encode(pa.array(column)).to_pylist()]
    assert tokenizer(column)["input_ids"] == wanted
    assert [tokenizer(text)["input_ids"] for text in column] == wanted
    ids = tokenizer(column, column[::-1])["input_ids"]
    assert ids == [[*a, *b[1:]] for a, b in zip(wanted, wanted[::-1], strict=True)]
    assert tokenizer(list(zip(column, column[::-1], strict=True)))["input_ids"] == ids


def test_padding_and_truncation(tokenizer: Any) -> None:
    batch = tokenizer(["안녕하세요", "", "오늘은 날씨가 참 좋네요"], padding=True)
    lengths = [sum(mask) for mask in batch["attention_mask"]]
    assert lengths[1] == 2 < lengths[0] < lengths[2]
    assert [ids[length:] for ids, length in zip(batch["input_ids"], lengths, strict=True)] == [
        [1] * (lengths[2] - length) for length in lengths
    ]
    cut = tokenizer("오늘은 날씨가 참 좋네요", "내일도 좋을까요?", truncation=True, max_length=8)
    assert len(cut["input_ids"]) == 8
    assert cut["token_type_ids"] == sorted(cut["token_type_ids"])
    arrays = tokenizer(["가", "오늘은 날씨"], padding=True, return_tensors="np")
    assert isinstance(arrays["input_ids"], np.ndarray)
    assert arrays["input_ids"].shape == arrays["token_type_ids"].shape


def test_collator(tokenizer: Any) -> None:
    from transformers import DataCollatorWithPadding

    features = [tokenizer("안녕"), tokenizer("오늘은 날씨가 참 좋네요")]
    batch = DataCollatorWithPadding(tokenizer, return_tensors="np")(features)
    assert batch["input_ids"].shape == batch["token_type_ids"].shape == (2, len(features[1]["input_ids"]))
    assert batch["input_ids"][0, -1] == 1


def test_save_and_load(tokenizer: Any, tmp_path: Path) -> None:
    tokenizer.save_pretrained(tmp_path)
    again = KoBERTTokenizer.from_pretrained(str(tmp_path))
    assert again("안녕 [MASK]", "ㅋㅋ") == tokenizer("안녕 [MASK]", "ㅋㅋ")
    assert pickle.loads(pickle.dumps(again))("안녕")["input_ids"] == tokenizer("안녕")["input_ids"]
    (tmp_path / "spiece.model").unlink()
    with pytest.raises((OSError, FileNotFoundError)):
        KoBERTTokenizer.from_pretrained(str(tmp_path))


def test_the_official_configuration_loads(tokenizer: Any, tmp_path: Path) -> None:
    """A folder as the official wrapper saved it: another class name, options of XLNetTokenizer, a stripping [MASK]."""
    tokenizer.save_pretrained(tmp_path)
    mask = {"content": "[MASK]", "lstrip": True, "rstrip": False, "single_word": False, "normalized": True}
    config = {
        "do_lower_case": False,
        "remove_space": True,
        "keep_accents": False,
        "additional_special_tokens": None,
        "mask_token": mask | {"__type": "AddedToken"},
        "cls_token": "[CLS]",
        "tokenizer_class": "XLNetTokenizer",
    }
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    again = KoBERTTokenizer.from_pretrained(str(tmp_path))
    assert again("안녕 [MASK] 하세요")["input_ids"] == tokenizer("안녕 [MASK] 하세요")["input_ids"]


def test_decode(tokenizer: Any) -> None:
    ids = tokenizer("오늘은 날씨가 참 좋네요.")["input_ids"]
    assert tokenizer.decode(ids, skip_special_tokens=True) == "오늘은 날씨가 참 좋네요."
    assert tokenizer.batch_decode([ids], skip_special_tokens=True) == ["오늘은 날씨가 참 좋네요."]
    assert tokenizer.decode(ids).startswith("[CLS] 오늘은")


def test_added_tokens_work_in_batches_too() -> None:
    tokenizer = KoBERTTokenizer.from_pretrained(str(EMBEDDED))
    tokenizer.add_tokens(["<질문>"])
    assert tokenizer(["<질문> 안녕"])["input_ids"] == [tokenizer("<질문> 안녕")["input_ids"]]
    assert tokenizer(["<질문> 안녕"])["input_ids"][0][1] == 4000


def test_special_tokens_can_be_read_as_text(tokenizer: Any) -> None:
    as_text = tokenizer("[MASK]", split_special_tokens=True)["input_ids"]
    assert 4 not in as_text
    assert tokenizer(["[MASK]"], split_special_tokens=True)["input_ids"] == [as_text]
