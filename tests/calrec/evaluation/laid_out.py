"""Tables of runs, made quickly, and their cells by heading."""

from synthetic_runs import user_ids

from calrec.evaluation.statistics import Bootstrap
from calrec.report import report

QUICK = Bootstrap(resamples=50)
FOUR = user_ids(4)


def tables(*runs):
    return {table.key: table for table in report.content(runs, QUICK).tables}


def cells(table, *keys):
    """The rows that begin with these keys, each as {"group: title": cell}."""
    heads = [": ".join(filter(None, (c.group, c.title))) for c in table.columns]
    return [dict(zip(heads, row, strict=True)) for row in table.rows if row[: len(keys)] == keys]


def pair(value):
    return value.optimistic, value.pessimistic
