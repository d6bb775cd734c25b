"""Cleaning rules: each has a table of dirty Russian text (all invented) and its clean form."""

# ruff: noqa: E501 - one example per line

from __future__ import annotations

import json
import random
import re
import time
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topics.errors import ModelError, UsageError
from topics.text import cleaning
from topics.text.boilerplate import Boilerplate, BoilerplateLearner
from topics.text.cleaning import RULES, Cleaner, Rule, markup, tails

PROSE = "Завод в Каменске выпустил первую партию насосов. Её отправят на север области."
MORE = "Директор назвал партию пробной. Следующую соберут к осени."

TABLES: dict[str, list[tuple[str, str]]] = {
    "entities": [
        ("Рога &amp; Копыта", "Рога & Копыта"),
        ("цена&amp;nbsp;хлеба", "цена\xa0хлеба"),
        ("&amp;amp;laquo;Заря&amp;amp;raquo;", "«Заря»"),
        ("&#1044;а &#x41d;ет", "Да Нет"),
        ("AT&T и B&B; дружат", "AT&T и B&B; дружат"),
        ("&nbspЗавод &quotЗаря&quot, a=1&quot=2", '\xa0Завод "Заря", a=1&quot=2'),
    ],
    "characters": [
        ("про\xadмыш\xadлен\xadность", "промышленность"),
        ("10\xa0000\u202fрублей\tв\u2009год", "10 000 рублей в год"),
        ("\ufeffЗа\u200bвод\u2028встал\r\nнадолго\rи всерьёз", "Завод\nвстал\nнадолго\nи всерьёз"),
        ("за\x00вод\x07 \ud800", "завод "),
    ],
    "accents": [
        ("за\u0301мок и замо\u0301к", "замок и замок"),
        ("и\u0306од, е\u0308лка, И\u0306ошкар-Ола", "йод, ёлка, Йошкар-Ола"),
        ("cafe\u0301", "café"),
        ("к\u0301г", "кг"),
    ],
    "tags": [
        ("<p>Первый.</p><p>Второй.</p>", "\nПервый.\n\nВторой.\n"),
        ("строка<br/>другая<BR>третья", "строка\nдругая\nтретья"),
        ('сло<b>во</b> и <a href="/x">ссылка</a>', "слово и ссылка"),
        ("до<script type='a'>var x = '<p>';</script>после", "до после"),
        ("до<style>p { color: red }</style><!-- заметка\nредактора -->после", "до  после"),
        ("при x < 5 и y > 3; <Газпром>; я <3 тебя", "при x < 5 и y > 3; <Газпром>; я <3 тебя"),
        ("<script>забыли закрыть", " забыли закрыть"),
        ("a<b и c>d, <p и ещё>", "a<b и c>d, <p и ещё>"),
        ("<ul><li>Построить школу</li><li class='x'>Открыть цех</li></ul>", "\n\n• Построить школу\n\n• Открыть цех\n\n"),
        ("<head><title>Цех</title></head><nav>Спорт</nav><button>Ещё</button>Цех", "   Цех"),
        ("<tr><td>Завод</td><td>Прокат, тонн</td></tr>", "\nЗавод Прокат, тонн \n"),
        ("<dl><dt>Цех</dt><dd>Второй</dd></dl>", "\n\nЦех\n\nВторой\n\n"),
        ('<a href="/p">В Перми</a><a href="/u">В Уфе</a>', "В Перми В Уфе"),
        ("<![CDATA[<p>Завод запустил цех.</p>]]>", " \nЗавод запустил цех.\n "),
        ('До<img src="x" alt="a > b" title=\'5 > 4\'>после <a href="/x">1 > 0</a>', "Допосле 1 > 0"),
        ('<a href="x>Цех</a> и "печь" > <b>', 'Цех и "печь" > '),
        ("до<xml><w:View>Normal</w:View><w:Zoom>0</w:Zoom></xml>после", "до после"),
    ],
    "markdown": [
        (
            "**Срочно.** Банк [повысил](https://example.org/a_b) ставку",
            "Срочно. Банк повысил ставку",
        ),
        ("__Фото: Пресс-служба__", "Фото: Пресс-служба"),
        ("[так в тексте] и 2*2, snake_case", "[так в тексте] и 2*2, snake_case"),
        ('[Цех](https://example.org "О цехе") и [\nпечь](https://example.org)', "Цех и \nпечь"),
        ('[gallery ids="1,2"]Цех[caption id="a1" width="640"] Печь[/caption]', " Цех  Печь "),
        ("[b]Цех[/b] и [url=https://example.org]печь[/url]", "Цех и печь"),
        ("звуки [p] и [b], формула [R2N-CH=NR2], 1 = 2", "звуки [p] и [b], формула [R2N-CH=NR2], 1 = 2"),
        ('[[{"fid":"12","fields":{"alt[und][0][value]":""},"type":"media"}]]Цех открыт.', " Цех открыт."),
    ],
    "urls": [
        ("Заявки: https://example.org/form?a=1&b=2 до мая", "Заявки:  до мая"),
        ("в канале t.me/zavod пишут", "в канале  пишут"),
        ("и/или, 5 км/ч, ТАСС/Энергия", "и/или, 5 км/ч, ТАСС/Энергия"),
        ("sport.me/zavod, (t.me/zavod)", "sport.me/zavod, ()"),
        ("Сайт www.example.org открыт.", "Сайт  открыт."),
        ("Сайт: https://example.org/a,до 1 мая. Ещё https://example.org.", "Сайт: ,до 1 мая. Ещё ."),
        ("https://example.org/до 1 мая, https://t.me/zavod—канал", "до 1 мая, —канал"),
        ("https://завод.рф/цех и https://ru.example.org/wiki/Цех_№1", " и "),
    ],
    "base64": [("рисунок " + "iVBORw0KGgo/" * 20 + "= конец", "рисунок   конец"), ("АО ABC+DEF", "АО ABC+DEF")],
    "code": [
        (
            "Завод открыт.\n(function(w,doc) {\n  var d = doc;\n  // ждём загрузки страницы\n})(window);\nЕго ждали.",
            "Завод открыт.\nЕго ждали.",
        ),
        ("Завод открыт.window.settings = {};\nwindow.x = {a: 1};Его ждали.", "Завод открыт.\nЕго ждали."),
        ('domain: "example.org",\nenabled: true\n}\nТекст.', "Текст."),
        ("Множество {1; 2} описал Кантор.", "Множество {1; 2} описал Кантор."),
        ("Курсы {таблица}\nUSD: 92.5\nEUR: 99.1", "Курсы {таблица}\nUSD: 92.5\nEUR: 99.1"),
        ("Цех. {loadposition banner} {gallery}tseh/2024{/gallery}", "Цех.    "),
        ("Фото 1/20window.settings = {};\nЗавод открыт.", "Фото 1/20\nЗавод открыт."),
        ("Завод открыт. window.settings = {};", "Завод открыт. "),
        (
            "Normal 0 false false RU X-NONE X-NONE /* Style Definitions */ table.MsoTable {mso-style:0;} Цех открыт.",
            "\n Цех открыт.",
        ),
        (
            "Normal\n0\nfalse\nRU\nX-NONE\n/* Style Definitions */\ntable.MsoTable\n{mso-style:99;}\nЦех открыт.",
            "\n\nЦех открыт.",
        ),
    ],
    "materials": [
        (
            "Спрос вырос.Материалы по теме00:04 — 11 марта 2017Вагон вперёдКак чинят старые поезда и сколько это стоит летНовые вагоны придут в мае.",
            "Спрос вырос.\nНовые вагоны придут в мае.",
        ),
        (
            "Спрос вырос.Материалы по теме11:53 —  9 январяТихий ходКто строит лодки09:08 — 28 февраля 2013Громкий ходКто их продаёт«Лодок мало», — сказал он.",
            "Спрос вырос.\n«Лодок мало», — сказал он.",
        ),
        (
            "Спрос вырос.Материалы по теме00:04 — 11 мартаВагон вперёдКто их чинитBelTA сообщает о новых вагонах. В мае их ждут.",
            "Спрос вырос.\nBelTA сообщает о новых вагонах. В мае их ждут.",
        ),
        (
            "Спрос вырос.Материалы по теме00:04 — 11 мартаВагон вперёдКто их чинит2 мая вагоны придут. Их ждут. Завод рад.",
            "Спрос вырос.\n2 мая вагоны придут. Их ждут. Завод рад.",
        ),
        (
            "Спрос вырос.Материалы по теме00:04 — 11 мартаВагоны США«Стрела» и «Луч»: кто из них скорее ездитНовые придут.",
            "Спрос вырос.\nНовые придут.",
        ),
        (
            "Спрос вырос.Материалы по теме00:04 — 11 мартаВагон вперёдЧто было в СССРВ мае придут новые. Их ждут. Завод рад.",
            "Спрос вырос.\nВ мае придут новые. Их ждут. Завод рад.",
        ),
        ("Материалы по теме: лекция", "Материалы по теме: лекция"),
    ],
    "glued": [
        ("в прошлом году.Отмечается рост", "в прошлом году.\nОтмечается рост"),
        ("вырос на 5%.Об этом", "вырос на 5%.\nОб этом"),
        ("в 2018.Об этом", "в 2018.\nОб этом"),
        ("завод «Заря».«Мы рады», — сказал", "завод «Заря».\n«Мы рады», — сказал"),
        ("Что дальше?Никто не знает!Так и живём…Пока живём", "Что дальше?\nНикто не знает!\nТак и живём…\nПока живём"),
        ("построили в Москве.Работы шли", "построили в Москве.\nРаботы шли"),
        ("т.Е. не сразу", "т.Е. не сразу"),
        ("А.С.Пушкин и им.Пушкина", "А.С.Пушкин и им.Пушкина"),
        ("ул.Мира, г.Томск", "ул.Мира, г.Томск"),
        ("Газета.Ru, Лента.ру, Газета.Ру", "Газета.Ru, Лента.ру, Газета.Ру"),
        ("на 12.Мая", "на 12.Мая"),
        ("в 2018.Мария приехала", "в 2018.\nМария приехала"),
        ("Яндекс.Такси", "Яндекс.Такси"),
        ("версия 2.0.Beta, 3.5 млн", "версия 2.0.Beta, 3.5 млн"),
    ],
    "lines": [(" один \n\n \nдва  ", "один\nдва"), ("один  два", "один  два")],
    "datelines": [
        (f"МОСКВА, 4 дек - РИА Новости. {PROSE}", PROSE),
        (f"БЛАГОВЕЩЕНСК, 20 окт – РИА Новости. {PROSE}", PROSE),
        (f"С.-ПЕТЕРБУРГ, 1 ноя — РИА Новости, Иван Петров-Водкин. {PROSE}", PROSE),
        (f"ЯЛТА (Крым), 9 окт - РИА Новости. {PROSE}", PROSE),
        (f"ТОМСК, 12 мая. /ТАСС/. {PROSE}", PROSE),
        (f"НИЖНИЙ НОВГОРОД, 3 июня. /Корр. ТАСС Анна Котова/. {PROSE}", PROSE),
        (f"МОСКВА, 9 окт — РИА Новости {PROSE}", PROSE),
        (f"КРАСНОДАР, 1 ноября, ФедералПресс. {PROSE}", PROSE),
        (f"САМАРА/УЛЬЯНОВСК, 25 дек - РИА Новости. {PROSE}", PROSE),
        (f"МОСКВА, 28 дек — РИА Новости, Иван Петров, Анна Котова. {PROSE}", PROSE),
        (f"МОСКВА, 3 дек — РИА новости. {PROSE}", PROSE),
        (f"МОСКВА, 3 декабря/ Радио Sputnik. {PROSE}", PROSE),
        (f"МОСКВА, 4 декабря. ИНТЕРФАКС - {PROSE}", PROSE),
        (f"ТОМСК, 4 декабря 2017, 12:30 — REGNUM {PROSE}", PROSE),
        (f"Москва. 4 декабря. INTERFAX.RU - {PROSE}", PROSE),
        (f"Екатеринбург. 5 марта. ИНТЕРФАКС-УРАЛ - {PROSE}", PROSE),
        (f"Нижний Новгород. 4 декабря. ИНТЕРФАКС - {PROSE}", PROSE),
        (f"ТАСС, 4 февраля. {PROSE}", PROSE),
        (f"РОСТОВ-на-ДОНУ, 4 мар - РИА Новости. {PROSE}", PROSE),
        (f"Ростов-на-Дону. 4 марта. ИНТЕРФАКС-ЮГ - {PROSE}", PROSE),
        (f"Самара. 4 марта 2024 года. Интерфакс-Россия - {PROSE}", PROSE),
        (f"Москва. 4 марта. INTERFAX-RUSSIA.RU - {PROSE}", PROSE),
        (f"КАЗАНЬ, 4 мар — РИА Новости Спорт, Анна Котова. {PROSE}", PROSE),
        (f"КАЗАНЬ, 4 мар — РИА Новости/Прайм. {PROSE}", PROSE),
        (f"КАЗАНЬ, 4 мар — РИА Новости (Крым). {PROSE}", PROSE),
        (f"ДТП в Каменске, 12 мая. Видео. {PROSE}", None),
        (f"ЦБ и Минфин договорились о курсе, 12 мая. Банк России. {PROSE}", None),
        (f"США, 3 марта, ФРС. Ставка выросла. {PROSE}", None),
        (f"КХЛ, 12 марта. Плей-офф. {PROSE}", None),
        ("ТАСС, 4 февраля передал слова мэра.", "ТАСС, 4 февраля передал слова мэра."),
        ("Москва. 4 декабря. Гости едут к морю.", "Москва. 4 декабря. Гости едут к морю."),
        ("США, Канада и Дания подписали договор 4 декабря.", "США, Канада и Дания подписали договор 4 декабря."),
        ("Москва, 4 декабря - день приезда. Гости", "Москва, 4 декабря - день приезда. Гости"),
        ("США, 3 марта. Президент нездоров. Гости", "США, 3 марта. Президент нездоров. Гости"),
        ("ТОМСК, 12 мая. /ТАСС/.", "ТОМСК, 12 мая. /ТАСС/."),
    ],
    "outlets": [
        ("Цех открыт - РИА Новости, 04.03.2024", "Цех открыт"),
        ("Цех открыт – РИА Новости Крым, 04.03.2024", "Цех открыт"),
        ("Цех открыт | 74.ru", "Цех открыт"),
        ("Цех открыт — Фонтанка.Ру", "Цех открыт"),
        ("Цех открыт - news.mail.ru | Лента.ру", "Цех открыт"),
        ("Цех открыт :: РБК", "Цех открыт"),
        ("Цех открыт | Интерфакс-Урал", "Цех открыт"),
        ("Цех открыт |", "Цех открыт"),
        ("Завод на Урале встал — ТАСС", None),
        ("Мэр ушёл - РИА Новости выяснили почему", None),
        ("Открыт сайт 74.ru", None),
        ("74.ru", None),
        ("Рост - 5.5, план - 04.03.2024", None),
        ("С 1|2 и a::b", None),
        ("Путин: цех открыт - и это правильно.", None),
    ],
    "credits": [
        (f"Фото: Анна Котова / РИА Новости\n{PROSE}", PROSE),
        (f"{PROSE}\nФото ТАСС\n© Иван Петров / Коммерсантъ", PROSE),
        (f"{PROSE}\nФото из личного архива", PROSE),
        (f"{PROSE}\nФото предоставлено пресс-службой завода", PROSE),
        (f"{PROSE} Фото: example.com", PROSE),
        (f"{PROSE} Источник: «Вестник Каменска»", PROSE),
        ("Цех (Фото: сайт завода) открыт.", "Цех  открыт."),
        (f"Фото: Анна Котова / РИА Новости Иван Петров {PROSE}", PROSE),
        (f"Иван Петров Фото: Anna Kotova / Reuters Олег Сидоров {PROSE}", PROSE),
        ("Насос новый. Фото - соцсети.", "Насос новый."),
        (f"{PROSE}\nИсточник: «Вестник Каменска»", PROSE),
        (f"{PROSE}\nИсточник: ОПЕК+ может увеличить добычу нефти в мае", f"{PROSE}\nИсточник: ОПЕК+ может увеличить добычу нефти в мае"),
        (f"{PROSE}\nВидео — главный жанр года.", f"{PROSE}\nВидео — главный жанр года."),
        (f"{PROSE} Фото с сайта правительства Новосибирской области", PROSE),
        (f"{PROSE}\nИсточник: пресс-служба администрации города Каменска", PROSE),
        (f"{PROSE} Видео с сайта полиции показывает, как он убегает.", None),
        (f"{PROSE} Видео из соцсетей показало пожар на складе.", None),
        (f"{PROSE} Фото ТАСС публиковало ранее, утверждает защита.", None),
        (f"{PROSE}\nИсточник: Россия увеличит добычу нефти.", None),
        ("Фото из космоса показали масштаб пожаров.", "Фото из космоса показали масштаб пожаров."),
        (f"Фото: Sergey Bulkin / News.ru / Global Look Press Евгений Силаев {PROSE}", PROSE),
        (f"{PROSE}\nФото: Институт археологии РАН\nВидео: комбинат «Янтарь»", PROSE),
        (f"{PROSE}\nИсточник: поставки газа возобновят через неделю", None),
        (f"{PROSE}\nИсточник: стороны договорились о цене", None),
        (f"{PROSE}\nВидео: губернатор показал новый цех.", None),
        (f"{PROSE} (с) помощью субсидий построили цех", None),
        (f"{PROSE}\n(с) Иван Петров", PROSE),
        (f"{PROSE}\nexample.com\n{MORE}", f"{PROSE}\n{MORE}"),
        (f"{PROSE}\nФото Анны Котовой\nКадр из видео.\nКоллаж: example.com", PROSE),
        (f"{PROSE}\nИсточник фото: ТАСС\nФото: нейросеть Midjourney", PROSE),
        ("Цех (он новый).  Фото: Анна Котова / ТАСС  Его ждали.", "Цех (он новый). Его ждали."),
        (f"{PROSE}  Скриншот: @kamensk  Сейчас его уже нет.", f"{PROSE} Сейчас его уже нет."),
        (f"{PROSE}  Источник: ТАСС", f"{PROSE} "),
        (f"{PROSE}\nФото опубликовано в канале губернатора. На снимке — новый цех.", None),
        (f"{PROSE} Источник: РБК. Выручка за год — 5 млрд рублей.", None),
        (f"{PROSE}\nИсточник: взрыв на заводе под Каменском, есть погибшие", None),
        (f"{PROSE} Источник: Центробанк намерен поднять ставку до 21%.", None),
        (f"{PROSE}\nВидео ДТП: автобус на встречной полосе, двое погибших.", None),
        (f"Фото с сайта знакомств — главная улика по делу.\n{PROSE}", None),
        (f"{PROSE} На выставке «Память» фото из личного архива семьи Ивановых.", None),
        (f"{PROSE} Приз взял фильм «Север» (с) Иван Петров в главной роли.", None),
        (f"На выставке представлены\nфото из личного архива\nсемьи Ивановых.\n{PROSE}", None),
        ("Фото с места аварии опубликовал губернатор.", "Фото с места аварии опубликовал губернатор."),
    ],
    "counters": [
        (f"06.03.2019 в 21:49, просмотров: 2030\n{PROSE}\n20 фото\n***", PROSE),
        (f"20 фото\n***\n{PROSE}\nРеклама\nРеклама", PROSE),
        (f"{PROSE}\nТеги: спорт, хоккей, Трактор\nКатегория: Спорт", PROSE),
        (f"{PROSE}\nКлючевые слова: труд и мир, — сказал мэр.", f"{PROSE}\nКлючевые слова: труд и мир, — сказал мэр."),
        ("Ролик набрал 2 млн просмотров.\n20 фото показали на выставке", "Ролик набрал 2 млн просмотров.\n20 фото показали на выставке"),
    ],
    "related": [
        (f"{PROSE}\nЧитайте также: Как чинят насосы\n{MORE}", f"{PROSE}\n{MORE}"),
        (f"{PROSE}\nЧитайте материал «Как чинят насосы»", PROSE),
        (f"{PROSE}\nМатериалы по теме:\nХод насосом.Кто их чинит\n27 октября 2023\nТихий ход\n5 мая 2022\n{MORE}", f"{PROSE}\n{MORE}"),
        (f"{PROSE}\nТакже по теме\n«Вода ушла»: чем живёт Каменск\nВ городе третий день нет...\n{MORE}", f"{PROSE}\n{MORE}"),
        (f"{PROSE} Читайте полный текст интервью Ивана Петрова >>", PROSE),
        (f"Цех открыт. Читайте также: В Уфе закрыли фабрику. {PROSE}", f"Цех открыт. {PROSE}"),
        (f"{PROSE} Читайте также: Кто купит завод за 2.5 млрд?", PROSE),
        ("Читайте книги! Смотрите кино.", "Читайте книги! Смотрите кино."),
        (f"{PROSE}\nЧитайте также: Как устроен завод. {MORE}", f"{PROSE}\n{MORE}"),
        (f"{PROSE}\nСмотрите также: выставка продлится до мая. Вход свободный.", f"{PROSE}\nВход свободный."),
        (f"Цех открыт. Читайте также: Как устроен завод «Заря» в г. Каменске. {PROSE}", f"Цех открыт. {PROSE}"),
        (f"Главные новости: курс доллара упал, завод открыли, мэр ушёл.\n{PROSE}", None),
        (f"{PROSE}\nМатериалы по теме: Каменск нашёл площадку для «Зари»", PROSE),
        (f"{PROSE}\nСмотрите видео по теме:\n«Цех Каменска показали с высоты птичьего полёта»\n00:27", PROSE),
        (f"{PROSE}\nЧитайте также:\n— Как устроен завод\n• Кто им владеет?\n{MORE}", f"{PROSE}\n{MORE}"),
        (f"{PROSE}\nСмотрите также\nКак устроен завод и кто им владеет?\n{MORE}", f"{PROSE}\n{MORE}"),
        (f"{PROSE}\n🐚 Читать РБК в Telegram\nЧитать полностью или обсудить", PROSE),
        ("По теме доклада выступил ректор.", "По теме доклада выступил ректор."),
    ],
    "calls": [
        (f"{PROSE}\nПодписывайтесь на наш Telegram-канал!", PROSE),
        (f"{PROSE}\nБольше новостей в Telegram-канале «Каменск». Подписывайтесь!", PROSE),
        (f"{PROSE} Подпишитесь на нас в Дзене", PROSE),
        (f"{PROSE}\nПодписывайтесь на наш\nTelegram\n, чтобы быть в курсе новостей. Для этого пройдите\nпо ссылке\nи нажмите Join.\n{MORE}", f"{PROSE}\n\n{MORE}"),
        (f"{PROSE}\nВсе школы города открыты. Подписывайтесь!", f"{PROSE}\nВсе школы города открыты."),
        (f"{PROSE} Подписаться на канал", PROSE),
        (f"{PROSE}\nЧто происходит в Каменске? Объясняем на нашем YouTube-канале. Подпишись!", PROSE),
        (f"{PROSE}\nПодписаться: @kamensk", PROSE),
        (f"Все школы города закрыты. Так решила мэрия. Подписывайтесь на наш Telegram-канал!\n{PROSE}", f"Все школы города закрыты. Так решила мэрия.\n{PROSE}"),
        (f"Больше всего пострадал завод: сгорел цех. Подписывайтесь на наш канал\n{PROSE}", f"Больше всего пострадал завод: сгорел цех.\n{PROSE}"),
        (f"{PROSE} Адвокат просил: подпишитесь. В сейфе нашли пять миллионов рублей.", None),
        (f"{PROSE} Власти советуют: «Подпишитесь на канал мэрии». Встреча пройдёт в среду.", None),
        (f"{PROSE}\nПодпишитесь под петицией против стройки на нашем сайте до 1 мая.", None),
        (f"Подписывайтесь на наш канал, — сказал директор\nзавода Иван Петров.\n{PROSE}", None),
        (f"{PROSE}\n💻  Подписаться", PROSE),
        (f"{PROSE}\n✔ Подпишись на «Ъ» | Оставляйте бусты", PROSE),
        (f"{PROSE}\n🔹 Подписаться на РИА Новости", PROSE),
        (f"{PROSE} Подписаться на «Плюс» теперь можно за 299 рублей в месяц, сообщили в компании.", None),
        (f"{PROSE} Банк советует: подпишитесь на уведомления. Ставка составит 15% годовых.", None),
        (f"{PROSE} Мэр: подпишитесь под обращением. За проект выделили 3 млн рублей.", None),
        (f"«Присоединяйтесь к программе субсидий», — призвал министр.\n{PROSE}", None),
        (f"{PROSE} Подписаться на услугу решили 40% опрошенных.", None),
        ("Губернатор призвал всех подписаться на газету.", "Губернатор призвал всех подписаться на газету."),
    ],
    "standfirsts": [
        (
            f"{PROSE}\n{MORE}\nГород готовится к большому осеннему празднику\nВласти надеются на новых туристов из соседних областей",
            f"{PROSE}\n{MORE}",
        ),
        (f"{PROSE}\nГород готовится к большому осеннему празднику", None),
        ("Город готовится к большому празднику\nВласти надеются на новых туристов", None),
        (f"{PROSE}\nПобедители конкурса:\nИван Петров\nАнна Котова", None),
        (f"{PROSE}\nТаблица после тура.\nЗенит Санкт-Петербург 45 очков 20 матчей\nСпартак Москва 40 очков 20 матчей", None),
        (f"{PROSE}\nЖители просят одного.\nПостроить школу в посёлке Северном\nОткрыть поликлинику в посёлке Южном", None),
        (f"{PROSE}\nВот рецепт.\nМука пшеничная первого сорта 300 граммов\nМасло сливочное мягкое 200 граммов", None),
        ("Учёные нашли в озере\nновый вид рачков. Он живёт\nна глубине двухсот метров\nи питается илом.\nЕго назвали в честь\nпервого директора заповедника", None),
    ],
    "recaps": [
        (f"{PROSE}\nНапомним, завод строили пять лет. Его открыли весной.", PROSE),
        (f"{PROSE}\nРанее редакция сообщала о новом цехе.\nРанее сообщалось, что цех достроят.", PROSE),
        (f"{PROSE} Ранее «Вестник» сообщал о новом цехе.", PROSE),
        (f"{PROSE}\nРанее РБК писал о новом цехе.", PROSE),
        (f"Напомним, завод строили пять лет.\n{PROSE}", None),
        ("Напомним, завод строили пять лет.", None),
        (f"{PROSE} Ранее завод выпускал котлы.", None),
    ],
}  # fmt: skip
CASES = [
    pytest.param(name, dirty, dirty if clean is None else clean, id=f"{name}-{i}")
    for name, table in TABLES.items()
    for i, (dirty, clean) in enumerate(table)
]
RULE = {rule.name: rule for rule in RULES}


