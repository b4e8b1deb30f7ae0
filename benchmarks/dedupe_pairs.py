"""Pairs of prompts that say the same or something else, by phenomenon: how many of each kind lose a row.

    KO_INSTRUCT_DATA=…/data python -m benchmarks.dedupe_pairs > benchmarks/dedupe_pairs.md

`python -m benchmarks.dedupe_pairs negation 20` prints 20 wrong pairs of one kind. Prompts are those of KoAlpaca and
Chatbot_data; each pair changes one of them in one way, or fills a template. Words are chosen by hand, and not from the
tables of the rules: of the misspellings, half are not in the table. Both rows of a pair have the same output.
"""

import csv
import functools
import itertools
import json
import os
import re
import sys
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pyarrow as pa

from pipeline.stages.dedupe import dedupe

PAIRS = 3000
Pair = tuple[str, str, str]  # instruction, instruction, input of both; or with "\t" another input


@functools.cache
def prompts() -> list[str]:
    folder = Path(os.environ["KO_INSTRUCT_DATA"])
    found: list[str] = []
    for name in "ab":
        found += [row["instruction"] for row in json.loads(folder.joinpath(f"koalpaca_v1.0_{name}.json").read_bytes())]
    with folder.joinpath("chatbot_data.csv").open(encoding="utf-8", newline="") as lines:
        found += [row["Q"] for row in csv.DictReader(lines)]
    found = sorted({text.strip() for text in found if 4 < len(text.strip()) < 200 and "\n" not in text})
    Random(16).shuffle(found)
    return found


