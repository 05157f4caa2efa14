"""Lines, CSV rows and JSON records: nothing is lost, and the numbers of the lines are exact."""

import csv
import gzip
import io
import json

import duckdb
import in_memory
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.errors import CatalogueError
from catalog.ingest.files import access, csv_form, lines
from catalog.ingest.files.csv_rows import CSVFile
from catalog.ingest.files.lines import fields, json_records, object_keys

FIELDS = fields({"a": "VARCHAR"})


def _records(path) -> list[tuple]:
    with (
        in_memory.connection() as connection,
        json_records(connection, path, FIELDS) as records,
    ):
        return connection.execute(
            f"SELECT line, problem, record.a FROM {records} ORDER BY line"
        ).fetchall()


def _csv_rows(path) -> tuple[list[tuple] | None, list[tuple]]:
    """What DuckDB reads, `None` if it rejects a row, and what Python's csv does."""
    with in_memory.connection() as connection:
        file = CSVFile.opened(path)
        fast = connection.execute(f"FROM {file.sound_rows()}").fetchall()
        rejects = connection.execute("SELECT count(*) FROM csv_rejects").fetchall()[0][0]
        with file.with_line_numbers(connection) as rows:
            slow = connection.execute(f"FROM {rows}").fetchall()
    return (None if rejects else fast), slow


LINES = [
    (b'{"a": 1}', None),
    (b' \t{"a": "x"}  ', None),
    (b"", "blank"),
    (b" \t", "blank"),
    (b'{"a": ', "not JSON: breaks off before the end"),
    (b'{"a": 1}\x01{"b": 2}', "not JSON: malformed between its braces"),
    (b'{"a" 1}', "not JSON: malformed between its braces"),
    (b"{'a': 1}", None),
    (b"{u'a': \"it's\", 'b': nan, 'c': {'d': None}}", None),
    (b"{'a': 1", "not JSON: names in single quotes"),
    (b"{'a': b}", "not JSON: names in single quotes"),
    (b"[1]", "not a JSON object: begins with [1]"),
    (b"null", "not a JSON object: begins with null"),
    (b'{"a": 1}, ', "not JSON: ends with a comma"),
    (b"a,b", "not a JSON object: begins with a,b"),
    (b'{"a": "\xff"}', "not UTF-8: byte 8 is 0xff"),
    ('{"a": "\u2028ä"}'.encode(), None),
    (b'{"b": 1}', None),
]


@pytest.mark.slow
@settings(max_examples=40)
@given(
    chosen=st.lists(st.sampled_from(LINES), min_size=1, max_size=30),
    end=st.sampled_from([b"\n", b"\r\n"]),
    last=st.booleans(),
    bom=st.booleans(),
    chunk=st.integers(1, 40),
    zipped=st.booleans(),
)
def test_every_line_but_blank_ones_gives_a_row_with_its_number(
    tmp_path_factory, chosen, end, last, bom, chunk, zipped
):
    data = bom * b"\xef\xbb\xbf" + end.join(line for line, _ in chosen) + last * end
    path = tmp_path_factory.mktemp("lines") / "x.jsonl"
    path.write_bytes(gzip.compress(data) if zipped else data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "_CHUNK", chunk)
        found = _records(path)
    expected = [(n, why) for n, (_, why) in enumerate(chosen, 1) if why != "blank"]
    assert [(n, why) for n, why, _ in found] == expected


def test_values_of_records_are_read_as_text(tmp_path):
    values = ["x", 5, 1.5, True, None, {"k": [1]}, ["u"], "ä\u2028"]
    path = tmp_path / "x.jsonl"
    path.write_text("\n".join(json.dumps({"a": value}) for value in values))
    texts = ["x", "5", "1.5", "true", None, '{"k":[1]}', '["u"]', "ä\u2028"]
    assert [value for *_, value in _records(path)] == texts