def cleaned(cleaner: Cleaner, name: str, dirty: str) -> tuple[str, str]:
    """Clean a title if the rule is for titles only, otherwise a text."""
    return cleaner.clean("", dirty) if RULE[name].texts else cleaner.clean(dirty, "")


def test_every_rule_has_a_table() -> None:
    assert list(TABLES) == [rule.name for rule in RULES]


@pytest.mark.parametrize(("name", "dirty", "clean"), CASES)
def test_a_rule_cleans_its_examples(name: str, dirty: str, clean: str) -> None:
    assert RULE[name].apply(dirty) == clean


@pytest.mark.parametrize(("name", "dirty", "clean"), [c for c in CASES if c.values[1] != c.values[2]])
def test_a_rule_changes_nothing_without_its_triggers(name: str, dirty: str, clean: str) -> None:
    assert any(trigger in dirty for trigger in RULE[name].triggers)


@pytest.mark.parametrize(("name", "dirty", "clean"), [c for c in CASES if c.values[1] != c.values[2]])
def test_a_rule_changes_nothing_without_its_signs(name: str, dirty: str, clean: str) -> None:
    signs = RULE[name].signs
    assert not signs or any(re.search(f"[{first}]{rest}", dirty) for first, rest in signs)


@pytest.mark.parametrize(("name", "dirty", "clean"), CASES)
def test_a_rule_works_the_same_among_all_rules(name: str, dirty: str, clean: str) -> None:
    cleaner = Cleaner(drop_recaps=True)
    assert cleaned(cleaner, name, dirty) == cleaned(cleaner, name, clean)