NAMES = (
    "민수/민서 지수/지우 서연/서현 준호/준서 하은/하윤 도윤/도현 유진/유나 영희/영미 철수/철호 수빈/수민 "
    "은지/은주 태현/태훈 김민수/김민서 박지수/박지우 이서연/이서현 최준호/최준서 이순신/이성계 "
    "세종대왕/광개토대왕 안중근/윤봉길 김구/김좌진 부산/부천 전주/진주 광주/공주 강릉/강진 경주/청주 "
    "대구/대전 인천/이천 제주/파주 수원/수영 여수/여주 영국/미국 태국/중국 인도/인도네시아 스웨덴/스위스 "
    "오스트리아/오스트레일리아 이란/이라크 독일/폴란드 파리/로마 도쿄/교토 삼성전자/현대자동차 네이버/카카오 "
    "서울역/부산역 한강/낙동강 설악산/지리산 경복궁/창덕궁 춘향전/심청전 조선/고려 신라/백제 화성/금성 "
    "페이스북/인스타그램"
)
NOUNS = (
    "사과/사관 사과/사자 고양이/강아지 커피/녹차 버스/택시 축구/농구 감자/고구마 봄/가을 바다/바닥 회사/학교 "
    "부모/부부 소금/설탕 수도/수소 한국/한글 기술/기수 방법/방향 문제/문서 시장/시간 사람/사랑 건강/건물 "
    "여행/여성 의사/의자 가방/가발 모자/모래 전화/전환 도시/도서 인구/인공 경제/경기 환경/환자 과학/과목 "
    "역사/역할 정치/정책 문화/문학 영화/영어 음악/음식 미술/미국 동물/식물 바나나/포도 치킨/피자 연필/지우개 "
    "수학/과학 산소/수소 태양/달 자동차/자전거 장미/국화 호랑이/호두 냉장고/세탁기 초등학교/고등학교 "
    "남동생/여동생 이산화탄소/일산화탄소 민주주의/공산주의 대학생/대학원생 외국인/내국인 왼손/오른손 "
    "모래/모레 개/게 배/베 새/세 말/발 눈/논 산/선 집/짐 책/색 밥/밤 손/솜 콩/공 불/풀 달/탈 쌀/살 "
    "김치찌개/된장찌개 소나무/소나기"
)
TEMPLATES = [
    "{}에 대해 설명해 주세요.",
    "{}의 특징을 세 가지 알려 줘",
    "{}에서 가장 중요한 점은 무엇인가요?",
    "{}에 관한 짧은 이야기를 써 주세요.",
    "처음 배우는 사람에게 {}을(를) 쉽게 소개하는 글을 작성하세요.",
    "{} 추천해줘",
    "{} 이야기",
    "{}은(는) 언제부터 있었나요?",
    "어린이를 위해 {}에 관한 퀴즈를 만들어 주세요. 답도 함께 적어 주세요.",
    "{} 좋아하세요?",
    "내일 {} 보러 갈까?",
    "{}와(과) 관련된 속담을 찾아줘.",
]
NUMERALS = (
    "한/두 두/세 세/네 네/다섯 다섯/여섯 여섯/일곱 일곱/여덟 여덟/아홉 아홉/열 열/열한 열두/열세 스무/스물한 "
    "서른/마흔 쉰/예순 일/이 이/삼 삼/사 사/오 오/육 육/칠 칠/팔 팔/구 십/이십 십오/십육 삼십/사십 백/천 "
    "천/만 백만/천만 십만/백만 억/조 첫/두"
)
COUNTED = [
    "가지 방법",
    "개의 예시",
    "명의 인물",
    "문장으로 된 요약",
    "단락의 글",
    "번째 단계",
    "시간 동안 할 일",
    "권의 책",
    "마리의 동물",
    "살 아이에게 맞는 놀이",
]
UNITS = (
    "킬로미터/미터 센티미터/밀리미터 킬로그램/그램 톤/킬로그램 리터/밀리리터 시간/분 분/초 일/주 주/개월 "
    "개월/년 달러/원 엔/위안 유로/달러 도/라디안 평/제곱미터 km/m cm/mm kg/g L/mL MB/GB GB/TB Hz/kHz W/kW %/‰ "
    "%/%p ℃/℉ °C/°F m/s/km/h kg/lb 인치/피트 마일/킬로미터 칼로리/줄 볼트/와트 개/쌍 명/팀 쪽/장 대/척 회/주 "
    "차례/가지"
)
MEASURED = [
    "{n}{u}는 얼마나 되나요?",
    "{n}{u}을(를) 다른 단위로 바꾸어 주세요.",
    "{n} {u} 이내로 끝내는 방법",
    "길이가 {n}{u}인 경우를 계산하세요.",
    "{n}{u}이면 충분한가요?",
    "하루에 {n}{u}씩 늘리려면 어떻게 해야 하나요",
]
LANGUAGES = ["한국어", "영어", "일본어", "중국어", "프랑스어", "독일어", "스페인어", "러시아어", "베트남어", "아랍어"]
DIRECTIONS = [
    "다음 글을 {}에서 {}로 번역하세요.",
    "{}를 {}로 옮겨 줘",
    "{}를 {}로 번역하고 용어를 통일해 주세요. 문체는 원문을 그대로 따르고 고유 명사는 남겨 두세요.",
    "이 문장을 {} 문장에서 {} 문장으로 바꾸세요.",
    "{} 문서를 받아 {} 문서로 만드는 프로그램을 설계하세요.",
]
PLACES = ["서울", "부산", "인천", "대전", "학교", "집", "병원", "공항", "회사", "역"]
ROUTES = [
    "{}에서 {}까지 가는 길을 알려 주세요.",
    "{}에서 {}로 이사하려고 해요.",
    "{}부터 {}까지 얼마나 걸려?",
    "{}보다 {}가 더 가까운 까닭은?",
]
ROLES = [
    "{}이(가) {}에게 준 선물은 무엇인가요?",
    "{}은(는) {}을(를) 좋아할까?",
    "{}이(가) {}을(를) 이긴 까닭을 쓰세요.",
    "{}이(가) {}에게 빌린 돈은 누가 갚나요?",
]
PEOPLE = [
    "철수",
    "영희",
    "민수",
    "지은",
    "선생님",
    "학생",
    "형",
    "동생",
    "의사",
    "환자",
    "고양이",
    "쥐",
    "사장",
    "직원",
]
POLES = (
    "오전/오후 남자/여자 남학생/여학생 최대/최소 최고/최저 장점/단점 증가/감소 긍정적/부정적 찬성/반대 "
    "이상/이하 초과/미만 이전/이후 수입/수출 성공/실패 가능한/불가능한 낮/밤 여름/겨울 큰/작은 많은/적은 "
    "높은/낮은 긴/짧은 빠른/느린 좋은/나쁜 쉬운/어려운 비싼/싼 오름차순/내림차순 왼쪽/오른쪽 위쪽/아래쪽 "
    "처음/마지막 켜는/끄는 여는/닫는 사는/파는 입학/졸업 취업/퇴사 합격/불합격 합법/불법 직접/간접 "
    "주관적/객관적 상승/하락 확대/축소 공개/비공개 유료/무료 국내/국외 실내/실외 밝은/어두운 따뜻한/차가운 "
    "무거운/가벼운"
)
POLE_TEMPLATES = [
    "{} 경우를 들어 설명해 주세요.",
    "{} 것을 고르는 기준은 무엇인가요?",
    "{} 쪽을 자세히 알려줘",
    "이 글에서 {}에 해당하는 내용을 찾으세요.",
    "{} 시간에 맞는 인사말을 써 줘",
]
SIGNS = (
    "C/C++ C/C# C++/C# A/A+ x+y/x-y a<b/a>b a==b/a===b a&b/a|b a*b/a/b a=b/a!=b p∧q/p∨q x²/x³ A∪B/A∩B "
    "f(x)/f'(x) ++i/i++ $x/@x #1/@1 3:2/3;2 1~5/1,5 (a,b)/[a,b] a->b/a=>b a%b/a*b ∀x/∃x α/β √2/∛2 ±5/-5 n!/n "
    "x≤y/x<y 10:30/10.30 5!/5? +82/82"
)
SIGN_TEMPLATES = [
    "{}의 뜻을 설명해 주세요.",
    "{} 표현은 언제 쓰나요?",
    "{}로 짧은 예를 들어 줘",
    "다음 식에서 {}는 무엇을 뜻하나요?",
    "{}를 읽는 법",
]
FORM_TASKS = [
    "띄어쓰기를 고쳐 주세요.",
    "띄어쓰기가 맞는지 확인하세요.",
    "이 문장은 몇 글자인가요?",
    "맞춤법을 검사하세요.",
    "문장 부호를 바르게 고치세요.",
    "글자 수를 세어 주세요.",
    "다음 문장의 철자를 바로잡으세요.",
    "다음 문장에서 쉼표의 개수를 세세요.",
    "오타를 찾아 고치세요.",
    "맞춤법에 맞으면 O, 틀리면 X로 답하세요.",
]
CAPITALS = [
    "polish/Polish",
    "march/March",
    "may/May",
    "turkey/Turkey",
    "china/China",
    "us/US",
    "it/IT",
    "apple/Apple",
    "java/Java",
    "rose/Rose",
    "bill/Bill",
    "mark/Mark",
]
CAPITAL_TASKS = [
    "다음 낱말을 번역하세요.",
    "이 단어의 뜻을 쓰세요.",
    "영단어를 한국어로 옮기세요.",
    "Translate this word into Korean.",
    "다음 단어로 문장을 만드세요.",
]


