"""Answers that refuse what was asked."""

import re

from pipeline.stages.screen.requests import MAY_I, asks
from pipeline.stages.screen.texts import Texts, any_of, around, quoted, unquoted
from pipeline.table.patterns import pattern
from schemas.options import ScreenOptions

#: “수 없습니다”, “기 어렵네요”, “드리지 못합니다”: that something is not possible, at the end of a clause.
_NOT = any_of(
    r"(?:수(?:는|가|도)?|순) ?없(?:습니다|어요|네요|겠습니다|을 것 같|는 점|다는|음을|으니|으며|지만|답니다|군요|$)",
    r"기(?:는|가|에는)? ?(?:어렵습|어려[워울운]|힘듭|힘들|곤란)",
    r"드리지 (?:못|않)",
    r"못 ?(?:해 ?드|드립|합니다|하겠|도와)",
    r"불가능합|불가합",
    r"(?:수 있는|줄 아는) [가-힣]{1,5} ?(?:없|아니|아닙|아녜)",
    r"수 ?없는 (?:내용|질문|주제|부분|요청|것|일|영역|사안|문제|범위)",
    r"지 않(?:겠습니다|을게요|을래요|는 (?:것|편)이|기로|도록)",
)
#: What an answer does for the one who asks.
_SERVE = any_of(
    *("도와", "도움", "답변", "답", "응답", "대답", "대응", "작성", "제공", "생성", "번역", "요약", "추천", "수행"),
    *("처리", "설명", "안내", "말씀", "이야기", "공유", "알려", "만들어", "써", "지어", "진행", "응할", "응하", "따를"),
    *("따르", "이행", "들어", "협조", "지원", "다룰", "다루", "언급", "소개", "제안", "분석", "완성", "해결", "평가"),
    *("조언", "계산", "풀어"),
)
_THING = any_of(
    *("요청", "부탁", "질문", "주제", "작업", "지시", "명령", "물음", "문의", "글", "내용", "정보", "답", "일"),
    *("이야기", "사항", "부분", "것"),
)
_THIS = r"(?:그런|이런|그러한|이러한|해당|관련|요청하신|말씀하신|원하시는|(?:^|\s)[이그])"

