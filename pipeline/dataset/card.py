"""The dataset card: README.md of an exported folder, made from its manifest and the shape of its tables."""

import html
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import pyarrow as pa
from pydantic import BaseModel

from pipeline.dataset.layout import data_file, form_file, form_folder
from pipeline.dataset.trainers import trainer_lines
from pipeline.io.terminal_text import visible
from schemas.errors import KoInstructError
from schemas.manifest import Manifest, Mixture, config_name
from schemas.options import ExportOptions

#: Upper bounds of the Hub's size categories.
SIZES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
)
#: The Hub's name for the task of a layout, where it is not text generation.
TASKS = {"classification": "text-classification", "qa": "question-answering"}
#: Licences that name no terms: the Hub calls them `other`.
HUB_OTHER = ("", "unknown", "other")


class CardError(KoInstructError, ValueError):
    """The card of a dataset cannot be read: it has no YAML header, or a broken one."""


class Shape(NamedTuple):
    """The columns of a dataset. `bytes`: size of each split's rows as Arrow."""

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
            *([_mixture(manifest.mixture)] if manifest.mixture else []),
            _rejected(manifest),
            _policy(manifest),
            _changes(manifest),
            _tokens(manifest),
            _loading(manifest, options),
            *([_trainers(manifest)] if trainer_lines(manifest) else []),
            _rebuilding(manifest),
        ]
    )


def plain(text: str) -> str:
    """Text of a source or a user as plain text: it cannot become HTML, a table cell, a heading or a link."""
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
    config = config_name(manifest.options)
    header: dict[str, object] = {
        "language": ["ko"],
        "license": licenses[0] if len(licenses) == 1 and licenses[0] not in HUB_OTHER else "other",
        "pretty_name": manifest.dataset.title or manifest.dataset.name,
        "size_categories": [next((label for bound, label in SIZES if kept < bound), "n>10M")],
        "task_categories": [TASKS.get(config, "text-generation")],
        "tags": ["instruction-tuning", "korean", "ko-instruct"],
    }
    configs: list[dict[str, Any]] = []
    if "parquet" in options.formats and kept:
        files = [
            {"split": split, "path": data_file("parquet", split, config).format(shard="*")}
            for split in manifest.counts.splits
        ]
        configs.append({"config_name": config, "data_files": files})
        header["configs"] = configs
    if of_forms := _form_configs(manifest):
        header["configs"] = [*configs, *of_forms]
    return _yaml(header) + (_dataset_info(manifest, shape, config) if configs else "")


def _form_configs(manifest: Manifest) -> list[dict[str, Any]]:
    """A config for each text form that has Parquet files. They hold the types of their columns."""
    return [
        {
            "config_name": form_folder(form),
            "data_files": [{"split": split, "path": form_file(form, split, "parquet")} for split in counts.rows],
        }
        for form, counts in manifest.forms.items()
        if counts.rows and form_file(form, "train", "parquet") in manifest.files
    ]


def _yaml(values: Any) -> str:
    import yaml

    text: str = yaml.safe_dump(values, allow_unicode=True, sort_keys=False)
    return text


def _dataset_info(manifest: Manifest, shape: Shape, config: str) -> str:
    """What `datasets` checks when it reads, as the last entry of the header: the names and types of the columns, and
    the sizes."""
    splits = manifest.examples
    sizes = {
        "splits": [{"name": name, "num_bytes": shape.bytes[name], "num_examples": splits[name]} for name in splits],
        "download_size": sum(file.bytes for path, file in manifest.files.items() if path.startswith(f"{config}/")),
        "dataset_size": sum(shape.bytes.values()),
    }
    return _columns(config, shape.schema) + "  " + _yaml([sizes]).removeprefix("- ")


