"""The documents say what the code does: the reference is current, and every file, command and link in them exists."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import click
import pyarrow as pa
import pytest
from click.testing import CliRunner

from pipeline import dedupe, tokenize, validate
from pipeline.cli import main
from pipeline.stages.normalize import FIXES
from pipeline.stages.screen import FINDINGS
from pipeline.table.keep import REASON
from pipeline.tokenizers.load import load_tokenizer
from schemas import reasons
from schemas.columns import MESSAGES
from schemas.meanings import meanings
from schemas.options import DedupeOptions, NormalizeOptions, TokenizeOptions
from scripts import reference, trainers
from tests.support import small_tokenizers
from tests.support.paths import CASES, ROOT
from tests.support.tables import message, table_of

DOCUMENTS = [
    *(
        ROOT / name
        for name in ("README.md", "README.ko.md", "CONTRIBUTING.md", "CHANGELOG.md", "tests/cases/README.md")
    ),
    *sorted(ROOT.glob("docs/*.md")),
    *sorted(ROOT.glob("raw/*/README.md")),
    *sorted(ROOT.glob("examples/*.md")),
]
#: Paths that a document names though this repository does not hold them: the user's own, or made by a run.
MADE = re.compile(
    r"^(\.venv|new\.log|processed/|raw/(generated|README)|other\.toml|duplicates\.jsonl|plan\.mk|(clean|dedupe)\.arrow"
    r"|(raw|a|b|out|valid|normalized|screened|ids|topics|messages)\.(jsonl?|csv|arrow|txt)|rejects\.jsonl|(manifest|run)\.json|spiece\.model"
    r"|mine\.verdicts\.jsonl|jsonl/|pair/|train/|validation/)"
)
PATH = re.compile(r"^\.?[A-Za-z_][\w.-]*(/[\w.-]+)*(/|\.(py|md|toml|jsonl?|csv|yaml|yml))$")

documents = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())


def test_the_reference_is_current() -> None:
    current = reference.FILE.read_text(encoding="utf-8") == reference.reference()
    assert current, "docs/reference.md is not what the code says: run `make docs` and commit the file"


def test_the_lines_for_trainers_are_current() -> None:
    for file in trainers.FILES:
        text = file.read_text(encoding="utf-8")
        assert text == trainers.with_lines(text), f"run `python -m scripts.trainers` and commit {file.name}"
        assert "SFTTrainer" in text


# Names in rows.


def test_every_fault_of_ingest_has_a_listed_reason() -> None:
    trees = [
        ast.parse(path.read_text(encoding="utf-8")) for path in sorted((ROOT / "pipeline/stages/ingest").rglob("*.py"))
    ]
    names = {
        node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and is_fault(node)
    }
    assert names
    raised = [call.args[0] for tree in trees for call in calls(tree, names)]
    assert all(isinstance(reason, ast.Constant) for reason in raised), "write the reason of a fault as a literal"
    assert {reason.value for reason in raised if isinstance(reason, ast.Constant)} == set(reasons.REASONS["ingest"]) - {
        REASON
    }


def is_fault(node: ast.ClassDef) -> bool:
    """A class with `__init__(self, reason, detail)`."""
    return any(
        isinstance(item, ast.FunctionDef)
        and item.name == "__init__"
        and [argument.arg for argument in item.args.args] == ["self", "reason", "detail"]
        for item in node.body
    )


def calls(tree: ast.AST, names: set[str]) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", None)
            if name in names:
                yield node


def test_every_rejection_of_tokenize_has_a_listed_reason() -> None:
    found = set()
    for path in sorted((ROOT / "pipeline/stages/tokenize").glob("*.py")):
        for call in calls(ast.parse(path.read_text(encoding="utf-8")), {"reject"}):
            stage, reason = call.args[2:4]
            assert isinstance(stage, ast.Constant), path
            assert stage.value == "tokenize", path
            assert isinstance(reason, ast.Constant), path
            found.add(reason.value)
    assert found == set(reasons.REASONS["tokenize"]) - {REASON}


def test_every_rejection_of_validate_has_a_listed_reason() -> None:
    """Every kind of fault that the contract knows, in every place that it may be in."""
    texts: list[str | None] = [None, "", "가"]
    rows: list[dict[str, Any]] = [{"instruction": one, "output": other} for one in texts for other in texts]
    plain = {"instruction": "가", "output": "나"}
    rows += [plain | {"rejected": " "}, plain | {"tools": "{}"}, plain | {"tool_calls": "[]"}]
    call = '[{"id": "a", "type": "function", "function": {"name": "f", "arguments": {}}}]'
    calling, result = message("assistant", tool_calls=call), message("tool", tool_call_id="b")
    wrong = [
        [None],
        [message("user", content=None)],
        [message("system")],
        [dict(result, role=None)],
        [result],
        [message("assistant", tool_calls="[]")],
    ]
    rows += [plain | {name: messages} for messages in wrong for name in MESSAGES]
    question = message("user")
    rows += [plain | {"history": [question, message("assistant")]}, plain | {"history": [question, calling, result]}]
    rows += [plain | {"steps": [calling, result]}]
    found = set(
        validate(table_of([row | {"source": "가", "reject": None} for row in rows]))["reject_reason"].to_pylist()
    )
    assert found == {None, *reasons.REASONS["validate"]}


def test_the_findings_of_screen_are_listed() -> None:
    assert tuple(reasons.FINDINGS) == FINDINGS


def test_what_dedupe_rejects_and_flags_is_listed() -> None:
    rejected: set[str] = set()
    flagged: set[str] = set()
    cases = [json.loads(line) for line in (CASES / "dedupe.jsonl").read_text(encoding="utf-8").splitlines()]
    for policy in ("drop", "flag"):
        options = DedupeOptions(exact=policy, near=policy, conflict=policy, near_prompt=policy)
        for case in cases:
            after = dedupe(pa.Table.from_pylist(case["rows"]), options)
            rejected |= {row["reject_reason"] for row in after.to_pylist() if row["reject_stage"] == "dedupe"}
            flagged |= {flag for flags in after["flags"].to_pylist() for flag in flags}
    assert rejected == set(reasons.REASONS["dedupe"])
    # semantic-near needs a model: tests/stages/test_dedupe_semantic.py
    assert flagged == set(reasons.FLAGS["dedupe"]) - {"semantic-near"}


def test_the_flags_of_tokenize_are_listed() -> None:
    columns = {"system": ["짧게", None], "instruction": ["예?", "뷁"], "output": ["네", "\U0001f9ff"]}
    table = pa.table(columns | {"rejected": ["아니", None]})
    after = tokenize(table, load_tokenizer(["embedded"]).tokenizer)
    talk = tokenize(table, small_tokenizers.causal(small_tokenizers.OPENS_THOUGHT), TokenizeOptions(layout="causal"))
    flags = [*after["flags"].to_pylist(), *talk["flags"].to_pylist()]
    assert {flag for row in flags for flag in row} == set(reasons.FLAGS["tokenize"])


def test_the_fixes_and_reasons_of_ingest_in_case_files_are_listed() -> None:
    rows = [
        row
        for path in sorted((CASES / "ingest").glob("*.jsonl"))
        for line in path.read_text(encoding="utf-8").splitlines()
        for row in json.loads(line).get("rows", ())
    ]
    in_tables = {"excel-escapes", "struct-nulls"}  # which no line of text can hold: tests/stages/ingest/test_tables.py
    assert {fix for row in rows for fix in row.get("fixes", ())} == set(reasons.FIXES["ingest"]) - in_tables
    assert {row["reject_reason"] for row in rows if row.get("reject_reason")} <= set(reasons.REASONS["ingest"])


def test_the_option_names_every_fix_that_is_off() -> None:
    listed = meanings(NormalizeOptions)["on"].rpartition(":")[2].strip(" .").split(", ")
    assert listed == [fix.name for fix in FIXES if not fix.default]


# Exit codes.


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["verify", "processed"], 1),
        (["run", "--config", "nowhere.toml"], 1),
        (["run", "--no-such-option"], 2),
        (["show"], 2),
        (["--help"], 0),
        (["--version"], 0),
    ],
    ids=str,
)
def test_exit_codes(arguments: list[str], code: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "processed").mkdir()
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, arguments, standalone_mode=True)
    assert done.exit_code == code, done.output
    assert code in reference.EXIT_CODES


# Links, paths, commands.


@documents
def test_links_resolve(document: Path) -> None:
    text = re.sub(r"^```.*?^```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for address in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"https?://", address):
            continue
        name, _, anchor = address.partition("#")
        target = document.parent / name if name else document
        assert target.exists(), f"{address} does not exist"
        if anchor:
            assert anchor in anchors(target), f"{address}: no such heading"


def anchors(document: Path) -> set[str]:
    """The headings as GitHub names them in links."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def code_spans(document: Path) -> list[str]:
    """What stands in `code`, and the lines of `sh` blocks and of those without a language."""
    text = document.read_text(encoding="utf-8")
    blocks = re.findall(r"^```(?:sh)?\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    return [
        *re.findall(r"(?<!`)`([^`\n]+)`(?!`)", prose),
        *(line.split("  #")[0] for block in blocks for line in block.splitlines()),
    ]


