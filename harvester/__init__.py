"""Everything that talks to an upstream: sources, protocols, the polite client, the runner, the replicas.

A source is a module (`sources/<name>.py`) that satisfies `source.Source`; `registry.py` lists them. The
runner asks a source for pages, keeps each page and its bookmark in one transaction, reads the documents
and stores the records. Not here: how records are kept or searched (`index`), how they are served (`api`).
Only `api/cli.py` may import from here; the server runs without this package.
"""