@lru_cache(maxsize=64)
def _columns(config: str, schema: pa.Schema) -> str:
    """The beginning of `dataset_info`, up to the sizes: PyYAML takes longer for it than for all the rest."""
    features = [{"name": field.name, **_feature(field.type)} for field in schema]
    return _yaml({"dataset_info": [{"config_name": config, "features": features}]})


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
    rejected = sum(group.rows for group in counts.rejected)  # of a mixture, kept rows are repeated, too
    splits = ", ".join(f"{name} {rows:,}" for name, rows in counts.splits.items())
    return (
        f"Korean instruction data: {counts.kept:,} rows ({splits}), made by ko-instruct "
        f"{manifest.versions.get('ko-instruct', '')} from {counts.rows_in:,} source records."
        + (f" {rejected:,} were rejected, each with its reason." if rejected else "")
        + f"\n\n한국어 지시문 데이터 {counts.kept:,}건입니다. 원본 레코드 {counts.rows_in:,}건을 ko-instruct로 "
        "검증·정규화·토큰화하고 중복을 제거했습니다."
        + (f" 제외한 {rejected:,}건은 모두 그 이유를 기록해 두었습니다." if rejected else "")
        + "\n"
    )


def _sources(manifest: Manifest) -> str:
    kept = manifest.counts.sources
    rows = [
        [plain(s.name), plain(s.license), plain(s.url) or "–", plain(s.attribution) or "–", kept.get(s.name, 0)]
        for s in manifest.sources
    ]
    return "## Sources · 출처\n\n" + table(["source", "license", "from", "attribution", "rows kept"], rows)


def _mixture(mixture: Mixture) -> str:
    rows = [
        [
            plain(share.source),
            "–" if share.asked is None else f"{share.asked:.1%}",
            f"{share.got:.1%}",
            share.rows,
            share.repeated,
            share.tokens,
        ]
        for share in mixture.sources
    ]
    total = "" if mixture.total is None else f", {mixture.total:,} at most"
    return (
        f"## Mixture · 혼합 비율\n\nShares by {mixture.by}{total}. A hash of each record decides which rows of a "
        "source are here. 출처마다 어떤 행을 넣을지는 레코드의 해시로 정합니다.\n\n"
        + table(["source", "share asked", "share got", "rows", "of them repeated", "tokens"], rows)
    )


def _rejected(manifest: Manifest) -> str:
    rows = [[group.stage, group.reason, plain(group.source), group.rows] for group in manifest.counts.rejected]
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
    tokens, tokenizer, layout = manifest.tokens, manifest.tokenizer, manifest.options.tokenize.layout
    lines = [
        f"Tokenizer: {plain(tokenizer.name)} (sha256 `{tokenizer.sha256[:16]}…`), layout `{layout}`.",
        *_token_counts(manifest),
    ]
    lines += _learned(manifest)
    if packing := manifest.packing:
        count = tokens.sequences
        lines.append(
            f"Packed: {count:,} sequences in {packing.packs:,} rows of at most {packing.length:,} tokens, "
            f"{packing.fill:.2%} full; `position_ids` and `seq_lengths` show where each sequence begins. "
            f"시퀀스 {count:,}개를 한 행에 최대 {packing.length:,}토큰씩 {packing.packs:,}행으로 패킹했습니다"
            f"(채움률 {packing.fill:.2%})."
        )
    elif layout == "qa":
        rows = sum(manifest.examples.values())
        lines.append(
            f"A row is a window of a context: {rows:,} in all. 한 행은 지문의 한 구간이며 모두 {rows:,}개입니다."
        )
    lines += [
        f"{plain(name)} comes first in the list of tokenizers, but was not available: {plain(why)}"
        for name, why in tokenizer.tried
    ]
    if tokenizer.kind == "embedded":
        lines.append(
            "**These ids are only for trying the pipeline: no trained model has the embedded vocabulary.** "
            "이 토큰 ID는 시험용이며, 학습된 어떤 모델과도 맞지 않습니다."
        )
    return "## Tokens · 토큰\n\n" + "\n\n".join(lines) + "\n"


