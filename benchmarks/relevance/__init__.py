"""How good is the order of a search: judged questions over real records, beside plain BM25.

`questions.tsv` holds the questions and what who asks wants; `judgments.tsv` holds the grades of whoever read
titles and descriptions: 3 this was asked for, 2 a good answer, 1 touches it, 0 something else. Both name
records by their ids and hold no word of an upstream, so they can be read without the records.
"""
