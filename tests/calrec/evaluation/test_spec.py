"""A table filled from its description: lines by headings, the best marked, remarks said once."""

from calrec.evaluation.statistics import Bootstrap
from calrec.report.spec import Evidence, Heading, TableSpec, fill
from calrec.report.tables import Column, Value


def spec(values, best=None):
    """A table whose lines are rows of numbers; its last column does not contend."""
    width = max(map(len, values), default=2)

    def heading(place):
        return Heading(
            column=Column(title=str(place)),
            quantity=lambda line: Value(optimistic=line[place]),
            contends=place < width - 1,
        )

    return TableSpec(
        key="numbers",
        title="Numbers",
        names=("First",),
        parts=lambda evidence: values,
        lines=lambda parts: parts,
        name=lambda line: (str(line[0]),),
        headings=lambda parts: map(heading, range(width)),
        remarks=lambda parts: ["once", "once", *(f"{part[0]}" for part in parts)],
        missing=lambda evidence, parts: "" if parts else "to fill it",
        best=best,
    )


EVIDENCE = Evidence(runs=(), groups=(), bootstrap=Bootstrap())
NUMBERS = ((1.0, 2.0, 9.0), (3.0, 0.0, 9.0))


def best(table):
    return [[cell.best_optimistic for cell in row[table.keys :]] for row in table.rows]


def test_lines_by_headings():
    table = fill(spec(NUMBERS), EVIDENCE)
    assert [column.title for column in table.columns] == ["First", "0", "1", "2"]
    assert [[cell.optimistic for cell in row[1:]] for row in table.rows] == [*map(list, NUMBERS)]
    assert table.notes == ("once", "1.0", "3.0")
    assert table.keys == 1
    assert not table.missing
    assert best(table) == [[False] * 3] * 2


def test_the_best_of_a_line_and_of_a_heading():
    of_lines, of_headings = (best(fill(spec(NUMBERS, b), EVIDENCE)) for b in ("line", "heading"))
    assert of_lines == [[False, True, False], [True, False, False]]
    assert of_headings == [[False, True, False], [True, False, False]]
    tied = ((1.0, 1.0, 5.0), (2.0, 1.0, 5.0))
    assert best(fill(spec(tied, "line"), EVIDENCE)) == [[False] * 3, [True, False, False]]
    assert best(fill(spec(tied, "heading"), EVIDENCE)) == [[False] * 3, [True, False, False]]


def test_an_empty_table_says_what_is_missing_and_nothing_else():
    table = fill(spec(()), EVIDENCE)
    assert (table.rows, table.notes, table.missing) == ((), (), "to fill it")
