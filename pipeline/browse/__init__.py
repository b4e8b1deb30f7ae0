"""browse: a page of this machine alone, to look at the rows of a dataset and to give verdicts on them.

blocks    the rows of an exported folder, in blocks that are read by themselves
query     which rows are wanted, as one test on a block
search    pages of rows, and counts, a moment of work at a time
rows      a row as the page shows it
answers   what the page asks for
server    HTTP on 127.0.0.1, and who may ask
page/     the page itself
"""
