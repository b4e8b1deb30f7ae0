"""What a template or a prompt left in a text: slots, role marks, unresolved particles, a second exchange."""

import re

from pipeline.stages.screen.requests import asks
from pipeline.stages.screen.texts import Texts, around, prose_of
from schemas.options import ScreenOptions

_PARTICLE = re.compile(
    r"[가-힣\w\"'”’\])"
    r"}](?:을\(를\)|를\(을\)|은\(는\)|는\(은\)|이\(가\)|가\(이\)"
    r"|와\(과\)|과\(와\)|\(으\)로|\((?:이|을|은|와|과)\)[가를는과와](?![가-힣])|\(이\)[라나]\b|을/를|은/는 |이/가 )"
)
_SLOT = re.compile(
    r"(?<![\w^$\\{(f\"'`])\{\{?[ \t]?(?:[A-Za-z_][A-Za-z_ .]{1,30}|[가-힣][가-힣_ ]{1,20}|\d)[ \t]?\}\}?(?!\w*\s*[=({])"
    r"|\$\{\w{1,30}\}|\{%[^%\n]{1,60}%\}|<%=?[^%\n]{1,60}%>|\[object Object\]"
    r"|#\{[^}\n]{1,20}\}|<<[가-힣A-Za-z_ ]{1,20}>>|\[\[[가-힣A-Za-z_ ]{1,20}\]\]|(?<![\d%])%[가-힣A-Z_]{2,1"
    r"2}%"
    r"|(?<![\d\w%])%(?:s|d|\(\w{1,20}\)s)(?![\w%])"
)
#: “[여기에 답변을 입력하세요]”: a bracket that tells the writer what to put in its place.
_FILL = re.compile(
    r"[\[<{〈【(](?:여기|이곳|이 ?부분)[^\]>)}〉】\n]{0,30}(?:입력|작성|기입|삽입|기재|넣|적|쓰|써"
    r"|채우|채워|붙여|추가)[^\]>)}〉】\n]{0,20}[\]>)}〉】]"
    r"|[\[<{〈【][^\]>)}〉】\n]{1,30}[을를은는 ] ?(?:입력|작성|기입|삽입|기재|넣|적|쓰|써|채우|채워"
    r"|붙여|추가)(?:하|해|으|어|세|시|십| ?주"
    r"|할|을 )[^\]>)}〉】\n]{0,20}[\]>)}〉】]"
    r"|[\[<{](?i:(?:insert|enter|write|type|put|add)\b[^\]>}\n]{0,30}|your [a-z ]{2,20}(?: here)?"
    r"|[a-z ]{2,20} (?:goes )?here)[\]>}]"
)
_ROLE = r"(?:Instruction|Response|Input|Output|Human|Assistant|User|System|Question|Answer|Prompt)"
_HEADER = re.compile(
    rf"^#{{2,4}} ?(?:{_ROLE}\b|(?:지시|명령|명령어|지시사항|지시문|응답|답변|입력|출력|질문|사용자"
    rf"|어시스턴트|시스템) ?[:：])"
    r"|\A\s*#{2,4} ?(?:응답|답변|출력|답)\s*\n"
    r"|\[/?INST\]|<</?SYS>>|</?s>(?!\w)|<(?:bos|eos|pad|unk|sep|cls)>|\[(?:BOS|EOS|PAD|SEP|CLS|UNK|MASK)\]"
    r"|<\|?(?:im_start|im_end|user|assistant|system|start_header_id|end_header_id|eot_id|endoftext"
    r"|begin_of_text|end_of_text|end|pad|sep|startoftext|eom_id)\|>"
    r"|</?(?:start_of_turn|end_of_turn)>|\[\|(?:assistant|user|human|system|endofturn)\|\]|<\|END_OF_TURN_TOKEN\|>"
    r"|아래는 작업을 설명하는 (?:명령어|지시)|(?i:Below is an instruction that describes a task"
    r"|Write a response that appropriately completes)",
    re.MULTILINE,
)
#: An answer that begins with the name of its speaker.
_SPEAKER = re.compile(
    r"\A\s*(?:\*\*)?(?:(?i:assistant|ai|bot|chatbot|gpt|chatgpt|response|output|model|system|answer)"
    r"|어시스턴트|인공지능|챗봇|응답|출력|답변|AI ?(?:답변|응답)|모델 ?(?:답변|응답"
    r"|출력))(?:\*\*)? ?[:：](?:\*\*)?\s*\S"
)
_PRINTS = re.compile(r"print\(|printf|return |=>|;$|\\[a-z]+\{|\.format\(", re.MULTILINE)


