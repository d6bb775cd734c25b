"""The same articles as exports of different systems."""

from __future__ import annotations

import csv
import gzip
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

PLAIN = st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters="\0") | st.sampled_from(';,"\n\r\t«»😀+|')
)
# Letters other than «ё», and punctuation: in CP1251 each letter is an invalid byte of UTF-8.
OLD = st.text(st.sampled_from('АБВгдежз ;,"\n\t!'))


def article(text: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, object]]:
    name = st.sampled_from(["экономика", "туризм", "наука, техника", "industry"])
    return st.fixed_dictionaries(
        {
            "title": text,
            "text": text.map(lambda body: "Вести: " + body),
            "date": st.sampled_from(["", "2026-03-04", "2026-03-04T10:15:00+03:00"]),
            "outlet": st.sampled_from(["", "Вестник Поволжья"]),
            "rubrics": st.none() | st.lists(name, unique=True),
        }
    )


def as_jsonl(rows: list[dict[str, object]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def as_csv(rows: list[dict[str, object]], delimiter: str, encoding: str) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, ["id", "title", "text", "date", "outlet", "rubrics"], delimiter=delimiter)
    writer.writeheader()
    for row in rows:
        found = row["rubrics"]
        writer.writerow({**row, "rubrics": None if found is None else ";".join(found) or "нет"})
    return text.getvalue().encode(encoding)


def as_parquet(rows: list[dict[str, object]]) -> bytes:
    sink = io.BytesIO()
    kinds = [(name, pa.string()) for name in ("id", "title", "text", "date", "outlet")]
    schema = pa.schema([*kinds, ("rubrics", pa.list_(pa.string()))])
    pq.write_table(pa.Table.from_pylist(rows, schema), sink)
    return sink.getvalue()


FORMATS = {
    "a.jsonl": as_jsonl,
    "a.csv": lambda rows: as_csv(rows, ",", "utf-8"),
    "b.csv": lambda rows: as_csv(rows, ";", "utf-8-sig"),
    "a.tsv": lambda rows: as_csv(rows, "\t", "utf-8"),
    "a.parquet": as_parquet,
}
PACKED = {"": bytes, ".gz": gzip.compress, ".zst": lambda data: pa.compress(data, codec="zstd", asbytes=True)}