def josa(text: str) -> str:
    """은(는), 이(가), 을(를), 와(과) by the word before them."""
    forms = {"은(는)": "은는", "이(가)": "이가", "을(를)": "을를", "와(과)": "과와"}

    def choose(found: re.Match[str]) -> str:
        before = ord(found[1])
        has_coda = 0xAC00 <= before <= 0xD7A3 and (before - 0xAC00) % 28 > 0
        return found[1] + forms[found[2]][0 if has_coda else 1]

    return re.sub(r"(.)(은\(는\)|이\(가\)|을\(를\)|와\(과\))", choose, text)


def exchanged(words: str, templates: list[str], random: Random) -> Iterator[Pair]:
    """Each template with each of two words; in longer prompts, too."""
    some = prompts()
    choices = list(itertools.product(words.split(), templates))
    for number in itertools.count():
        words_of, template = choices[number % len(choices)] if number < len(choices) else random.choice(choices)
        at = len(words_of) // 2 if words_of.count("/") > 1 else words_of.index("/")
        if words_of in ("m/s/km/h",):
            at = words_of.index("/km")
        if words_of == "a*b/a/b":
            at = 3
        pair = words_of[:at], words_of[at + 1 :]
        one, other = (josa(template.format(word)) for word in pair)
        more = "" if number < len(choices) else " " + random.choice(some)
        yield (
            (one + more, other + more, "") if number % 2 else (more.strip() + " " + one, more.strip() + " " + other, "")
        )


def replaced(pattern: str, change: Callable[[re.Match[str]], str]) -> Iterator[Pair]:
    """Each prompt that holds the pattern, with it replaced once."""
    for text in prompts():
        if (found := re.search(pattern, text)) and (new := change(found)) != found[0]:
            yield text, text[: found.start()] + new + text[found.end() :], ""


def negation(random: Random) -> Iterator[Pair]:
    forms = [
        (r"있(?=[는나을습다어으])", "없"),
        (r"하세요(?=\W*$)", "하지 마세요"),
        (r"하십시오(?=\W*$)", "하지 마십시오"),
        (r"(?<=[가-힣])는(?= 것| 사람| 방법| 이유)", "지 않는"),
        (r"(?<=[가-힣])해야 ", "하지 말아야 "),
        (r"(?<=[가-힣]) (?=좋|가|먹|보|알|되|해)", " 안 "),
        (r"(?<=[가-힣]) (?=했|갔|봤|먹었|알았)", " 못 "),
        (r"([가-힣]+)이다(?=\W*$)", r"\1이 아니다"),
        (r"할 수 있", "할 수 없"),
        (r"중요한", "중요하지 않은"),
        (r"(?<!불)필요한", "불필요한"),
        (r"좋아(?=\W*$)", "좋지 않아"),
        (r"맞는", "맞지 않는"),
        (r"같은", "같지 않은"),
        (r"작성하세요", "작성하지 말고 기다리세요"),
    ]
    streams = [replaced(pattern, lambda found, new=new: found.expand(new)) for pattern, new in forms]
    for group in itertools.zip_longest(*streams):
        yield from filter(None, group)


