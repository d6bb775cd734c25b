"""Excerpts: the beginning of a text in whole words, on one line, within a limit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topics.text.excerpts import excerpt


@pytest.mark.parametrize(
    ("text", "most", "expected"),
    [
        ("", 10, ""),
        ("Завод  открыт\nвчера", 20, "Завод открыт вчера"),
        ("Завод открыт вчера", 14, "Завод открыт …"),
        ("Достопримечательности", 5, "Досто …"),
    ],
)
def test_excerpts(text, most, expected):
    assert excerpt(text, most) == expected


@given(st.text(), st.integers(1, 40))
def test_an_excerpt_is_short_and_on_one_line(text, most):
    found = excerpt(text, most)
    assert len(found) <= most + 2
    assert len(found.splitlines()) <= 1
