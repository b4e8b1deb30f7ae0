"""Answers in which a language model speaks of itself."""

import re

from pipeline.stages.screen.requests import asks
from pipeline.stages.screen.texts import Texts, any_of, around, unquoted
from pipeline.table.patterns import pattern
from schemas.options import ScreenOptions

#: “AI 언어 모델”, “대화형 인공지능 챗봇”, “그저 학습된 프로그램”.
_KIND = r"(?:대규모 |거대 |하나의 |한낱 |단지 |그저 |대화형 |학습된 )*"
_ARTIFICIAL = r"(?:AI|인공 ?지능|LLM|GPT)"
_SUCH_AS = r"(?:[ -]?(?:기반(?:의)?|언어|대화|챗봇|생성))?"
_THING = r"(?: ?(?:언어 ?)?(?:모델|어시스턴트|비서|챗봇|시스템|프로그램|도우미))?"
_NAMES = r"(?:언어|대화) ?모델|챗봇|ChatGPT|챗GPT|어시스턴트"
_MODEL = rf"(?:{_KIND}(?:{_ARTIFICIAL}{_SUCH_AS}{_THING}|{_NAMES}))"
#: What makes a reason of it: 모델로서, 모델이므로, 모델이기 때문에.
_AS = any_of(
    *("으로서", "로서", "으로써", "로써", "이므로", "므로", r"이기(?: 때문| |에)", "기 때문에", "이라서", "라서"),
    *(r"이라(?=[ ,])", r"라(?=[ ,])", "이며", "이고", "입니다만", "이지만", "이니", "이어서", "여서", "이기도"),
    *("인 (?:저|제|나|내)", "인지라", "일 뿐", "에 불과"),
)
_I = r"(?<![가-힣])(?:저|나|제|전|난)(?:는|가|의)? ?"
_COMPANY = r"(?:OpenAI|오픈AI|구글|Google|Anthropic|네이버|카카오|메타|Meta)"
_KNOWLEDGE = r"(?:지식|학습 ?데이터|학습 ?자료|훈련 ?데이터|데이터|정보|학습한|학습된|학습)"
_MY_KNOWLEDGE = rf"(?:제|저의|나의|저는|제가|모델의) ?{_KNOWLEDGE}"
_NONE = r"(?:없|않|못|모르|제한|한정)"
_CANNOT = r"(?:수(?:는|가)? ?없습니다|수(?:는|가)? ?없어|못합니다|못해|않습니다)"
#: What a person has and a model has not.
_HUMAN = r"(?:감정|의식|자아|신체|육체|물리적|미각|후각|촉각|감각|성별|취향|선호)"