#: An answer that speaks of the request, or of what its speaker may do for the user: no other text does so.
_OF_THE_REQUEST = pattern(
    any_of(
        # 요청하신 … 도와드릴 수 없습니다
        rf"(?:요청|부탁|질문|지시|명령|문의|물음)(?:하신|하시는|에|은|는|을"
        rf"|를)[^\n.!?]{{0,24}}?{_SERVE}[^\n.!?]{{0,8}}?{_NOT}",
        # 그런 내용은 제공해 드리기 어렵습니다
        rf"{_THIS} ?{_THING}[가-힣]{{0,5}} [^\n.!?]{{0,12}}?{_SERVE}[^\n.!?]{{0,6}}?{_NOT}",
        # 도와드릴 수 없습니다
        rf"{_SERVE}(?:을|를)? ?(?:해 ?)?(?:드릴|드리|줄)[^\n.!?]{{0,1}}? ?{_NOT}",
        rf"(?:드릴 ?|드리){_NOT}",
        # 해당 요청은 지원하지 않습니다
        rf"{_THIS} ?{_THING}[가-힣]{{0,3}} ?(?:지원|제공|처리|수행|허용)(?:하|되)지 않",
        # 저는 … 답할 수 없습니다
        rf"\A(?:저는|제가|저로서는) [^\n.!?]{{0,25}}?{_SERVE}[^\n.!?]{{0,4}}?{_NOT}",
        # 잘 모르겠습니다. 다른 …
        r"\A(?:(?:저는|저도|잘|그건|그것은|글쎄요),? )*(?:모르겠|알지 못합|알 수 없)(?:습니다|어요|네요)[.!]?"
        r"(?= ?(?:다른|더|다시|죄송))",
        # 제가 할 수 있는 범위를 벗어납니다, 제 능력 밖입니다
        r"제가 할 수 있는 (?:범위|일)[가-힣]{0,2} (?:벗어|아닙|아니)",
        r"(?:제|저의) (?:능력|역량|권한)[가-힣]{0,2} [^\n.!?]{0,10}(?:벗어|밖)",
        # 제가 도와드릴 수 있는 범위를 벗어납니다
        r"(?:제가|저의|제|저희|이|그|서비스) [^\n.!?]{0,24}?(?:범위|영역"
        r"|분야)[가-힣]{0,2} ?(?:[가-힣]+ )?(?:벗어|밖|넘어|아니)",
        # 질문을 이해하지 못했습니다, 요청을 처리할 수 없습니다
        r"\A[^\n.!?]{0,16}(?:질문|요청|지시|명령|말씀|의도|문의|문맥|입력)[가-힣]{0,3} (?:[가-힣]+ )?"
        r"(?:이해|파악|처리|수행|해석|인식|확인)(?:하지 못|되지 않|할 수(?:가|는)? ?없|하기(?:가)? (?:어려"
        r"|어렵|힘들))",
        # 정책상 제공되지 않습니다
        r"(?:정책|규정|방침|지침|가이드라인|약관|윤리|서비스)[가-힣]{0,3} [^\n.!?]{0,16}?"
        r"(?:제공|지원|허용|안내|처리|답변)(?:하|되)지 (?:않|못)",
        # 의견을 드리지 않는 것이 좋겠습니다, 답변을 삼가는 편이
        r"(?:의견|답변|답|대답|말씀|조언|정보|판단|언급)[을를은는]? ?(?:드리|하|해 드리|내리"
        r"|제공하)지 않(?:는 (?:것|편)|겠|을게|으려|도록)",
        # 부적절한 요청입니다
        r"(?:부적절|적절하지 않|적합하지 않|유해)[가-힣]{0,2} (?:요청|질문|주제)(?:입니다|이에요|이므로|이라"
        r"|이기|으로)",
        # 제가 답할 문제가 아닙니다
        rf"(?:제가|저는|내가|나는) [^\n.!?]{{0,12}}{_SERVE}[가-힣]{{0,4}} (?:문제|질문|일|것|주제"
        rf"|사안)[가-힣]? (?:아닙|아니|아녜)",
        # 제가 답할 필요는 없을 것 같네요
        r"제가 [^\n.!?]{0,6}(?:답|대답|설명|알려|말씀|말)[^\n.!?]{0,8} 필요(?:는|가|도)? ?없",
        # 답변을 거부합니다
        r"(?:답변|대답|응답|협조|작성|제공|도움)[가-힣]{0,3} ?(?:을|를)? ?(?:거부|거절|삼가|사양)"
        r"(?:합니다|하겠습니다|해요|할게요)",
        # 정책상 답할 수 없습니다
        r"(?:정책|가이드라인|지침|윤리)[가-힣]{0,4} [^\n.!?]{0,20}(?:도와|답|제공|작성|생성"
        r"|응)[^\n.!?]{0,12}(?:수 없|어렵)",
    )
)
_APOLOGY = pattern(
    r"\A\W{0,2}(?<![\"'“])(?:아쉽게도|안타깝지만|안타깝게도|정말 |대단히 |매우 |너무 )?"
    r"(?:죄송|미안|유감|송구|안타깝)[가-힣]{0,6}[,.!]?\s[^\n]{0,90}?"
    + any_of(
        *(r"수(?:는|가)? ?없", "불가", "어렵", "어려울", "힘들", "곤란", "부족", "못합니다", "못해요", "못 ?하겠"),
        *("드리지 못", "하지 않습니다", "지원하지 않", "제공하지 않", "모르겠", "벗어", "거절"),
        *("능력이 없", "[르알]지 못", "일이 아니", "일이 아닙"),
    )
)
#: A negative, and behind it the offer to ask for something else: 그건 어려워요. 다른 질문이 있으시면 …
_SOMETHING_ELSE = pattern(
    any_of(
        *("없", "않", "못", "벗어", "어렵", "어려", "곤란", "불가", "아닙", "아니", "죄송", "미안", "모르", "삼가"),
        "힘들",
    )
    + r"[^\n]{0,60}[.!?~] ?(?:[^\n.!?]{0,16} )?(?:다른|그 밖의|또 다른) "
    + any_of("질문", "주제", "요청", "도움", "것", "걸", "작업", "이야기", "내용", "궁금", "부분", "일", "문의")
)
#: A short answer that only says that it has no answer, and sends the user to someone else or speaks of itself.
_NO_HELP = pattern(
    r"\A[^\n.!?]{0,40}?"
    r"(?:답변|답해|답을|답이|대답|추천|말씀|안내|도움|도와|설명|조언|제공|알려|정보|상담|검색|판단|의견|언급)"
    r"[^\n.!?]{0,24}?(?:없|어렵|힘들|곤란|조심스럽|못|않|부족|불가)[가-힣 ]{0,4}(?:니다|네요|어요|에요|군요"
    r"|는데요)[.!]"
)
_OF_ITSELF = pattern(r"(?:^|\s)(?:제가|저는|저에게|저로서|저희|제게|지금은|현재는?|아직은?) ")
_SENDS_AWAY = pattern(
    r"(?:문의|시도|상의|상담|확인|질문|이용|검색)(?:을|를)? ?(?:해|하여|하)? ?"
    r"(?:보세요|주세요|보시|주시|주십|시기|시는|세요)"
)
#: A short answer in casual speech, or of one clause: 난 그런 거 못 해. 몰라. 그건 좀 곤란해.
_BLUNT = pattern(
    r"\W*(?:(?:미안(?:해|하지만|한데)?|글쎄|음+|흠+|아쉽지만|안타깝지만|죄송(?:해요|하지만|한데요?)?)\W+)*"
    r"(?:(?:나는|난|저는|전|내가|제가|그건|그런 [거것건]|이건|그거|그것은|그것만은|지금은|아직은?|잘|좀|그런"
    r"|도저히|절대)[은는도]? ?)*+"
    + any_of(
        r"못 ?(?:해|하겠어|해요|하겠는데|해 ?줘|도와줘|알려 ?줘|말해 ?줘)",
        r"(?:할|알려 ?줄|도와 ?줄|말해 ?줄|답해 ?줄|대답할|답할|써 ?줄|해 ?줄|말할) 수 없(?:어|어요|지|네|다)",
        r"(?:할|알려 ?줄|도와 ?줄|말해 ?줄|답해 ?줄|대답하|답하|써 ?주|해 ?주)기 (?:어려워|힘들어|곤란해|싫어)요?",
        *("곤란(?:해요?|합니다|한데요?)", "(?:하기 )?싫(?:어요?|은데요?|습니다)", "답(?:변)? ?(?:불가|거부)"),
    )
    + r"\W*"
)
#: The whole answer asks for what is to be worked on: 문장을 입력해 주세요.
_GIVE_ME = pattern(
    r"\A(?:[^\n.!?]{0,60}[.!?]\s+)?(?:[^\n.!?]{0,40} )?"
    + any_of(
        *("문장", "글", "텍스트", "내용", "본문", "기사", "자료", "정보", "파일", "링크", "이미지", "질문"),
        *("데이터", "코드", "문단", "지문", "대화"),
        *("원문", "단어", "표", "사진", "맥락", "주제", "목록", "요청", "말씀", "문서", "예문", "문맥"),
    )
    + r"[을를도]? ?(?:다시 |먼저 |직접 |함께 |더 |좀 |구체적으로 |자세히 |한번 ){0,2}"
    r"(?:(?:보내|입력|제공|제시|첨부|알려|공유|붙여 ?넣|올려|적어|말씀|명시|질문)(?:해|하)? ?"
    r"(?:주세요|주시|주십|주실|주면|줘|바랍)|입력하세요|보내세요)[^\n]{0,50}\Z"
)
#: “쓰실 수 없습니다”, “쿠폰도 쓸 수 있나요?”: what the one who asks may do; to say no to it is an answer.
_YOUR_OWN = pattern(r"(?:실|으실|[가-힣]시기) ?(?:수(?:는|가)? ?없|어렵|어려울|힘들)")
_UNABLE = pattern(
    any_of(
        r"(?:입력|정보|내용|문맥|컨텍스트|데이터|이미지|일러스트\S{0,3}|링크|텍스트|본문|기사)"
        r"[^\n.]{0,30}(?:없어|없으므로|없습니다|부족|않아|불충분|불분명)"
        r"[^\n]{0,60}?(?:수(?:는|가)? ?없습니다|불가(?:능)?합|보완|입력해|제공해|알려\s?주시|필요합니다)",
        r"(?:답변|응답|요약|생성|제공|확인|분석|검색|API에 접속)"
        r"(?:을|를)?(?:할|해 드릴|드릴| 드릴|할 )? ?수(?:는|가)? ?없(?:습니다|어요|네요)",
    )
)
_ENGLISH = pattern(
    r"\A\W{0,3}"
    + any_of(
        r"(?:I['’]?m|I am|We['’]?re|We are)\s+(?:\w+ )?(?:sorry|afraid|unable|not able|not allowed)",
        r"(?:Sorry|Unfortunately|Apologies|My apologies|Regrettably)\b",
        r"I\s+(?:can['’]?t|cannot|can not|won['’]?t|am unable|do not|don['’]?t)\s+(?:\w+ )?"
        r"(?:assist|help|provide|fulfil|comply|answer|do that|support|discuss|create|generate|write"
        r"|feel comfortable|have (?:enough|access|the ability))",
    ),
    re.IGNORECASE,
)
_ROLE = pattern(r"고객|주문|환불|불편|학생 ?:|상담원|팀 드림")
#: A request for words that someone is to say, which may refuse.
_TO_SAY = pattern(r"(?:할|쓸|건넬|전할|하는|쓰는|때의?) (?:말|인사|멘트)(?:을|를|은|는| |$)|멘트")
#: A text that speaks to someone else, and may so apologise and refuse.
_VOICED = ("dialogue", "story", "letter")
#: Every refusal has a match of this RE2 pattern.
REFUSES = (
    r"죄송|미안|유감|송구|안타깝|(?:수(?:는|가|도)?|순) ?없|필요(?:는|가|도)? ?없"
    r"|어렵|어려|힘들|곤란|불가|부족|보완|필요합니다|입력해|제공해"
    r"|알려|거절|거부|벗어"
    r"|싫|조심스럽|없네|[저제]에?게 없|않[는습네아]|(?:문제|질문|일|것|주제|범위)[가이]? 아[니닙]|밖"
    r"|(?:보내|첨부|공유|붙여 ?넣|올려|적어|말씀|명시|제시"
    r"|질문)[해하]? ?(?:주|줘|바)"
    r"|삼가|사양|못 ?[하해합드도알말]|지 (?:못|않)|(?:있는|아는) [가-힣]+ ?(?:없|아니|아닙|아녜)|능력[이 ]"
    r"|(?i:sorry|cannot|unable|unfortunately|apologies|regrettably|afraid|not al?[bl])|[Cc]an['’]?t|[Ww]on['’]?t"
    r"|do ?n"
)


