"""What the row speaks of and does not hold: a page behind a link, an image."""

import re

from pipeline.stages.screen.requests import asks
from pipeline.stages.screen.texts import Texts, around
from pipeline.table.patterns import pattern
from schemas.options import ScreenOptions

_ONLY_URL = pattern(
    r"(?:[\w가-힣 ]{0,16}[:：\-]?\s{0,4})?(?:[\[(<][\w가-힣 ]{0,20})?(?:\]\()?[\[(<]?"
    r"(?:(?:https?://|www\.)\S+|[A-Za-z0-9][\w-]*(?:\.[\w-]+)*\.(?:com|net|org|kr|io|example|jp|cn|us"
    r"|uk|be|tv|me|info)/\S+)[\])>.]?"
)


#: Words of a request that needs the page behind the link.
_OF_THE_PAGE = pattern(r"요약|기사|영상|내용|게시|열고|읽고|논문|뉴스|블로그|비평|감상|평가|분류")


def url_only(texts: Texts, options: ScreenOptions) -> str | None:
    if asks(texts.instruction, "about-links") and not _OF_THE_PAGE.search(texts.instruction):
        return None
    text = texts.input or texts.instruction
    return (
        "the input is a link and nothing else: its content is not here" if _ONLY_URL.fullmatch(text.strip()) else None
    )


#: What is asked of a page, a film or a paper, and the words with which the request points at it.
_OF_THIS = pattern(
    r"(?:이|위|아래|다음|해당|첨부) ?(?:링크|영상|동영상|기사|글|게시글|게시물|블로그|논문|페이지|뉴스|사이트"
    r"|주소|문서|유튜브)|링크의|에 있는"
)
_OF_THE_LINK = pattern("도메인|단축|클릭|접속|안전|피싱|마크다운|HTML|파싱|추출|뽑")
_URL = pattern(r"(?:https?://|www\.)[^\s<>()가-힣]+")


def link_in_prompt(texts: Texts, options: ScreenOptions) -> str | None:
    """A request about what is behind a link in it, and nothing of that.

    >>> link_in_prompt(Texts("이 영상을 요약해 줘. https://vid.example/a1", "", ""), ScreenOptions())
    'the instruction is about a link whose content is not here'
    >>> link_in_prompt(Texts("https://a.example/b?c=1 에서 도메인만 뽑아 줘.", "", ""), ScreenOptions())
    """
    if texts.input or not _URL.search(texts.instruction):
        return None
    rest = _URL.sub(" ", texts.instruction)
    if not _OF_THIS.search(rest) or _OF_THE_LINK.search(rest) or len(re.findall(r"[가-힣A-Za-z0-9]", rest)) > 50:
        return None
    return "the instruction is about a link whose content is not here"


_PICTURE = (
    r"(?:이미지|사진|그림|도표|그래프|차트|스크린 ?샷|캡처(?: ?화면)?|삽화|포스터|지도|도형|도면"
    r"|일러스트|만화|악보|엑스레이|X선 사진|영상 캡처)"
)
_IMAGE = pattern(
    rf"(?<![가-힣])(?:이|다음|아래|위|위의|아래의|첨부|첨부된|첨부한|첨부 파일의|주어진|제시된|제공된"
    rf"|왼쪽|오른쪽|옆의?|올린|보낸|보내 ?드린|업로드한)"
    rf" (?:[가-힣]{{2,5}} )?{_PICTURE}(?:들)?(?: \d)?"
    rf"(?:을|를|에|의|이|은|는|속|에서|가|과|와|만|로|,|\s(?!목록|설명|자료 ?구조|이론|알고리즘|탐색|데이터베이스)|$)"
    rf"|(?:^|[.!?\n] ?){_PICTURE}(?:에서 |에 (?:보이|나온|나타난|있는|담긴|적힌|찍힌)| ?속(?:의|에|에서)? )"
    rf"|(?:^|[.!?\n] ?){_PICTURE}(?:을|를) (?:보고|참고|참조|바탕|분석해|보면|살펴)"
    rf"|(?:^|\s){_PICTURE} ?\d+(?:번)?(?:의|에서|을|를|은|는|에|과)? "
)
_IMAGE_MARK = pattern(
    r"!\[[^\[\]]*\]\([^()]*\)|<\w+\b[^<>]*>|https?://\S+|[\[(](?:[^\])\n]{0,20}(?:이미지|사진|그림|첨부|그래프"
    r"|도표|차트"
    r"|캡처|image)[^\])\n]{0,20})[\])]|\S{1,200}\.(?:png|jpe?g|gif|webp|bmp|pdf)"
)
_MADE_OF_TEXT = pattern(r"텍스트로|글자로|문자로|아스키|(?i:ascii)|이모지로|\S+ 설명(?:을|문)|캡션을 (?:고|다|바)")


