"""Korean text through `normalize` and `screen` and through the tools of the field: right, harmed, speed.

Peers live in an environment of their own: soynlp, ftfy, presidio-analyzer, kss.

    KO_INSTRUCT_DATA=… KOBERT_SPIECE=… python -m benchmarks.korean_text > benchmarks/korean_text.md

Right: the output of a case file of tests/cases is the one expected. Harmed: a letter, digit, sign or line break is gone
that the expected text has. Peers that are not installed are left out and named.
"""

import collections
import functools
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

from pipeline.stages.normalize import normalize
from pipeline.stages.screen import screen
from pipeline.stages.screen.pii import find_pii
from pipeline.table.reject_and_flag import complete
from schemas.options import NormalizeOptions
from tests.support import heldout
from tests.support.heldout import Stretch

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

        version = importlib.metadata.version("kss")
        found[f"kss {version} normalize"] = functools.partial(kss_normalize, num_workers=1)
        found[f"kss {version} normalize, repeats over 3 reduced"] = functools.partial(
            kss_normalize, reduce_char_repeats_over=3, reduce_emoticon_repeats_over=3, num_workers=1
        )
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


Finder = Callable[[str], list[Stretch]]


def finders() -> dict[str, Finder]:
    found: dict[str, Finder] = {
        "ko-instruct screen": lambda text: [(kind.name, start, end) for kind, start, end in find_pii(text)]
    }
    for name, kinds in NAIVE.items():
        found[name] = lambda text, kinds=kinds: [
            (kind, *match.span()) for kind, pattern in kinds.items() for match in re.finditer(pattern, text)
        ]
    return found | ko_pii() | presidio() | kss()


def personal(lines: list[str]) -> None:
    rows = [case for case in cases("screen_pii.jsonl") if "known_failure" not in case]
    total = sum(sum(case["expect"].values()) for case in rows)
    tools = finders()
    lines += [
        "## Personal data",
        "",
        f"{len(rows)} cases of tests/cases/screen_pii.jsonl: {total} items, the rest look-alikes.",
        "",
        "| tool | precision | recall | cases right |",
        "|---|---|---|---|",
    ]
    for name, tool in tools.items():
        found = [collections.Counter(kind for kind, _, _ in tool(case["text"])) for case in rows]
        true = sum((got & collections.Counter(case["expect"])).total() for got, case in zip(found, rows, strict=True))
        right = sum(dict(got) == case["expect"] for got, case in zip(found, rows, strict=True))
        said = sum(got.total() for got in found)
        lines.append(f"| {name} | {true / said:.1%} | {true / total:.1%} | {right / len(rows):.1%} |")
    lines += ["", FRESH, "", HELD_OUT, ""]
    lines += ["| tool | as written: precision | recall | reserved names replaced: precision | recall | cases right |"]
    lines += ["|---|---|---|---|---|---|"]
    for name, tool in tools.items():
        cells = []
        for change in (str, heldout.unreserved):
            compared = [heldout.compare(case.items, tool(case.text)) for case in heldout.read(change)]
            true, wrong, missed = (sum(map(len, part)) for part in zip(*compared, strict=True))
            cells += [f"{true / (true + wrong):.1%}", f"{true / (true + missed):.1%}"]
        right = sum(not wrong and not missed for _, wrong, missed in compared)
        lines.append(f"| {name} | {' | '.join(cells)} | {right / len(compared):.1%} |")
    lines += [
        "",
        "The sets that are in parts, each as written; a stretch is right where its kind and both limits are:",
        "",
    ]
    lines += [f"| tool | {' | '.join(f'{name}: precision | recall' for name in SPAN_SETS)} |"]
    lines += ["|---" * (1 + 2 * len(SPAN_SETS)) + "|"]
    for name, tool in tools.items():
        cells = [cell for case_file in SPAN_SETS for cell in of_spans(tool, f"{case_file}.jsonl")]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines.append("")


SPAN_SETS = ("screen_pii_heldout2", "screen_pii_heldout3")


