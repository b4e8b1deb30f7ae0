"""What a difference of a word is about: for people who read the report. Every such difference keeps both rows."""

import re

NEGATION = re.compile(r"^(?:안|못|말)$|않|없|못하|지마|지말|말아|말고|아니|모르|금지|제외")
_DIGITS = "영공일이삼사오육칠팔구십백천만억조"
NUMERAL = re.compile(
    r"^(?:한|두|세|네|서너|너덧|다섯|여섯|일곱|여덟|아홉|열|스무|스물|서른|마흔|쉰|예순|일흔|여든|아흔|하나|둘|셋|넷|"
    rf"첫|첫째|둘째|셋째|넷째|다섯째|여섯째|[{_DIGITS}])+"
    r"(?:개|명|번|가지|살|시간|시|분|초|달|월|년|일|주|권|장|마리|문장|단락|줄|회|원|배|째|번째|단어|사람|차례|편|대|잔|병|층|위|등)*+"
    r"(?:은|는|이|가|을|를|의|로|으로|에|만)?$"
)
UNIT = re.compile(
    r"^(?:개|명|번|가지|살|시간|시|분|초|달|월|년|일|주|권|장|마리|문장|단락|줄|회|원|달러|엔|유로|위안|배|퍼센트|프로|"
    r"킬로미터|센티미터|밀리미터|미터|킬로그램|밀리그램|그램|톤|리터|밀리리터|평|도|섭씨|화씨|인치|피트|마일|파운드|온스|"
    r"km|cm|mm|m|kg|mg|g|t|l|ml|kb|mb|gb|tb|kw|w|v|hz|km/h|%|‰|℃|℉|°)(?:은|는|이|가|을|를|의|로|으로|에|만)?$",
    re.IGNORECASE,
)
POLES = tuple(
    tuple(pair.split("/"))
    for pair in [
        "오전/오후",
        "남자/여자",
        "남성/여성",
        "최대/최소",
        "최고/최저",
        "최고/최악",
        "장점/단점",
        "증가/감소",
        "긍정/부정",
        "찬성/반대",
        "안/밖",
        "위/아래",
        "앞/뒤",
        "왼쪽/오른쪽",
        "이상/이하",
        "초과/미만",
        "이전/이후",
        "시작/끝",
        "입구/출구",
        "수입/수출",
        "공격/수비",
        "승리/패배",
        "성공/실패",
        "유리/불리",
        "가능/불가능",
        "낮/밤",
        "아침/저녁",
        "여름/겨울",
        "크/작",
        "많/적",
        "높/낮",
        "길/짧",
        "빠르/느리",
        "넓/좁",
        "무겁/가볍",
        "좋/나쁘",
        "쉽/어렵",
        "비싸/싸",
        "밝/어둡",
        "뜨겁/차갑",
        "덥/춥",
        "열/닫",
        "켜/끄",
        "올리/내리",
        "늘리/줄이",
        "사/팔",
        "입/벗",
        "남/여",
        "상승/하락",
        "포함/제외",
        "동의/반대",
        "찬/반",
        "과거/미래",
        "부모/자식",
        "선배/후배",
    ]
)
_DIRECTION = re.compile(r"(?:에서|부터|으로|로|에게|한테|까지|을|를)$")


def about(one: str, other: str) -> str:
    """What the words say differently: negation, number, unit, polarity, direction, or just another word.

    >>> about("있는", "없는"), about("다섯", "여섯"), about("킬로미터", "미터"), about("오전", "오후")
    ('negation', 'number', 'unit', 'polarity')
    >>> about("한국어에서 영어로", "영어에서 한국어로"), about("서울", "부산")
    ('direction', 'word')
    """
    mine, yours = one.split(), other.split()
    if bool(_negates(mine)) != bool(_negates(yours)):
        return "negation"
    if any(map(NUMERAL.match, mine)) and any(map(NUMERAL.match, yours)):
        return "number"
    if one and other and all(map(UNIT.match, mine)) and all(map(UNIT.match, yours)):
        return "unit"
    if any({one[: len(pole)], other[: len(pole2)]} == {pole, pole2} for pole, pole2 in POLES):
        return "polarity"
    stems = [sorted(_DIRECTION.sub("", word) for word in words) for words in (mine, yours)]
    return "direction" if len(mine) > 1 and stems[0] == stems[1] else "word"


def _negates(words: list[str]) -> bool:
    return any(NEGATION.search(word) for word in words)
