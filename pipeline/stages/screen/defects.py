"""Defects of Korean instruction data: an ordered table of small finders, each with its evidence.

A finder reads one exchange and gives a sentence of evidence, or None. It is asked only about rows in which its field
matches its scan. All are made for precision: what is flagged should be worth a look.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import pyarrow as pa

from pipeline.stages.screen.ending import MAY_BE_OPEN, truncated
from pipeline.stages.screen.foreign import not_korean, untranslated, wrong_language
from pipeline.stages.screen.language import FOREIGN
from pipeline.stages.screen.missing import FIELD, PLACE, image_field, missing_image, missing_image_in_input, url_only
from pipeline.stages.screen.mojibake import SCAN, mojibake
from pipeline.stages.screen.refusals import disclaimer, no_answer, refusal
from pipeline.stages.screen.repetition import echo, may_echo, may_loop, repetition
from pipeline.stages.screen.residue import (
    ASK,
    merged_input,
    merged_instruction,
    merged_prompt,
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


REFUSES = (
    r"죄송|미안|유감|송구|안타깝|수(?:는|가|도)? ?없|어렵|어려|힘들|곤란|불가|부족|보완|필요합니다"
    r"|입력해|제공해|알려|거절|거부|벗어|(?i:sorry|cannot"
    r"|unable|unfortunately|apologies)|[Cc]an['’]t|[Ww]on['’]t|don['’]t|지 (?:못|않)|못 ?[하해합드]"
)
SPEAKS_AS_MODEL = (
    r"AI|지능|언어 ?모델|대화 ?모델|챗봇|GPT|LLM|어시스턴트|[OGA오구]|네이버|카카오|메타|지식|데이터"
    r"|학습|실시간|최신|사람|인간|개인적인"
    r"|language model|[Mm]y (?:knowledge|training)"
)
_MERGED = (
    rf"\n\s*{ASK} ?[0-9]{{0,3}} ?[:：.]|\n\s*\n[ \t]*(?:[0-9]{{1,2}}[.)] )?(?:다음|아래|주어진|위|이) "
    rf"|\n[^\n]{{0,8}}(?:명령|지시|Instruction|질문|과제)"
)
_EMPTY = (
    r"^[^0-9A-Za-z가-힣]*(?i:n/?a|none|null|nil|nan|undefined|empty|blank|no ?(?:output|answer|response"
    r"|input)|not a[a-z]+|tbd|todo|output|response|answer"
    r"|[가-힣]{1,4} ?[가-힣]{0,3} ?(?:없음|없습니다|비어 있음|비어 있습니다|예정|생략|중|미정|무응답"
    r"|공란|공백)|생략|공란|공백|빈 ?칸|무응답|미정"
    r"|미작성|준비 ?중)[^0-9A-Za-z가-힣]*$"
    r"|^[^0-9A-Za-z가-힣]+$"
)
_PROMPT_MARKS = (
    r"\{|##|INST\]|<\||SYS>>|</?s>"
    r"|<(?:bos|eos|pad|unk|sep|cls)>|\[(?:BOS|EOS|PAD|SEP|CLS|UNK|MASK)\]|_of_turn>|\[\|"
    r"|작업을 설명하는|(?i:describes a task|appropriately completes)"
)
_PARTICLES = r"[을를은는이가와과]\([을를은는이가와과]\)|\(으\)로|\(이\)[라나가]|\([은을와과]\)[는를과와]"

#: In this order.
DEFECTS: tuple[Defect, ...] = (
    Defect("not-korean", "instruction", not_korean, FOREIGN, of_the_row=True),
    Defect("untranslated", "output", untranslated, rf"{FOREIGN}|[a-z]{{3}}[가-힣]"),
    Defect("wrong-language", "output", wrong_language, FOREIGN),
    Defect("refusal", "output", refusal, REFUSES),
    Defect("disclaimer", "output", disclaimer, SPEAKS_AS_MODEL),
    Defect("no-answer", "output", no_answer, _EMPTY),
    Defect(
        "template-residue",
        "output",
        template_residue,
        (
            rf"{_PARTICLES}|[을은이]/[를는가]|{_PROMPT_MARKS}|%"
            rf"|\$\{{|object Object|<<|\[\[|[\[<({{〈【][^\]>)}}\n]{{0,40}}"
            rf"(?:여기|입력|작성|기입|삽입|넣|적|쓰|써|채|붙|추가|nsert|nter|our|rite)"
            rf"|^\s*\**[A-Za-z가-힣 ]{{2,12}}\**[ ]?[:：]"
        ),
    ),
    Defect("template-residue", "instruction", template_in_prompt, rf"{_PARTICLES}|{_PROMPT_MARKS}"),
    Defect("merged-instruction", "output", merged_instruction, _MERGED),
    Defect(
        "merged-instruction",
        "instruction",
        merged_prompt,
        r"##|\n[^\n]{0,8}(?:명령|지시|Instruction|Human|User|사용자|입력|Input)",
    ),
    Defect(
        "merged-instruction",
        "input",
        merged_input,
        r"##|\n[^\n]{0,8}(?:명령|지시|Instruction|Human|User|사용자|입력|Input)",
    ),
    Defect("truncated", "output", truncated, rf"```|{MAY_BE_OPEN}"),
    Defect("repetition", "output", repetition, pick=may_loop),
    Defect("url-only", "input", url_only, r"https?://|www\.|[a-z0-9]\.[a-z]{2,7}/"),
    Defect(
        "missing-image",
        "instruction",
        missing_image,
        rf"이미지|사진|그림|도표|그래프|차트|스크린|캡처|삽화|포스터|지도|도형|도면|일러스트|만화|악보|엑스레이|{PLACE}",
    ),
    Defect("missing-image", "input", missing_image_in_input, PLACE),
    Defect("missing-image", "meta", image_field, FIELD),
    Defect("mojibake", "output", mojibake, SCAN),
    Defect("mixed-speech", "output", mixed_speech, PLAIN),
    Defect("echo", "output", echo, pick=may_echo),
)