def of_spans(tool: Finder, name: str) -> tuple[str, str]:
    """Precision and recall on texts with spans. The kinds that a tool does not have count as missed."""
    true = said = wanted = 0
    for case in cases(name):
        found = set(tool("".join(case["text"])))
        spans = {(kind, start, end) for start, end, kind in case["spans"]}
        true, said, wanted = true + len(found & spans), said + len(found), wanted + len(spans)
    return f"{true / said:.1%}" if said else "-", f"{true / wanted:.1%}"


#: What cannot be measured twice: the first run of the code on cases that nobody who wrote it had seen.
HELD_OUT = """### Held out

442 cases (273 items, the rest look-alikes) of tests/cases/screen_pii_heldout.jsonl, written by someone who had not
seen the code. At first sight, as written: precision 99.1 %, recall 78.8 %, 88.5 % of the cases right (commit 3d6af5b,
after a review of the code on examples of our own; before that review 99.0 %, 74.0 % and 85.7 %).

| kind | items | precision at first sight | recall at first sight |
|---|---|---|---|
| resident and foreigner numbers | 26 | 100 % | 92.3 % |
| telephone | 61 | 96.8 % | 98.4 % |
| business number | 15 | 100 % | 100 % |
| corporate number | 11 | 100 % | 90.9 % |
| driver's licence | 13 | 100 % | 100 % |
| passport | 16 | 100 % | 81.2 % |
| bank account | 25 | 100 % | 88.0 % |
| card | 13 | 100 % | 92.3 % |
| e-mail | 29 | 100 % | 27.6 % |
| IP address | 21 | 100 % | 33.3 % |
| vehicle plate | 19 | 100 % | 57.9 % |
| address | 24 | 100 % | 83.3 % |

All 21 e-mail addresses and 14 IP addresses that were missed are reserved for examples (RFC 2606, 5737, 3849), and
`screen` leaves these alone by design: no mistake of either side, so the file stays as it is and both ways of counting
are shown. The other differences were ours and are repaired: numbers given since October 2020 whose sum need not hold,
lot-number addresses, plates with a space beside a car, lists and forms, placeholders of zeros, full-width digits. So
this set is held out no longer, and the next table shows that nothing has regressed:"""


#: Also a first run: of cases in other forms (key=value, JSON, lists, separators, units, headers, forms, secrets).
FRESH = """### Other forms

Two sets of cases by the author of the code, who knew the rules; a case is right if every stretch has its exact limits.
The first was written before the code was changed for these forms, the second after its first version. Both are now in
tests/cases/screen_pii.jsonl, apart from whole tokens.

| set | cases | spans | before: cases right, spans missed, wrong | first run after |
|---|---|---|---|---|
| first | 121 | 103 | 46, 70, 14 | 118, 3, 1 |
| second | 120 | 79 | 62, 55, 14 | 117, 3, 0 |

A third set of 100 texts (tests/cases/screen_pii_heldout2.jsonl, 83 spans) is by someone who had not seen the code. At
first sight (commit 4b9ea60): 80 of 83 found, all with their exact limits, nothing wrong; 58 of 83 before the change for
these forms. Now 82: a token of GitHub with a wrong checksum counts behind the word "token", and a name in KakaoTalk in
brackets. The number of a service desk (1588-7243) is no personal data here, as in the file of 442 cases below.

A fourth set of 118 texts (tests/cases/screen_pii_heldout3.jsonl, 78 spans of all sixteen kinds, 50 look-alikes) was
written from the names of the kinds alone. At first sight (commit ea8c61d): 78 of 78 found with their exact limits,
nothing wrong.

A fifth set of 103 texts (tests/cases/screen_pii_heldout4.jsonl, 63 spans of all kinds, 45 look-alikes) was written in
the same way. At first sight (commit 3302e19): 63 of 63 found with their exact limits, nothing wrong."""


