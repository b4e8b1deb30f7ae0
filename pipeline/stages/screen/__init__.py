"""screen: findings per row, each with its evidence: language, defects, personal data, overlap with benchmarks."""

import re
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.stages.screen import pii
from pipeline.stages.screen.analyser import kiwi
from pipeline.stages.screen.contamination import Benchmarks, benchmarks_of, overlaps, questions, telling
from pipeline.stages.screen.defects import DEFECTS, Defect
from pipeline.stages.screen.exchanges import Exchanges, earlier_exchanges, own_exchanges, texts_of
from pipeline.stages.screen.texts import DISTINCT, Texts
from pipeline.table.map_texts import NONE, distinct_matches, map_texts, matches, narrowed, signed_rows, suspects
from pipeline.table.reject_and_flag import add_names, alive, complete, reject, replace_rows, row_mask, set_column
from pipeline.table.thoughts import split_thought
from schemas.columns import MESSAGES, SCREENED, TEXTS
from schemas.errors import did_you_mean
from schemas.options import OptionError, ScreenOptions
from schemas.reasons import FLAGS

__all__ = ["FINDINGS", "Benchmarks", "benchmarks_of", "screen", "telling"]

SAME_ANSWERS = "same-answers"
CONTAMINATED = "contaminated"
#: Every finding by name: the flags that this stage writes, and the reasons for which it can reject.
DEFECT_NAMES = tuple(dict.fromkeys(defect.name for defect in DEFECTS))
FINDINGS = (*(kind.name for kind in (*pii.KINDS, *pii.ON_DEMAND)), *DEFECT_NAMES, SAME_ANSWERS, CONTAMINATED)

#: Those that `[screen] on` switches on: they need the analyser.
ON_DEMAND = (*(kind.name for kind in pii.ON_DEMAND), *(defect.name for defect in DEFECTS if defect.on_demand))

#: Columns in which personal data is looked for: in all that a row holds, in JSON as well.
PERSONAL = (*TEXTS, *MESSAGES, "tools", "tool_calls", "meta")
#: Columns of a rejected row that hold it, too: what could not be read, and the sentence that may quote it.
OF_REJECTED = (*PERSONAL, "raw", "reject_detail")

#: Fields in which no defect shows without one of SIGNS: a link, a mark of a template, a number, a line break.
SIGNED = ("input",)

Finding = tuple[int, str, str, str]  # row, name, field, detail


def screen(table: pa.Table, options: ScreenOptions = ScreenOptions(), benchmarks: Benchmarks | None = None) -> pa.Table:
    """The table with what was found in its living rows: names in `flags`, (flag, field, detail) in `evidence`.

    A finding, or a flag of `ingest`, that `options.reject` lists rejects its row. Personal data of a kind named in
    `options.mask` is replaced with a placeholder wherever the row holds it, and "mask" joins the row's `fixes`: in rows
    that are already rejected too, with their `raw` and `reject_detail`. `benchmarks` (from `benchmarks_of`):
    evaluation sets to keep out.

    An answer that is not to be learned (`label` or `learn` is false) may be bad: no defect is looked for in it. The
    words before calls of tools are not an answer. No evidence holds personal data: kinds and counts only. Raises
    OptionError for an option with the name of an unknown finding.
    """
    check(options)
    table = complete(complete(table), SCREENED)
    if not len(table):
        return table
    batches = [pa.Table.from_batches([batch]) for batch in table.to_batches() if batch.num_rows]
    return pa.concat_tables([screen_batch(batch, options, benchmarks) for batch in batches])


def check(options: ScreenOptions) -> None:
    kinds = [kind.name for kind in (*pii.KINDS, *pii.ON_DEMAND)]
    for key, listed, known in (
        ("on", options.on, ON_DEMAND),
        ("off", options.off, FINDINGS),
        ("reject", options.reject, (*FINDINGS, *FLAGS["ingest"])),
        ("mask", options.mask, kinds),
    ):
        for name in listed:
            if name not in known:
                raise OptionError(f"screen.{key} lists {name!r}, which {_unknown(key, name, known)}")
            if key in ("reject", "mask") and name in ON_DEMAND and name not in options.on:
                raise OptionError(
                    f"screen.{key} lists {name!r}, which is not looked for by default. Add it to screen.on, too."
                )
    if options.on:
        kiwi()  # Missing, it is named before the first row, whatever the rows hold.


