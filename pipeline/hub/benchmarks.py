"""Known evaluation sets: download them into raw/, and declare them in the config as [[screen.benchmarks]]."""

import difflib
import functools
import json
import tomllib
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from pipeline.hub.download import Fetched, check_own, fetch_files, wanted
from pipeline.hub.errors import FetchError
from schemas.benchmark import KnownBenchmark, KnownBenchmarks
from schemas.options import Benchmark, Config
from schemas.recipe import Recipe

#: The name that stands for every known evaluation set.
KOREAN = "korean"
#: The heading of an evaluation set in the config.
HEADING = "[[screen.benchmarks]]"


@functools.cache
def known_benchmarks() -> tuple[KnownBenchmark, ...]:
    """Every evaluation set of schemas/benchmarks.toml."""
    text = (files("schemas") / "benchmarks.toml").read_text("utf-8")
    return KnownBenchmarks.model_validate(tomllib.loads(text)).benchmark


def benchmarks_named(name: str) -> tuple[KnownBenchmark, ...]:
    """The known evaluation sets of this name or Hub id, in any case; "korean": all of them.

    None where it is the Hub id of another dataset. Raises FetchError where it is neither a name nor a Hub id.
    """
    if name.lower() == KOREAN:
        return known_benchmarks()
    found = tuple(one for one in known_benchmarks() if name.lower() in (one.name.lower(), one.id.lower()))
    if not found and "/" not in name:
        names = {one.name.lower(): one.name for one in known_benchmarks()}
        near = [names[close] for close in difflib.get_close_matches(name.lower(), names, 3, 0.4)]
        raise FetchError(
            f"no evaluation set has the name {name!r}. Known are {KOREAN} (all of them), "
            f"{', '.join(names.values())}; any other one by its Hub id, owner/name."
            f"{f' Did you mean {near[0]}?' if near else ''}"
        )
    return found


def fetch_benchmark(benchmark: KnownBenchmark, raw: Path, revision: str | None = None) -> tuple[Benchmark, ...]:
    """Download the scored split of an evaluation set to raw/<owner>/<name>, and what `screen` needs to know of it.

    `revision`: in place of the known one. Raises FetchError where it cannot be downloaded, or has no such files.
    """
    globs = tuple(glob for part in benchmark.part for glob in part.files)
    fetched = fetch_files(Recipe(id=benchmark.id, files=globs), raw, revision or benchmark.revision)
    return tuple(declared(benchmark, number, fetched) for number in range(len(benchmark.part)))


def declared(benchmark: KnownBenchmark, number: int, fetched: Fetched) -> Benchmark:
    """A part of an evaluation set, as the config declares it. Raises FetchError where it has no file."""
    part = benchmark.part[number]
    found = [glob for file, glob in zip(fetched.files, fetched.globs, strict=True) if wanted(file, part.files)]
    if not found:
        raise FetchError(
            f"{benchmark.id} has no file that matches {' or '.join(part.files)} ({part.config}): look at its files on "
            f"the Hub, put the right ones into raw/, and declare them under {HEADING}"
        )
    return Benchmark(
        name="-".join(filter(None, (benchmark.name, part.config))),
        files=tuple(found),
        prompt=part.prompt,
        more=part.more,
        license=fetched.license if benchmark.license == "unknown" else benchmark.license,
        url=f"https://huggingface.co/datasets/{benchmark.id}",
        revision=fetched.revision,
    )


def benchmark_toml(benchmark: Benchmark) -> str:
    """The [[screen.benchmarks]] of pipeline.toml that declares it.

    >>> print(benchmark_toml(Benchmark(name="KMMLU", files=("Law-test.csv", "Math-test.csv"), prompt=("question",))))
    [[screen.benchmarks]]
    name = "KMMLU"
    files = ["Law-test.csv", "Math-test.csv"]
    prompt = ["question"]
    """
    values = benchmark.model_dump(mode="json", exclude_defaults=True)
    return "\n".join([HEADING, *(f"{key} = {_toml(value)}" for key, value in values.items())])


def _toml(value: str | list[str]) -> str:
    if isinstance(value, list) and len(value) > 1 and sum(map(len, value)) > 80:
        return "[\n" + "".join(f"    {_toml(each)},\n" for each in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def check_room(config: Config, path: Path) -> None:
    """Raises FetchError where no [[screen.benchmarks]] can be added to the config: its benchmarks are one value, or are
    in a config that it extends."""
    check_own(config.screen.benchmarks, path, "screen", "benchmarks")
    try:
        tomllib.loads(f"{path.read_text('utf-8-sig')}\n{HEADING}\n")
    except tomllib.TOMLDecodeError:
        tables = "\n".join(map(benchmark_toml, config.screen.benchmarks))
        instead = f"with these lines at the end of the file:\n{tables}" if tables else "by nothing: delete it."
        raise FetchError(
            f"{path}: [screen] benchmarks is one list, and no table can be added to it. Replace it {instead}"
        ) from None


def declare_benchmarks(found: Sequence[Benchmark], config: Config, path: Path) -> list[Benchmark]:
    """Add those to the config at this path whose name it does not have; they are returned."""
    names = {benchmark.name for benchmark in config.screen.benchmarks}
    new = [benchmark for benchmark in found if benchmark.name not in names]
    with path.open("a", encoding="utf-8") as file:
        file.writelines(f"\n{benchmark_toml(benchmark)}\n" for benchmark in new)
    return new
