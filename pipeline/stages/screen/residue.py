"""What a template or a prompt left in a text: slots, role marks, unresolved particles."""

import re

from pipeline.stages.screen.requests import asks
from pipeline.stages.screen.texts import Texts, any_of, around, prose_of, quoted
from pipeline.table.patterns import pattern
from schemas.options import ScreenOptions

#: 을(를), 은(는), (으)로: a particle that waits for its word.
_PARTICLE = pattern(
    r"[가-힣\w\"'”’\])}]"
    + any_of(
        *(r"을\(를\)", r"를\(을\)", r"은\(는\)", r"는\(은\)", r"이\(가\)", r"가\(이\)", r"와\(과\)", r"과\(와\)"),
        *(r"\(으\)로", r"\((?:이|을|은|와|과)\)[가를는과와](?![가-힣])", r"\(이\)[라나]\b", "을/를", "은/는 "),
        "이/가 ",
    )
)
#: What stands behind a name.
_ADDRESSED = r"(?= ?(?:고객|회원|선생|대리|과장|부장|팀장)? ?(?:님|씨(?![가-힣])|귀하))"
_SLOT = pattern(
    any_of(
        # {name}, {{ name }}, {이름}
        r"(?<![\w^$\\{(f\"'`])\{\{?[ \t]?(?:[A-Za-z_][A-Za-z_ .]{1,30}|[가-힣][가-힣_ ]{1,20}|\d)[ \t]?\}\}?"
        r"(?![A-Za-z0-9_]*\s*[=({])",
        r"\$\{\w{1,30}\}",
        r"#\{[^}\n]{1,20}\}",
        r"\{%[^%\n]{1,60}%\}",
        r"<%=?[^%\n]{1,60}%>",
        r"<<[가-힣A-Za-z_ ]{1,20}>>",
        r"\[\[[가-힣A-Za-z_ ]{1,20}\]\]",
        r"(?<![\d%])%[가-힣A-Z_]{2,12}%",
        r"(?<![\d\w%])%(?:s|d|\(\w{1,20}\)s)(?![A-Za-z0-9_%])",
        r"\[object Object\]",
        # [제품명]은 [주요 기능]을 갖춘, [이름]님께
        r"\[[가-힣]{1,8}(?: [가-힣]{1,6})?\](?:은|는|이|가|을|를|의|에|에서|와|과|로|으로|께서)(?![가-힣\w]{3})",
        # OOO님, ○○○ 고객님
        # 0월 0일, ○월 ○일
        r"(?<!\d)0{1,4}[년월] ?0{1,2}[월일]|(?<![A-Za-z○])[○OX]{1,2}월 ?[○OX]{1,2}일",
        # $name 님, ___입니다, (이름) 님
        rf"\$[A-Za-z_]{{2,20}}{_ADDRESSED}",
        r"(?<![_\w])_{3,}(?:입니다|이라고|에서|님|씨|은|는|이|가|을|를|에)(?![가-힣]{3})",
        rf"\((?:이름|성명|고객명|성함|수신인|받는 ?사람|회사명|업체명)\){_ADDRESSED}",
        rf"(?:(?<![A-Za-z가-힣○])(?:O{{2,4}}|○{{2,4}}|◯{{2,4}}|X{{2,4}})|(?<!_)_{{3,}}+){_ADDRESSED}",
    )
)
_PUT = r"(?:입력|작성|기입|삽입|기재|넣|적|쓰|써|채우|채워|붙여|추가)"
#: “[여기에 답변을 입력하세요]”: a bracket that tells the writer what to put in its place.
_FILL = pattern(
    any_of(
        rf"[\[<{{〈【(](?:여기|이곳|이 ?부분)[^\]>)}}〉】\n]{{0,30}}{_PUT}[^\]>)}}〉】\n]{{0,20}}[\]>)}}〉】]",
        rf"[\[<{{〈【][^\]>)}}〉】\n]{{1,30}}[을를은는 ] ?{_PUT}(?:하|해|으|어|세|시|십| ?주|할|을 )"
        r"[^\]>)}〉】\n]{0,20}[\]>)}〉】]",
        r"[\[<{](?i:(?:insert|enter|write|type|put|add)\b[^\]>}\n]{0,30}|your [a-z ]{2,20}(?: here)?"
        r"|[a-z ]{2,20} (?:goes )?here)[\]>}]",
    )
)
_ROLE = any_of(
    *("Instruction", "Response", "Input", "Output", "Human", "Assistant", "User", "System"),
    *("Question", "Answer", "Prompt"),
)
_ROLE_KO = any_of(
    *("지시", "명령", "명령어", "지시사항", "지시문", "응답", "답변", "입력", "출력", "질문", "사용자", "어시스턴트"),
    "시스템",
)
#: The marks of a prompt and of its turns.
_HEADER = pattern(
    any_of(
        rf"^#{{2,4}} ?(?:{_ROLE}\b|{_ROLE_KO} ?[:：])",
        r"\A\s*#{2,4} ?(?:응답|답변|출력|답)\s*\n",
        r"\[/?INST\]|<</?SYS>>",
        # <답변>, </지시>
        rf"</?{_ROLE_KO}>",
        r"</?s>(?!\w)|<(?:bos|eos|pad|unk|sep|cls)>|\[(?:BOS|EOS|PAD|SEP|CLS|UNK|MASK)\]",
        r"<\|?(?:im_start|im_end|user|assistant|system|human|bot|start_header_id|end_header_id|eot_id|endoftext"
        r"|begin_of_text|end_of_text|end_of_turn|end|pad|sep|startoftext|eom_id|[a-z]{2,9}(?:_[a-z]{2,9}){0,3})\|>",
        r"\A\s*\[(?i:assistant|user|human|system|bot|answer|response)\]",
        r"</?(?:start_of_turn|end_of_turn)>|<\|END_OF_TURN_TOKEN\|>",
        r"\[\|(?:assistant|user|human|system|endofturn)\|\]",
        r"아래는 작업을 설명하는 (?:명령어|지시)",
        r"(?i:Below is an instruction that describes a task|Write a response that appropriately completes)",
    ),
    re.MULTILINE,
)
#: An answer that begins with the name of its speaker.
_SPEAKER = pattern(
    r"\A\s*(?:\*\*)?"
    + any_of(
        r"(?i:assistant|ai|bot|chatbot|gpt|chatgpt|response|output|model|system|answer)",
        *("어시스턴트", "인공지능", "챗봇", "응답", "출력", "답변", "AI ?(?:답변|응답)", "모델 ?(?:답변|응답|출력)"),
    )
    + r"(?:\*\*)? ?[:：](?:\*\*)?\s*\S"
)
_SPEAKER_LINE = pattern(r"\A\s*(?i:assistant|user|model|system)\s*\n")
#: A turn of the user behind the answer.
_NEXT_SPEAKER = pattern(
    r"\S\s*\n[ \t]*(?:Human|User|사용자|유저) ?[:：] ?\S(?![^\n]*\n[ \t]*(?:Assistant|AI|챗봇|어시스턴트) ?[:：])"
)
#: An answer inside of the tag that a prompt asked for.
_ROLE_TAGS = "answer|response|output|result|reply|assistant|final_answer|completion|solution|instruction|input|question"
_TAGGED = pattern(rf"\A\s*<(?:{_ROLE_TAGS})>", re.IGNORECASE)
_PRINTF = pattern(r"%(?:s|d|\(\w{1,20}\)s)")
_PRINTS = pattern(r"print\(|printf|return |=>|;$|\\[a-z]+\{|\.format\(", re.MULTILINE)

