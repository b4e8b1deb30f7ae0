"""Korean text through `normalize` and `screen` and through the tools of the field: right, harmed, speed.

Peers live in an environment of their own: soynlp, ftfy, presidio-analyzer, kss (where its dependencies are).

    KO_INSTRUCT_DATA=… KOBERT_SPIECE=… python benchmarks/korean_text.py > benchmarks/korean_text.md

Right: the output of a case file of tests/cases is the one expected. Harmed: a letter, digit, sign or line break is gone
that the expected text has. Peers that are not installed are left out and named.
"""

import collections
import gzip
import html
import importlib.metadata
import itertools
import json
import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import orjson
import pyarrow as pa

from pipeline import marks
from pipeline.normalize import normalize
from pipeline.screen import screen
from pipeline.screen.pii import find_pii
from schemas.options import NormalizeOptions

CASES = Path(__file__).parent.parent / "tests/cases"
DATA = Path(os.environ["KO_INSTRUCT_DATA"])


def cases(name: str) -> list[dict]:
    return [json.loads(line) for line in (CASES / name).read_text("utf-8").split("\n") if line]


TEXTS = ["instruction", "input", "output"]


def ours(text: str) -> str:
    table = pa.table({"instruction": [text], "input": [""], "output": ["답"]})
    return normalize(table)["instruction"][0].as_py()


def peers() -> dict[str, Callable[[str], str]]:
    found: dict[str, Callable[[str], str]] = {"ko-instruct normalize": ours}
    try:
        import ftfy

        found[f"ftfy {ftfy.__version__}"] = ftfy.fix_text
    except ImportError:
        pass
    try:
        from soynlp.normalizer import emoticon_normalize, only_text

        version = importlib.metadata.version("soynlp")
        found[f"soynlp {version} emoticon_normalize"] = lambda text: emoticon_normalize(text, num_repeats=3)
        found[f"soynlp {version} only_text"] = only_text
    except ImportError:
        pass
    try:
        from kss._modules.preprocessing.normalize import normalize as kss_normalize

        found[f"kss {importlib.metadata.version('kss')} normalize"] = kss_normalize
    except ImportError:
        pass
    import unicodedata

    found["NFKC alone"] = lambda text: unicodedata.normalize("NFKC", text)
    return found


def meaning(text: str) -> collections.Counter:
    """Characters that say something, line breaks among them (runs of them as one). Spaces are not."""
    text = re.sub(r"\n\s*", "\n", text.replace("\r\n", "\n").replace("\r", "\n").strip())
    return collections.Counter(char for char in text if char == "\n" or not (char.isspace() or not char.isprintable()))


def harmed(expected: str, got: str) -> bool:
    return bool(meaning(expected) - meaning(got))


def normalisation(lines: list[str]) -> None:
    rows = [case for case in cases("normalize.jsonl") if "on" not in case and "known_failure" not in case]
    known = sum("known_failure" in case for case in cases("normalize.jsonl"))
    real = real_texts()
    lines += ["## Normalisation", ""]
    lines += [
        f"{len(rows)} cases of tests/cases/normalize.jsonl with default options ({known} known failures aside), and"
    ]
    lines += [
        f"{len(real):,} real texts that a tool may repair but not cut (spaces and line ends aside).",
        "",
    ]
    lines += [
        "| tool | cases right | cases harmed | real texts harmed | changed | texts/s |",
        "|---|---|---|---|---|---|",
    ]
    for name, tool in peers().items():
        got = [attempt(tool, case["text"]) for case in rows]
        right = sum(text == case["expect"] for text, case in zip(got, rows, strict=True))
        harm = sum(harmed(case["expect"], text) for text, case in zip(got, rows, strict=True))
        start = time.perf_counter()
        if tool is ours:
            table = pa.table({"instruction": real, "input": [""] * len(real), "output": ["답"] * len(real)})
            out = normalize(table, NormalizeOptions())["instruction"].to_pylist()
        else:
            out = [attempt(tool, text) for text in real]
        speed = len(real) / (time.perf_counter() - start)
        # A jamo that became part of a syllable is not lost, nor a tag or entity that was read.
        lost = sum(harmed(decoded(before), decoded(after)) for before, after in zip(real, out, strict=True))
        changed = sum(before != after for before, after in zip(real, out, strict=True))
        lines.append(
            f"| {name} | {right / len(rows):.1%} | {harm / len(rows):.1%} | {lost:,} ({lost / len(real):.2%}) "
            f"| {changed / len(real):.2%} | {speed:,.0f} |"
        )
    lines.append("")