def _token_counts(manifest: Manifest) -> list[str]:
    """Tokens of the sequences, in English and Korean. A sequence is a row, but for packs."""
    tokens = manifest.tokens
    row, korean, longest = ("sequence", "시퀀스", "시퀀스는") if manifest.packing else ("row", "행", "행은")
    return [
        f"{tokens.total:,} tokens: {tokens.mean} per {row} on average, {tokens.longest:,} in the longest {row}."
        + (f" {tokens.unknown:,} of them are [UNK]." if tokens.unknown else "")
        + (f" {tokens.cut:,} tokens were cut from {tokens.cut_rows:,} {row}s." if tokens.cut else ""),
        f"토큰은 모두 {tokens.total:,}개로 {korean}마다 평균 {tokens.mean}개이고 "
        f"가장 긴 {longest} {tokens.longest:,}개입니다."
        + (f" 그중 [UNK]는 {tokens.unknown:,}개입니다." if tokens.unknown else "")
        + (
            f" 길이 제한에 맞추려고 {tokens.cut_rows:,}개 {korean}에서 {tokens.cut:,}개를 잘랐습니다."
            if tokens.cut
            else ""
        ),
    ]


#: What becomes of thoughts (`[tokenize] reasoning`), in English and Korean.
THOUGHTS = {
    "learn": ("are learned, too", "생각도 함께 학습합니다"),
    "mask": ("are in the ids, but not learned", "생각은 토큰에 들어 있지만 학습하지 않습니다"),
    "drop": ("are left out", "생각은 넣지 않았습니다"),
}


def _learned(manifest: Manifest) -> list[str]:
    """What is learned of conversations: which answers, what of thoughts, and in how many sequences."""
    tokens, options = manifest.tokens, manifest.options.tokenize
    if options.layout not in ("causal", "preference", "unpaired") or not tokens.total:
        return []
    thoughts, korean = THOUGHTS[options.reasoning]
    which, answers = ("every answer", "모든 답") if options.answers == "all" else ("the last answer", "마지막 답")
    if options.layout != "causal":
        which, answers = "the last answer", "마지막 답"
    kept = manifest.counts.kept
    rows = (
        f" {kept:,} records give {tokens.sequences:,} sequences, a row each. 레코드 {kept:,}건에서 나온 시퀀스 "
        f"{tokens.sequences:,}개를 한 행에 하나씩 담았습니다."
        if tokens.sequences != kept and not manifest.packing
        else ""
    )
    return [
        f"Learned: {tokens.learned:,} tokens, those of {which} of a record; thoughts {thoughts}. "
        f"학습하는 토큰은 {tokens.learned:,}개로 레코드의 {answers}이며, {korean}.{rows}"
    ]


def _loading(manifest: Manifest, options: ExportOptions) -> str:
    name, config = manifest.dataset.name, config_name(manifest.options)
    lines = []
    if "parquet" in options.formats:
        lines.append(
            "from datasets import load_dataset\n\n"
            f'dataset = load_dataset("{name}", "{config}")  # the path of this folder, or its Hub id'
        )
    if "arrow" in options.formats:
        lines.append(
            "from datasets import load_from_disk\n\n"
            f'dataset = load_from_disk("{name}")  # the path of this folder: reads the files in place'
        )
    columns = table(["column", "type"], [[plain(column), f"`{kind}`"] for column, kind in manifest.columns.items()])
    code = "\n\n".join(f"```python\n{line}\n```" for line in lines)
    beside = "Each row has the text and its token ids. 행마다 텍스트와 토큰 ID가 함께 들어 있습니다.\n\n"
    return f"## Use · 사용법\n\n{beside if 'instruction' in manifest.columns else ''}{code}\n\n{columns}"


