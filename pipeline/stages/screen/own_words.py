"""What an answer says of its own: the words that are neither of the request nor of talking about requests.

An answer without any such word has no content: it refuses, or promises an answer, whatever its sentences are.
"""

import functools
import re
import unicodedata
from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.stages.screen.requests import MAY_I, asks
from pipeline.stages.screen.texts import DISTINCT, Texts, any_of, quoted, rows_of
from pipeline.table.patterns import pattern
from schemas.options import ScreenOptions


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


#: Words for a request and what is requested, by their beginnings.
_REQUEST = _words(
    """
    요청 부탁 질문 물음 문의 주제 작업 지시 명령 과제 업무 사항 내용 정보 자료 분야 영역 범위 종류
    부분 문제 이야기 얘기 글 문장 문단 텍스트 본문 원문 지문 기사 파일 첨부 링크 이미지 사진 데이터
    코드 목록 표 문서 대상 맥락 항목 방법 주장 입장
    """
)
#: Words for what an answer does for the one who asks.
_SERVICE = _words(
    """
    답변 답 응답 대답 대응 응대 회신 도움 도와 돕 제공 지원 처리 수행 작성 생성 번역 요약 추천 설명
    안내 말씀 말해 말하 알려 알리 공유 소개 제안 제시 분석 완성 해결 평가 조언 상담 판단 의견 견해
    언급 관여 개입 진행 이행 협조 다루 다룰 따르 따를 응하 응할 풀어 만들 써 쓰 지어 짓 드리 드릴 드려
    주기 줄 해드 해줄 대필 작명 진단 처방 밝히 밝힐 말하기 찾아 찾지 확인 조회 검색 접근 열람 파악
    이해 인식 읽 살펴 기여 정리 결과 답글
    """
)
#: Who speaks, and why it cannot.
_SPEAKER = _words(
    """
    저는 저도 저로서 저희 저에게 저한테 제가 제게 내가 나는 나도 나한테 담당 소관 전문 권한 능력 역량
    역할 원칙 정책 규정 방침 지침 가이드라인 윤리 저작권 폭력 선정 혐오 차별 안전 보안 개인정보 사생활
    민감 위험 유해 불법 부적절 적절 의료 의학 법률 법적 정치 종교 투자 금융 재무 세무 사적 개인적
    서비스 시스템 기능 한계 제한 제약 사정 까닭 이유 상황 책임 준비 학습 배우 보유 가지고 갖고
    """
)
#: That it does not, by the word that says so; a table of its own, since a refusal has one of these.
_NOT = _words(
    """
    없 않 못 모르 모릅 몰라 아니 아닙 아녜 아닌 어렵 어려 힘들 힘듭 곤란 불가 싫 거절 거부 사양 삼가
    자제 조심스 부족 벗어나 벗어납 벗어난 제외 보류 난감 무리 안 밖 누락 빠져 빠진 비어 미안 죄송 유감
    송구 안타깝 아쉽 아쉬
    """
)
#: Where it sends the user, and what it wants first.
_INSTEAD = _words(
    """
    전문가 변호사 의사 병원 약사 세무사 상담사 담당자 고객센터 기관 공식 홈페이지 사이트 다른 또 다시
    나중 추후 다음에 새로 직접 스스로 본인 먼저 우선 주시 주세 주십 주실 주셔 주신 주어 줘 주지 준
    주면 보내 올려 올리 입력 붙여 넣어 적어 알아보 물어 여쭤 문의 방문 이용 참고 시도 상의 의논 구체
    자세 정확 명확 필요 부탁 바랍 바라 보세 보십 보시 보겠 볼게 봐 궁금 있으시 있으면 있다면 언제든
    편하게 기꺼이 최선 인터넷 포털 구글 네이버 위키 누리집 웹 검색 도서관 유튜브 매뉴얼 설명서 책
    """
)
#: Words that have no content in any answer.
_FUNCTION = _words(
    """
    그 이 저 것 거 건 게 걸 수 줄 일 때 점 등 바 데 편 쪽 뿐 그건 그것 이건 이것 저것 그런 이런 그러한
    이러한 해당 관련 대한 대해 대하 관한 관해 관하 위한 위해 따른 따라 때문 같 있 하 할 한 해 했 되
    될 된 됩 돼 지금 현재 아직 오늘 여기 앞으로 잠시 조금 좀 잘 더 너무 매우 정말 참 아주 전혀 절대
    도저히 결코 바로 곧 네 예 음 글쎄 그럼 그러 그래 그렇 이렇 어떤 어떻 어느 무슨 무엇 뭐 뭘 누구
    모든 각 하지만 다만 그리고 또한 따라서 만 및 원하 말 생각 보이 보여 나 내 제 질 중 아래 위 다음
    이번 별도 따로 관계 경우 정도 가능 양해 이해해 감사 하셔 하시 달라 라고 가까운 인근 해야 좋은 좋아
    멋진 전달 꼼꼼 열심 정성 조금만 금방 알겠 물론 훌륭 흥미 않으셨 그러면 줄씩 하나씩 듯 싶 서비스
    대신 제대로 모두 전부 일단 아마 혹시 실례 기다 계시 여러분 사용자 고객 님 당신 그대로 직접적 일반
    특정 이상 이하 들 어느 그쪽 이쪽 흠 아하 오 와 네네 확실 당연 되어 있으 만한 차근 하나 이제 그런데
    """
)
#: Who speaks, and words that a conversation between people has as well.
_COMMON = _words(
    """
    저는 저도 저로서 저희 저에게 저한테 제가 제게 내가 나는 나도 나한테 준비 이야기 얘기 부분 말하
    말해 써 쓰 만들 줄 주기 줘 준 다른 다시 먼저 또 나중 새로 보세 보시 봐 읽 배우 안전 위험 사정 까닭
    이유 상황 찾아 찾지 궁금 표 글 문장 단어 사진 방법 종류 제한 필요 정확 이해
    """
)
#: The ending of a word of one letter: 답을, 할게요, 건데요.
_END = any_of(
    *("[은는이가을를도의에로만과와]", "에[는도게]", "으로", "이나", "라도", "이라", "까지", "부터"),
    "[가-힣]{0,5}[다요까죠네군지고서면데만는]",
    "",
)


