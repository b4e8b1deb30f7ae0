"""The dataset card: README.md of an exported folder, made from its manifest and the shape of its tables."""

import html
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from pipeline.io.terminal_text import visible
from schemas.errors import KoInstructError
from schemas.manifest import Manifest, config_name
from schemas.options import Config, DedupeOptions, ExportOptions, ScreenOptions

#: Upper bounds of the Hub's size categories.
SIZES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
)
#: What the Hub calls the task of a layout, where it is another than text generation.
TASKS = {"classification": "text-classification", "qa": "question-answering"}
#: Licences that name no terms, so that the Hub wants `other`.
HUB_OTHER = ("", "unknown", "other")


class CardError(KoInstructError, ValueError):
    """The card of a dataset cannot be read: it has no YAML header, or a broken one."""


class Shape(NamedTuple):
    """What `datasets` says of a dataset. `bytes`: size of each split's rows as Arrow."""

    schema: pa.Schema
    bytes: dict[str, int]


def card(manifest: Manifest, options: ExportOptions, shape: Shape) -> str:
    """The card as Markdown with the Hub's YAML header.

    `load_dataset` finds the Parquet files by its `configs`, and checks what it reads against its `dataset_info`.
    """
    name = manifest.dataset.title or manifest.dataset.name
    return "\n".join(
        [
            f"---\n{_header(manifest, options, shape)}---\n",
            f"# {plain(name)}\n",
            *([plain(manifest.dataset.description) + "\n"] if manifest.dataset.description else []),
            _summary(manifest),
            _sources(manifest),
            _rejected(manifest),
            _policy(manifest),
            _changes(manifest),
            _tokens(manifest),
            _loading(manifest, options),
            _rebuilding(manifest),
        ]
    )