#: Hits that were read one by one, which no run repeats.
DEFECTS = """## Defects

Cases by kind: 128 rows with a defect and 111 clean ones (tests/cases/screen_defects.jsonl), on which the rules were
made: found 53.1 % before this change and 100 % after it, clean rows flagged 15.3 % and 0 %. Fresh cases, written by
the author of the rules in other words and scored before any change for them (64 with a defect, 40 clean,
tests/cases/screen_defects_fresh.jsonl): found 39.1 % before and 90.6 % after, clean rows flagged 20.0 % and 5.0 %. The
misses were then corrected by kind, so neither set is held out any longer.

A third set (110 with a defect of eleven kinds, 110 clean, tests/cases/screen_defects_heldout.jsonl) is by someone who
had not seen the rules; some of its labels can be argued. At first sight (commit 4b9ea60), after `normalize`: found 90
of 110 (81.8 %, 82 of them by the name of their kind), clean rows flagged 2 of 110; before those rules 65.5 % and 19 of
110. Two of the misses are an end mark (`</s>`), which `normalize` removes. By kind, of 10 each: repetition and echo 10,
disclaimer and wrong-language 9, refusal, no-answer, merged-instruction and untranslated 8, mixed-speech and
template-residue 7, truncated 6. The misses were then corrected by kind: 108 of 110 are found (the other two are those
that `normalize` repairs), 0 of 110 flagged.

A fourth set (59 with a defect, 60 clean, tests/cases/screen_defects_fresh2.jsonl) is by the author of these
corrections, who knew the rules, in other words and scored once before any change for it: found 51 of 59 (86.4 %), clean
rows flagged 1 of 60; commit 4b9ea60 finds 39 and flags 2. By kind: disclaimer 5 of 5, mixed-speech, merged-instruction
and template-residue 7 of 7, repetition 2 of 2, no-answer 5 of 6, wrong-language and untranslated 4 of 5, truncated 6 of
8, refusal 4 of 6, echo 0 of 1. Its misses were corrected by kind, too, and now all are found: no set is held out.

A fifth set (134 with a defect of fourteen kinds, 101 clean, tests/cases/screen_defects_heldout3.jsonl) was written
from the names of the kinds alone, before its author read the rules. At first sight (commit ea8c61d): found 96 of 134
(71.6 %, one of them repaired by `normalize`), clean rows flagged 3 of 101. After corrections by kind 133 of 134 and 0
of 101; a sixth set (66 with a defect, 50 clean, tests/cases/screen_defects_fresh3.jsonl), by the same author, who
knew the rules then, was scored once before any further change: found 55 of 66 (83.3 %), flagged 0 of 50. Its misses
were corrected by kind, too: 66 of 66, 0 of 50.

Refusals, promises and notes are found since by what an answer lacks: words of its own (pipeline/stages/screen/
own_words.py). A seventh and an eighth set (tests/cases/screen_defects_fresh4.jsonl and screen_defects_fresh5.jsonl, 180
with a defect, 74 clean) are by the author of that rule: found at first sight 44 of 100 (by the rules before it) and 52
of 80, after corrections 95 and 79, flagged none. A ninth set (120 with a defect of eleven kinds, 100 hard clean ones,
tests/cases/screen_defects_heldout4.jsonl) was written from the names of the kinds alone by someone who had read no
rule and no case. At first sight: found 92 of 120 (76.7 %; the rules of commit 2acf256 find 81), clean rows flagged 2
of 100. After corrections by kind 109 and 0. On the 36,016 rows of KoAlpaca and Chatbot_data all these rules together
add 14 flags to those of 2acf256; of these, 9 were read as right, 3 as small talk that is no defect, 2 as wrong.

A tenth and an eleventh set (122 and 102 with a defect of fourteen kinds, 99 and 61 hard clean ones,
tests/cases/screen_defects_heldout5.jsonl and screen_defects_heldout6.jsonl) were written from the names of the kinds
before their author read any rule. The tenth at first sight: found 89 of 122 (73.0 %), clean rows flagged 0 of 99. Then
the rules were changed by kind for its misses, and the eleventh, which had not been scored until then, was scored once
(its author had seen the misses of the tenth when he wrote it): found 86 of 102 (84.3 %; the rules of commit 3302e19
find 72, 70.6 %), flagged 4 of 61, as by those rules. After corrections 122 and 100, flagged none. On 770,576 real rows
(all of NSMC, KoAlpaca, Chatbot_data, and pairs of sentences of four other sets as requests to rephrase or go on) these
rules add 22 flags; of these, all read, 18 are right, 3 are small talk, 1 can be argued (a translated request for
"simple English"). So on text that no rule has seen, expect four of five defects found, and a few of a hundred hard
clean rows flagged: both short of the aims of 95 % and 2 %.

| kind | fifth set at first sight | after | sixth set, scored once | after |
|---|---|---|---|---|
| refusal | 5 of 11 | 11 | 3 of 6 | 6 |
| disclaimer | 8 of 11 | 11 | 5 of 6 | 6 |
| truncated | 8 of 12 | 11 | 5 of 6 | 6 |
| mixed-speech | 10 of 11 | 11 | 6 of 6 | 6 |
| no-answer | 9 of 11 | 11 | 4 of 6 | 6 |
| wrong-language | 9 of 12 | 12 | 6 of 6 | 6 |
| merged-instruction | 9 of 11 | 11 | 6 of 6 | 6 |
| untranslated | 7 of 12 | 12 | 6 of 6 | 6 |
| repetition | 8 of 11 | 11 | 4 of 6 | 6 |
| echo | 6 of 11 | 11 | 4 of 6 | 6 |
| template-residue | 8 of 12 | 12 | 6 of 6 | 6 |
| missing-image, url-only, mojibake | 9 of 9 | 9 | | |

A morphological analyser (kiwipiepy 0.24.1) decides none of these. Its rule "the last morpheme is a particle, an
adverb, a bound noun, a connective or adnominal ending, or a bare stem" finds 24 of the 36 truncated answers of the
third to sixth set and flags 8 of their 321 clean answers; the plain rules find 35 and flag none. On 9,108 answers of
KoAlpaca it flags 45, and of the 25 that were read 24 were whole. For speech levels the plain rules find 34 of 34 in
these sets, so it was not tried. It would also give other bytes where it is installed: only `[screen] on` calls it,
for the two findings below.

`disfluent`: the score of its language model, per morpheme, of a line as it is, less that of the line with neighbouring
words swapped. KoAlpaca a and b, lines of prose with eight words or more; half of the lines are shuffled, or have half
of their words from another line. The score alone: AUC 0.96 for shuffled, 0.93 for mixed lines; the difference 0.995
and 0.97.

| margin | 4,000 lines flagged | 2,000 reviews of NSMC | 1,500 shuffled lines found | 1,209 mixed lines found |
|---|---|---|---|---|
| 0.2 (used) | 0.1 % | 3.5 % | 69.2 % | 27.0 % |
| 0.3 | 0.2 % | 5.4 % | 76.7 % | 34.4 % |
| 0.5 | 0.6 % | 10.1 % | 87.9 % | 51.9 % |
| 0.8 | 2.0 % | 21.4 % | 95.3 % | 74.6 % |

Read one by one, the four lines flagged in KoAlpaca are no shuffled ones (short, of equal halves): in data without such
a defect a hit is a false one. It takes 9 ms a line.

`person-name`: 55 hits on the real texts below, read: 53 are names of persons (96 %), most of them of actors. Without a
title or label beside it, 14 of 60 hits were none. (Before names of places in front of a title were left out.)

Precision on real text: KoAlpaca a and b, Chatbot_data and 100,000 rows of NSMC, 123,311 distinct rows
after `normalize`. All hits were read, or the first 49. Right: the row has the defect.

| finding | hits | read | right |
|---|---|---|---|
| url-only | 61 | 49 | 48 |
| missing-image | 37 | 37 | 31 |
| refusal | 31 | 31 | 30 |
| merged-instruction | 24 | 24 | 24 |
| echo | 21 | 21 | 18 |
| mixed-speech | 10 | 10 | 10 |
| wrong-language | 9 | 9 | 8 |
| template-residue | 9 | 9 | 8 |
| no-answer | 3 | 3 | 3 |
| untranslated | 2 | 2 | 2 |
| truncated | 2 | 2 | 2 |
| repetition, disclaimer | 1 each | 2 | 2 |
| not-korean, mojibake | 0 | 0 | |
| pii-email | 11 | 11 | 11 addresses: 3 of persons, 8 of companies or made up |
| pii-phone | 4 | 4 | 4 numbers: 2 of persons, 1 of a company, 1 made up |
| pii-address, secret | 1 each | 2 | 2: a shop, a made-up password |
| other personal data | 0 | 0 | |

These texts hold fewer than 50 hits of every finding but one, so most shares are of few.
"""


