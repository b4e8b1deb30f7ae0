"""Answers that are none: refusals, words of a language model about itself, placeholders."""

import re

from pipeline.stages.screen.requests import asks
from pipeline.stages.screen.texts import Texts, around, unquoted
from schemas.options import ScreenOptions

_APOLOGY = re.compile(
    r"\A\W{0,2}(?<![\"'“])(?:아쉽게도|안타깝지만|안타깝게도|정말 |대단히 |매우 |너무 )?(?:죄송|미안"
    r"|유감|송구|안타깝)[가-힣]{0,6}[,.!]?\s"
    r"[^\n]{0,90}?"
    r"(?:수(?:는|가)? ?없|불가|어렵|어려울|힘들|곤란|부족|못합니다|못해요|못 ?하겠|드리지 못"
    r"|하지 않습니다|지원하지 않|제공하지 않|모르겠"
    r"|벗어|거절)"
)
_UNABLE = re.compile(
    r"(?:입력|정보|내용|문맥|컨텍스트|데이터|이미지|일러스트\S{0,3}|링크|텍스트|본문|기사)"
    r"[^\n.]{0,30}(?:없어|없으므로|없습니다|부족|않아|불충분|불분명)"
    r"[^\n]{0,60}?(?:수(?:는|가)? ?없습니다|불가(?:능)?합|보완|입력해|제공해|알려\s?주시|필요합니다)"
    r"|(?:답변|응답|요약|생성|제공|확인|분석|검색|API에 접속)"
    r"(?:을|를)?(?:할|해 드릴|드릴| 드릴|할 )? ?수(?:는|가)? ?없(?:습니다|어요|네요)"
)

_END = r"(?:습니다|어요|네요|겠습니다|을 것 같|는 점|다는|음을|으니|으며|지만|답니다|군요|$)"
_NOT = (
    rf"(?:수(?:는|가|도)? ?없{_END}|기(?:는|가|에는)? ?(?:어렵습|어려[워울운]|힘듭|힘들|곤란)"
    rf"|드리지 (?:못|않)|못 ?(?:해 ?드|드립|합니다|하겠|도와)|불가능합|불가합)"
)
_SERVE = (
    r"(?:도와|도움|답변|답|응답|대답|대응|작성|제공|생성|번역|요약|추천|수행|처리|설명|안내|말씀"
    r"|이야기|공유|알려|만들어|써|지어|진행|응할|응하|따를|따르|이행"
    r"|들어|협조|지원|다룰|다루|언급|소개|제안|분석|완성|해결|평가|조언|계산|풀어)"
)
_THING = r"(?:요청|부탁|질문|주제|작업|지시|명령|물음|문의|글|내용|정보|답|일|이야기|사항|부분|것)"
#: An answer that speaks of the request, or of what its speaker may do for the user: no other text does so.
_OF_THE_REQUEST = re.compile(
    rf"(?:요청|부탁|질문|지시|명령|문의|물음)(?:하신|하시는|에|은|는|을"
    rf"|를)[^\n.!?]{{0,24}}?{_SERVE}[^\n.!?]{{0,8}}?{_NOT}"
    rf"|(?:그런|이런|그러한|이러한|해당|관련|요청하신|말씀하신|원하시는|(?:^"
    rf"|\s)[이그]) ?{_THING}[가-힣]{{0,5}} [^\n.!?]{{0,12}}?{_SERVE}[^\n.!?]{{0,6}}?{_NOT}"
    rf"|{_SERVE}(?:을|를)? ?(?:해 ?)?(?:드릴|드리|줄)[^\n.!?]{{0,1}}? ?{_NOT}"
    rf"|(?:드릴 ?|드리){_NOT}"
    rf"|(?:해당|요청하신|이러한|그런|그러한|(?:^|\s)[이그]) ?{_THING}[가-힣]{{0,3}} ?(?:지원|제공|처리"
    rf"|수행|허용)(?:하|되)지 않"
    rf"|\A(?:저는|제가|저로서는) [^\n.!?]{{0,25}}?{_SERVE}[^\n.!?]{{0,4}}?{_NOT}"
    r"|\A(?:(?:저는|저도|잘|그건|그것은|글쎄요),? )*(?:모르겠|알지 못합|알 수 없)(?:습니다|어요"
    r"|네요)[.!]?(?= ?(?:다른|더|다시|죄송))"
    r"|제가 할 수 있는 (?:범위|일)[가-힣]{0,2} (?:벗어|아닙|아니)|(?:제|저의) (?:능력|역량"
    r"|권한)[가-힣]{0,2} [^\n.!?]{0,10}(?:벗어|밖)"
    r"|(?:답변|대답|응답|협조|작성|제공|도움)[가-힣]{0,3} ?(?:을|를)? ?(?:거부|거절|삼가"
    r"|사양)(?:합니다|하겠습니다|해요|할게요)"
    r"|(?:정책|가이드라인|지침|윤리)[가-힣]{0,4} [^\n.!?]{0,20}(?:도와|답|제공|작성|생성"
    r"|응)[^\n.!?]{0,12}(?:수 없|어렵)"
)
_ENGLISH = re.compile(
    r"\A\W{0,3}(?:(?:I['’]?m|I am|We['’]?re|We are)\s+(?:\w+ )?(?:sorry|afraid|unable|not able"
    r"|not allowed)|(?:Sorry|Unfortunately|Apologies|My apologies|Regrettably)\b"
    r"|I\s+(?:can['’]?t|cannot|can not|won['’]?t|am unable|do not|don['’]?t)\s+(?:\w+ )?(?:assist"
    r"|help|provide|fulfil|comply|answer|do that|support|discuss|create|generate|write"
    r"|feel comfortable|have (?:enough|access|the ability)))",
    re.IGNORECASE,
)
_ROLE = re.compile(r"고객|주문|환불|불편|학생 ?:|상담원|팀 드림")
#: A text that speaks to someone else, and may so apologise and refuse.
_VOICED = ("dialogue", "story", "letter")


