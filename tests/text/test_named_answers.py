"""An answer in the last sentence of prose is read by what the question knows, in any language; what is not plain stays unread."""

import pytest

from mechcot.core.problem import Completion, Problem
from mechcot.text.named_answers import named_answer
from mechcot.text.trace_parser import read
from tests.text.toy_tokenizers import byte_level

WHO = "Mary went to the garden. John went to the office. Mary took the ball. Who has the ball?"
OPTIONS = "Which city lies on the Seine?\nA) Rome\nB) Paris\nC) Oslo"
SYMBOL = "Which element has the symbol C?\nA) calcium\nB) carbon\nC) copper"
READ = [
    (WHO, "Mary", "Mary took it. So it is Mary.", "Mary"),
    (WHO, "Mary", "John took it. So it is John.", "John"),  # wrong answers are read as well
    (WHO, "Mary", "She took it.\n\nMary has the ball.\n", "Mary"),
    (WHO, "Mary", "She took it. Therefore, **Mary**.", "Mary"),
    (OPTIONS, "B", "The Seine is in France. So the city is Paris.", "B"),
    (OPTIONS, "B", "The Seine is in Italy. So the city is Rome.", "A"),
    (OPTIONS, "Paris", "The Seine is in France. So the city is Paris.", "Paris"),
    (OPTIONS, "B", "The Seine is in France. So the option is B.", "B"),
    (OPTIONS, "B", "Oslo is north of it. Thus, C is correct.", "C"),
    (OPTIONS, "B", "I would go with A.", "A"),
    (OPTIONS, "Paris", "So it must be B.", "Paris"),
    (OPTIONS, "B", "Thus A.", "A"),
    (OPTIONS, "B", "B seems to be the best choice.", "B"),
    (SYMBOL, "B", "C is the symbol of carbon.", "B"),
    ("Ist es wahr?\nA) wahr\nB) falsch", "A", "Also ist B, falsch, richtig.", "B"),
    ("Anna lief weg. Paul blieb. Wer blieb?", "Paul", "Anna lief weg. Also blieb Paul.", "Paul"),
    ("Ana salió. Luis se quedó. ¿Quién salió?", "Ana", "Luis se quedó. Entonces es Ana.", "Ana"),
    ("Анна ушла. Иван остался. Кто ушёл?", "Анна", "Иван остался. Значит, это Анна.", "Анна"),
    ("太郎は東京へ行った。花子は京都へ行った。花子はどこへ行ったか。", "京都", "太郎は東京だ。だから京都です。", "京都"),
    ("小明去了公园。小红去了学校。小红在哪里?", "学校", "小明在公园。所以她在学校。", "学校"),
]  # fmt: skip
UNREAD = [
    ("철수는 학교에 갔다. 영희는 공원에 갔다. 영희는 어디에?", "공원", "철수는 학교. 그래서 공원 입니다."),  # nothing else could be read there
    (WHO, "Mary", "So it is not Mary."),
    (WHO, "Mary", "So it is Mary or John."),
    (WHO, "Mary", "Is it Mary?"),
    (WHO, "Mary", "So it is Peter, like Mary."),  # a name that the question does not know
    (WHO, "Mary", "It might be Mary."),
    (WHO, "Mary", "It is anyone but Mary."),
    (WHO, "Mary", "Mary took it. So she has it."),
    (WHO, "Mary", "I can only guess. Maryland is large."),
    (WHO, "7", "So it is Mary."),
    (OPTIONS, "B", "So it is Paris and Rome."),
    (OPTIONS, "B", "So Paris is C."),
    (OPTIONS, "B", "So it is B or C."),
    (OPTIONS, "B", "Only A and C lie there."),
    (OPTIONS, "B", "So it is not A but B."),
    (OPTIONS, "B", "So B: Rome."),
    (OPTIONS, "B", "B is wrong."),
    (OPTIONS, "B", "Thus B is too far north."),
    (OPTIONS, "B", "Option (B) is ruled out."),
    (OPTIONS, "B", "So it would be B if the Seine were a lake."),
    (SYMBOL, "B", "The symbol is C."),
    ("Which type?\nA) A\nB) AB\nC) B", "B", "So it is B."),  # a letter, or what C says
    (OPTIONS, "B", "Vitamin C is found there."),
    (OPTIONS, "B", "A boat went by."),
    ("Anna lief weg. Paul blieb. Wer blieb?", "Paul", "Also blieb nicht Paul."),
    ("Ana salió. Luis se quedó. ¿Quién salió?", "Ana", "Entonces no fue Ana."),
    ("Anne est partie. Luc est resté. Qui ?", "Luc", "Donc ce n'est pas Luc."),
    ("Анна ушла. Иван остался. Кто ушёл?", "Анна", "Значит, это не Анна."),
    ("太郎は東京へ行った。花子は京都へ行った。花子はどこへ行ったか。", "京都", "だから京都ではない。"),
    ("小明去了公园。小红去了学校。小红在哪里?", "学校", "所以她不在学校。"),
    ("ანა წავიდა. ლუკა დარჩა.", "ანა", "ეს არის ანა."),  # nobody knows its denials
    ("Is it so?", "no", "There is no doubt."),  # a word of many languages
]  # fmt: skip


@pytest.mark.parametrize(("question", "reference", "text", "answer"), READ)
def test_the_last_sentence_names_it(question, reference, text, answer):
    found = named_answer(text, question, reference)
    assert found is not None and (found.text, found.how) == (answer, "named")
    trace = read(Completion(Problem("p", question, reference), "", text, "m"), byte_level())
    assert trace.answer.text == answer


@pytest.mark.parametrize(("question", "reference", "text"), UNREAD)
def test_what_is_not_plain_stays_unread(question, reference, text):
    assert named_answer(text, question, reference) is None


@pytest.mark.parametrize(
    "text",
    ["So it is Mary. The answer is John.", "\\boxed{John} So it is Mary.", "Answer: John\nMary."],
)
def test_a_statement_wins(text):
    trace = read(Completion(Problem("p", WHO, "Mary"), "", text, "m"), byte_level())
    assert trace.answer.text == "John"


def test_behind_a_closed_thought_only_what_stands_behind_counts():
    def answer(text, **more):
        about = Completion(Problem("p", WHO, "Mary"), "", text, "m", **more)
        return read(about, byte_level()).answer.text

    assert answer("<think>John ran.</think> Well, so it is Mary who has it.") == "Mary"
    assert answer("<think>It is Mary.</think>") is None
    assert answer("She took it. So it is Mary", finished=False) is None


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("So it is **Tuesday**.", "Tuesday"),
        ("She **ran** home.\n\nThen it must be **New York**", "New York"),
        ("It is not **Tuesday**.", None),
        ("Is it **Tuesday**?", None),
        ("**Note**: it is late.", None),
        ("Either **Ann** or **Ben**.", None),
    ],
)
def test_what_alone_is_bold_in_a_last_sentence_is_the_answer(said, answer):
    problem = Problem("p", "Which one?", "Sunday")
    for text in (f"One.\n</think>\n\n{said}", f"One. Two.\n\n{said}"):
        assert read(Completion(problem, "", text, "m"), byte_level()).answer.text == answer
