"""Bytes to values: what a file is packed in, its encoding, where one JSON text ends and the next begins, and its value.

Nothing here knows what a field means.
"""