#: “그림을 보고 이야기를 만드는 수업”: what people do with pictures, and no picture of this row.
_ACTIVITY = pattern(
    r"[^.!?\n]{0,30}[가-힣](?:는|은|을|ㄹ) ?(?:수업|활동|방법|놀이|학습|교육|치료|검사|사람|이유|까닭|직업"
    r"|능력|게임|책|기술|시간"
    r"|습관|훈련|과정|시험|대회|문제|것이|것은|것의|일은|일이)"
)


_LOOK_AT = pattern(rf"[.!?\n ]*{_PICTURE}(?:을|를) ")


#: What stands in a prompt for an image: `<image>` and the like, but for the tag or the token that a text speaks of.
PLACE = r"<\|?image(?:[_ -]?(?:[0-9]{1,3}|pad|placeholder|token))?\|?>|<\|vision_start\|>|<ImageHere>|\[IMG\]"
_IMAGE_PLACE = pattern(
    rf"(?<![`'\"‘“])(?:{PLACE})(?![`'\"’”])(?! ?(?:태그|요소|엘리먼트|토큰|플레이스홀더|tag|element|token))"
)
#: Fields of a record that hold an image, or say where it is.
_FIELDS = (
    r"(?:(?:image|img|picture|photo)s?(?:_(?:path|url|file|filename|name|id)s?)?|pixel_values|이미지|사진|그림"
    r"|이미지_?(?:경로|파일|파일명))"
)
FIELD = rf'"{_FIELDS}":(?:"[^"./]*[./]|\[[^\]]|\{{[^}}]|[0-9])'
_IMAGE_FIELD = pattern(FIELD)


def missing_image(texts: Texts, options: ScreenOptions) -> str | None:
    if place := _IMAGE_PLACE.search(texts.instruction):
        return f"{place[0]} in the instruction stands for an image, which a text row cannot hold"
    match = _IMAGE.search(texts.instruction)
    if not match or (match[0].endswith("에서 ") and re.search(r"방법|어떻게", texts.instruction)):
        return None
    if _LOOK_AT.match(match[0]) and _ACTIVITY.match(texts.instruction[match.end() :]):
        return None
    if _MADE_OF_TEXT.search(texts.instruction[max(0, match.start() - 12) : match.start()]):
        return None
    enough = 5 if asks(texts.instruction, "rewriting", "translation", "proofreading") else 15
    # A description in words, or a drawing of signs, may replace the image.
    words = _IMAGE_MARK.sub("", texts.input + texts.instruction[match.end() + 40 :])
    if len(re.findall(r"[가-힣A-Za-z0-9]", words)) > enough or len(re.findall(r"[*#|+/\\_─│■□●○]", words)) > 5:
        return None
    return f"the instruction speaks of an image that a text row cannot hold: {around(match)}"


def missing_image_in_input(texts: Texts, options: ScreenOptions) -> str | None:
    place = _IMAGE_PLACE.search(texts.input)
    return f"{place[0]} in the input stands for an image, which a text row cannot hold" if place else None


def image_field(texts: Texts, options: ScreenOptions) -> str | None:
    field = _IMAGE_FIELD.search(texts.meta)
    name = field and field[0].split('"')[1]
    return f"the field `{name}` of the record is an image, which a text row cannot hold" if name else None
