import sys

from pipeline.io.versions import versions


def test_versions_are_of_python_the_project_and_the_libraries() -> None:
    found = versions()
    assert list(found)[:2] == ["python", "ko-instruct"]
    assert found["python"] == f"{sys.version_info.major}.{sys.version_info.minor}"
    assert {"pydantic", "transformers", "xxhash"} <= found.keys()