def numerals(random: Random) -> Iterator[Pair]:
    pairs = [pair.split("/") for pair in NUMERALS.split()]
    for text in prompts():
        for one, other in pairs:
            if re.search(rf"(?<![가-힣]){one} (?:가지|개|명|문장|단락|번|사람|단어)", text):
                yield text, re.sub(rf"(?<![가-힣]){one} (?=가지|개|명|문장|단락|번|사람|단어)", f"{other} ", text), ""
    yield from exchanged(NUMERALS, [f"{{}} {counted}을(를) 알려 주세요." for counted in COUNTED], random)


def units(random: Random) -> Iterator[Pair]:
    numbers = ["3", "5", "10", "25", "100", "1,500", "0.5", "다섯 ", "몇 ", "10만 "]
    templates = [text.replace("{n}", number).replace("{u}", "{}") for text in MEASURED for number in numbers]
    yield from exchanged(UNITS, templates, random)


def crossed(words: list[str], templates: list[str], random: Random) -> Iterator[Pair]:
    some = prompts()
    pairs = list(itertools.permutations(words, 2))
    for number in itertools.count():
        template, (one, other) = random.choice(templates), random.choice(pairs)
        more = " " + random.choice(some) if number % 2 else ""
        yield josa(template.format(one, other)) + more, josa(template.format(other, one)) + more, ""


def form_tasks(random: Random) -> Iterator[Pair]:
    some = [text for text in prompts() if " " in text]
    while True:
        text, task = random.choice(some), random.choice(FORM_TASKS)
        change = random.choice([without_space, punctuation, slip])(text, random)
        if change != text and random.random() < 0.5:
            yield task, task, f"{text}\t{change}"
        elif change != text:
            yield f"{task} {text}", f"{task} {change}", ""


def capitals(random: Random) -> Iterator[Pair]:
    while True:
        one, other = random.choice(CAPITALS).split("/")
        task = random.choice(CAPITAL_TASKS)
        yield task, task, f"{one}\t{other}"


def without_space(text: str, random: Random) -> str:
    places = [found.start() for found in re.finditer(r"(?<=[가-힣]) (?=[가-힣])", text)]
    chosen = set(random.sample(places, min(len(places), random.randint(1, 3))))
    return "".join(character for at, character in enumerate(text) if at not in chosen)


def punctuation(text: str, random: Random) -> str:
    bare = text.rstrip(".!? ")
    asks = text.rstrip().endswith("?")
    ends = ["", "?", "??", "?!"] if asks else ["", ".", "!", "!!", "~", "..."]
    return bare + random.choice([end for end in ends if bare + end != text] or ["."])


def comma(text: str, random: Random) -> str:
    return re.sub(r"(?<=[은는고서면]) (?=[가-힣])", ", ", text, count=1)


def wide(text: str, random: Random) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "/" or c in ":;?" else c for c in text)


PARTICLES = [
    (r"(?<=[가-힣][가-힣])[을를](?= )", ""),
    (r"(?<=[가-힣][가-힣])의(?= )", ""),
    (r"([가-힣][가-힣])은(?= (?:무엇|어떻|왜|어디|언제|누구))", r"\1이"),
    (r"([가-힣][가-힣])는(?= (?:무엇|어떻|왜|어디|언제|누구))", r"\1가"),
    (r"([가-힣][가-힣])에게(?= )", r"\1한테"),
    (r"([가-힣][가-힣])와 (?=[가-힣])", r"\1랑 "),
    (r"([가-힣][가-힣])를 (?=설명|알려|소개)", r"\1에 대해 "),
    (r"([가-힣][가-힣])에 대해(?= )", r"\1에 대해서"),
]