def _trainers(manifest: Manifest) -> str:
    """The lines that trainers need to read this dataset; of the text forms their rows, and what they leave out."""
    lines = [f"{trainer}:\n\n```{language}\n{text}```\n" for trainer, language, text in trainer_lines(manifest)]
    forms = [_forms(manifest)] if manifest.forms else []
    return "## For other trainers · 다른 학습 도구\n\n" + "\n".join([*forms, *lines])


def _forms(manifest: Manifest) -> str:
    rows = [
        [
            f"`{form_folder(form)}`",
            sum(counts.rows.values()),
            sum(counts.left_out.values()),
            ", ".join(f"{reason} {count:,}" for reason, count in counts.left_out.items()) or "–",
        ]
        for form, counts in manifest.forms.items()
    ]
    return (
        "The texts without ids, in the forms that trainers read. A row "
        "that a form has no place for is in the other formats. "
        "학습 도구가 그대로 읽는 형식의 텍스트이며 토큰 ID는 없습니다. "
        "어떤 형식에 담을 수 없는 행은 다른 형식에 들어 있습니다.\n\n"
        + table(["form", "rows", "left out", "why"], rows)
    )


def _policy(manifest: Manifest) -> str:
    """What was done about duplicates and personal data: the options in words."""
    dedupe, screen = manifest.options.dedupe, manifest.options.screen
    cases = [
        ("same prompt, same output · 지시와 답이 모두 같음", dedupe.exact),
        ("same prompt, different output · 지시는 같고 답이 다름", dedupe.conflict),
        ("prompt and output differ in form alone · 지시와 답이 형식만 다름", dedupe.near),
        ("similar prompt, another word in prompt or output · 지시가 비슷하지만 낱말이 다름", dedupe.near_prompt),
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
        if (found := [name for name in names if name.startswith("pii-") or name == "secret"])
    ]
    return (
        "## Duplicates and personal data · 중복과 개인정보\n\n"
        + table(["duplicates", "policy"], [[case, f"`{policy}`"] for case, policy in cases])
        + f"\nSimilar: a Jaccard index of character bigrams of at least {dedupe.prompt_threshold}. Equal prompts are "
        "always in the same split, and so are similar ones. 비슷하다는 것은 두 글자씩 끊은 조각의 자카드 유사도가 "
        f"{dedupe.prompt_threshold} 이상이라는 뜻입니다. 같거나 비슷한 지시는 언제나 한 분할에만 들어갑니다.\n\n"
        "Personal data and secrets (the flag `secret`, and flags whose names begin with `pii-`): "
        + ("; ".join(personal) + "; all other findings are flagged" if personal else "findings are flagged")
        + " in `flags`. The search is automatic and may miss some. 개인정보로 보이는 부분은 `flags` 열에 "
        "`pii-`로 시작하는 이름으로, 비밀번호나 키는 `secret`으로 표시했습니다. "
        "자동 검사이므로 빠진 것이 있을 수 있습니다.\n"
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
        f"Install ko-instruct {manifest.versions.get('ko-instruct', '')}, put the raw files that `manifest.json` lists "
        "(with their sha256) into `raw/`, and run it with this `pipeline.toml`. The same input and options give the "
        "same bytes. "
        "`manifest.json`에 적힌 원본 파일을 `raw/`에 두고 아래 `pipeline.toml`로 실행하세요. 같은 입력과 옵션이면 "
        f"언제나 같은 결과가 나옵니다.{_steps(manifest)}\n\n```toml\n{declaration(manifest)}```\n\n```\n{steps}\n```\n"
    )


def _steps(manifest: Manifest) -> str:
    """The files of the user's own steps, which the dataset does not hold."""
    if not manifest.steps:
        return ""
    files = ", ".join(
        f"`{step.function.partition(':')[0]}.py` (sha256 `{step.sha256[:16]}…`)" for step in manifest.steps
    )
    return (
        f"\n\nIt was made with steps of its author's own, which are needed, too: {files}. "
        f"만든 사람이 직접 쓴 단계 파일도 필요합니다: {files}."
    )


