"""Each fix, finder and kind of personal data takes time as its text grows, whatever the text repeats. The patterns of
ingest that once did not do so, too.

The ratio of two times decides, not a limit of one. `make test` draws a few texts for each of them, `make test-attack`
thousands (ATTACKS=…, SEED=…).
"""

import contextlib
import os
import random
from collections.abc import Callable
from functools import partial

import pyarrow as pa
import pytest

from pipeline.stages.ingest.faults import Fault
from pipeline.stages.ingest.fields.calls import calls_in
from pipeline.stages.ingest.fields.tool_definitions import glaive_tools
from pipeline.stages.ingest.fields.unmapped import NO_TEXT
from pipeline.stages.ingest.parse.printed import STRING
from pipeline.stages.normalize.fixes import FIXES, apply_fixes
from pipeline.stages.screen.defects import DEFECTS, Defect
from pipeline.stages.screen.pii import Kind, find_pii, kinds_of
from pipeline.stages.screen.texts import DISTINCT, Texts
from pipeline.table.protected_spans import find_spans
from schemas.options import ScreenOptions
from tests.support.adversarial import PARTS, adversarial
from tests.support.growth import is_below, is_linear

pytestmark = pytest.mark.long

ATTACKS = int(os.environ.get("ATTACKS", "10"))
SEED = int(os.environ.get("SEED", "0"))
SHORT, LONG = 2_000, 16_000


def finding(defect: Defect) -> Callable[[str], object]:
    """The defect looked for in a text, in its field and in all three."""

    def find(text: str) -> None:
        for texts in (Texts("물음", "", "답")._replace(**{defect.field: text}), Texts(text, text, text)):
            if defect.pick:
                columns = {name: pa.array([value]) for name, value in texts._asdict().items()}
                defect.pick(columns | {DISTINCT: columns["output"].dictionary_encode()})
            defect.find(texts, ScreenOptions())

    return find


def searching(kind: Kind) -> Callable[[str], object]:
    return lambda text: find_pii(text, [kind])


def reading_calls(text: str) -> None:
    with contextlib.suppress(Fault):
        calls_in(text, bare=True)


NEED_A_LIBRARY = ("hanja", "hanja-gloss", "spacing")
WORK: dict[str, Callable[[str], object]] = {
    "calls in an answer": reading_calls,
    "strings of a printed value": STRING.split,
    "tools in a system prompt": lambda text: glaive_tools(f"SYSTEM: functions{text}"),
    "values that are no text": NO_TEXT.fullmatch,
    "protected spans": find_spans,
    "all fixes": lambda text: apply_fixes(text, [fix for fix in FIXES if fix.default]),
    **{f"fix {fix.name}": fix.fix for fix in FIXES if fix.name not in NEED_A_LIBRARY},
    **{f"defect {defect.name} of {defect.field}": finding(defect) for defect in DEFECTS},
    **{f"kind {kind.name}": searching(kind) for kind in kinds_of(disguised=True)},
}


#: Texts whose square once decided.
KNOWN = {
    "calls in an answer": ("<tool_call>", " ", "x"),
    "tools in a system prompt": ("", "functions ", "x"),
    "strings of a printed value": ('{"a": "', '\\"', ""),
    "values that are no text": ("", "a1", "="),
    "defect template-residue of output": ("<", "_", "가"),
    "defect url-only of input": ("", " ", "x"),
    "defect mixed-speech of output": ("", "!", "x"),
}


@pytest.mark.parametrize("name", WORK)
def test_time_is_linear(name: str) -> None:
    drawn = random.Random(f"{SEED} {name}").sample(PARTS, min(ATTACKS, len(PARTS)))
    for parts in [KNOWN[name], *drawn] if name in KNOWN else drawn:
        assert is_below(1, WORK[name], adversarial(parts, SHORT)), parts
        assert is_linear(WORK[name], partial(adversarial, parts), SHORT, LONG), parts


def test_quadratic_time_is_noticed() -> None:
    def work(text: str) -> None:
        for _ in range(len(text) ** 2 // 20):
            pass

    assert not is_linear(work, lambda length: "가" * length, SHORT, LONG)
