"""A stage over rows of several sources, each with the options that hold for its source."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.io.workers import Stage
from schemas.options import Config


def each_source(config: Config, stage: Callable[[pa.Table, Config], pa.Table]) -> Stage:
    """The stage with the config of each row's source. The rows keep their order."""
    own = {source.name: config.of(source) for source in getattr(config, "source", ())}
    if all(of_source is config or of_source == config for of_source in own.values()):
        return lambda table: stage(table, config)

    def work(table: pa.Table) -> pa.Table:
        if "source" not in table.column_names:
            return stage(table, config)
        names = pc.fill_null(table["source"], "")
        parts, places = [], []
        for name in pc.unique(names).to_pylist():
            rows = pc.indices_nonzero(pc.equal(names, name).combine_chunks())
            parts.append(stage(table.take(rows), own.get(name, config)))
            places.append(rows.to_numpy())
        if not parts:
            return stage(table, config)
        back = np.argsort(np.concatenate(places), kind="stable")
        return pa.concat_tables(parts).combine_chunks().take(pa.array(back))

    return work
