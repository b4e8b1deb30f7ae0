"""Protected spans: the parts of a text that are not prose. Text fixes leave them alone; screening reads around them.

A span is fenced or inline code, LaTeX, a URL, an e-mail address, a file path, a Markdown table, the indentation and
marker of a Markdown list item (its words are prose), or a JSON or XML block. Every search is linear in the text: a
delimiter that is never closed is looked for once.
"""

import functools
import re

#: Takes the place of a span in the prose. A noncharacter: Unicode promises it no meaning, and one that is in the text
#: all the same is itself hidden as a span.
MARK = "\ufdd0"

#: Whole spans first, then the openers whose end is looked for. The first alternative that matches wins; the lookaheads
#: only spare most characters most of the alternatives.
_START = re.compile(
    rf"""
      (?P<fence>`{{3,}}|^[ ]{{0,3}}~~~(?=[\w-]*+$))
    | (?P<span>
          (?=[`${MARK}])(?:
              ``(?:[^`\n]|`(?!`))++`` | `[^`\n]++` | {MARK}
            | \$(?=[^\s$])[^$\n]*+(?<=\S)\$(?!\d)
          )
        | (?=[hfw])(?:(?:https?|ftp)://|\bwww\.)[^\s<>"`\u200b\u2060\ufeff]++
        | (?<![\w.%+-])[\w.%+-]++@[A-Za-z0-9-]++(?:\.[A-Za-z0-9-]++)++
        | (?=[A-Za-z~./])(?<![\w/.:~<])(?:[A-Za-z]:[\\/]|~/|\.{{1,2}}/|/)(?=[\w.])[\w./\\@%+~-]++
        | ^(?:
              [ \t]*+\|[^\n]*\|[ \t]*$
            | [^\n|]*+\|[^\n]*+\n[ \t]*+:?-{{2,}}+:?[ \t]*+\|[ \t|:-]*+(?:\n[^\n|]*+\|[^\n]*+)*+
            | [ \t]*+(?:[-*+•]|\d{{1,9}}[.)])(?:[ \t]++|$)
          )
      )
    | (?=[$\\{{[])(?:
          (?P<math>\$\$|\\\(|\\\[)
        | (?P<environment>\\begin\{{)
        | (?P<json>\{{(?=\s*+["}}])|\[(?=\s*+["{{\[\d]))
      )
    | ^[ \t]*+(?:(?P<xml><(?=[A-Za-z]))|(?P<document><(?:!DOCTYPE|\?xml)))
    """,
    re.VERBOSE | re.MULTILINE,
)
#: What every span has one of. Most prose has none, and is so done with.
_SIGN = re.compile(rf"[`~$@/\\|{{\[<{MARK}]|www\.|^[ \t]*+(?:[-*+•]|\d{{1,9}}[.)])", re.MULTILINE)
#: Without these a span starts with one of _AT, or a line.
_ANYWHERE = ("@", ":/", ":\\", "www.", "./")
_AT = re.compile(rf"[\n`$~/\\{{\[{MARK}]")
#: Backticks in code: those with a name behind them open a fence in a fence, those at the end of a line close one.
_FENCE = re.compile(r"(?P<opens>^[ \t]*`{3,}(?=[\w+#.-]++[ \t]*$))|(?P<closes>`{3,}(?=[ \t]*$))|`{3,}", re.MULTILINE)
_CLOSE = {"$$": "$$", "\\(": "\\)", "\\[": "\\]"}

#: Openers and closers that nest, by name. <s> is left out: it is the start token of language models, too.
_NESTED = {
    "environment": re.compile(r"\\(?:begin\{(?P<open>\w+\*?)\}|end\{(?P<close>\w+\*?)\})"),
    "xml": re.compile(r"<(?P<open>(?!s>)[A-Za-z][\w:-]*+)(?:\s[^<>]*+)?(?<!/)>|</(?P<close>[A-Za-z][\w:-]*+)>"),
    "json": re.compile(r'"(?:[^"\\\n]|\\.)*+"|(?P<open>[{\[])|(?P<close>[}\]])'),
}
_OPEN = {"}": "{", "]": "["}


def find_spans(text: str, blocks: bool = True) -> list[tuple[int, int]]:
    """The protected spans as (start, end), in order and apart; without `blocks` those of XML and HTML are left out."""
    if not _SIGN.search(text):
        return []
    spans: list[tuple[int, int]] = []
    ends = _Ends(text)
    at = 0
    search = _START.search if any(sign in text for sign in _ANYWHERE) else _search_at_signs
    while start := search(text, at):
        kind = start.lastgroup or ""
        end = -1 if kind in ("xml", "document") and not blocks else ends.of(start, kind)
        if end < 0:
            at = start.end()
        else:
            spans.append((start.start(kind), end))
            at = end
    return spans


