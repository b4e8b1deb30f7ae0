"""Korean postal addresses: a street or a lot with its number, to the last unit of the building."""

from pipeline.stages.screen.pii.forms import Form, Kind, Match, before, heading, spaced
from pipeline.table.patterns import pattern

_PROVINCES = (
    *(
        "서울",
        "부산",
        "대구",
        "인천",
        "광주",
        "대전",
        "울산",
        "세종",
        "경기",
        "강원",
        "충북",
        "충남",
        "충청남",
        "충청북",
    ),
    *("전북", "전남", "전라남", "전라북", "경북", "경남", "경상남", "경상북", "제주"),
)
_PROVINCE = rf"(?:{'|'.join(_PROVINCES)})(?:특별자치시|특별자치도|특별시|광역시|시|도)?"
#: Words of every day that end like the name of a street.
_NO_STREET = pattern(
    r".*(?:으|적|[그이저]대|[뜻맘말]대|멋대|마음대|절대|스스)로"
    r"|(?:서|바|별|따|홀|새|때|도|제|세|가|위|뒤|주|피|경|통|회|진|항|미|선|철|수|기|차|실|미터|경기|비디오)로"
)
#: A district before a street or a lot shows that it is one: 강남구, 수원시; not 친구, 역시.
_DISTRICT = pattern(r"(?!반드시|또다시|다시|잠시)(?:[가-힣]{2,4}[시군]|[가-힣]{2,3}구|[중동서남북]구) ")
_WORDS = ("주소", "배송지", "거주", "소재지", "사는 곳", "자택", "본사", "address")
_WORD = pattern(rf"(?:{'|'.join(_WORDS)})[^\n]{{0,12}}$")
#: Words of every day that end like the name of a village: 마포구 활동 2-3회.
_NO_LOT = pattern(r"(?:활|운|행|이|자|변|작|진|감|노|가|출|충|소|공|반|연|시|구|율|선|난|요|태|격|기|발|제|수|유|부)동")
_YEAR = pattern(r"(?:19|20)\d\d")


def _address(match: Match) -> bool:
    return _lot(match) if match["lot"] else _street(match)


def _street(match: Match) -> bool:
    if _NO_STREET.fullmatch(match["street"]):
        return False
    if match["province"] or _WORD.search(before(match)) or _WORD.search(heading(match)):
        return True
    if match["town"] and match["town"].endswith("읍 "):
        return True
    return len(match["street"]) > 2 and any(_DISTRICT.fullmatch(match[name] or "") for name in ("city", "district"))


def _lot(match: Match) -> bool:
    """A lot is certain with the province and a district before it; else its number must look like one of a lot."""
    districts = [match[name] for name in ("city", "district") if match[name]]
    lot = match["lot"].strip()
    if match["province"] and districts:
        return True
    marked = bool("-" in match["number"] or match["land"])
    if match["town"]:
        return lot.endswith("리") and (marked or bool(districts or match["province"]))
    named = bool(_WORD.search(before(match)) or _WORD.search(heading(match)))
    if _NO_LOT.fullmatch(lot) and not (match["land"] or named):
        return False
    if any(map(_DISTRICT.fullmatch, districts)) or (match["province"] and lot[-1:] in "동가"):
        return marked or named or (len(match["number"]) > 2 and not _YEAR.fullmatch(match["number"]))
    return bool(match["land"] and len(lot) > 2) or (named and marked)


#: What a number after the name of a street counts, if it is none of a house: 10분, 10 분 (but 10 분당).
_COUNTED = r"(?:[년월일명개원분%점위배차회세대만억천편권곡초곳]|시간|번째|가지|단어|코스|호선|[cmk])"
#: A building, by the last syllables of its name.
_BUILDING = (
    r"[가-힣A-Za-z0-9]{1,14}(?:빌딩|아파트|타워|오피스텔|빌라|맨션|맨숀|[프플]라자|센터|하이츠|캐슬|자이|래미안"
    r"|푸르지오"
    r"|힐스테이트|편한세상|아이파크|더샵|연립|주택|상가|하우스|파크|관)"
)
_UNIT = (
    r"(?:(?:제\ ?)?\d{1,4}|[A-Z]|[가나다라마바사])동|(?:지하\ ?|지상\ ?|B)?\d{1,3}층(?!짜리|집|탑|높이|건물)"
    r"|(?:지하\ ?|제\ ?|B)?\d{1,5}(?:-\d{1,3})?호(?:실)?(?!선|기|차|점|봉)"
)
_BRACKET = (
    r"\ ?\((?:[가-힣0-9]{1,10}[동가읍면리](?:,\ ?[가-힣A-Za-z0-9 ]{2,20})?|[가-힣A-Za-z0-9]{0,10}?" + _BUILDING + r")\)"
)
#: 14, 702호; 152 대우빌딩 3층; 85 101동 2304호; 48 (에이스하이테크21) 1203호.
_REST = (
    rf"(?:{_BRACKET}|\ ?\([가-힣A-Za-z0-9 ]{{2,20}}\)(?=,?\ ?(?:{_UNIT})))?"
    rf"(?:,?\ ?{_BUILDING}(?=,?\ (?:{_UNIT})|[^가-힣]|$|에|으?로|입니|이))?(?:,?\ ?(?:{_UNIT})){{0,4}}(?:{_BRACKET})?"
)
#: An address has its province, city, district or town before it, or a word that names it; or 번지 behind a lot.
_SIGNS = (*_PROVINCES, *(f"{end} " for end in "시군구읍면"), "번지", *_WORDS)

ADDRESS = Kind(
    "pii-address",
    "<주소>",
    (
        Form(
            spaced(
                rf"(?<![가-힣])(?P<province>{_PROVINCE}\ )?(?P<city>[가-힣]{{1,5}}[시군]\ )?"
                rf"(?P<district>[가-힣]{{1,5}}[구군]\ )?(?P<town>[가-힣]{{1,5}}[읍면]\ )?"
                rf"(?:(?P<street>[가-힣][가-힣0-9·.]{{0,12}}(?:대로|로|길))"
                rf"(?:\ ?\d{{1,4}}번?[가-하안]?길)?\ ?(?:지하\ ?)?"
                rf"|(?P<lot>(?:[가-힣]{{1,6}}(?:제?\d{{1,2}})?[동리]|[가-힣]{{1,5}}[동로]?\d가)\ ?)(?:산\ ?)?)"
                rf"(?P<number>[1-9]\d{{0,3}}(?:-\d{{1,4}})?)"
                rf"(?![0-9]|-[0-9])(?!\.[0-9]|,[0-9]+(?![0-9동층호]))(?!{_COUNTED}"
                rf"|가(?!길))(?!\ {_COUNTED}(?![가-힣]))"
                rf"(?P<land>번지(?:\ ?\d{{1,3}}호)?)?{_REST}"
            ),
            _address,
            r"(?:[^으]로|길) ?(?:[0-9]|지하)|[동리] ?산? ?(?:[0-9]{2}|[0-9]-|[0-9]번)|[0-9]가 ?[0-9]",
            1,
            _SIGNS,
        ),
    ),
)