def refusal(texts: Texts, options: ScreenOptions) -> str | None:
    instruction, output = texts.instruction, texts.output
    if asks(instruction, "translation", "rewriting", "copy", "about-speech", "examples", "continuation"):
        # Its words are those of a given text, unless the text is missing in it altogether.
        given = f"{texts.input} {instruction}"
        if re.search(r"죄송|미안|유감|없|못|[Ss]orry|cannot|can['’]t|unable|不|申し訳", given) or asks(
            instruction, "continuation"
        ):
            return None
    if output[:1] in "\"'“‘「『" or asks(instruction, "apology"):
        return None
    if match := _ENGLISH.search(output):
        return f"the answer opens with {around(match)}"
    opening = unquoted(output[:220])
    to_customer = bool(re.search(r"고객님|주문|환불", opening)) and asks(instruction, *_VOICED)
    if not to_customer and (match := _OF_THE_REQUEST.search(opening[:120])):
        return f"the answer refuses: {around(match)}"
    if not asks(instruction, *_VOICED) and (match := _APOLOGY.search(output)):
        return None if _ROLE.search(output[:200]) else f"the answer opens with {around(match)}"
    if len(output) <= 120 and (match := _UNABLE.search(output)):
        return f"the whole answer is that there is none: {around(match)}"
    return None