# RE2 patterns: every text with such a residue has a match.
PROMPT_MARKS = (
    r"\{|##|INST\]|<\||SYS>>|</?s>"
    r"|<(?:bos|eos|pad|unk|sep|cls)>|\[(?:BOS|EOS|PAD|SEP|CLS|UNK|MASK)\]|_of_turn>|\[\|"
    r"|작업을 설명하는|(?i:describes a task|appropriately completes)"
)
PARTICLES = r"[을를은는이가와과]\([을를은는이가와과]\)|\(으\)로|\(이\)[라나가]|\([은을와과]\)[는를과와]"
RESIDUE = (
    rf"{PARTICLES}|[을은이]/[를는가]|{PROMPT_MARKS}|%|object Object|<<|\[\["
    rf"|</?{_ROLE_KO}>|\A\s*<(?:{_ROLE_TAGS})>|\[[가-힣 ]{{1,15}}\](?:[은는이가을를의에와과로께님씨]|으로)"
    rf"|[O○◯X_]{{2,4}} ?[가-힣]{{0,2}} ?(?:님|씨|귀하)"
    r"|0[년월] ?0|[○OX]월 ?[○OX]|\A\s*(?i:assistant|user|model|system)\s*\n|\$[A-Za-z_]{2}|___"
    r"|\n\s*(?:Human|User|사용자|유저) ?[:：]"
    r"|\((?:이름|성명|고객명|성함|수신인|받는 ?사람|회사명|업체명)\)"
    r"|^\s*\[[A-Za-z]+\]"
    r"|[\[<({〈【][^\]>)}\n]*(?:여기|입력|작성|기입|삽입|넣|적|쓰|써|채|붙|추가|nsert|nter|our|rite|here)"
    r"|^\s*\**(?:[A-Za-z]+|어시스턴트|인공지능|챗봇|응답|출력|답변|AI ?[가-힣]+|모델 ?[가-힣]+)\**[ ]?[:：]"
)


