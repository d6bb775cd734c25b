"""Rules for names that the dictionary lacks or confuses with other words."""

from __future__ import annotations

import re

SURNAME = re.compile(r"(.{2,}(?:ов|ев|ёв|ин|ын))(?:а|у|ым|ом|е|ой|ы|ых|ыми)?")
"""«Силуанову», «Набиуллиной»: the dictionary would guess an adjective."""

_MISREAD = """
    алтынов заев капризов карасев кнутов колобков колосков кряжев кулаков курсков кучеров ларьков ливанов
    лисов милонов мясников пухов пучков пушков радев рыжиков рябков сивков смолов солодов соломин сотников
    токаев фальков хромов чалов шнуров шугаев
"""
MISREAD = frozenset(_MISREAD.split())
"""Surnames that the dictionary knows as other words only: «Пушков» as «пушок», «Заев» as «заесть»."""

_SHORT_ADJECTIVES = "бестолков готов достоин един здоров каков нездоров нов суров таков толков"
SHORT_ADJECTIVES = frozenset(_SHORT_ADJECTIVES.split())
"""Short adjectives that do occur capitalized; «Лисин» is not a form of «лисиный»."""

CITIES = frozenset(
    ["минском", "омском", "томском", "курском", "смоленском", "брянском", "липецком", "донецком", "луганском"]
)
"""«Под Курском» is the city; «в Красноярском» nearly always goes on with «крае»."""

_FIXED = "арт вип макси мини спа тай тревел флеш эко"
FIXED = frozenset(_FIXED.split())
"""Uninflected first parts of compounds: «мини» in «мини-отелей» is not a form of «минуть»."""

_ORDINAL = "го му ти ый ий ой ая ое ые ых им ым ом ую ми ех ух их"
ORDINAL = frozenset(_ORDINAL.split())
"""Endings after a number and a hyphen: «2025-го», «5-ти»."""

_LATIN, _CYRILLIC = "aceopxykABCEHKMOPTX", "асеорхукАВСЕНКМОРТХ"
_TO_CYRILLIC = str.maketrans(f"{_LATIN}áéóýëĸ", f"{_CYRILLIC}аеоуёк")
_TO_LATIN = str.maketrans(_CYRILLIC, _LATIN)
_ALIEN = re.compile("[A-Za-zÀ-ÿĸ]")
_OWN = re.compile("[А-Яа-яЁё]")


def of_one_script(form: str) -> str:
    """Spell «Cегодня» with a Latin C and «зáмок» in Cyrillic, «Metа» with a Cyrillic а in Latin."""
    alien = set(map(ord, _ALIEN.findall(form)))
    if not alien or not (own := set(map(ord, _OWN.findall(form)))):
        return form
    if alien <= _TO_CYRILLIC.keys():
        return form.translate(_TO_CYRILLIC)
    return form.translate(_TO_LATIN) if own <= _TO_LATIN.keys() else form


_CONSONANT = "[бвгджзклмнпрстфхцчшщ]"
ADJECTIVE = re.compile(  # «Рынской», «Каховская»; but «Маском», «Флинном»
    r".{2,}[сц]к(?:ий|им|ой|ое|ие|их|ими)|.{4,}(?:ый|ая|ую|ые|ыми|ого|ому|(?<=......)ы[хм])"
    rf"|.{{4,}}(?:[сц]к|(?:{_CONSONANT}|ь)н|[ое]в)(?:ий|им|ом|ой|ое|ие|их|ими|ым|ых)"
)
"""Words with the ending of an adjective."""

FIRST_PART = re.compile(
    "(?:авиа|авто|агро|био|веб|газо|гипер|глав|гор|гос|евро|кибер|крипто|медиа|мега|микро|мин|мос|мото|мульти"
    "|нано|нац|нейро|обл|онлайн|пара|пост|пром|псевдо|радио|рай|рос|сель|спец|супер|теле|тех|транс|укр|фин|фото"
    "|экзо|эко|электро|энерго)(?=.{4})"
)
"""«Минцифры», «Криптовалюта»: if the rest is a word, it is lemmatized by itself."""

_CASES = tuple(
    (re.compile(rf"(?<={stem})(?:{endings})\Z"), nominative)
    for stem, endings, nominative in (
        ("..[бвджмнтчш]к(?<!банк)", "а|и|е|у|ой|ою", "а"),  # Берёзовке, but Бинбанка
        ("..ь", "я|ем", "е"),  # Закамья
        (f"..{_CONSONANT}", "а|у|ы|(?<!пр)ом|(?<!стр)ой|ою|(?<!дз)е|(?<=[кгхжшчщ])и", ""),  # Росстата
        ("[жшчщц]", "ем", ""),  # Вучичем
        (f"..{_CONSONANT}", "ь|я|ю|ем", "ь"),  # Скрипалю
        ("и", "я|и|ю|ей", "я"),  # Гагаузии
        ("[аеоуыэ]", "й|я|ю|ем", "й"),  # Маррея
    )
)


def without_case(name: str) -> str:
    """Strip the case ending of a lower-case name: «росстату», «росстатом» -> «росстат».

    «Хургада» becomes «хургад»: its spelling does not differ from that of a genitive, such as «Росстата».
    """
    for ending, nominative in _CASES:
        if match := ending.search(name):
            return name[: match.start()] + nominative
    return name
