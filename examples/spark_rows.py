"""The row-wise stages on Spark: raw files in, tokenised rows with their marks out, as Parquet. See docs/spark.md.

spark-submit examples/spark_rows.py OUT FILE...
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
from pyspark.sql import SparkSession
from pyspark.sql.pandas.types import from_arrow_schema

from pipeline import ingest, load_tokenizer, normalize, screen, tokenize, validate
from pipeline.tokenizers.protocol import Tokenizer
from schemas.columns import INGESTED
from schemas.options import Source, TokenizeOptions

OPTIONS = TokenizeOptions(tokenizer=("embedded",), max_length=512)


def rows(table: pa.Table, tokenizer: Tokenizer) -> pa.Table:
    """The row-wise stages, the same functions as in `ko-instruct run`."""
    return signed(tokenize(screen(normalize(validate(table))), tokenizer, OPTIONS))


def signed(table: pa.Table) -> pa.Table:
    """Spark has no unsigned numbers: each such column as the signed one that holds it."""
    wider = {pa.uint8(): pa.int16(), pa.uint16(): pa.int32(), pa.uint32(): pa.int64(), pa.uint64(): pa.decimal128(20)}
    return table.cast(pa.schema([field.with_type(wider.get(field.type, field.type)) for field in table.schema]))


def schema_of(options: TokenizeOptions) -> pa.Schema:
    """The columns of `rows`, from a table without rows: Spark wants to know them before it begins."""
    return rows(INGESTED.empty_table(), load_tokenizer(options.tokenizer).tokenizer).schema


def work(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The rows of the files that these batches name. The tokenizer is opened once for each task."""
    tokenizer = load_tokenizer(OPTIONS.tokenizer).tokenizer
    for batch in batches:
        for name in batch["path"].to_pylist():
            source = Source(name="spark", files=(Path(name).name,))
            for table in ingest(Path(name), Path(name).name, source):
                yield from rows(table, tokenizer).combine_chunks().to_batches()


def main() -> None:
    out, *files = sys.argv[1:]
    spark = SparkSession.builder.appName("ko-instruct").getOrCreate()
    paths = spark.createDataFrame([(str(Path(file).absolute()),) for file in files], "path string")
    found = paths.repartition(len(files)).mapInArrow(work, from_arrow_schema(schema_of(OPTIONS)))
    found.write.mode("overwrite").parquet(str(Path(out).absolute()))
    spark.stop()


if __name__ == "__main__":
    main()