def politeness(random: Random) -> Iterator[Pair]:
    hada = ["하세요.", "하십시오.", "해 주세요.", "해주세요", "해줘", "해 줘.", "하시오.", "해라", "해 주십시오.",
            "해줘요",
            "해 주실 수 있나요?", "해 줄래?", "해주라", "해 주시겠어요?", "해 주시기 바랍니다."]  # fmt: skip
    others = [
        ["쓰세요.", "쓰십시오.", "써 주세요.", "써줘", "쓰시오.", "써라", "써 주십시오."],
        ["만드세요.", "만드십시오.", "만들어 주세요.", "만들어줘", "만드시오.", "만들어라"],
        ["찾으세요.", "찾으십시오.", "찾아 주세요.", "찾아줘", "찾으시오.", "찾아라"],
        ["알려 주세요.", "알려줘", "알려 주십시오.", "알려줘요", "알려 줄래?", "알려 주실래요?"],
        ["고르세요.", "고르십시오.", "골라 주세요.", "골라줘", "고르시오."],
        ["바꾸세요.", "바꾸십시오.", "바꿔 주세요.", "바꿔줘", "바꾸시오.", "바꿔라"],
        ["보세요.", "보십시오.", "봐", "봐라", "보시오."],
        ["무엇인가요?", "무엇입니까?", "무엇이에요?", "뭐예요?", "뭐야?", "무엇일까요?", "뭔가요?", "무엇인가?"],
        ["있나요?", "있습니까?", "있어요?", "있어?", "있을까요?", "있는가?", "있니?"],
        ["하나요?", "합니까?", "해요?", "해?", "하니?", "하는가?"],
        ["될까요?", "될까?", "되나요?", "됩니까?", "돼요?"],
        ["싶어요", "싶어", "싶습니다.", "싶다"],
        ["같아요", "같아", "같습니다.", "같다"],
        ["좋아요", "좋아", "좋습니다."],
        ["인가요?", "입니까?", "일까요?", "인가?"],
        ["힘들어요", "힘들어", "힘듭니다.", "힘들다"],
        ["하네요", "하네"], ["했어요", "했어", "했습니다.", "했다"], ["왔어요", "왔어", "왔습니다."],
        ["겠죠?", "겠지?"],
    ]  # fmt: skip
    for text in prompts():
        for family in (hada, *others):
            found = [end for end in family if text.rstrip(".?! ").endswith(end.rstrip(".?! "))]
            if found:
                now = max(found, key=len).rstrip(".?! ")
                bare = text.rstrip(".?! ").removesuffix(now)
                new = random.choice([end for end in family if end.rstrip(".?! ") != now])
                glued = bare.endswith(" ") and now.startswith(("하", "해"))
                if not glued:
                    yield text, bare + new, ""
                break


def laughter(text: str, random: Random) -> str:
    return text.rstrip() + random.choice(["ㅋㅋ", "ㅋㅋㅋㅋ", " ㅎㅎ", "ㅠㅠ", " ㅜㅜ", "^^", "~~", "ㅎ", "ㅋㅋㅋ!!"])


SPELLINGS = (
    "됐/됬 되나요/돼나요 할게/할께 갈게/갈께 볼게/볼께 거야/꺼야 거예요/거에요 며칠/몇일 오랜만/오랫만 "
    "역할/역활 찌개/찌게 깨끗이/깨끗히 어떡해/어떻해 어떻게/어떻케 웬만/왠만 굳이/구지 희한/희안 금세/금새 "
    "설거지/설겆이 이에요/이예요 안돼/않돼 안되/않되 메시지/메세지 콘텐츠/컨텐츠 주스/쥬스 비즈니스/비지니스 "
    "초콜릿/초콜렛 스케줄/스케쥴 애플리케이션/어플리케이션 슈퍼/수퍼 하세요/하새요 십시오/십시요 "
    "주세요/주세여 해줘/해죠 최댓값/최대값 개수/갯수 소시지/소세지 텔레비전/텔레비젼 디지털/디지탈 "
    "데이터/데이타 타깃/타겟 센터/센타 설렘/설레임 가르쳐/가르켜 같아/같애 쉽게/쉽개 이렇게/이렇케 "
    "콘셉트/컨셉 패밀리/페밀리 그렇게/그렇개 알고리즘/알고리듬 프레젠테이션/프리젠테이션 케이크/케익 "
    "액세서리/악세사리 레시피/레서피 리더십/리더쉽 카페/까페 없는/업는 있는/잇는 좋은/조은 괜찮/괜찬 "
    "싫어/시러 있어/잇어 했어/햇어 었어/엇어 했는데/햇는데 겠어/겟어 봤어/봣어 인터넷/인터냇 블로그/불로그 "
    "캠페인/켐페인 에너지/애너지 페이지/패이지 에세이/애세이 네트워크/내트워크 프로젝트/프로잭트 생각/셍각 "
    "세계/새계 재미/제미 대해/데해 게임/개임 제목/재목 예시/얘시 계획/게획 관계/관게 시계/시게 설명/설멍 "
    "무엇/무었 방법/방볍 바뀌/바껴 사귀/사겨 굉장/괭장 왠지/웬지 도대체/도데체 어쨌든/어쨋든 "
    "그러니까/그러니깐 원래/월래 오랫동안/오랜동안"
)


def spelling(random: Random) -> Iterator[Pair]:
    pairs = [pair.split("/") for pair in SPELLINGS.split()]
    for text in prompts():
        fitting = [(right, wrong) for right, wrong in pairs if right in text and right != wrong]
        if fitting:
            right, wrong = random.choice(fitting)
            yield text, text.replace(right, wrong, 1), ""


