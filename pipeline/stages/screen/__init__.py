"""screen: findings per row, each with its evidence: language, defects, personal data, overlap with benchmarks."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.stages.screen import pii
from pipeline.stages.screen.contamination import Benchmarks, benchmarks_of, overlaps
from pipeline.stages.screen.defects import DEFECTS, Defect, Row
from pipeline.table.map_texts import map_history, map_texts, narrowed, suspects
from pipeline.table.reject_and_flag import add_names, alive, complete, reject, replace_rows, row_mask, set_column
from schemas.columns import SCREENED, TEXTS
from schemas.options import OptionError, ScreenOptions

__all__ = ["FINDINGS", "Benchmarks", "benchmarks_of", "screen"]

ECHO = "echo"
CONTAMINATED = "contaminated"
#: Every finding by name: the flags that this stage writes, and the reasons for which it can reject.
FINDINGS = (*(kind.name for kind in pii.KINDS), *(defect.name for defect in DEFECTS), ECHO, CONTAMINATED)

Finding = tuple[int, str, str, str]  # row, name, field, detail


def screen(table: pa.Table, options: ScreenOptions = ScreenOptions(), benchmarks: Benchmarks | None = None) -> pa.Table:
    """The table with what was found in its living rows: names in `flags`, (flag, field, detail) in `evidence`.

    A finding named in `options.reject` rejects its row; personal data of a kind named in `options.mask` is replaced in
    the text, and "mask" joins the row's `fixes`. `benchmarks` (from `benchmarks_of`): evaluation sets to keep out.
    No evidence holds personal data: kinds and counts only. Raises OptionError for an option that names no finding.
    """
    check(options)
    table = complete(complete(table), SCREENED)
    if not len(table):
        return table
    batches = [pa.Table.from_batches([batch]) for batch in table.to_batches() if batch.num_rows]
    return pa.concat_tables([screen_batch(batch, options, benchmarks) for batch in batches])


def check(options: ScreenOptions) -> None:
    kinds = [kind.name for kind in pii.KINDS]
    for key, listed, known in (
        ("off", options.off, FINDINGS),
        ("reject", options.reject, FINDINGS),
        ("mask", options.mask, kinds),
    ):
        for name in listed:
            if name not in known:
                raise OptionError(f"screen.{key} names {name!r}, which it does not know. It knows: {', '.join(known)}.")


def screen_batch(table: pa.Table, options: ScreenOptions, benchmarks: Benchmarks | None) -> pa.Table:
    kinds = [kind for kind in pii.KINDS if kind.name not in options.off]
    defects = [defect for defect in DEFECTS if defect.name not in options.off]
    near = suspects(table, scans(kinds, defects))
    table, findings = find_personal(table, kinds, near, options)
    findings += find_defects(table, defects, near, options)
    findings += find_echoes(table, options)
    if benchmarks is not None:
        findings += find_overlaps(table, benchmarks, options)
    return record_findings(table, findings, options.reject)


def scans(kinds: Sequence[pii.Kind], defects: Sequence[Defect]) -> dict[str, str]:
    """Per column one RE2 pattern for all that is looked for in it, so that one scan clears most rows of all of it."""
    return {
        field: "|".join(f"(?:{scan})" for scan in found)
        for field in TEXTS
        if (found := dict.fromkeys([pii.SCAN] * bool(kinds) + [d.scan for d in defects if d.field == field and d.scan]))
    }


def find_personal(
    table: pa.Table, kinds: Sequence[pii.Kind], near: Mapping[str, pa.Array], options: ScreenOptions
) -> tuple[pa.Table, list[Finding]]:
    """Personal data in every text, and the table with the kinds masked that the options name."""
    if not kinds:
        return table, []
    hidden = [kind for kind in kinds if kind.name in options.mask]
    findings: list[Finding] = []
    touched: list[int] = []

    def look(text: str, row: int, field: str) -> str:
        found = [kind for kind, _, _ in pii.find_pii(text, kinds)]
        for kind in dict.fromkeys(found):
            verb = "masked" if kind in hidden else "found"
            findings.append((row, kind.name, field, f"{found.count(kind)} {verb}"))
        if not any(kind in hidden for kind in found):
            return text
        touched.append(row)
        # Found among all kinds, so that switching one mask on does not turn another kind into it.
        return pii.mask_pii(text, kinds, hidden)

    rows = {field: narrowed(table[field].chunk(0), places, pii.SCAN) for field, places in near.items()}
    table = map_history(map_texts(table, rows, look), pii.SCAN, look)
    if touched:
        fixes = add_names(table["fixes"], [("mask", row_mask(touched, len(table)))])
        table = set_column(table, "fixes", fixes.combine_chunks())
    return table, findings


def find_defects(
    table: pa.Table, defects: Sequence[Defect], near: Mapping[str, pa.Array], options: ScreenOptions
) -> list[Finding]:
    """The defects of the living rows; `near` holds of each column the rows that any of its scans matches."""
    living = alive(table).chunk(0).to_numpy(zero_copy_only=False)
    texts = {name: table[name].chunk(0) for name in Row._fields}
    asked: dict[int, list[Defect]] = {}
    for defect in defects:
        column = texts[defect.field]
        rows = narrowed(column, near[defect.field], defect.scan).to_pylist() if defect.scan else []
        if defect.pick:
            rows += [row for row in defect.pick(column) if living[row]]
        for number in dict.fromkeys(rows):
            asked.setdefault(number, []).append(defect)
    numbers = pa.array(asked, pa.int64())
    columns = [pc.fill_null(column.take(numbers), "").to_pylist() for column in texts.values()]
    findings: list[Finding] = []
    for number, *values in zip(asked, *columns, strict=True):
        row = Row(*values)
        # Evidence quotes the text, so what is found must be found with personal data masked.
        findings += [
            (number, defect.name, defect.field, detail)
            for defect in asked[number]
            if defect.find(row, options) and (detail := defect.find(masked(row), options))
        ]
    return findings


def masked(row: Row) -> Row:
    return Row(*(pii.mask_pii(text) for text in row))


def find_echoes(table: pa.Table, options: ScreenOptions) -> list[Finding]:
    """Rows whose answer is their instruction or their input, letter for letter."""
    if ECHO in options.off:
        return []
    findings: list[Finding] = []
    for field in ("instruction", "input"):
        same = pc.and_(pc.equal(table["output"], table[field]), alive(table))
        rows = pc.indices_nonzero(pc.fill_null(same, False)).to_pylist()
        findings += [(row, ECHO, "output", f"the answer is the {field}, letter for letter") for row in rows]
    return findings


def find_overlaps(table: pa.Table, benchmarks: Benchmarks, options: ScreenOptions) -> list[Finding]:
    """Rows that hold a prompt of a benchmark: in their own prompt, their answer, or the question of an earlier turn."""
    if CONTAMINATED in options.off:
        return []
    places: list[tuple[int, str]] = []
    texts: list[str] = []
    rows = pc.indices_nonzero(alive(table))
    for row, record in zip(rows.to_pylist(), table.take(rows).to_pylist(), strict=True):
        questions = {f"history[{place}].user": turn["user"] for place, turn in enumerate(record["history"] or [])}
        prompt = f"{record['instruction'] or ''}\n{record['input'] or ''}"
        for field, text in (("instruction", prompt), ("output", record["output"]), *questions.items()):
            if text:
                places.append((row, field))
                texts.append(text)
    findings: list[Finding] = []
    for number, seen, share in sorted(overlaps(texts, benchmarks, options.overlap)):
        row, field = places[number]
        where = f"{benchmarks.names[seen]}, {benchmarks.origins[seen]}: {share:.0%} of its n-grams"
        findings.append((row, CONTAMINATED, field, where))
    return findings


def record_findings(table: pa.Table, findings: list[Finding], rejecting: Collection[str]) -> pa.Table:
    """Flags, evidence and marks of rejection for what was found. What stands in a row already is not added again."""
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