def beginning_with(*tables: tuple[str, ...]) -> re.Pattern[str]:
    """Whole words that begin as a word of these tables; one of a single letter stands for itself, with an ending."""
    words = {word for table in tables for word in table}
    long = any_of(*sorted(word for word in words if len(word) > 1))
    short = "".join(sorted(word for word in words if len(word) == 1))
    return pattern(rf"{long}[가-힣]*" + (rf"|[{short}]{_END}" if short else ""))


def stem_of_talk() -> str:
    """A pattern of the beginnings of words that talk about requests and answers."""
    words = {word for table in (_REQUEST, _SERVICE, _INSTEAD) for word in table if len(word) > 1}
    return any_of(*sorted(words))


_TALK = beginning_with(_REQUEST, _SERVICE, _SPEAKER, _NOT, _INSTEAD, _FUNCTION)
_ABOUT = beginning_with(_REQUEST, _SERVICE, _SPEAKER, _INSTEAD)
_OF_ALL = beginning_with(_COMMON)
_NEGATIVE = beginning_with(_NOT)
WORD = pattern(r"[가-힣]+|[A-Za-z0-9]+")
_SAYS_NOT = any_of(*_NOT)
#: An answer that ends in a promise, or in what was asked.
_PROMISES = (
    r"(?:겠습니다|[릴할줄볼]게요?|(?:셨|하시는|하신|하시)[가-힣]{0,3}(?:군요|네요)|(?:질문|요청|지시|명령|문제|물음"
    r"|작업|과제|내용|결과|요약)"
    r"(?:입니다|이네요|이군요|이에요|예요)|아래와 같습니다|다음과 같습니다"
    r"|기다려 ?(?:줘|주세요|주십시오|주시[가-힣 ]{1,12})|질문이에요)[.!:~]?\s*$"
)
_PROMISE = pattern(_PROMISES)
#: A request that wants something told or written, and is no remark.
_WANTS = pattern(
    r"(?:알려|설명|추천|써|쓰|작성|만들|소개|나열|정리|요약|말해|말하|제안|비교|번역|옮기|옮겨|계산|서술|묘사"
    r"|분석|지어|지으"
    r"|짓|짜|세워|세우|예를? 들어|들어 ?보|찾아|해|바꿔|바꾸|고쳐|고치|구하|구해|그려|다듬|적어|적으|풀어|뽑아"
    r"|골라)[가-힣]* ?"
    r"(?:줘|주|라|시오|세요|십시오|봐|보|달라)|무엇|무슨|뭐|뭔가요|어떤|어떻게|누구|언제|어디|얼마|몇|[은는]\?"
    r"|[법기]은?\?"
)
#: Requests to which an answer without content is right, or whose answer has the words of the request.
_MAY_HAVE_NONE = (
    *("labels", "selection", "copy", "apology", "letter", "dialogue", "persona", "as-it-may-be"),
    "continuation",
)
_SAYING = pattern(r"(?:할|쓸|건넬|전할|하는|쓰는) (?:말|인사)|한마디|멘트|표현")
#: The end of a statement about a thing: … 않는다는 것입니다.
_STATES = pattern(r"(?:것|점|때문)(?:입니다|이다|이에요|예요|임)\W*$")
_OF_A_TEXT = ("rewriting", "proofreading", "translation", "about-speech")
_GIVEN = pattern(r"(?:알려|보내|입력|올려|제공|첨부|붙여|공유|적어|말씀)[가-힣]*")
#: That the text to work on is not there.
_GIVE = pattern(r"(?:주지|주시|주셔|주신|보내|입력|올려|올리|제공|첨부|붙여|요청|질문)[가-힣]*")
_ENGLISH_SPEAKER = r"(?i:\b(?:i|we|my|request|question|help|answer)\b)"
#: English words of a refusal; a refusal in English has no others.
_ENGLISH_NOT = r"(?i:\b(?:sorry|cannot|can['’]?t|unable|unfortunately|apologi[zs]e|not|beyond|won['’]?t|don['’]?t)\b)"
_ENGLISH = pattern(
    r"(?i:i|m|am|ve|ll|s|t|re|we|you|your|my|me|it|is|are|be|that|this|these|those|the|a|an|any|to|with|for|on"
    r"|of|in|at|as|by"
    r"|do|does|don|won|can|cannot|could|would|will|not|no|but|and|or|so|if|there|here|what|which|how|sorry|afraid"
    r"|unable|able|unfortunately|regret(?:tably|fully)?|apologi[zs]e|apolog(?:y|ies)|beyond|outside|against|scope"
    r"|help|assist(?:ance)?|answer(?:ing)?|provide|fulfil+|comply|support(?:ed)?|discuss|create|generate|write"
    r"|respond"
    r"|response|request(?:ed|s)?|question|topic|task|content|information|kind|sort|type|thing|something|anything"
    r"|else|ask"
    r"|asking|try|please|different|other|another|again|have|has|access|enough|know|understand|sure|comfortable|feel"
    r"|guidelines?|policy|policies|allowed|possible|right|now|moment|time|sensitive|particular|specific|more|further"
    r"|details?|professional|expert|consult|let|need|want|like|been|must|may|about|from|just|really|such|doing|way)"
)


