"""What a run did, as the table that ends it."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from pipeline.io.terminal_text import visible
from schemas.manifest import FormCounts, Manifest, Mixture, Share, UsedVerdicts


def report(manifest: Manifest, folder: Path) -> str:
    """A table for the terminal: rows in, kept, rejected by stage and reason, sequences and tokens.

    Below it the kept rows by source, fix and flag.
    """
    counts, tokens = manifest.counts, manifest.tokens
    rejected: dict[str, int] = {}
    for part in counts.rejected:
        name = f"{part.stage}: {part.reason}"
        rejected[name] = rejected.get(name, 0) + part.rows
    lines = [
        ("rows in", counts.rows_in),
        *([("repeated", counts.repeated)] if counts.repeated else []),
        *((f"- {name}", rows) for name, rows in rejected.items()),
    ]
    lines += [("kept", counts.kept), *((f"  {name}", rows) for name, rows in counts.splits.items())]
    if tokens.sequences != counts.kept:
        lines.append(("sequences", tokens.sequences))
    lines += [("tokens", tokens.total), ("  learned", tokens.learned)]
    lines += [("  [UNK]", tokens.unknown), ("  cut by truncation", tokens.cut)]
    width = max(len(name) for name, _ in lines)
    text = "\n".join(f"{name:<{width}}  {number:>12,}" for name, number in lines)
    lists = [("fixes", counts.fixes), ("flags", counts.flags)]
    if len(counts.sources) > 1:
        lists.insert(0, ("sources", counts.sources))
    text += "\n" + "".join(f"\n{name}: {_most(found)}" for name, found in lists if found)
    text += "".join(f"\n{form}: {_of_form(found)}" for form, found in manifest.forms.items())
    text += "".join(f"\n{note}" for note in (*_of_layout(manifest), *map(_of_verdicts, manifest.verdicts)))
    if skipped := [file.skipped for file in manifest.raw.values() if file.skipped]:
        text += f"\nskipped: {len(skipped):,} of {len(manifest.raw):,} files could not be read"
        text += "".join(f"\n  {why}" for why in skipped)
    tried = "".join(f"\n  not {name}: {why}" for name, why in manifest.tokenizer.tried)
    if manifest.mixture:
        text += "\n\n" + shares(manifest.mixture)
    if not counts.kept:
        text += "\n\nNo row was kept. rejects.jsonl gives the reason for each row."
    return visible(f"{text}\ntokenizer: {manifest.tokenizer.name}{tried}\nwritten to {folder}")


def _of_layout(manifest: Manifest) -> Iterator[str]:
    """What the layout leaves out of kept rows, in words."""
    layout, counts = manifest.options.tokenize.layout, manifest.counts
    for flag, left_out, other in (
        ("context-left-out", "the system prompt, the earlier messages, the tools or the thoughts", "causal"),
        ("rejected-left-out", "the worse answer", "preference"),
    ):
        if rows := counts.flags.get(flag):
            yield (
                f"layout {layout} leaves out {left_out} of {rows:,} of {counts.kept:,} rows (flag {flag}); "
                f'layout "{other}" has a place for them'
            )


def _of_verdicts(used: UsedVerdicts) -> str:
    """What became of the verdicts of a file, and those that match no row."""
    done = ", ".join(f"{name} {getattr(used, name):,}" for name in ("keep", "drop", "fix") if getattr(used, name))
    line = f"verdicts of {used.file}: {done or 'none changed a row'}"
    if used.without_effect:
        line += f"; {used.without_effect:,} could do nothing: another stage had rejected the row"
    if used.unmatched:
        some = ", ".join(used.unmatched[:5]) + (" …" if len(used.unmatched) > 5 else "")
        line += f"; {len(used.unmatched):,} match no row, or one with other texts: {some}"
    return line


def shares(mixture: Mixture) -> str:
    """The share of each source as it was asked and as it is, its rows and its tokens."""
    rows = [("mixture by " + mixture.by, "asked", "got", "rows", "tokens", "")]
    for one in mixture.sources:
        asked = "" if one.asked is None else f"{one.asked:.1%}"
        rows.append((f"  {one.source}", asked, f"{one.got:.1%}", f"{one.rows:,}", f"{one.tokens:,}", _besides(one)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        f"{row[0]:<{widths[0]}}"
        + "".join(f"  {cell:>{width}}" for cell, width in zip(row[1:5], widths[1:5], strict=True))
        + row[5]
        for row in rows
    )


def _besides(share: Share) -> str:
    """What is repeated, and what a source lacks of its share."""
    notes = [f"{share.repeated:,} rows repeated"] if share.repeated else []
    if share.wanted is not None and share.available < share.wanted:
        notes.append(f"has {share.available:,} of the {share.wanted:,} that are its share")
    return f"  ({'; '.join(notes)})" if notes else ""


def _of_form(counts: FormCounts) -> str:
    """The rows of a text form, and those that it leaves out."""
    rows = f"{sum(counts.rows.values()):,} rows"
    left_out = sum(counts.left_out.values())
    return f"{rows}; {left_out:,} rows are left out ({_most(counts.left_out)})" if left_out else rows


def _most(counts: Mapping[str, int]) -> str:
    """Names with their counts, the largest first."""
    return ", ".join(f"{name} {rows:,}" for name, rows in sorted(counts.items(), key=lambda item: (-item[1], item[0])))
