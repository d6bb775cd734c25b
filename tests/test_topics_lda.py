"""The LDA topic model: its topics, inference compared with gensim, and storage."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.special import digamma

from topic_archive import SUBJECTS, archive, fetch, tokens
from topics import persistence, plugins
from topics.errors import DataError, ModelError, NotFittedError
from topics.text.tokens import take, tokenize
from topics.topic_models.inference import exp_digamma, infer
from topics.topic_models.lda import LdaModel, LdaSettings, expected_words
from topics.types import Topic

FIVE = LdaSettings(num_topics=5)


@pytest.fixture(scope="module")
def model() -> LdaModel:
    return LdaModel(FIVE).fit(tokens(), fetch)


def topic_of(model: LdaModel, text: str) -> Topic:
    return model.topics[int(model.transform(tokenize([""], [text])).argmax())]


def test_each_subject_is_a_topic(model: LdaModel) -> None:
    subjects = np.array(archive()[1])
    best = model.transform(tokens()).argmax(axis=1)
    purity = [
        np.bincount(best[subjects == subject]).max() / (subjects == subject).sum() for subject in SUBJECTS
    ]
    assert min(purity) > 0.9
    assert len({int(np.bincount(best[subjects == subject]).argmax()) for subject in SUBJECTS}) == 5


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("Локомотив и вагоны на станции", "локомотив"),
        ("Рубль и кредиты", "инфляция"),
        ("Вратарь поймал шайбу", "матч"),
        ("Никель и руда", "рудник"),
    ],
)
def test_new_text_gets_its_topic(model: LdaModel, text: str, word: str) -> None:
    assert word in [term.words for term in topic_of(model, text).words]


def test_shares_sum_to_one_or_zero_without_known_words(model: LdaModel) -> None:
    shares = model.transform(tokenize(["", "", "Матч"], ["", "Абракадабра!", "Шайба"]))
    np.testing.assert_allclose(shares.sum(axis=1), [0, 0, 1], atol=1e-6)
    assert shares.shape == (3, 5)


def test_a_long_text_has_its_two_topics(model: LdaModel) -> None:
    text = " ".join([SUBJECTS["rail"]] * 200 + [SUBJECTS["bank"]] * 200)
    shares = model.transform(tokenize([""], [text]))[0]
    first, second = np.argsort(-shares)[:2]
    assert shares[first] + shares[second] > 0.95
    assert min(shares[first], shares[second]) > 0.3


def test_the_same_seed_gives_the_same_files(model: LdaModel, tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for folder, fitted in ((one, model), (other, LdaModel(FIVE).fit(tokens(), fetch))):
        folder.mkdir()
        fitted.save(folder)
    names = sorted(path.name for path in one.iterdir())
    assert names == sorted(path.name for path in other.iterdir())
    assert [(one / name).read_bytes() for name in names] == [(other / name).read_bytes() for name in names]
    assert {Path(name).suffix for name in names} <= {".json", ".npy", ".txt"}


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 249), min_size=1, max_size=12))
def test_shares_do_not_depend_on_the_batch(model: LdaModel, rows: list[int]) -> None:
    whole = model.transform(tokens())
    part = model.transform(take(tokens(), np.array(rows)))
    assert (part == whole[rows]).all()  # to the last bit


def test_a_loaded_model_gives_the_same_shares(model: LdaModel, tmp_path: Path) -> None:
    model.save(tmp_path)
    again = LdaModel.load(tmp_path)
    assert (again.transform(tokens()) == model.transform(tokens())).all()
    assert again.topics == model.topics
    assert again.settings == FIVE
    assert again.forms == model.forms
    assert again.forms["редкоземельный металл"] == "редкоземельные металлы"


def test_inference_equals_that_of_gensim(model: LdaModel) -> None:
    from gensim.models import LdaModel as Gensim

    class Ones:
        """gensim starts at random; ours starts from equal shares."""

        def gamma(self, shape: float, scale: float, size: tuple[int, int]) -> np.ndarray:
            return np.ones(size)

    theirs = Gensim(
        id2word=dict(enumerate(model.vocabulary.terms)),
        num_topics=5,
        alpha=model.alpha,
        eta=FIVE.eta,
        iterations=FIVE.iterations,
        gamma_threshold=FIVE.threshold,
    )
    theirs.state.sstats = model.counts - np.float32(FIVE.eta)
    theirs.sync_state()
    theirs.random_state = Ones()
    bags = model.vocabulary.transform(tokens())
    chunk = [
        list(zip(bags[[i]].indices.tolist(), bags[[i]].data.tolist(), strict=True))
        for i in range(bags.shape[0])
    ]
    with np.errstate(invalid="ignore"):  # numpy's dot sometimes warns without a reason
        gamma, _ = theirs.inference(chunk)
    assert np.isfinite(gamma).all()
    np.testing.assert_allclose(gamma / gamma.sum(axis=1, keepdims=True), model.transform(tokens()), atol=1e-5)


def test_training_uses_the_same_inference(model: LdaModel, monkeypatch: pytest.MonkeyPatch) -> None:
    from topics.topic_models import lda

    seen: list[int] = []

    def counted(*arguments: object) -> object:
        seen.append(arguments[0].shape[0])  # type: ignore[attr-defined]
        return infer(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(lda, "infer", counted)
    LdaModel(FIVE).fit(tokens())
    assert sum(seen) == 250


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.sampled_from([1e-3, 0.05, 1.0, 50.0]))
def test_gamma_is_bounded_for_any_counts(seed: int, n: int, alpha: float) -> None:
    """The sum of gamma is at most the number of words plus the priors."""
    generator = np.random.default_rng(seed)
    bags = sparse.random_array((n, 60), density=0.3, rng=generator, dtype=np.float32, format="csr")
    bags.data = np.ceil(bags.data * 1000).astype(np.float32)
    counts = (generator.gamma(0.05, 50, (7, 60)) + 0.01).astype(np.float32)
    prior = np.full(7, alpha, np.float32)
    gamma = infer(bags, expected_words(counts), prior, 100, 1e-3).gamma
    assert (gamma >= prior).all()
    assert (gamma.sum(axis=1) <= (bags.sum(axis=1) + 7 * alpha) * 1.0001).all()


def test_gamma_sums_to_the_number_of_words(model: LdaModel) -> None:
    bags = model.vocabulary.transform(tokens())
    gamma = infer(bags, expected_words(model.counts), model.alpha, 100, 1e-3).gamma
    np.testing.assert_allclose(gamma.sum(axis=1), bags.sum(axis=1) + model.alpha.sum(), rtol=1e-3)


@given(st.floats(1e-3, 1e5))
def test_digamma_equals_that_of_scipy(x: float) -> None:
    value = np.float32(x)
    expected = float(np.exp(digamma(float(value))))
    assert float(exp_digamma(np.array([value]))[0]) == pytest.approx(expected, rel=2e-4, abs=1e-12)


def test_loading_and_inference_import_no_gensim(model: LdaModel, tmp_path: Path) -> None:
    model.save(tmp_path)
    code = (
        "import sys; from pathlib import Path; from topics.plugins import TOPIC_MODELS; "
        "from topics.text.tokens import tokenize; "
        "model = TOPIC_MODELS.load('lda').load(Path(sys.argv[1])); "
        "assert model.transform(tokenize([''], ['Поезд и вагон'])).max() > 0.5; "
        "print({'gensim', 'sklearn', 'pandas', 'scipy.optimize'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "set()", done.stderr


def test_before_fit_and_too_few_articles_are_errors(tmp_path: Path) -> None:
    with pytest.raises(NotFittedError, match="call fit"):
        LdaModel().transform(tokens())
    with pytest.raises(NotFittedError, match="call fit"):
        LdaModel().save(tmp_path)
    for few, topics in ((tokenize([], []), 5), (take(tokens(), np.arange(20)), 30)):
        with pytest.raises(DataError, match=f"too few for {topics} topics"):
            LdaModel(LdaSettings(num_topics=topics)).fit(few)
    with pytest.raises(DataError, match="too few for 5 topics"):
        LdaModel().fit(take(tokens(), np.arange(3)))


def test_lda_is_registered() -> None:
    assert plugins.TOPIC_MODELS.load("lda") is LdaModel


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("topic_counts.npy", np.ones((5, 3), np.float32)),
        ("topic_counts.npy", np.ones((4, 4), np.float64)),
        ("topic_alpha.npy", np.ones(4, np.float32)),
        ("topic_alpha.npy", np.zeros(5, np.float32)),
        ("topic_alpha.npy", np.full(5, np.nan, np.float32)),
    ],
)
def test_hostile_arrays_are_refused(model: LdaModel, tmp_path: Path, name: str, array: np.ndarray) -> None:
    model.save(tmp_path)
    persistence.write_array(tmp_path / name, array)
    with pytest.raises(ModelError, match="train again"):
        LdaModel.load(tmp_path)


def saved_names(folder: Path, model: LdaModel) -> list[str]:
    model.save(folder)
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_a_damaged_file_is_refused(model: LdaModel, tmp_path: Path, damage: str) -> None:
    for name in saved_names(tmp_path, model):
        path = tmp_path / name
        whole = path.read_bytes()
        if damage == "cut":
            path.write_bytes(whole[: len(whole) // 2])
        else:
            path.unlink()
        with pytest.raises(ModelError):
            LdaModel.load(tmp_path)
        path.write_bytes(whole)
    assert LdaModel.load(tmp_path).topics == model.topics


def test_negative_counts_are_refused(model: LdaModel, tmp_path: Path) -> None:
    model.save(tmp_path)
    broken = np.array(model.counts)
    broken[0, 0] = -1
    persistence.write_array(tmp_path / "topic_counts.npy", broken)
    with pytest.raises(ModelError, match="values that are not positive"):
        LdaModel.load(tmp_path)
