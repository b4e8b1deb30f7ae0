"""Spelling: words that are often written wrongly, and slips of the keyboard that give no other word."""

import re
from functools import cache, lru_cache

from pipeline.stages.dedupe.differences.hangul import compose, decompose, is_syllable, with_coda
from pipeline.stages.dedupe.differences.particles import splits
from pipeline.stages.dedupe.differences.syllables import COMMON

#: Words that are often written wrongly: how they are written, and how they should be.
_WORDS = """
오랫만 오랜만  오랬만 오랜만  몇일 며칠  몇 일 며칠  역활 역할  설겆이 설거지  희안 희한  어의없 어이없  구지 굳이
금새 금세  찌게 찌개  떡볶기 떡볶이  떡뽁이 떡볶이  떡복이 떡볶이  떡뽂이 떡볶이  육계장 육개장  깍뚜기 깍두기
돈까스 돈가스  쭈꾸미 주꾸미  깨끗히 깨끗이  곰곰히 곰곰이  일일히 일일이  틈틈히 틈틈이  꼼꼼이 꼼꼼히
조용이 조용히  가만이 가만히  솔직이 솔직히  열심이 열심히  간단이 간단히  자세이 자세히  특별이 특별히
충분이 충분히  정확이 정확히  간략이 간략히  상세이 상세히  확실이 확실히  당연이 당연히  어떻해 어떡해
어떻게해 어떡해  어떻케 어떻게  어떡게 어떻게  어떠케 어떻게  어떻개 어떻게  이렇케 이렇게  그렇케 그렇게
그럿게 그렇게  왠만 웬만  왠일 웬일  웬지 왠지  됬 됐  되요 돼요  되서 돼서  되어 돼  되야 돼야  안되나요 안돼나요
돼나요 되나요  돼는 되는  돼지만 되지만  돼고 되고  돼면 되면  돼니 되니  됀 된  됍니 됩니  됄 될  됌 됨  않되 안되
않돼 안돼  안되 안돼  않하 안하  않먹 안먹  않가 안가  할께 할게  줄께 줄게  갈께 갈게  볼께 볼게  먹을께 먹을게
을께 을게  할꺼 할거  갈꺼 갈거  을꺼 을거  볼꺼 볼거  될꺼 될거  줄꺼 줄거  할껄 할걸  꺼예요 거예요  꺼에요 거예요
거에요 거예요  꺼야 거야  이예요 이에요  내꺼 내거  니꺼 네거  갯수 개수  최대값 최댓값  최소값 최솟값
대표값 대푯값  꼭지점 꼭짓점  촛점 초점  댓가 대가  싯가 시가  전세집 전셋집  삼가하 삼가  서슴치 서슴지
일찌기 일찍이  더우기 더욱이  넓직 널찍  짭잘 짭짤  씁슬 씁쓸  눈쌀 눈살  뒷태 뒤태  뒷풀이 뒤풀이  건데기 건더기
베게 베개  무릎쓰 무릅쓰  폐쇠 폐쇄  제작년 재작년  통털어 통틀어  내노라 내로라  궁시렁 구시렁  단언컨데 단언컨대
예컨데 예컨대  요컨데 요컨대  한데요 한대요  그런대 그런데  근대요 근데요  쓰래기 쓰레기  배게 베개  가르켜 가르쳐
가르키 가르치  들어나 드러나  들어내 드러내  치루 치르  담궈 담가  잠궈 잠가  잠궜 잠갔  담궜 담갔  핼쓱 핼쑥
숫가락 숟가락  젖가락 젓가락  콧털 코털  멋드러 멋들어  알멩이 알맹이  곱배기 곱빼기  뚝빼기 뚝배기  연애인 연예인
왜냐면 왜냐하면  왜냐햐면 왜냐하면  설레임 설렘  설레이 설레  헤매이 헤매  되물림 대물림  널판지 널빤지
재털이 재떨이  먼지털이 먼지떨이  먹거리 먹을거리  으레히 으레  아뭏든 아무튼  아무던 아무튼  하옇튼 하여튼
여지껏 여태껏  있슴 있음  없슴 없음  읍니다 습니다  슴니다 습니다  합니당 합니다  해주세여 해주세요  주세여 주세요
해쥬세요 해주세요  쥬세요 주세요  주새요 주세요  하새요 하세요  새요 세요  세여 세요  십시요 십시오  하시요 하시오
주시요 주시오  알려죠 알려줘  해죠 해줘  메세지 메시지  컨텐츠 콘텐츠  컨텐트 콘텐츠  악세사리 액세서리
악세서리 액세서리  초콜렛 초콜릿  쵸콜릿 초콜릿  쵸콜렛 초콜릿  케잌 케이크  케익 케이크  화이팅 파이팅
리더쉽 리더십  까페 카페  수퍼 슈퍼  쥬스 주스  비지니스 비즈니스  싸이트 사이트  써비스 서비스  쇼파 소파
도너츠 도넛  도넛츠 도넛  레포트 리포트  소세지 소시지  로보트 로봇  텔레비젼 텔레비전  런닝 러닝  부페 뷔페
뷔폐 뷔페  앰블런스 앰뷸런스  어플 앱  어플리케이션 애플리케이션  인테넷 인터넷  스케쥴 스케줄  쥬니어 주니어
챠트 차트  레져 레저  비젼 비전  네비게이션 내비게이션  플랭카드 플래카드  플랜카드 플래카드  프랭카드 플래카드
커텐 커튼  카렌다 캘린더  캐롤 캐럴  알콜 알코올  엘레베이터 엘리베이터  에스컬레이트 에스컬레이터  메뉴얼 매뉴얼
매니아 마니아  바베큐 바비큐  밧데리 배터리  빠나나 바나나  샌달 샌들  세레모니 세리머니  스폰지 스펀지
심포지움 심포지엄  아이섀도우 아이섀도  옐로우 옐로  윈도우 윈도  카운셀링 카운슬링  카라멜 캐러멜  캬라멜 캐러멜
타겟 타깃  타올 타월  탑클래스 톱클래스  팜플렛 팸플릿  프로포즈 프러포즈  후라이팬 프라이팬  후라이 프라이
할로윈 핼러윈  헐리우드 할리우드  컨셉 콘셉트  컨셉트 콘셉트  커뮤니케이숀 커뮤니케이션  데이타 데이터
디지탈 디지털  센타 센터  컴퓨타 컴퓨터  마스타 마스터  포인타 포인터  미스테리 미스터리  레서피 레시피
프리젠테이션 프레젠테이션  쉽개 쉽게  그렇개 그렇게  이렇개 이렇게  시러하 싫어하  시러 싫어  조은 좋은  조아 좋아
괜찬 괜찮  같애 같아  업는 없는  업다 없다  업어요 없어요  업습 없습  업나요 없나요  안는다 않는다  마니 많이
조타 좋다  안녕하새요 안녕하세요  알고리듬 알고리즘  시뮬레이숀 시뮬레이션  쏘프트웨어 소프트웨어
소프트웨아 소프트웨어  하드웨아 하드웨어  렌트카 렌터카  맛사지 마사지  님깨 님께
통채 통째  뒤치닥거리 뒤치다꺼리  어짜피 어차피  굼뱅이 굼벵이  귀뜸 귀띔  두루뭉실 두루뭉술  뒤쳐지 뒤처지  밑둥 밑동
발자욱 발자국  삵쾡이 살쾡이  승락 승낙  쌍커풀 쌍꺼풀  움추리 움츠리  웅큼 움큼  윗층 위층  인삿말 인사말
자그만치 자그마치  장농 장롱  짜집기 짜깁기  천정 천장  쳐박 처박  치고박 치고받  풍지박산 풍비박산
하마트면 하마터면  해꼬지 해코지  핑게 핑계  홧병 화병  휴계소 휴게소  계시판 게시판  희노애락 희로애락
강남콩 강낭콩  고냉지 고랭지  괜시리 괜스레  구렛나루 구레나룻  꺼림직 꺼림칙  날라가 날아가  널부러 널브러
닥달 닦달  단촐 단출  돌맹이 돌멩이  딱다구리 딱따구리  모자르 모자라  반짓고리 반짇고리  부시시 부스스
빈털털이 빈털터리  사그러 사그라  새침떼기 새침데기  소꼽놀이 소꿉놀이  손톱깍이 손톱깎이  아지랭이 아지랑이
안성마춤 안성맞춤  알아맞추 알아맞히  연거퍼 연거푸  오무리 오므리  우뢰 우레  우겨넣 욱여넣  으시대 으스대
잎파리 이파리  짖궂 짓궂  쪽집게 족집게  추스리 추스르  허구헌 허구한  호르라기 호루라기  흐리멍텅 흐리멍덩
절대절명 절체절명  눈꼽 눈곱  걸맞는 걸맞은  휘발류 휘발유  까스 가스  꼬냑 코냑  나레이션 내레이션  넌센스 난센스
다이나믹 다이내믹  뎃생 데생  라이센스 라이선스  라이타 라이터  로얄 로열  로케트 로켓  리모콘 리모컨
마네킨 마네킹  미니어쳐 미니어처  바게뜨 바게트  발란스 밸런스  배드민톤 배드민턴  블럭 블록  비스켓 비스킷
상들리에 샹들리에  스넥 스낵  스티로폴 스티로폼  스프링쿨러 스프링클러  시그날 시그널  아울렛 아웃렛
알미늄 알루미늄  에어콘 에어컨  엔돌핀 엔도르핀  오리지날 오리지널  인디안 인디언  자켓 재킷  쥬라기 쥐라기
째즈 재즈  카톨릭 가톨릭  카페트 카펫  캐쉬 캐시  케찹 케첩  콘테이너 컨테이너  콘트롤 컨트롤  콜렉션 컬렉션
파이선 파이썬  초코렛 초콜릿  멤버쉽 멤버십  워크샵 워크숍  커피샵 커피숍  매니져 매니저  앙케이트 앙케트  마켓팅 마케팅
타겠 타깃  쎄일 세일  썬글라스 선글라스  업서 없어  이러케 이렇게  그러케 그렇게  만드러 만들어  머거 먹어
드러가 들어가  드러갈 들어갈  드러갑 들어갑  드러간 들어간  드러갔 들어갔  드러오 들어오  드러올 들어올  드러온 들어온
드러와 들어와  드러왔 들어왔
땜에 때문에  땜시 때문에  근데 그런데  그니까 그러니까  암튼 아무튼  걍 그냥  일부로 일부러
크리스탈 크리스털  탈렌트 탤런트  텔런트 탤런트  팡파레 팡파르  프라자 플라자  플룻 플루트  휘트니스 피트니스
"""
#: Words in which ㅐ, ㅔ and ㅖ are often exchanged, which then gives no other word.
_VOWELS = """
계획 관계 세계 시계 설계 계산 통계 체계 기계 경계 회계 계속 계약 재미 대해 대한 게임 에세이 에너지 캠페인
페이지 네트워크 인터넷 프로젝트 이메일 메뉴 메시지 레시피 블로그 생각 새로운 제품 제안 제공 문제 경제 과제
예제 어제 언제 이제 숙제 대체로 도대체 자체 업체 해결 행복 함께 예시 예술 예산 얘기 센터 센서 에어컨
카메라 인테리어 텔레비전 캘린더 스케줄 액세서리 카페 테스트 텍스트 템플릿 세미나 케이크 에피소드 데이터 데이트
캐릭터 프레젠테이션 패턴 세트 베이컨 배터리 냉장고 재료 채소
"""
PAIRS = {pair[0]: pair[1] for pair in (entry.rsplit(" ", 1) for entry in re.split(r"\s{2,}|\n", _WORDS) if entry)}


