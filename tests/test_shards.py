"""Shards: the articles, ids, lines and rejects do not depend on how a corpus is cut."""

from __future__ import annotations

import gzip
import json
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from topics.corpus import Corpus, read
from topics.corpus.batches import CHARACTERS
from topics.corpus.shards import SIZE, fitting, plan
from topics.errors import DataError
from topics.types import Article, Reject

NO_DEADLINE = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def sharded(corpus: Corpus, size: int) -> tuple[list[Article], list[Reject]]:
    batches = [batch for shard in plan(corpus.sources, size) for batch in read(shard.pieces, corpus.shape)]
    return [a for batch in batches for a in batch.articles], [r for batch in batches for r in batch.rejects]


def unsharded(corpus: Corpus) -> tuple[list[Article], list[Reject]]:
    batches = list(corpus.batches())
    return [a for batch in batches for a in batch.articles], [r for batch in batches for r in batch.rejects]


LINE = st.one_of(
    st.text("аб \r", max_size=12).map(lambda text: json.dumps({"text": text}, ensure_ascii=False)),
    st.sampled_from(["", "  ", "{", "[]", '{"text": 5}', '{"title": "Паром"}', "\ufeff{}"]),
)


@NO_DEADLINE
@given(
    files=st.lists(st.lists(LINE, max_size=12), min_size=1, max_size=3),
    size=st.integers(1, 90),
    end=st.booleans(),
)
def test_sharding_json_lines_does_not_change_the_corpus(tmp_path, files, size, end):
    for n, lines in enumerate(files):
        text = "\n".join(lines) + ("\n" if end else "")
        (tmp_path / f"{n}.jsonl").write_text(text, encoding="utf-8", newline="\n")
    corpus = Corpus(tmp_path)
    assert sharded(corpus, size) == unsharded(corpus)


@pytest.mark.parametrize("size", [1, 30, 31, 32, 1 << 20])
def test_parts_are_contiguous_and_end_at_line_ends(tmp_path, size):
    path = tmp_path / "лента.jsonl"
    lines = [json.dumps({"text": "слово " * n}, ensure_ascii=False) + "\n" for n in range(1, 40)]
    path.write_text("".join(lines), encoding="utf-8")
    parts = [piece.part for shard in plan(Corpus(path).sources, size) for piece in shard.pieces]
    content = path.read_bytes()
    assert parts[0].start == 0
    assert parts[-1].stop in (len(content), None)
    for part, following in pairwise(parts):
        assert part.stop == following.start
        assert content[: part.stop].endswith(b"\n")
        assert following.line == 1 + content[: part.stop].count(b"\n")
        assert size <= part.size < size + max(map(len, map(str.encode, lines)))


@pytest.mark.parametrize("groups", [1, 3, 7])
@pytest.mark.parametrize("size", [1, 400, 1 << 20])
def test_sharding_parquet_does_not_change_the_corpus(tmp_path, groups, size):
    rows = [{"id": n if n % 5 else None, "text": f"Новость {n}" if n % 4 else None} for n in range(20)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "а.parquet", row_group_size=groups)
    corpus = Corpus(tmp_path)
    found = sharded(corpus, size)
    assert found == unsharded(corpus)
    assert [reject.line for reject in found[1]] == [1, 5, 9, 13, 17]
    assert {"а.parquet:6", "а.parquet:11", "а.parquet:16"} <= {article.id for article in found[0]}


def test_compressed_files_and_tables_are_not_split(tmp_path):
    rows = "".join(json.dumps({"text": f"Новость {n}"}) + "\n" for n in range(9)).encode()
    (tmp_path / "а.jsonl.gz").write_bytes(gzip.compress(rows))
    (tmp_path / "б.jsonl").write_bytes(gzip.compress(rows))  # compressed, whatever its name
    (tmp_path / "в.csv").write_text("text\n" + "Новость\n" * 9, encoding="utf-8")
    corpus = Corpus(tmp_path)
    assert len(plan(corpus.sources, 1)) == 3
    assert sharded(corpus, 1) == unsharded(corpus)


@pytest.mark.parametrize(
    ("megabytes", "shard"),
    [(0, 32), (32, 32), (33, 8), (512, 8), (1024, 16), (2048, 32), (300_000, 32)],
    ids=lambda number: f"{number} MB",
)
def test_the_shard_size_depends_on_the_archive_size(megabytes, shard):
    assert fitting(megabytes << 20) == shard << 20
    assert fitting(megabytes << 20) <= SIZE


def test_small_files_share_a_shard_and_keep_their_names(tmp_path):
    for n in range(10):
        (tmp_path / f"{n}.jsonl").write_text(json.dumps({"text": f"Новость {n}"}), encoding="utf-8")
    corpus = Corpus(tmp_path)
    size = sum(path.stat().st_size for path in tmp_path.iterdir()) // 2
    assert [len(shard.pieces) for shard in plan(corpus.sources, size)] == [5, 5]
    assert [article.id for article in sharded(corpus, size)[0]] == [f"{n}.jsonl:1" for n in range(10)]


def test_an_invalid_parquet_file_is_an_error_in_planning(tmp_path):
    (tmp_path / "а.parquet").write_bytes(b"PAR1 and then nothing")
    with pytest.raises(DataError, match=r"а\.parquet: cannot be read"):
        plan(Corpus(tmp_path).sources)


def test_long_fields_make_short_batches(tmp_path):
    path = Path(tmp_path / "длинные.jsonl")
    text = "я" * (CHARACTERS // 2)
    path.write_text(
        "".join(json.dumps({"text": text}, ensure_ascii=False) + "\n" for _ in range(8)), encoding="utf-8"
    )
    assert [len(batch.articles) for batch in Corpus(path).batches()] == [2, 2, 2, 2]


def test_parquet_with_long_fields_is_read_in_small_batches(tmp_path):
    from topics.readers import parquet

    rows = [{"text": f"{n}" + "я" * 2_000_000} for n in range(20)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "а.parquet", use_dictionary=False, compression=None)
    with (tmp_path / "а.parquet").open("rb") as stream:
        sizes = [len(batch) for batch in parquet._batches(stream, "а.parquet", parquet.WHOLE)]
    assert sum(sizes) == 20
    assert max(sizes) * 4_000_000 <= 2 * parquet._BYTES
