"""Categories written as text: what separates levels, and what paths."""

import pytest

from catalog.attributes.categories import column_of, levels


def split(*texts: str) -> list[list[str]]:
    column = column_of(texts)
    return [levels(text, column)[0] for text in texts]


@pytest.mark.parametrize(
    ("category", "path"),
    [
        ("Music, Strings", ["Music", "Strings"]),
        ("Industrial & Scientific,Tapes, Adhesives & Sealants,Glue",
         ["Industrial & Scientific", "Tapes, Adhesives & Sealants", "Glue"]),
        ("CDs & Vinyl; Rock; Hard Rock", ["CDs & Vinyl", "Rock", "Hard Rock"]),
        ("Home > Kitchen, Dining > Pots", ["Home", "Kitchen, Dining", "Pots"]),
        ("Home>Kitchen>Pots", ["Home", "Kitchen", "Pots"]),
        ("Home|Kitchen", ["Home", "Kitchen"]),
        ("Home > Kitchen > ", ["Home", "Kitchen"]),
        ("Home → Kitchen → Pots", ["Home", "Kitchen", "Pots"]),
        ("Home » Kitchen", ["Home", "Kitchen"]),
        ("Home › Kitchen", ["Home", "Kitchen"]),
        ("Home -> Kitchen", ["Home", "Kitchen"]),
        ("Home=>Kitchen", ["Home", "Kitchen"]),
        ("Home::Kitchen", ["Home", "Kitchen"]),
        ("Home &gt; Salt &amp; Pepper", ["Home", "Salt & Pepper"]),
        ("Salt &amp; Pepper", ["Salt & Pepper"]),
        ("/Home/Kitchen/", ["Home", "Kitchen"]),
        ("Men / Shoes / Boots", ["Men", "Shoes", "Boots"]),
        ("Fittings 4-1/2 in x 7/8", ["Fittings 4-1/2 in x 7/8"]),
        ("女装，原创、可爱", ["女装", "原创", "可爱"]),
        ("女装＞原创", ["女装", "原创"]),
        ("1,000 Pieces,3D Puzzles", ["1,000 Pieces", "3D Puzzles"]),
        ("1,000 Pieces, Puzzles", ["1,000 Pieces", "Puzzles"]),
        ("Home  Office", ["Home Office"]),
        ("Home, <i>Lighting</i>", ["Home", "<i>Lighting</i>"]),
        ("Home > <b>Lamps/Lights</b> > Red", ["Home", "<b>Lamps/Lights</b>", "Red"]),
        (" ; ", []),
        (">", []),
        ("Music", ["Music"]),
    ],
)  # fmt: skip
def test_a_category_has_levels(category, path):
    assert split(category) == [path]


@pytest.mark.parametrize(
    ("texts", "paths"),
    [
        # The same top on both sides of the comma, or a top that other categories have.
        (["Shoes > Boots, Shoes > Sale"], [["Shoes", "Boots"]]),
        (["Shoes > Boots, Shoes"], [["Shoes", "Boots"]]),
        (["Shoes > Boots, Sale > Boots", "Sale > Hats"], [["Shoes", "Boots"], ["Sale", "Hats"]]),
        (["Sale, Shoes > Boots", "Shoes", "Sale"], [["Sale"], ["Shoes"], ["Sale"]]),
        # Where one text proves that commas separate paths, they do in all, behind two levels.
        (
            ["Shoes > Boots, Shoes > Sale", "Hats > Caps, New", "Bags, Belts & Co > Bags"],
            [["Shoes", "Boots"], ["Hats", "Caps"], ["Bags, Belts & Co", "Bags"]],
        ),
        # As WooCommerce escapes the commas of names.
        (["Pots\\, Pans > Steel, New > Steel"], [["Pots, Pans", "Steel"]]),
        (["Root/Men/Shoes,Root/Sale", "Root/Men"], [["Root", "Men", "Shoes"], ["Root", "Men"]]),
        (["Men/Shoes,Sale/Shoes"], [["Men", "Shoes"]]),
        (["Home > Pots|Home > Pans"], [["Home", "Pots"]]),
        (["Home > Pots; Sale > Pots"], [["Home", "Pots"]]),
        (["Men/Shoes/Boots|Sale/Boots"], [["Men", "Shoes", "Boots"]]),
        (["Men/Shoes|Men/Sale"], [["Men", "Shoes"]]),
    ],
)
def test_of_several_paths_the_first_one_counts(texts, paths):
    assert split(*texts) == paths
    column = column_of(texts)
    assert levels(texts[0], column)[1]
    assert not any(name.count(",") and name not in ("Pots, Pans", "Bags, Belts & Co")
                   for path in split(*texts) for name in path)  # fmt: skip


@pytest.mark.parametrize(
    ("texts", "slashes"),
    [
        (["Audio/Video", "Books", "Toys"], False),
        (["Root/Men/Tops", "Root/Men", "Root"], True),
        (["Home > Audio/Video", "Home > TV/Radio"], False),
        (["Soul; R&B/Soul", "Rock; R&B/Soul"], False),
        (["Books"], False),
        ([], False),
    ],
)
def test_slashes_separate_levels_where_most_categories_have_them(texts, slashes):
    assert column_of(texts).slashes == slashes
    if not slashes:
        assert [name for path in split(*texts) for name in path if "/" in name] == [
            part for text in texts for part in ("Audio/Video", "TV/Radio", "R&B/Soul")
            if part in text
        ]  # fmt: skip
