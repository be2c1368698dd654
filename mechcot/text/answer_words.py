"""Words with which languages state an answer: the word for it, what links it to its value, and what may stand behind the value.

*Ours*, with the answer prefixes of MGSM (Shi et al. 2022, arXiv 2210.03057) for its eleven languages. Every language is one row; a
colon, an equals sign or a dash links in all of them.
"""

import re
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True)
class Wording:
    """One language's wording.

    Attributes:
        noun: Pattern of "answer", adjectives included.
        link: Pattern of "is"; "" where a value may follow without one.
        words: Whether words are written with spaces.
    """

    noun: str
    link: str
    words: bool = True


_BEFORE = r"(?:(?:final|correct|right|best|overall|short|most likely|only|closest)\s+)"
_LAST = (
    r"(?=(?:(?![.!?]\s+\S)[^\n]){0,200}\s*\Z)"  # of the last sentence: one on the way is a step's
)
_WORDINGS = (
    Wording(  # English
        rf"{_BEFORE}{{0,3}}(?:answers?|outputs?{_LAST})|{_BEFORE}{{1,3}}(?:option|choice|alternative|result|response|statement)",
        r"(?:is|are|was|were|would be|should be|must be|will be|equals|becomes|comes? out to(?: be)?|turns? out to be|to be)",
    ),
    Wording(r"(?:(?:richtige|korrekte|endgültige|finale)\s+)?(?:antwort|lösung|endergebnis)", r"(?:ist|lautet|wäre|beträgt)"),
    Wording(r"(?:bonne\s+)?réponse(?:\s+(?:finale|correcte|exacte))?", r"(?:est|serait|vaut)"),
    Wording(r"respuesta(?:\s+(?:final|correcta))?", r"(?:es|sería|seria)"),
    Wording(r"risposta(?:\s+(?:finale|corretta|giusta))?", r"(?:è|e'|sarebbe)"),
    Wording(r"resposta(?:\s+(?:final|correta|certa))?", r"(?:é|seria|será)"),
    Wording(r"(?:(?:juiste|uiteindelijke)\s+)?antwoord", r"(?:is|luidt)"),
    Wording(r"(?:(?:правильный|окончательный|верный|итоговый)\s+)?ответ(?:ом)?", r"(?:равен|равна|является|будет|это)"),
    Wording(r"(?:(?:правильна|остаточна)\s+)?відповідь", r"(?:дорівнює|це|є)"),
    Wording(r"(?:(?:prawidłowa|poprawna|ostateczna)\s+)?odpowiedź", r"(?:to|brzmi|jest)"),
    Wording(r"(?:(?:správná|konečná)\s+)?odpověď", r"(?:je|zní)"),
    Wording(r"(?:(?:rätt|riktige|rigtige|slutliga|endelige)\s+)?svar(?:et)?", r"(?:är|er|blir|bliver)"),
    Wording(r"(?:(?:doğru|nihai|son)\s+)?(?:cevap|cevabı|yanıt|yanıtı)", r"(?:olarak|şudur)?"),
    Wording(r"răspuns(?:ul)?(?:\s+(?:final|corect))?", r"(?:este|e)"),
    Wording(r"(?:(?:helyes|végső)\s+)?válasz", r"(?:az|a)?"),
    Wording(r"(?:(?:oikea|lopullinen)\s+)?vastaus", r"(?:on)"),
    Wording(r"(?:(?:τελική|σωστή)\s+)?απάντηση", r"(?:είναι)"),
    Wording(r"(?:đáp án|đáp số|câu trả lời)(?:\s+(?:đúng|cuối cùng))?", r"(?:là)"),
    Wording(r"jawaban(?:nya)?(?:\s+(?:akhir|yang benar))?", r"(?:adalah|ialah)"),
    Wording(r"jibu(?:\s+la mwisho)?", r"(?:ni)"),
    Wording(r"(?:(?:अंतिम|सही)\s+)?(?:उत्तर|जवाब)", r"(?:है|होगा)?"),
    Wording(r"(?:(?:চূড়ান্ত|সঠিক)\s+)?উত্তর", r"(?:হল|হলো|হবে)?"),
    Wording(r"సమాధానం", r""),
    Wording(r"(?:விடை|பதில்)", r""),
    Wording(r"(?:ال)?(?:جواب|إجابة|اجابة)(?:\s+(?:النهائي|النهائية|الصحيح|الصحيحة))?", r"(?:هو|هي|يساوي)"),
    Wording(r"(?:پاسخ|جواب)(?:\s+(?:نهایی|درست))?", r"(?:برابر است با|برابر با)?"),
    Wording(r"(?:ה)?תשובה(?:\s+(?:הסופית|הנכונה))?", r"(?:היא|הוא)"),
    Wording(r"คำตอบ(?:สุดท้าย|ที่ถูกต้อง)?", r"(?:คือ|เป็น)", words=False),
    Wording(
        r"(?:最终|最後|最后|正确|正確|正解)?的?(?:答案|解答|正解|回答)|(?:正确|正確)的?(?:选项|選項)|(?<![回解问应應对])答(?=\s*[:：])",
        r"(?:应该|應該|就|便|应|應|将|將)?(?:是|为|為|等于|等於)",
        words=False,
    ),
    Wording(r"(?:最終的な|最終|正しい)?(?:答え|解答|正解|回答|答)", r"(?:は|が)", words=False),
    Wording(r"(?:최종\s*)?(?:정답|답변|답)", r"(?:은|는|이|가)", words=False),
)  # fmt: skip

