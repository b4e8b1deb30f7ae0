"""report.html: what a run writes beside the dataset, for people to look at."""

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipeline import dedupe, export, normalize, screen, tokenize, validate
from pipeline.dataset.manifest_file import read_manifest
from pipeline.dataset.reader import DataFile, read_batches
from pipeline.dataset.report import report
from pipeline.dataset.report.duplicates import Size, cluster_hashes, heads_of, of_heads, sizes
from pipeline.dataset.report.gather import gather
from pipeline.dataset.report.kept import kinds_of
from pipeline.dataset.report.length_tables import limits
from pipeline.dataset.report.texts import in_korean, meanings, texts
from pipeline.dataset.verify import verify
from pipeline.hub.publishable import select
from pipeline.stages.split import split
from pipeline.table.hashes import hashes_of
from pipeline.table.reject_and_flag import complete, set_column
from pipeline.tokenizers.load import load_tokenizer
from schemas.columns import INGESTED
from schemas.errors import DatasetError
from schemas.options import ExportOptions, ScreenOptions, TokenizeOptions
from schemas.push import PushOptions
from tests.dataset.test_export import about

HOSTILE = (
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(2)>',
    "<!--<script>",
    "{{ 7 * 7 }} {% raw %}",
    "\u202eright to left\u202c",
    "[link](javascript:alert(3)) **bold**",
    "line\u2028separator",
    "a" * 10_000,
)