#: Where the user is sent: 정비소에 물어보세요.
_SENT_TO = pattern(
    r"[가-힣]{2,8}(?:에|에게|께|와|과|를|을) (?=(?:물어|문의|상담|방문|연락|여쭤|상의|의논|확인해|찾아가))"
)


def letters_of(word: str) -> str:
    """The word in single letters, so that 바꿀 and 바꾼 begin alike."""
    return unicodedata.normalize("NFD", word)


@functools.lru_cache(maxsize=8)  # the finders of a row ask about the same texts
def talk_of(texts: Texts) -> tuple[str, ...] | None:
    """The words of the answer that are not of the prompt, if all of these are of talking about requests; else None.

    >>> talk_of(Texts("고양이 이름을 지어 줘.", "", "고양이 이름은 제 담당이 아니라서요."))
    ('제', '담당이', '아니라서요')
    >>> talk_of(Texts("고양이 이름을 지어 줘.", "", "나비는 어떠세요?"))
    """
    asked = letters_of(" ".join(WORD.findall(f"{texts.instruction} {texts.input}"))).split(" ")
    begins = {3: {word[:3] for word in asked}, 4: {word[:4] for word in asked}}
    talk = []
    for word in WORD.findall(_SENT_TO.sub("", texts.output)):
        size = 3 if len(word) < 3 else 4
        if letters_of(word)[:size] in begins[size]:
            continue
        if not _TALK.fullmatch(word):
            return None
        talk.append(word)
    return tuple(talk)


