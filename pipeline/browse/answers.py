"""What the page asks for, as functions from parameters to data."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pipeline.browse.blocks import REJECTED, Part, parts_of
from pipeline.browse.query import Query, Test
from pipeline.browse.rows import listed, record, tokens
from pipeline.browse.search import Place, search
from pipeline.dataset.complete_folder import need_files, need_rows
from pipeline.dataset.layout import MANIFEST, Format
from pipeline.dataset.manifest_file import read_manifest
from pipeline.dataset.show import tokenizer_of
from pipeline.io.terminal_text import visible
from pipeline.io.verdict_file import add_verdict, read_verdicts
from pipeline.table.keep import as_nfc
from pipeline.table.verdicts import Verdicts
from pipeline.tokenizers.protocol import Tokenizer
from schemas.errors import KoInstructError, problems
from schemas.verdict import Verdict

Data = dict[str, Any]
Parameters = Mapping[str, str]

#: Rows of a page, at most.
PAGE = 200
#: Characters of a note, at most: as on the page.
NOTE = 2000


class AskError(KoInstructError, ValueError):
    """The page asked for what is not there, or not in this way."""


class Answers:
    """A dataset to look at, and the file to which verdicts are added."""

    def __init__(self, folder: Path, verdict_file: Path, names: tuple[str, ...], workers: int) -> None:
        self.folder, self.verdict_file, self.names, self.workers = folder, verdict_file, names, workers
        self._built: int = (folder / MANIFEST).stat().st_mtime_ns if (folder / MANIFEST).exists() else 0
        self.manifest = read_manifest(folder)
        self.parts = parts_of(folder)
        paths = {block.path for part in self.parts.values() for block in part.blocks if part.name != REJECTED}
        kinds: set[Format] = {"arrow" if path.suffix == ".arrow" else "parquet" for path in paths}
        need_files(folder, self.manifest, kinds)
        rows = {name: part.rows for name, part in self.parts.items()}
        need_rows(folder, self.manifest, rows, rows[REJECTED])
        self.given = 0
        self._writing = threading.Lock()
        self._read: tuple[tuple[int, int], Verdicts] = ((0, 0), {})
        self.verdicts()  # a fault in the file is shown at the start

    def check_same_dataset(self) -> None:
        """Raises AskError where the folder holds another dataset than the one that is shown."""
        path = self.folder / MANIFEST
        state = path.stat().st_mtime_ns if path.exists() else None
        if state is not None and state != self._built and read_manifest(self.folder) == self.manifest:
            self._built = state  # the same rows were written again
        if state != self._built:
            raise AskError(
                "The dataset was built again, or removed, while this page was open. End ko-instruct browse (Ctrl-C), "
                "start it again, and open its new address."
            )

    #: What can be asked for, and what can be sent.
    @property
    def get(self) -> dict[str, Callable[[Parameters], Data]]:
        return {
            "/api/about": self.about,
            "/api/rows": self.rows,
            "/api/count": self.count,
            "/api/record": self.record,
            "/api/tokens": self.tokens,
        }

    def about(self, _: Parameters) -> Data:
        """What the filters choose from: the manifest has counted it."""
        counts = self.manifest.counts
        return {
            "name": self.manifest.dataset.name,
            "title": self.manifest.dataset.title,
            "layout": self.manifest.options.tokenize.layout,
            "parts": {name: part.rows for name, part in self.parts.items()},
            "sources": [source.name for source in self.manifest.sources],
            "flags": counts.flags,
            "reasons": sorted({f"{one.stage}/{one.reason}" for one in counts.rejected}),
            "verdict_file": visible(str(self.verdict_file)),
            "toml": visible(f"[[source]]\nverdicts = {json.dumps(self.verdict_file.name, ensure_ascii=False)}"),
            "verdicts": len(self.verdicts()),
        }

    def rows(self, asked: Parameters) -> Data:
        """A page of rows. `next`: where the next one begins; the page may be short where a moment was not enough."""
        limit = min(_number(asked, "limit", 50), PAGE)
        query, test = self._test(asked)
        found = search(query.parts(self.parts), test, _number(asked, "start"), limit or 1, self.workers)
        verdicts = self.verdicts()
        by_origin = {key.origin: verdict.verdict for key, verdict in verdicts.items()}
        rows = listed(self.parts, found.places)
        return {
            "rows": [{**row, "verdict": by_origin.get(self._base(row["origin"]))} for row in rows],
            "next": found.next,
            "total": sum(part.rows for part in query.parts(self.parts)),
        }

    def count(self, asked: Parameters) -> Data:
        """How many rows match from `start` on; where `next` is no null, a moment was not enough for all."""
        query, test = self._test(asked)
        found = search(query.parts(self.parts), test, _number(asked, "start"), 0, self.workers)
        return {"matches": found.matches, "next": found.next}

    def record(self, asked: Parameters) -> Data:
        part, place = self._place(asked)
        row = record(part, place)
        row["origin"] = self._base(row["origin"])
        of_origin = [verdict for key, verdict in self.verdicts().items() if key.origin == row["origin"]]
        return {**row, "verdicts": [verdict.model_dump() for verdict in of_origin]}

    def tokens(self, asked: Parameters) -> Data:
        part, place = self._place(asked)
        return {"sequences": tokens(part, place, self._tokenizer)}

    def judge(self, sent: Data) -> Data:
        """Add a verdict to the file. It is on the record that the page has shown, or it is refused."""
        if not isinstance(sent, dict) or not {"part", "row", "verdict"} <= sent.keys():
            raise AskError("a verdict is an object with part, row and verdict")
        self.check_same_dataset()
        part, place = self._place({name: str(sent.pop(name)) for name in ("part", "row")})
        row = record(part, place)
        try:
            verdict = Verdict.model_validate({**sent, "origin": self._base(row["origin"])})
        except ValidationError as error:
            raise AskError("; ".join(problems(error, Verdict))) from None
        if verdict.verdict != "none":
            self._refuse(verdict, row)
        with self._writing:
            add_verdict(self.verdict_file, verdict)
            self.given += 1
        return self.record({"part": place.part, "row": str(place.row)})

    def _refuse(self, verdict: Verdict, row: Data) -> None:
        """Raises AskError for a verdict on other texts, or one that could do nothing."""
        if verdict.digest != row["digest"]:
            raise AskError("this row has other texts now: load the page again")
        if len(verdict.note) > NOTE:
            raise AskError(f"a note has at most {NOTE:,} characters, and this one has {len(verdict.note):,}")
        calls = bool(row["messages"] and row["messages"][-1].get("tool_calls"))
        for place, text in verdict.texts.items():
            if not text.strip() and (place == "instruction" or (place == "output" and not calls)):
                raise AskError(f"a fix cannot leave the {place} blank: write a text, or drop the row")
        if not row["can"][verdict.verdict]:
            stage = row["marks"]["reject_stage"]
            raise AskError(f"{verdict.verdict} can do nothing to a row that {stage} rejected")
        if unknown := verdict.texts.keys() - row["fixable"].keys():
            raise AskError(f"this row has no text {', '.join(sorted(unknown))}")

    def verdicts(self) -> Verdicts:
        """The verdicts in the file now: another program may add to it."""
        if not self.verdict_file.exists():
            return {}
        state = self.verdict_file.stat()
        now = (state.st_size, state.st_mtime_ns)
        if self._read[0] != now:
            self._read = (now, read_verdicts(self.verdict_file))
        return self._read[1]

    def _test(self, asked: Parameters) -> tuple[Query, Test]:
        query = Query(**{name: asked[name] for name in Query.__dataclass_fields__ if name in asked})
        if not query.parts(self.parts):
            raise AskError(f"there is no part {query.part!r}; parts are kept, {', '.join(self.parts)}")
        wanted = [v for v in self.verdicts().values() if query.judged in ("yes", "no", v.verdict)]
        origins = sorted({verdict.origin for verdict in wanted}) if query.judged else []
        if "nfc" in self.manifest.options.normalize.off or query.part == REJECTED:
            return query, Test(query, origins, as_nfc)
        return query, Test(query, origins, lambda texts: texts)

    def _place(self, asked: Parameters) -> tuple[Part, Place]:
        part = self.parts.get(asked.get("part", ""))
        if part is None:
            raise AskError(f"there is no part {asked.get('part')!r}; parts are {', '.join(self.parts)}")
        return part, Place(part.name, _number(asked, "row"))

    def _base(self, origin: str | None) -> str:
        """The origin of a row without the number of its copy; "" where a damaged rejects.jsonl has none."""
        if origin is None:
            return ""
        base, mark, number = origin.rpartition("#")
        return base if mark and number.isdecimal() and self.manifest.counts.repeated else origin

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        return tokenizer_of(self.folder, self.names)


def _number(asked: Parameters, name: str, default: int = 0) -> int:
    text = asked.get(name, str(default))
    if not (text.isascii() and text.isdecimal() and len(text) < 16):
        raise AskError(f"{name} is {text!r}, and it is to be a number from 0 on")
    return int(text)