@documents
def test_the_named_files_exist(document: Path) -> None:
    if document.name == "CHANGELOG.md":
        return  # it names what was
    text = document.read_text(encoding="utf-8")
    missing = [
        span
        for span in code_spans(document)
        if PATH.match(span)
        and not MADE.match(span)
        and not any((folder / span).exists() for folder in (ROOT, document.parent))
        and f" {span}\n" not in text  # a block of the page
    ]
    assert not missing


@documents
def test_the_named_modules_exist(document: Path) -> None:
    if document.name == "CHANGELOG.md":
        return
    text = document.read_text(encoding="utf-8")
    for name in set(re.findall(r"\b(?:pipeline|schemas|scripts|tests)(?:\.\w+)+", text, re.ASCII)) - {"pipeline.toml"}:
        assert found(name), f"{document.name} names {name}, which does not exist"


def found(name: str) -> bool:
    """A module, or a name in the text of a module. Nothing is imported: torch need not be installed."""
    *folders, last = name.split(".")
    place = ROOT.joinpath(*folders)
    if (place / last).is_dir() or (place / f"{last}.py").exists():
        return True
    source = next((path for path in (place / "__init__.py", place.with_suffix(".py")) if path.exists()), None)
    return source is not None and re.search(rf"\b{last}\b", source.read_text(encoding="utf-8")) is not None