def template_residue(texts: Texts, options: ScreenOptions) -> str | None:
    # A path begins at a slash, which hides the end mark.
    prose = prose_of(texts.output.replace("[/INST]", "[INST]"))
    if match := _HEADER.search(prose):
        return None if about_marks(texts) else f"the answer holds a part of a prompt: {around(match)}"
    if (match := _TAGGED.search(texts.output)) and not asks(texts.instruction, "code", "template", "examples"):
        return f"the answer holds a part of a prompt: {around(match)}"
    if (match := _SPEAKER.search(texts.output)) and not asks(
        texts.instruction, "dialogue", "examples", "code", "questions"
    ):
        return f"the answer begins with the name of its speaker: {around(match)}"
    if match := _SPEAKER_LINE.search(texts.output):
        return f"the answer begins with the name of its speaker: {around(match)}"
    if (match := _NEXT_SPEAKER.search(texts.output)) and not asks(
        texts.instruction, "dialogue", "examples", "questions", "story"
    ):
        return f"the answer holds the next turn: {around(match)}"
    if asks(texts.instruction, "template") or re.search(r"조사|문법|받침|템플릿|양식|서식|f-?string|변수|빈칸", prose):
        return None
    if _PRINTF.search(prose) and asks(texts.instruction, "code"):
        return None
    found = unfilled("answer", prose)
    given = found and "“[" in found and "[" in texts.input  # slots of the text that is to be worked on
    return None if given else found


def about_marks(texts: Texts) -> bool:
    """Whether the instruction is about prompts, tokens or formats, whose marks are then its subject."""
    return bool(
        re.search(
            r"(?i)토큰|프롬프트|템플릿|형식|포맷|chatml|alpaca|llama|특수 ?문자|마크다운|태그|데이터 ?셋"
            r"|지시문|학습용|학습 ?데이터",
            texts.instruction,
        )
    )


def unfilled(where: str, prose: str) -> str | None:
    if match := _PARTICLE.search(prose):
        return f"the {where} holds an unresolved particle: {around(match)}"
    if match := _FILL.search(prose):
        return f"the {where} holds a bracket that is to be filled in: {around(match)}"
    if not _PRINTS.search(prose) and (match := _SLOT.search(prose)):
        return f"the {where} holds an unfilled slot: {around(match)}"
    return None


#: A slot of a prompt: {topic}, {{user_input}}, ${query}, {주제}.
_PROMPT_SLOT = pattern(
    r"(?<![A-Za-z0-9_$\\f\"'`(=^\]])(?:\$\{|\{\{?)[ \t]?(?:[a-z]+(?:_[a-z]+){0,3}"
    r"|[가-힣]{2,6}(?: [가-힣]{1,4})?)[ \t]?\}\}?"
    r"(?![A-Za-z0-9_(=:\[{])"
)


def template_in_prompt(texts: Texts, options: ScreenOptions) -> str | None:
    prompt = texts.instruction
    if match := _HEADER.search(prompt):
        return None if about_marks(texts) else f"the instruction holds a part of a prompt: {around(match)}"
    if asks(prompt, "template", "code"):
        return None
    slot = _PROMPT_SLOT.search(prompt)
    if slot and len(slot[0].strip("${} ")) > 1 and not re.search(r"집합|원소|수열|,", slot[0]):
        return f"the instruction holds an unfilled slot: {around(slot)}"
    if bracket := _BRACKET.search(prompt):
        return f"the instruction holds an unfilled slot: {around(bracket)}"
    if (match := _PARTICLE.search(prompt)) and "/" not in match[0] and not re.search(r"빈칸|알맞은|괄호|고르", prompt):
        return f"the instruction holds an unresolved particle: {around(match)}"
    return None


SLOTS = r"[\[<〈][가-힣]{2,3}[0-9]?[\]>〉]"
#: The name of what belongs there, in brackets, with a particle: [주제]에 대한 글
_BRACKET = pattern(
    r"[\[<〈](?:주제|이름|제목|날짜|장소|내용|키워드|단어|문장|텍스트|입력|질문|회사명|제품명|상품명|지역|나라"
    r"|인물|분야|언어|숫자)[0-9]?[\]>〉]"
    r" ?(?:에|을|를|의|이|가|은|는|와|과|로|께|님)"
)
#: An input that is a slot and nothing else.
ALONE = r"^\s*(?:%s|\{\{? ?[A-Za-z_]+ ?\}?\}|\$\{?[a-z_]+\}?|<(?:input|text|content|context|query)>)\s*$"


def template_as_input(texts: Texts, options: ScreenOptions) -> str | None:
    if asks(texts.instruction, "template", "code"):
        return None
    return f"the input is an unfilled slot: {quoted(texts.input)}"
