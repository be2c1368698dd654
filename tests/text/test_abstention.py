"""What counts as saying that a question cannot be answered, both ways, in eighteen languages; never what stands inside the chain."""

import pytest

from mechcot.core.problem import Completion, Problem
from mechcot.text.abstention import abstains, says_unknown
from mechcot.text.trace_parser import read
from tests.text.toy_tokenizers import byte_level

TOKENIZER = byte_level()
ABSTAINS = [
    "The fare is not given, so the total cannot be determined.",
    "Without the price of a stamp we can't tell how much she spent.",
    "There is not enough information to answer this question.",
    r"The data are insufficient. \boxed{\text{Cannot be determined}}",
    "Answer: unknown",
    "**Final answer:** It is impossible to say who arrived first.",
    "I don't know who won; the text does not say.",
    "I'm sorry, but I cannot answer that: the year is missing.",
    "How many bags were there? Could you please provide the number of bags?",
    "I would need to know the speed of the second train.",
    "This question has no known answer.",
    "There isn't enough information.",
    "The problem doesn\u2019t give us enough details to say.",
    "It isn't possible to determine the price.",
    "We are not told how many apples there were.",
    "No answer can be given.",
    "The total cannot be found.",
    "I'm not sure.",
    r"\boxed{\text{unknown}}",
    "Assume it costs 3, then the answer is 12. But the price is not stated, so the total cannot be calculated.",
    "Das l\u00e4sst sich nicht bestimmen, denn der Preis fehlt.",
    "Es gibt nicht gen\u00fcgend Informationen.",
    "Il est impossible de d\u00e9terminer le prix.",
    "Il n'y a pas assez d'informations pour r\u00e9pondre.",
    "No se puede determinar con los datos dados.",
    "Non \u00e8 possibile determinare il totale.",
    "N\u00e3o \u00e9 poss\u00edvel calcular o total.",
    "\u041d\u0435\u0432\u043e\u0437\u043c\u043e\u0436\u043d\u043e \u043e\u043f\u0440\u0435\u0434\u0435\u043b\u0438\u0442\u044c \u0441\u0443\u043c\u043c\u0443.",
    "\u7531\u4e8e\u4fe1\u606f\u4e0d\u8db3\uff0c\u65e0\u6cd5\u786e\u5b9a\u603b\u4ef7\u3002",
    "\u60c5\u5831\u304c\u8db3\u308a\u306a\u3044\u306e\u3067\u5224\u65ad\u3067\u304d\u307e\u305b\u3093\u3002",
]
ABSTAINS += [
    "There is no way of knowing which tram came first.",
    "The puzzle is underspecified.",
    "We have no information about the toll.",
    "Dazu reichen die Angaben leider nicht aus.",
    "Es fehlen Angaben zum Gewicht.",
    "Impossible de le savoir.",
    "Faltan datos sobre el peso.",
    "Non \u00e8 possibile saperlo.",
    "N\u00e3o d\u00e1 para saber.",
    "Dat kan ik met deze gegevens niet bepalen.",
    "Er is onvoldoende informatie over de prijs.",
    "Nie można tego ustalić.",
    "Za mało danych, żeby to obliczyć.",
    "Det går inte att avgöra.",
    "Der er ikke nok oplysninger.",
    "Cenu nelze určit.",
    "Bu bilgilerle hesaplanamaz.",
    "Fiyat için yeterli bilgi verilmemiş.",
    "Неможливо визначити суму.",
    "لا يمكن تحديد السعر من هذه المعلومات.",
    "لا توجد معلومات كافية.",
    "이 정보만으로는 알 수 없습니다.",
    "정보가 부족합니다.",
    "沒有足夠的資訊。",
    "Answer: N/A",
    "Svar: okänd",
    "No hay información suficiente.",
    "Non ci sono informazioni sufficienti.",
    "Impossibile determinarlo.",
    "Il n'est pas possible de le savoir.",
    "Das weiß man nicht.",
    "Antwoord: onbekend",
    "Cevap: bilinmiyor",
]
ANSWERS = [
    "You don't need to know the toll: the answer is 9.",
    "I cannot determine it exactly, but I would say 12.",
    "The answer is 12.",
    "The price is unknown, so call it x; then 3x = 36 and the answer is 12.",
    "If the speed were not given, it could not be determined. The answer is 40.",
    "It is not true that the total cannot be determined: the answer is 12.",
    r"At first it seems there is not enough information, but \boxed{12}.",
    "Answer: no solution",
    "Answer: infinitely many",
    "There is no smallest number, so the set is unbounded. Answer: none",
    "It took 12 days. Do you want me to explain the steps?",
    "Answer: 12. Please let me know if you have questions.",
    "Er kauft 12 Karten.",
    "Réponse : 13. x ne peut pas être égal à 0.",
    "Die Antwort ist 13. Die Äpfel reichen also nicht.",
    "Svaret er 13. Pengene er ikke nok.",
    "Answer: Na",
    "Hij kan niet meer dan 12 kaarten kopen. Antwoord: 12",
    "Nie ma 3 kart, tylko 12. Odpowiedź: 12",
    "Fiyatı bilmek kolay: 12.",
    "Сума дорівнює 12.",
    "السعر هو 12.",
    "모두 12개입니다.",
    "She could not find her keys and isn't told where they are. The answer is 12.",
    "It isn't possible to walk there. The answer is 12.",
]


