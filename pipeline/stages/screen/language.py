"""The language of a text by its scripts, and by lingua where scripts do not decide and the options ask for it."""

import functools
import re
from typing import Any

from pipeline.table.scripts import letters as letters
from schemas.errors import MissingLibraryError, install

#: A text in another language has a stretch of its letters: four words of Latin, four letters of others.
FOREIGN = (
    r"(?:[A-Za-z\x{00C0}-\x{024F}\x{1E00}-\x{1EFF}]+[ ,.'-]+){3}[A-Za-z\x{00C0}-\x{024F}]"
    r"|[\x{0370}-\x{06FF}\x{0900}-\x{0E7F}\x{3041}-\x{30FF}\x{3400}-\x{9FFF}]{4}"
)
#: A whole text without Hangul, of words in small letters or of Han.
NO_HANGUL = r"^[^가-힣]*(?:[a-z]{3}[ ,.:;\n]+[^가-힣]*[a-z]{3}|[\x{4E00}-\x{9FFF}]{2})[^가-힣]*$"

#: The script of each language that an instruction asks for by name.
SCRIPT_OF_LANGUAGE = {
    "Korean": "Hangul",
    **dict.fromkeys(("English", "French", "Spanish", "German", "Italian", "Portuguese"), "Latin"),
    **dict.fromkeys(("Vietnamese", "Indonesian", "Latin"), "Latin"),
    "Japanese": "Kana",
    "Chinese": "Han",
    "Russian": "Cyrillic",
    "Hindi": "Devanagari",
}

#: Words that every text of some sentences has, and that are no names.
FUNCTION_WORDS = {
    name: frozenset(words.split())
    for name, words in {
        "English": "the a an this that these those each every either neither both all some any no none few many much "
        "most more less several such same other another own enough "
        "i you he she it we they me him her us them my your his its our their mine yours who whom whose which what "
        "someone anyone everyone something anything everything nothing "
        "is are was were be been being am do does did have has had having can could will would shall should may might "
        "must not don't doesn't isn't aren't can't won't "
        "of in on at to for from by with about into onto over under between among through during before after above "
        "below against without within toward towards upon across along around behind beyond near off out up down "
        "per since until like "
        "and or but nor so yet because although though while when whenever where wherever if unless whether as than "
        "that then there here also very just only too even still again always never often usually sometimes however "
        "therefore how why well",
        "French": (
            "le la les un une des du de et est sont dans pour avec que qui ne pas je vous nous il elle ce cette sur au"
        ),
        "Spanish": "el la los las un una de del y en es son que se por con para no su al lo mientras muy como más",
        "German": "der die das und ist sind ein eine nicht mit ich wir sie er es zu von den dem auf für im auch wie",
        "Italian": "il lo la gli un una di e è che per con non sono si del della nel come più molto",
        "Portuguese": "o a os as um uma de do da e é que não para com em no na se mais muito como",
        "Vietnamese": "là của và có không một những được trong cho người với các này tôi rất",
        "Indonesian": "dan yang di ini itu dengan untuk adalah tidak dari saya ke pada sangat",
    }.items()
}


def latin_language(text: str) -> str | None:
    """The language of sentences in Latin letters, by their function words; None for names, titles and single words.

    >>> latin_language("Seoul is the capital of Korea.")
    'English'
    >>> latin_language("BTS, BLACKPINK, NewJeans")
    """
    words = re.findall(r"[^\W\d_]+", text.lower())
    hits = {name: sum(word in known for word in words) for name, known in FUNCTION_WORDS.items()}
    best = max(hits, key=lambda name: hits[name])
    few = len(words) < 4 or hits[best] < 2 or hits[best] * 6 < len(words)
    if few and is_other_prose(text):
        return "Latin"
    return None if few or text.istitle() else best


def is_other_prose(text: str) -> bool:
    """Whether it is a sentence in a language whose words are not listed: small words, and letters beyond A to Z.

    >>> is_other_prose("Her gün otuz dakika yürüyün ve şekerli içecekleri bırakın.")
    True
    >>> is_other_prose("Café Müller, Château Margaux")
    False
    """
    words = re.findall(r"[^\W\d_]+", text)
    small = sum(word.islower() for word in words)
    beyond = sum(not word.isascii() for word in words)
    return len(words) >= 8 and small * 3 >= len(words) * 2 and beyond >= 2


def share(counts: dict[str, int], script: str) -> float:
    total = sum(counts.values())
    return counts.get(script, 0) / total if total else 0.0


def name_of(text: str, counts: dict[str, int], identify: bool) -> str:
    """What the text is written in: the language where its script or lingua decides it, else the script."""
    if counts.get("Kana"):
        return "Japanese"
    script = max(counts, key=lambda name: counts[name])
    if identify and script in ("Latin", "Cyrillic", "Arabic", "Han"):
        language = _detector().detect_language_of(text)
        if language is not None:
            return str(language.name.title())
    return f"{script} script"


@functools.cache
def _detector() -> Any:
    try:
        from lingua import LanguageDetectorBuilder
    except ImportError as error:
        raise MissingLibraryError(
            f"screen.identify needs lingua, which works offline: {install('language')}. "
            "Or leave identify off and let the scripts decide."
        ) from error
    return LanguageDetectorBuilder.from_all_languages().with_low_accuracy_mode().build()