def nfc(text: str) -> str:
    import unicodedata

    return unicodedata.normalize("NFC", text)


def decoded(text: str) -> str:
    """The text with its line-break tags and entities read, so that no tool is blamed for reading them."""
    return html.unescape(re.sub(r"<br ?/?>", "\n", nfc(text)))


def attempt(tool: Callable[[str], str], text: str) -> str:
    try:
        return tool(text)
    except Exception:  # a peer that fails on a text gives nothing of it
        return ""


def real_texts() -> list[str]:
    texts = [row["input"] for row in nsmc(20_000)]
    for name in ("koalpaca_v1.0_a.json", "koalpaca_v1.0_b.json"):
        for row in json.loads((DATA / name).read_text("utf-8")):
            texts += [str(row["instruction"]), str(row["output"])]
    return [text for text in dict.fromkeys(texts) if text.strip()]


def nsmc(rows: int) -> list[dict]:
    with gzip.open(DATA / "nsmc_instruct.jsonl.gz") as file:
        return [orjson.loads(line) for line in itertools.islice(file, rows)]


#: Unvalidated expressions of our own, to show what validation adds. They are no measurement of any tool.
NAIVE = {
    "plain expressions, nothing validated": {
        "pii-phone": r"01[016789]-?\d{3,4}-?\d{4}|0\d{1,2}-\d{3,4}-\d{4}",
        "pii-resident-number": r"\d{6}-[1-4]\d{6}",
        "pii-account": r"\d{2,6}-\d{2,6}-\d{2,6}",
        "pii-card": r"\d{4}[- ]\d{4}[- ]\d{4}[- ]\d{4}",
        "pii-email": r"[\w.+-]+@[\w-]+\.[\w.]+",
    },
    "expressions for e-mail and IP only": {
        "pii-email": r"[\w.+-]+@[\w-]+\.[\w.]+",
        "pii-ip": r"\b\d{1,3}(?:\.\d{1,3}){3}\b",
    },
}


def personal(lines: list[str]) -> None:
    rows = [case for case in cases("screen_pii.jsonl") if "known_failure" not in case]
    total = sum(sum(case["expect"].values()) for case in rows)
    lines += [
        "## Personal data",
        "",
        f"{len(rows)} cases of tests/cases/screen_pii.jsonl: {total} items, the rest look-alikes.",
        "",
    ]
    lines += ["| tool | precision | recall | cases right |", "|---|---|---|---|"]
    tools: dict[str, Callable[[str], collections.Counter]] = {
        "ko-instruct screen": lambda text: collections.Counter(kind.name for kind, _, _ in find_pii(text))
    }
    for name, kinds in NAIVE.items():
        tools[name] = lambda text, kinds=kinds: collections.Counter(
            {kind: len(re.findall(pattern, text)) for kind, pattern in kinds.items() if re.search(pattern, text)}
        )
    tools |= presidio()
    for name, tool in tools.items():
        found = [tool(case["text"]) for case in rows]
        true = sum((got & collections.Counter(case["expect"])).total() for got, case in zip(found, rows, strict=True))
        right = sum(dict(got) == case["expect"] for got, case in zip(found, rows, strict=True))
        said = sum(got.total() for got in found)
        lines.append(f"| {name} | {true / said:.1%} | {true / total:.1%} | {right / len(rows):.1%} |")
    lines.append("")


