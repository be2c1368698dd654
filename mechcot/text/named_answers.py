"""Read an answer out of the last sentence of prose (`So it is Mary.`) by what the question knows, in any language.

Candidates are what the answer can be: the reference, the options that the question lists, and what the question names in the same way as the
reference (`mechcot.text.entities`). The one that stands in the last sentence is the answer, where exactly one does, and nothing else there
could be one: no further name, no number, no denial in a language that `mechcot.text.answer_words` knows, no question. An option is named by its letter, too. References that are
numbers or formulas have rules of their own and are left to them. A reference that the question does not name is no candidate:
with nothing beside it, only right answers could be read.
"""

from collections.abc import Sequence

import regex

from mechcot.text.answer_words import DENIAL
from mechcot.text.boxed_answers import StatedAnswer
from mechcot.text.closing_texts import denies
from mechcot.text.entities import Mined, occurrences
from mechcot.text.listed_choices import Choices, choices, chosen_letter
from mechcot.text.segment import pieces

_LONGEST = 160
"""Most characters of a last sentence."""
_FEWEST = 3
"""Fewest letters of a candidate in a script that is written with spaces: a shorter one is a word of many languages."""
_SPACED = regex.compile(r"[\p{Latin}\p{Cyrillic}\p{Greek}]")
_KNOWN = regex.compile(
    r"[\p{Latin}\p{Cyrillic}\p{Greek}\p{Arabic}\p{Hebrew}\p{Devanagari}\p{Bengali}\p{Telugu}\p{Tamil}\p{Thai}\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}]"
)
"""Scripts of the languages whose denials are known."""
_EXCLUDES = regex.compile(
    r"\b(?:no|non|not|ne|ni|nor|never|nunca|jamás|jamais|niemals|nie|mai|nem|ei|inte|ikke|ez|nuk|nu|nije|nid|ddim|"
    r"but|except|than|without|instead|rather|außer|statt|ohne|sauf|sans|salvo|excepto|sin|senza|tranne|sem|exceto|zonder|behalve|"
    r"не|нет|ни|кроме|вместо|без|δεν|όχι|μη|εκτός|לא|אין|אינו|אינה|خارج|لم|لن|لا|ليس|غير|سوى|नहीं|मत|सिवाय)\b|n['’]t\b|\bn['’]"
    r"|[不没沒非無无未除]|ない|ません|なく|以外|않|아니|못|제외|ไม่|নয়|নেই|లేదు|காது|இல்லை"
)
"""What denies or leaves out, wherever it stands; a sentence with one of them is not read, whatever it says."""


_VERB = r"(?:is|was|are|must|would|should|seems|looks|can|could|may|might|has|gives?|ist|war|kann|w\u00e4re|est|es|\u00e8|\u00e9|\u00e4r|er)"
_AFFIRMS = (
    r"(?:(?:is|must\s+be|would\s+be|should\s+be|has\s+to\s+be|seems(?:\s+to\s+be)?|ist|est|es|\u00e8|\u00e9|\u00e4r|er)\s+(?:\w+\s+){0,3}?"
    r"(?:correct[aoe]?|right|true|answer|best|only|choice|option|fit|match|solution|richtige?|korrekt|antwort|l\u00f6sung|juste|r\u00e9ponse|respuesta|risposta|resposta|giust[ao]|cert[ao]|r\u00e4tt|juist)"
    r"|holds|fits|matches|it\s+is|stimmt|passt)\b"
)
_LETTER = regex.compile(
    r"(?<=[(\[*])[A-J](?=[)\]*])"
    r"|(?<=\b(?:option|choice|letter|answer|with|choose|pick|select|take|leaves|matches|only|(?:points|corresponds)\s+to|is|be|it|[Ss]o|[Tt]hus|[Tt]herefore|[Hh]ence|[Aa]lso|ist|bleibt|nur|es|est|son|\u00e8|\u00e9|\u00e4r|er|opci\u00f3n|op\u00e7\u00e3o|opzione)[\s,]{1,2})"
    rf"(?:[B-HJ](?!['\u2019_\w]|\s+{_VERB}\b)|[AI](?=[.!)]?\s*$))"
    r"|(?<=^\W*(?:(?:[Ss]o|[Tt]hus|[Hh]ence|[Tt]herefore|[Aa]lso|[Ss]omit|[Dd]onc|[Ee]ntonces)\b,?\s)?(?:(?:[Tt]he\s)?(?:[Oo]ption|[Cc]hoice|[Aa]nswer|[Ll]etter)\s)?)"
    rf"[A-J](?=\s{_AFFIRMS})"
    r"|(?<=^\W*(?:[Ss]omit|[Dd]amit|[Dd]aher)\sist\s)[A-J](?=\s(?:richtig|korrekt)\b)",
)
"""The letter of an option where the words beside it say that it is one; `Vitamin C` is none."""
_UNLIKE = regex.compile(
    r"\b(?:wrong|incorrect\w*|false|untrue|out|impossible|unlikely|implausible|exclud\w*|eliminat\w*|discard\w*|reject\w*|dismiss\w*|ruled|distractors?|tempting|traps?|invalid|if|unless|"
    r"falsch\w*|unm\u00f6glich\w*|ausgeschlossen|faux|fausse|incorrecte?|exclue?|falsa|falso|incorrect[ao]|errad[ao]|sbagliat[ao]|descartad[ao]|fel|fout|onjuist)\b"
)
"""What says of an option that it is not the answer, or of a sentence that it only supposes."""
_ANY_LETTER = regex.compile(r"(?<![\w'\u2019])[B-HJ](?![\w'\u2019])")


