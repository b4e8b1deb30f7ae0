"""Texts in Korean and in another language side by side, as the lines of toml that translate one to the other."""

import re
from collections.abc import Iterator

from pipeline.stages.ingest.fields.paths import Record
from schemas.shapes import Template

#: Languages as the names of fields call them, and in Korean.
LANGUAGES = {
    **dict.fromkeys(("ko", "kor", "korean", "kr", "한국어", "국문", "한글", "국어"), "한국어"),
    **dict.fromkeys(("en", "eng", "english", "영어", "영문"), "영어"),
    **dict.fromkeys(("ja", "jp", "jpn", "japanese", "일본어", "일어", "일문"), "일본어"),
    **dict.fromkeys(("zh", "cn", "zho", "chi", "chinese", "중국어", "중문"), "중국어"),
    **dict.fromkeys(("de", "deu", "ger", "german", "독일어"), "독일어"),
    **dict.fromkeys(("fr", "fra", "fre", "french", "프랑스어", "불어"), "프랑스어"),
    **dict.fromkeys(("es", "spa", "spanish", "스페인어"), "스페인어"),
    **dict.fromkeys(("ru", "rus", "russian", "러시아어"), "러시아어"),
    **dict.fromkeys(("vi", "vie", "vietnamese", "베트남어"), "베트남어"),
    **dict.fromkeys(("id", "ind", "indonesian", "인도네시아어"), "인도네시아어"),
    **dict.fromkeys(("th", "tha", "thai", "태국어"), "태국어"),
}
WORD = re.compile(r"[^\W_]+")


def translations_in(record: Record) -> Iterator[Template]:
    """Both directions, where a record or an object in it holds a text in Korean and one in another language."""
    objects = ((f"{key}.", item) for key, item in record.items() if isinstance(item, dict))
    for prefix, fields in (("", record), *objects):
        texts = [key for key, value in fields.items() if isinstance(value, str)]
        found = {language: prefix + key for key in texts if (language := _language(key))}
        others = [language for language in found if language != "한국어"]
        for other in others if "한국어" in found else ():
            yield _to(other, found["한국어"], found[other])
            yield _to("한국어", found[other], found["한국어"])
        if "한국어" in found and others:
            return


def _to(language: str, source: str, target: str) -> Template:
    return Template(instruction=f"다음 글을 {language}로 옮기세요.", input=f"{{{source}}}", output=f"{{{target}}}")


def _language(key: str) -> str | None:
    """The language that a name names: `kor_sent`, `text-en`. (`id` alone is a number of a record.)

    >>> _language("kor_sent"), _language("EN"), _language("id"), _language("content")
    ('한국어', '영어', None, None)
    """
    words = WORD.findall(key.casefold())
    named = [LANGUAGES[word] for word in words if word in LANGUAGES and words != ["id"]]
    return named[0] if len(set(named)) == 1 else None
