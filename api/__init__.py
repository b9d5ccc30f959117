"""Every way to speak with the node: the HTTP API, the web page, the formats, the command line.

`app.py` is the table of contents. A handler is short: read the question, ask the catalogue, shape the
answer. Not here: how anything is harvested. Only `cli.py` knows both halves; the server itself runs when
the package `harvester` is not there.
"""