@documents
def test_the_named_commands_exist(document: Path) -> None:
    context = click.Context(main)
    for span in code_spans(document):
        for words in re.findall(r"(?:^|\| )ko-instruct ([^|#]*)", span):
            name, *rest = words.split()
            if name.startswith("-"):
                assert name in ("--help", "--version")
                continue
            command = main.get_command(context, name)
            assert command is not None, f"ko-instruct has no command {name}"
            options = {
                option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)
            }
            named = {word.partition("=")[0] for word in rest if word.startswith("--") and word != "--"}
            assert named <= {*options, "--help"}, f"ko-instruct {name}"


@documents
def test_the_named_options_exist(document: Path) -> None:
    known = {"--help", "--version", "--no-deps"}
    for name in main.list_commands(click.Context(main)):
        command = main.get_command(click.Context(main), name)
        assert command is not None
        known |= {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    if document.parent.name == "examples":
        scripts = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "examples").glob("*.py"))
        known |= set(re.findall(r"\"(--[\w-]+)\"", scripts))
    named = {word for span in code_spans(document) for word in re.findall(r"(?<![\w-])--[a-z][\w-]*", span)}
    assert named <= known


@documents
def test_the_named_targets_of_make_exist(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {
        name for span in code_spans(document) for name in re.findall(r"^(?:.*&& )?make ([a-z][a-z-]*)\b(?!=)", span)
    }
    assert named <= targets


IN_KOREAN = [
    (english, english.with_suffix(".ko.md"))
    for english in (*ROOT.glob("*.md"), *sorted(ROOT.glob("docs/*.md")))
    if english.with_suffix(".ko.md").exists()
]


@pytest.mark.parametrize(("english", "korean"), IN_KOREAN, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_both_languages_show_the_same(english: Path, korean: Path) -> None:
    """The same sections, tables, links and pictures; only the words differ. A Korean page links to Korean pages."""
    texts = [path.read_text(encoding="utf-8") for path in (english, korean)]
    prose = [re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE) for text in texts]
    outlines = [re.findall(r"^#+ ", text, re.MULTILINE) for text in prose]
    assert outlines[0] == outlines[1]
    assert first_cells(texts[0]) == first_cells(texts[1])
    links = [set(re.findall(r"\]\(([^)#\s]+)", text)) for text in texts]
    others = {english.name, korean.name}
    assert {in_korean(link, english.parent) for link in links[0] - others} == links[1] - others


def in_korean(link: str, folder: Path) -> str:
    """The Korean page of the same name, where there is one."""
    korean = link.removesuffix(".md") + ".ko.md"
    return korean if link.endswith(".md") and (folder / korean).exists() else link


def first_cells(text: str) -> list[str]:
    """The code at the beginning of each line of a table."""
    return re.findall(r"^\| (`[^`|]*`(?:, `[^`|]*`)*) \|", text, re.MULTILINE)


@pytest.mark.parametrize("document", ["docs/own-data.md", "docs/own-data.ko.md"])
def test_the_config_of_the_page_names_every_value(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    for name in ("truncation", "layout"):
        listed = re.search(rf"^{name} = \"(.*)\" +# (.*)$", text, re.MULTILINE)
        assert listed is not None
        assert {listed[1], *listed[2].split(", ")} == set(get_args(TokenizeOptions.model_fields[name].annotation))


# Errors in the pages, and what a change must pass.


@pytest.mark.parametrize("document", ["docs/questions-and-answers.md", "docs/questions-and-answers.ko.md"])
def test_the_messages_of_the_page_are_those_of_the_code(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    table = re.search(r"^## (?:When something goes wrong|문제가 생기면)$(.*)", text, re.DOTALL | re.MULTILINE)
    assert table is not None
    sources = "".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "pipeline").rglob("*.py")))
    joined = re.sub(r"\"\s*\n\s*f?\"", "", sources)
    messages = [cell.strip("`") for cell in first_cells(table[1]) if " " in cell and "No space" not in cell]
    assert len(messages) >= 5
    for sentence in messages:
        for part in filter(lambda part: len(part) > 4, map(str.strip, sentence.split("…"))):
            assert part in joined, f"no message of the code holds {part!r}"


def test_the_hosted_workflow_runs_the_steps_of_ci() -> None:
    steps = re.findall(r"^make ([a-z-]+)", (ROOT / ".ci" / "run").read_text(encoding="utf-8"), re.MULTILINE)
    hosted = (ROOT / ".github" / "workflows" / "check.yml").read_text(encoding="utf-8")
    assert steps
    assert re.findall(r"run: make ([a-z-]+)", hosted) == [
        *steps,
        "test-trainers",
        "test-ray",
        "test-browser",
    ]  # in jobs of their own
