"""Other tools as baselines: scikit-learn, fastText, and Annif's omikuji and fasttext backends.

Each is a function of the training texts, their labels and the test texts; it returns scores of shape
(articles, rubrics). Settings are those of its documentation or usual tutorials that did best here.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.float64]
Truth = npt.NDArray[np.int8]
Peer = Callable[[Sequence[str], Truth, Sequence[str]], Scores]

ANNIF_SCORES = Path(__file__).with_name("annif_scores.py")


def peers(annif: str | None) -> dict[str, Peer]:
    """Return the tools that are available, by name; `annif` is the Python of Annif's environment."""
    found: dict[str, Peer] = {"scikit-learn TF-IDF + LinearSVC": sklearn, "fastText": fasttext}
    if annif:
        found["Annif omikuji"] = partial(annif_backend, annif, "omikuji")
        found["Annif fasttext"] = partial(annif_backend, annif, "fasttext")
    return found


def sklearn(texts: Sequence[str], truth: Truth, test: Sequence[str]) -> Scores:
    """TfidfVectorizer with bigrams, and LinearSVC with its defaults."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.svm import LinearSVC

    vectorizer = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    model = OneVsRestClassifier(LinearSVC()).fit(vectorizer.fit_transform(texts), truth == 1)
    scores: Scores = model.decision_function(vectorizer.transform(test))
    return scores


def fasttext(texts: Sequence[str], truth: Truth, test: Sequence[str]) -> Scores:
    """One-vs-all fastText with bigrams; a row without rubrics has the label «other»."""
    import fasttext as ft

    ft.FastText.eprint = lambda *_: None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "train.txt")
        labels = [" ".join(f"__label__{r}" for r in np.flatnonzero(row == 1)) for row in truth]
        lines = [
            f"{marks or '__label__other'} {_flat(text)}" for marks, text in zip(labels, texts, strict=True)
        ]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        model = ft.train_supervised(
            str(path), loss="ova", wordNgrams=2, dim=100, lr=0.5, epoch=60, thread=1, seed=0, verbose=0
        )
    scores = np.zeros((len(test), truth.shape[1]))
    for i, text in enumerate(test):
        for score, label in model.f.predict(_flat(text) + "\n", -1, 0.0, "strict"):
            if label != "__label__other":
                scores[i, int(label.removeprefix("__label__"))] = score
    return scores


def annif_backend(
    python: str, backend: str, texts: Sequence[str], truth: Truth, test: Sequence[str]
) -> Scores:
    """Run a backend of Annif through its command line."""
    with tempfile.TemporaryDirectory() as folder:
        train_file, test_file, out = (Path(folder, f"{name}.jsonl") for name in ("train", "test", "out"))
        _write(train_file, texts, [[str(r) for r in np.flatnonzero(row == 1)] for row in truth])
        _write(test_file, test, [[]] * len(test))
        command = [python, str(ANNIF_SCORES), str(train_file), str(test_file), str(out), "--backend", backend]
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        subprocess.run(command, check=True, env=environment)
        answers = [json.loads(line)["scores"] for line in out.read_text(encoding="utf-8").splitlines()]
    return np.array([[answer.get(str(r), 0.0) for r in range(truth.shape[1])] for answer in answers])


def _write(path: Path, texts: Sequence[str], rubrics: Sequence[list[str]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        for i, (text, names) in enumerate(zip(texts, rubrics, strict=True)):
            print(json.dumps({"id": str(i), "text": text, "rubrics": names}, ensure_ascii=False), file=file)


def _flat(text: str) -> str:
    """Lower-case a text, without punctuation, on one line: the preprocessing of fastText's tutorial."""
    return " ".join(re.findall(r"\w+", text.lower()))
