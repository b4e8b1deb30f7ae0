"""A record of a known shape to rows. `schemas.shapes` says what each shape is, `to_rows` which function reads it."""