#: Ways in which a model speaks of itself, by what it speaks of: in Korean, and in English.
SPEECHES = {
    "what it is: 챗봇으로서, 저는 AI이므로": rf"(?:\A|[.!?\n][ \t]?|{_I}){_MODEL}{_AS}",
    "what it is: 챗봇인 저는": rf"{_MODEL}인 (?:저|제|나|내)(?:는|가|로|에게|의)? ",
    "what it is: 저는 학습된 모델이며": (
        rf"(?:저|나|전)(?:는|의)? [^\n.!?]{{0,25}}{_MODEL}"
        r"(?:으로서|로서|이므로|므로|이기 |이라서|라서|이며|이지만|이라 |일 뿐)"
    ),
    "what it is: 저는 감정이 없는 프로그램이라": (
        r"(?<![가-힣])(?:저는|나는|전|난) [^\n.!?]{0,25}(?:프로그램|기계|컴퓨터|소프트웨어|알고리즘|시스템"
        r"|로봇|가상 ?비서)"
        r"(?:으로서|로서|이므로|이기 |이라|라서|이며|이지만|지만|일 뿐|에 불과|입니다만)"
    ),
    "what it is: 느낄 수 없는 언어 모델이기 때문에": (
        rf"\A[^\n.!?]{{0,40}}(?:수 없는|못하는|없는|않는|않은) {_MODEL}{_AS}"
    ),
    "what it is not": r"(?:저는|저|제가) (?:실제 )?(?:사람|인간)이 아니(?:라|므로|기|어서|고)",
    "who made it": (rf"(?:저는|나는|제가) {_COMPANY}[가-힣]{{0,3}} [^\n.]{{0,20}}(?:개발|훈련|학습|만든|만들)"),
    "what it knows, and until when": (
        rf"{_MY_KNOWLEDGE}[^\n.!?]{{0,30}}?(?:\d{{4}} ?년|까지|이후|시점)[^\n.!?]{{0,60}}(?:까지|기준|{_NONE})"
    ),
    "what it knows, with a year": rf"(?:제|저의) {_KNOWLEDGE}[^\n.!?]{{0,20}}\d{{4}} ?년",
    "what it has learned": r"(?:제가|저는) (?:아는|알고 있는|학습한|배운|가진) [^\n.!?]{0,14}\d{4} ?년",
    "what it has learned, as a reason": (
        r"(?:제가|저의|제) ?(?:학습|훈련)(?:한|된|받은)? ?(?:데이터|정보|자료|지식|내용)[가-힣]{0,2} ?"
        r"(?:기준|따르면|기반|바탕|범위|한에서|한해|한도|상으로|까지)"
    ),
    "what came after it": (
        r"(?:\d{4} ?년(?: ?\d{1,2} ?월)?|그|이) ?(?:이후|뒤)[^\n.!?]{0,20}(?:정보|데이터|소식|사건|내용"
        r"|일)[가-힣]{0,2} "
        r"[^\n.!?]{0,20}(?:알지 못|모르|모릅|알 수 없|없습니다|없어|반영되지|학습하지)"
    ),
    "when it was trained": (
        r"(?:제가|저는|저의|제) [^\n.!?]{0,16}?"
        r"(?:(?:마지막|최종|최근)(?:으로)? ?(?:업데이트|갱신|학습|훈련)|(?:학습|훈련)(?:이|을)? ?(?:끝|종료|완료"
        r"|마친))"
    ),
    "what it cannot see": rf"(?:실시간|최신) (?:정보|검색|데이터|뉴스)[^\n.!?]{{0,14}}{_CANNOT}",
    "what it cannot do or feel": (
        r"(?:저는|저에게는|제게는|저로서는|제가) [^\n.!?]{0,12}?(?:실시간|최신|개인적인|인간의"
        r"|사람처럼)[^\n.!?]{0,30}"
        r"(?:접근|경험|감정|의견|검색|알|느낄|정보)[^\n.!?]{0,16}(?:없|않|못)"
    ),
    "what it has not": (
        rf"(?:저는|저에게는|저한테는|제게는|나는|난|나에게는|나한테는) [^\n.!?]{{0,16}}?{_HUMAN}[^\n.!?]{{0,14}}"
        r"(?:이|가|을|를|은|는|도)? ?(?:없|않|못)"
    ),
    "what it cannot do, before what it says": (
        r"(?<![가-힣])(?:저는|제가|저로서는|나는|난) [^\n.!?]{0,16}?(?:직접|실제로|음식|맛|냄새|여행|인터넷|시세"
        r"|실시간"
        r"|연결|접속|경험|느끼|느낄|먹을|마실|만질|체험)[^\n.!?]{0,14}(?:수(?:는|가)? ?없|못하|못 하|않)[가-힣]{0,3}"
        r"(?: 존재| 입장| 처지)?(?:지만|므로|어서|아서|라(?=[ ,])|기 때문|으니|니까|는데)"
    ),
    "what it cannot sense": (
        r"(?<![가-힣])(?:저는|제가|나는|난) [^\n.!?]{0,16}?(?:(?:보|듣|먹|마시|느끼|겪|만지|맡)지 못하"
        r"|(?:볼|들을|먹을|마실|느낄|겪을|만질|맡을) 수(?:는)? 없)[가-힣]{0,3}(?:지만|므로|아서|어서|으니|으나"
        r"|나|는데)"
    ),
    "what it knows, as of a date": (
        r"\d{4} ?년[^\n.!?]{0,10}(?:기준|까지)[가-힣]{0,2} ?(?:제가 )?(?:알고 있는|학습한|학습된|가진|보유한) "
        r"(?:정보|지식|데이터|바)"
    ),
    "what its knowledge is, as of a date": (
        r"(?:제가 (?:가진|가지고 있는|갖고 있는|보유한|아는|알고 있는|학습한|배운)|제|저의|나의) ?"
        r"(?:정보|지식|데이터|자료|학습 ?데이터|것)[은는이가] [^\n.!?]{0,24}(?:기준|시점|까지|이전)[^\n.!?]{0,24}"
        r"(?:[다요음]|므로|때문에|이며|이고|지만|어서|아서)"
    ),
    "that it is an AI: AI 챗봇임을 말씀드립니다": (
        r"(?<![가-힣])(?:저는|나는|제가|저도) [^\n.!?]{0,24}(?:AI|인공지능|챗봇|언어 ?모델|프로그램)[^\n.!?]{0,6}"
        r"(?:임을|이라는 (?:점|것|사실))"
    ),
    "what came after it was trained": (
        r"(?:제가 |저의 |제 )(?:학습|훈련)(?:한|된|받은)? ?(?:시점|시기|날짜|데이터)[^\n.!?]{0,6} ?(?:이후|뒤|다음)"
    ),
    "what it is: 프로그램이라서": (
        r"\A\W*(?:저는 )?(?:컴퓨터 )?(?:프로그램|기계|소프트웨어|알고리즘|로봇)"
        r"(?:이라서|이라|라서|라|이므로|이기 때문에|이지만) "
    ),
    "what it is not connected to": (
        r"(?:\A|제가 |저는 )(?:현재 |지금 |직접 )?(?:인터넷|외부 (?:정보|데이터|사이트)|웹)"
        r"[에을를] ?(?:연결|접속|접근|검색)"
        r"[^\n.!?]{0,16}(?:않아|없어|없으|못해|못하|없는|않은|않으|아니라|아니어)"
    ),
    "what it knows, as of its last update": (
        r"(?:\A|[.!?] )(?:제 |저의 )?(?:마지막|최종|최근) (?:업데이트|학습|훈련) "
        r"?(?:시점|시기|날짜|일자)?[을은]? ?(?:기준|까지)"
    ),
    "what came after, in the first person": (
        r"이후의? [^\n.!?]{0,20}(?:제가|저는) [^\n.!?]{0,6}(?:알지 못|모르|모릅|알 수 없|몰라)"
    ),
    "what it is: 프로그램에 불과한 저는": r"(?:프로그램|기계|컴퓨터|소프트웨어|알고리즘|시스템|로봇|코드)"
    r"(?:에 불과한|일 뿐인|인) (?:저|나|제)(?:는|가|로|에게)",
    "who wrote this": (
        rf"(?:이|본|위|해당) (?:답변|글|내용|정보|응답)[은는이] {_ARTIFICIAL}[^\n.!?]{{0,12}}"
        r"(?:생성|작성|제공|만든|만들|자동)"
    ),
    "ChatGPT, in the third person": r"\bChatGPT(?:는|로서|이므로)[^\n.]{0,40}수 없",
}
ENGLISH_SPEECHES = {
    "as an AI": r"(?i:\bas an? (?:\w+ ){0,2}(?:ai|language model|artificial intelligence|llm|chatbot)\b)",
    "I am an AI": r"(?i:\bi(?:['’]m| am) (?:just |only |merely )?an? (?:\w+ ){0,2}(?:ai|language model"
    r"|artificial intelligence|chatbot)\b)",
    "my knowledge": r"(?i:\bmy (?:knowledge|training)(?: data)? (?:cutoff|only|cuts|goes|ends|is limited|was last))",
    "I have no feelings": (
        r"(?i:\bi (?:do not|don['’]t|cannot|can['’]t) (?:actually |really )?(?:have|possess|experience"
        r"|access) (?:any )?"
        r"(?:personal|feelings|emotions|opinions|real[- ]time|a (?:physical )?body|consciousness))"
    ),
}
#: What _MODEL and _ARTIFICIAL hold, one or the other.
NAMES_OF_MODELS = ("AI", "인공", "LLM", "GPT", "모델", "챗봇", "어시스턴트")
#: Each of SPEECHES, and whether it needs one of these names. One by one they are found faster than as one pattern.
_SPEECHES = [(pattern(speech), _MODEL in speech or _ARTIFICIAL in speech) for speech in SPEECHES.values()]
_IN_ENGLISH = pattern(any_of(*ENGLISH_SPEECHES.values()))
#: How each of ENGLISH_SPEECHES begins: this is found, or not, in a tenth of the time.
_ENGLISH = pattern(r"[AaIi\u0130\u0131Mm](?i:s an?\b|['’]m| am| do| can|y [kt])")
#: Every disclaimer has a match of this RE2 pattern.
SPEAKS_AS_MODEL = any_of(
    *("AI", "지능", "언어 ?모델", "대화 ?모델", "챗봇", "GPT", "LLM", "어시스턴트"),
    r"(?:저는|나는|전|난) [^\n.!?]*(?:프로그램|기계|컴퓨터|소프트웨어|알고리즘|시스템|로봇|비서)",
    r"(?:저는|나는|제가) (?:[OGAMg오구]|네이버|카카오|메타)",
    r"(?:제|저의|나의|저는|제가|모델의) ?(?:지식|데이터|정보|학습|훈련)",
    r"(?:이후|뒤)[^\n.!?]*(?:정보|데이터|소식|사건|내용|일)",
    *("업데이트", "갱신", "(?:제가|저는) (?:아는|알고|배운|가진)", "학습한", "훈련[이을 ]", "학습[이을 ]"),
    *("실시간", "최신", "개인적인", "인간의", "사람처럼", "(?:사람|인간)이 아니"),
    rf"(?:저는|나는|난|[저나제]에?게는|한테는) [^\n.!?]{{0,16}}{_HUMAN}",
    *("기준으로 ", r"^[\"'“‘( ]*(?:컴퓨터|프로그램|기계|소프트웨어|알고리즘|로봇)"),
    *("인터넷[에을]", "외부 ", "웹[에을]", "불과한", "뿐인", "(?:로봇|기계|시스템)인 [저나제]"),
    r"지 못하[지므기고여]|(?:볼|들을|먹을|마실|느낄|겪을|만질|맡을|갈|할) 수(?:는|가)? ?없[지으어는]",
    r"(?i:as an? |language model|artificial intel|\bi(?:['’]m| am) |my (?:knowledge|training)|\bi (?:do|can)[ n])",
)


