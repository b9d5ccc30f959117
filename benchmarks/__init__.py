"""Measurements, each runnable: `make bench name=line`, `search`, `relevance` ... The last line is JSON.

Figures are ratios within one run where there is a peer. Absolute numbers belong to the machine they were
measured on; every report says which that was.
"""