SCRAPED_PAGE = f"""<p>КАМЕНСК, 4 дек - РИА Новости. {PROSE}</p>
<p>Фото:&amp;nbsp;Анна Котова / ТАСС</p><script>var a = "<p>";</script>
<p>{MORE}</p>
<p>Напомним, завод строили пять лет.</p>
<p>Ранее редакция сообщала о новом цехе.</p>
Город готовится к большому осеннему празднику
Власти надеются, что это повысит туристическую привлекательность района
"""


def test_a_scraped_page_is_reduced_to_its_article() -> None:
    assert Cleaner(drop_recaps=True).clean(" Насосы&nbsp;готовы ", SCRAPED_PAGE) == (
        "Насосы готовы",
        f"{PROSE}\n{MORE}",
    )
    assert "Ранее редакция" in Cleaner(drop_recaps=False).clean("", SCRAPED_PAGE)[1]


def test_rules_for_texts_do_not_change_titles() -> None:
    title = "Фото: как выглядит новый цех"
    assert Cleaner().clean(title, "") == (title, "")


def test_skip_switches_a_rule_off() -> None:
    text = f"МОСКВА, 4 дек - РИА Новости. {PROSE}"
    assert Cleaner(skip=("datelines",)).clean("", text)[1] == text


def test_an_unknown_rule_lists_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"unknown cleaning rule 'photos'; known rules: 'accents', 'base64'"):
        Cleaner(skip=("photos",))