def _vowels_exchanged(word: str) -> list[str]:
    """The word with one of its vowels ㅐ, ㅔ, ㅖ exchanged.

    >>> _vowels_exchanged("세계")
    ['새계', '세게']
    """
    like = {"ㅐ": "ㅔ", "ㅔ": "ㅐ", "ㅖ": "ㅔ"}
    parts = [(at, decompose(syllable)) for at, syllable in enumerate(word)]
    return [
        word[:at] + compose(part.onset, like[part.vowel], part.coda) + word[at + 1 :]
        for at, part in parts
        if part.vowel in like
    ]


PAIRS |= {wrong: right for right in _VOWELS.split() for wrong in _vowels_exchanged(right)}
PAIRS |= {"얘시": "예시", "방볍": "방법", "무었": "무엇", "설멍": "설명", "불로그": "블로그", "알고리듬": "알고리즘"}
PAIRS = {wrong.replace(" ", ""): right for wrong, right in PAIRS.items() if wrong != right}
#: Past and 있다 with a simple ㅅ.
PAST = "잇햇겟엇앗갓봣왓됫졋렷쳣셧랏럿낫"
#: The same before what a verb goes on with.
_SS = re.compile(rf"[{PAST}](?=[어으습는나던다지고네을음기었]|$)")
#: 해 as it sounds, after a noun and before what follows an infinitive.
SOUNDS_LIKE_HAE = "헤"
_HAE = re.compile(rf"(?<=[가-힣]){SOUNDS_LIKE_HAE}(?=$|주[세십시실]|줘|줄|요$|서$|야|도$|봐|보[세십시]|라$)")
#: How misspellings begin: most words hold none of these, and need no search.
_BEGINNINGS = frozenset(wrong[:2] for wrong in PAIRS)