def defects(lines: list[str]) -> None:
    lines += [DEFECTS, ""]


def kss() -> dict[str, Finder]:
    """Its anonymiser, kind by kind; each mask is a character that the text does not have, which gives the place."""
    try:
        from kss._modules.preprocessing.anonymize import anonymize
    except ImportError:
        return {}
    kinds = {
        "pii-phone": "phone_number",
        "pii-resident-number": "rrn",
        "pii-card": "credit_card",
        "pii-email": "email",
        "pii-account": "bank_account",
        "pii-ip": "ip_v4",
    }
    marks = {kind: chr(0xE000 + number) for number, kind in enumerate(kinds)}
    masks = {f"{name}_replacement": marks[kind] for kind, name in kinds.items()}
    others = dict.fromkeys(("card", "zip", "bitcoin", "url", "ip_v6"), False)
    off = {f"{name}_anonymization": value for name, value in others.items()}

    def find(text: str) -> list[Stretch]:
        masked = anonymize(text, num_workers=1, **masks, **off)
        said = [char for char in masked if char in marks.values()]
        pieces = re.split("[\ue000-\ue005]", masked)
        match = re.fullmatch("(.+?)".join(map(re.escape, pieces)), text, re.DOTALL)
        kind_of = {mark: kind for kind, mark in marks.items()}
        spans = [match.span(number + 1) if match else (0, len(text)) for number in range(len(said))]
        return [(kind_of[mark], *span) for mark, span in zip(said, spans, strict=True)]

    return {f"kss {importlib.metadata.version('kss')} anonymize": find}


