"""The encoding of a text file, and its text as UTF-8."""

import codecs
import io
import itertools
from collections.abc import Iterable, Iterator

BOMS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
#: How a text in ISO-2022-KR begins: what the bytes are that stand for Hangul.
ISO_2022_KR = b"\x1b$)C"
#: Encodings of a Hangul syllable in two bytes, the likelier one first.
KOREAN = ("cp949", "johab")
#: From this share on, the syllables of a text are those that KS X 1001 lists, as nearly all of Korean texts are.
COMMON = 0.8
#: So many syllables show that a text is not Korean.
ENOUGH = 20
#: Bytes that are looked at for characters beyond ASCII.
REACH = 1 << 28
LINES = 500


def encoding_of(blocks: Iterable[bytes]) -> str:
    """utf-8, utf-16, utf-16-le, utf-16-be, utf-32, iso2022_kr, cp949 or johab: by the byte order mark, the sign of
    ISO-2022-KR, the NULs, or by which of UTF-8 and CP949 more of the first lines beyond ASCII are valid in. Johab where
    CP949 would give syllables that no Korean text holds. UTF-8 where nothing speaks for another, and "" for a text that
    is in none of these.
    """
    seen = 0
    first = True
    for block in blocks:
        if first:
            for bom, name in BOMS.items():
                if block.startswith(bom):
                    return name
            # ASCII in UTF-16 without a mark: every second byte is NUL.
            head = block[:4096]
            for name, even in (("utf-16-le", 1), ("utf-16-be", 0)):
                if head[even::2].count(0) > len(head) / 8 and not head[1 - even :: 2].count(0):
                    return name
            if ISO_2022_KR in head:
                return "iso2022_kr"
            first = False
        seen += len(block)
        if not block.isascii():
            return _utf8_or_cp949(block)
        if seen > REACH:
            break
    return "utf-8"


def _utf8_or_cp949(sample: bytes) -> str:
    lines = list(itertools.islice((line for line in io.BytesIO(sample) if not line.isascii()), LINES))
    valid = {name: sum(_decodes(line, name) for line in lines) for name in ("utf-8", *KOREAN)}
    if valid["utf-8"] >= max(valid[name] for name in KOREAN):
        return "utf-8"
    best = max(valid[name] for name in KOREAN)
    common, count = zip(*(_share_of_common(lines, name) for name in KOREAN), strict=True)
    likely = [name for name, share in zip(KOREAN, common, strict=True) if valid[name] == best and share >= COMMON]
    return likely[0] if likely else "cp949" if count[0] < ENOUGH or common[0] >= COMMON / 2 else ""


def _share_of_common(lines: list[bytes], encoding: str) -> tuple[float, int]:
    """The share of the syllables of Hangul that KS X 1001 lists, and how many there are."""
    text = b"".join(lines).decode(encoding, "ignore")
    syllables = [sign for sign in text if "가" <= sign <= "힣"]
    # Python writes a syllable that KS X 1001 lacks as its letters, in eight bytes.
    common = sum(len(sign.encode("euc-kr")) == 2 for sign in syllables)
    return common / max(len(syllables), 1), len(syllables)


def _decodes(line: bytes, encoding: str) -> bool:
    try:
        # The sample may be cut inside a character.
        codecs.getincrementaldecoder(encoding)().decode(line, final=False)
    except UnicodeDecodeError:
        return False
    return True


def _keep(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(chr(0xDC00 + byte) for byte in error.object[error.start : error.end]), error.end


codecs.register_error("ko-instruct-keep", _keep)


def to_utf8(blocks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """The same text in UTF-8. Bytes that the encoding does not know become what is not UTF-8 either (U+DC00 + byte),
    so that the record that holds them, and no other, is found undecodable.
    """
    if encoding == "utf-8":
        yield from blocks
        return
    decoder = codecs.getincrementaldecoder(encoding)("ko-instruct-keep")
    for block in blocks:
        yield decoder.decode(block).encode("utf-8", "surrogatepass")
    yield decoder.decode(b"", final=True).encode("utf-8", "surrogatepass")
