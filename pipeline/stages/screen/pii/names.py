"""Names of persons, for those who ask for them: a surname with a given name, a word beside it that names persons, and
the analyser that reads it as a name.

Without such a word every fourth hit on real text was no name (한반도, 원피스, 강원도): benchmarks/korean_text.md.
"""

import re

from pipeline.stages.screen.analyser import morphemes
from pipeline.stages.screen.pii.forms import Form, Kind, Match
from pipeline.stages.screen.texts import any_of
from pipeline.table.patterns import pattern

_SURNAMES = (
    "김이박최정강조윤장임한오서신권황안송류유전홍고문양손배백허남심노하곽성차주우구나민진지엄채원천방공현함변염여추도소"
    "석선설길연위표명기반라왕금옥육인맹제모탁국"
)
_LONG_SURNAMES = "남궁|황보|제갈|선우|독고|사공|서문"
_NAME = rf"(?:(?:{_LONG_SURNAMES})[가-힣]{{1,2}}|[{_SURNAMES}][가-힣]{{2}})"
#: What follows a name: 김하늘 씨, 이도윤 과장, 박서진님.
_TITLE = pattern(
    r" ?"
    + any_of(
        *(
            "씨",
            "님",
            "군(?![가-힣])",
            "양(?![가-힣])",
            "선생",
            "교수",
            "박사",
            "대표(?!팀|적|작|곡)",
            "과장",
            "부장",
            "차장",
        ),
        *(
            "대리",
            "사원",
            "주임",
            "팀장",
            "실장",
            "원장",
            "이사",
            "회장",
            "사장",
            "기자",
            "작가",
            "감독",
            "배우",
            "가수",
        ),
        *(
            "선수",
            "의원",
            "대통령",
            "총리",
            "장관",
            "변호사",
            "의사",
            "간호사",
            "시인",
            "화백",
            "학생",
            "어린이",
            "할머니",
        ),
        *("할아버지", "장군", "목사", "신부", "스님", "코치", "아나운서"),
    )
)
#: What stands before a name: 성명: 김하늘, 예금주 이도윤, 제 이름은 박서진.
_LABEL = pattern(
    any_of(
        *(
            "이름",
            "성명",
            "성함",
            "예금주",
            "작성자",
            "담당자?",
            "신청인",
            "대표이사",
            "대표자?",
            "고객명?",
            "받는 (?:사람|분)",
        ),
        *("보내?는? (?:사람|분)", "보호자", "환자", "학생", "저자", "지은이", "글쓴이", "저는", "나는", "감독", "배우"),
        *("가수", "작가", "교수", "대통령", "[Nn]ame"),
    )
    + r"(?:은|는|이|인)? ?[:：=,(\"'|]{0,2} ?[\"']?$"
)
#: Places and bodies, which have people of their own: 강원도 의원, 연세대 교수.
_PLACE = pattern("..[대도시군구팀당역]")


def is_person(match: Match) -> bool:
    line_start = match.string.rfind("\n", 0, match.start()) + 1
    line = match.string[line_start:].partition("\n")[0]
    start, end = match.start() - line_start, match.end() - line_start
    if not _TITLE.match(line[end:]) and not _LABEL.search(line[:start]):
        return False
    if _PLACE.fullmatch(match[0]) and not re.match(" ?[씨님]", line[end:]):
        return False
    parts = [part for part in morphemes(line) if start <= part.start < end]
    return bool(parts) and parts[0].start == start and parts[-1].end == end and parts[0].tag == "NNP"


PERSON_NAME = Kind(
    "person-name",
    "<이름>",
    (
        Form(
            pattern(rf"(?<![가-힣A-Za-z0-9]){_NAME}"),
            is_person,
            rf"[{_SURNAMES}][가-힣]{{2}}|{_LONG_SURNAMES}",
            reach=0,
        ),
    ),
)