# A letter chosen, with a word of its own: 故选B
CHOSEN = re.compile(
    r"(?:故|应|應|因此|所以|答案)?(?:选择|選擇|选|選)(?:项|項)?\s*[:：]?\s*(?P<value>[(（]?[A-H][)）]?)(?![A-Za-z])"
)
# What may stand behind a value, where the verb ends the sentence.
COPULA = re.compile(
    r"\s*(?:です|でした|だ|である|でしょう|となります|になります|となる|になる|입니다|이다|예요|이에요|이\s?됩니다|됩니다|임|है|हैं|होगा|होगी|হবে|’?'?(?:d|t)[iıuü]r)$"
)


# "not" of the languages above, English aside
DENIAL = re.compile(
    r"\b(?:nicht|kein\w*|n['\u2019]est pas|pas|no es|no son|non \u00e8|n\u00e3o|niet|geen|\u043d\u0435|nie|nen\u00ed|ikke|inte|de\u011fil\w*|nu este|nu e|nem|nincs|ei ole|\u03b4\u03b5\u03bd|"
    r"kh\u00f4ng ph\u1ea3i|bukan(?:lah)?|si(?=\s+\d)|\u05dc\u05d0|\u05d0\u05d9\u05e0\u05d4|\u05d0\u05d9\u05e0\u05d5|\u0644\u064a\u0633\u062a?|\u0646\u06cc\u0633\u062a)\b"
    r"|\u4e0d\u662f|\u4e0d\u5bf9|\u3067\u306f\u3042\u308a\u307e\u305b\u3093|\u3067\u306f\u306a\u3044|\u3058\u3083\u306a\u3044|\uc544\ub2d9\ub2c8\ub2e4|\uc544\ub2c8\ub2e4|\u0928\u0939\u0940\u0902|\u09a8\u09af\u09bc|\u09a8\u09df|"
    r"\u0e44\u0e21\u0e48\u0e43\u0e0a\u0e48|\u0c15\u0c3e\u0c26\u0c41|\u0b85\u0bb2\u0bcd\u0bb2",
    re.IGNORECASE,
)


CHOICE_WORDS = (
    rf"(?:(?:the|la|le|el|il|o|a|die|das|de|den)\s+)?(?:{'|'.join(row.noun for row in _WORDINGS)}|"
    r"(?:(?:correct|right|best|richtige|bonne|juiste|правильный|doğru)\s+)?(?:choice|option|alternative|alternativ[ea]?|"
    r"opción|opção|opcja|optie|opzione|möglichkeit|proposition|вариант|варіант|seçenek|şık|lựa chọn|phương án|pilihan|विकल्प|选项|選項|選択肢|선택지|보기))"
)
"""Pattern of what may stand in front of the letter of a choice."""
_MARK = r"(?:\*\*|__|\*|`|\")?"
_COLON = r"\s*[:\uff1a=\uff1d]|[^\S\n]+[-\u2014\u2013](?=\s)|[^\S\n]*\u2014"
_ASKED = r"(?:\s+(?:to|for|of)\s+[^.\n:=?]{1,80}?)?"


def _noun(row: Wording) -> str:
    return rf"(?<![^\W_])(?:{row.noun})(?![^\W_])" if row.words else f"(?:{row.noun})"


def _stated(row: Wording) -> str:
    """Pattern of the words in front of a value in one language."""
    asked = _ASKED if row is _WORDINGS[0] else ""
    link = row.link.removesuffix("?")
    end = r"(?!\w)" if row.words else ""
    start = r"(?<![^\W_])" if row.words else ""
    linked = rf"\s*{start}{link}{end}{_MARK}\s*[:\uff1a]?|" if link else ""
    direct = r"|(?=\s{1,3}[^\w\n]{0,3}\d)" if row.link.endswith("?") or not link else ""
    return rf"{_noun(row)}{asked}{_MARK}(?:{linked}{_COLON}{direct}){_MARK}"


_STEMS = (
    "answer option choice alternative result response statement output", "antwort lösung endergebnis", "réponse", "respuesta", "risposta", "resposta",
    "antwoord", "ответ", "відповід", "odpowied", "odpověď", "svar", "cevap cevab yanıt", "răspuns", "válasz", "vastaus", "απάντηση", "đáp trả", "jawaban",
    "jibu", "उत्तर जवाब", "উত্তর", "సమాధానం", "விடை பதில்", "جواب إجابة اجابة", "پاسخ جواب", "תשובה", "คำตอบ", "答 解 案 选项 選項", "答 解", "답",
)  # fmt: skip


def _rows(text: str) -> tuple[int, ...]:
    """The languages whose word for "answer" stands in a text."""
    plain = text.casefold()
    rows = enumerate(zip(_WORDINGS, _STEMS, strict=True))
    return tuple(row for row, (_, stems) in rows if any(stem in plain for stem in stems.split()))


@cache
def _stated_in(rows: tuple[int, ...]) -> re.Pattern[str]:
    return re.compile("|".join(_stated(_WORDINGS[row]) for row in rows), re.IGNORECASE)


@cache
def _heading_in(rows: tuple[int, ...]) -> re.Pattern[str]:
    nouns = "|".join(_noun(_WORDINGS[row]) for row in rows)
    return re.compile(
        rf"^[ \t>#*_=-]{{0,20}}(?:\d{{1,2}}[.)]\s)?{_MARK}(?:(?:the|my|la|le|die|das|el|il|a|o)\s+)?(?:{nouns}){_MARK}[ \t]*[:\uff1a]?[ \t*_#=-]*$",
        re.IGNORECASE | re.MULTILINE,
    )


def statements_in(text: str) -> list[re.Match[str]]:
    """The words in front of each stated answer ("the answer is"), in order."""
    rows = _rows(text)
    return list(_stated_in(rows).finditer(text)) if rows else []


def headings_in(text: str) -> list[re.Match[str]]:
    """The lines that only say that the answer follows."""
    rows = _rows(text)
    return list(_heading_in(rows).finditer(text)) if rows else []