def presidio() -> dict[str, Callable[[str], collections.Counter]]:
    """Its recognisers for Korea, e-mail, IP, cards and phones, each as it is; none needs a language model."""
    try:
        import presidio_analyzer.predefined_recognizers as its
    except ImportError:
        return {}
    recognisers = {
        "pii-phone": its.PhoneRecognizer(supported_regions=("KR",)),
        "pii-email": its.EmailRecognizer(),
        "pii-ip": its.IpRecognizer(),
        "pii-card": its.CreditCardRecognizer(),
        "pii-resident-number": its.KrRrnRecognizer(),
        "pii-foreigner-number": its.KrFrnRecognizer(),
        "pii-business-number": its.KrBrnRecognizer(),
        "pii-driver-licence": its.KrDriverLicenseRecognizer(),
        "pii-passport": its.KrPassportRecognizer(),
    }

    def find(text: str) -> collections.Counter:
        found: collections.Counter = collections.Counter()
        for kind, recogniser in recognisers.items():
            results = recogniser.analyze(text, recogniser.supported_entities, None) or []
            found[kind] += len({(result.start, result.end) for result in results})
        return +found

    return {f"presidio-analyzer {importlib.metadata.version('presidio-analyzer')}, Korean recognisers": find}


def cost(lines: list[str]) -> None:
    import sentencepiece

    encoder = sentencepiece.SentencePieceProcessor(model_file=os.environ["KOBERT_SPIECE"])
    rows = nsmc(200_000)
    table = pa.table({name: [row[name] for row in rows] for name in TEXTS})
    table = marks.complete(table)
    batches = [table.slice(start, 8192).combine_chunks() for start in range(0, len(table), 8192)]
    best: dict[str, float] = collections.defaultdict(lambda: 1e9)
    for _ in range(3):
        start = time.perf_counter()
        for batch in batches:
            for column in batch.select(TEXTS).columns:
                encoder.encode(column.to_pylist(), num_threads=1)
        best["all"] = min(best["all"], time.perf_counter() - start)
        start = time.perf_counter()
        for batch in batches:
            for column in batch.select(TEXTS).columns:
                encoder.encode(column.unique().to_pylist(), num_threads=1)
        best["distinct"] = min(best["distinct"], time.perf_counter() - start)
        start = time.perf_counter()
        normalized = [normalize(batch) for batch in batches]
        best["normalize"] = min(best["normalize"], time.perf_counter() - start)
        start = time.perf_counter()
        for batch in normalized:
            screen(batch)
        best["screen"] = min(best["screen"], time.perf_counter() - start)
    both = best["normalize"] + best["screen"]
    lines += [
        "## Cost",
        "",
        f"{len(rows):,} rows of nsmc_instruct.jsonl.gz in batches of 8192, one thread, best of three.",
        "",
    ]
    lines += ["| | seconds | × SentencePiece on distinct texts | × SentencePiece on every text |", "|---|---|---|---|"]
    labels = {"normalize": "normalize", "screen": "screen", "both": "both"}
    for key, label in labels.items():
        seconds = both if key == "both" else best[key]
        lines.append(f"| {label} | {seconds:.2f} | {seconds / best['distinct']:.2f} | {seconds / best['all']:.2f} |")
    share = best["distinct"] / best["all"]
    lines.append(f"| SentencePiece, texts distinct in a batch | {best['distinct']:.2f} | 1 | {share:.2f} |")
    lines.append(f"| SentencePiece, every text | {best['all']:.2f} | {best['all'] / best['distinct']:.2f} | 1 |")
    lines.append("")


def main() -> None:
    lines = ["# Korean text: right, harmed, speed", ""]
    lines += ["2026-11, 2 cores, 24 GB, shared with other work. Repeat with", ""]
    lines += ["    KO_INSTRUCT_DATA=… KOBERT_SPIECE=… python benchmarks/korean_text.py > benchmarks/korean_text.md", ""]
    lines += [
        "The cases are ours and our code was tuned until they passed: its share right on them shows that nothing has",
        "regressed, not how it does on unseen text. Fixes and findings were also adjusted after looking at samples of",
        "these real texts. Their column reads `<br>` and HTML entities as what they stand for, for every tool; counted",
        "letter by letter, `normalize` would have 7 more texts there, all such tags and entities. Known failures",
        "are left out of the shares and stay in the case files. kss was not run: its dependencies were not all there.",
        "The two rows of plain expressions are ours and measure no tool. presidio has no accounts, plates, addresses.",
        "",
        "soynlp and ftfy have other aims than these cases, which are written from ours.",
        "",
    ]
    for part in (normalisation, personal, cost):
        part(lines)
    print("\n".join(lines).rstrip())


if __name__ == "__main__":
    main()
