"""The dataset card: README.md of an exported folder, made from its manifest and nothing else."""

import html
from collections.abc import Iterable, Sequence

from schemas.manifest import Manifest
from schemas.options import ExportOptions

#: Upper bounds of the Hub's size categories.
SIZES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
)
#: Licences that name no terms, so that the Hub wants `other`.
HUB_OTHER = ("", "unknown", "other")


def card(manifest: Manifest, options: ExportOptions) -> str:
    """The card as Markdown with the Hub's YAML header; `load_dataset` finds the Parquet files by its `configs`."""
    name = manifest.dataset.title or manifest.dataset.name
    return "\n".join(
        [
            f"---\n{_header(manifest, options)}---\n",
            f"# {plain(name)}\n",
            *([plain(manifest.dataset.description) + "\n"] if manifest.dataset.description else []),
            _summary(manifest),
            _sources(manifest),
            _rejected(manifest),
            _changes(manifest),
            _tokens(manifest),
            _loading(manifest, options),
        ]
    )


def plain(text: str) -> str:
    """Text of a source or a user as text: no HTML, no table cells, no headings, no links come to life."""
    text = html.escape(" ".join(text.split()), quote=False)
    for mark in "\\`*_[]|#":
        text = text.replace(mark, "\\" + mark)
    return text


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; numbers are set to the right."""
    cells = [[f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in rows]
    lines = [list(head), ["---"] * len(head), *cells]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _header(manifest: Manifest, options: ExportOptions) -> str:
    import yaml

    kept = manifest.counts.kept
    licenses = sorted({source.license for source in manifest.sources})
    header: dict[str, object] = {
        "language": ["ko"],
        "license": licenses[0] if len(licenses) == 1 and licenses[0] not in HUB_OTHER else "other",
        "pretty_name": manifest.dataset.title or manifest.dataset.name,
        "size_categories": [next((label for bound, label in SIZES if kept < bound), "n>10M")],
        "task_categories": ["text-generation"],
        "tags": ["instruction-tuning", "korean", "ko-instruct"],
    }
    if "parquet" in options.formats and kept:
        files = [{"split": split, "path": f"data/{split}-*.parquet"} for split in manifest.counts.splits]
        header["configs"] = [{"config_name": "default", "data_files": files}]
    text: str = yaml.safe_dump(header, allow_unicode=True, sort_keys=False)
    return text


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
        f"Tokenizer: `{tokenizer['name']}` (sha256 `{str(tokenizer['sha256'])[:16]}…`), "
        f"layout `{manifest.options['tokenize']['layout']}`.",
        f"{tokens.total:,} tokens, {tokens.mean} a row, {tokens.longest:,} in the longest; {tokens.unknown:,} [UNK]; "
        f"{tokens.cut:,} tokens were cut from {tokens.cut_rows:,} rows.",
    ]
    lines += [f"`{name}` was asked for first, but could not be had: {plain(why)}" for name, why in tokenizer["tried"]]
    if tokenizer["kind"] == "embedded":
        lines.append(
            "**These ids are for trying the pipeline out: the embedded vocabulary belongs to no model.** "
            "이 토큰 ID는 시험용이며, 학습된 어떤 모델과도 맞지 않습니다."
        )
    return "## Tokens · 토큰\n\n" + "\n\n".join(lines) + "\n"


def _loading(manifest: Manifest, options: ExportOptions) -> str:
    name = manifest.dataset.name
    lines = []
    if "parquet" in options.formats:
        lines.append(
            f'from datasets import load_dataset\n\ndataset = load_dataset("{name}")  # this folder, or its Hub id'
        )
    if "arrow" in options.formats:
        lines.append(f'from datasets import load_from_disk\n\ndataset = load_from_disk("{name}")  # no copy is made')
    columns = table(["column", "type"], [[f"`{column}`", f"`{kind}`"] for column, kind in manifest.columns.items()])
    code = "\n\n".join(f"```python\n{line}\n```" for line in lines)
    return (
        f"## Use · 사용법\n\n{code}\n\n{columns}\n"
        "Rebuild: put the files named in `manifest.json` under `raw/` and run `make processed`; the same input and "
        "options give the same bytes. 같은 입력과 옵션이면 언제나 같은 결과가 나옵니다.\n"
    )
