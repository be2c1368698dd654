"""Exchange of entities: prose in several languages gives sensible twins or none, and the answer is predicted only where it is exchanged."""

from random import Random

import pytest

from mechcot.organisms.chain_writer import Manner
from mechcot.organisms.registry import family_named
from mechcot.text.entity_exchange import changed, exchanges


def twins(question, chain, answer):
    return {
        (changed(question, e.question), changed(chain, e.chain), e.answer)
        for e in exchanges(question, chain, answer)
    }


PROSE = [
    (
        "The red key opens the box. The blue key opens the door. Which key opens the door?",
        "The door is opened by the blue key. So it is blue.",
        "blue",
        "The blue key opens the box. The red key opens the door. Which key opens the door?",
        "The door is opened by the red key. So it is red.",
        "red",
    ),
    (
        "Anna hat einen Hund. Ben hat eine Katze. Wer hat die Katze?",
        "Die Katze gehört Ben. Also Ben.",
        "Ben",
        "Ben hat einen Hund. Anna hat eine Katze. Wer hat die Katze?",
        "Die Katze gehört Anna. Also Anna.",
        "Anna",
    ),
    (
        "Ivan est à Lyon et Marie est à Nice. Qui est à Nice ?",
        "Marie est à Nice, pas Ivan. Donc Marie.",
        "Marie",
        "Marie est à Lyon et Ivan est à Nice. Qui est à Nice ?",
        "Ivan est à Nice, pas Marie. Donc Ivan.",
        "Ivan",
    ),
    (
        "小明有红钥匙。小红有蓝钥匙。谁有蓝钥匙？",
        "蓝钥匙在小红手里。所以是小红。",
        "小红",
        "小红有红钥匙。小明有蓝钥匙。谁有蓝钥匙？",
        "蓝钥匙在小明手里。所以是小明。",
        "小明",
    ),
    (
        "Order: tea before milk, milk before honey. Put them in order.",
        "First tea, then milk, then honey.",
        "tea, milk, honey",
        "Order: milk before tea, tea before honey. Put them in order.",
        "First milk, then tea, then honey.",
        "milk, tea, honey",
    ),
]


@pytest.mark.parametrize(("question", "chain", "answer", "asked", "written", "said"), PROSE)
def test_the_answer_is_predicted_where_it_is_exchanged(
    question, chain, answer, asked, written, said
):
    assert (asked, written, said) in twins(question, chain, answer)


@pytest.mark.parametrize(("question", "chain", "answer", "asked", "written", "said"), PROSE)
def test_exchanging_back_gives_the_text_again(question, chain, answer, asked, written, said):
    assert (question, chain, answer) in twins(asked, written, said)


PAIRS = "pair kip rye done. pair dov oat done. pair mel fig done. which has dov?"


def test_small_letters_are_seen_in_clauses_that_are_otherwise_alike():
    assert twins(PAIRS, "so pair dov oat done.", "oat") == {
        (
            f"pair kip {kip} done. pair dov {dov} done. pair mel {mel} done. which has dov?",
            f"so pair dov {dov} done.",
            dov,
        )
        for kip, dov, mel in (("oat", "rye", "fig"), ("rye", "fig", "oat"))
    }


TANKS = "tank a holds brine. tank b holds cream. tank c holds syrup. does what tank b holds spoil?"


def test_the_last_fact_is_exchanged_where_the_chain_never_says_the_answer():
    assert twins(TANKS, "- tank b holds cream", "yes") == {
        (changed(TANKS, ((13, 18, one), (33, 38, two), (53, 58, three))), written, None)
        for one, two, three, written in (
            ("cream", "brine", "syrup", "- tank b holds brine"),
            ("brine", "syrup", "cream", "- tank b holds syrup"),
        )
    }


@pytest.mark.parametrize(
    ("question", "chain"),
    [
        ("Anna lives in Paris. Bob lives in Rome. Does Bob live in Rome?", "Bob lives in Rome."),
        (TANKS, "- tank b holds cream, which spoils"),
        (TANKS, "- tank b holds cream\nso yes"),
        (TANKS.replace("does what tank b holds", "in tank b does cream"), "- tank b holds cream"),
    ],
    ids=["renamed", "known", "concluded", "asked"],
)
def test_an_exchange_that_moves_no_answer_or_breaks_the_chain_is_not_made(question, chain):
    assert twins(question, chain, "yes") == set()


LATER = "Ann guesses {0}. Mo begins at {1} and goes on. Where does Mo end?"


