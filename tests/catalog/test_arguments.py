import pytest

from catalog.build import build
from catalog.cli.arguments import query_last

SINGLE, SEVERAL = {"--domain", "--brand", "--bought-by"}, {"--category"}


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("--domain d", "--domain=d"),
        ("lamp --domain d", "--domain=d -- lamp"),
        ("-korg --domain d", "--domain=d -- -korg"),
        ("amp -korg --domain d -fender", "--domain=d -- amp -korg -fender"),
        ("--domain d -- --amp -h", "--domain=d -- --amp -h"),
        ("--domain=d - --brand -x", "--domain=d --brand=-x -- -"),
        ("--bought_by -u1 --domain d", "--bought_by=-u1 --domain=d"),
        ("--category Music Amps -korg --domain d", "--category Music Amps --domain=d -- -korg"),
        ("-h --domain", "-h --domain"),
        ("--nonsense amp", "--nonsense -- amp"),
    ],
)
def test_the_query_comes_last(given, read):
    found = query_last(given.split(), SINGLE, SEVERAL)
    words = read.split(" -- ")
    assert found == [*words[0].split(), *(["--", words[1]] if len(words) > 1 else [])]


def test_an_empty_query_is_one():
    assert query_last(["", "--domain", "d"], SINGLE, SEVERAL) == ["--domain=d", "--", ""]


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (("-guitar",), ["i4", "i5", "i6", "i7", "i9"]),
        (("-guitar amp",), ["i7"]),
        (("guitar", "-korg"), ["i1", "i2"]),
        (("--limit", "9", "--", "-guitar -drum"), ["i6", "i7", "i9"]),
        (('-"electric guitar" guitar',), ["i1", "i3"]),
        (("-unheard", "--brand", "Korg"), ["i3", "i7"]),
        (("-guitar", "--bought-by", "-x"), []),
        (("--category", "Music", "Drums", "-guitar"), ["i4", "i5"]),
    ],
)
def test_a_search_may_begin_with_a_minus(shop, run, arguments, found):
    status, out, err = run("search", "--workspace", shop, "--domain", "music", *arguments)
    assert status == 0, err
    assert sorted(line.split()[0] for line in out.splitlines() if line[:1] == "i") == found


def test_an_option_that_there_is_not_is_no_query(shop, run):
    status, out, err = run("search", "--workspace", shop, "--domian", "music", "--domain", "music")
    assert status == 2
    assert "--domian" in out + err


def test_an_id_may_begin_with_a_minus(tmp_path, tables, run):
    build(tmp_path, "d", tables(events=[("-u", "i7", 1, 0, 1.0, None)]))
    _, out, _ = run("search", "--workspace", tmp_path, "--domain", "d", "--bought-by", "-u")
    assert out.startswith("1 items\ni7 ")
