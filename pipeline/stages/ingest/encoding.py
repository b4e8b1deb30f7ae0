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
#: Bytes that are looked at for characters beyond ASCII.
REACH = 1 << 28
LINES = 500


def encoding_of(blocks: Iterable[bytes]) -> str:
    """utf-8, utf-16, utf-16-le, utf-16-be, utf-32 or cp949: by the byte order mark, the NULs, or by which of UTF-8
    and CP949 more of the first lines beyond ASCII are valid in. UTF-8 where nothing speaks for another.
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
            first = False
        seen += len(block)
        if not block.isascii():
            return _utf8_or_cp949(block)
        if seen > REACH:
            break
    return "utf-8"


def _utf8_or_cp949(sample: bytes) -> str:
    lines = list(itertools.islice((line for line in io.BytesIO(sample) if not line.isascii()), LINES))
    valid = {name: sum(_decodes(line, name) for line in lines) for name in ("utf-8", "cp949")}
    return "cp949" if valid["cp949"] > valid["utf-8"] else "utf-8"


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
