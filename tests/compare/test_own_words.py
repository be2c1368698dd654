"""A run asks its models as their own texts show, where the files mislead, and never otherwise."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from mechcot.compare import own_words
from mechcot.compare.models import Models
from mechcot.compare.own_words import askable, in_own_words
from mechcot.compare.settings import Study
from mechcot.core.errors import UserError
from mechcot.core.problem import Completion, Problem
from mechcot.core.trace import Answer, Trace
from mechcot.model.asking_options import AS_FOUND, Asking
from mechcot.model.generation.ask_answer import written_trace
from mechcot.model.loading.options import LoadOptions
from mechcot.model.prompts import BOXED
from mechcot.text.answer_leads import common_lead, last_numbers_right, says_right
from mechcot.text.trace_parser import read
from mechcot.traces import own_words as finding
from tests.compare.tiny_models import byte_tokenizer, save_tiny
from tests.model.foreign_vocabularies import TURN, word_level

THINGS = ("the red cup", "the old key", "the tin box", "the new map")
WHO = ("Ann", "Bob", "Eve")
PROSE = "It is {a} at noon. They paint it. Hence it is {a} that {w} takes home."
CUE = " Hence it is {answer} that"
TOKENIZER = byte_tokenizer(merges=40)


def problem(i: int) -> Problem:
    return Problem(f"p{i}", f"It starts as {THINGS[i % 4]}. What is it?", THINGS[(i + 1) % 4])


def texts(form: str, *, n: int = 16, right: int = 16, reader=None) -> list[Trace]:
    """Texts of one form; of the first `right` the answer is the reference."""
    made = []
    for i in range(n):
        said = problem(i).answer if i < right else THINGS[i % 4]
        text = form.format(a=said, w=WHO[i % 3])
        completion = Completion(problem(i), "Q: ", text, "m")
        made.append(reader.read(completion) if reader else read(completion, TOKENIZER))
    return made


@pytest.mark.parametrize(
    ("form", "lead"),
    [
        ('{{"steps": [{s}], "answer": {a}}}', '], "answer": {answer}}'),
        ('{{"steps": [], "answer": "{a}"}}', '{"steps": [], "answer": "{answer}"}'),
        ("<steps>{s}</steps> <result>{a}</result>", "</steps> <result>{answer}</result"),
        ("{s} ; {a}", ""),
    ],
    ids=["steps that change", "no steps", "other marks", "marks alone"],
)
def test_the_words_inside_of_a_reply_of_one_sentence(form: str, lead: str) -> None:
    made = []
    for i in range(16):
        steps = ", ".join(f"{7 * (i + k) % 23}" for k in range(2 + i % 3))
        text = form.format(s=steps, a=problem(i).answer)
        made.append(read(Completion(problem(i), "Q: ", text, "m"), TOKENIZER))
    assert common_lead(made) == lead
    if not lead:
        return
    for trace in made:
        completion = Completion(trace.problem, "Q: ", trace.completion, "m")
        again = read(completion, TOKENIZER, after=lead)
        assert again.answer.text == trace.problem.answer
        assert again.chain_text == trace.completion.partition(lead.partition("{answer}")[0])[0]


@pytest.mark.parametrize("share", [0.25, 0.5])
def test_a_chain_that_many_replies_of_one_sentence_have_is_no_part_of_the_lead(share):
    form = '{{"steps": [{s}], "said": "{a}"}}'
    said = [form.format(s=3 if i % 2 else i, a=problem(i).answer) for i in range(16)]
    made = [
        read(Completion(problem(i), "Q: ", text, "m"), TOKENIZER) for i, text in enumerate(said)
    ]
    assert common_lead(made, share=share) == '], "said": "{answer}"}'


@pytest.mark.parametrize(
    ("text", "chain", "answer"),
    [
        ('{"steps": [3, 4], "answer": 7}', '{"steps": [3, 4], ', "7"),
        ('{"steps": [], "answer": 7}', "", "7"),
        ("3 + 4 = 7, so the answer is 7.", "3 + 4 = 7, so the ", "7"),
        ("So the answer is 7.", "", "7"),
        ("3 + 4 = 7, so it must be \\boxed{7}. I am sure.", "3 + 4 = 7, ", "7"),
        ("So the answer is \\boxed{7}.", "", "7"),
        ("先退二得乙卯，再进一得丙辰，故终于\\boxed{丙辰}。此答已核。", "先退二得乙卯，再进一得丙辰，", "丙辰"),
        ("故终于\\boxed{丙辰}。", "", "丙辰"),
    ],
)  # fmt: skip
def test_a_reply_of_one_sentence_has_the_chain_in_front_of_its_answer(text, chain, answer):
    trace = read(Completion(Problem("p", "What is 3 + 4?", answer), "Q: ", text, "m"), TOKENIZER)
    assert (trace.answer.text, trace.chain_text) == (answer, chain)


@pytest.mark.parametrize(
    "form",
    ["From {w}, 2 doors on.\nIt ends, then, in {a}.", "In {w}. Of 3: it is {a}, in 2 steps."],
)
def test_a_number_that_is_read_by_mistake_hides_no_lead(form):
    """The only number of a short text is a guess at its answer; what stands around the right one is found all the same."""
    made = texts(form)
    assert all(map(says_right, made))
    lead = common_lead(made)
    assert lead
    again = [
        read(Completion(t.problem, "Q: ", t.completion, "m"), TOKENIZER, after=lead) for t in made
    ]
    assert all(trace.answer.text == trace.problem.answer for trace in again)


def test_a_box_behind_clauses_is_a_lead_that_ends_at_its_brace():
    chains = ("先退二得乙卯，", "先进三得丙辰，再退一得乙卯，", "后进一得甲寅，又退二得丙子，")
    made = []
    for i in range(16):
        text = f"{chains[i % 3]}故终于\\boxed{{{'甲乙丙丁'[i % 4]}卯}}。此答已核。"
        said = Problem(f"p{i}", "终于何处？", f"{'甲乙丙丁'[i % 4]}卯")
        made.append(read(Completion(said, "Q: ", text, "m"), TOKENIZER))
    assert common_lead(made) == "故终于\\boxed{"
    assert not last_numbers_right(made, share=0.1)  # what is stated is no last number
    for trace in made:
        completion = Completion(trace.problem, "Q: ", trace.completion, "m")
        again = read(completion, TOKENIZER, after=common_lead(made))
        assert (again.answer.text, again.chain_text) == (trace.problem.answer, trace.chain_text)


@pytest.mark.parametrize(
    ("form", "lead"),
    [
        (PROSE, CUE),
        ("One. So it is {a}.", " So it is {answer}."),
        ("One. So it is {a}. {w} knows.", ""),
        ("One. So it is {a}", " So it is"),
        ("One. So it is ({a}).", " So it is ("),
        ("One. So it is {a} !", " So it is {answer} !"),
        ("One. So it is {a}, said {w}.", " So it is {answer}, said"),
        ("One. So {w} has {a}.", ""),
        ("It is {a} at noon. They paint it. So we are done.", ""),
        ("It is of {w}.\n[fin]\n\nSo it is {a}", "\n[fin]\n\nSo it is"),
        ("It is of {w}.\nIt is.\n[fin]\n\nSo it is {a}", "\n[fin]\n\nSo it is"),
        ("It is.\n[fin]\n\nSo it is {a}", "\n\nSo it is"),
        ("It is of {w}.\n\nSo it is {a}", "\n\nSo it is"),
        ("It is of {w}.\n\nSo it is {a}\n\n---\nAsk for more!", "\n\nSo it is"),
        ("It is of {w}.\n\n정답은 {a}입니다.", "\n\n정답은 {answer}입니다"),
        ("It is of {w}.\n\nKalan: {a}dır.", "\n\nKalan: {answer}dır"),
        ("It is of {w}.\n<|fin|>\n\nSo it is {a}<|end|>", "\n<|fin|>\n\nSo it is"),
    ],
    ids=[
        "answer inside",
        "answer last",
        "on the way in front of another sentence",
        "nothing behind",
        "bracket that the cue closes by itself",
        "mark behind a space",
        "mark and words behind",
        "names in front",
        "on the way",
        "a line that closes every chain",
        "one line of two that are alike",
        "chains that do not differ",
        "chains that end in different lines",
        "lines of politeness behind",
        "a particle behind",
        "an ending behind",
        "special marks",
    ],
)
def test_the_words_around_an_answer(form: str, lead: str) -> None:
    assert common_lead(texts(form)) == lead


def test_the_words_around_an_answer_in_a_script_without_spaces() -> None:
    cities = ("\u5317\u4eac", "\u4e0a\u6d77")
    said = [
        read(
            Completion(
                Problem(f"p{i}", "?", city), "Q: ", f"\u4e00\u3002\n\u7b54\u6848\u662f{city}", "m"
            ),
            TOKENIZER,
        )
        for i, city in enumerate(cities * 4)
    ]
    assert common_lead(said) == "\n\u7b54\u6848\u662f{answer}"


@pytest.mark.parametrize(
    ("answers", "lead"),
    [
        (("3.5", "a.b", "1,000"), " So it is {answer}."),
        (("St. Louis", "Rome", "Bern"), " So it is"),
        (("5 p.m.", "noon", "dusk"), " So it is"),
    ],
    ids=["the mark inside a value", "the mark and a space", "the mark is the value's own"],
)
def test_a_mark_ends_an_answer_unless_the_references_hold_it_so(answers, lead: str) -> None:
    said = [
        Completion(
            Problem(f"p{i}", "?", answers[i % 3]), "Q: ", f"One. So it is {answers[i % 3]}", "m"
        )
        for i in range(12)
    ]
    closed = [replace(one, text=one.text.rstrip(".") + ".") for one in said]
    assert common_lead([read(one, TOKENIZER) for one in closed]) == lead


def test_a_value_on_the_way_is_no_right_answer() -> None:
    assert says_right(texts(PROSE, n=1)[0])
    assert not says_right(texts("It is {a} at noon. They lose it at dusk.", n=1)[0])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    tokenizer = byte_tokenizer(merges=40)
    tokenizer.chat_template = TURN.replace("OPEN", "")
    return save_tiny(tmp_path_factory.mktemp("own") / "m", tokenizer, seed=0)


def asked(
    folder: str,
    out: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    form: str,
    fits: str,
    plain: str = "",
    asking: Asking = AS_FOUND,
) -> tuple[Study, Models]:
    """The study of a model that writes one form, another without the instruction, and repeats its answer behind one cue only."""
    plain = plain or form

    def written(_study: Study, models: Models, name: str, problems) -> list[Trace]:
        reader = models.get(name)
        told = form if reader.policy.instruction else plain
        return texts(told, n=len(problems), right=12, reader=reader)

    def answer(reader, trace: Trace) -> Answer:
        said = re.findall("|".join(THINGS), trace.completion)
        return Answer(said[-1] if fits in reader.cue.text else "nonsense", "asked")

    monkeypatch.setattr(own_words, "written_chains", written)
    monkeypatch.setattr(finding, "answers_after", lambda *asked: [*map(answer, *asked)])
    loading = LoadOptions("cpu", asking=asking)
    study = Study(models=(folder,), out=out, problems="p.jsonl", author="own", loading=loading)
    models = Models.of(study)
    return in_own_words(study, models, [problem(i) for i in range(40)])


def test_a_model_that_its_files_fit_is_asked_as_they_say(folder, tmp_path, monkeypatch) -> None:
    study, models = asked(folder, tmp_path, monkeypatch, form="So.\n\nThe answer is {a}.", fits="")
    assert study.loading.asking == Asking()
    assert study.asking_notes == ()
    assert BOXED in models.get("m").render(problem(0))


def test_own_words_take_the_place_of_a_question_that_does_not_fit(
    folder, tmp_path, monkeypatch
) -> None:
    study, models = asked(folder, tmp_path, monkeypatch, form=PROSE, fits="Hence it is")
    said, reader = study.loading.asking, models.get("m")
    assert (said.cue, said.instruction) == (CUE, BOXED), "the prompts stay as they were"
    assert (reader.cue.text, reader.cue.lead, reader.cue.end) == (" Hence it is", " ", " that")
    assert study.asking_notes[0].startswith(
        "m states its answers behind ' Hence it is {answer} that': asked so it repeats 16 of 16 written answers, asked as its files say 0; "
    )
    trace = texts(PROSE, n=1, reader=reader)[0]
    assert trace.answer.text == "the old key"
    assert trace.chain_text == "It is the old key at noon. They paint it. "
    assert written_trace(reader, trace, trace.ids).answer == trace.answer
    assert study == replace(study, models=(folder,)), "what was found is settings like others"


def test_answers_are_read_behind_own_words_where_the_chain_would_end_elsewhere(
    folder, tmp_path, monkeypatch
) -> None:
    form = "| {w} | at noon |.\n| {w} | on {a} |.\n|---|\n**Sum** | total |: {a} |"
    study, models = asked(folder, tmp_path, monkeypatch, form=form, fits="total")
    said, reader = study.loading.asking, models.get("m")
    assert said.answer_after == "**Sum** | total |: {answer} |"
    (trace,) = texts(form, n=1, reader=reader)
    assert trace.answer.text == "the old key"
    assert trace.chain_text.endswith("on the old key |.\n|---|\n")


@pytest.mark.parametrize("template", ["shared", "own"])
def test_a_later_model_is_asked_in_its_own_words(folder, tmp_path, monkeypatch, template) -> None:
    """The first writes as its files say; the tuned one states its answers in other words, and is asked by them in the same prompts."""
    tokenizer = byte_tokenizer(merges=40)
    tokenizer.chat_template = TURN.replace("OPEN", "")
    tuned = save_tiny(tmp_path / "tuned", tokenizer, seed=1)
    forms = {"m": "So.\n\nThe answer is {a}.", "tuned": PROSE}

    def written(_study: Study, models: Models, name: str, problems) -> list[Trace]:
        return texts(forms[name], n=len(problems), right=12, reader=models.get(name))

    def answer(reader, trace: Trace) -> Answer:
        said = re.findall("|".join(THINGS), trace.completion)
        fits = reader.name == "m" or "Hence it is" in reader.cue.text
        return Answer(said[-1] if fits else "nonsense", "asked")

    monkeypatch.setattr(own_words, "written_chains", written)
    monkeypatch.setattr(finding, "answers_after", lambda *asked: [*map(answer, *asked)])
    settings = {"out": tmp_path / "out", "problems": "p.jsonl", "prompt": template}
    before = Study(models=(folder, tuned), loading=LoadOptions("cpu"), **settings)
    study, models = in_own_words(before, Models.of(before), [problem(i) for i in range(40)])
    assert study.loading.asking == AS_FOUND
    assert dict(study.asking_of).keys() == {"tuned"}
    assert (study.asking("tuned").cue, study.asking("m").cue) == (CUE, None)
    assert study.asking_notes[0].startswith("tuned states its answers behind")
    assert "asked as m is 0; " in study.asking_notes[0]
    again = Models.of(study)
    for each in (models, again):
        assert each.get("tuned").cue.text == " Hence it is"
        assert each.get("m").cue.text != " Hence it is"
        assert each.get("tuned").render(problem(0)) == Models.of(before).get("tuned").render(
            problem(0)
        )
    hashes = [Models.of(each).text_hash("tuned") for each in (before, study)]
    assert hashes[0] != hashes[1], "what was read otherwise is not taken again"
    assert Models.of(before).text_hash("m") == Models.of(study).text_hash("m")
    kept = replace(before, loading=LoadOptions("cpu", asking=Asking(cue=" So")))
    assert in_own_words(kept, Models.of(kept), [problem(0)] * 40)[0].asking_of == ()


def test_what_others_hold_back_does_not_confirm_is_not_taken(folder, tmp_path, monkeypatch) -> None:
    study, _ = asked(folder, tmp_path, monkeypatch, form=PROSE, fits="no cue holds this")
    assert study.loading.asking == Asking()


def test_what_stands_before_an_answer_is_kept_where_the_cue_is_found(
    folder, tmp_path, monkeypatch
) -> None:
    """The user says how answers are read; how they are asked for is found, and only where that does not fit."""
    said = Asking(answer_after="Hence it is {answer} that")
    ways = {"form": PROSE, "asking": said}
    study, _ = asked(folder, tmp_path / "a", monkeypatch, fits="Hence it is", **ways)
    assert (study.loading.asking, study.asking_notes) == (said, ())
    study, models = asked(folder, tmp_path / "b", monkeypatch, fits=" Hence it is", **ways)
    assert study.loading.asking == replace(
        said, cue=CUE, instruction=study.loading.asking.instruction
    )
    assert models.get("m").cue.text == " Hence it is"


@pytest.mark.parametrize("own", [Asking(cue=" So"), Asking(cue=" So", answer_after="it is")])
def test_what_the_user_says_is_kept(folder, tmp_path, monkeypatch, own) -> None:
    study, _ = asked(folder, tmp_path, monkeypatch, form=PROSE, fits="Hence it is", asking=own)
    assert (study.loading.asking, study.asking_notes) == (own, ())


def test_an_instruction_that_misleads_is_left_out_and_the_cue_is_found_behind(
    folder, tmp_path, monkeypatch
) -> None:
    study, models = asked(
        folder, tmp_path, monkeypatch, form="It is on and on", plain=PROSE, fits="Hence it is"
    )
    assert (study.loading.asking.instruction, study.loading.asking.cue) == ("", CUE)
    assert BOXED not in models.get("m").render(problem(0))
    why = "with an instruction behind each question the model is right in 0 of 32, without it in 12, still the lesser part"
    assert study.asking_notes[0] == f"m: {why}; it is left out (--instruction says another)"
    assert len(study.asking_notes) == 2
    kept, _ = asked(
        folder, tmp_path, monkeypatch, form="It is on and on", plain=PROSE, fits="Hence it is",
        asking=Asking(instruction="Think."),
    )  # fmt: skip
    assert kept.asking_notes == ()


def test_a_model_whose_tokenizer_spells_no_question(tmp_path, monkeypatch) -> None:
    words = (*["hence", "it", "is", "that", "takes", "home", "red", "fox", "cow"], ".")
    folder = save_tiny(tmp_path / "m", word_level(words, unknown=False), seed=0)
    study = Study(models=(folder,), out=tmp_path / "out", problems="p.jsonl", author="own")
    with pytest.raises(UserError, match=r"spell none of .* --cue TEXT"):
        Models.of(study).get("m")
    with pytest.raises(UserError, match="spell none of"):
        askable(
            replace(study, problems=None, traces=tmp_path / "t.jsonl", author="first"),
            Models.of(study),
        )
    study, models = askable(study, Models.of(study))
    colours = [Problem(f"p{i}", "takes home", ("red", "fox", "cow")[i % 3]) for i in range(32)]
    forms = {"said": "home takes . hence it is {a} .", "not": "home takes ."}

    def written(form: str) -> None:
        def write(_study, held, name, problems):
            reader = held.get(name)
            return [
                reader.read(Completion(p, "takes home ", form.format(a=p.answer), "m"))
                for p in problems
            ]

        monkeypatch.setattr(own_words, "written_chains", write)

    monkeypatch.setattr(
        finding,
        "answers_after",
        lambda readers, texts: [
            Answer(t.problem.answer if "hence" in r.cue.text else None, "asked")
            for r, t in zip(readers, texts, strict=True)
        ],
    )
    written(forms["said"])
    assert in_own_words(study, models, colours)[0].loading.asking.cue == " hence it is {answer} ."
    written(forms["not"])
    with pytest.raises(UserError, match="spell none of"):
        in_own_words(study, models, colours)


def opened_by(mark: str, folder, *, merges: int) -> Study:
    """A study of a model whose chat template begins an answer with a mark."""
    tokenizer = byte_tokenizer(merges=merges)
    tokenizer.chat_template = (
        "{% for m in messages %}{{ m['content'] }}\n{% endfor %}"
        f"{{% if add_generation_prompt %}}{mark}\n{{% endif %}}"
    )
    model = save_tiny(folder / "m", tokenizer, seed=0)
    return Study(models=(model,), out=folder / "out", problems="p.jsonl")


def test_a_mark_that_nothing_known_closes_is_read_as_plain_text(tmp_path) -> None:
    study = opened_by("[plan]", tmp_path, merges=40)
    told, models = askable(study, Models.of(study))
    assert told.loading.asking.think == "none"
    assert models.get(models.first).policy.tags is None
    (note,) = told.asking_notes
    assert note.startswith("m: its chat template begins an answer with '[plan]'")
    assert note.endswith("It is read as plain text.")
    given = replace(study, problems=None, traces=tmp_path / "t.jsonl")
    with pytest.raises(UserError, match="looks like the opening mark"):
        askable(given, Models.of(given))


@pytest.mark.parametrize("closed", [16, 10], ids=["most close it", "some do"])
def test_a_thought_is_closed_by_the_mark_that_most_texts_have(monkeypatch, tmp_path, closed):
    study = opened_by("<razón>", tmp_path, merges=0)
    study, models = askable(study, Models.of(study))

    def write(_study, held, name, problems):
        reader, made = held.get(name), []
        for i, p in enumerate(problems[:16]):
            text = f"It is of {WHO[i % 3]}.{'</razón>' if i < closed else ''}\n{p.answer}."
            made.append(reader.read(Completion(p, reader.render(p), text, "m")))
        return made

    monkeypatch.setattr(own_words, "write_side_by_side", lambda *_: None)
    monkeypatch.setattr(own_words, "written_chains", write)
    monkeypatch.setattr(
        finding,
        "answers_after",
        lambda readers, texts: [
            Answer(t.problem.answer, "asked") for _, t in zip(readers, texts, strict=True)
        ],
    )
    found, models = in_own_words(study, models, [problem(i) for i in range(40)])
    asking, (note,) = found.loading.asking, found.asking_notes
    if closed < 16:
        assert asking.think == "none" and note.endswith("It is read as plain text.")
        return
    assert asking.think == ("<razón>", "</razón>")
    assert "ends with '<razón>', and most of its texts close that with '</razón>'" in note
    traces = write(found, models, models.first, [problem(i) for i in range(4)])
    assert [trace.answer.text for trace in traces] == [problem(i).answer for i in range(4)]
    assert all("razón" not in trace.chain_text for trace in traces)
