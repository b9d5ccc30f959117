"""One module per upstream. What each must offer is in `harvester/source.py`; the list is `registry.py`."""
