"""Catalogues of items and purchase histories: ingest, clean, store, search and score them.

A *workspace* is a folder; `catalog.build` writes domains into it and `catalog.store` reads them.
"""
