"""The engine ray: the bytes of the local one, also where processes and machines are lost in the middle of the work."""

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pipeline.cli import main
from pipeline.run.chain import run
from pipeline.run.engines import ray as engine
from pipeline.run.engines.ray import EngineError, cluster
from pipeline.run.plan import plan_of_config
from pipeline.stages.ingest import IngestError
from tests.ray.conftest import CONFIG
from tests.support.folders import digests

pytestmark = [pytest.mark.ray, pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")]


def of_ray(project: Path, address: str | None = None) -> dict[str, str]:
    plan = plan_of_config(project / "pipeline.toml")
    with cluster(address, workers=2) as running:
        run(plan, 2, running)
    return digests(plan.folder)


def test_the_command_gives_the_bytes_of_the_local_engine(
    project: Path, local: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    done = CliRunner().invoke(main, ["run", "--engine", "ray", "--workers", "2"], catch_exceptions=False)
    assert done.exit_code == 0
    assert digests(Path("processed/x")) == local
    lines = done.stderr.splitlines()
    assert lines[0] == "ray         2 cores of 1 machine"
    files = [line.partition(".jsonl")[0].split()[-1] for line in lines if line.startswith("tokenize")]
    assert files == ["z", *(f"a{part}" for part in range(6)), "many"]
    assert lines[-1].partition("rows in ")[2].startswith("4 pieces, each the work of a task"), lines[-1]
    assert "rows in" in done.stdout
    assert [path.name for path in Path("processed/.stages/x").rglob("*.arrow")] == []


def test_two_nodes_give_the_bytes_of_the_local_engine(project: Path, local: dict[str, str], two_nodes: Any) -> None:
    assert of_ray(project, two_nodes.address) == local


def test_a_node_that_is_lost_costs_its_files_alone(project: Path, local: dict[str, str], two_nodes: Any) -> None:
    lost = two_nodes.add_node(num_cpus=1)
    removed = []

    def remove() -> None:
        wait_for_work(project)
        two_nodes.remove_node(lost, allow_graceful=False)
        removed.append(True)

    killer = threading.Thread(target=remove)
    killer.start()
    found = of_ray(project, two_nodes.address)
    killer.join()
    assert removed
    assert found == local


def test_a_process_that_is_killed_costs_its_file_alone(project: Path, local: dict[str, str]) -> None:
    killed: list[int] = []
    killer = threading.Thread(target=lambda: killed.extend(kill_one_worker(project)))
    killer.start()
    found = of_ray(project)
    killer.join()
    assert killed
    assert found == local


def wait_for_work(project: Path) -> None:
    """Until a stage file is being written."""
    give_up = time.monotonic() + 120
    while not list((project / "processed" / ".stages").rglob(".run*.part")):
        assert time.monotonic() < give_up
        time.sleep(0.01)


def kill_one_worker(project: Path) -> list[int]:
    """Kill the process that writes a stage file: its number is in the name of the file."""
    wait_for_work(project)
    for part in (project / "processed" / ".stages").rglob(".run*.part"):
        pid = int(part.name.split(".")[-2])
        os.kill(pid, signal.SIGKILL)
        return [pid]
    return kill_one_worker(project)


def test_the_error_of_a_file_is_that_of_the_local_engine(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "z.jsonl").write_text("이 폴더의 파일은 손으로 고쳤습니다.\n", "utf-8")
    config = CONFIG.partition('[[source]]\nname = "early"')[0] + '[tokenize]\ntokenizer = "embedded"\n'
    (tmp_path / "pipeline.toml").write_text(config, "utf-8")
    plan = plan_of_config(tmp_path / "pipeline.toml")
    with pytest.raises(IngestError) as here:
        run(plan, workers=1)
    with cluster(None, workers=1) as running, pytest.raises(IngestError) as there:
        run(plan, 1, running)
    assert str(there.value) == str(here.value)
    assert [path.name for path in plan.stages.rglob("*.arrow")] == []


def test_another_version_on_a_machine_stops_the_run(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_made_of", lambda: {"pyarrow": "1.0"})
    with pytest.raises(
        EngineError, match=r"has another version of .*\. On every machine, in the folder of ko-instruct"
    ):
        of_ray(project)


def test_no_cluster_at_an_address(project: Path) -> None:
    with pytest.raises(EngineError, match=r"no Ray cluster answers at 127.0.0.1:9: .* Begin one: ray start --head"):
        of_ray(project, "127.0.0.1:9")
