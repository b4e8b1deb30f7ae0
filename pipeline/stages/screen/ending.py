"""Answers that end before their end."""

import re

from pipeline.stages.screen.requests import asks
from pipeline.stages.screen.speech import levels
from pipeline.stages.screen.texts import Texts, any_of, unquoted
from pipeline.table.patterns import pattern
from schemas.options import ScreenOptions

#: Words that need something after them: connective endings, particles, adverbs that open a clause.
_OPEN_END = pattern(
    r"(?:[가-힣]*(?:으로|에서|에게|에는|에도|하고|하며|하면|하여|해서|지만|도록|위해|위한|대한|통해"
    r"|통한|하는|되는|있는|없는|라는|이는|로서|로써|부터|처럼|만큼|보다|마다|조차|까지"
    r"|했고|되며|되어|인해|으며|으면|으니|는데|은데|인데|면서|려고|려면|므로|거나|든지|다가|바르고"
    r"|[라다냐]고|이고|이며|았고|었고|였고|아서|어서|여서|[나가와려져춰워켜돼봐줘써꺼]서|[가-힣]며|[가-힣]지만"
    r"|[가-힣]므로|[가-힣]도록|있고|없고|지고|리고|치고|기고|오고|나고|쓰고|우고|추고|내고|키고|시고"
    r"|읽고|먹고|받고|찾고|씻고|놓고|넣고|좋고|많고|굽고|깎고|섞고"
    r"|볶고|[았었였했겠있없됐]습?)"
    r"|[가-힣]+(?<![마가노고])[을를은는]"
    r"|[가-힣]+ [가-힣]*(?<![회주정강동논문합의편예결고호창거협건유심상])의"
    r"|(?:^|\s)(?:및|또는|그리고|또한|하지만|그러나|그래서|따라서|때문에|예를 들어|예를 들면|즉|등의"
    r"|결국|특히|혹은|반면|반면에|만약|만일|왜냐하면|다만|게다가"
    r"|더불어|아울러|그런데|한편|먼저|우선|마지막으로|매우|가장|더욱|주로|바로|모든|여러|어떤|다른"
    r"|이런|그런|이러한|그러한|수|것이|데)"
    r"|[합습입됩]니|[는할될갈을] [수데]|,|같습니다:|다음:|들면:|예:)$"
)
#: The last letters of these, and an open quote, number or bracket.
MAY_BE_OPEN = (
    r"(?:[0-9A-Za-z가-힣,:<>=+&]|[0-9][.)]|[-*•(\[“‘「『{=|]|\s[\"'])[\s\pZ\x0b\x1c-\x1f\x{85}]*$|첫째|^\s*[{\[]"
)
_SENTENCE = pattern(r"[다요죠까음함됨야어아지해돼줘봐라네]\s?[.!?](?=\s|$|[\"”'’)])")
_ITEM = pattern(r"[ \t]*(?:[-*+•○●#>|]|\d{1,3}[.)]|[①-⑳]|[가-하][.)])")
#: A clause: a connective ending or a topic that needs a predicate after it.
_CLAUSE = pattern(r"[가-힣](?:고|며|면|서|지만|는데|니까|므로|아|어|여),? |[가-힣](?:은|는|이|가|을|를|에|에서|의|로) ")
_FINAL = pattern(
    r"(?:[다요죠까음함됨임봄짐감옴움춤큼]|[가-힣]것|[가-힣]기|[네지군자냐니래라마]"
    r"|[해야줘돼봐둬와어아]|등|끝|이상|예정|필요|가능|불가|때문|완료|중)$"
)
#: Verbs without an ending, and -아/-어, which ends a sentence in spoken speech only.
_STEM = pattern(r"[가-힣 ](?:되|하|있|없|않|싶|같|받|얻|않고|[아어여와워려져춰겨켜쳐펴혀]|[가-힣]해)$")
#: Adverbs and conjunctions that end no sentence of their own.
_ADVERB = any_of(
    *("스스로", "먼저", "우선", "더욱", "매우", "특히", "가장", "결국", "서로", "바로", "함께", "점점", "직접", "다시"),
    *("오히려", "반드시", "주로", "및", "그리고", "또한", "또는", "보다는", "자주", "조금", "조금씩", "천천히"),
    "꾸준히",
    *("충분히", "되도록", "이미", "아직", "계속", "항상", "늘", "따로", "미리", "가능한 한"),
)
#: “첫째,”, with the words that open what follows it.
_FIRST = pattern(r"(?:\A|(?<=[.!?:\n*])|(?<=[.!?:-] ))첫째(?:,|로,|는)")
_SECOND = pattern(r"둘째|두 ?번째|다음으로|다음은|그다음|또한|또,|그리고|마지막|끝으로|[\n ]2[.)]|한편|셋째|나머지")


def truncated(texts: Texts, options: ScreenOptions) -> str | None:
    text = texts.output.rstrip()
    if text.count("```") % 2:
        return "a code fence is opened and never closed"
    if text[:1] in ("{", "[") and sum(map(text.count, "{[")) > sum(map(text.count, "}]")) and '"' in text:
        return "the answer is JSON whose brackets are not closed"
    found = open_end(texts, text) if text else None
    return None if found and asks(texts.instruction, "continuation", "copy") else found


