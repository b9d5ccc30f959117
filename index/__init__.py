"""The catalogue: what we hold and how to ask it.

Here live the record, the cleaners for its values, the store (the truth on disk), the engine (a search
index that can be thrown away), the query and the search. Not here: anything that talks to an upstream,
any HTTP server, any settings; the catalogue is handed paths and values.

`index` and `config` stand side by side on the ground floor. `harvester` and `api` import from here;
nothing here imports from them.
"""
