"""Words with which languages say that something cannot be known; every language is one row.

*Ours*. A blank stands for white space of any length, `~N` for at most N words between.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Unknown:
    """One language's wording.

    Attributes:
        phrases: Patterns that say it wherever they stand.
        short: Patterns that say it where nothing else is said.
        words: Whether words are written with spaces.
    """

    phrases: tuple[str, ...]
    short: tuple[str, ...] = ()
    words: bool = True


INFORMATION = r"(?:information|info|data|details?|facts?|context|evidence)"
FINDS = r"(?:determin|answer|solv|calculat|comput|conclud|deduc|infer|establish|find|figur|tell|say|know|decid|work out|identif|specif|provid|giv)"
_CANNOT = r"(?:can(?:no|['’])t|can not|could ?n['’]?t|could not)"
_NOT = rf"(?:{_CANNOT}|(?:am|are|is|['’]m|['’]re) (?:not able|unable) to|unable to|do(?:es)? not|do(?:es)?n['’]t|(?:is|are) not|(?:is|are)n['’]t)"

LANGUAGES = (
    Unknown(  # English
        (
            rf"{_CANNOT} ~2be ~2{FINDS}\w*",
            rf"(?:I|we|one|you) ~1{_NOT} (?!need\b)~2(?:determin|answer|solv|calculat|comput|conclud|deduc|infer|tell|know|say)\w*",
            rf"not ~2(?:enough|sufficient|adequate) {INFORMATION}",
            rf"(?:insufficient|inadequate|too little) {INFORMATION}",
            rf"{INFORMATION} ~6(?:(?:is|are) )?(?:insufficient|not (?:sufficient|enough|given|provided|available|stated)|missing)",
            r"(?:impossible|not possible|no way) ~3to ~1(?:determine|answer|know|tell|say|calculate|compute|conclude|find out|be (?:sure|certain))",
            r"no way (?:of|to) ~1(?:know|tell|determin|say|find)\w*",
            r"answer (?:is|remains) (?:unknown|unknowable|undetermined|indeterminate|unclear)",
            r"(?:question|problem) ~2(?:is unanswerable|has no (?:known )?answer|lacks\b)",
            rf"(?:answer|solution|value|result|total|amount|number|price) {_CANNOT} be found",
            r"no ~1(?:answer|conclusion|solution) can be (?:given|drawn|found|reached)",
            r"(?:we|I) (?:are|am)(?: not|n['’]t) told",
            r"(?:nobody|no one) (?:can|could) (?:know|say|tell)",
            r"not (?:determinable|answerable|computable)|under-?(?:specified|determined)",
            rf"(?:has|have|is|are|gives?|there is) no ~1{INFORMATION}|lacks? (?:the |any )?~1{INFORMATION}",
        ),
        (
            r"(?:(?:is|it is|it['’]s|i am|i['’]m) )?(?:unknown|unknowable|undetermined|undeterminable|indeterminate|indeterminable|unanswerable|unclear|idk|not (?:given|specified|stated|known|sure|determinable|answerable)(?: \w+){0,4})",
            r"n/a|not (?:available|applicable)",
            r"(?:cannot|can['’]t) (?:say|tell|know|answer|determine|be (?:known|told|said))",
            rf"no (?:idea|clue)|false premise|no (?:valid )?answer|insufficient(?: {INFORMATION})?",
        ),
    ),
    Unknown(  # German
        (
            r"(?:lässt|lassen|läßt) sich ~4nicht ~2(?:bestimm|beantwort|berechn|ermittel|sag)\w*",
            r"(?:kann|können) ~5nicht ~2(?:bestimmt|beantwortet|berechnet|ermittelt|bestimmen|beantworten|berechnen|sagen|wissen)",
            r"(?:nicht genügend|nicht genug|nicht ausreichend\w*|zu wenig\w*|keine ausreichenden) (?:informationen|angaben|daten)",
            r"wei(?:ß|ss) (?:ich )?(?:es )?nicht|ist (?:nicht bekannt|unbekannt)|ist nicht angegeben",
            r"nicht (?:beantwortbar|bestimmbar|berechenbar)|fehl(?:en|t) ~1(?:angaben?|informationen|information|daten)",
            r"(?:angaben|informationen|daten|fakten) ~4(?:reichen|genügen) ~3nicht|(?:reichen|genügen) ~2(?:angaben|informationen|daten) ~3nicht|geht ~4nicht hervor|wei(?:ß|ss) man ~1nicht|unmöglich, ~3zu (?:bestimmen|beantworten|berechnen|sagen|wissen)",
        ),
        ("unbekannt|unbestimmt|nicht bestimmbar|keine angaben?",),
    ),
    Unknown(  # French
        (
            r"impossible (?:de|à) (?:l[ea] |les |l['’])?(?:détermin|savoir|calcul|dire|répond)\w*",
            r"ne (?:peut|peuvent|permet\w*) (?:pas )?~3(?:détermin|répond|calcul|savoir|être (?:détermin|calcul|répond|connu))\w*",
            r"pas (?:assez|suffisamment) d['’](?:informations?|éléments|indications)",
            r"je ne sais pas|on ne sait pas|(?:informations|données) ~2insuffisantes?|pas possible (?:de|d['’]) ?(?:l[ea] |les |l['’])?(?:détermin|savoir|calcul|dire|répond)\w*|manque ~1(?:informations?|données)",
        ),
        ("inconnue?|indéterminée?",),
    ),
    Unknown(  # Spanish
        (
            r"no (?:se )?(?:puede|puedo|podemos|es posible) ~2(?:determin|respond|calcul|saber|conocer)\w*",
            r"no (?:hay|tengo|tenemos) (?:suficiente|bastante)s? (?:información|datos)|no (?:hay|tengo|tenemos) (?:información|datos) suficientes?|información insuficiente|no lo sé|no se sabe",
            r"falta[n]? ~1(?:datos|información)|imposible (?:de )?(?:saber|determinar|calcular|responder|conocer)\w*",
        ),
        ("desconocid[oa]|indeterminad[oa]",),
    ),
    Unknown(  # Italian
        (
            r"non (?:si )?(?:può|è possibile|posso|possiamo) ~2(?:determin|rispond|calcol|saper|stabil)\w*",
            r"(?:informazioni|dati) insufficienti|non ci sono (?:abbastanza|sufficienti) (?:informazioni|dati)|non lo so",
            r"manca(?:no)? ~1(?:dati|informazioni)|non ci sono (?:informazioni|dati) sufficienti|impossibile (?:determinar|saper|calcolar|dir|risponder|stabilir)\w*",
        ),
        ("sconosciut[oa]|indeterminat[oa]",),
    ),
    Unknown(  # Portuguese
        (
            r"não (?:se )?(?:pode|é possível|posso|podemos|dá para) ~2(?:determin|respond|calcul|saber)\w*",
            r"não há (?:informações|informação|dados) suficientes?|não sei|impossível (?:de )?(?:saber|determinar|calcular|responder)|falta[m]? ~1(?:dados|informações)",
        ),
        ("desconhecid[oa]|indeterminad[oa]",),
    ),
    Unknown(  # Dutch
        (
            r"(?:kan|kunnen) ~4niet ~2(?:bepaald|bepalen|beantwoord\w*|berekend|berekenen|weten|zeggen|worden vastgesteld)",
            r"niet te (?:bepalen|beantwoorden|berekenen|zeggen|weten)|onmogelijk (?:om )?te (?:bepalen|beantwoorden|berekenen|zeggen|weten)",
            r"(?:niet genoeg|onvoldoende|te weinig) (?:informatie|gegevens)|(?:informatie|gegevens) ontbre\w+|weet ik niet|ik weet het niet",
        ),
        ("onbekend|onbepaald|niet te bepalen",),
    ),
    Unknown(  # Polish
        (
            r"nie (?:można|da się|sposób|jest możliwe|mogę|możemy) ~2(?:okreś|ustal|odpowied|obliczy|stwierdz|wyznacz|wiedzie)\w*",
            r"nie wiadomo|nie wiem|(?:za mało|niewystarczając\w+|brak(?:uje)?) ~1(?:danych|informacj\w+|dane)|niemożliw\w+ ~1(?:do )?(?:określeni|ustaleni|obliczeni|określi|ustali|obliczy)\w*",
        ),
        ("nieznan[ayeio]|nieokreślon[ayeio]|brak danych",),
    ),
    Unknown(  # Swedish, Danish, Norwegian
        (
            r"(?:kan|går) (?:man )?(?:inte|ikke|ej) ~3(?:avgör|bestäm|bestem|beräkna|beregne|besvar|svara?|säga|sige|si|veta|vide|vite)\w*",
            r"(?:inte|ikke|för lite|for lite|for få) ~1(?:(?:tillräcklig\w*|tilstrækkelig\w*|tilstrekkelig\w*|nok) )?(?:information|informasjon|oplysninger|opplysninger|data)|(?:vet|ved) ~1(?:inte|ikke)|(?:umulig|omöjligt|umuligt) å?(?:att )?(?:at )? ?(?:vite|veta|vide|avgjøre|avgöra|afgøre)",
        ),
        ("okän[dt]|ukendt|ukjent",),
    ),
    Unknown(  # Czech
        (
            r"(?:nelze|nemůžeme|není možné|nedá se) ~2(?:urči|odpověd|spočíta|vypočíta|zjisti|říci|říct|stanovi)\w*",
            r"nevíme|nevím|nedostatek ~1(?:informací|údajů|dat)|chyb[íě]\w* ~1(?:údaj|informac)\w*",
        ),
        ("neznám[ýáé]|neurčit\\w+",),
    ),
    Unknown(  # Turkish
        (
            r"(?:belirlen|bilin|hesaplan|cevaplan|yanıtlan|bulun|söylen)\w*(?:emez|amaz|emiyor|amıyor|mesi mümkün değil|ması mümkün değil)\w*|bilinmiyor",
            r"(?:yeterli|yeterince) (?:bilgi|veri) (?:yok|verilme\w+|bulunm\w+)|(?:bilgi|veri)(?:ler)? (?:yetersiz|eksik)|(?:bilmiyor|bilemey|bilemi|belirleyem|hesaplayam)\w+",
        ),
        ("bilinmiyor|belirsiz",),
    ),
    Unknown(  # Russian
        (
            r"(?:невозможно|нельзя) ~2(?:определить|ответить|узнать|вычислить|сказать)",
            r"(?:определить|ответить|узнать|сказать) ~1(?:нельзя|невозможно)",
            r"недостаточно ~1(?:данных|информации)|не (?:знаю|знаем|известно)",
        ),
        ("неизвестно|неизвестен|неизвестна|не определено",),
    ),
    Unknown(  # Ukrainian
        (
            r"(?:неможливо|не можна|не можемо) ~2(?:визначити|відповісти|дізнатися|обчислити|сказати)|не (?:знаю|знаємо|відомо)",
            r"(?:недостатньо|бракує) ~1(?:даних|інформації)",
        ),
        ("невідомо|невідомий",),
    ),
    Unknown(  # Arabic
        (
            r"لا (?:يمكن|نستطيع|أستطيع|يمكننا|يمكنني) ~2(?:تحديد|معرفة|حساب|الإجابة|الجزم)\w*|(?:المعلومات|البيانات) (?:غير كافية|ناقصة)",
            r"لا (?:توجد|يوجد) (?:معلومات|بيانات) كافية|لا (?:أعرف|أعلم|نعرف|نعلم)|من المستحيل ~1(?:تحديد|معرفة|حساب)",
        ),
        ("غير (?:معروف|معلوم|محدد)ة?|مجهول",),
    ),
    Unknown(  # Chinese
        (
            r"(?:无法|無法)(?:确定|確定|回答|得知|计算|計算|判断|判斷|知道)|不能(?:确定|確定)|(?:信息|条件|數據|数据|資訊|條件)不足|不知道",
            r"(?:没有|沒有)(?:给出|提供)?足[够夠]的?(?:信息|条件|数据|資訊)",
        ),
        ("未知|不明",),
        words=False,
    ),
    Unknown(  # Japanese
        (
            r"(?:わか|分か)(?:りません|らない)|(?:判断|特定|決定|回答|計算)(?:できません|できない)|情報が(?:足り|不足)",
        ),
        ("不明",),
        words=False,
    ),
    Unknown(  # Korean
        (
            r"(?:알|결정할|판단할|계산할|답할|구할|확인할) 수 (?:가 )?없\w*|(?:정보|자료|조건)(?:가|이)? (?:부족|충분하지 않|없)\w*|모르겠\w*|모릅니다",
        ),
        ("알 수 없음|미상|불명",),
        words=False,
    ),
)  # fmt: skip


def _spaced(pattern: str) -> str:
    pattern = re.sub(r"~(\d)", r"(?:\\w+ ){0,\1}?", pattern)
    return pattern.replace(" ?", r"\s*").replace(" ", r"\s+")


def _either(rows: tuple[tuple[bool, tuple[str, ...]], ...]) -> str:
    """One pattern for some languages' patterns: words begin where a word begins."""
    joined = {
        words: "|".join(p for w, ps in rows if w is words for p in ps) for words in (True, False)
    }
    return rf"\b(?:{_spaced(joined[True])})|(?:{_spaced(joined[False])})"


PHRASES = re.compile(
    _either(tuple((row.words, row.phrases) for row in LANGUAGES))
    + rf"|n['’]t\s+(?:\w+\s+){{0,2}}?(?:enough|sufficient|adequate)\s+{INFORMATION}|n['’]t\s+possible\s+to\s+(?:\w+\s+)?{FINDS}",
    re.IGNORECASE,
)
"""Says somewhere that something cannot be known."""
SHORT = rf"\W*(?:{_spaced('|'.join(p for row in LANGUAGES for p in row.short))})\W*"
"""Pattern of a text that says nothing else."""