@pytest.mark.slow
def test_order_and_numbers_hold_over_many_batches(tmp_path):
    path = tmp_path / "x.jsonl.gz"
    bad = {7, 4_000, 149_999}
    with gzip.open(path, "wt") as file:
        for n in range(1, 150_001):
            file.write("{\n" if n in bad else f'{{"a": {n}, "b": "{"word " * (n % 30)}"}}\n')
    with in_memory.connection() as connection:
        with json_records(connection, path, FIELDS) as records:
            connection.execute(f"CREATE TEMP TABLE t AS SELECT line, record.a FROM {records}")
        assert connection.execute(
            "SELECT count(*), count(a), count(*) FILTER (a::BIGINT <> line) FROM t"
        ).fetchall() == [(150_000, 149_997, 0)]
        assert connection.execute(
            "SELECT count(*) FROM (SELECT line - lag(line) OVER (ORDER BY rowid) AS step FROM t)"
            " WHERE step <> 1"
        ).fetchall() == [(0,)]


@pytest.mark.slow
def test_a_line_of_megabytes_is_read_and_one_without_end_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps({"a": "x" * 20_000_000}) + '\n{"a": "y"}\n')
    (first, second) = _records(path)
    assert (len(first[2]), second) == (20_000_000, (2, None, "y"))
    monkeypatch.setattr(lines, "_LONGEST", 8 << 20)
    with pytest.raises(CatalogueError, match=r"at most 8 MiB, found a longer one \(line 1\)"):
        _records(path)


@pytest.mark.parametrize("keep", [0.5, 0.999])
def test_a_truncated_gzip_is_damage_and_not_the_end(tmp_path, keep):
    path = tmp_path / "x.jsonl.gz"
    whole = gzip.compress("\n".join(f'{{"a": {n * n}}}' for n in range(9_999)).encode())
    path.write_bytes(whole[: int(len(whole) * keep)])
    with (
        pytest.raises(CatalogueError, match=r"x\.jsonl\.gz.* ended before .* fetch it again"),
        access.reading(path, "lines"),
    ):
        _records(path)


def test_what_is_raised_while_reading_comes_out_as_it_is():
    def broken():
        yield pa.record_batch([pa.array([1])], names=["n"])
        raise KeyboardInterrupt

    schema = pa.schema([("n", pa.int64())])
    with (
        in_memory.connection() as connection,
        pytest.raises(KeyboardInterrupt),
        access.streamed(connection, "numbers", schema, broken()),
    ):
        connection.execute("CREATE TEMP TABLE t AS FROM numbers")


def test_a_full_disk_is_not_taken_for_a_damaged_file(tmp_path):
    with (
        pytest.raises(duckdb.IOException, match="No space left"),
        access.reading(tmp_path, "lines"),
    ):
        raise duckdb.IOException("IO Error: No space left on device")


def test_the_keys_of_the_first_objects(tmp_path):
    path = tmp_path / "x.json"
    deep = "[" * 9_999
    path.write_text(f'\ufeff\n[1]\n{{"b": 1, "a": 2}}\n{{"a": {deep}\n{{"c": 1}}')
    assert object_keys(path, "records") == [("b", "a"), ("c",)]


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"\n\x89PNG\xff\n", "found what begins with '.PNG"),
        (b" \n\n", "found nothing in it"),
        (b'[{"a": 1}]', "one JSON object on each line, in .*x.json, found an array of them"),
        (b'[\n{"a": 1},\n{"a": 2}\n]', "found an array of them"),
        ('{"a": 1}\n'.encode("utf-16"), "in UTF-8 at .*x.json, found another encoding"),
        ('{"a": 1}\n'.encode("utf-16-be"), "in UTF-8 at .*x.json, found another encoding"),
    ],
)
def test_what_are_no_json_lines_is_named(tmp_path, data, line):
    path = tmp_path / "x.json"
    path.write_bytes(data)
    with pytest.raises(CatalogueError, match=line) as caught:
        object_keys(path, "records")
    assert str(caught.value).isprintable()


# Escapes as a JSON file holds them: halves of a pair, whole pairs, backslashes before either.
ESCAPES = [
    r"\ud83d",
    r"\uDE00",
    r"\ud83d\ude00",
    r"\\",
    r"\\ud83d",
    r"\"",
    r"\n",
    "a",
    "ud83d",
    "😀",
]