@pytest.mark.parametrize(
    ("places", "chain", "made"),
    [
        (("Ruby", "Jade"), "Mo is at {1}. Mo is at {0}.", True),
        (("Ruby", "Jade"), "Mo is at {1}. Mo is at Onyx. Mo is at {0}.", False),
        (("Friday", "Tuesday"), "Mo is at {1}. Mo is at {0}.", False),
        (("mercredi", "dimanche"), "Mo is at {1}. Mo is at {0}.", False),
        (("seven", "two"), "Mo is at {1}. Mo is at {0}.", False),
    ],
    ids=["names", "worked out", "days", "French days", "numbers"],
)
def test_what_has_an_order_is_not_exchanged(places, chain, made):
    question = LATER.format(*places)
    assert bool(twins(question, chain.format(*places), places[0])) is made


@pytest.mark.parametrize(
    ("question", "chain", "answer"),
    [
        ("Is a whale a fish?", "Whales breathe air and have lungs. So no.", "no"),
        ("Tom has 12 apples and eats 5. How many are left?", "12 - 5 = 7, so 7 are left.", "7"),
        ("Who sings?", "Who sings is Ann. So Ann.", "Ann"),
        (
            "Der rote Ball rollt. Der blaue Ball ruht. Welcher ruht?",
            "Es ruht der blaue. Also blau.",
            "blau",
        ),
        ("A and I are letters. Which is first?", "A is first.", "A"),
    ],
)
def test_where_nothing_can_stand_for_another_there_is_no_twin(question, chain, answer):
    assert twins(question, chain, answer) == set()


def test_a_word_that_opens_sentences_is_no_name():
    made = twins(
        "The cat sat. The dog ran. Ann saw the dog. Bob saw the cat. Who saw the dog?",
        "The dog was seen by Ann. So Ann.",
        "Ann",
    )
    assert {written for _, written, _ in made} == {"The dog was seen by Bob. So Bob."}


def test_a_heading_that_stands_alone_is_no_name():
    asked = "Hint: Lima. Facts: Fay hears Lima. Ann hears Fay. Who ends it?"
    made = twins(asked, "Ann hears Fay. Fay hears Lima.", "Lima")
    assert not any("Hint" in written or "Facts" in written for _, written, _ in made)


LISTED = "What colour is the sky at noon?\nA) green\nB) blue\nC) red"


def test_options_are_exchanged_in_the_chain_and_not_in_the_list():
    made = twins(LISTED, "At noon the sky is blue, so B.", "B")
    assert made == {
        (LISTED, "At noon the sky is green, so A.", "A"),
        (LISTED, "At noon the sky is red, so C.", "C"),
    }


def test_options_may_be_named_by_letter_alone_and_the_question_says_them_too():
    asked = "Ann has a blue hat. Bob has a red hat. Which hat has Ann?\n(A) blue\n(B) red"
    made = twins(asked, "Ann's hat is option A.", "(A)")
    assert made == {
        (
            "Ann has a red hat. Bob has a blue hat. Which hat has Ann?\n(A) blue\n(B) red",
            "Ann's hat is option B.",
            "(B)",
        )
    }


def test_a_letter_that_may_be_a_word_is_left_alone():
    assert twins(LISTED, "A sky is blue at noon. So B.", "B") == {
        (LISTED, "A sky is red at noon. So C.", "C")
    }


def test_an_opening_word_is_no_part_of_the_name_behind_it():
    asked = "If Ann has a dog, then Bob has a cat. Who has a cat, Bob or Ann?"
    made = twins(asked, "Bob has a cat, and Ann a dog.", "Bob")
    assert ("Ann has a cat, and Bob a dog.", "Ann") in {twin[1:] for twin in made}


def test_a_run_is_cut_where_another_one_in_its_place_is_cut():
    asked = (
        "To Ann Bob writes. To Bob Cid writes. To Dan Eve writes. Whom does Cid reach through Bob?"
    )
    made = twins(asked, "To Bob Cid writes. To Ann Bob writes.", "Ann")
    assert ("Dan" in {said for *_, said in made}) and not any("Dan Eve" in t for _, t, _ in made)


@pytest.mark.parametrize(("family", "least"), [("lookup", 8), ("reach", 30), ("order", 0)])
def test_exchanged_entities_obey_the_law_of_the_task(family, least):
    """Against the exact semantics: the new chain follows from the new question, and leads where it was predicted to."""
    kind, rng, answers = family_named(family), Random(1), []
    for problem in kind.problems(12, seed=4):
        chain = "".join(kind.write(kind.read(problem.question), rng=rng, manner=Manner()).steps)
        for pair in exchanges(problem.question, chain, problem.answer):
            asked, written = changed(problem.question, pair.question), changed(chain, pair.chain)
            try:
                question, said = kind.read(asked), kind.statements(written.splitlines())
            except ValueError:  # a person where only a place can be
                continue
            assert kind.follows(question, said), asked
            assert pair.answer in (None, question.answer)
            answers.append(question.answer != problem.answer)
    assert len(answers) >= least
    assert sum(answers) >= least / 2
