"""The sentences of a steering page: the largest dose, and which controls an effect goes beyond."""

from mechcot.view.pages.steering_text import details, steering_claims

END = ("mean", "low", "high")


def ends(mean, low, high):
    return dict(zip(END, (mean, low, high), strict=True))


def arm(role, *, nats=0.0, tokens=100.0, change=(0.0, 0.0, 0.0), sign=1, model="organism:base"):
    return {
        "role": role, "model": model, "source": model, "sign": sign, "nats": nats, "alpha": 0.0, "beta": 0, "draw": 0,
        "values": {"tokens": ends(tokens, tokens, tokens), "correct": ends(0.75, 0.5, 1.0)},
        "change": {"tokens": ends(*change), "correct": ends(-0.25, -0.5, 0.0)},
    }  # fmt: skip


def against(control, low, high, *, nats=0.2, what="vector"):
    return {
        "what": what, "against": control, "model": "organism:base", "source": "organism:base", "sign": 1,
        "nats": nats, "alpha": 0.0, "beta": 0,
        "values": {"tokens": ends((low + high) / 2, low, high), "correct": ends(0.5, 0.25, 0.75)},
    }  # fmt: skip


def result(arms, contrasts, *, models=("organism:base",), signs=(1,)):
    about = {"readout": "tokens", "models": list(models), "apply": {"signs": list(signs)}}
    return {"arms": arms, "contrasts": contrasts, "experiment": about}


def test_the_largest_dose_and_what_it_is_told_apart_from():
    arms = [
        arm("clean"),
        arm("vector", nats=0.1, tokens=90.0),
        arm("vector", nats=0.2, tokens=60.0, change=(-40.0, -45.0, -35.0)),
    ]
    contrasts = [
        against("random", -40.0, -30.0),
        against("flipped", -3.0, 1.0),
        against("wrong layer", 2.0, 4.0),
        against("truncation", 0.0, 0.0),
        against("orthogonal", -9.0, -8.0, nats=0.1),
    ]
    (sentence,) = details(result(arms, contrasts))
    assert sentence == (
        "The vector of base, at 0.2 nats: tokens of the chain 100.00 → 60.00 (−40.00 [−45.00, −35.00]), "
        "right answers 75 % → 75 % (−0.25 [−0.50, 0.00]). Beside its controls, tokens of the chain: it does more than random; "
        "not told apart from flipped; it does less than wrong layer. Right answers: more than with random, flipped and wrong layer. "
        "Right answers against the clean chain cut at that length: +0.50 [0.25, 0.75]."
    )


def test_both_signs_and_whose_vector_it_is():
    arms = [arm("clean"), *(arm("vector", nats=0.2, sign=sign) for sign in (1, -1))]
    crossed = against("own against crossed", -1.0, 2.0, what="interaction")
    told = details(result(arms, [crossed], models=("organism:base", "x"), signs=(1, -1)))
    assert [one.partition(",")[2][:9] for one in told[:2]] == [" added to", " taken aw"]
    assert told[2] == (
        "Whose vector it is, added: own vectors less the other model's, tokens of the chain +0.50 [−1.00, 2.00]."
    )


def test_a_claim_is_one_sentence_of_what_is_shown():
    arms = [arm("clean"), arm("vector", nats=0.2, tokens=60.0, change=(-40.0, -45.0, -35.0))]
    contrasts = [against("random", -40.0, -30.0), against("flipped", -3.0, 1.0)]
    assert steering_claims(result(arms, contrasts)) == [
        "The vector of base: tokens of the chain 100.00 → 60.00 (−40.00 [−45.00, −35.00]), "
        "more than with random; not told apart from flipped."
    ]
    (alone,) = steering_claims(result(arms, []))
    assert alone.endswith(", held against no control of the same dose.")
    undecided = [arm("clean"), arm("vector", nats=0.2, change=(0.1, -0.5, 0.7))]
    assert steering_claims(result(undecided, [])) == [
        "No change of the tokens of the chain is shown."
    ]


def test_without_an_arm_that_acts_nothing_is_said():
    assert details(result([arm("clean")], [])) == steering_claims(result([arm("clean")], [])) == []


def test_of_several_draws_all_must_be_told_apart():
    arms = [arm("clean"), arm("vector", nats=0.2, tokens=60.0, change=(-40.0, -45.0, -35.0))]
    (sentence,) = details(
        result(arms, [against("random", -9.0, -8.0), against("random", -9.0, 1.0)])
    )
    assert "tokens of the chain: not told apart from random." in sentence


def test_each_model_is_held_against_itself_and_crossed_vectors_have_no_sentence():
    arms = [
        arm("clean", tokens=100.0),
        arm("clean", tokens=50.0, model="organism:other"),
        arm("vector", nats=0.2, tokens=40.0, model="organism:other"),
        arm("vector", nats=0.2, tokens=1.0) | {"source": "organism:other"},
    ]
    (sentence,) = details(result(arms, [], models=("organism:base", "organism:other")))
    assert "The vector of other, at 0.2 nats: tokens of the chain 50.00 → 40.00" in sentence


def test_a_change_that_is_not_shown_is_held_against_nothing():
    arms = [arm("clean"), arm("vector", nats=0.2, change=(0.1, -0.5, 0.7))]
    (sentence,) = details(result(arms, [against("random", 4.0, 6.0)]))
    assert "tokens of the chain: its own change is not shown." in sentence
    empty = against("random", 4.0, 6.0)
    empty["values"] = {key: ends(None, None, None) for key in ("tokens", "correct")}
    arms[1]["change"]["tokens"] = ends(-9.0, -10.0, -8.0)
    (sentence,) = details(result(arms, [empty]))
    assert "not compared. Right answers: not compared." in sentence


def test_one_item_has_no_interval_and_is_no_crash():
    arms = [arm("clean"), arm("vector", nats=0.2)]
    arms[1]["change"] = {"tokens": ends(-3.0, None, None), "correct": ends(0.0, None, None)}
    (sentence,) = details(result(arms, []))
    assert "(−3.00), right answers 75 % → 75 % (0.00)." in sentence
