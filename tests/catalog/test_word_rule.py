"""By which rule BM25 of a domain goes, and that all that reads the domain follows it."""

import json

import numpy as np
import pytest

from calrec.ranking.corpus import ItemCorpus
from calrec.ranking.rank import rank
from calrec.recommenders.lir import LastItemRepeater
from calrec.records import Generation, Sample
from calrec.records.settings import RankingSettings
from calrec.text import DEFAULT_TEXT, item_text
from catalog.bm25 import BM25Settings
from catalog.build import build
from catalog.build.word_rule import choose, explained
from catalog.errors import CatalogueError
from catalog.store import Catalogue

KINDS = ("保温杯", "平底锅", "电饭煲", "台灯")
CHINESE = [
    (f"i{kind}{variant}", f"{brand}{name}", None, None, None)
    for kind, name in enumerate(KINDS)
    for variant, brand in enumerate(("红色家用", "蓝色便携", "大号不锈钢"))
]
BOUGHT = [("u", f"i{kind}{v}", 10 * kind + v, 0, 1.0, None) for kind in range(4) for v in range(3)]


@pytest.mark.parametrize(
    ("titles", "rule", "changed", "example"),
    [
        ([], "paper", 0, None),
        (["Steel cup"] * 99 + ["杯子"], "paper", 0, None),  # a word by itself in both
        (["Steel cup"] * 99 + ["保温杯"], "paper", 1, "保温杯"),  # not more than 1 %
        (["Steel cup"] * 98 + ["保温杯"], "unicode", 1, "保温杯"),
        (["Steel cup™", "Wi-Fi", "Café, 5″", "Ürün"], "paper", 0, None),
        (["Große Straße", "C++ primer", "मूल"], "unicode", 3, "Große Straße"),
    ],
)
def test_auto_is_the_papers_rule_unless_many_titles_change(titles, rule, changed, example):
    assert choose("auto", titles) == {
        "rule": rule,
        "asked": "auto",
        "titles": len(titles),
        "changed": changed,
        "example": example,
    }


def test_why_a_rule_was_taken_is_one_line():
    mostly = ["Steel cup"] * 399 + ["保温杯"]
    assert explained(choose("auto", mostly)) == (
        "BM25 splits words as the paper does: by Unicode's rule 1 of 400 titles have other words "
        "than by the paper's (0.25 %, at most 1 % for the paper's)"
    )
    assert explained(choose("auto", ["保温杯"])).startswith(
        "BM25 splits words by Unicode's rule: by Unicode's rule 1 of 1 titles have other"
    )
    assert explained(choose("unicode", [])) == (
        "BM25 splits words by Unicode's rule, as asked: by Unicode's rule 0 of 0 titles have other "
        "words than by the paper's (at most 1 % for the paper's)"
    )


@pytest.fixture(scope="module")
def built(tmp_path_factory, tables):
    """A Chinese shop by each rule, one workspace each."""
    folders = {}
    for words in ("auto", "paper", "unicode"):
        folders[words] = tmp_path_factory.mktemp(words)
        build(folders[words], "shop", tables(CHINESE, BOUGHT), words=words)
    return folders


def test_the_rule_is_part_of_a_domains_data(built):
    info = {}
    for words, folder in built.items():
        with Catalogue.open(folder, "shop") as catalogue:
            info[words] = catalogue.info
            assert catalogue.info.words == catalogue.corpus().settings.words
    assert [info[words].words for words in built] == ["unicode", "paper", "unicode"]
    assert info["auto"].fingerprint == info["unicode"].fingerprint != info["paper"].fingerprint


@pytest.mark.slow
def test_a_domain_built_by_another_rule_takes_the_place_of_the_first(tmp_path, tables):
    source = tables(CHINESE, BOUGHT)
    for words, found in (("paper", 0), ("unicode", 3), ("paper", 0)):
        build(tmp_path, "shop", source, words=words)
        with Catalogue.open(tmp_path, "shop") as catalogue:
            column = catalogue.corpus().scores([["保温", "温杯"]])[:, 0]
            assert np.count_nonzero(column) == found
            assert catalogue.page(query="保温杯").total == 3
        assert len(list((tmp_path / "index").glob("*/*"))) == 1


def test_either_rule_can_be_asked_of_one_index(built):
    with Catalogue.open(built["unicode"], "shop") as catalogue:
        paper = catalogue.corpus(BM25Settings(words="paper"))
    with Catalogue.open(built["paper"], "shop") as catalogue:
        expected = catalogue.corpus()
        by_unicode = catalogue.corpus(BM25Settings(words="unicode"))
    assert paper.vocabulary == expected.vocabulary
    assert (paper.impacts != expected.impacts).nnz == 0
    assert "保温" in by_unicode.vocabulary


def test_a_rule_that_there_is_not_is_refused(tmp_path, tables):
    with pytest.raises(CatalogueError, match="paper, unicode, found 'words'"):
        build(tmp_path / "w", "shop", tables(), words="words")
    assert not (tmp_path / "w").exists()
    with pytest.raises(ValueError, match="one of"):
        BM25Settings(words="auto")


def test_every_query_is_cut_as_the_items_are(built):
    # By the paper's rule an item of such a shop shares a word with itself alone.
    for words, alike in (("unicode", 3), ("paper", 1)):
        with Catalogue.open(built[words], "shop") as catalogue:
            items, corpus = catalogue.items, catalogue.corpus()
            found = LastItemRepeater(corpus, items).recommend(items[:1])
            assert found.settings["bm25"]["words"] == words
            assert np.count_nonzero(found.ranking.scores[:3]) == alike
            text = item_text(items[4])
            drawn = Sample(text=text, token_ids=(), log_probs=(), tempered_log_probs=(), score=-1.0,
                           order=0, finished=True, attributes=None)  # fmt: skip
            generation = Generation(
                history=items[:1], prompt="", prompt_tokens=0, items_cut=0, samples=(drawn,)
            )
            item_corpus = ItemCorpus.of(corpus, items, DEFAULT_TEXT)
            ranked = rank(generation, item_corpus, RankingSettings())
            assert int(np.argmax(ranked.scores)) == 4
            assert np.count_nonzero(ranked.raw[3:6]) == alike
            assert ranked.settings["bm25"]["words"] == words


@pytest.mark.slow
def test_the_command_says_which_rule_and_why(tmp_path, run):
    (tmp_path / "i.csv").write_text("item_id,title\na,茶杯套\nb,Cup\n")
    (tmp_path / "o.csv").write_text("user_id,item_id,timestamp\nu,a,1\nu,b,2\nu,a,3\n")
    tables = ("--items", tmp_path / "i.csv", "--interactions", tmp_path / "o.csv")
    where = ("--workspace", tmp_path / "w", "--domain", "shop")
    _, out, err = run("build", *where, *tables)
    assert err == ""
    assert out.splitlines()[1] == (
        "BM25 splits words by Unicode's rule: by Unicode's rule 1 of 2 titles have other words "
        "than by the paper's (50.00 %, at most 1 % for the paper's)"
    )
    _, out, _ = run("report", *where)
    assert json.loads(out)["words"]["example"] == "茶杯套"
    _, out, _ = run("build", *where, *tables, "--words", "paper")
    assert out.splitlines()[1].startswith("BM25 splits words as the paper does, as asked: ")
