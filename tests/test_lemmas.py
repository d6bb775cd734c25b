"""Words as newsprint has them, one at a time -> their lemmas."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topics.corpus import embedded
from topics.text import lemmas as room
from topics.text.lemmas import HOMONYMS, MONEY, NUMBER, PERCENT, YEAR, lemmas

WORDS = {
    # inflection
    "заводов": "завод",
    "выросли": "вырасти",
    "выросшая": "вырасти",
    "туристическими": "туристический",
    "людей": "человек",
    # what is folded: case, and ё after lemmatizing
    "ЗАВОД": "завод",
    "Завод": "завод",
    "ЧЁРНАЯ": "черный",
    "чёрной": "черный",
    "ёлок": "елка",
    "шёл": "идти",
    "Ещё": "еще",
    # words that carry meaning though they are short; a lone letter does not
    "не": "не",
    "в": "",
    "Я": "",
    "x": "",
    # acronyms
    "РФ": "россия",
    "руб": "рубль",
    "Млрд": "миллиард",
    "ЦБ": "цб",
    "ЕС": "ес",
    "ИИ": "ии",
    "США": "сша",
    "НДС": "ндс",
    "ТЭЦ": "тэц",
    "РЖД": "ржд",
    "ОЭЗ": "оэз",
    "ГОК": "гок",
    "ГОКа": "гок",
    "ГОКом": "гок",
    "ГОКи": "гок",
    "ГОКов": "гок",
    "МИДу": "мид",
    "МОК": "мок",  # no form of «мокнуть»
    "МОКа": "мок",
    "ИГ": "иг",
    "РТУ": "рту",
    "НАБУ": "набу",
    "АЛРОСА": "алроса",
    "ГОД": "год",  # words in a headline that shouts
    "ЦЕХ": "цех",
    "ЕГО": "он",
    "вузов": "вуз",
    # names
    "Силуанов": "силуанов",
    "Силуанову": "силуанов",
    "Собянину": "собянин",
    "Белоусов": "белоусов",
    "Белоусовым": "белоусов",
    "Набиуллиной": "набиуллин",
    "Набиуллина": "набиуллин",
    "Песков": "песков",  # no sands
    "Пескова": "песков",
    "Абрамов": "абрамов",  # no Abrams
    "Борисов": "борисов",
    "Борисову": "борисов",
    "Нурмагомедов": "нурмагомедов",
    "Нурмагомедова": "нурмагомедов",
    "Школьников": "школьник",  # first word of a sentence
    "песков": "песок",
    "Лене": "лена",
    "Лисин": "лисин",  # no fox
    "Лисина": "лисин",
    "Пушков": "пушков",
    "Токаев": "токаев",
    "Туров": "туров",
    "Готов": "готовый",
    "Какова": "каковой",
    "Газа": "газа",
    "Газе": "газа",
    "Газом": "газ",
    "газа": "газ",
    "Филиппины": "филиппины",
    "Филиппин": "филиппины",
    "Илоном": "илон",
    "Маска": "маск",
    "маска": "маска",
    "Белова": "белов",
    # what the dictionary takes for rarer words
    "нашли": "найти",
    "нашла": "найти",
    "пришли": "прийти",
    "парках": "парк",
    "парков": "парк",
    "больших": "большой",
    "главных": "главный",
    "основного": "основной",
    "данные": "данные",
    "данными": "данные",
    "данной": "данный",
    "статей": "статья",
    "судна": "судно",
    "снимок": "снимок",
    "снят": "снять",
    "снимками": "снимок",
    "голом": "гол",
    "полка": "полк",  # «полки магазинов» are other forms
    "полках": "полка",
    "гранаты": "граната",
    "риска": "риск",
    "рисках": "риск",
    "спецтехника": "спецтехника",
    "спецтехники": "спецтехника",
    "см": "см",
    # «в Красноярском крае», but «под Курском»
    "Красноярском": "красноярский",
    "Красноярске": "красноярск",
    "Дзержинском": "дзержинский",
    "Курском": "курск",
    "Каменске-Уральском": "каменск уральский",
    # letters of two scripts that look alike
    "Cегодня": "сегодня",
    "зáмок": "замок",
    "Metа": "meta",
    "iPhone-ов": "iphone ов",
    # names that the dictionary lacks
    "УрФУ": "урфу",
    "СПбГУ": "спбгу",
    "Следком": "следком",
    "Следкома": "следком",
    "Мантурову": "мантуров",
    "Хургада": "хургад",
    "Скрипаля": "скрипаль",
    "Скрипалем": "скрипаль",
    "Вучичем": "вучич",
    "Гагаузии": "гагаузия",
    "Маррей": "маррей",
    "Маррея": "маррей",
    "Берёзовке": "березовка",
    "Листвянка": "листвянка",
    "Закамья": "закамье",
    "Самозанятых": "самозанятый",
    "Тутберидзе": "тутберидзе",
    "Роналдо": "роналдо",
    "Газстройпром": "газстройпром",
    "Каховская": "каховский",
    "Рынской": "рынский",
    "Минцифры": "минцифра",
    "Криптовалюты": "криптовалюта",
    "криптовалюты": "криптовалюта",
    "Мосбирже": "мосбиржа",
    "Росстат": "росстат",
    "Минэкономразвития": "минэкономразвития",
    # no names: the dictionary has a name for each, but there is no capital
    "марка": "марка",
    "газы": "газ",
    "турбину": "турбина",
    "свинины": "свинина",
    # overrides
    "май": "май",
    "мая": "май",
    "туров": "тур",
    "туры": "тур",
    "домны": "домна",
    # homonyms are left to whoever sees the neighbours
    "стали": "стали?",
    "СТАЛИ": "стали?",
    "Суда": "суда?",
    "банки": "банки?",
    "сталь": "сталь",
    # hyphens
    "бизнес-план": "бизнес-план",
    "северо-западного": "северо-западный",
    "Санкт-Петербурге": "санкт-петербург",
    "Ростове-на-Дону": "ростов-на-дону",
    "всё-таки": "все-таки",
    "экс-министра": "экс министр",
    "самолёт-разведчик": "самолет разведчик",
    "промышленно-логистическим": "промышленно логистический",
    "IT-компаний": "it компания",
    "-тур-": "тур",
    "мини-отелей": "мини отель",
    "тай-брейка": "тай брейк",
    "приёмо-передатчика": "приемо передатчик",
    "газо-": "газо",
    "-": "",
    "--": "",
    # Latin
    "iPhone": "iphone",
    "OPEC": "opec",
    # numbers
    "100": NUMBER,
    "2100": NUMBER,
    "5": NUMBER,
    "18%": PERCENT,
    "5,5%": PERCENT,
    "%": PERCENT,
    "₽": MONEY,
    "$100": MONEY,
    "100€": MONEY,
    "1999": YEAR,
    "2026": YEAR,
    "1990-х": YEAR,
    "2025-м": YEAR,
    "3-й": NUMBER,
    "2025-го": YEAR,
    "5-ти": NUMBER,
    "АИ-92": f"аи {NUMBER}",
    "18-летний": f"{NUMBER} летний",
    "COVID-19": f"covid {NUMBER}",
    "Т-34": NUMBER,
    "Ту-154": f"ту {NUMBER}",
    "Эр-Рияде": "эр рияд",
    "ему-то": "он то",
    "5G": "5g",
    "9Ё": "9е",
    "½": "",
    "": "",
}


@pytest.mark.parametrize(("form", "expected"), WORDS.items())
def test_words(form, expected):
    assert " ".join(lemmas(form)) == expected


@pytest.mark.parametrize(
    "forms",
    [
        "Силуанов Силуанова Силуанову Силуановым Силуанове",
        "Набиуллина Набиуллиной Набиуллину",
        "Русал Русала Русалу Русалом Русале",
        "Росстат Росстата Росстату Росстатом Росстате",
        "Евраз Евраза Евразу Евразом Евразе",
        "Мечел Мечела Мечелу Мечелом Мечеле",
        "Хургада Хургады Хургаде Хургаду Хургадой",
        "Лисин Лисина Лисину",
        "Пашинян Пашиняна Пашиняну Пашиняном Пашиняне",
        "Байден Байдена Байдену Байденом Байдене",
        "Надаль Надаля Надалю Надалем",
        "Токаев Токаева Токаеву Токаевым Токаеве",
        "ГОК ГОКа ГОКу ГОКом ГОКе ГОКи ГОКов ГОКам ГОКами ГОКах",
        "МИД МИДа МИДу МИДом МИДе",
        "самолёт самолета самолёту самолетом",
        "тур тура туру туром туре туры туров турам турами турах",
        "марка марки марку маркой марке марок маркам марками марках",
    ],
)
def test_every_case_of_a_word_is_one_lemma(forms):
    assert len({lemmas(form) for form in forms.split()}) == 1


def test_the_short_way_through_the_dictionary_ends_where_the_long_one_does():
    text = "\n".join(path.read_text(encoding="utf-8") for path in embedded()).lower()
    for form in sorted(set(re.findall(r"(?<![а-яё-])[а-яё]{2,}(?![а-яё-])", text))):
        known = room._analyzer().word_is_known(form)
        lemmas_of_parses = {reading.lemma for reading in room._readings(form)} if known else set()
        assert room._dictionary_lemmas(form) == lemmas_of_parses


WORD = st.characters(exclude_categories=("Cs",))


@given(st.text(WORD) | st.text(st.sampled_from("абвёЁЩъ-19%₽$aZİßŉǅﬁ½²\u0301\x00\n ")))
def test_any_form_has_lemmas_that_can_be_stored(form):
    found = lemmas(form)
    assert found == lemmas(form)
    for lemma in found:
        assert lemma
        assert "ё" not in lemma


@given(st.text(st.sampled_from("абвгдежзийклмнопрстуфхцчшщъыьэюя"), min_size=2, max_size=12))
def test_a_russian_word_is_one_lemma(word):
    assert len(lemmas(word)) == 1


def test_what_settles_a_homonym_is_a_lemma():
    for mark, homonym in HOMONYMS.items():
        assert lemmas(mark.rstrip("?")) == (mark,)
        for neighbour in homonym.after | homonym.before:
            assert lemmas(neighbour) == (neighbour,), f"{neighbour!r} would never be met"


def test_many_threads_get_the_same_lemmas():
    forms = [form for form in WORDS if form] * 5
    alone = list(map(lemmas, forms))
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lemmas, forms, chunksize=7)) == alone
