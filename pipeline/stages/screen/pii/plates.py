"""Number plates of vehicles: two or three digits, a syllable, four digits."""

from pipeline.stages.screen.pii.forms import Form, Kind, Match, after, before, heading, spaced
from pipeline.table.patterns import pattern

#: What a number counts that only looks like a plate: 12가 3456개.
_UNIT = (
    r"(?!\s?(?:[년월일원억만천백개명점회권동위세cmkg%㎡㎞℃°]|번(?!\ ?(?:차|버스|택시|화물|트럭))"
    r"|시간|여|주(?!차)|미터|킬로|달러|가구|쪽|페이지|장(?!애)|호실|칸))"
)
_CAR = (
    r"차량|자동차|번호판|승용차|화물차|트럭|주차|렌[터트]카|택시|버스|견인|폐차|차주|차종|소나타|아반떼|그랜저|suv"
    r"|(?i:plate|vehicle|(?<![a-z])car(?![a-z]))"
)
_CAR_BEFORE = pattern(rf"(?:{_CAR}|(?<![가-힣])차(?:[는가를도]|\s))[^\n]{{0,24}}$")
_CAR_AFTER = pattern(rf"[^\n]{{0,24}}(?:{_CAR})|\s?차(?:[주량]|(?![가-힣]))")
#: Syllables of plates that count nothing: 38모 is no number of things, 12조, 30도, 100부 are.
_RARE = frozenset("거너더러머버어저노모보오누두루무우허하")


def _plate(match: Match) -> bool:
    if match["gap"]:
        return bool(match["region"])
    # With a space inside it may be "12조 3456" of a sum or "30도 1000": then a car must be spoken of.
    if not match["space"] or match["region"] or match["syllable"] in _RARE:
        return True
    named = f"{heading(match)} {before(match, 32)}"
    return bool(_CAR_BEFORE.search(named) or _CAR_AFTER.match(after(match, 32)))


PLATE = Kind(
    "pii-plate",
    "<차량번호>",
    (
        Form(
            spaced(
                rf"(?<![0-9A-Za-z.,])(?P<region>(?:서울|부산|대구|인천|광주|대전|울산|세종|경기|강원|충북|충남"
                rf"|전북|전남|경북|경남|제주)\s?)?(?:\d\d|[1-9]\d\d)(?P<gap>\ ?)"
                rf"(?P<syllable>[가나다라마거너더러머버서어저고노도로모보소오조구누두루무부수우주바사아자배허하호])"
                rf"(?P<space>\s?)\d{{4}}(?![0-9A-Za-z])(?![-.,][0-9]){_UNIT}"
            ),
            _plate,
            r"[0-9] ?[가-힣] ?[0-9]{4}",
            6,
        ),
    ),
)