#: Letters. Longer answers have words of their own, or are found by other rules.
LONGEST = 200


def may_say_nothing(texts: Mapping[str, pa.Array]) -> list[int]:
    """Answers of 3 to 200 letters with a negative or a promise."""
    sizes = pc.binary_length(texts[DISTINCT].dictionary)
    short = pc.and_(pc.greater(sizes, 8), pc.less_equal(sizes, 3 * LONGEST))
    return rows_of(texts[DISTINCT], short, f"{_SAYS_NOT}|{_PROMISES}|{_ENGLISH_NOT}")


def asks_for_content(texts: Texts) -> bool:
    instruction = texts.instruction
    return bool(_WANTS.search(instruction)) and not (asks(instruction, *_MAY_HAVE_NONE) or _SAYING.search(instruction))


def whole_refusal(texts: Texts, options: ScreenOptions) -> str | None:
    """An answer that says no, with words of the request and of talking about it alone.

    >>> whole_refusal(Texts("독후감을 써 주세요.", "", "대필은 도와드리지 않는 것이 원칙입니다."), ScreenOptions())
    'the whole answer is a refusal: “대필은 도와드리지 않는 것이 원칙입니다.”'
    >>> whole_refusal(Texts("펭귄이 사는 곳은 어디인가요?", "", "펭귄은 북극에 살지 않습니다."), ScreenOptions())
    """
    whole = refuses_in_all(texts)
    return f"the whole answer is a refusal: {whole}" if whole else None


#: The task as the subject of the first sentence: 이메일 작성은 …, 글 작성 요청은 …
_OF_THE_TASK = pattern(
    r"(?:(?:그런|이런|해당|죄송하지만|죄송합니다만|미안하지만)[ ,]+)?[가-힣]{1,6} ?(?:작성|쓰기|창작|대필|생성"
    r"|제작|만들기) ?(?:요청|기능|작업)?"
    r"[은는이]? [^\n.!?]*(?:않|없|못|불가|어렵|힘들|아니|제한)[^\n.!?]*[.!]?$"
)


#: … 요청은 받지 않습니다.
_NOT_TAKEN = pattern(
    r"[^\n.!?]{0,20}(?:요청|문의|질문|부탁|의뢰)[은는을를]? ?(?:따로 |더 )?(?:받지 (?:않|못)|사양)[가-힣 ]*[.!]?"
)
_ASK_ANOTHER = pattern(
    r"다른 (?:걸|것을?|질문을?|요청을?|주제로?|도움이?) ?[^.!?\n]{0,10}(?:물어|말씀|요청|부탁|해 ?주|필요|질문|알려)"
)


def refuses_in_all(texts: Texts) -> str | None:
    answer = texts.output
    if len(answer) > LONGEST or answer[:1] in "\"'“‘「『" or _STATES.search(answer):
        return None
    if not re.search("[가-힣]", answer):
        return english_refusal(texts)
    if MAY_I.search(texts.instruction):
        return None  # 예측할 수 없습니다.
    if asks(texts.instruction, "title") and not re.search(r"(?:니다|요|죠)\W*$", answer):
        return None  # 수당 누락 확인 요청
    if _NOT_TAKEN.fullmatch(answer.strip()) and asks_for_content(texts):
        return quoted(answer, 60)
    talk = talk_of(texts)
    if talk and wants_text(texts, talk):
        return quoted(answer, 60)
    negative = [word for word in talk or () if _NEGATIVE.fullmatch(word)]
    no_such_task = _OF_THE_TASK.match(answer) or _ASK_ANOTHER.search(answer)
    if talk and negative and no_such_task and not asks(texts.instruction, *_OF_A_TEXT):
        return quoted(answer, 60)
    if not talk or not negative or not asks_for_content(texts):
        return None
    about = [word for word in talk if _ABOUT.fullmatch(word) and word not in negative]
    if asks(texts.instruction, *_OF_A_TEXT):
        about = [word for word in about if _GIVE.fullmatch(word)]
    plain = all(_OF_ALL.fullmatch(word) for word in about)
    return None if plain and not re.search("모르겠|모릅|몰라요?$", " ".join(negative)) else quoted(answer, 60)