class Page(HTMLParser):
    """What a browser would see: the elements, their attributes, the texts outside of scripts and styles, the data."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text, self.data, self.inside = "", "", ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self.inside = tag if dict(attrs).get("id") != "data" else "data"

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside == "data":
            self.data += data
        elif not self.inside:
            self.text += data

    @property
    def links(self) -> list[str]:
        return [attributes["href"] or "" for _, attributes in self.tags if "href" in attributes]

    @property
    def rows(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.data)["rows"]
        return found


def exported(
    records: list[dict[str, Any]], folder: Path, written: ExportOptions = ExportOptions(), **changes: Any
) -> str:
    """A dataset of these rows in the folder, and its report."""
    provenance = about(**changes)
    table = normalize(validate(table_of(records)))
    table = tokenize(screen(table, provenance.options.screen), load_tokenizer(["embedded"]).tokenizer)
    table = dedupe(table)
    export([table.append_column("split", split(table, written))], folder, written, provenance)
    return (folder / "report.html").read_text(encoding="utf-8")


def table_of(records: list[dict[str, Any]]) -> pa.Table:
    rows = [{"origin": f"file.jsonl:{number}"} | each for number, each in enumerate(records, 1)]
    names = dict.fromkeys(name for row in rows for name in row)
    fields = [INGESTED.field(name) for name in names]
    return complete(pa.Table.from_pylist(rows, pa.schema(fields)) if rows else INGESTED.empty_table())


def record(number: int, **changes: Any) -> dict[str, Any]:
    instruction = f"{number}번 문장을 짧게 요약해 주세요."
    plain = {"source": "가", "instruction": instruction, "input": "", "output": f"{number}번 답입니다."}
    return plain | {"flags": [], "fixes": []} | changes


def test_the_same_folder_gives_the_same_bytes(tmp_path: Path) -> None:
    records = [record(number, output="죄송하지만 답할 수 없습니다.") for number in range(40)] + [record(1), record(2)]
    html = exported(records, tmp_path / "a")
    assert html == exported(records, tmp_path / "b")
    manifest = read_manifest(tmp_path / "a")
    assert html == report(tmp_path / "a", manifest)
    for path in tmp_path.glob("a/*/*.arrow"):
        path.unlink()
    assert html == report(tmp_path / "a", manifest), "read from Parquet"


def test_it_is_no_part_of_the_dataset(tmp_path: Path) -> None:
    exported([record(1)], tmp_path / "a")
    manifest = read_manifest(tmp_path / "a")
    assert "report.html" not in manifest.files
    assert "report.html" not in select(manifest, "pair", PushOptions(rejects=True, also=("arrow",)))
    (tmp_path / "a" / "report.html").write_text("written again")
    checks = [check for check in verify(tmp_path / "a", ["embedded"]) if check.name == "files"]
    assert [(check.faults, check.notes) for check in checks] == [([], [])]


def test_an_old_report_does_not_stay_beside_new_rows(tmp_path: Path) -> None:
    exported([record(1)], tmp_path / "a")
    with pytest.raises(FileNotFoundError):
        exported([record(2)], tmp_path / "a", ExportOptions(report=False))


def test_numbers_lead_to_rows(tmp_path: Path) -> None:
    records = [record(number) for number in range(30)] + [
        record(50, output=""),
        record(3),
        record(60, output="\u200b답  "),
    ]
    page = Page(exported(records, tmp_path / "a"))
    links = [attributes["href"] or "" for tag, attributes in page.tags if tag == "a"]
    keys = {f"#rows/{facet}/{value}" for row in page.rows for facet, value in row["k"]}
    plain = {link.replace("%3A", ":").replace("%20", " ") for link in links if link.startswith("#rows/")}
    assert {"#rows/reason/validate: output-blank", "#rows/reason/dedupe: exact", "#rows/fix/zero-width"} <= plain
    assert {re.sub(r"%[0-9A-F]{2}", "", link) for link in plain} - {
        re.sub(r"[^\x00-\x7f]", "", key) for key in keys
    } == set()
    of_source = [row for row in page.rows if ["source", "가"] in row["k"]]
    assert len(of_source) >= 12


def test_rejected_rows_show_the_row_that_they_repeat(tmp_path: Path) -> None:
    page = Page(exported([record(1), record(2), record(1)], tmp_path / "a"))
    (rejected,) = [row for row in page.rows if row["g"] == "rejected"]
    assert rejected["d"] == "file.jsonl:1"
    assert [part[:2] for part in rejected["y"]] == [
        ["instruction", "1번 문장을 짧게 요약해 주세요."],
        ["output", "1번 답입니다."],
    ]


def test_a_row_that_repeats_no_head_is_counted_in_the_cluster_of_the_kept_row() -> None:
    """ "다:1" is kept and in the cluster of "가:1"; the dropped rows repeat "다:1", "가:1" and "라:1"."""
    kept = pa.table({"origin": ["가:1", "다:1", "라:1"], "cluster": ["가:1", "가:1", "라:1"]})
    repeats = hashes_of(pa.array(["다:1", "가:1", "라:1"]))
    clusters = [*of_heads([repeats], [heads_of(kept)]), cluster_hashes(kept["cluster"])]
    assert sizes(clusters) == [Size(2, 2, 1, 2), Size(4, 4, 1, 4)]


def test_the_cut_now_is_that_of_the_manifest(tmp_path: Path) -> None:
    """A row that is a few tokens too long is in the same bin as one that fits."""
    records = [record(number, output="가 " * (500 + number)) for number in range(30)]
    exported(records, tmp_path / "a")
    manifest = read_manifest(tmp_path / "a")
    summary = gather(tmp_path / "a", manifest, read_batches)
    now = manifest.options.tokenize.max_length
    (row,) = [row for row in limits(summary) if row[0] == now]
    assert row == (now, manifest.tokens.cut_rows, manifest.tokens.cut)
    assert manifest.tokens.cut_rows


def test_calls_in_earlier_turns_count() -> None:
    call = '[{"name": "f", "arguments": {}}]'
    plain = {"role": "assistant", "content": "네", "reasoning": None, "tool_calls": None}
    turns = [[], [plain], [plain, plain | {"content": None, "tool_calls": call}]]
    table = table_of([record(number, history=history) for number, history in enumerate(turns)])
    table = (
        table.append_column("published_split", pa.nulls(3)) if "published_split" not in table.column_names else table
    )
    assert ["calls" in kinds for kinds in kinds_of(table).to_pylist()] == [False, False, True]


@pytest.mark.parametrize("packed", [True, False])
def test_what_is_not_known_is_not_claimed(packed: bool, tmp_path: Path) -> None:
    """Packed rows have no texts, and a dataset may have no rows."""
    provenance = about(options={"tokenize": {"layout": "causal"}, "export": {"packing": packed}})
    found = load_tokenizer(["embedded"]).tokenizer
    table = tokenize(validate(table_of([record(1)] if packed else [])), found, provenance.options.tokenize)
    table = dedupe(screen(table))
    written = provenance.options.export
    export([table.append_column("split", split(table, written))], tmp_path / "a", written, provenance)
    text = Page((tmp_path / "a" / "report.html").read_text()).text
    for claim in ("a question and its answer, and nothing more", "--no-samples", "There are no duplicates"):
        assert claim not in text
    why = "Not known: packed rows have no texts and no lengths of their own." if packed else "No row was kept."
    assert text.count(why) == (6 if packed else 5)


def hostile() -> list[dict[str, Any]]:
    """Rows with hostile texts in every place that a user's data can reach."""
    rows = [
        record(number, instruction=text, input=text, output=text, source=text, origin=text, system=text, meta=text)
        for number, text in enumerate(HOSTILE)
    ]
    rows += [record(number, output="", raw=text, source=text, origin=text) for number, text in enumerate(HOSTILE, 50)]
    named = enumerate(HOSTILE, 70)
    return rows + [record(n, flags=[text], fixes=[text], output=text, origin=f"{text} 2") for n, text in named]