def named_answer(text: str, question: str, reference: str) -> StatedAnswer | None:
    """The answer that the last sentence names; None where there is none, or it is not plain which.

    Args:
        text: The chain, or what stands behind the closed thought; nothing in it states an answer.
        question: The question.
        reference: The right answer.
    """
    spoken = [piece for piece in pieces(text) if piece.strip()]
    if not spoken or regex.search(r"\p{N}", reference):
        return None
    last = spoken[-1]
    if len(last.strip()) > _LONGEST or not _plain(last):
        return None
    start = text.rindex(last)
    options = choices(question)
    letters = [] if options is None else _letters(last, options)
    if options is not None and letters:
        letter = _only(letters, last, options)
        if letter is None:
            return None
        whole = (
            letter[0]
            if chosen_letter(reference)
            else options.texts[[*options.spans].index(letter[0])]
        )
        return StatedAnswer(whole, "named", start + letter.start(), start + letter.end())
    there = {
        word: places
        for word in _candidates(text, question, reference)
        if (places := occurrences(word, last))
    }
    longest = [word for word in there if not any(word != w and word in w for w in there)]
    if len(longest) != 1 or _others(last, longest[0], question, text):
        return None
    first, stop = there[longest[0]][-1]
    return StatedAnswer(
        _as_reference(longest[0], question, reference), "named", start + first, start + stop
    )


def _letters(sentence: str, options: Choices) -> list[regex.Match[str]]:
    """Where a sentence names options by letters; a letter that the question itself speaks of (`Which element has the symbol C?`) is no such name."""
    first = min(span.start for span in options.spans.values())
    asked = _ANY_LETTER.findall(options.question[: max(first - 3, 0)])
    matches = _LETTER.finditer(sentence)
    return [match for match in matches if match[0] in options.spans and match[0] not in asked]


def _only(
    letters: Sequence[regex.Match[str]], sentence: str, options: Choices
) -> regex.Match[str] | None:
    """The letter that a sentence names; None where it names two, or another option's text beside."""
    own = options.texts[[*options.spans].index(letters[0][0])].casefold()
    said = sentence.casefold()
    unlike = {match[0] for match in _UNLIKE.finditer(said)}
    beside = (text.casefold() for text in options.texts if occurrences(text.casefold(), said))
    named = {match[0] for match in letters} | {*_ANY_LETTER.findall(sentence)} & {*options.spans}
    alone = (
        len(named) == 1
        and unlike <= {*own.split()}
        and all(occurrences(text, own) for text in beside)
    )
    return letters[-1] if alone else None


def _plain(sentence: str) -> bool:
    """Whether a sentence asserts something, as far as its language is known."""
    letters = regex.findall(r"\p{L}", sentence)
    return (
        all(_KNOWN.match(letter) for letter in letters)
        and not denies(sentence)
        and not DENIAL.search(sentence)
        and not _EXCLUDES.search(sentence.casefold())
        and not regex.search(r"[\p{N}?？؟¿]", sentence)
    )


def _candidates(text: str, question: str, reference: str) -> list[str]:
    """What the answer can be, as texts."""
    options = choices(question)
    if options is not None:
        words = list(options.texts)
    else:
        mined = Mined(question, text)
        among = mined.entities(reference)
        own = next((entity for entity in among if entity.text == reference.strip()), None)
        if own is None:
            return []
        words = [own.text, *(e.text for e in among if e.sort == own.sort == "name")]
        words += mined.partners(own, among)
    return [word for word in dict.fromkeys(words) if _long_enough(word)]


def _long_enough(word: str) -> bool:
    return bool(word) and (len(word) >= _FEWEST or not _SPACED.match(word))


def _others(sentence: str, word: str, question: str, text: str) -> bool:
    """Whether a sentence names something else than a candidate: a word with a capital that the text never writes small."""
    rest = regex.sub(regex.escape(word), " ", sentence, flags=regex.IGNORECASE)
    words = regex.findall(r"\b\p{Lu}[\p{L}\p{M}]+", rest)
    small = set(regex.findall(r"\b\p{Ll}[\p{L}\p{M}]*", f"{question} {text}"))
    opening = regex.match(r"\W*(\p{L}+)", rest)
    return any(w.lower() not in small and not (opening and w == opening[1]) for w in words)


def _as_reference(word: str, question: str, reference: str) -> str:
    """An option by its letter where the reference is one."""
    options = choices(question)
    if options is None or chosen_letter(reference) is None:
        return word
    return next(
        letter for letter, own in zip(options.spans, options.texts, strict=True) if own == word
    )