def slip(text: str, random: Random) -> str:
    """One jamo changed, lost or added, a syllable typed twice, or two syllables exchanged."""
    places = [at for at, character in enumerate(text) if "가" <= character <= "힣"]
    at = random.choice(places) if places else 0
    kind = random.random()
    if not places:
        return text
    if kind < 0.15:
        return text[: at + 1] + text[at:]
    if kind < 0.3 and at + 1 in places:
        return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    number = ord(text[at]) - 0xAC00
    onset, vowel, coda = number // 588, number // 28 % 21, number % 28
    which = random.randrange(3)
    onset = random.randrange(19) if which == 0 else onset
    vowel = random.randrange(21) if which == 1 else vowel
    coda = (
        (0 if coda and random.random() < 0.5 else random.choice([1, 4, 8, 16, 17, 19, 20, 21])) if which == 2 else coda
    )
    return text[:at] + chr(0xAC00 + (onset * 21 + vowel) * 28 + coda) + text[at + 1 :]


def changed(change: Callable[[str, Random], str], random: Random) -> Iterator[Pair]:
    """Each prompt with a change of form, but for prompts that hold another text, of which every letter may count."""
    for text in prompts():
        if not HOLDS_ANOTHER.search(text) and (new := change(text, random)) != text:
            yield text, new, ""


#: How a prompt quotes a text, or begins to hold one.
HOLDS_ANOTHER = re.compile("[\"'“”‘’「」『』《》〈〉:]")
MENTIONS = [
    "친구가 '{}'라고 답장했는데 무슨 뜻일까?",
    "“{}” 이 말에 어떤 마음이 담겨 있어?",
    "회의에서 「{}」라고 해도 괜찮을까요?",
    '시험지에 "{}"라고 적으면 감점이야?',
    "이 문장에서 고칠 곳을 찾아 주세요: {}",
    "다음 말을 듣고 상대가 느낄 기분을 맞혀 보세요.\n{}",
    "어느 나라 말로 옮겨도 좋으니 옮겨 줘: {}",
    "아래 글이 사람이 쓴 글인지 판단해 줘.\n\n{}",
    "이 대사는 누가 한 말일까? {}",
    "{}\n위 문장에 별점을 매겨 줘",
]


def mentioned(random: Random) -> Iterator[Pair]:
    """A text that is quoted or worked on, and the same with a change of form."""
    some = [text for text in prompts() if not HOLDS_ANOTHER.search(text) and "." not in text[:-1]]
    streams = [politeness(random), particles(random), spelling(random)]
    while True:
        kind = random.randrange(6)
        if kind < 3:
            one, other, _ = next(pair for pair in streams[kind] if not HOLDS_ANOTHER.search(pair[0]))
        else:
            one = random.choice(some)
            other = (without_space, punctuation, laughter)[kind - 3](one, random)
        one, other = one.rstrip("."), other.rstrip(".")  # a full stop alone changes nothing
        if one != other:
            template = random.choice(MENTIONS)
            yield template.format(one), template.format(other), ""


