"""Where the time goes when one small raw file comes to many rows: each process of Make, and the functions in the last.

KOBERT_SPIECE=…/spiece.model KO_INSTRUCT_DATA=…/data python -m benchmarks.one_file_more > benchmarks/one_file_more.md
"""

import gzip
import os
import platform
import shutil
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from benchmarks.chain import CORES, KO_INSTRUCT, Cost, cost, make
from benchmarks.limits import Meter
from pipeline.io.stage_files import OF_MAKE
from pipeline.run.duplicates import decide_for_export
from pipeline.run.export import export_units
from pipeline.run.plan import Plan, plan_of_config
from pipeline.run.small_files import tokenize_small_units
from pipeline.run.stamps import kept_made_of
from pipeline.run.tokenizer import find_tokenizer

#: The functions that are measured, each without the others that it calls, with what they do.
FUNCTIONS = {
    "pipeline.run.small_files:tokenize_small_units": "the rows of the new file",
    "pipeline.run.stamps:kept_made_of": "whether the code is as before",
    "pipeline.run.kept_decisions:read_before": "whether the stage files are as before",
    "pipeline.stages.dedupe.changed:_near": "dedupe: rows with contexts like the new ones",
    "pipeline.stages.dedupe.parts:decide_part": "dedupe: decide on these",
    "pipeline.stages.dedupe.changed:decide_changed": "dedupe: join with the decisions before",
    "pipeline.stages.dedupe.report:lines_again": "dedupe: the list of clusters",
    "pipeline.io.arrow_files:write_tables": "dedupe: write the decisions",
    "pipeline.run.gates:check_gates": "export: gates",
    "pipeline.run.export:_sides": "export: splits",
    "pipeline.run.export:_keys": "export: keys of pieces",
    "pipeline.dataset.export:_write_pieces": "export: write the rows that are not as before",
    "pipeline.dataset.report.gather:gather": "export: read the rows for the report",
    "pipeline.dataset.report.page:page": "export: the page of the report",
}


def steps(project: Path) -> dict[str, Cost]:
    """The processes that Make starts, one after the other. The project has a new file."""
    imports = "import pipeline.run.duplicates, pipeline.run.export"
    return {
        "make-plan": cost(KO_INSTRUCT, "make-plan", "--", "true", cwd=project),
        "make-dataset, which reads the new file, too": cost(KO_INSTRUCT, "make-dataset", cwd=project),
        "its imports alone": cost(sys.executable, "-c", imports, cwd=project),
    }


def functions(plan: Plan, meter: Meter) -> float:
    """`make-dataset` in this process: its processor seconds."""
    meter.spent.clear()
    start = time.process_time()
    found = find_tokenizer(plan)
    tokenize_small_units(plan, found, CORES)
    decisions = decide_for_export(plan, CORES)
    export_units(plan, OF_MAKE, decisions, found, CORES, made=kept_made_of()["export"])
    return time.process_time() - start


def main() -> None:
    model, data = str(Path(os.environ["KOBERT_SPIECE"]).resolve()), Path(os.environ["KO_INSTRUCT_DATA"]).resolve()
    meter = Meter()
    for place in FUNCTIONS:
        meter.measure(place)
    with tempfile.TemporaryDirectory() as folder:
        project, file = Path(folder) / "project", Path(folder) / "nsmc.jsonl"
        with gzip.open(data / "nsmc_instruct.jsonl.gz") as packed, file.open("wb") as plain:
            shutil.copyfileobj(packed, plain)
        make(model, [file], project)  # with the small file
        small = project / "raw" / "small.jsonl"
        lines = small.read_text(encoding="utf-8")

        def again() -> None:
            """The project without the small file, and then with it."""
            small.unlink()
            cost("make", "processed", "VENV=venv", cwd=project)
            small.write_text(lines, encoding="utf-8")

        again()
        found = steps(project)
        again()
        cost(KO_INSTRUCT, "make-plan", "--", "true", cwd=project)
        whole = functions(plan_of_config(project / "pipeline.toml"), meter)
    show(found, {label: meter.spent[place] for place, label in FUNCTIONS.items()}, whole)


def show(found: dict[str, Cost], spent: dict[str, float], whole: float) -> None:
    libraries = ", ".join(f"{name} {version(name)}" for name in ("pyarrow", "numpy", "orjson"))
    print(f"""# One small file more

{time.strftime("%d %B %Y")}, {CORES} cores; Python {platform.python_version()}, {libraries}.

    KOBERT_SPIECE=…/spiece.model KO_INSTRUCT_DATA=…/data \\
        python -m benchmarks.one_file_more > benchmarks/one_file_more.md

A raw file of 100 rows comes to NSMC (712,404 rows in one file): the processes that `make processed` starts, then the
functions of the last of them in a process that has started. Processor seconds of a function are those of the thread
that calls it, without the other functions of this table.

## The processes

| | s | processor, s | peak, MiB |
|---|---|---|---|""")
    for name, one in found.items():
        print(f"| {name} | {one.wall:.2f} | {one.processor:.2f} | {one.peak:,.0f} |")
    print(f"\n## make-dataset, started: {whole:.2f} processor s\n\n| | processor, s |\n|---|---|")
    for label, seconds in spent.items():
        print(f"| {label} | {seconds:.2f} |")
    print(f"| all else, and other threads | {max(whole - sum(spent.values()), 0):.2f} |")


if __name__ == "__main__":
    main()
