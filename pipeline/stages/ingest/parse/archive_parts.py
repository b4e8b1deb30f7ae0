"""Zip archives that are published in parts (AI-Hub), and joined in a wrong order or not at all."""

import mmap
import zipfile
from pathlib import Path

#: The marks of a member and of the end of an archive.
MEMBER, END = b"PK\x03\x04", b"PK\x05\x06"
#: The longest end of an archive: its mark, its fields and a comment.
LONGEST_END = 22 + (1 << 16)
JOIN = "join all parts in the order of the numbers in their names (part2 before part10), as `ls -v` lists them"


def wrong_parts(path: Path) -> str | None:
    """Why an archive cannot be one that was joined rightly, and what to do; None where nothing speaks against it."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        end = data.rfind(END)
        if end < 0:
            return f"the end of the archive is missing: if the file is one of several parts, {JOIN}"
        if end < len(data) - LONGEST_END:
            return f"the end of the archive is in the middle of the file: {JOIN}"
        try:
            with zipfile.ZipFile(path) as archive:
                places = [info.header_offset for info in archive.infolist()]
        except (zipfile.BadZipFile, NotImplementedError, ValueError):
            return f"its list of members is damaged: if the file was joined from parts, {JOIN}"
        if any(data[place : place + 4] != MEMBER for place in places):
            return f"its members are not where its list of members says: if the file was joined from parts, {JOIN}"
    return None
