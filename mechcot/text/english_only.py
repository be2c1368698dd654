r"""Test that a chain is English: the lexicons and the model that name kinds of steps know no other language.

Decided for the chain, never for a step: `3 + 4 = 7` in an English chain is English. LaTeX commands, code and single letters are
no words. Then

    no word at all                                             English (mathematics has no language)
    most letters of words are not Latin                        not English
    fewer English function words than other languages' own     not English
    none, and two words or more with letters beyond a to z     not English
    none, and twenty different words or more                   not English

Function words are the common ones that are not spelled like a common word of the other side (`die`, `in`, `an`, `was` count for
nobody). Terse English (`Total: 12 apples`) stays English: without evidence nothing is taken away. Languages in Latin letters that the list
does not know are found by the last two rules only. Cost: linear in the text.
"""

import re
from collections.abc import Sequence

import regex


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ENGLISH = _words(
    "the of and is are be been that this these those it its we you he she they i'm i'll i've let's let then than there their which "
    "what when where why how who because since with without from for if not but have has had can could would should might "
    "need needs must does don't doesn't isn't that's it's now first second next each every both all some any more same other "
    "wait check answer total equals mean means get gives find using think maybe therefore thus hence step add subtract multiply divide "
    "sum number numbers left right times minus plus between after before into about only just my our your"
)
_OTHERS = _words(
    # German, Dutch, Swedish, Danish, Norwegian
    "en de un im dem des zum zur auch nur bei nach wie der das und ist nicht wir ich ein eine einen mit von zu auf für sind dann wenn aber oder wird werden noch dass daher "
    "het een van niet dat dus maar zijn wordt voor op ook naar als er "
    "och är det att inte som på med för vi jeg ikke og av af til "
    # French, Spanish, Portuguese, Italian, Catalan, Romanian
    "ou où c'est d'abord le la les et est une des du nous vous que qui dans pour avec donc alors ce cette sur sont mais par plus si "
    "el los las es y del una por para con se lo su más entonces pero como hay cada "
    "o os uma não da um e são mas então isso temos "
    "il gli di che per sono della dei è più anche quindi ma abbiamo questo "
    "els amb és i més doncs și este în care sunt pentru "
    # Polish, Czech, Croatian, Hungarian, Finnish, Estonian, Turkish
    "jest nie się że na czy to jak więc je tak že která protože su kako ako "
    "az egy és nem hogy van tehát ja ei että niin sitten joka siis see "
    "bir ve bu ile için ne değil olarak sonra toplam "
    # Indonesian and Malay, Vietnamese, Swahili, Tagalog
    "yang di ini itu dengan untuk adalah dari kita jadi maka pada là và của có một các không vậy "
    "ya kwa na ni hii hivyo ng mga ang sa ay "
    # Welsh, Afrikaans, Lithuanian, Latvian, Somali
    "yn yr yw ons ek ir yra un waa iyo "
    # "answer" and "so", which chains say: of any of these
    "antwort antwoord svaret svar réponse respuesta resposta risposta răspunsul odpowiedź odpověď odpoveď odgovor vastus válasz cevap "
    "jawaban jawabannya jibu sagot atsakymas atbilde eu vamos é así então logo portanto por lo tanto luego ainsi folglich somit "
    "warte warten attendez espera espere aspetta wacht vänta vent czekaj počkej bekle tunggu"
) - _words("logo to see plus par van ma ni je si i e o y su as has on den per")
_NOT_WORDS = re.compile(
    r"```.*?```|`[^`\n]*`|\\(?:text|mbox|mathrm|boxed)\b|\\[A-Za-z]+|\$[^$\n]*\$|https?://\S+",
    re.DOTALL,
)
_WORD = regex.compile(r"\p{L}[\p{L}\p{M}'\u2019]*\p{L}|\p{L}[\p{L}\p{M}]+|[àáèéêìíòóùúôöäüñç]")
_FORMULA = regex.compile(r"(?=.*\p{Latin}).*\p{Greek}|\p{Greek}{1,2}\Z")
_FOREIGN = regex.compile(r"[\p{L}--\p{Latin}]", regex.V1)
_SCRIPT = regex.compile(r"\p{L}")
_BEYOND = re.compile(r"[^\x00-\x7f\u2019]")
_ENOUGH = 20
_LONGEST = 40_000


def is_english(steps: Sequence[str]) -> bool:
    """Return whether a chain is English, or says nothing that would tell.

    Args:
        steps: The texts of all steps of a chain; the first 40,000 characters decide.
    """
    words = _words_of("\n".join(steps)[:_LONGEST])
    if not words:
        return True
    if _mostly_foreign(words):
        return False
    english = sum(word in _ENGLISH for word in words)
    others = sum(word in _OTHERS for word in words)
    if english or others:
        return english >= others
    beyond = sum(_BEYOND.search(word) is not None for word in words)
    return beyond < 2 and len(set(words)) < _ENOUGH


def in_other_letters(step: str) -> bool:
    """Return whether the words of a step are written in other letters than Latin ones."""
    return _mostly_foreign(_words_of(step))


def _words_of(text: str) -> list[str]:
    """Words in small letters; `kπ` and `Δx` are none."""
    words = _WORD.findall(_NOT_WORDS.sub(" ", text))
    return [word.lower().replace("\u2019", "'") for word in words if not _FORMULA.match(word)]


def _mostly_foreign(words: Sequence[str]) -> bool:
    letters = "".join(words)
    return 2 * len(_FOREIGN.findall(letters)) > len(_SCRIPT.findall(letters))
