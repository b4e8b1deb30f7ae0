"""The size and sha256 of a file are the same while it is written and when it is read."""

import hashlib
from pathlib import Path

from pipeline.io.hashed_files import HashedFile, describe_file


def test_a_file_knows_what_was_written(tmp_path: Path) -> None:
    with HashedFile(tmp_path / "a") as sink:
        sink.write("가나".encode())
        sink.write(b"\n")
    data = "가나\n".encode()
    assert sink.described() == describe_file(tmp_path / "a")
    assert (sink.described().sha256, sink.described().bytes) == (hashlib.sha256(data).hexdigest(), len(data))


def test_a_folder_is_described_by_its_files_in_order(tmp_path: Path) -> None:
    for name, data in (("b", b"2"), ("a", b"1"), ("c/d", b"3")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    digests = "".join(hashlib.sha256(data).hexdigest() for data in (b"1", b"2", b"3"))
    found = describe_file(tmp_path)
    assert (found.sha256, found.bytes) == (hashlib.sha256(digests.encode()).hexdigest(), 3)
