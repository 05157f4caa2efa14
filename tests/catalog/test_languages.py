"""A search in every script: what finds what, and what does not."""

import pytest

from catalog.build import build
from catalog.store import Catalogue

TITLES = {
    "zh1": "不锈钢保温杯 500ml",
    "zh2": "玻璃茶杯",
    "zh3": "苹果手机壳透明",
    "zh4": "iPhone手机壳",
    "zh5": "手机 充电器",
    "ja1": "マグカップ",
    "ja2": "ステンレスﾎﾞﾄﾙ",
    "ja3": "お弁当箱",
    "ko1": "스테인리스 보온병",
    "ko2": "보온텀블러",
    "th1": "แก้วน้ำเก็บความเย็น",
    "th2": "หม้อหุงข้าว",
    "hi1": "पानी की बोतल",
    "hi2": "मूल",
    "hi3": "मेल",
    "ta1": "தமிழ் நூல்",
    "bn1": "বাংলা বই",
    "he1": "סֵפֶר יְלָדִים",
    "he2": "ספר מתכונים",
    "ar1": "كِتَابُ الطَّبْخِ",
    "ar2": "كتـــاب قديم",
    "ar3": "ﻛﺘﺎﺏ جديد",
    "fa1": "می\u200cخواهم",
    "tr1": "İstanbul ışığı",
    "tr2": "ISTANBUL IŞIĞI",
    "tr3": "istanbul ışığı",
    "de1": "Große Straßenkarte",
    "de2": "GROSSE STRASSENKARTE",
    "de3": "Edel\u00adstahl\u00adtopf",
    "de4": "Ru\u0308hrschu\u0308ssel",
    "fw1": "ＵＳＢケーブル",
    "li1": "ﬁlter ﬂask",
    "cs1": "C++ Primer",
    "cs2": "C# in Depth",
    "cs3": "C in a Nutshell",
    "cs4": "Pro .NET 8",
    "cs5": "Fishing net",
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory, tables):
    folder = tmp_path_factory.mktemp("languages")
    items = [(item, title, None, None, None) for item, title in TITLES.items()]
    build(folder, "shop", tables(items, [("u", "zh1", 1, 0, 1.0, None)]))
    with Catalogue.open(folder, "shop") as catalogue:
        yield catalogue


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("保温杯", "zh1"),
        ("保温", "zh1"),
        ("杯", "zh1 zh2"),
        ("杯 玻璃", "zh2"),
        ("杯 -茶", "zh1"),
        ("玻*", "zh2"),
        ("机", "zh3 zh4 zh5"),
        ("手机壳", "zh3 zh4"),
        ("iphone手机壳", "zh4"),
        ("iPhone", "zh4"),
        ("手机 NOT 壳", "zh5"),
        ('"手机壳透明"', "zh3"),
        ("title:手机壳 OR title:茶杯", "zh2 zh3 zh4"),
        ("brand:手机壳", ""),
        ("壳手机", ""),
        ("５００ｍｌ", "zh1"),
        ("カップ", "ja1"),
        ("ｶｯﾌﾟ", "ja1"),
        ("ボトル", "ja2"),
        ("弁当", "ja3"),
        ("보온", "ko1 ko2"),
        ("텀블러", "ko2"),
        ("보온병", "ko1"),
        ("\u1107\u1169\u110b\u1169\u11ab\u1107\u1167\u11bc", "ko1"),
        ("แก้ว", "th1"),
        ("ข้าว", "th2"),
        ("ขาว", ""),
        ("मूल", "hi2"),
        ("बोतल पानी", "hi1"),
        ("पानी", "hi1"),
        ("पा", "hi1"),
        ("நூல்", "ta1"),
        ("বই", "bn1"),
        ("ספר", "he1 he2"),
        ("סֵפֶר", "he1 he2"),
        ("ילדים", "he1"),
        ("كتاب", "ar1 ar2 ar3"),
        ("كِتَابٌ", "ar1 ar2 ar3"),
        ("الطبخ", "ar1"),
        ("میخواهم", "fa1"),
        ("istanbul", "tr1 tr2 tr3"),
        ("İSTANBUL", "tr1 tr2 tr3"),
        ("ıstanbul IŞIĞI", "tr1 tr2 tr3"),
        ("ışığı", "tr1 tr2 tr3"),
        ("strassenkarte", "de1 de2"),
        ("Große", "de1 de2"),
        ("STRAẞENKARTE", "de1 de2"),
        ("Edelstahltopf", "de3"),
        ("edel\u00adstahl", "de3"),
        ("rührschüssel", "de4"),
        ("usb", "fw1"),
        ("ケーブル", "fw1"),
        ("filter flask", "li1"),
        ("C++", "cs1"),
        ("c# depth", "cs2"),
        ("C nutshell", "cs3"),
        (".NET", "cs4"),
        ("net", "cs5"),
        ("-.net 8", ""),
    ],
)
def test_a_query_finds(shop, query, found):
    page = shop.page(query=query)
    assert {item.item_id for item in page.items} == set(found.split())
    assert page.did_you_mean == ""


@pytest.mark.parametrize(
    ("query", "title"),
    [
        ("保温杯", "不锈钢<mark>保温杯</mark> 500ml"),
        ("杯 500", "不锈钢保温<mark>杯</mark> <mark>500ml</mark>"),
        ("iphone手机壳", "<mark>iPhone</mark><mark>手机壳</mark>"),
        ("弁当", "お<mark>弁当</mark>箱"),
        ("ボトル", "ステンレス<mark>ﾎﾞﾄﾙ</mark>"),
        ("แก้วน้ำ", "<mark>แก้วน้ำ</mark>เก็บความเย็น"),
        ("كتاب الطبخ", "<mark>كِتَابُ</mark> <mark>الطَّبْخِ</mark>"),
        ("rührschüssel", "<mark>Ru\u0308hrschu\u0308ssel</mark>"),
        ("edelstahltopf", "<mark>Edel\u00adstahl\u00adtopf</mark>"),
        ("filter flask", "<mark>ﬁlter</mark> <mark>ﬂask</mark>"),
        ("c++", "<mark>C++</mark> Primer"),
    ],
)
def test_what_was_found_is_marked_as_it_is_written(shop, query, title):
    assert [shown.title for shown in shop.page(query=query).highlights] == [title]


@pytest.mark.parametrize(
    ("query", "meant"),
    [
        ("rührschüsel", "rührschüssel"),
        ("straßenkarle", "strassenkarte"),
        ("बोतक", "बोतल"),
        ("كتلب", "كتاب"),
    ],
)
def test_a_slip_is_corrected_by_the_same_words(shop, query, meant):
    page = shop.page(query=query)
    assert page.did_you_mean == meant
    assert page.total


@pytest.mark.parametrize("query", ["保湿杯", "텀브", "แก้ม"])
def test_pairs_of_characters_are_not_taken_for_slips(shop, query):
    page = shop.page(query=query)
    assert (page.total, page.did_you_mean) == (0, "")