def _unknown(key: str, name: str, known: Sequence[str]) -> str:
    if key == "on" and name in FINDINGS:
        return "is looked for without it. Remove it: `on` is for what is not looked for by default."
    return f"is unknown. Known are: {', '.join(known)}" + (did_you_mean(name, known) or ".")


def screen_batch(table: pa.Table, options: ScreenOptions, benchmarks: Benchmarks | None) -> pa.Table:
    """One record batch: a scan for each finding picks the rows that may show it, and Python sees only those."""
    kinds = [kind for kind in pii.kinds_of(options.disguised, options.on) if kind.name not in options.off]
    defects = [
        defect
        for defect in DEFECTS
        if defect.name not in options.off and (not defect.on_demand or defect.name in options.on)
    ]
    table = mask_rejected(table, kinds, options)
    signed = signed_rows(table, TEXTS)
    table, findings = find_personal(table, kinds, options, signed if {*kinds} <= {*pii.KINDS} else {})
    findings += find_defects(own_exchanges(table), defects, options, signed)
    if earlier := earlier_exchanges(table):
        findings += find_defects(earlier, [defect for defect in defects if not defect.of_the_row], options)
    findings += find_same_answers(table, options)
    if benchmarks is not None:
        findings += find_overlaps(table, benchmarks, options)
    return record_findings(reject_flagged(table, options.reject), findings, options.reject)


def masked_kinds(kinds: Sequence[pii.Kind], options: ScreenOptions) -> list[pii.Kind]:
    return [kind for kind in kinds if kind.name in options.mask]


def mask_rejected(table: pa.Table, kinds: Sequence[pii.Kind], options: ScreenOptions) -> pa.Table:
    """The table with personal data masked in rejected rows: they are written too, though nothing is found in them."""
    hidden = masked_kinds(kinds, options)
    rejected = pc.invert(alive(table)).chunk(0)
    if not hidden or not pc.any(rejected).as_py():
        return table
    touched: list[int] = []

    def mask(text: str, row: int, field: str) -> str:
        new = pii.mask_pii(text, kinds, hidden, key_of(field))
        if new != text:
            touched.append(row)
        return new

    def mask_number(number: str, row: int, field: str) -> str:
        spelled = pii.spelled(number, kinds, key_of(field))
        new = mask(spelled, row, field) if spelled else number
        return number if new == spelled else new

    scan = dict.fromkeys(OF_REJECTED, pii.scan_of(kinds))
    rows = suspects(table, scan, rejected, whole=True, numbers=pii.NAMED_NUMBER)
    return add_mask(map_texts(table, rows, mask, mask_number), touched)


def find_personal(
    table: pa.Table, kinds: Sequence[pii.Kind], options: ScreenOptions, signed: Mapping[str, pa.Array]
) -> tuple[pa.Table, list[Finding]]:
    """Personal data in every text, and the table with the kinds masked that the options name."""
    if not kinds:
        return table, []
    hidden = masked_kinds(kinds, options)
    findings: list[Finding] = []
    touched: list[int] = []

    def look(text: str, row: int, field: str) -> str:
        key = key_of(field)
        found = [kind for kind, _, _ in pii.find_pii(text, kinds, key)]
        for kind in dict.fromkeys(found):
            verb = "masked" if kind in hidden else "found"
            findings.append((row, kind.name, field, f"{found.count(kind)} {verb}"))
        if not any(kind in hidden for kind in found):
            return text
        touched.append(row)
        # Found among all kinds, so that switching one mask on does not turn another kind into it.
        return pii.mask_pii(text, kinds, hidden, key)

    def look_at_number(number: str, row: int, field: str) -> str:
        spelled = pii.spelled(number, kinds, key_of(field))
        new = look(spelled, row, field) if spelled else number
        return number if new == spelled else new

    scan = dict.fromkeys(PERSONAL, pii.scan_of(kinds))
    rows = suspects(table, scan, whole=True, numbers=pii.NAMED_NUMBER, signed=signed)
    return add_mask(map_texts(table, rows, look, look_at_number), touched), findings


def key_of(field: str) -> str:
    """The name that JSON gives a text, which may tell what it is; "" for a text outside JSON.

    >>> key_of("meta.author.tel"), key_of("tool_calls[0].function.arguments.to[0]"), key_of("output")
    ('tel', 'to', '')
    """
    return re.sub(r"(?:\[\d+\])+$", "", field).rpartition(".")[2] if "." in field else ""


