"""Families: which records are versions or copies of one thing. A layer over records; it changes none.

    record -> claims.py     what a record says of itself and of others, as far as it may make a family
           -> grouping.py   claims -> groups, pure: the same claims give the same groups in any order
           -> layer.py      keeps claims and groups beside records, and regroups what a change may touch
           -> anew.py       forms the whole layer again
           -> decisions.py  what people decided by hand; kept apart, by record id
           -> telling.py    who belongs together, why, and which version is the newest

Two groups are kept of each record. *version*: the versions of one thing within one source. *family*:
these, and the copies in other repositories. A group bears the number of the record in it that was kept
first. Works that belong to a thing without being it (IsSupplementTo, IsPartOf, References) are no family.
"""
