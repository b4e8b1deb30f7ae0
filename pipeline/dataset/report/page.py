"""The page: one HTML file that needs nothing else. The texts in it are escaped; only its own script runs."""

import base64
import contextlib
import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from functools import cache
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemBytecodeCache, FileSystemLoader, StrictUndefined, Template
from jinja2.bccache import Bucket
from markupsafe import Markup

from pipeline.dataset.report import charts
from pipeline.dataset.report.gather import Summary
from pipeline.dataset.report.instructions import phrases_of
from pipeline.dataset.report.kept import PER_SOURCE
from pipeline.dataset.report.length_tables import histograms, limits, parts
from pipeline.dataset.report.rejected import PAIRS
from pipeline.dataset.report.rows import as_json, sampled_rows, short
from pipeline.dataset.report.sample import PER_KEY, Row
from pipeline.dataset.report.scripts import scripts_of
from pipeline.dataset.report.tables import (
    changes,
    differences,
    doubtful_pairs,
    examples,
    funnel,
    kinds,
    learned,
    reasons,
    sources,
)
from pipeline.dataset.report.texts import meaning, t, texts
from schemas.manifest import Manifest, config_name

HERE = Path(__file__).parent
PAGE, STYLE, SCRIPT = "page.html", "style.css", "script.js"
#: What the head of each report holds, and the bytes in which it is.
GENERATOR, HEAD = b'<meta name="generator" content="ko-instruct">', 2000


def page(
    summary: Summary,
    samples: bool = True,
    times: Mapping[str, float] | None = None,
    before: Mapping[str, Row] = {},
) -> str:
    """The report as HTML. `samples`: whether it holds texts of rows. `times`: seconds of each stage, if they are known.
    `before`: rows as they were before fixes, by origin.

    The same summary gives the same bytes.
    """
    style, script = (HERE.joinpath(name).read_text(encoding="utf-8") for name in (STYLE, SCRIPT))
    shown = _without_texts() if not samples else _texts_of(summary)
    links = {(facet, value) for row in shown["rows"] for facet, value in row["k"]}
    return _template().render(
        manifest=summary.manifest,
        config=config_name(summary.manifest.options),
        style=Markup(style),
        script=Markup(script),
        policy=_policy(style, script),
        options_text=_options(summary.manifest),
        row_count=f"{len(shown['rows']):,}",
        samples=samples,
        times=times,
        summary=summary,
        packed=summary.manifest.packing is not None,
        links=links,
        changes=changes(summary, before),
        data=as_json({"rows": shown["rows"], "texts": texts("script")}),
        per_key=PER_KEY,
        per_source=PER_SOURCE,
        pairs_compared=PAIRS,
        funnel=funnel(summary.manifest),
        sources=sources(summary.manifest),
        reasons=reasons(summary.manifest),
        histograms=histograms(summary),
        parts=parts(summary),
        limits=limits(summary),
        learned=learned(summary),
        kinds=kinds(summary),
        messages=_messages(summary.messages),
        differences=differences(summary, samples),
        **{name: value for name, value in shown.items() if name != "rows"},
    )


def share(value: float) -> str:
    """A share in percent, never rounded to all or to nothing.

    >>> share(0.99999), share(1.0), share(0.5)
    ('> 99.9%', '100.0%', '50.0%')
    """
    if 0.9995 <= value < 1:
        return "> 99.9%"
    return "< 0.1%" if 0 < value < 0.0005 else f"{value:.1%}"


def is_report(path: Path) -> bool:
    """Whether this file is a report, by its head."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return GENERATOR in file.read(HEAD)


def _texts_of(summary: Summary) -> dict[str, Any]:
    """All that holds texts of rows."""
    return {
        "rows": sampled_rows(summary),
        "scripts": scripts_of(summary),
        "phrases": phrases_of(summary),
        "pairs": doubtful_pairs(summary.pairs),
        "evidence": examples(summary),
    }


def _without_texts() -> dict[str, Any]:
    return {"rows": [], "scripts": None, "phrases": None, "pairs": [], "evidence": {}}


def _options(manifest: Manifest) -> str:
    """Every option that is not at its default, as the config would have it, but for long ones."""
    found = manifest.options.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return short(json.dumps(found, ensure_ascii=False, indent=2), 20_000)


def _messages(counted: Counter[int]) -> list[tuple[int, int]]:
    return sorted(counted.items())[:40]


class _Compiled(FileSystemBytecodeCache):
    """The compiled template, beside Python's compiled code, if a file can be written: to compile takes longer than
    the rest of a small report."""

    def dump_bytecode(self, bucket: Bucket) -> None:
        with contextlib.suppress(OSError):
            super().dump_bytecode(bucket)


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(HERE),
        bytecode_cache=_Compiled(str(Path(cache_from_source(__file__)).parent)),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(t=t, meaning=meaning, charts=charts, short=short, max=max)
    environment.filters.update(number="{:,}".format, percent="{:.1%}".format, share=share)
    return environment.get_template(PAGE)


def _policy(style: str, script: str) -> str:
    """The content security policy: this style and this script, and nothing from anywhere else."""
    digests = (base64.b64encode(hashlib.sha256(each.encode()).digest()).decode() for each in (script, style))
    allowed = "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'"
    return allowed.format(*digests)
