"""Defects of Korean instruction data: an ordered table of small finders, each with its evidence.

A finder reads one exchange and gives a sentence of evidence, or None. It is asked only about rows in which its field
matches its scan. All are made for precision: what is flagged should be worth a look.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import pyarrow as pa

from pipeline.stages.screen.disclaimers import SPEAKS_AS_MODEL, disclaimer
from pipeline.stages.screen.ending import MAY_BE_OPEN, truncated
from pipeline.stages.screen.fluency import WORDS, disfluent
from pipeline.stages.screen.foreign import names_language, not_korean, other_script, untranslated, wrong_language
from pipeline.stages.screen.language import FOREIGN, NO_HANGUL
from pipeline.stages.screen.merged import JOINED, MERGED, may_ask_again, merged_input, merged_instruction, merged_prompt
from pipeline.stages.screen.missing import (
    FIELD,
    PLACE,
    image_field,
    link_in_prompt,
    missing_image,
    missing_image_in_input,
    url_only,
)
from pipeline.stages.screen.mojibake import SCAN, mojibake
from pipeline.stages.screen.nothing_new import may_be_nothing, may_restate, restated, says_nothing
from pipeline.stages.screen.own_words import may_say_nothing, promise, whole_refusal
from pipeline.stages.screen.placeholders import PLACEHOLDER, may_be_note, no_answer, note
from pipeline.stages.screen.refusals import REFUSES, refusal
from pipeline.stages.screen.repetition import echo, may_echo, may_loop, repetition
from pipeline.stages.screen.residue import (
    ALONE,
    PARTICLES,
    PROMPT_MARKS,
    RESIDUE,
    SLOTS,
    template_as_input,
    template_in_prompt,
    template_residue,
)
from pipeline.stages.screen.speech import PLAIN, mixed_speech
from pipeline.stages.screen.texts import Texts
from schemas.options import ScreenOptions


class Defect(NamedTuple):
    name: str
    #: The field that shows the defect.
    field: str
    find: Callable[[Texts, ScreenOptions], str | None]
    #: A row with the defect has a match of this RE2 pattern in the field.
    scan: str | None = None
    #: Or its row is among those that this function picks from the columns of all texts, where no pattern can tell.
    pick: Callable[[Mapping[str, pa.Array]], list[int]] | None = None
    #: It is a defect of the row as a whole, and not looked for in earlier exchanges.
    of_the_row: bool = False
    #: It is looked for only where `[screen] on` names it.
    on_demand: bool = False


#: Foreign text, or foreign words among Korean ones.
UNTRANSLATED = (
    rf"{FOREIGN}|{NO_HANGUL}|[a-z]{{3}}[가-힣]|[a-z]{{4}},? [a-z]{{4}}|[가-힣] [a-z]+"
    r"|[\x{4E00}-\x{9FFF}]{2}[가-힣]|[\x{3041}-\x{30FF}]{2}"
)
#: In this order.
DEFECTS: tuple[Defect, ...] = (
    Defect("not-korean", "instruction", not_korean, FOREIGN, of_the_row=True),
    Defect("untranslated", "output", untranslated, UNTRANSLATED),
    Defect("wrong-language", "output", wrong_language, rf"{FOREIGN}|{NO_HANGUL}"),
    Defect("wrong-language", "output", other_script, pick=names_language),
    Defect("refusal", "output", refusal, REFUSES),
    Defect("refusal", "output", whole_refusal, pick=may_say_nothing),
    Defect("disclaimer", "output", disclaimer, SPEAKS_AS_MODEL),
    Defect("no-answer", "output", no_answer, PLACEHOLDER),
    Defect("no-answer", "output", note, pick=may_be_note),
    Defect("no-answer", "output", says_nothing, pick=may_be_nothing),
    Defect("template-residue", "output", template_residue, RESIDUE),
    Defect("template-residue", "instruction", template_in_prompt, rf"{PARTICLES}|{PROMPT_MARKS}|{SLOTS}"),
    Defect("template-residue", "input", template_as_input, ALONE),
    Defect("merged-instruction", "output", merged_instruction, MERGED, pick=may_ask_again),
    Defect("merged-instruction", "instruction", merged_prompt, JOINED),
    Defect("merged-instruction", "input", merged_input, JOINED),
    Defect("truncated", "output", truncated, rf"```|{MAY_BE_OPEN}"),
    Defect("repetition", "output", repetition, pick=may_loop),
    Defect("url-only", "input", url_only, r"https?://|www\.|[a-z0-9]\.[a-z]{2,7}/"),
    Defect("url-only", "instruction", link_in_prompt, r"https?://|www\."),
    Defect(
        "missing-image",
        "instruction",
        missing_image,
        rf"이미지|사진|그림|도표|그래프|차트|스크린|캡처|삽화|포스터|지도|도형|도면|일러스트|만화|악보"
        rf"|엑스레이|{PLACE}",
    ),
    Defect("missing-image", "input", missing_image_in_input, PLACE),
    Defect("missing-image", "meta", image_field, FIELD),
    Defect("mojibake", "output", mojibake, SCAN),
    Defect("mixed-speech", "output", mixed_speech, PLAIN),
    Defect("echo", "output", echo, pick=may_echo),
    Defect("echo", "output", promise, pick=may_say_nothing),
    Defect("echo", "output", restated, pick=may_restate),
    Defect("disfluent", "output", disfluent, WORDS, on_demand=True),
)