@pytest.mark.slow
@settings(max_examples=80)
@given(st.lists(st.lists(st.sampled_from(ESCAPES), max_size=8), min_size=1, max_size=9))
def test_half_a_character_goes_and_its_record_stays(tmp_path_factory, texts):
    path = tmp_path_factory.mktemp("lines") / "x.jsonl"
    written = ['{"a": "' + "".join(pieces) + '"}' for pieces in texts]
    path.write_text("\n".join(written), "utf-8")
    expected = [
        "".join(c for c in json.loads(line)["a"] if not 0xD800 <= ord(c) < 0xE000)
        for line in written
    ]
    assert [(why, text) for _, why, text in _records(path)] == [(None, text) for text in expected]


def test_reading_ahead_gives_the_same_bytes_and_the_same_error(tmp_path):
    data = bytes(range(256)) * 9
    assert b"".join(access.read_ahead(io.BytesIO(data), 100)) == data
    cut = io.BytesIO(gzip.compress(data)[:-9])
    with gzip.open(cut) as file, pytest.raises(EOFError):
        list(access.read_ahead(file, 100))


FIELD = st.text(st.sampled_from('ab ",;\'\n\r\t\\Ä5"'), max_size=6)


@pytest.mark.slow
@settings(max_examples=60)
@given(
    rows=st.lists(st.tuples(FIELD, FIELD, FIELD), max_size=12),
    delimiter=st.sampled_from(",;|\t"),
    end=st.sampled_from(["\n", "\r\n"]),
    zipped=st.booleans(),
)
def test_csv_as_programs_write_it_is_read_by_both_ways_alike(
    tmp_path_factory, rows, delimiter, end, zipped
):
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows([("first", "second", "third"), *rows])
    path = tmp_path_factory.mktemp("csv") / "x.csv"
    data = text.getvalue().encode()
    path.write_bytes(gzip.compress(data) if zipped else data)
    fast, slow = _csv_rows(path)
    filled = [row for row in rows if any(map(str.strip, row))]
    assert [row[3:] for row in slow] == [tuple(field or None for field in row) for row in filled]
    if fast is not None:
        given_rows = [row for row in fast if any(map(str.strip, filter(None, row)))]
        assert given_rows == [row[3:] for row in slow]


@pytest.mark.slow
@settings(max_examples=40)
@given(
    st.lists(
        st.sampled_from(
            [
                ("a,b,c", [None]),
                ('a,"two\nlines",c', [None]),
                ('"a ""q""",5" x,c', [None]),
                ("", []),
                ("a,b", ["expected 3 fields, found 2"]),
                ("a,b,c,d", ["expected 3 fields, found 4"]),
                ('a,"b\nb"', ["expected 3 fields, found 2"] * 2),
                ('a,"b"x,c', ["""not CSV: ',' expected after '"'"""]),
                ("a,\udcff,c", ["not UTF-8"]),
            ]
        ),
        min_size=1,
        max_size=15,
    )
)
def test_bad_csv_rows_are_named_by_the_line_they_stand_on(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("csv") / "x.csv"
    text = "x,y,z\n" + "".join(f"{row}\n" for row, _ in rows)
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    expected, line = [], 2
    for row, problems in rows:
        expected += [(line + i, why) for i, why in enumerate(problems)]
        line += row.count("\n") + 1
    fast, slow = _csv_rows(path)
    assert [row[:2] for row in slow] == expected
    # A row that DuckDB takes for good is one: what it does not reject needs no second look.
    if any(why for _, why in expected):
        assert fast is None


def test_a_quote_that_is_never_closed_loses_no_line_silently(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text('a,b\n1,2\n3,"4\n5,6\n7,8\n')
    fast, slow = _csv_rows(path)
    assert fast is None
    assert [row[0] for row in slow] == [2, 3, 4, 5]
    assert [row[1] for row in slow] == [None] + ["not CSV: unexpected end of data"] * 3
    assert slow[2][2] == "5,6"


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ('a;b\n1;"x;y"\n', ("1", "x;y")),
        ('a|b\n1|"say ""x"""\n', ("1", 'say "x"')),
        ('a,b\n1,"say \\"x\\""\n', ("1", 'say "x"')),
        ("\ufeffa,b\n1,ä\n", ("1", "ä")),
        ("a,b\r\n1,2\r\n", ("1", "2")),
        ("a,b\n#1,2\n", ("#1", "2")),
        ("a,b\n007,NULL\n", ("007", "NULL")),
    ],
)
def test_dialects(tmp_path, text, row):
    path = tmp_path / "x.csv"
    path.write_text(text, newline="")
    fast, slow = _csv_rows(path)
    assert fast == [row]
    assert [found[3:] for found in slow] == [row]