# --- properties ---

DIRT = st.sampled_from(
    [dirty for table in TABLES.values() for dirty, _ in table]
    + [
        "<",
        ">",
        "<p",
        "</",
        "&amp;",
        "&lt;",
        "&gt;",
        "lt;",
        "[",
        "](",
        ")",
        "**",
        "__",
        "{",
        "};",
        "\n",
        " ",
        ". ",
    ]
    + ["Фото:", "Напомним, ", "Материалы по теме", "Подпишись", "<!--", "-->", "<script>", "</script>", "\r"]
    + ["\u0301", "\u0306", "\xad", "\xa0", "\ud800", "\x00", "https://", "Читайте также:", "МОСКВА, 4 дек - "]
)
DIRTY_TEXT = st.lists(DIRT | st.text(max_size=12), max_size=14).map("".join)
CLEANERS = (Cleaner(), Cleaner(drop_recaps=True))


@pytest.mark.parametrize("cleaner", CLEANERS, ids=("kept", "dropped"))
@given(title=DIRTY_TEXT, text=DIRTY_TEXT)
def test_cleaning_is_idempotent(cleaner: Cleaner, title: str, text: str) -> None:
    once = cleaner.clean(title, text)
    assert cleaner.clean(*once) == once


def clean_without_shortcuts(title: str, text: str) -> tuple[str, str]:
    """A reference implementation: all rules in every pass, without signs or other shortcuts."""

    def once(text: str, rules: list[Rule]) -> str:
        for rule in rules:
            new = rule.apply(text) if any(trigger in text for trigger in rule.triggers) else text
            text = new if new.strip() or not rule.of_lines else text
        return text.strip()

    title, text = title.strip(), text.strip()
    for _ in range(cleaning.PASSES):
        title = once(title, [rule for rule in RULES if rule.titles])
        text = once(text, [rule for rule in RULES if rule.texts and not rule.of_lines])
        if tails.may_have_tails(text):
            text = once(text, [rule for rule in RULES if rule.of_lines])
    return title, text