def content_words(random: Random) -> Iterator[Pair]:
    yield from itertools.islice(exchanged(NOUNS, TEMPLATES, random), PAIRS // 2)
    nouns = sorted({word for pair in NOUNS.split() for word in pair.split("/") if len(word) > 1})
    for text in prompts():
        if found := re.search(r"(?<![가-힣])([가-힣]{2,4})(?=(?:을|를|의|에 대한|에 대해) )", text):
            yield text, text[: found.start()] + random.choice(nouns) + text[found.end() :], ""


def particles(random: Random) -> Iterator[Pair]:
    streams = [replaced(pattern, lambda found, new=new: found.expand(new)) for pattern, new in PARTICLES]
    for group in itertools.zip_longest(*streams):
        yield from filter(None, group)


CONTRACTIONS = [
    (r"(?<=는 )것이(?= )", "게"),
    (r"(?<=는 )것을(?= )", "걸"),
    (r"(?<=는 )것은(?= )", "건"),
    (r"(?<=[가-힣])에게는(?= )", "에겐"),
    (r"(?<=[가-힣])에서는(?= )", "에선"),
    (r"(?<=[가-힣])까지는(?= )", "까진"),
    (r"되었", "됐"),
    (r"하였", "했"),
    (r"^나는 ", "난 "),
    (r"이것은 ", "이건 "),
    (r"(?<=할 )때는(?= )", "땐"),
    (r"무엇을(?= )", "뭘"),
    (r"무엇이(?= )", "뭐가"),
    (r"(\d(?:일|주|개월|년|분)) 동안", r"\1간"),
    (r"일주일 동안", "일주일간"),
]
TOPICS = "방학 커피 여행 시험 운동 독서 이사 면접 요리 산책 노래 그림 농사 저축 낚시 등산"
TIMES = "3일 10일 2주 5주 6개월 4년 30분 일주일 사흘 며칠 두달 세달 수년"
DURATIONS = [
    "{} 동안 {} 계획을 세워 주세요.",
    "{} 동안 {} 때문에 잠을 못 잤어",
    "{}에 대해 {} 동안 배운 내용을 정리해 줘",
    "{} 준비를 {} 동안 하면 충분할까요?",
]
WHENS = "오늘 어제 내일 매일 자주 빨리 천천히 학교에서 집에서 영어로 몰래 자세히"
CLAUSES = (
    "온/책을 배달된/옷을 우는/아이를 쓰는/컵을 먹은/빵을 쓴/편지를 만든/로봇을 그린/그림을 고른/선물을 자는/고양이를"
)
VERBS = "읽었어 버렸어 보여줘 찾았어 돌려줬어 칭찬했어 옮겼어 기다렸어"


def contractions(random: Random) -> Iterator[Pair]:
    """Prompts with a word that is contracted; and templates of how long something takes."""
    streams = [replaced(pattern, lambda found, new=new: found.expand(new)) for pattern, new in CONTRACTIONS]
    for group in itertools.zip_longest(*streams):
        yield from filter(None, group)
    while True:
        topic, time, template = random.choice(TOPICS.split()), random.choice(TIMES.split()), random.choice(DURATIONS)
        words = (topic, time) if template.index("동안") > 8 else (time, topic)
        more = " " + random.choice(prompts())
        one = template.format(*words) + more
        yield one, one.replace(" 동안", "간", 1), ""


def moved_adverbs(random: Random) -> Iterator[Pair]:
    """An adverb that belongs to a predicate before a noun, and the same word behind the noun."""
    while True:
        when, clause, verb = random.choice(WHENS.split()), random.choice(CLAUSES.split()), random.choice(VERBS.split())
        predicate, noun = clause.split("/")
        more = " " + random.choice(prompts())
        yield f"{when} {predicate} {noun} {verb}.{more}", f"{predicate} {noun} {when} {verb}.{more}", ""


MEANING: dict[str, Callable[[Random], Iterator[Pair]]] = {
    "negation": negation,
    "name": lambda random: exchanged(NAMES, TEMPLATES, random),
    "numeral": numerals,
    "number": lambda random: replaced(r"\d+", lambda found: str(int(found[0]) + 1)),
    "unit": units,
    "direction": lambda random: crossed(LANGUAGES, DIRECTIONS, random),
    "route": lambda random: crossed(PLACES, ROUTES, random),
    "role": lambda random: crossed(PEOPLE, ROLES, random),
    "polarity": lambda random: exchanged(POLES, POLE_TEMPLATES, random),
    "moved adverb": moved_adverbs,
    "content word": content_words,
    "sign": lambda random: exchanged(SIGNS, SIGN_TEMPLATES, random),
    "task about form": form_tasks,
    "mentioned text": mentioned,
    "capitals": capitals,
}
SAME: dict[str, Callable[[Random], Iterator[Pair]]] = {
    "spacing": lambda random: changed(without_space, random),
    "punctuation": lambda random: changed(punctuation, random),
    "comma": lambda random: changed(comma, random),
    "width": lambda random: changed(wide, random),
    "NFD": lambda random: changed(lambda text, _: unicodedata.normalize("NFD", text), random),
    "particle": particles,
    "politeness": politeness,
    "contraction": contractions,
    "laughter": lambda random: changed(laughter, random),
    "spelling": spelling,
    "typo": lambda random: changed(slip, random),
}


def run(kind: str) -> list[tuple[Pair, bool]]:
    """The pairs of a kind, and whether one row of each was dropped for the other."""
    pairs = list(itertools.islice(distinct((MEANING | SAME)[kind](Random(7))), PAIRS))
    rows = []
    for number, (one, other, given) in enumerate(pairs):
        inputs = given.split("\t") if "\t" in given else [given, given]
        tools = json.dumps([{"name": str(number)}])  # so that no other pair is compared with this one
        rows += [
            {"instruction": text, "input": material, "output": f"답 {kind}", "tools": tools}
            for text, material in zip((one, other), inputs, strict=True)
        ]
    reasons = dedupe(pa.Table.from_pylist(rows))["reject_reason"].to_pylist()
    return [(pair, reasons[2 * at] is not None or reasons[2 * at + 1] is not None) for at, pair in enumerate(pairs)]


def distinct(pairs: Iterator[Pair]) -> Iterator[Pair]:
    """The pairs, each once, until nothing new comes."""
    seen: set[Pair] = set()
    repeats = 0
    for pair in pairs:
        repeats = repeats + 1 if pair in seen else 0
        if repeats > 200:
            return
        if pair not in seen:
            seen.add(pair)
            yield pair


READ = """
Of 29 November 2026. The rules of the day before found 72 (2.40%) of the contractions, and lost a row of 2,684 (89.47%)
of the pairs with a moved adverb ("오늘 온 책을 읽었어", "온 책을 오늘 읽었어"); all other figures were the same. Of the
contractions that are missed, most stand in a quoted text or under an instruction about form, where every difference
counts.

## Dropped rows, read

    KO_INSTRUCT_DATA=…/data python -m benchmarks.dedupe_dropped chatbot 200 (or koalpaca, nsmc)

Rows dropped as `near`, drawn at random and read by the session that wrote the rules; exact copies are left out.

| dataset | dropped as near | read | say something else |
|---|---|---|---|
| Chatbot_data | 33 of 11,823 | 33 | 0 |
| KoAlpaca v1.0 | 2 of 24,193 | 2 (width alone) | 0 |
| NSMC | 3,925 of 200,000 | 200 of an earlier run, and all 16 that are new | 0 |

## Whether the form of an input matters to its label

    KO_INSTRUCT_DATA=…/data python -m benchmarks.dedupe_labels

Two reviews that are equal, or differ in form alone, and how often their labels differ (긍정, 부정; NSMC). Reviews that
differ in laughter, ㅠㅠ or exclamation marks have different labels less often than equal reviews have; with other marks
(…, ;;, ~) a little more often. So form alone does not make another input: a row is dropped where its label is the same,
too, and with another label both stay. Where the instruction asks for tone, irony, closeness or the strength of a
feeling, every difference counts.

| difference | pairs | labels differ |
|---|---|---|
| none: equal texts | 5,821 | 9.3% |
| several | 15,374 | 5.1% |
| laughter in one of them | 2,601 | 3.9% |
| other marks, or more of the same | 2,287 | 12.2% |
| .. in one of them | 1,580 | 11.4% |
| ! in one of them | 1,526 | 3.3% |
| ending | 633 | 4.7% |
| ㅠ in one of them | 465 | 1.7% |
| spacing | 337 | 8.9% |
| spelling | 103 | 6.8% |
| ㅡㅡ in one of them | 61 | 4.9% |
| particle | 29 | 10.3% |

## Pairs by others

Scored at first sight, before any rule was changed for them (`tests/stages/test_dedupe_heldout.py` holds what is reached
now). Those who wrote the files `heldout` and the first `mentioned` had not read the rules; the others are by the author
of the rules.

| file | mean something else | lose a row | say the same | found |
|---|---|---|---|---|
| dedupe_pairs_heldout.jsonl | 93 | 1 | 79 | 58 |
| dedupe_pairs_heldout2.jsonl | 40 | 0 | 60 | 45 |
| dedupe_pairs_heldout3.jsonl | 75 | 3 | 75 | 46 |
| dedupe_pairs_heldout4.jsonl | 30 | 0 | 30 | 23 |
| dedupe_pairs_mentioned.jsonl: quoted texts, and texts to work on | 20 | 12 | | |
| dedupe_pairs_mentioned2.jsonl: the same in other words | 40 | 0 | | |
| dedupe_pairs_fresh.jsonl | 16 | 0 | 24 | 23 |
| dedupe_pairs_kinds.jsonl: contractions, moved spaces, word order | 60 | 4 | 51 | 10 |
| dedupe_pairs_fresh2.jsonl: the same in other words, after the rules | 61 | 1 | 59 | 50 |

Still missed: 위해서 and 려면, 지만 and 는데, 에서 and 에; in a short prompt a contracted past (취소되었을, 취소됐을);
and an adverb that moves over a predicate before a noun, where it may belong to that.

Of a text that is quoted, or that stands behind a colon or on a line of its own, every difference counts. That costs
duplicates: of all prompts, those that hold such texts included, 97.3 % of the pairs of spacing, 97.6 % of punctuation
and 95.7 % of commas were then found; before 99.2 %, 99.5 % and 98.7 %. The table above leaves out such prompts for
spacing, punctuation, commas, width, NFD, laughter and typos; they are the kind "mentioned text".
"""


def main(*arguments: str) -> None:
    if arguments:
        kind, count = arguments[0], int(arguments[1]) if len(arguments) > 1 else 20
        wrong = [pair for pair, lost in run(kind) if lost == (kind in MEANING)]
        for pair in wrong[:: max(1, len(wrong) // count)]:
            print(*pair, sep="\n  ")
        return
    print("# Pairs that say the same or something else\n")
    print("    KO_INSTRUCT_DATA=…/data python -m benchmarks.dedupe_pairs > benchmarks/dedupe_pairs.md\n")
    print(
        "Default options; goals: at most 0.5 % of the pairs that mean something else; of the others at least 99 % for"
    )
    print("spacing, punctuation and width, 85 % for particle, politeness, contraction, laughter and spelling.\n")
    print("| pairs that | kind | pairs | lose a row |")
    print("|---|---|---|---|")
    for name, kinds in (("mean something else", MEANING), ("say the same", SAME)):
        for kind in kinds:
            found = run(kind)
            lost = sum(lost for _, lost in found)
            print(f"| {name} | {kind} | {len(found):,} | {lost:,} ({lost / len(found):.2%}) |", flush=True)

    print(READ, end="")


if __name__ == "__main__":
    main(*sys.argv[1:])
