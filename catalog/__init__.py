"""Catalogues of items and purchase histories: ingest, clean, store, search and score them.

A *workspace* is a folder; `catalog.build` writes domains into it and `catalog.store` reads them.
Each room imports only those above it:

    errors, database    what the others stand on
    workspace           the folder, its tables and format, its domains
    attributes          categories, prices and text of attributes
    ingest              source formats, each read into the same tables
    sequences           histories: cleaned, split, what stands around an item
    bm25, index         scores of all items, and the words they are made of
    highlight, search, browse
    sample              the sample shop
    build               a domain, whole or not at all; bad lines; migration
    store, statistics   reading a domain
    download, cli       data sets, and the commands
"""
