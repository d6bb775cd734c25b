"""The lexicon: hashes of words and their hash table."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from newsroom import python
from topics.text import tokens
from topics.text.lexicon import Lexicon, Table


def hashed(text: str) -> list[int]:
    return tokens._Chunk(f" {text} ").hashes.tolist()


@pytest.mark.parametrize(("one", "other"), [("стали", "сталь"), ("кот", "ток"), ("аба", "баа"), ("а", "аа")])
def test_different_words_have_different_hashes(one, other):
    assert hashed(one) != hashed(other)


def test_the_hash_of_a_word_does_not_depend_on_its_position():
    assert len(set(hashed(f"завод, {'слово ' * 30} «завод» - завод"))) == 3
    assert hashed("завод\u2011гигант") == hashed("завод-гигант")


def test_forms_are_recovered_from_hashes():
    chunks = [tokens._Chunk(text) for text in (" Завод\u2010гигант — 5% … ", " … ", " 🏭 Сталь 𝔊 и ток ")]
    words = tokens._Words(chunks)
    assert words.forms(np.arange(len(words.hashes))) == ["Завод-гигант", "5%", "Сталь", "и", "ток"]
    assert words.forms(np.array([0, 2, 4])) == ["Завод-гигант", "Сталь", "ток"]


def test_the_table_finds_exactly_what_was_entered():
    hashes = np.random.default_rng(0).integers(1, 1 << 64, 200_000, np.uint64)
    table = Table()
    for part in np.array_split(np.arange(150_000, dtype=np.int32), 7):
        table.enter(hashes[part], part)
    assert len(table) == 150_000
    found = table.find(hashes)
    assert found[:150_000].tolist() == list(range(150_000))
    assert (found[150_000:] < -1_000_000).all()


def test_colliding_hashes_are_found():
    hashes = np.arange(1, 200, dtype=np.uint64) + np.uint64((1 << 64) - 300)
    table = Table()
    table.enter(hashes, np.arange(199, dtype=np.int32))
    table.enter(hashes, np.full(199, 7, np.int32))
    assert table.find(hashes).tolist() == list(range(199)), "existing entries are kept"


FORKED = """
import os, signal, threading
from topics.text import lemmas, lexicon

inside, leave = threading.Event(), threading.Event()

def hold():
    with lexicon._LOCK, lemmas._LOCK, lexicon.current()._table._lock:
        inside.set()
        leave.wait()

threading.Thread(target=hold).start()
inside.wait()
from topics.text.tokens import tokenize
child = os.fork()
if not child:
    signal.alarm(60)  # a deadlocked child is killed
    read = tokenize([""], ["Кракозябра поехала"])
    os._exit(0 if len(read.ids) == 2 else 1)
leave.set()
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
def test_a_process_forked_while_a_lock_is_held_can_tokenize():
    ran = python("-c", FORKED)
    assert (ran.code, ran.out.split()) == (0, ["0"]), ran.err


def test_threads_agree_on_new_words():
    text = f" {' '.join(f'слово{n}' for n in range(3_000))} "
    lexicon, words = Lexicon(), tokens._Words([tokens._Chunk(text)])
    with ThreadPoolExecutor(8) as pool:
        read = list(pool.map(lambda _: lexicon.read(words.hashes, words.forms).tolist(), range(16)))
    assert all(one == read[0] for one in read)
    assert len(lexicon) == 3_000
