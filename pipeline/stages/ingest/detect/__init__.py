"""The shape of a record: as its source declares it, or found from its fields.

`record` asks each of the others for the shapes that it knows.
"""