def plain(text: str) -> str:
    """Text of a source or a user as text: no HTML, no table cells, no headings, no links come to life."""
    text = html.escape(" ".join(visible(text).split()), quote=False)
    for mark in "\\`*_[]|#":
        text = text.replace(mark, "\\" + mark)
    return text


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; numbers are set to the right."""
    cells = [[f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in rows]
    lines = [list(head), ["---"] * len(head), *cells]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _header(manifest: Manifest, options: ExportOptions, shape: Shape) -> str:
    kept = manifest.counts.kept
    licenses = sorted({source.license for source in manifest.sources})
    header: dict[str, object] = {
        "language": ["ko"],
        "license": licenses[0] if len(licenses) == 1 and licenses[0] not in HUB_OTHER else "other",
        "pretty_name": manifest.dataset.title or manifest.dataset.name,
        "size_categories": [next((label for bound, label in SIZES if kept < bound), "n>10M")],
        "task_categories": [TASKS.get(config_name(manifest.options), "text-generation")],
        "tags": ["instruction-tuning", "korean", "ko-instruct"],
    }
    if "parquet" in options.formats and kept:
        config = config_name(manifest.options)
        files = [{"split": split, "path": f"{config}/{split}-*.parquet"} for split in manifest.counts.splits]
        header["configs"] = [{"config_name": config, "data_files": files}]
        header["dataset_info"] = [{"config_name": config, **_dataset_info(manifest, shape, config)}]
    return _yaml(header)


def _yaml(header: Mapping[str, Any]) -> str:
    import yaml

    text: str = yaml.safe_dump(dict(header), allow_unicode=True, sort_keys=False)
    return text


def _dataset_info(manifest: Manifest, shape: Shape, config: str) -> dict[str, Any]:
    """What `datasets` wants to know before it reads: the names and types of columns, and how much there is."""
    splits = manifest.examples
    return {
        "features": [{"name": field.name, **_feature(field.type)} for field in shape.schema],
        "splits": [{"name": name, "num_bytes": shape.bytes[name], "num_examples": splits[name]} for name in splits],
        "download_size": sum(file.bytes for path, file in manifest.files.items() if path.startswith(f"{config}/")),
        "dataset_size": sum(shape.bytes.values()),
    }


def _feature(kind: pa.DataType) -> dict[str, Any]:
    """An Arrow type as `datasets` writes it in YAML: {dtype: int32}, {list: int32}, {list: [{name, dtype}, …]}."""
    if pa.types.is_list(kind):
        inner = _feature(kind.value_type)
        return {"list": next(iter(inner.values())) if inner.keys() <= {"dtype", "struct"} else inner}
    if pa.types.is_struct(kind):
        return {"struct": [{"name": field.name, **_feature(field.type)} for field in kind]}
    return {"dtype": {"float": "float32", "double": "float64"}.get(str(kind), str(kind))}


def _summary(manifest: Manifest) -> str:
    counts = manifest.counts
    rejected = counts.rows_in - counts.kept
    splits = ", ".join(f"{name} {rows:,}" for name, rows in counts.splits.items())
    return (
        f"Korean instruction data: {counts.kept:,} rows ({splits}), made by ko-instruct "
        f"{manifest.versions.get('ko-instruct', '')} from {counts.rows_in:,} source records; "
        f"{rejected:,} were rejected, each with its reason.\n\n"
        f"한국어 지시문 데이터 {counts.kept:,}건입니다. 원본 레코드 {counts.rows_in:,}건을 ko-instruct로 검증·정규화·"
        f"토큰화하고 중복을 제거했으며, 제외한 {rejected:,}건은 모두 그 이유를 기록해 두었습니다.\n"
    )


def _sources(manifest: Manifest) -> str:
    kept = manifest.counts.sources
    rows = [
        [plain(s.name), plain(s.license), plain(s.url) or "–", plain(s.attribution) or "–", kept.get(s.name, 0)]
        for s in manifest.sources
    ]
    return "## Sources · 출처\n\n" + table(["source", "license", "from", "attribution", "rows kept"], rows)


def _rejected(manifest: Manifest) -> str:
    rows = [[part.stage, part.reason, plain(part.source), part.rows] for part in manifest.counts.rejected]
    head = "## Left out · 제외한 데이터\n\n"
    return head + (table(["stage", "reason", "source", "rows"], rows) if rows else "Nothing. 제외한 행이 없습니다.\n")


def _changes(manifest: Manifest) -> str:
    fixes = [["fix", name, rows] for name, rows in manifest.counts.fixes.items()]
    flags = [["flag", name, rows] for name, rows in manifest.counts.flags.items()]
    if not fixes and not flags:
        return ""
    return (
        "## Changed and flagged · 수정과 표시\n\nColumns `fixes` and `flags` name them row by row. "
        "무엇을 수정하고 표시했는지는 행마다 `fixes`와 `flags` 열에 적혀 있습니다.\n\n"
        + table(["kind", "name", "rows"], fixes + flags)
    )


def _tokens(manifest: Manifest) -> str:
    tokens, tokenizer = manifest.tokens, manifest.tokenizer
    lines = [
        f"Tokenizer: {plain(tokenizer['name'])} (sha256 `{str(tokenizer['sha256'])[:16]}…`), "
        f"layout `{manifest.options['tokenize']['layout']}`.",
        f"{tokens.total:,} tokens, {tokens.mean} a row, {tokens.longest:,} in the longest; {tokens.unknown:,} [UNK]; "
        f"{tokens.cut:,} tokens were cut from {tokens.cut_rows:,} rows.",
        f"토큰은 모두 {tokens.total:,}개로 행마다 평균 {tokens.mean}개이고 가장 긴 행은 {tokens.longest:,}개입니다. "
        f"[UNK]는 {tokens.unknown:,}개이며, 길이 제한에 맞추려고 {tokens.cut_rows:,}개 행에서 {tokens.cut:,}개를 "
        "잘랐습니다.",
    ]
    if packing := manifest.packing:
        count = sum(manifest.counts.splits.values())
        lines.append(
            f"Packed: {count:,} sequences in {packing.packs:,} rows of at most {packing.length:,} tokens, "
            f"{packing.fill:.2%} full; `position_ids` and `seq_lengths` tell them apart. "
            f"시퀀스 {count:,}개를 한 행에 최대 {packing.length:,}토큰씩 {packing.packs:,}행으로 묶었습니다"
            f"(채움률 {packing.fill:.2%})."
        )
    elif manifest.options["tokenize"]["layout"] == "qa":
        rows = sum(manifest.examples.values())
        lines.append(
            f"A row is a window of a context: {rows:,} in all. 한 행은 지문의 한 구간이며 모두 {rows:,}개입니다."
        )
    lines += [
        f"{plain(name)} was asked for first, but could not be had: {plain(why)}" for name, why in tokenizer["tried"]
    ]
    if tokenizer["kind"] == "embedded":
        lines.append(
            "**These ids are for trying the pipeline out: the embedded vocabulary belongs to no model.** "
            "이 토큰 ID는 시험용이며, 학습된 어떤 모델과도 맞지 않습니다."
        )
    return "## Tokens · 토큰\n\n" + "\n\n".join(lines) + "\n"


def _loading(manifest: Manifest, options: ExportOptions) -> str:
    name, config = manifest.dataset.name, config_name(manifest.options)
    lines = []
    if "parquet" in options.formats:
        lines.append(
            "from datasets import load_dataset\n\n"
            f'dataset = load_dataset("{name}", "{config}")  # this folder, or its Hub id'
        )
    if "arrow" in options.formats:
        lines.append(f'from datasets import load_from_disk\n\ndataset = load_from_disk("{name}")  # no copy is made')
    columns = table(["column", "type"], [[plain(column), f"`{kind}`"] for column, kind in manifest.columns.items()])
    code = "\n\n".join(f"```python\n{line}\n```" for line in lines)
    beside = "Text and token ids stand side by side in each row. 행마다 원문과 토큰 ID가 함께 들어 있습니다.\n\n"
    return f"## Use · 사용법\n\n{beside if 'instruction' in manifest.columns else ''}{code}\n\n{columns}"


def _policy(manifest: Manifest) -> str:
    """What was done about duplicates and personal data: the options in words."""
    dedupe = DedupeOptions.model_validate(manifest.options.get("dedupe", {}))
    screen = ScreenOptions.model_validate(manifest.options.get("screen", {}))
    cases = [
        ("same prompt, same output · 지시와 답이 모두 같음", dedupe.exact),
        ("same prompt, different output · 지시는 같고 답이 다름", dedupe.conflict),
        ("similar prompt, similar output · 지시와 답이 모두 비슷함", dedupe.near),
        ("similar prompt, different output · 지시는 비슷하고 답이 다름", dedupe.near_prompt),
        ("different prompts, same output · 지시는 다르고 답이 같음", dedupe.shared_output),
    ]
    done = {
        "rejected · 제외": screen.reject,
        "masked · 가림": screen.mask,
        "not looked for · 검사하지 않음": screen.off,
    }
    personal = [
        f"{what}: {', '.join(f'`{name}`' for name in found)}"
        for what, names in done.items()
        if (found := [name for name in names if name.startswith("pii-")])
    ]
    return (
        "## Duplicates and personal data · 중복과 개인정보\n\n"
        + table(["duplicates", "policy"], [[case, f"`{policy}`"] for case, policy in cases])
        + f"\nSimilar: a Jaccard index of character bigrams of at least {dedupe.threshold}. No prompt stands in two "
        "splits, nor do similar ones. 비슷하다는 것은 두 글자씩 끊은 조각의 자카드 유사도가 "
        f"{dedupe.threshold} 이상이라는 뜻입니다. 같거나 비슷한 지시는 언제나 한 분할에만 들어갑니다.\n\n"
        "Personal data (names of flags that begin with `pii-`): "
        + ("; ".join(personal) + "; all other finds are flagged" if personal else "finds are flagged")
        + " in `flags`, and none is certain to be found. 개인정보로 보이는 부분은 `flags` 열에 `pii-`로 시작하는 "
        "이름으로 표시했습니다. 자동 검사이므로 빠진 것이 있을 수 있습니다.\n"
    )


def _rebuilding(manifest: Manifest) -> str:
    hub = "https://huggingface.co/datasets/"
    fetch = [
        f"ko-instruct fetch {source.url.removeprefix(hub)}"
        + (f" --revision {source.revision}" if source.revision else "")
        for source in manifest.sources
        if source.url.startswith(hub)
    ]
    steps = "\n".join([*fetch, "ko-instruct run --config pipeline.toml"])
    return (
        "## Rebuild · 다시 만들기\n\n"
        f"With ko-instruct {manifest.versions.get('ko-instruct', '')}, the files that `manifest.json` lists (with "
        "their sha256) under `raw/`, and this `pipeline.toml`; the same input and options give the same bytes. "
        "`manifest.json`에 적힌 원본 파일을 `raw/`에 두고 아래 `pipeline.toml`로 실행하세요. 같은 입력과 옵션이면 "
        f"언제나 같은 결과가 나옵니다.\n\n```toml\n{declaration(manifest)}```\n\n```\n{steps}\n```\n"
    )


def declaration(manifest: Manifest) -> str:
    """The pipeline.toml that builds this dataset: what differs from the defaults."""
    config = Config.model_validate(
        {"dataset": manifest.dataset, "source": manifest.sources, **manifest.options}
    ).model_dump(mode="json", exclude_defaults=True, by_alias=True)
    sections = [("[dataset]", config.pop("dataset")), *(("[[source]]", source) for source in config.pop("source"))]
    sections += [(f"[{stage}]", options) for stage, options in config.items() if options]
    # A JSON string, number, boolean or list of these is the same in TOML.
    texts = [
        "".join(f"{k} = {json.dumps(v, ensure_ascii=False)}\n" for k, v in values.items()) for _, values in sections
    ]
    return "\n".join(f"{head}\n{text}" for (head, _), text in zip(sections, texts, strict=True))


def merge(cards: Mapping[str, str]) -> str:
    """The card of a repository that holds several configs, from the card of each.

    Of one config it is that config's card, byte for byte. Raises ValueError for a card without a YAML header.
    """
    if len(cards) == 1:
        return next(iter(cards.values()))
    headers, bodies = [], []
    for config, text in sorted(cards.items()):
        header, body = _parts(config, text)
        headers.append(header)
        bodies.append(f"# Config `{config}`\n\n{body.strip()}\n")
    merged: dict[str, Any] = {}
    for header in headers:
        for key, value in header.items():
            merged[key] = _both(key, merged[key], value) if key in merged else value
    names = ", ".join(f"`{config}`" for config in sorted(cards))
    intro = (
        f"One dataset, laid out for training in {len(cards)} ways, each a config: {names}. "
        f"같은 데이터를 학습 방식에 따라 {len(cards)}가지 구성(config)으로 담았습니다. "
        '`load_dataset("…", "config")`로 하나를 골라 읽습니다.\n'
    )
    return "\n".join([f"---\n{_yaml(merged)}---\n", intro, *bodies])


def _parts(config: str, text: str) -> tuple[dict[str, Any], str]:
    """YAML header and body of a card."""
    import yaml

    found = re.match(r"---\s*\n(.*?)\n---[ \t]*\n(.*)", text, re.DOTALL)
    try:
        header = yaml.safe_load(found[1]) if found else None
    except yaml.YAMLError as error:
        raise CardError(f"the card of the config {config} has a broken YAML header: {error}") from None
    if found is None or not isinstance(header, dict):
        raise CardError(f"the card of the config {config} has no YAML header between two lines of ---")
    return header, found[2]


def _both(key: str, one: Any, other: Any) -> Any:
    """Two headers' values of a key as one: lists together, a licence that is not the same as `other`."""
    if isinstance(one, list) and isinstance(other, list):
        return one + [item for item in other if item not in one]
    return "other" if key == "license" and one != other else one