_FIRST_PERSON = pattern(
    r"(?<![가-힣])(?:저|제가|제게|나는|난|나의|나도|내가|저희|우리)|\b[Ii]\b|\b[Mm]y\b"
    r"|로서|이므로|이기 때문|이라서|이라 |입니다만|이지만"
)


def disclaimer(texts: Texts, options: ScreenOptions) -> str | None:
    of_a_model = re.search(r"AI|인공|모델|챗봇|로봇|GPT|번역|옮기|옮겨|대화|대본", texts.instruction + texts.input)
    if of_a_model and asks(texts.instruction, "translation", "rewriting", "dialogue", "examples", "copy"):
        return None
    text = unquoted(texts.output)
    if of_a_model and not _FIRST_PERSON.search(text):
        return None
    match = first_disclaimer(text)
    if match is None or (asks(texts.instruction, "persona") and speaks_as_itself(texts.instruction)):
        return None
    return f"the answer speaks as a model: {around(match)}"


def first_disclaimer(text: str) -> re.Match[str] | None:
    """The first place at which a model speaks of itself."""
    named = any(name in text for name in NAMES_OF_MODELS)
    found = [speech.search(text) for speech, needs_name in _SPEECHES if named or not needs_name]
    if _ENGLISH.search(text):
        found.append(_IN_ENGLISH.search(text))
    return min(filter(None, found), key=lambda match: match.start(), default=None)


