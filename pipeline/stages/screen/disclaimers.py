"""Answers in which a language model speaks of itself."""

import re

from pipeline.stages.screen.requests import asks
from pipeline.stages.screen.texts import Texts, any_of, around, unquoted
from schemas.options import ScreenOptions

_MODEL = any_of(
    r"(?:대규모 |거대 |하나의 |한낱 |단지 |그저 |대화형 |학습된 )*"
    r"(?:(?:AI|인공 ?지능|LLM|GPT)(?:[ -]?(?:기반(?:의)?|언어|대화|챗봇|생성))?"
    r"(?: ?(?:언어 ?)?(?:모델|어시스턴트|비서|챗봇|시스템|프로그램|도우미))?|(?:언어|대화) ?모델|챗봇|ChatGPT"
    r"|챗GPT|어시스턴트)"
)
#: What makes a reason of it: 모델로서, 모델이므로, 모델이기 때문에.
_AS = any_of(
    *("으로서", "로서", "으로써", "로써", "이므로", "므로", r"이기(?: 때문| |에)", "기 때문에", "이라서", "라서"),
    *(r"이라(?=[ ,])", r"라(?=[ ,])", "이며", "이고", "입니다만", "이지만", "이니", "이어서", "여서", "이기도"),
    *("인 (?:저|제|나|내)", "인지라", "일 뿐", "에 불과"),
)
_KNOWLEDGE = r"(?:지식|학습 ?데이터|학습 ?자료|훈련 ?데이터|데이터|정보|학습한|학습된|학습)"
_NONE = r"(?:없|않|못|모르|제한|한정)"

_DISCLAIMER = re.compile(
    any_of(
        # AI로서, 저는 언어 모델이므로, 챗봇인 저는
        rf"(?:\A|[.!?\n][ \t]?|(?:저|나|제|전|난)(?:는|가|의)? ?){_MODEL}{_AS}",
        rf"{_MODEL}인 (?:저|제|나|내)(?:는|가|로|에게|의)? ",
        rf"(?:저|나|전)(?:는|의)? [^\n.!?]{{0,25}}{_MODEL}(?:으로서|로서|이므로|므로|이기 |이라서|라서|이며"
        rf"|이지만|이라 |일 뿐)",
        # 저는 OpenAI에서 개발한
        r"(?:저는|나는|제가) (?:OpenAI|오픈AI|구글|Google|Anthropic|네이버|카카오|메타|Meta)[가-힣]{0,3} "
        r"[^\n.]{0,20}(?:개발|훈련|학습|만든|만들)",
        # 제 지식은 2021년까지, 2021년 이후의 정보는 알지 못합니다
        rf"(?:제|저의|나의|저는|제가|모델의) ?{_KNOWLEDGE}[^\n.!?]{{0,30}}?(?:\d{{4}} ?년|까지|이후|시점)"
        rf"[^\n.!?]{{0,60}}(?:까지|기준|{_NONE})",
        rf"(?:제|저의) {_KNOWLEDGE}[^\n.!?]{{0,20}}\d{{4}} ?년",
        r"(?:\d{4} ?년(?: ?\d{1,2} ?월)?|그|이) ?(?:이후|뒤)[^\n.!?]{0,20}(?:정보|데이터|소식|사건|내용"
        r"|일)[가-힣]{0,2} "
        r"[^\n.!?]{0,20}(?:알지 못|모르|모릅|알 수 없|없습니다|없어|반영되지|학습하지)",
        # 제가 마지막으로 업데이트된 시점은
        r"(?:제가|저는|저의|제) [^\n.!?]{0,16}?(?:(?:마지막|최종|최근)(?:으로)? ?(?:업데이트|갱신|학습|훈련)"
        r"|(?:학습|훈련)(?:이|을)? ?(?:끝|종료|완료|마친))",
        r"(?:제가|저는) (?:아는|알고 있는|학습한|배운|가진) [^\n.!?]{0,14}\d{4} ?년",
        # 실시간 정보를 볼 수 없습니다, 저는 감정을 느낄 수 없습니다
        r"(?:실시간|최신) (?:정보|검색|데이터|뉴스)[^\n.!?]{0,14}"
        r"(?:수(?:는|가)? ?없습니다|수(?:는|가)? ?없어|못합니다|못해|않습니다)",
        r"(?:저는|저에게는|제게는|저로서는|제가) [^\n.!?]{0,12}?(?:실시간|최신|개인적인|인간의|사람처럼)[^\n.!?]{0,30}"
        r"(?:접근|경험|감정|의견|검색|알|느낄|정보)[^\n.!?]{0,16}(?:없|않|못)",
        r"(?:저는|저|제가) (?:실제 )?(?:사람|인간)이 아니(?:라|므로|기|어서|고)",
        r"\bChatGPT(?:는|로서|이므로)[^\n.]{0,40}수 없",
        r"(?i:\bas an? (?:\w+ )?(?:ai|language model|artificial intelligence|llm)\b)",
        r"(?i:\bi(?:['’]m| am) (?:just |only )?an? (?:\w+ )?(?:ai|language model|artificial intelligence)\b)",
        r"(?i:\bmy (?:knowledge|training)(?: data)? (?:cutoff|only|cuts|goes|ends|is limited|was last))",
    )
)
#: Every disclaimer has a match of this RE2 pattern.
SPEAKS_AS_MODEL = (
    r"AI|지능|언어 ?모델|대화 ?모델|챗봇|GPT|LLM|어시스턴트|(?:저는|나는|제가) (?:[OGAMg오구]|네이버|카카오|메타)"
    r"|(?:제|저의|나의|저는|제가|모델의) ?(?:지식|데이터|정보|학습|훈련)"
    r"|(?:이후|뒤)[^\n.!?]*(?:정보|데이터|소식|사건|내용|일)"
    r"|업데이트|갱신|(?:제가|저는) (?:아는|알고|배운|가진)|학습한|훈련[이을 ]|학습[이을 ]|실시간|최신|개인적인"
    r"|인간의|사람처럼"
    r"|(?:사람|인간)이 아니|(?i:as an? |language model|artificial intel|\bi(?:['’]m| am) |my (?:knowledge|training))"
)