_REFUSES = pattern(REFUSES)
#: Letters: an answer refuses in its first words, if it does.
OPENING = 220


def refusal(texts: Texts, options: ScreenOptions) -> str | None:
    """Here and below, what an instruction asks for is looked at last: that takes longest."""
    if not _REFUSES.search(texts.output[:OPENING]) or texts.output[:1] in "\"'“‘「『":
        return None
    found = how_it_refuses(texts)
    return None if found and says_words_of_others(texts) else found


def says_words_of_others(texts: Texts) -> bool:
    """Whether an answer may be what a given text says, or what someone is to say to others.

    >>> says_words_of_others(Texts("환불이 어렵다는 사과문을 써 줘.", "", "죄송하지만 환불이 어렵습니다."))
    True
    """
    instruction = texts.instruction
    if _TO_SAY.search(instruction) or asks(instruction, "apology"):
        return True
    if not asks(instruction, "translation", "rewriting", "copy", "about-speech", "examples", "continuation"):
        return False
    # Its words are those of the given text, unless that text is missing altogether.
    given = f"{texts.input} {instruction}"
    refuses = re.search(r"죄송|미안|유감|없|못|[Ss]orry|cannot|can['’]t|unable|不|申し訳", given)
    return bool(refuses) or asks(instruction, "continuation")


