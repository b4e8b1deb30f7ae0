"""A file to records, by its format: JSON, tables of text, workbooks, Parquet, Arrow. `streams` chooses the reader."""