#: Labels of ko-pii with the kinds that they are here. Its others (names, dates of birth, nationality) are no kind here.
KO_PII = {
    "PHONE": "pii-phone",
    "RRN": "pii-resident-number",
    "FRN": "pii-foreigner-number",
    "EMAIL": "pii-email",
    "IP": "pii-ip",
    "CARD": "pii-card",
    "BUSINESS_REG": "pii-business-number",
    "CORP_REG": "pii-corporate-number",
    "DRIVER_LICENSE": "pii-driver-licence",
    "PASSPORT": "pii-passport",
    "ACCOUNT": "pii-account",
    "VEHICLE": "pii-plate",
    "ADDRESS": "pii-address",
}


def ko_pii() -> dict[str, Finder]:
    """All its detectors, as they are; what has the label of no kind here is left out."""
    try:
        from ko_pii import detect_all
    except ImportError:
        return {}

    def find(text: str) -> list[Stretch]:
        return [(KO_PII[found.label], found.start, found.end) for found in detect_all(text) if found.label in KO_PII]

    return {f"ko-pii {importlib.metadata.version('ko-pii')} detect_all": find}


def presidio() -> dict[str, Finder]:
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

    def find(text: str) -> list[Stretch]:
        return [
            (kind, start, end)
            for kind, recogniser in recognisers.items()
            for start, end in sorted(
                {
                    (found.start, found.end)
                    for found in recogniser.analyze(text, recogniser.supported_entities, None) or []
                }
            )
        ]

    return {f"presidio-analyzer {importlib.metadata.version('presidio-analyzer')}, Korean recognisers": find}