def how_it_refuses(texts: Texts) -> str | None:
    instruction, output = texts.instruction, texts.output
    if match := _ENGLISH.search(output):
        return f"the answer opens with {around(match)}"
    opening = unquoted(output[:OPENING])
    to_customer = bool(re.search(r"고객님|주문|환불", opening)) and asks(instruction, *_VOICED)
    may_i = MAY_I.search(instruction)
    if not to_customer and (match := _OF_THE_REQUEST.search(opening[:120])):
        served = re.search(_SERVE, opening[max(0, match.start() - 8) : match.end()])
        return None if may_i and not served else f"the answer refuses: {around(match)}"
    if short_refusal(texts, opening, to_customer or may_i is not None):
        return f"the whole answer is a refusal: {quoted(output, 60)}"
    if (match := _APOLOGY.search(output)) and not asks(instruction, *_VOICED):
        answers = _ROLE.search(output[:200]) or _YOUR_OWN.search(output[:200]) or may_i
        return None if answers else f"the answer opens with {around(match)}"
    if len(output) <= 120 and (match := _UNABLE.search(output)) and not _YOUR_OWN.search(output):
        return f"the whole answer is that there is none: {around(match)}"
    return None


def short_refusal(texts: Texts, opening: str, may_be_an_answer: bool) -> bool:
    """Whether an answer of a few words says no, offers another topic, or asks for what is to be worked on.

    >>> short_refusal(Texts("추석 인사말을 써 줘.", "", "난 그런 거 못 해."), "난 그런 거 못 해.", False)
    True
    """
    if may_be_an_answer or len(texts.output) > 160:
        return False
    if _BLUNT.fullmatch(texts.output):
        return not asks(texts.instruction, "dialogue", "story", "short", "selection", "labels", "as-it-may-be")
    no_help = _NO_HELP.search(opening) and (_OF_ITSELF.search(opening[:60]) or _SENDS_AWAY.search(opening[-60:]))
    if not (no_help or _SOMETHING_ELSE.search(opening) or _GIVE_ME.search(texts.output)):
        return False
    of_a_text = ("letter", "title", "questions", "rewriting", "translation")
    return not (re.search("편집|다시", texts.instruction) or asks(texts.instruction, "dialogue", "story", *of_a_text))