@given(title=DIRTY_TEXT, text=DIRTY_TEXT)
def test_shortcuts_do_not_change_the_result(title: str, text: str) -> None:
    assert CLEANERS[1].clean(title, text) == clean_without_shortcuts(title, text)


@given(before=st.text("аб ", max_size=70), length=st.integers(100, 140))
def test_base64_of_120_characters_is_removed_anywhere(before: str, length: int) -> None:
    run = "iVBORw0KGgo/" * 12
    kept = " " if length >= 120 else run[:length]
    assert markup.base64(f"{before}«{run[:length]}» конец") == f"{before}«{kept}» конец"


def test_rules_are_applied_again_to_what_later_rules_uncover() -> None:
    assert CLEANERS[0].clean("", "цена&<b></b>nbsp;хлеба &l<i></i>t;p>выросла")[1] == "цена хлеба\nвыросла"


@pytest.mark.parametrize("more", ["", "\nГорода ждут газ."])
def test_a_credit_in_brackets_is_removed_from_one_line_or_two(more: str) -> None:
    text = f"{'Завод запустил линию. ' * 10}Цех новый (фото: сайт завода). {'Рост составил 5%. ' * 30}"
    assert "фото" not in CLEANERS[0].clean("", text + more)[1]


def test_many_tails_are_removed_in_one_pass() -> None:
    assert CLEANERS[1].clean("", PROSE + " Фото: Анна Котова." * 500)[1] == PROSE


