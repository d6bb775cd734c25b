"""A corpus: files of articles, read in batches. Every row becomes an article or a reject."""

from topics.corpus.articles import Columns
from topics.corpus.batches import Batch, read
from topics.corpus.corpus import Corpus
from topics.corpus.demo import embedded, embedded_inbox
from topics.corpus.labels import load_labels

__all__ = ["Batch", "Columns", "Corpus", "embedded", "embedded_inbox", "load_labels", "read"]
