"""The chain on real public data: skips where the environment does not name it."""

from collections import Counter
from pathlib import Path

import orjson

from pipeline.run.chain import run
from pipeline.run.plan import plan_of_files
from schemas.options import Config


def test_every_record_that_two_sets_share_is_found(data: Path, spiece: Path, tmp_path: Path) -> None:
    files = [data / f"koalpaca_v1.0_{name}.json" for name in "ab"]
    first, second = (orjson.loads(path.read_bytes()) for path in files)
    in_first = {orjson.dumps(record, option=orjson.OPT_SORT_KEYS) for record in first}
    shared = [
        f"koalpaca_v1.0_b.json[{number}]"
        for number, record in enumerate(second)
        if orjson.dumps(record, option=orjson.OPT_SORT_KEYS) in in_first
    ]
    assert len(shared) == 11_419

    config = {
        "dataset": {"name": "x"},
        "source": [{"name": "x", "files": ["x"]}],
        "tokenize": {"tokenizer": [str(spiece)]},
    }
    manifest = run(plan_of_files(files, tmp_path / "ko", Config.model_validate(config)), workers=2)
    rejects = {
        row["origin"]: row for row in map(orjson.loads, (tmp_path / "ko" / "rejects.jsonl").read_bytes().splitlines())
    }
    reasons = Counter(rejects[origin]["reject_reason"] for origin in shared)
    # One of them has no output. Three repeat the second of two answers that the first file gives to a prompt.
    assert reasons == {"exact": 11_418, "output-blank": 1}
    assert manifest.counts.rows_in == len(first) + len(second)
    assert manifest.counts.kept + sum(part.rows for part in manifest.counts.rejected) == manifest.counts.rows_in
    assert [source.name for source in manifest.sources] == ["koalpaca_v1.0_a", "koalpaca_v1.0_b"]
    assert manifest.tokenizer.kind == "kobert"