def test_only_entities_nested_deeper_than_the_passes_are_not_idempotent() -> None:
    nested = "&" + "#38;" * 50 + "lt;"
    once = CLEANERS[0].clean("", nested)[1]
    assert len(once) == len(nested) - 4 * cleaning.PASSES
    assert CLEANERS[0].clean("", once)[1] != once


@given(text=DIRTY_TEXT | st.text(st.characters(codec=None)))
def test_no_control_characters_are_left(text: str) -> None:
    for cleaned in CLEANERS[0].clean(text, text):
        assert not [c for c in cleaned if c != "\n" and unicodedata.category(c) in ("Cc", "Cs")]


@given(words=st.lists(st.text("абвгдеёжзийклмнопрстуфхцчшщъыьэюя", min_size=1), min_size=1))
def test_clean_text_is_unchanged(words: list[str]) -> None:
    text = " ".join(words).capitalize() + "."
    assert CLEANERS[1].clean(text, text) == (text, text)


@given(tails=st.lists(st.sampled_from(["\n" + d for n in ("credits", "related", "calls", "standfirsts", "recaps", "counters") for d, _ in TABLES[n]]), max_size=6))  # fmt: skip
def test_removing_tails_keeps_the_prose(tails: list[str]) -> None:
    assert CLEANERS[1].clean("", PROSE + "".join(tails))[1].startswith(PROSE)


