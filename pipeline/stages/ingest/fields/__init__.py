"""What the fields of a record are called, and what they hold: texts, roles, thoughts, calls of tools, verdicts, notes.

Nothing here knows the shape of a record.
"""