@cache
def _wrong() -> re.Pattern[str]:
    """Every misspelling, the longest first. Long to compile, and not every run meets a word."""
    return re.compile("|".join(sorted(map(re.escape, PAIRS), key=len, reverse=True)))


@lru_cache(1 << 14)
def corrected(word: str) -> str:
    """The word with its common misspellings corrected.

    >>> corrected("오랫만에"), corrected("됬어요"), corrected("김치찌게를"), corrected("정리헤")
    ('오랜만에', '됐어요', '김치찌개를', '정리해')
    """
    if SOUNDS_LIKE_HAE in word:
        word = _HAE.sub("해", word)
    word = _SS.sub(lambda found: with_coda(found[0], "ㅆ"), word)
    for _ in range(2):
        if any(word[at : at + 2] in _BEGINNINGS or word[at] in _BEGINNINGS for at in range(len(word))):
            word = _wrong().sub(lambda found: PAIRS[found[0]], word)
    return word


def is_slip(one: str, other: str) -> bool:
    """Whether one word is the other with a slip of the keyboard: a syllable that is no Korean one, a syllable typed
    twice, two syllables exchanged.

    A changed jamo that gives another common syllable may give another word ("사과", "사관"), and is no slip.

    >>> is_slip("만들어", "만듫어"), is_slip("프로그램을", "프로그램램을"), is_slip("스마트폰", "스트마폰")
    (True, True, True)
    >>> is_slip("사과", "사관"), is_slip("다섯", "여섯"), is_slip("민수", "민서"), is_slip("각", "각각")
    (False, False, False, False)
    """
    start = _common_prefix(one, other)
    end = _common_prefix(one[start:][::-1], other[start:][::-1])
    mine, yours = one[start : len(one) - end], other[start : len(other) - end]
    if not mine or not yours:
        return _typed_twice(mine or yours, one[:start], one[len(one) - end :])
    if len(mine) == len(yours) == 1:
        rare = (mine in COMMON) != (yours in COMMON)
        return rare and _one_jamo_apart(mine, yours) and min(_stem_length(one), _stem_length(other)) > 1
    return len(mine) == len(yours) == 2 and mine == yours[::-1] and _stem_length(one) > 3 and bool(start)


