"""The folder of a finished evaluation. Nothing else knows its files, their columns and versions.

schema   the files, their columns and the versions
meta     what `meta.json` says, as a record
tables   cases, best items, texts and times as Arrow tables, and cases back from one
writing  all of it into a folder that appears whole
reading  files checked; `calrec.evaluation.runs.EvaluationRun` reads a run with it
"""