_MODEL = (
    r"(?:대규모 |거대 |하나의 |한낱 |단지 |그저 |대화형 |학습된 )*(?:(?:AI|인공 ?지능|LLM|GPT)(?:(?: "
    r"|-)?(?:기반(?:의)?|언어|대화|챗봇"
    r"|생성))?(?: ?(?:언어 ?)?(?:모델|어시스턴트|비서|챗봇|시스템|프로그램|도우미))?"
    r"|(?:언어|대화) ?모델|챗봇|ChatGPT|챗GPT|어시스턴트)"
)
_AS = (
    r"(?:으로서|로서|으로써|로써|이므로|므로|이기(?: 때문| |에)|기 때문에|이라서|라서|이라(?=[ ,])"
    r"|라(?=[ ,])|이며|이고|입니다만|이지만|이니|이어서"
    r"|여서|이기도|인 (?:저|제|나|내)|인지라|일 뿐|에 불과)"
)
_DISCLAIMER = re.compile(
    rf"(?:\A|[.!?\n][ \t]?|(?:저|나|제|전|난)(?:는|가|의)? ?){_MODEL}{_AS}"
    rf"|{_MODEL}인 (?:저|제|나|내)(?:는|가|로|에게|의)? "
    rf"|(?:저|나|전)(?:는|의)? [^\n.!?]{{0,25}}{_MODEL}(?:으로서|로서|이므로|므로|이기 |이라서|라서"
    rf"|이며|이지만|이라 |일 뿐)"
    r"|(?:저는|나는|제가) (?:OpenAI|오픈AI|구글|Google|Anthropic|네이버|카카오|메타"
    r"|Meta)[가-힣]{0,3} [^\n.]{0,20}(?:개발|훈련|학습|만든|만들)"
    r"|(?:제|저의|나의|저는|제가|모델의) ?(?:지식|학습 ?데이터|학습 ?자료|훈련 ?데이터|데이터|정보|학습한|학습된"
    r"|학습)[^\n.!?]{0,30}?(?:\d{4} ?년|까지|이후|시점)[^\n.!?]{0,60}(?:없|않|까지|못|모르|제한|기준|한정)"
    r"|\d{4} ?년(?: ?\d{1,2} ?월)? ?이후[^\n.!?]{0,20}(?:정보|데이터|소식|사건"
    r"|내용)[^\n.!?]{0,20}(?:알지 못|모르|알 수 없|없습니다|없어)"
    r"|(?:실시간|최신) (?:정보|검색|데이터|뉴스)[^\n.!?]{0,14}(?:수(?:는|가)? ?없습니다|수(?:는"
    r"|가)? ?없어|못합니다|못해|않습니다)"
    r"|(?:제|저의) (?:지식|학습)[^\n.!?]{0,20}\d{4} ?년"
    r"|(?:저는|저에게는|제게는|저로서는|제가) [^\n.!?]{0,12}?(?:실시간|최신|개인적인|인간의"
    r"|사람처럼)[^\n.!?]{0,30}(?:접근|경험|감정|의견|검색"
    r"|알|느낄|정보)[^\n.!?]{0,16}(?:없|않|못)"
    r"|(?:저는|저|제가) (?:실제 )?(?:사람|인간)이 아니(?:라|므로|기|어서|고)"
    r"|\bChatGPT(?:는|로서|이므로)[^\n.]{0,40}수 없"
    r"|(?i:\bas an? (?:\w+ )?(?:ai|language model|artificial intelligence|llm)\b|\bi(?:['’]m"
    r"| am) (?:just |only )?an? (?:\w+ )?(?:ai|language model|artificial intelligence)\b"
    r"|\bmy (?:knowledge|training)(?: data)? (?:cutoff|only|cuts|goes|ends|is limited|was last))"
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
    return bool(
        re.search(
            r"소개하는|소개해|소개문|인사말|누구(?:니|세요|냐|신|야|예요|인)|이름이|정체|역할|주인공|(?:로봇"
            r"|챗봇|인공지능|AI|비서|어시스턴트)(?:이|가|의|인) (?:말"
            r"|자신|되어|쓴|화자|입장|관점)"
            r"|(?:인 척|처럼 말|되었다고|라고 (?:가정|상상|생각))|(?:너|넌|네|당신)(?:는|은|의|가|희)? ",
            instruction,
        )
    )


_EMPTY = re.compile(
    r"\W*(?i:n/?a|none|null|nil|nan|undefined|empty|blank|no ?output|no ?answer|no ?response"
    r"|not (?:available|applicable)|tbd|todo|<?no ?input>?|output|response|answer"
    r"|(?:해당(?: ?사항)?|입력|출력|답변|응답|내용|대답|결과|답) ?(?:이 |은 )?없음|(?:출력|답변|응답"
    r"|내용|대답|답)(?:이|은)? ?(?:없습니다|비어 있음|비어 있습니다|생략)"
    r"|(?:추후|나중에) ?(?:작성|입력|추가)(?: ?예정)?|작성 ?(?:예정|중)|미작성|무응답|공란|공백|빈 ?칸"
    r"|생략|준비 ?중|미정)\W*"
    r"|\s*[.\-_…~*/\\=]{1,12}\s*|\s*[?？]{2,}\s*"
)


_SIGNS = re.compile(r"기호|부호|문자|점|모스|표시|줄표|하이픈|밑줄|말줄임|연산|더하기|빼기|침묵|패턴|그려")


def no_answer(texts: Texts, options: ScreenOptions) -> str | None:
    match = _EMPTY.fullmatch(texts.output)
    if not match:
        return None
    word = re.sub(r"\W", "", texts.output)
    if not word:
        right = bool(_SIGNS.search(texts.instruction))
    elif word.isascii():  # None, null: a word of a language or of a program
        right = asks(texts.instruction, "code", "translation", "about-language", "as-it-may-be")
    else:
        right = asks(texts.instruction, "as-it-may-be", "title")
    if right or (word and word.lower() in texts.instruction.lower()):
        return None
    return f"the whole answer is “{texts.output.strip()[:20]}”"