def speaks_as_itself(instruction: str) -> bool:
    """Whether the instruction asks who the answering one is, or lets a robot or chatbot speak.

    >>> speaks_as_itself("챗봇이 자신을 소개하는 문구를 써 줘.")
    True
    >>> speaks_as_itself("인공지능 면접의 장단점은?")
    False
    """
    return bool(_ITSELF.search(instruction))


_ITSELF = pattern(
    any_of(
        *(
            "소개하는",
            "소개해",
            "소개문",
            "인사말",
            r"(?:\A\W*|너는? |넌 |[네니]가 |당신[은이]? |자네는? |챗봇[은이] )(?:도대체 |정말 )?누구(?:니|세요"
            r"|냐|신|야|예요|인)",
            "이름이",
            "정체",
            "역할",
        ),
        "주인공",
        r"(?:로봇|챗봇|인공지능|AI|비서|어시스턴트)(?:이|가|의|인) (?:말|자신|되어|쓴|화자|입장|관점)",
        r"(?:인 척|처럼 말|되었다고|라고 (?:가정|상상|생각))",
        # A question about itself; but one that a person would answer with a taste or a feeling wants such an answer.
        r"(?:너|넌|네|당신)(?:는|은|의|가|희)? (?![^\n]*(?:좋아|싫어|즐겨|먹|취미|기분|행복|꿈))",
    )
)