def trace(text: str, question: str = "How much?", reference: str = "", *, known: bool = False):
    problem = Problem("p", question, reference, {} if known else {"answerable": False})
    return read(Completion(problem, f"{question}\n<think>", text, "m"), TOKENIZER)


@pytest.mark.parametrize("text", ABSTAINS)
def test_an_abstention_is_read_behind_a_thought_and_at_the_end_of_plain_text(text):
    assert abstains(trace(f"Let me see.</think>{text}"))
    plain = Completion(Problem("p", "How much?", ""), "How much?\n", f"Let me see.\n\n{text}", "m")
    assert abstains(read(plain, TOKENIZER))


@pytest.mark.parametrize("text", ANSWERS)
def test_an_answer_is_no_abstention(text):
    assert not abstains(trace(f"Let me see.</think>{text}"))


def test_what_the_chain_weighs_does_not_count():
    assert not abstains(trace("This cannot be determined. Or can it?</think>The answer is 12."))
    assert not abstains(trace("There is not enough information.</think>12"))


def test_an_option_that_says_so_is_an_abstention_and_the_right_answer_never_is():
    asked = "Who was late?\nA) Ann\nB) Bob\nC) Can't be determined"
    assert abstains(trace("Hm.</think>The answer is C.", asked))
    assert not abstains(trace("Hm.</think>The answer is B.", asked))
    assert not abstains(trace("Hm.</think>The answer is C.", asked, "C", known=True))
    assert not abstains(trace("Hm.</think>Answer: unknown", "Status?", "unknown", known=True))


def test_what_would_be_right_if_nothing_were_missing_is_no_abstention():
    assert not abstains(trace("Hm.</think>The answer is 12.", reference="12"))
    assert abstains(trace("Hm.</think>Answer: false premise", reference="False premise"))


def test_empty_lines_without_end_are_read_in_no_time():
    said = trace("Hm.</think>" + "\n" * 20_000 + " \n" * 20_000)
    assert not abstains(said)
    assert abstains(trace("Hm.</think>" + "\n" * 20_000 + "**Answer:** unknown"))


def test_a_cut_text_says_nothing():
    done = Completion(
        Problem("p", "q", ""), "q<think>", "So.</think>I don't know", "m", finished=False
    )
    assert not abstains(read(done, TOKENIZER))


@pytest.mark.parametrize(
    ("text", "unknown"), [("Unknown.", True), ("cannot say", True), ("7", False), ("Bonn", False)]
)
def test_short_texts(text, unknown):
    assert says_unknown(text) is unknown


def test_a_reference_that_was_kept_is_no_abstention_and_one_that_says_so_is():
    assert not abstains(trace("Hm.</think>The answer is Lima.", "Where?", "Lima"))
    assert abstains(trace("Hm.</think>Answer: not enough info", "Where?", "NOT ENOUGH INFO"))