def _common_prefix(one: str, other: str) -> int:
    for at, (mine, yours) in enumerate(zip(one, other, strict=False)):
        if mine != yours:
            return at
    return min(len(one), len(other))


def _stem_length(word: str) -> int:
    return min(len(split.stem) for split in splits(word))


def _typed_twice(inserted: str, before: str, after: str) -> bool:
    """One syllable that its neighbour repeats, in a word of three syllables or more."""
    return len(inserted) == 1 and len(before) + len(after) > 2 and inserted in (before[-1:], after[:1])


def _one_jamo_apart(one: str, other: str) -> bool:
    """Whether two syllables differ in one jamo; a coda that is lost, doubled or split counts as one.

    >>> _one_jamo_apart("랐", "랏"), _one_jamo_apart("가", "거"), _one_jamo_apart("가", "서")
    (True, True, False)
    """
    if not (is_syllable(one) and is_syllable(other)):
        return False
    mine, yours = decompose(one), decompose(other)
    return sum(a != b for a, b in zip(mine, yours, strict=True)) == 1


def shortened(word: str) -> str:
    """The word with each run of a syllable as one of it, and without the vowels that only lengthen a syllable: letters
    that a writer repeats for emphasis.

    >>> shortened("좋아아아"), shortened("배고파아아"), shortened("졸려어어"), shortened("제바아알")
    ('좋아', '배고파', '졸려', '제발')
    >>> shortened("너무너무")
    '너무너무'
    """
    word = re.sub(r"(.)\1+", r"\1", _LENGTHENED.sub(_short, word))
    return re.sub(r"([가-힣])(?:[아어이오우으에애]){2,}$", r"\1", word) if len(word) > 1 else word


#: Codas of syllables whose vowel a writer lengthens: 제바아알.
LENGTHENED_CODAS = "ㄴㄹㅂㅅ"
#: The vowel that lengthens another one.
_LONG = {"ㅑ": "ㅏ", "ㅕ": "ㅓ", "ㅘ": "ㅏ", "ㅝ": "ㅓ", "ㅛ": "ㅗ", "ㅠ": "ㅜ", "ㅖ": "ㅔ"}
#: A syllable without a coda, vowels, and perhaps a vowel with a coda.
_LENGTHENED = re.compile(r"([가-힣])([아어이오우으에애])\2+([가-힣]?)|([가-힣])([아어이오우으에애])([가-힣])")


def _short(found: re.Match[str]) -> str:
    """The syllable that was lengthened; all as it is where it was not."""
    first, vowel, last = found.group(1, 2, 3) if found[1] else found.group(4, 5, 6)
    start, long = decompose(first), decompose(vowel)
    is_vowel_itself = start.onset == "ㅇ" and start.vowel == long.vowel
    if start.coda or is_vowel_itself or long.vowel != _LONG.get(start.vowel, start.vowel):
        return found[0]
    end = decompose(last or vowel)
    if end.onset == "ㅇ" and end.vowel == start.vowel and end.coda and end.coda in LENGTHENED_CODAS:
        return with_coda(first, end.coda)
    return first + last if found[1] else found[0]
