"""What an instruction asks for: one table of named rules, read by all finders.

The same answer is right for one request and a defect for another: a poem repeats itself, a letter apologises, a
translation holds what was translated. A rule names a kind of request and the words that ask for it, and has an example.
"""

import functools
from typing import NamedTuple

from pipeline.table.patterns import pattern

_LANGUAGES = {
    "Korean": r"한국어|한국말|우리말|한글|국문|국어|Korean",
    "English": r"영어|영문|영국식 영어|미국식 영어|English",
    "Japanese": r"일본어|(?<![가-힣])일어(?![나난날났서섰설선])|일본말|일문|Japanese",
    "Chinese": r"중국어|중국말|중문|간체|번체|한문|한자|Chinese",
    "French": r"프랑스어|(?<![가-힣])불어(?![나난날났오온와넣준줬주])|French",
    "Spanish": r"스페인어|에스파냐어|서반아어|Spanish",
    "German": r"독일어|독어|German",
    "Italian": r"이탈리아어|이태리어|Italian",
    "Portuguese": r"포르투갈어|Portuguese",
    "Vietnamese": r"베트남어|Vietnamese",
    "Indonesian": r"인도네시아어|말레이어|Indonesian|Malay",
    "Latin": r"라틴어|라틴 문자|로마자|터키어|튀르키예어|네덜란드어|스웨덴어|폴란드어|체코어|에스페란토",
    "Russian": r"러시아어|노어|우크라이나어|몽골어|불가리아어|Russian",
    "Arabic": r"아랍어|페르시아어|Arabic",
    "Thai": r"태국어|Thai",
    "Hindi": r"힌디어|산스크리트어|네팔어|Hindi",
    "Hebrew": r"히브리어|Hebrew",
    "Greek": r"그리스어|희랍어|Greek",
}
_NAME = "|".join(f"(?P<{name}>{words})" for name, words in _LANGUAGES.items())
_ANY_LANGUAGE = "|".join(_LANGUAGES.values())

#: “영어로 옮기세요”, “영문 편지”, “in English”: the language in which the answer is to be.
_WANTED = pattern(
    rf"(?:{_NAME})(?:(?:으?로)(?!부터)(?! ?된| ?쓰인| ?적힌| ?쓴| ?작성된)| (?:번역|버전|편지|이메일|문장으로))"
    r"|(?:to|into|in) (?P<English_>English)|(?:to|into|in) (?P<Korean_>Korean)|(?P<English__>영작|영역하)"
    r"|(?P<Any>각 ?나라 말|여러 (?:나라 )?(?:언어|말)로|외국어로|원어로|원문(?:으로|대로))",
)


def wanted_language(instruction: str) -> str | None:
    """The language that the instruction asks for by name, "Any" where it leaves the choice; None: it asks for none.

    >>> wanted_language("다음 영어 문장을 한국어로 옮기세요.")
    'Korean'
    >>> wanted_language("Write a note in English.")
    'English'
    >>> wanted_language("영어로 된 글을 요약하세요.")
    """
    found = {name.strip("_") for match in _WANTED.finditer(instruction) if (name := match.lastgroup)}
    return None if not found else found.pop() if len(found) == 1 else "Any"


#: A question whether something may be done, or is so: to say no is an answer.
MAY_I = pattern(r"(?:수 있|되|돼|가능한?|괜찮)(?:나요|습니까|을까요|은가요|는지요?|[가-힣]{0,2}요)\s*\?")


class Request(NamedTuple):
    name: str
    #: Words of an instruction that asks for it.
    words: str
    example: str


_WRITE = r"(?:써|쓰|적어|적으|지어|지으|만들|작성|제안|추천|보여|알려|완성|창작|짜)"