def wants_text(texts: Texts, talk: Sequence[str]) -> bool:
    """Whether the answer only asks for the text to work on.

    >>> wants_text(Texts("다음 문장을 번역해 줘.", "", "문장을 알려 주시면 번역하겠습니다."), ["알려", "주시면"])
    True
    """
    given = re.search(r"주시(?:면|겠|기)|주세요|주십시오|주셔야|주실|바랍니다", " ".join(talk))
    works = asks(texts.instruction, *_OF_A_TEXT, "code") or re.search(
        "요약|분석|설명|정리|해석|줄여", texts.instruction
    )
    return bool(given and works and any(map(_GIVEN.fullmatch, talk))) and not texts.input and asks_for_content(texts)


def english_refusal(texts: Texts) -> str | None:
    """A refusal in English to a request in Korean, by its words."""
    words = re.findall("[A-Za-z]+", texts.output)
    if re.search("[A-Za-z]{3}", texts.instruction + texts.input) or asks(texts.instruction, "about-language"):
        return None
    if not asks_for_content(texts):
        return None
    speaks = all(map(_ENGLISH.fullmatch, words)) and re.search(_ENGLISH_SPEAKER, texts.output)
    return quoted(texts.output, 60) if speaks and re.search(_ENGLISH_NOT, texts.output) else None


#: An answer that promises an answer, and ends there: … 알려 드리겠습니다.
_PROMISED = pattern(
    r"[^\n.!?]{4,60}(?:알려|설명|소개|말씀|정리|작성|추천|안내|제안|공유|답변?|서술|요약|보여|만들어"
    r"|써)[가-힣]{0,3} ?"
    r"(?:드리겠습니다|드릴게요|하겠습니다|할게요?|드리도록 하겠습니다|보겠습니다|볼게요?|줄게요?)[.!~]?"
)
#: … 대한 질문이네요.
_A_QUESTION = pattern(
    r"[^\n.!?]{4,80}(?:대한|관한|묻는|물으시는|관련된|하는) (?:질문|물음)(?:이네요|이군요|입니다|이에요"
    r"|이시군요)[.!]?"
)
#: Words before a promise, and behind it.
_AROUND_PROMISE = pattern(
    r"\A\W*(?:네|예|응|좋아요?|좋습니다|물론이죠|물론입니다|알겠습니다|알겠어요?|그럼요|그래)[,.!~]+ "
    r"|(?<=[.!] )(?:잠시만|조금만|잠깐만)[^.!?\n]{0,12}기다려[^.!?\n]{0,10}[.!]?\s*\Z"
)
#: Requests for words to someone, which may promise.
_SPOKEN_TO = ("letter", "dialogue", "story", "title", "rewriting", "translation", "continuation", "about-speech")


def promise(texts: Texts, options: ScreenOptions) -> str | None:
    """An answer that only promises an answer, or says again what was asked.

    >>> promise(Texts("행성을 모두 말해 줘.", "", "네, 행성을 모두 알려 드릴게요."), ScreenOptions())
    'the answer has no words but those of the request: “네, 행성을 모두 알려 드릴게요.”'
    """
    answer = texts.output
    if len(answer) > LONGEST or answer[:1] in "\"'“‘「『" or not _PROMISE.search(answer):
        return None
    if (
        _PROMISED.fullmatch(_AROUND_PROMISE.sub("", answer).strip())
        and shares_words(texts)
        and not asks(texts.instruction, *_SPOKEN_TO)
    ):
        return f"the answer promises an answer and gives none: {quoted(answer, 60)}"
    if _A_QUESTION.fullmatch(answer.strip()) and "?" in texts.instruction:
        return f"the answer says that this is a question, and no more: {quoted(answer, 60)}"
    talk = talk_of(texts)
    if len(WORD.findall(answer)) < 2:
        return None
    if talk is None or any(map(_NEGATIVE.fullmatch, talk)) or not asks_for_content(texts):
        return None
    if asks(texts.instruction, "title", *_OF_A_TEXT):
        return None
    return f"the answer has no words but those of the request: {quoted(answer, 60)}"


def shares_words(texts: Texts) -> bool:
    """Whether most words of the answer, but for the last two, are those of the instruction."""
    words = [word for word in texts.output.split()[:-1] if not re.match("대해|대하여|관해|관하여|관련|다음", word)]
    return bool(words) and sum(word[:2] in texts.instruction for word in words) * 3 >= len(words) * 2
