"""Replicas: small servers on loopback that speak an upstream's own protocol over real HTTP.

Paths, parameters, paging and its caps, tokens and their expiry, headers, error bodies, deletions, rate
limits, and faults that can be switched on. They serve tests, `headwater quickstart` without a network,
`headwater rehearse` and the benchmarks. `bundled/` holds what they hold by default: real accessions,
titles, creators, dates, licenses and sizes; descriptions in our own words.
"""