@pytest.mark.parametrize(
    "unit",
    [
        "<",
        "<a ",
        '<a b="',
        '<a b="x>y" ',
        "<!--",
        "<script>",
        "</p>",
        "&amp;",
        "&amp;amp;nbsp;",
        "&",
        "(",
        "(фото: ",
        "Фото: ",
        "[",
        "[a](",
        "**",
        "_",
        "iVBORw0KGgo/",
        "http://",
        "А.",
        "Материалы по теме00:04 — 1 мая ",
        "Напомним, ",
        "Ранее ",
        "Ранее А сообщал. ",
        "\n",
        "\nФото: А",
        "\nНапомним, а",
        "а\u0301",
        "\u0301\u0316",
        "и\u0306",
        "Подпишись ",
        ". Подпишись ",
        " подпишись.",
        "[b]",
        "[a b=",
        "[[{",
        "{gallery}",
        "  Фото: А",
        "\na.com",
        "https://а.",
        "Все каналы. ",
        "\nЧитайте также: А. Б",
        "\n• Цех",
        "{",
        "a = {",
        "МОСКВА, ",
        "\nГород готовится к большому празднику",
        "\nЧитайте также:",
        "\nТакже по теме",
        "Я",
        "a" * 119 + " ",
        " ",
        "\r",
    ],
)
def test_hostile_text_takes_linear_time(unit: str) -> None:
    half, whole = (seconds(unit * (size // len(unit))) for size in (250_000, 1_000_000))
    assert whole < 12 * half + 0.5  # 4 when linear, 16 when quadratic


@pytest.mark.parametrize("unit", [" | ", " ::", " - a.ru", "   "])
def test_a_hostile_title_takes_linear_time(unit: str) -> None:
    half, whole = (seconds("", f"Цех{unit * (size // len(unit))}|") for size in (50_000, 200_000))
    assert whole < 12 * half + 0.5


def seconds(text: str, title: str = "") -> float:
    start = time.process_time()
    CLEANERS[1].clean(title, text)
    return time.process_time() - start


# --- boilerplate ---

DISCLAIMER = "* Сеть признана нежелательной и запрещена в области."


def articles(count: int = 40) -> list[tuple[str, str]]:
    return [
        (
            "Вестник",
            f"Цех номер {n} открыли в районе {n * n}. Смену начали рабочие бригады {n}.\n{DISCLAIMER}",
        )
        for n in range(count)
    ]


def learn(pairs: list[tuple[str, str]]) -> Boilerplate:
    learner = BoilerplateLearner()
    for outlet, text in pairs:
        learner.add(outlet, text)
    return learner.learn()


def test_boilerplate_is_removed_in_its_outlet_only() -> None:
    cleaner = Cleaner(boilerplate=learn(articles()))
    text = f"{PROSE}\n{DISCLAIMER}"
    assert cleaner.clean("", text, "Вестник")[1] == PROSE
    assert cleaner.clean("", f"{PROSE} {DISCLAIMER}", "Вестник")[1] == PROSE
    assert cleaner.clean("", f"{DISCLAIMER} {PROSE}", "Вестник")[1] == PROSE
    assert cleaner.clean("", text, "Голос")[1] == text
    assert cleaner.clean("", text)[1] == text
    assert cleaner.clean("", DISCLAIMER, "Вестник")[1] == DISCLAIMER


def test_a_large_outlet_is_sampled_with_weights() -> None:
    learner = BoilerplateLearner()
    weights = [learner.weigh("Вестник") for _ in range(100_000)]
    assert sum(weights) == pytest.approx(100_000, rel=0.01)
    assert sum(map(bool, weights)) < 5_000
    assert weights[:1_000] == [1] * 1_000, "the first thousand are all counted"
    assert learner.weigh("Голос") == 1, "each outlet is counted separately"
    assert learner.weigh("") == 0


@pytest.mark.parametrize(("share", "learned"), [(0.005, False), (0.03, True)])
def test_a_recent_line_is_learned_if_its_share_is_large(share: float, learned: bool) -> None:
    count = 20_000
    old = [("Вестник", text.split("\n")[0]) for _, text in articles(count - int(count * share))]
    new = [(outlet, f"Год новый. {text}") for outlet, text in articles(int(count * share))]
    assert (DISCLAIMER in learn(old + new).outlets.get("Вестник", ())) is learned


@pytest.mark.parametrize(
    "pairs",
    [
        pytest.param([("Вестник", f"{PROSE}\n{MORE}")] * 50, id="one article reprinted"),
        pytest.param([("Вестник", f"{PROSE}\n{MORE} Версия {n}.") for n in range(50)], id="reprinted with changes"),
        pytest.param([("Вестник", "В городе гололёд.")] * 50, id="a short text repeated"),
        pytest.param([("", text) for _, text in articles()], id="no outlet"),
        pytest.param(articles(7), id="too few"),
    ],
)  # fmt: skip
def test_reprints_and_rare_lines_are_not_boilerplate(pairs: list[tuple[str, str]]) -> None:
    assert learn(pairs).outlets == {}


def test_boilerplate_does_not_depend_on_the_order() -> None:
    shuffled = articles()
    random.Random(1).shuffle(shuffled)
    assert learn(shuffled) == learn(articles())


def test_boilerplate_survives_json() -> None:
    learned = learn(articles())
    plain: Any = json.loads(json.dumps(learned.to_json()))
    assert plain == {"Вестник": [DISCLAIMER]}
    assert Boilerplate.from_json(plain) == learned


@pytest.mark.parametrize("plain", [None, [], {"Вестник": "текст"}, {"Вестник": [1]}])
def test_damaged_boilerplate_is_a_model_error(plain: object) -> None:
    with pytest.raises(ModelError, match="boilerplate must map outlets to lists"):
        Boilerplate.from_json(plain)


@given(text=DIRTY_TEXT)
def test_cleaning_with_boilerplate_is_idempotent(text: str) -> None:
    cleaner = Cleaner(
        drop_recaps=True, boilerplate=Boilerplate({"о": frozenset({PROSE, "Фото:", "Напомним,"})})
    )
    once = cleaner.clean("", text, "о")
    assert cleaner.clean(*once, "о") == once


def test_rules_are_in_the_required_order() -> None:
    names = [rule.name for rule in cleaning.RULES]
    assert [rule.of_lines for rule in RULES] == sorted(rule.of_lines for rule in RULES)
    for first, second in (("entities", "tags"), ("materials", "glued"), ("standfirsts", "recaps")):
        assert names.index(first) < names.index(second)