def open_end(texts: Texts, text: str) -> str | None:
    """What the answer ends in the middle of, and its last words.

    Here and below, whether an instruction asks for something is looked at last: that takes longest.
    """
    if how := open_form(texts, text):
        return f"{how}: “{text[-20:].strip()}”"
    last = text.rpartition("\n")[2]
    how = marker_alone(text, last) or open_quote(texts, text) or open_sentence(texts, text, last) or first_alone(text)
    return f"{how}: “{last[-20:].strip()}”" if how else None


def open_form(texts: Texts, text: str) -> str | None:
    """A table, an emphasis, a block of code or an announcement that is opened and never closed.

    >>> open_form(Texts("표로 정리해 줘.", "", ""), "| 월 | 걷기 |\\n| 화 | 뛰기 |\\n| 수")
    'the last row of the table is not closed'
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    before, last = lines[:-1], lines[-1]
    if last.startswith("|") and len(before) >= 2 and before[-1].startswith("|") and before[-1].endswith("|"):
        return None if last.endswith("|") else "the last row of the table is not closed"
    if text.count("**") % 2 and last.count("**") % 2 and re.search(r"\*\*[가-힣A-Za-z][^*]*$", last):
        return "the answer ends in an open emphasis"
    if text.count("{") > text.count("}") and re.search(r"[;{=]\s*$|;\n", text) and asks(texts.instruction, "code"):
        return "the answer ends in an open block of code"
    if re.search(r"[A-Za-z0-9_)](?: (?:[<>=+&]|AND|OR)|[,(])$", last) and asks(texts.instruction, "code"):
        return "the answer ends in an operator"
    if before and re.search(r"(?:다음|아래)[과와] ?같(?:습니다|다|아요)[.:]?$", last):
        return "the answer ends where a list begins"
    if re.search(r"[가-힣](?: [(\[“‘「『]|[(\[])$", last):
        return "the answer ends in an open bracket"
    if last.endswith((":", "：")) and re.search(
        r"(?:습니다|다음과 같(?:다|아요|이)|예를 들어|[가-힣] ?예시?|방법|순서|단계|이유) ?[:：]$", last
    ):
        return "the answer ends where a list begins"
    return None


def first_alone(text: str) -> str | None:
    """A first reason that is followed by no second one.

    >>> first_alone("이유는 두 가지입니다. 첫째, 값이 쌉니다.")
    'the answer has a first point and no second one'
    >>> first_alone("첫째, 값이 쌉니다. 둘째, 맛있습니다.")
    """
    match = _FIRST.search(text)
    return "the answer has a first point and no second one" if match and not _SECOND.search(text, match.end()) else None


def marker_alone(text: str, last: str) -> str | None:
    """The number or the dash of a list item, with nothing after it."""
    if re.fullmatch(r"\s*(?:\d{1,3}[.)]|[-*•])\s*", last) and _ITEM.match(
        text[: -len(last)].rstrip().rpartition("\n")[2]
    ):
        return "the answer ends with the mark of a list item"
    return None


def open_quote(texts: Texts, text: str) -> str | None:
    """A quotation or a bracket that is opened in the last words and never closed."""
    found = _open_quote(text)
    return None if found and asks(texts.instruction, "code", "verse", "short") else found


def _open_quote(text: str) -> str | None:
    tail = text[-60:]
    if not _SENTENCE.search(text):
        line = text.rpartition("\n")[2]
        at = line.rfind("(") if "\n" in text and text.count("(") > text.count(")") else -1
        in_words = at >= 0 and re.search(r"\([가-힣]{2,} [^()]*[가-힣]$", line[at:])
        return "the answer ends in an open bracket" if in_words else None
    for opened, closed in ("“”", "‘’", "「」", "『』"):
        at = tail.rfind(opened)
        if at >= 0 and closed not in tail[at:] and text[-1] not in ".!?…":
            return "the answer ends in an open quotation"
    at = tail.rfind('"')
    odd = text.count('"') % 2 and not re.search(r'\d"', text)
    if odd and at >= 0 and (at == 0 or tail[at - 1] in " \n(") and text[-1] not in ".!?…":
        return "the answer ends in an open quotation"
    at = tail.rfind("(") if text.count("(") > text.count(")") else -1
    if at >= 0 and ")" not in tail[at:] and re.match(r"\([가-힣]", tail[at:]) and text[-1] not in ".!?…":
        return "the answer ends in an open bracket"
    return None


def open_sentence(texts: Texts, text: str, last: str) -> str | None:
    """The last line is prose, or an item of full sentences, and stops where a sentence needs more."""
    if not _open_sentence(text, last) or asks(texts.instruction, "verse", "title", "code", "short", "json"):
        return None
    return "the answer ends in mid-sentence"


def _open_sentence(text: str, last: str) -> bool:
    item = _ITEM.match(last)
    sentences = _SENTENCE.findall(text[: len(text) - len(last)] if item else text)
    if not sentences and re.search(r"[가-힣](?:[합습입됩]니|기 때)$", last):
        return True
    if not sentences:
        return (len(last) >= 25 and not item and alone_open(last)) or ("\n" in text and joins(last))
    rest = _SENTENCE.split(last)[-1].strip() if not item else last[item.end() :].strip()
    if item:
        return len(sentences) > 1 and (item_open(rest) or unlike_the_others(text[: len(text) - len(last)], rest))
    if _OPEN_END.search(rest[-12:]) and (len(rest) < len(last) or len(last) >= 10):
        return True
    if len(rest) < len(last) and rest.count(" ") >= 2 and (joins_noun(rest) or unlike_the_others(text, rest)):
        return True
    return cut_word(rest) or (len(rest) < len(last) and stem(text, rest))


def unlike_the_others(text: str, rest: str) -> bool:
    """Whether a last part of three words or more has no end, where all before it end in full stops.

    >>> unlike_the_others("1. 물을 끓입니다.\\n2. 면을 넣습니다.\\n", "파를 송송 썰어 넣고 한")
    True
    """
    if rest.count(" ") < 2 or not "가" <= rest[-1] <= "힣" or _FINAL.search(rest) or re.search(r"[-:#]|\d[.)]", rest):
        return False
    if not _CLAUSE.search(rest) or rest.count(",") > 2:
        return False
    lines = [line.rstrip() for line in text.removesuffix(rest).splitlines() if line.strip()]
    whole = [line for line in lines if re.search(r"[다요죠]\s?[.!?][\"”'’)]?$", line)]
    return len(whole) == len(lines) >= 1


def item_open(rest: str) -> bool:
    """Whether an item stops early, in a list of full sentences. An item that names a thing ends where it likes."""
    if len(rest) < 4 or rest[-1] in "은는을를":
        return False
    return bool(_OPEN_END.search(rest[-12:]) or (rest.count(" ") > 3 and re.search(rf" {_ADVERB}$", rest)))


#: Nouns that end as a particle does: 사과, 결과, 기와.
_NOUN_END = pattern(
    r"(?:[사결효학치초통교내외안성경전부산제문이공법상예시약과모]과|[기조다]와|마을|가을|노을|겨를|고을|개울"
    r"|저울|[소취목고부]를)$"
)


def joins(last: str) -> bool:
    """Whether a line of a list ends in a particle that joins its noun to another word.

    >>> joins("저녁: 두부와"), joins("- 사과")
    (True, False)
    """
    return bool(
        re.search(r"[가-힣](?:와|과|을|를|및|에게|에서|으로부터|까지의|에 대한)$", last)
    ) and not _NOUN_END.search(last)


#: A clause with a predicate, and then a word that waits for its noun or verb: … 풍부하여 피부 미용에
_WAITS = pattern(
    r"[가-힣](?:하여|고|며|면서|지만|는데|아서|어서|해|[은을] 뒤|[은을] 후),? .{3,}[가-힣]"
    r"(?:의|에서|에게|에는|때는|에|[을를]|적인|스러운|로운|양한|[위대통]한|있는|없는|하는|되는|같은|많은)$"
)


def joins_noun(rest: str) -> bool:
    """Whether it ends in the particle of "and", behind a letter that no noun in -와 or -과 has: 이 ATP와."""
    return bool(re.search(r"[A-Za-z0-9가-힣]{2}[와과]$", rest)) and not _NOUN_END.search(rest)


def alone_open(last: str) -> bool:
    if last.count(",") < 4 and _WAITS.search(last[-160:]) and not _NOUN_END.search(last):
        return True
    return bool(
        _CLAUSE.search(last)
        and (
            re.search(rf"(?:하고|하며|으며|지만|때문에|므로|면서|거나|,| {_ADVERB})$", last)
            or re.search(r"[가-힣](?:며|면|지만|므로|는데)[, ].{6,}[가-힣]{2,}[을를]$", last[-120:])
        )
    )


def stem(text: str, rest: str) -> bool:
    """A verb without its ending, behind sentences that all end in polite or written speech."""
    polite, written, spoken = levels(unquoted(text[: len(text) - len(rest)]))
    return (
        polite + written >= 1
        and not spoken
        and rest.count(" ") >= 2
        and rest.count(",") < 3
        and bool(_STEM.search(rest))
    )


def cut_word(rest: str) -> bool:
    """A clause that began in a text of full sentences, and has come to no predicate: its last word is half a word."""
    if len(rest) < 12 or not "가" <= rest[-1] <= "힣" or ":" in rest or _FINAL.search(rest):
        return False
    if rest.count(",") > 3 or re.search(r"\d[.)]", rest):  # a list in one line
        return False
    return len(_CLAUSE.findall(rest)) >= 2 and bool(
        re.search(r"[가-힣](?:고|며|면|서|지만|는데|므로|는|은|에는)[, ]", rest)
    )