def koalpaca() -> list[dict]:
    names = ("koalpaca_v1.0_a.json", "koalpaca_v1.0_b.json")
    rows = itertools.chain.from_iterable(json.loads((DATA / name).read_text("utf-8")) for name in names)
    return [{name: str(row[name] or "") for name in TEXTS} for row in rows]


def cost(lines: list[str]) -> None:
    lines += [
        "## Cost",
        "",
        "Processor seconds in batches of 8192 rows, one thread, best of three; SentencePiece with KoBERT's vocabulary.",
        "",
        "| | 200,000 rows of NSMC | × SentencePiece, distinct texts | × every text "
        "| KoAlpaca a + b | × distinct | × every |",
        "|---|---|---|---|---|---|---|",
    ]
    times = [seconds(rows) for rows in (nsmc(200_000), koalpaca())]
    for label in times[0]:
        cells = [
            f"{took[label]:.2f} | {took[label] / took[DISTINCT]:.2f} | {took[label] / took[EVERY]:.2f}"
            for took in times
        ]
        lines.append(f"| {label} | {' | '.join(cells)} |")
    lines.append("")


DISTINCT = "SentencePiece, texts distinct in a batch"
EVERY = "SentencePiece, every text"


def seconds(rows: list[dict]) -> dict[str, float]:
    """Processor seconds of both stages and of SentencePiece, with and without repeated texts."""
    import sentencepiece

    encoder = sentencepiece.SentencePieceProcessor(model_file=os.environ["KOBERT_SPIECE"])
    table = complete(pa.table({name: [row[name] for row in rows] for name in TEXTS}))
    batches = [table.slice(start, 8192).combine_chunks() for start in range(0, len(table), 8192)]
    normalized: list[pa.Table] = []
    parts: dict[str, Callable[[], object]] = {
        "normalize": lambda: normalized.__setitem__(slice(None), [normalize(batch) for batch in batches]),
        "screen": lambda: [screen(batch) for batch in normalized],
        DISTINCT: lambda: [
            encoder.encode(column.unique().to_pylist(), num_threads=1)
            for batch in batches
            for column in batch.select(TEXTS).columns
        ],
        EVERY: lambda: [
            encoder.encode(column.to_pylist(), num_threads=1)
            for batch in batches
            for column in batch.select(TEXTS).columns
        ],
    }
    best: dict[str, float] = dict.fromkeys(parts, 1e9)
    for _ in range(3):
        for name, part in parts.items():
            start = time.process_time()
            part()
            best[name] = min(best[name], time.process_time() - start)
    both = {"both": best["normalize"] + best["screen"]}
    return (
        {name: best[name] for name in ("normalize", "screen")} | both | {name: best[name] for name in (DISTINCT, EVERY)}
    )


def main() -> None:
    lines = ["# Korean text: right, harmed, speed", ""]
    lines += ["2026-11, 2 cores, 24 GB. Repeat with", ""]
    lines += ["    KO_INSTRUCT_DATA=… KOBERT_SPIECE=… python -m benchmarks.korean_text > benchmarks/korean_text.md", ""]
    lines += [
        "The cases are ours and our code was tuned until they passed: its share right on them shows that nothing has",
        "regressed, not how it does on unseen text. Fixes and findings were also adjusted after looking at samples of",
        "these real texts. Their column reads `<br>` and HTML entities as what they stand for, for every tool; counted",
        "letter by letter, `normalize` would have 7 more texts there, all such tags and entities. Known failures",
        "are left out of the shares and stay in the case files. The two rows of plain expressions are ours and measure",
        "no tool. presidio has no accounts, plates, addresses; kss has phones, resident numbers, cards, e-mail,",
        "accounts and IP addresses.",
        "",
        "soynlp, kss and ftfy have other aims than these cases, which are written from ours.",
        "",
    ]
    for part in (normalisation, personal, defects, cost):
        part(lines)
    print("\n".join(lines).rstrip())


if __name__ == "__main__":
    main()