def test_texts_stay_texts(tmp_path: Path) -> None:
    plain = Page(exported([record(1), record(2, output="")], tmp_path / "plain"))
    dataset = {"name": "표본", "title": HOSTILE[0], "description": HOSTILE[1]}
    html = exported(hostile(), tmp_path / "a", dataset=dataset)
    page = Page(html)
    kinds = {(tag, name) for tag, attributes in page.tags for name in attributes}
    assert {tag for tag, _ in page.tags} - {tag for tag, _ in plain.tags} <= {
        "line",
        "path",
        "text",
        "title",
        "del",
        "ins",
    }
    assert not [name for _, name in kinds if name.startswith("on") or name in ("src", "style")]
    assert [
        attributes["href"] for tag, attributes in page.tags if "href" in attributes and attributes["href"][:1] != "#"
    ] == []
    assert [tag for tag, _ in page.tags if tag == "script"] == ["script", "script"]
    assert {part[1] for row in page.rows for part in row["x"]} >= set(HOSTILE[:6])
    assert "{{ 7 * 7 }}" in page.text, "as the name of a source"
    assert max(len(value) for row in page.rows for _, value in row["k"]) <= 120
    assert "\u2028" not in page.data


def test_only_its_own_script_may_run(tmp_path: Path) -> None:
    html = exported([record(1)], tmp_path / "a")
    page = Page(html)
    (policy,) = [attributes["content"] or "" for _, attributes in page.tags if attributes.get("http-equiv")]
    assert policy.startswith("default-src 'none'; ")
    for kind, pattern in (("script", r"<script>(.*?)</script>"), ("style", r"<style>(.*?)</style>")):
        (content,) = re.findall(pattern, html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy


def test_without_samples_there_are_no_texts_of_rows(tmp_path: Path) -> None:
    records = [
        record(1, instruction="고유낱말하나를 설명해 주세요.", output="고유낱말둘입니다.", origin="비밀.jsonl:1")
    ]
    records += [record(2, output="", instruction="고유낱말셋")]
    folder = tmp_path / "a"
    assert "고유낱말" in exported(records, folder)
    html = report(folder, read_manifest(folder), samples=False)
    assert not re.search("고유낱말|비밀", html)
    assert "validate: output-blank" in html


def test_masked_personal_data_never_appears(tmp_path: Path) -> None:
    phone = "010-2345-6789"
    records = [
        record(1, output=f"전화는 {phone}입니다."),
        record(2, output="", instruction=f"{phone}로 전화해 주세요."),
        record(3, output="", instruction=None, raw=f"{phone} 깨진 줄"),
        record(
            4,
            history=[{"role": "user", "content": phone}, {"role": "assistant", "content": phone}],
            meta=f'{{"tel": "{phone}"}}',
        ),
    ]
    options = {"screen": ScreenOptions(mask=("pii-phone",)).model_dump(), "tokenize": {"layout": "pair"}}
    html = exported(records, tmp_path / "a", options=options)
    assert "전화번호" in html
    assert not re.search(r"2345.?6789", html)


def test_a_report_is_small(tmp_path: Path) -> None:
    """However many names there are and however long texts are, it is smaller than 2 MB."""
    long = "긴 글입니다. " * 90
    texts = dict.fromkeys(("input", "output", "meta", "system"), long)
    records = [
        record(n, source=f"출처{n % 90}", flags=[f"flag{n}"], **{key: f"{n} {text}" for key, text in texts.items()})
        for n in range(600)
    ]
    assert len(exported(records, tmp_path / "a").encode()) < 2_000_000


@pytest.mark.parametrize(
    "options",
    [
        {"tokenize": {"layout": "causal"}, "export": {"packing": True}},
        {"tokenize": {"layout": "causal"}},
        {"tokenize": {"layout": "fields"}},
    ],
    ids=str,
)
def test_datasets_of_other_layouts_have_a_report(options: dict[str, Any], tmp_path: Path) -> None:
    provenance = about(options=options)
    turns = [{"role": "user", "content": "안녕"}, {"role": "assistant", "content": "네"}]
    records = [record(1, history=turns, reasoning="생각", source="가"), record(2, output="")]
    found = load_tokenizer(["embedded"])
    table = tokenize(validate(table_of(records)), found.tokenizer, TokenizeOptions.model_validate(options["tokenize"]))
    table = dedupe(screen(table))
    export_options = provenance.options.export
    export([table.append_column("split", split(table, export_options))], tmp_path / "a", export_options, provenance)
    page = Page((tmp_path / "a" / "report.html").read_text())
    packed = export_options.packing
    assert ("rows of this dataset are packed" in page.text) == packed
    assert {row["g"] for row in page.rows} == ({"rejected"} if packed else {"kept", "rejected"})


@pytest.mark.parametrize(("name", "count"), [("n_learned", -65533), ("truncated", -1), ("n_tokens", 0)])
def test_counts_that_cannot_be_name_the_file(name: str, count: int, tmp_path: Path) -> None:
    exported([record(1)], tmp_path)

    def damaged(file: DataFile, names: list[str]) -> Iterator[pa.Table]:
        for table in read_batches(file, names):
            yield set_column(table, name, pa.array([count] * len(table), pa.int32()))

    with pytest.raises(DatasetError, match=rf"arrow: {name} is damaged: .* Build the dataset again .make processed"):
        gather(tmp_path, read_manifest(tmp_path), damaged)


def test_a_null_among_flags_and_a_huge_number_in_the_options_are_shown(tmp_path: Path) -> None:
    """Of a damaged dataset: both ended with a traceback."""
    exported([record(1), record(2, output="")], tmp_path)
    rejects = tmp_path / "rejects.jsonl"
    rejects.write_text(rejects.read_text().replace('"flags":[', '"flags":[null', 1))
    text = (tmp_path / "manifest.json").read_text()
    (tmp_path / "manifest.json").write_text(re.sub(r'"shard_rows": \d+', f'"shard_rows": {10**30}', text))
    assert str(10**30) in report(tmp_path, read_manifest(tmp_path))


def test_a_dataset_without_rows_has_a_report(tmp_path: Path) -> None:
    assert "No row was rejected." in exported([], tmp_path / "a")


def test_every_name_has_a_meaning_in_korean() -> None:
    assert [name for name in meanings() if not in_korean(name)] == []


def test_both_languages_have_the_same_values() -> None:
    for section in ("page", "script"):
        for key, (english, korean) in texts(section).items():  # type: ignore[arg-type]
            places = [len(re.findall(r"\{\d?\}", text)) for text in (english, korean)]
            assert places[0] == places[1], key