def declaration(manifest: Manifest) -> str:
    """The pipeline.toml that builds this dataset: what differs from the defaults."""
    sections = [("[dataset]", _set(manifest.dataset))]
    for source in manifest.sources:
        # The kind of a shape is its default, but decides which shape it is.
        shape = {"shape": {"kind": source.shape.kind, **_set(source.shape)}} if source.shape else {}
        sections.append(("[[source]]", _set(source) | shape))
    sections += [("[[step]]", step.model_dump(include={"after", "function"})) for step in manifest.steps]
    sections += [(f"[{stage}]", options) for stage, options in _set(manifest.options).items() if options]
    return "\n".join(f"{head}\n{_toml(values)}" for head, values in sections)


def _set(options: BaseModel) -> dict[str, Any]:
    """The options that differ from their defaults."""
    return options.model_dump(mode="json", exclude_defaults=True, by_alias=True)


def _toml(values: Mapping[str, Any]) -> str:
    return "".join(f"{key} = {_toml_value(value)}\n" for key, value in values.items())


def _toml_value(value: object) -> str:
    """A value as TOML: JSON, but for a table."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_toml_value(key)} = {_toml_value(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml_value, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def merge(cards: Mapping[str, str]) -> str:
    """The card of a repository that holds several configs, from the card of each.

    With one config it is that config's card, byte for byte. Raises ValueError for a card without a YAML header.
    """
    if len(cards) == 1:
        return next(iter(cards.values()))
    headers, bodies = [], []
    for config, text in sorted(cards.items()):
        header, body = _header_and_body(config, text)
        headers.append(header)
        bodies.append(f"# Config `{config}`\n\n{body.strip()}\n")
    merged: dict[str, Any] = {}
    for header in headers:
        for key, value in header.items():
            merged[key] = _both(key, merged[key], value) if key in merged else value
    _refuse_two_of_a_name(merged)
    names = ", ".join(f"`{config}`" for config in sorted(cards))
    intro = (
        f"One dataset in {len(cards)} layouts for training. Each layout is a config: {names}. "
        f"같은 데이터를 학습 방식에 따라 {len(cards)}가지 구성(config)으로 담았습니다. "
        '`load_dataset("…", "config")`로 하나를 골라 읽습니다.\n'
    )
    return "\n".join([f"---\n{_yaml(merged)}---\n", intro, *bodies])


def _refuse_two_of_a_name(header: Mapping[str, Any]) -> None:
    """A text form is one config of the repository, whichever layout it came with: then its splits are the same."""
    names = [entry["config_name"] for entry in header.get("configs", [])]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise CardError(
            f"two layouts have the text form {', '.join(twice)}, and not with the same splits: leave it out of formats "
            "in one of them, build that again and push it"
        )


def _header_and_body(config: str, text: str) -> tuple[dict[str, Any], str]:
    """YAML header and body of a card."""
    import yaml

    found = re.match(r"---\s*\n(.*?)\r?\n---[ \t]*\r?\n(.*)", text, re.DOTALL)
    try:
        header = yaml.safe_load(found[1]) if found else None
    except yaml.YAMLError as error:
        raise CardError(f"the card of the config {config} has a broken YAML header: {error}") from None
    if found is None or not isinstance(header, dict):
        raise CardError(f"the card of the config {config} has no YAML header between two lines of ---")
    configs = header.get("configs", [])
    if not isinstance(configs, list) or not all(isinstance(one, dict) and "config_name" in one for one in configs):
        raise CardError(f"in the card of the config {config}, `configs` is not a list of entries with a config_name")
    return header, found[2]


def _both(key: str, one: Any, other: Any) -> Any:
    """The values of a key in two headers as one: lists joined; `other` for two licences."""
    if isinstance(one, list) and isinstance(other, list):
        return one + [item for item in other if item not in one]
    return "other" if key == "license" and one != other else one