def _search_at_signs(text: str, at: int) -> re.Match[str] | None:
    """The same as `_START.search` of a text without _ANYWHERE, where it looks at few places: a long text has many."""
    while True:
        if (not at or text[at - 1] == "\n") and (start := _START.match(text, at)):
            return start
        sign = _AT.search(text, at)
        if not sign:
            return None
        at = sign.end()
        if sign[0] != "\n" and (start := _START.match(text, at - 1)):
            return start


class _Ends:
    """Where spans of a text end. What was looked for once is known: the pairs that nest, and what is never closed."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.pairs: dict[str, dict[int, int]] = {}
        self.never: set[str] = set()

    def of(self, start: re.Match[str], kind: str) -> int:
        """The end of the span that starts so, -1 where it has none."""
        at, opener = start.end(), start[kind]
        match kind:
            case "span":
                return at
            case "document":
                return len(self.text)
            case "fence":
                return _fence_end(self.text, at, len(opener)) if opener[0] == "`" else _tildes_end(self.text, at)
            case "math":
                return self._math_end(opener, at)
        if kind not in self.pairs:
            self.pairs[kind] = _matching(_NESTED[kind], self.text)
        return self.pairs[kind].get(start.start(kind), -1)

    def _math_end(self, opener: str, at: int) -> int:
        close = -1 if opener in self.never else self.text.find(_CLOSE[opener], at)
        if close < 0:
            self.never.add(opener)
            return -1
        return close + 2


def _tildes_end(text: str, at: int) -> int:
    """The end of a fence of tildes. One that is not closed is code to the end: the answer was cut off."""
    close = text.find("\n~~~", at)
    return len(text) if close < 0 else close + 4


def _fence_end(text: str, at: int, length: int) -> int:
    r"""The end of a fence of this number of backticks, whose code begins at `at`: a fence in it ends before it does.

    One that is not closed is code to the end.

    >>> _fence_end("````md\n```py\nx\n```\n````\n끝", 4, 4), _fence_end("```md\n```py\nx\n```\n```\n끝", 3, 3)
    (23, 21)
    >>> _fence_end("```x``` 다음", 3, 3), _fence_end("```py\nx\n```js\ny\n```\n끝", 3, 3)
    (7, 19)
    """
    depth, first = 1, -1
    inline = "\n" not in text[at : at + 200].partition("`")[0]
    for sign in _FENCE.finditer(text, at):
        if len(sign[0].lstrip()) < length:
            continue
        if inline:
            return sign.end()
        if sign["opens"]:
            depth += 1
            continue
        first = sign.end() if first < 0 else first
        depth -= 1
        if not depth:
            return sign.end()
    return first if first >= 0 else len(text)


def _matching(tokens: re.Pattern[str], text: str) -> dict[int, int]:
    """Start of every opener that is closed, with the end of its closer: one pass, one stack per name."""
    opened: dict[str, list[int]] = {}
    pairs: dict[int, int] = {}
    for token in tokens.finditer(text):
        if name := token["open"]:
            opened.setdefault(name, []).append(token.start())
        elif (name := token["close"]) and (starts := opened.get(_OPEN.get(name, name))):
            pairs[starts.pop()] = token.end()
    return pairs


def hide(text: str) -> tuple[str, list[str]]:
    r"""The text with MARK in the place of every protected span, and the spans.

    >>> hide("값은 `x` 입니다") == (f"값은 {MARK} 입니다", ["`x`"])
    True
    """
    return _hidden(text, find_spans(text))


@functools.lru_cache(maxsize=8)  # the finders of a row ask about the same texts
def without_spans(text: str) -> str:
    """The text with a space in the place of every protected span.

    >>> without_spans("값은 `x` 입니다")
    '값은   입니다'
    """
    return hide(text)[0].replace(MARK, " ")


def hide_nothing(text: str) -> tuple[str, list[str]]:
    """The text as it is, but for MARK: for what changes code as it does prose."""
    return _hidden(text, [mark.span() for mark in re.finditer(MARK, text)] if MARK in text else [])


def hide_without_blocks(text: str) -> tuple[str, list[str]]:
    """As `hide`, but blocks of XML and HTML are in sight: for what judges them itself."""
    return _hidden(text, find_spans(text, blocks=False))


def _hidden(text: str, spans: list[tuple[int, int]]) -> tuple[str, list[str]]:
    if not spans:
        return text, []
    ends = [0, *(end for _, end in spans)]
    starts = [*(start for start, _ in spans), len(text)]
    prose = MARK.join(text[end:start] for end, start in zip(ends, starts, strict=True))
    return prose, [text[start:end] for start, end in spans]


def restore(prose: str, spans: list[str]) -> str:
    """The text that `hide` took apart, whatever happened to the prose in between."""
    pieces = prose.split(MARK)
    return "".join(part for pair in zip(pieces, [*spans, ""], strict=True) for part in pair)
