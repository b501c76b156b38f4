"""What parts the cells of a csv file is seen in its first rows."""

from __future__ import annotations

import pytest

from bsx.separators import separator_of


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a,b\n1,2\n", ","),
        ("a;b;c\n1,5;2,5;x\n", ";"),
        ("a\tb\n1\t2\n", "\t"),
        ("a|b\n1|2\n", "|"),
        ("Job, title;churn\nclerk, old;yes\n", ","),  # as many cells either way
        ("id;Job, title;churn\n1;clerk;yes\n", ";"),
        ("very good; nice; cheap,1\ngood,0\n", ","),  # a first row of text that holds other marks
        ('"a;b;c",d\n1,2\n', ","),
        ("\n\nonly\n1\n", ","),
        ("a,b;c\n1\n", ","),
        ("x,a|b|c\ny,d|e|f\n", ","),  # bars part more cells, but within one of commas
        ("id,text\n1,a\tb\tc\n2,d\te\tf\n", ","),
        ('"a,b";1\n"c,d";2\n', ";"),
        ('"a|b|c",1\n"d|e|f",2\n', ","),
        ("a,b\n", ","),
        ("a;b\n", ";"),
        ("", ","),
    ],
)
def test_cells_are_parted_by_the_mark_that_gives_all_rows_as_many(text: str, found: str) -> None:
    assert separator_of(text) == found


def test_a_mark_that_is_a_decimal_one_is_left_aside() -> None:
    assert separator_of("1,5;2,5;3,5\n4,5;5,5;6,5\n", ";\t|") == ";"