REQUESTS: tuple[Request, ...] = (
    Request(
        "translation",
        rf"번역|통역|옮기|옮겨|영작|풀어 ?쓰|우리말로|(?:{_ANY_LANGUAGE})(?:으?로)|Translate|translate",
        "우리말로 옮겨 줘.",
    ),
    Request(
        "rewriting",
        (
            r"고치|고쳐|바꾸|바꿔|바로잡|교정|다듬|수정|변환|변경|전환|대체|교체|정정|첨삭|재작성|다시 (?:쓰"
            r"|써)|[Rr]ewrite|[Cc]onvert"
        ),
        "다음 글을 부드럽게 고쳐 줘.",
    ),
    Request(
        "proofreading",
        (
            r"맞춤법|띄어 ?쓰기|교정|오타|오류|문법|틀린|잘못된|바로잡|비문|어색|철자|구두점|느낌표|물음표"
            r"|쉼표|마침표|콜론|따옴표|[Gg]rammar|[Ss]pell"
        ),
        "맞춤법을 고치세요.",
    ),
    Request(
        "copy",
        (
            r"그대로|똑같이|따라 (?:쓰|써|적|말|하)|복사|필사|베껴|옮겨 (?:적|쓰|써)|반복해|되풀이|받아 ?(?:쓰"
            r"|적)|(?:표기|형식|이름|원문"
            r"|원래[^.\n]{0,8})[을를로]? ?유지|[Rr]epeat|[Cc]opy|변경하지|바꾸지|고치지|원래 표기"
        ),
        "다음 문장을 그대로 출력하세요.",
    ),
    Request(
        "sorting",
        r"정렬|(?:순|순서|차례)(?:으로|로|대로)|나열|배열|늘어놓|순위|(?:은|큰) (?:수|것|값)부터|[Ss]ort",
        "가나다순으로 정렬하시오.",
    ),
    Request(
        "selection",
        (
            r"고르|골라|선택|분류|판별|판단|찾|뽑|추출|발췌|감정|구분|식별|골라내|추려|가려|남기|삭제|제거|빼"
            r"|지우|걸러|[Cc]lassif|[Ee]xtract"
        ),
        "다음에서 지명을 뽑으세요.",
    ),
    Request(
        "short",
        (
            r"한 (?:낱말|단어|마디|글자|줄)|(?:단어|낱말|번호|숫자|기호|이름|이모지|네|예|O)[^.\n]{0,12}(?:만"
            r"|로만|하나)|빈칸|정답|고르|O, ?X|참|거짓"
            r"|네, ?아니|예, ?아니"
        ),
        "네, 아니요로만 답하세요.",
    ),
    Request("list", r"목록|리스트|나열|항목|가지|개조식|글머리|[Ll]ist", "장 볼 것을 목록으로 만들어 줘."),
    Request(
        "title",
        r"제목|표제|이름(?:을|를)? (?:짓|지어|붙)|슬로건|구호|표어|카피|문구|헤드라인|좌우명|머리말|키워드"
        r"|핵심어|태그",
        "글의 제목을 지으세요.",
    ),
    Request(
        "code",
        r"코드|코딩|프로그램|프로그래밍|함수|스크립트|쿼리|명령어|명령은|명령을|알고리즘|정규 ?(?:식|표현)"
        r"|파싱|클래스|변수|배열|태그|마크업|키워드|서식|자료형|수식|방정식"
        r"|화학식|리눅스|파이썬|자바|터미널|엑셀|리스트 컴프|데이터베이스|데이터 ?프레임|깃|도커|선택자"
        r"|문자열|이스케이프|예약어|상수|포인터|지정자|C ?언어"
        r"|(?i:python|java|html|css|sql|json|xml|yaml|toml|csv|c\+\+|c#|\bc언어|\bc 언어|bash|linux|regex|api"
        r"|latex|git\b|docker|null|none|nan\b|code|function|script|excel|javascript|typescript|rust"
        r"|\bgo 언어|swift|kotlin|php|ruby|jinja|printf|markdown|chatml)",
        "파이썬 함수를 작성해 줘.",
    ),
    Request("json", r"(?i:json|xml|yaml|csv|toml)|딕셔너리|키-값", "JSON으로만 답하세요."),
    Request(
        "verse",
        (
            r"(?:^|[\s'\"’”])(?:삼행|사행|이행|오행|동|자유|산문|서정|정형)?시(?:를|을|조|로|의|에|가|는| 한"
            r"|구| 짓|\s*$)|시조|노랫말|노래 ?가사|노래를 (?:지|만들|써)|가사|하이쿠"
            r"|동요|후렴|운율|랩을|랩 |라임|자장가|구호|응원가|찬가|민요|타령|[Pp]oem|[Hh]aiku|[Ll]yric|행시"
            r"|줄짜리 시|시인|낭송"
        ),
        "봄비를 소재로 시를 지어 줘.",
    ),
    Request(
        "repeating",
        (
            r"번 (?:써|쓰|적|반복|되풀이|이어|말|외|출력)|[번회]씩|반복|되풀이|번갈아|교대로|소리(?:를|가)"
            r"|흉내|의성어|의태어|웃음 ?소리|길게|잰말|말놀이|후렴|구호|응원"
            r"|주문을|메아리|돌림|패턴|무늬|규칙적|당번|순환|돌아가며|[Rr]epeat"
        ),
        "'안녕'을 다섯 번 써 줘.",
    ),
    Request(
        "labels",
        (
            r"분류|판별|라벨|레이블|감정|긍정|부정|O, ?X|OX|참[과와,이]|맞으면|각각|채점|점수|당번|일정|시간표"
            r"|요일|홀수|짝수"
        ),
        "리뷰마다 긍정인지 부정인지 적으세요.",
    ),
    Request(
        "apology",
        (
            r"사과|거절|거부|양해|반려|환불|불참|취소|사양|참석하지 못|못 ?(?:간|온|한|가|오)다|미안|죄송|완곡"
            r"|불만|민원|클레임|응대|답장|답변 예시|불합격|탈락|해고|지각"
            r"|결석|품절|지연|유감|변명|핑계|항의|부고|조문|애도|위로"
        ),
        "고객에게 보낼 사과문을 써 줘.",
    ),
    Request(
        "letter",
        (
            rf"(?:편지|메일|문자|메시지|공지|안내문|안내 ?글|답장|답글|댓글|엽서|초대장|카드|전언|알림)(?:을|를"
            rf"|글을)?[^.\n]{{0,12}}{_WRITE}"
        ),
        "선생님께 보낼 메일을 써 줘.",
    ),
    Request(
        "dialogue",
        (
            r"대화|대본|희곡|연극|시나리오|상황극|역할극|역할 ?놀이|역할(?:을 (?:맡|해)|로서? )|인터뷰|모의 ?면접"
            r"|면접(?:관|자)|면접 ?(?:상황|장면|질문|문답)|회화|전화 ?통화|통화(?:하는|를 하| 내용| 장면)|말풍선"
            r"|콩트|만담|채팅|대사"
            r"|주고받|[Dd]ialog|[Cc]onversation"
        ),
        "손님과 점원의 대화를 써 줘.",
    ),
    Request(
        "story",
        r"이야기|소설|동화|우화|단편|일기|수필|에세이|독백|자서전|설화|전설|꽁트|콩트|장면|주인공|묘사|[Ss]tory",
        "로봇이 주인공인 이야기를 써 줘.",
    ),
    Request(
        "persona",
        (
            r"챗봇|로봇|인공지능|\bAI\b|AI(?:가|의|는|를)|언어 ?모델|비서|어시스턴트|ChatGPT|챗GPT|(?:너|넌|네"
            r"|니|당신|자네)(?:는|은|의|가"
            r"|희)? ?(?:이름|누구|뭐|무엇|정체|소개|어떤|사람)|누구(?:니|세요|냐|신|야|예요)|자신을 소개|정체"
        ),
        "챗봇이 자신을 소개하는 문구를 써 줘.",
    ),
    Request(
        "examples",
        (
            r"예시|보기|예문|예제|사례|샘플|퓨샷|few-?shot|프롬프트|데이터 ?셋|학습 데이터|학습용|입출력"
            r"|입력과 출력|입력|출력|지시문|명령문|명령어"
        ),
        "감정 분류용 예시를 세 개 만들어 줘.",
    ),
    Request(
        "questions",
        (
            r"질문(?!에 (?:답|대답|응답))(?:과|들|을|지|이| \w+ ?개| 목록)|문답|퀴즈|문제|면접|설문|수수께끼"
            r"|물음|시험|연습|질의응답|(?i:faq|q ?& ?a"
            r"|quiz)|자주 묻는|문항|인터뷰|스무고개|난센스|넌센스|학습지|과제"
        ),
        "역사 퀴즈를 두 문제 내 줘.",
    ),
    Request(
        "template",
        (
            r"조사 ?['‘\"“]|조사(?:를|의|가|는|로|와)|문법|받침|템플릿|template|양식|서식|format|포맷"
            r"|f-?string|변수|빈칸|자리 ?표시|치환|토큰"
            r"|표기|중괄호|대괄호|괄호|기호|특수 ?문자|표시자|플레이스홀더|placeholder|틀을|틀로|견본"
            r"|(?i:chatml|jinja|mustache|printf)|프롬프트"
            r"|재사용"
        ),
        "초대장 양식을 만들어 줘.",
    ),
    Request(
        "about-links",
        (
            r"(?i:url|uri|https?(?!:)|www(?!\.)|dns)|링크(?!의 (?:글|내용|기사|영상|문서)|에 있는|에서 (?:읽"
            r"|본))|도메인|쿼리|인코딩|디코딩"
            r"|하이퍼링크|프로토콜|호스트|매개 ?변수|파라미터|경로|(?:이|다음|아래|위|웹|인터넷|사이트|누리집"
            r"|홈페이지) ?주소(?!의 (?:글|내용|기사|영상|문서)|에 있는"
            r"|에서 (?:읽|본))|피싱|단축|확장자|큐알|QR|포트|슬러그|마크다운"
        ),
        "다음 주소에서 도메인만 뽑아 주세요.",
    ),
    Request(
        "about-characters",
        (
            r"인코딩|디코딩|유니코드|대체 문자|U\+FFFD|문자 ?(?:코드|집합|표)|글자가 깨|글자 깨짐|깨(?:지|질"
            r"|져|짐)|깨진 ?(?:글자|문자|텍스트|한글)[가-힣]"
            r"|모지바케|(?i:euc-?kr|cp949|utf-?\d|latin-?1|unicode|encoding|mojibake|ascii)|아스키|물음표"
            r"|바이트|복원|제어 문자"
        ),
        "글자가 깨지는 까닭을 설명해 줘.",
    ),
    Request(
        "about-language",
        (
            rf"(?:{_ANY_LANGUAGE})|외국어|외래어|언어|발음|로마자|알파벳|철자|어원|관용구|관용어|숙어|속담|격언"
            rf"|명언|인용|약어|약자|두문자|아나그램|애너그램|원문"
            rf"|원어|학명|상표|브랜드|고사성어|사자성어|한시|천자문|논어|맹자|불경|경전|구절"
        ),
        "영어 관용구의 뜻을 설명해 줘.",
    ),
    Request("meaning", r"뜻(?:을|은|과|이)|예문|관용|숙어|용법|풀이", "이 표현의 뜻을 풀이하고 예문을 들어 줘."),
    Request(
        "about-names",
        (
            r"제목|책|영화|도서|논문|문헌|노래|곡|앨범|가수|밴드|게임|드라마|가사|국가(?:의|를) (?:가사|부)"
            r"|이름|브랜드|회사|팀|배우(?![는기고려면지며자])|작가|작품|도메인|해시태그|슬로건"
            r"|라이브러리|(?:기사|리소스|자료|출처)[^\n]{0,8}(?:목록|찾|\d ?개|[세네두] 개)"
        ),
        "추천 도서 목록을 만드세요.",
    ),
    Request(
        "about-speech",
        (
            r"존댓말|반말|높임|낮춤|존대|격식|경어|예사말|하십시오체|하오체|하게체|해라체|해요체|해체|말투"
            r"|어투|문체|어미|종결|평어|공손|정중|구어|문어|사투리|방언|어조"
        ),
        "존댓말과 반말의 차이를 알려 줘.",
    ),
    Request(
        "continuation",
        (
            r"이어(?:서|질|지는)? ?(?:써|쓰|적|말|갈|나갈)|완성|이어지는|뒷부분|뒷이야기|다음에 올|첫 (?:문장"
            r"|줄|구절)|끝(?:을|말)|말줄임|빈칸|채우|채워|미완"
            r"|열린 결말|운을 떼"
        ),
        "다음 문장을 이어서 쓰세요.",
    ),
    Request(
        "as-it-may-be",
        (
            r"없으면|없다면|없을 ?(?:때|경우)|않으면|아니면|(?:맞|옳|바르)(?:으|다)면|필요하면|필요하다면"
            r"|if (?:any|needed|necessary)"
        ),
        "고칠 것이 없으면 그대로 쓰세요.",
    ),
)

_PATTERNS = {request.name: pattern(request.words) for request in REQUESTS}


def requests(instruction: str) -> frozenset[str]:
    """The names of all requests in an instruction.

    >>> sorted(requests("다음 문장을 그대로 출력하세요."))
    ['copy', 'examples']
    >>> sorted(requests("회의에 참석하지 못한다는 사과 문구를 한 줄로."))
    ['apology', 'short', 'title']
    >>> requests("감기에 좋은 음식은?")
    frozenset()
    """
    return frozenset(name for name in _PATTERNS if asks_for(instruction, name))


@functools.lru_cache(maxsize=4096)  # instructions repeat, and many finders ask about one
def asks_for(instruction: str, name: str) -> bool:
    return bool(_PATTERNS[name].search(instruction[:2000]))


def asks(instruction: str, *names: str) -> bool:
    """Whether the instruction asks for one of these.

    >>> asks("봄비를 소재로 네 줄짜리 시를 지어 줘.", "verse", "code")
    True
    """
    return any(asks_for(instruction, name) for name in names)