@pytest.mark.parametrize(
    ("header", "line"),
    [
        ("a,a", "different names in .*x.csv, found a and a"),
        ("b,,A,a", "found A and a"),
        ('a,"b', r"no CSV \(unexpected end of data\): mend that line"),
    ],
)
def test_a_header_names_its_columns_apart(tmp_path, header, line):
    path = tmp_path / "x.csv"
    path.write_text(f"{header}\n1,2\n1,2\n")
    with pytest.raises(CatalogueError, match=line):
        _csv_rows(path)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le"])
def test_csv_in_another_encoding_is_named(tmp_path, encoding):
    path = tmp_path / "x.csv"
    path.write_text("a,b\n1,2\n", encoding)
    with pytest.raises(CatalogueError, match=r"in UTF-8 at .*x\.csv") as caught:
        _csv_rows(path)
    assert str(caught.value).isprintable()


@pytest.mark.slow
def test_a_field_of_megabytes_is_read_and_a_longer_one_is_a_bad_line(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text(f"a,b\n1,{'x' * 5_000_000}\n2,y\n")
    fast, slow = _csv_rows(path)
    assert [(row[0], len(row[1])) for row in fast] == [("1", 5_000_000), ("2", 1)]
    assert [row[3:] for row in slow] == fast
    assert CSVFile.opened(path).regular
    # DuckDB would drop it without a word.
    path.write_text(f"a,b\n1,{'x' * 40_000_000}\n2,y\n")
    file = CSVFile.opened(path)
    assert not file.regular
    with in_memory.connection() as connection, file.with_line_numbers(connection) as rows:
        found = connection.execute(f"SELECT line, problem FROM {rows}").fetchall()
    assert [(line, (problem or "")[:15]) for line, problem in found] == [
        (2, "not CSV: field "),
        (3, ""),
    ]
    assert csv.field_size_limit() == 131_072


@pytest.mark.slow
@settings(max_examples=40)
@given(
    ends=st.lists(st.sampled_from(["\n", "\r\n"]), min_size=1, max_size=9),
    chunk=st.integers(1, 9),
)
def test_lines_may_end_in_different_ways(tmp_path_factory, ends, chunk):
    path = tmp_path_factory.mktemp("csv") / "x.csv"
    path.write_text("".join(f"a,b{end}" for end in ends), newline="")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_form, "_CHUNK", chunk)
        file = CSVFile.opened(path)
    assert file.regular == (len(set(ends)) == 1)
    with in_memory.connection() as connection, file.with_line_numbers(connection) as rows:
        found = connection.execute(f"FROM {rows}").fetchall()
    assert found == [(n, None, None, "a", "b") for n in range(2, len(ends) + 1)]


def test_the_checksum_of_a_gzipped_csv_is_checked(tmp_path):
    path = tmp_path / "x.csv.gz"
    data = gzip.compress(b"a,b\n" + b"1,2\n" * 99, compresslevel=0)
    path.write_bytes(data.replace(b"1,2", b"1,3", 1))
    with (
        pytest.raises(CatalogueError, match=r"x\.csv\.gz.*CRC.*fetch it again"),
        access.reading(path, "a table"),
    ):
        CSVFile.opened(path)


def test_a_file_without_the_right_to_read_it_is_named(tmp_path, monkeypatch):
    path = tmp_path / "items.csv"
    path.write_text("item_id\na\n")
    monkeypatch.setattr(access.os, "access", lambda *_: False)  # root may read everything
    with pytest.raises(CatalogueError, match=r"items\.csv, found a file that may not be read"):
        access.require_file(path, "items")
