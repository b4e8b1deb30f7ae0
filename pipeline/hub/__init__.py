"""The Hugging Face Hub: `push` publishes a finished dataset, `fetch` downloads one into raw/."""

from pipeline.hub.benchmarks import benchmarks_named, check_room, declare_benchmarks, fetch_benchmark
from pipeline.hub.download import Fetched, check_own, declare, fetch
from pipeline.hub.errors import FetchError, PushError, Reason
from pipeline.hub.publish import push

__all__ = [
    "FetchError",
    "Fetched",
    "PushError",
    "Reason",
    "benchmarks_named",
    "check_own",
    "check_room",
    "declare",
    "declare_benchmarks",
    "fetch",
    "fetch_benchmark",
    "push",
]