def add_mask(table: pa.Table, rows: Sequence[int]) -> pa.Table:
    """The table with "mask" among the fixes of these rows."""
    if not rows:
        return table
    fixes = add_names(table["fixes"], [("mask", row_mask(rows, len(table)))])
    return set_column(table, "fixes", fixes.combine_chunks())


def near(
    columns: Mapping[str, pa.Array], field: str, defects: Sequence[Defect], signed: Mapping[str, pa.Array]
) -> Mapping[str, pa.Array]:
    """Scan → the exchanges whose text in this field matches it.

    One scan for all clears most prompts of them. Of answers half match one or the other, and RE2 is slower on a pattern
    for all than on each: its states do not fit into its memory. Answers that repeat are scanned once.
    """
    scans = dict.fromkeys(defect.scan for defect in defects if defect.field == field and defect.scan)
    if not scans:
        return {}
    if field != "output":
        texts = columns[field]
        of_all = "|".join(f"(?:{scan})" for scan in scans)
        if field in SIGNED and field in signed:
            rows = narrowed(texts, signed[field], of_all)
        else:
            rows = pc.indices_nonzero(matches(texts, of_all))
        return {scan: narrowed(texts, rows, scan) for scan in scans}
    distinct = columns[DISTINCT]
    found = {scan: distinct_matches(distinct.dictionary, scan) for scan in scans}
    return {
        scan: pc.indices_nonzero(found[scan].take(distinct.indices)) if pc.any(found[scan]).as_py() else NONE
        for scan in scans
    }


def find_defects(
    exchanges: Exchanges,
    defects: Sequence[Defect],
    options: ScreenOptions,
    signed: Mapping[str, pa.Array] = MappingProxyType({}),
) -> list[Finding]:
    """The defects of these exchanges. `signed`: the rows that hold one of SIGNS, of some fields."""
    asked: dict[int, list[Defect]] = {}
    columns = exchanges.texts | {DISTINCT: exchanges.texts["output"].dictionary_encode()}
    rows = {field: near(columns, field, defects, signed) for field in {defect.field for defect in defects}}
    picked = {pick: pick(columns) for pick in dict.fromkeys(defect.pick for defect in defects) if pick}
    for defect in defects:
        numbers = list(picked[defect.pick]) if defect.pick else []
        if defect.scan:
            numbers += rows[defect.field][defect.scan].to_pylist()
        may = exchanges.judged if defect.field == "output" else exchanges.living
        for number in numbers:
            if may[number]:
                asked.setdefault(number, []).append(defect)
    shown: list[tuple[int, Texts, list[tuple[Defect, str]]]] = []
    for number, texts in zip(asked, texts_of(exchanges, list(asked)), strict=True):
        if found := found_by(asked[number], texts, options):
            shown.append((number, texts, found))
    findings: list[Finding] = []
    for (number, texts, found), hidden in zip(shown, masked([texts for _, texts, _ in shown]), strict=True):
        # Evidence quotes the text, so what is found must be found with personal data masked.
        details = found if hidden == texts else found_by([defect for defect, _ in found], hidden, options)
        once: dict[tuple[str, str], str] = {}
        for defect, detail in details:
            once.setdefault((defect.name, defect.field), detail)
        findings += [
            (int(exchanges.rows[number]), name, exchanges.name(number, field), detail)
            for (name, field), detail in once.items()
        ]
    return findings


def found_by(defects: Sequence[Defect], texts: Texts, options: ScreenOptions) -> list[tuple[Defect, str]]:
    """Those of the defects that an exchange has, each with its evidence."""
    return [(defect, detail) for defect in dict.fromkeys(defects) if (detail := defect.find(texts, options))]


def masked(exchanges: Sequence[Texts]) -> list[Texts]:
    """The texts of exchanges without personal data, of any kind. A scan of all clears most of them."""
    columns = []
    for column in zip(*exchanges, strict=True):
        may_hold = matches(pa.array(column, pa.string()), pii.SCAN).to_pylist()
        columns.append([pii.mask_pii(text) if may else text for text, may in zip(column, may_hold, strict=True)])
    return [Texts(*texts) for texts in zip(*columns, strict=True)]


