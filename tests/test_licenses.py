"""The licence list of `make audit` tells what goes with Apache-2.0 from what does not, and finds what we need."""

import pytest

from scripts.licenses import goes_with_apache, main, needed


@pytest.mark.parametrize(
    ("text", "goes"),
    [
        ("MIT", True),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", True),
        ("GPL-3.0-only OR MIT", True),
        ("GNU Lesser General Public License v3 (LGPLv3)", True),
        ("LGPL-2.1-or-later", True),
        ("GPL-3.0-or-later", False),
        ("GNU General Public License v3 (GPLv3)", False),
        ("GNU Affero General Public License v3", False),
        ("AGPL-3.0", False),
        ("MIT AND GPL-2.0-only", False),
        ("Proprietary", False),
        ("not told", False),
    ],
)
def test_licences_are_told_apart(text: str, goes: bool) -> None:
    assert goes_with_apache(text) is goes


def test_what_is_needed_is_found_at_any_depth_and_goes_with_ours(capsys: pytest.CaptureFixture[str]) -> None:
    found = needed("ko-instruct")
    assert (found["pyarrow"], found["multiprocess"], found["pytest"]) == ("", "", "dev")
    main()
    assert "pyarrow" in capsys.readouterr().out
