"""The dataset card: `datasets` agrees with its header, and what it says of the run is the run."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from datasets import Features, load_dataset
from datasets.exceptions import NonMatchingSplitsSizesError
from hypothesis import given
from hypothesis import strategies as st

from pipeline import export
from pipeline.dataset import card as cards
from pipeline.dataset.manifest_file import read_manifest
from pipeline.run.chain import run
from pipeline.run.plan import plan_of_files
from schemas.manifest import Counts, Manifest, Packing, Rejected
from schemas.options import Config, ExportOptions
from tests.dataset.test_export import RECORD, about, finished
from tests.support import small_tokenizers as small
from tests.support.paths import ROOT

OPTIONS = {
    "dataset": {"name": "표본", "description": 'a "quoted" \\ text'},
    "source": [
        {"name": "가", "files": ["가/*.jsonl"], "license": "cc-by-4.0", "url": "https://huggingface.co/datasets/a/b"}
    ],
    "tokenize": {"tokenizer": ["embedded"], "max_length": 64},
    "dedupe": {"near": "keep"},
    "screen": {"mask": ["pii-phone"], "reject": ["pii-resident-number", "mojibake"]},
    "export": {"validation": 0.1, "formats": ["arrow", "parquet"]},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """raw/sample/study.json as a finished dataset."""
    out = tmp_path_factory.mktemp("card") / "표본"
    config = Config.model_validate(OPTIONS)
    run(plan_of_files([ROOT / "raw" / "sample" / "study.json"], out, config), workers=1)
    return out


def header_of(folder: Path) -> dict[str, Any]:
    header: dict[str, Any] = yaml.safe_load((folder / "README.md").read_text().split("---\n")[1])
    return header


def test_datasets_agrees_with_the_header(folder: Path, tmp_path: Path) -> None:
    read = load_dataset(str(folder), cache_dir=str(tmp_path))
    info = header_of(folder)["dataset_info"][0]
    assert info["config_name"] == "pair"
    assert {split["name"]: split["num_examples"] for split in info["splits"]} == read.num_rows
    parquet = {path: path.stat().st_size for path in folder.glob("pair/*.parquet")}
    assert info["download_size"] == sum(parquet.values())
    schema = pq.read_schema(next(iter(parquet)))
    assert read["train"].features == Features.from_arrow_schema(schema)
    size = {split["name"]: split["num_bytes"] for split in info["splits"]}
    assert info["dataset_size"] == sum(size.values())
    assert size["train"] == pytest.approx(read["train"].data.nbytes, rel=0.05)


def test_datasets_refuses_a_header_that_is_wrong(folder: Path, tmp_path: Path) -> None:
    """The numbers are there to be checked: rows that are missing are seen by whoever loads."""
    path = tmp_path / "copy"
    (path / "pair").mkdir(parents=True)
    for parquet in folder.glob("pair/*.parquet"):
        pq.write_table(pq.read_table(parquet).slice(1), path / "pair" / parquet.name)
    (path / "README.md").write_bytes((folder / "README.md").read_bytes())
    with pytest.raises(NonMatchingSplitsSizesError):
        load_dataset(str(path), cache_dir=str(tmp_path / "cache"))


SCALARS = st.sampled_from(
    [pa.string(), pa.int8(), pa.int32(), pa.int64(), pa.uint64(), pa.float32(), pa.float64(), pa.bool_()]
)
TYPES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        inner.map(pa.list_),
        st.dictionaries(st.sampled_from("abc"), inner, min_size=1).map(lambda d: pa.struct(d.items())),
    ),
    max_leaves=4,
)


@given(types=st.lists(TYPES, min_size=1, max_size=4))
def test_features_are_those_of_datasets(types: list[pa.DataType]) -> None:
    schema = pa.schema([(f"c{number}", kind) for number, kind in enumerate(types)])
    ours = [{"name": field.name, **cards._feature(field.type)} for field in schema]
    assert Features._from_yaml_list(ours) == Features.from_arrow_schema(schema)


def test_the_declaration_in_the_card_builds_the_same(folder: Path) -> None:
    manifest = read_manifest(folder)
    found = re.search(r"```toml\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)
    assert found is not None
    again = Config.model_validate(tomllib.loads(found[1]))
    assert again.stages == manifest.options
    assert (again.dataset, list(again.source)) == (manifest.dataset, manifest.sources)


@pytest.mark.parametrize(
    "shape",
    [
        None,
        {"kind": "columns", "instruction": "질문", "output": "답"},
        {
            "kind": "template",
            "instruction": "{문장}",
            "output": "{label}",
            "labels": {"label": {"0": '"부정"', "1": "긍정"}},
        },
    ],
    ids=str,
)
def test_a_declaration_of_every_kind_of_value(shape: dict[str, Any] | None) -> None:
    config = Config.model_validate(OPTIONS | {"source": [OPTIONS["source"][0] | {"shape": shape}]})
    made_of = about(dataset=config.dataset, sources=config.source, options=config.stages)
    text = cards.declaration(Manifest.model_construct(**dict(made_of)))
    assert Config.model_validate(tomllib.loads(text)) == config


def test_policies_are_told(folder: Path) -> None:
    text = (folder / "README.md").read_text()
    assert re.search(r"prompt and output differ in form alone .*\| `keep` \|", text)
    assert "rejected · 제외: `pii-resident-number`; masked · 가림: `pii-phone`; all other findings are flagged" in text
    assert "`mojibake`" not in text.split("## Changed")[0].split("## Duplicates")[1]


def test_a_source_of_the_hub_is_fetched_again(tmp_path: Path) -> None:
    source = {"name": "가", "files": ["*"], "url": "https://huggingface.co/datasets/a/b", "revision": "abc123"}
    export([finished([RECORD])], tmp_path / "표본", ExportOptions(), about(sources=[source]))
    assert "ko-instruct fetch a/b --revision abc123\n" in (tmp_path / "표본" / "README.md").read_text()


def test_the_card_of_one_config_is_not_touched() -> None:
    assert cards.merge({"pair": "anything\r\n"}) == "anything\r\n"


def test_a_card_with_the_line_ends_of_windows_is_joined() -> None:
    ours = "---\nlicense: mit\nconfigs:\n- config_name: pair\n---\n\nOurs.\n"
    theirs = ours.replace("pair", "fields").replace("Ours", "Theirs").replace("\n", "\r\n")
    merged = cards.merge({"pair": ours, "fields": theirs})
    header = yaml.safe_load(merged.split("---\n")[1])
    assert header == {"license": "mit", "configs": [{"config_name": "fields"}, {"config_name": "pair"}]}
    assert "Ours." in merged
    assert "Theirs." in merged


@pytest.mark.parametrize("configs", ["", "{config_name: pair}", "[pair]", "[{data_files: x}]"])
def test_a_card_whose_list_of_configs_is_damaged_is_not_joined(configs: str) -> None:
    ours = "---\nlicense: mit\n---\n\nOurs.\n"
    with pytest.raises(cards.CardError, match="in the card of the config fields, `configs` is not a list of entries"):
        cards.merge({"pair": ours, "fields": ours.replace("mit", f"mit\nconfigs: {configs}")})


def test_cards_of_two_exports_become_one(tmp_path: Path) -> None:
    texts = {}
    for layout in ("pair", "fields"):
        # The ids are those of `pair` both times: here only the card counts.
        export(
            [finished([RECORD])], tmp_path / layout, ExportOptions(), about(options={"tokenize": {"layout": layout}})
        )
        texts[layout] = (tmp_path / layout / "README.md").read_text()
    merged = cards.merge(texts)
    assert merged == cards.merge(dict(reversed(texts.items())))
    header = yaml.safe_load(merged.split("---\n")[1])
    assert [info["config_name"] for info in header["dataset_info"]] == ["fields", "pair"]
    assert [config["data_files"][0]["path"] for config in header["configs"]] == [
        "fields/train-*.parquet",
        "pair/train-*.parquet",
    ]
    assert header["tags"] == yaml.safe_load(texts["pair"].split("---\n")[1])["tags"]


def test_what_is_learned_of_conversations(tmp_path: Path) -> None:
    small.save_causal(tmp_path / "tok")
    turns = [{"role": role, "content": role} for role in ("user", "assistant", "user", "assistant")]
    (tmp_path / "a.jsonl").write_text(json.dumps({"messages": turns}) + "\n")
    for answers, says in (("all", "those of every answer of a record"), ("last", "those of the last answer")):
        config = OPTIONS | {
            "tokenize": {"tokenizer": [str(tmp_path / "tok")], "layout": "causal", "answers": answers},
            "export": {"validation": 0},
        }
        run(plan_of_files([tmp_path / "a.jsonl"], tmp_path / answers, Config.model_validate(config)), 1)
        text = (tmp_path / answers / "README.md").read_text()
        learned = read_manifest(tmp_path / answers).tokens.learned
        assert f"Learned: {learned} tokens, {says}" in text
        assert "thoughts are learned, too. 학습하는 토큰은" in text


def test_records_of_several_sequences(folder: Path) -> None:
    manifest = read_manifest(folder)
    options = manifest.options.model_copy(
        update={"tokenize": manifest.options.tokenize.model_copy(update={"layout": "causal", "reasoning": "mask"})}
    )
    tokens = manifest.tokens.model_copy(update={"sequences": manifest.counts.kept + 3})
    (line,) = cards._learned(manifest.model_copy(update={"options": options, "tokens": tokens}))
    assert "thoughts are in the ids, but not learned" in line
    assert f"{manifest.counts.kept:,} records give {manifest.counts.kept + 3:,} sequences, a row each." in line


def test_what_was_rejected_of_a_mixture_that_repeats_rows(folder: Path) -> None:
    rejected = [Rejected(source="a", stage="dedupe", reason="exact", rows=5)]
    counts = Counts(
        rows_in=10, repeated=15, kept=20, rejected=rejected, sources={"a": 20}, splits={"train": 20}, fixes={}, flags={}
    )
    text = cards._summary(read_manifest(folder).model_copy(update={"counts": counts}))
    assert "20 rows (train 20), made by" in text
    assert "from 10 source records. 5 were rejected, each with its reason." in text
    assert "제외한 5건은" in text


def test_packs_of_records_of_several_sequences(folder: Path) -> None:
    manifest = read_manifest(folder)
    tokens = manifest.tokens.model_copy(update={"sequences": manifest.counts.kept + 3, "mean": 4.5, "longest": 8})
    packed = {"packing": Packing(length=8, packs=3, fill=0.5), "tokens": tokens}
    text = cards._tokens(manifest.model_copy(update=packed))
    assert f"Packed: {manifest.counts.kept + 3:,} sequences in 3 rows of at most 8 tokens" in text
    assert "4.5 per sequence on average, 8 in the longest sequence." in text
    assert "시퀀스마다 평균 4.5개이고 가장 긴 시퀀스는 8개입니다." in text