def template_residue(texts: Texts, options: ScreenOptions) -> str | None:
    prose = prose_of(texts.output)
    if match := _HEADER.search(prose):
        return None if about_marks(texts) else f"the answer holds a part of a prompt: {around(match)}"
    if (match := _SPEAKER.search(texts.output)) and not asks(
        texts.instruction, "dialogue", "examples", "code", "questions"
    ):
        return f"the answer begins with the name of its speaker: {around(match)}"
    if asks(texts.instruction, "template") or re.search(r"조사|문법|받침|템플릿|양식|서식|f-?string|변수|빈칸", prose):
        return None
    return unfilled("answer", prose)


def about_marks(texts: Texts) -> bool:
    """Whether the instruction is about prompts, tokens or formats, whose marks are then its subject."""
    return bool(
        re.search(
            r"(?i)토큰|프롬프트|템플릿|형식|포맷|chatml|alpaca|llama|특수 ?문자|마크다운|태그|데이터 ?셋",
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


_KNOWN_SLOT = re.compile(
    r"(?<![\w$\\f\"'`])(?:\$"
    r"\{|\{\{?|<|\[)[ \t]?"
    r"(?i:input|inputs|question|query|context|text|instruction|output|answer"
    r"|response|sentence|topic|prompt|document|passage|user_input|name|content"
    r"|입력|질문|지문|본문|내용|문장|주제|명령어|지시문|문맥|사용자 ?입력|텍스트)"
    r"[ \t]?(?:\}\}?|>|\])(?![(:=\w])"
)


def template_in_prompt(texts: Texts, options: ScreenOptions) -> str | None:
    prompt = texts.instruction
    if match := _HEADER.search(prompt):
        return None if about_marks(texts) else f"the instruction holds a part of a prompt: {around(match)}"
    if asks(prompt, "template", "code"):
        return None
    if (match := _KNOWN_SLOT.search(prompt)) and match[0][0] in "{$":
        return f"the instruction holds an unfilled slot: {around(match)}"
    if (match := _PARTICLE.search(prompt)) and "/" not in match[0] and not re.search(r"빈칸|알맞은|괄호|고르", prompt):
        return f"the instruction holds an unresolved particle: {around(match)}"
    return None


ASK = (
    r"(?:#{1,4} ?)?(?:[0-9]{1,2}[.)] ?)?(?:\*\*)?(?:입력(?:문|값)?|명령어?|명령문|지시(?:문|사항)?"
    r"|사용자|유저|요청|과제"
    r"|Instruction|Input|Human|User|Prompt|Task"
    r"|(?P<question>질문|물음|문제|Question|Q))(?:\*\*)?"
)
_ANSWER = (
    r"(?:#{1,4} ?)?(?:\*\*)?(?:출력(?:문|값)?|응답|답변|답|정답|대답|결과|챗봇|어시스턴트|Output"
    r"|Response|Assistant|AI|Bot"
    r"|Answer|A|모범 ?답안)(?:\*\*)?"
)
_MERGED = re.compile(
    rf"^[ \t]*{ASK} ?\d{{0,3}} ?[:：.][^\n]*\n(?:[^\n]*\n){{0,30}}?[ \t]*{_ANSWER} ?\d{{0,3}} ?[:：]", re.MULTILINE
)
#: One more instruction under a number or a header, with nothing that says it is an answer.
_IMPERATIVE = (
    r"(?:하세요|하시오|하십시오|해 ?주세요|해 ?줘|해라|보세요|보시오|쓰시오|쓰세요|적으시오|적으세요"
    r"|고르시오|고르세요|구하시오|구하세요|답하시오|답하세요|바꾸세요"
    r"|바꾸시오|찾으시오|찾으세요|옮기시오|옮기세요|만드세요|만드시오|지으세요|설명하라|작성하라"
    r"|주세요|알려 ?줘|써 ?줘|[인은는]가요\?|나요\?|까요\?|무엇입니까\?)"
)
_NEXT = re.compile(
    rf"\n[ \t]{{0,9}}\n[ \t]{{0,9}}(?:\d{{1,2}}[.)] )?(?:다음|아래|주어진|위의?"
    rf"|이) [^\n]{{2,60}}{_IMPERATIVE}[.?]?[ \t]*(?:\n|$)"
    rf"|\n[ \t]*(?:#{{1,4}} ?)?(?:\d{{1,2}}[.)] ?)?(?:\[|【|\*\*)?(?:명령어?|명령문|지시(?:문|사항)?|Instruction"
    rf"|새 ?(?:질문|지시)|다음 ?(?:질문|지시|과제))(?:\]|】|\*\*)? ?\d{{0,2}} ?[:：\n]"
)
#: What joins two prompts in the instruction or the input.
_JOINED = re.compile(
    r"#{2,4} ?(?:지시(?:문|사항)?|명령어?|명령문|질문|입력|출력|응답|Instruction|Input|Response"
    r"|Output)\b ?\d{0,2}[:：]?"
    r"|^[ \t]*#{2,6}[ \t]*\n{1,3}\d{1,2}[.)]"
    r"|\n[ \t]*(?:\d{1,2}[.)] ?)?(?:\[|【)?(?:지시(?:문|사항)?|명령어?|명령문|Instruction)(?:\]|】)? ?\d{0,2} ?[:：]"
    r"|\n[ \t]*(?:Human|User|사용자) ?[:：][^\n]*\n{1,3}[ \t]{0,9}(?:Assistant|AI|챗봇|어시스턴트) ?[:：]"
    r"|\n[ \t]*(?:\d{1,2}[.)] ?)?(?:입력|Input) ?[:：][^\n]*\n(?:[^\n]*\n){0,3}?[ \t]*(?:출력"
    r"|Output) ?[:：] ?\S[^\n]*\n{1,3}[^\n]*(?:지시|명령|입력|Instruction|Input|#{2,})",
    re.MULTILINE,
)
_ABOUT_EXCHANGES = re.compile(
    r"입력|대화|챗봇|사용자|입출력|예제|인터뷰|input|코드|함수|알고리즘|프로그램|프롬프트|예시|퓨샷"
    r"|few-?shot|데이터 ?셋|보기"
)


def merged_instruction(texts: Texts, options: ScreenOptions) -> str | None:
    # Where the instruction itself speaks of input and output, or of questions, examples of them are the answer.
    if _ABOUT_EXCHANGES.search(texts.instruction):
        return None
    text = texts.output
    # Behind some answer: the first words of a text are its own.
    start = len(text) - len(text.lstrip()) + 1
    match = _MERGED.search(text, start)
    if match and not (match["question"] and asks(texts.instruction, "questions")):
        return f"a second exchange inside the answer: “{' '.join(match[0].split()[:9])}”"
    if (match := _NEXT.search(text, start)) and not asks(
        texts.instruction, "questions", "examples", "dialogue", "list", "template"
    ):
        return f"one more instruction inside the answer: {around(match)}"
    return None


def merged_prompt(texts: Texts, options: ScreenOptions) -> str | None:
    return joined("instruction", texts.instruction, texts)


def merged_input(texts: Texts, options: ScreenOptions) -> str | None:
    return joined("input", texts.input, texts)


def joined(field: str, text: str, texts: Texts) -> str | None:
    if re.search(r"예시|예제|보기|대화|프롬프트|형식|포맷|few-?shot|Below is an|아래는 작업", texts.instruction):
        return None
    match = _JOINED.search(text, 1)
    return f"a second instruction inside the {field}: {around(match)}" if match else None
