"""The first `make` sets up its environment: it shows each package, and stops where pip fails."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.paths import ROOT

#: In place of Python: pip that says what it does, and then ends with this exit code.
PYTHON = """#!/bin/sh
echo "Obtaining file:///x"
echo "Collecting click>=8.1 (from ko-instruct==0.1.0)"
echo "  Using cached click.whl"
echo "Installing collected packages: click, x"
echo "$@" >&2
exit {0}
"""


@pytest.mark.parametrize("code", [0, 1])
@pytest.mark.parametrize("target", [".installed", ".installed-fuzz"])
def test_setting_up_is_not_silent(code: int, target: str, tmp_path: Path) -> None:
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(PYTHON.format(code))
    python.chmod(0o755)
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "VENV"))}
    command = ["make", f".venv/{target}"]
    done = subprocess.run(command, cwd=tmp_path, env=clean, capture_output=True, text=True, check=False)
    assert "setting up .venv" in done.stdout
    assert "  click>=8.1\n  installing them\n" in done.stdout
    assert (done.returncode == 0) == (code == 0)
    assert (tmp_path / ".venv" / target).exists() == (code == 0)
    assert not list(tmp_path.glob(".venv/*.status"))
    if target == ".installed-fuzz" and code == 0:
        assert "-e .[excel,fuzz]\n" in done.stderr
