"""The engine of a name."""

from contextlib import AbstractContextManager

from pipeline.run.engines import Engine
from pipeline.run.engines.local import with_processes
from schemas.engines import EngineName


def engine_of(name: EngineName, address: str | None, workers: int) -> AbstractContextManager[Engine]:
    """The engine while it runs. `address`: of a Ray cluster. Ray is imported only where it is asked for."""
    if name == "local":
        return with_processes(workers)
    from pipeline.run.engines.ray import cluster

    return cluster(address, workers)