def disclaimer(texts: Texts, options: ScreenOptions) -> str | None:
    of_a_model = re.search(r"AI|인공|모델|챗봇|로봇|GPT|번역|옮기|옮겨|대화|대본", texts.instruction + texts.input)
    if of_a_model and asks(texts.instruction, "translation", "rewriting", "dialogue", "examples", "copy"):
        return None
    text = unquoted(texts.output)
    match = _DISCLAIMER.search(text)
    if match is None or (asks(texts.instruction, "persona") and speaks_as_itself(texts.instruction)):
        return None
    return f"the answer speaks as a model: {around(match)}"


def speaks_as_itself(instruction: str) -> bool:
    """Whether the instruction asks who the answering one is, or lets a robot or chatbot speak.

    >>> speaks_as_itself("챗봇이 자신을 소개하는 문구를 써 줘.")
    True
    >>> speaks_as_itself("인공지능 면접의 장단점은?")
    False
    """
    return bool(_ITSELF.search(instruction))


_ITSELF = re.compile(
    any_of(
        *(
            "소개하는",
            "소개해",
            "소개문",
            "인사말",
            "누구(?:니|세요|냐|신|야|예요|인)",
            "이름이",
            "정체",
            "역할",
            "주인공",
        ),
        r"(?:로봇|챗봇|인공지능|AI|비서|어시스턴트)(?:이|가|의|인) (?:말|자신|되어|쓴|화자|입장|관점)",
        r"(?:인 척|처럼 말|되었다고|라고 (?:가정|상상|생각))",
        r"(?:너|넌|네|당신)(?:는|은|의|가|희)? ",
    )
)