def find_same_answers(table: pa.Table, options: ScreenOptions) -> list[Finding]:
    """Rows whose chosen and rejected answers are one, letter for letter."""
    if SAME_ANSWERS in options.off or table["rejected"].null_count == len(table):
        return []
    paired = pc.and_(alive(table), pc.is_valid(table["rejected"]))
    rows = pc.indices_nonzero(pc.and_(paired, pc.is_valid(table["output"])))
    answers = table.select(["reasoning", "output", "rejected"]).take(rows).to_pylist()
    return [
        (row, SAME_ANSWERS, "rejected", "the rejected answer is the chosen one, letter for letter")
        for row, answer in zip(rows.to_pylist(), answers, strict=True)
        if are_one(**answer)
    ]


def are_one(reasoning: str | None, output: str, rejected: str) -> bool:
    """Whether the rejected answer, with its thought before it, is the chosen one."""
    thought = split_thought(rejected)
    return (reasoning, output) == ((thought.reasoning, thought.answer) if thought else (None, rejected))


def find_overlaps(table: pa.Table, benchmarks: Benchmarks, options: ScreenOptions) -> list[Finding]:
    """Rows that hold a prompt of a benchmark: in their own prompt, their answer, or what the user said before."""
    if CONTAMINATED in options.off:
        return []
    places: list[tuple[int, str]] = []
    texts: list[str] = []
    rows = pc.indices_nonzero(alive(table))
    records = table.select(["instruction", "input", "output", *MESSAGES]).take(rows).to_pylist()
    for row, record in zip(rows.to_pylist(), records, strict=True):
        prompt = f"{record['instruction'] or ''}\n{record['input'] or ''}"
        for field, text in (("instruction", prompt), ("output", record["output"]), *questions(record)):
            if text:
                places.append((row, field))
                texts.append(text)
    findings: list[Finding] = []
    for number, seen, share in sorted(overlaps(texts, benchmarks, options.overlap)):
        row, field = places[number]
        where = f"{benchmarks.names[seen]}, {benchmarks.origins[seen]}: {share:.0%} of its n-grams"
        findings.append((row, CONTAMINATED, field, where))
    return findings


def reject_flagged(table: pa.Table, rejecting: Collection[str]) -> pa.Table:
    """Rejections for the flags of `ingest` that the options list."""
    flags = table["flags"].chunk(0)
    for name, meaning in FLAGS["ingest"].items():
        if name in rejecting:
            rows = pc.list_parent_indices(flags).filter(pc.equal(flags.flatten(), name)).to_pylist()
            remedy = f"Correct the record, or take {name!r} out of screen.reject to keep such rows with a flag."
            table = reject(table, row_mask(rows, len(table)), "screen", name, f"{meaning}. {remedy}")
    return table


def record_findings(table: pa.Table, findings: list[Finding], rejecting: Collection[str]) -> pa.Table:
    """Flags, evidence and marks of rejection for what was found. What a row has already is not added again."""
    if not findings:
        return table
    order = {name: number for number, name in enumerate(FINDINGS)}
    findings = sorted(dict.fromkeys(findings), key=lambda finding: (finding[0], order[finding[1]]))
    by_row: dict[int, list[dict[str, str]]] = {}
    for row, flag, field, detail in findings:
        by_row.setdefault(row, []).append({"flag": flag, "field": field, "detail": detail})
    hits: dict[str, list[int]] = {name: [] for name in FINDINGS}
    for row, name, _, _ in findings:
        hits[name].append(row)
    names = [(name, row_mask(rows, len(table))) for name, rows in hits.items() if rows]
    flags = add_names(table["flags"], names)
    evidence, rows = table["evidence"].chunk(0), np.array(list(by_row))
    new = [
        had + [item for item in by_row[row] if item not in had]
        for row, had in zip(by_row, evidence.take(pa.array(rows)).to_pylist(), strict=True)
    ]
    table = set_column(table, "flags", flags.combine_chunks())
    table = set_column(table, "evidence", replace_rows(evidence, rows, new))
    for name, mask in names:
        if name in rejecting:
            found = {row: item for row, items in by_row.items() for item in items if item["flag"] == name}
            details = [
                f"{found[row]['field']}: {found[row]['detail']}. "
                f"Correct the text, or take {name!r} out of screen.reject to keep such rows with a flag."
                if row in found
                else None
                for row in range(len(table))
            ]
            table = reject(table, mask, "screen", name, pa.array(details, pa.string()))
    return table
