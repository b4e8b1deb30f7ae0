"""Fixes of lines: what is at their ends, and between them."""

import re


def drop_trailing_spaces(text: str) -> str:
    r"""Spaces and tabs at the ends of lines. Two spaces before another line stay: a line break of Markdown.

    Line by line: a pattern would be quadratic on long runs of spaces.

    >>> drop_trailing_spaces("하나   \n  둘\t"), drop_trailing_spaces("하나  \n둘  \n\n셋  ")
    ('하나\n  둘', '하나  \n둘\n\n셋')
    """
    lines = text.split("\n")
    bare = [line.rstrip(" \t") for line in lines]
    breaks = [
        bool(this) and bool(following) and line[len(this) :] == "  "
        for line, this, following in zip(lines, bare, [*bare[1:], ""], strict=True)
    ]
    return "\n".join(line if kept else this for line, this, kept in zip(lines, bare, breaks, strict=True))


def squeeze_blank_lines(text: str) -> str:
    r"""More than one blank line becomes one, and none at either end. Indentation stays, and so do blank lines of code.

    >>> squeeze_blank_lines("\n  하나\n\n\n\n둘\n"), squeeze_blank_lines("import re\n\n\ndef f():\n    pass")
    ('  하나\n\n둘', 'import re\n\n\ndef f():\n    pass')
    """
    return re.sub(r"\n{3,}", _squeezed, text.strip("\n"))


def _squeezed(run: re.Match[str]) -> str:
    text, start, end = run.string, run.start(), run.end()
    before = text[max(0, start - 200) : start].rpartition("\n")[2]
    after = text[end : end + 200].partition("\n")[0]
    return run[0] if _is_code(before) or _is_code(after) else "\n\n"


#: The beginning or the end of a line of code in the languages that people ask about.
_CODE = re.compile(
    r"(?:def|class|async def) \w+.*:|import [\w.]+|from [\w.]+ import |@[A-Za-z_]\w*(?:\(.*\))?$|if __name__"
    r"|#(?:include|define)\b|(?:package|using) [\w.]+;|(?:SELECT|INSERT|UPDATE|DELETE|CREATE) |.*[;{}]$"
    r"|(?:(?:export|public|private|protected|static|final|abstract) )*"
    r"(?:function|class|interface|void|int|const|let|var)\b.*[({=;]"
    r"|(?:return|print|console\.log|System\.out)\b.*[();]|[A-Za-z_]\w*(?:\.\w+)* = |\w+(?:\.\w+)*\(.*\)$",
    re.ASCII,
)


def _is_code(line: str) -> bool:
    """
    >>> _is_code("def f(x):"), _is_code("    return x"), _is_code("다음은 f(x)입니다."), _is_code("")
    (True, True, False, False)
    """
    bare = line.strip()
    indented = line.startswith(("    ", "\t")) and not re.search("[가-힣]", line)
    return bool(bare) and (indented or _CODE.match(bare) is not None)
