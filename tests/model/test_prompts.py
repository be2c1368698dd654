from collections.abc import Callable
from typing import Any

import pytest

from mechcot.core.errors import UserError
from mechcot.core.problem import Problem
from mechcot.model.answer_cue import AnswerCue
from mechcot.model.asking_options import Asking
from mechcot.model.internals.token_text import encode_behind, encode_text
from mechcot.model.prompts import PromptPolicy, policy_of
from tests.compare.tiny_models import byte_tokenizer

QUESTION = Problem("q", "What is 3 + 4?", "7")


@pytest.fixture
def policy(checkpoint: Callable[..., Any]) -> Callable[..., PromptPolicy]:
    from transformers import AutoTokenizer

    def make(template: str, *, words: bool = False, **about: Any) -> PromptPolicy:
        tokenizer = AutoTokenizer.from_pretrained(checkpoint(template=template, words=words))
        return policy_of(tokenizer, owner="m", spaced=words, **about)

    return make


@pytest.mark.parametrize(
    ("template", "words", "family", "cue", "opens"),
    [
        ("think", False, "tagged", "\n</think>\n\nThe final answer is \\boxed{", True),
        ("strip", False, "tagged", "\n</think>\n\nThe final answer is \\boxed{", True),
        ("switch", False, "tagged", "\n</think>\n\nThe final answer is \\boxed{", False),
        ("chat", False, "chat", "\n\nThe final answer is \\boxed{", False),
        ("plain", False, "plain", "\nThe answer is", False),
        ("think", True, "spaced", " </think> answer", True),
    ],
)
def test_family_and_cue_follow_from_the_tokenizer(policy, template, words, family, cue, opens):
    made = policy(template, words=words)
    assert (made.family, made.cue.text) == (family, cue)
    assert made.opens_thought(made.render(QUESTION)) is opens


def test_plain_template_is_stated(policy):
    made = policy("plain")
    assert made.render(QUESTION) == "Question: What is 3 + 4?\nAnswer: Let's think step by step.\n"
    assert "no chat template, plain text" in made.describe()


def test_instruction_only_where_answers_are_boxed(policy):
    assert policy("think").render(QUESTION).count("\\boxed{}") == 1
    assert "boxed" not in policy("plain").render(QUESTION)
    assert "boxed" not in policy("think", words=True).render(QUESTION)
    assert policy("think", instruction="Be brief.").render(QUESTION).count("Be brief.") == 1


def test_thinking_off_closes_the_thought_and_the_cue_does_not(policy):
    on, off = policy("switch"), policy("switch", thinking="off")
    assert "</think>" in off.render(QUESTION)
    assert "</think>" not in on.render(QUESTION)
    assert off.cue.close == "\n\n"
    assert not off.opens_thought(off.render(QUESTION))


def test_a_template_that_strips_thoughts_cannot_touch_a_completion(policy):
    prompt = policy("strip").render(QUESTION)
    assert prompt.endswith("<|assistant|><think>\n")
    assert prompt.startswith("<s>")


def test_a_cue_of_the_users_is_used_to_the_letter(policy):
    made = policy("think", asking=Asking(cue="</think>\nSo: \\boxed{"))
    assert made.cue == AnswerCue("</think>\n", "So: \\boxed{", lead="", end="}")
    assert policy("plain", asking=Asking(cue=" so")).cue == AnswerCue("", " so", " ", "\n")


@pytest.mark.parametrize(
    ("words", "ask", "lead"),
    [(["Die Antwort ist ja.", "Die Antwort ist nein."], "\nDie Antwort ist", " "), ([], "\nDie Antwort ist ", "")],
    ids=["a word and its space are one token", "each character is a token"],
)  # fmt: skip
def test_a_space_that_belongs_to_the_answers_first_token_is_left_to_the_answer(words, ask, lead):
    tokenizer = byte_tokenizer(merges=40 if words else 0, texts=words or ["x"])
    made = policy_of(tokenizer, owner="m", asking=Asking(cue="\nDie Antwort ist "))
    assert (made.cue.text, made.cue.lead) == (ask, lead)


@pytest.mark.parametrize(
    ("template", "asking", "cue"),
    [
        ("think", {}, AnswerCue("\n</think>\n\n", "=> The key is", " ", "\n")),
        ("chat", {}, AnswerCue("\n\n", "=> The key is", " ", "\n")),
        ("plain", {}, AnswerCue("", "\n=> The key is", " ", "\n")),
        (
            "plain",
            {"think": ("[work]", "[done]")},
            AnswerCue("\n[done]\n\n", "=> The key is", " ", "\n"),
        ),
        ("chat", {"cue": " So"}, AnswerCue("", " So", " ", "\n")),
    ],
)
def test_what_stands_before_a_written_answer_asks_for_it(policy, template, asking, cue):
    said = Asking(answer_after="=> The key is", **asking)
    assert policy(template, asking=said).cue == cue


@pytest.mark.parametrize(
    ("after", "ask", "lead", "end"),
    [
        ("Key: ", "Key:", " ", "\n"),
        ("So **", "So **", "", "**"),
        ("it is {answer} that", "it is", " ", " that"),
        ("boxed{", "The final answer is \\boxed{", "", "}"),
    ],
)
def test_the_ends_of_what_stands_before_an_answer(policy, after, ask, lead, end):
    made = policy("think", asking=Asking(answer_after=after))
    assert made.cue == AnswerCue("\n</think>\n\n", ask, lead, end)


def test_a_spaced_language_is_asked_in_what_stands_before_its_answers(policy):
    assert policy("think", words=True).cue == AnswerCue(" </think>", " answer", " ")
    made = policy("think", words=True, asking=Asking(answer_after="so"))
    assert made.cue == AnswerCue(" </think>", " so", " ")


def test_shared_renders_the_owners_text_and_says_so(policy):
    own = policy("think")
    shared = own.shared()
    assert shared.render(QUESTION) == own.render(QUESTION)
    assert (own.mode, shared.mode) == ("own", "shared")
    assert "one text for all models, rendered by the template of m" in shared.describe()
    assert "each model's own template" in own.describe()


def test_empty_question_and_broken_template(policy, checkpoint):
    from transformers import AutoTokenizer

    with pytest.raises(UserError, match="problem q: expected a question, got an empty text"):
        policy("think").render(Problem("q", "  \n", ""))
    tokenizer = AutoTokenizer.from_pretrained(checkpoint(template="chat"))
    tokenizer.chat_template = "{{ raise_exception('no users') }}"
    with pytest.raises(UserError, match=r"m: expected a chat template .* no users.*plain template"):
        policy_of(tokenizer, owner="m")


def test_bos_is_spelled_out_when_the_tokenizer_would_add_it(checkpoint):
    from tokenizers.processors import TemplateProcessing
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(checkpoint(template="plain"))
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 1)]
    )
    prompt = policy_of(tokenizer, owner="m").render(QUESTION)
    assert prompt.startswith("<s>Question")
    assert encode_text(tokenizer, prompt) == tokenizer.encode(prompt.removeprefix("<s>"))


def test_a_continuation_gets_no_space_in_front():
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    pieces = ["<unk>", "\u2581", "\u2581a", "a", ":", "\u2581:", ".", "\n", "T", "\u2581T"]
    core = Tokenizer(models.Unigram([(piece, -1.0) for piece in pieces], unk_id=0))
    core.pre_tokenizer = pre_tokenizers.Metaspace()
    core.decoder = decoders.Metaspace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, unk_token="<unk>")
    assert tokenizer.convert_ids_to_tokens(encode_text(tokenizer, "\nT"))[0] == "\u2581"
    assert tokenizer.convert_ids_to_tokens(encode_behind(tokenizer, "\nT")) == ["\n", "T"]


@pytest.mark.parametrize("switch", ["thinking", "enable_thinking"])
def test_either_name_of_the_switch_opens_the_thought(checkpoint, switch):
    from transformers import AutoTokenizer

    tokens = AutoTokenizer.from_pretrained(checkpoint(template="think"))
    tokens.chat_template = (
        "{% for m in messages %}<|user|>{{ m['content'] }}{% endfor %}{% if add_generation_prompt %}<|assistant|>"
        f"{{% if {switch} %}}<think>\n{{% else %}}<think>\n\n</think>\n\n{{% endif %}}{{% endif %}}"
    )
    on, off = policy_of(tokens, owner="m"), policy_of(tokens, owner="m", thinking="off")
    assert on.opens_thought(on.render(QUESTION))
    assert not off.opens_thought(off.render(QUESTION))


@pytest.mark.parametrize(
    ("asking", "behind"),
    [
        (Asking(), "\\boxed{}."),
        (Asking(cue="\n</think>\n\nIt is \\boxed{"), "\\boxed{}."),
        (Asking(cue="\n</think>\n\nThe answer is"), QUESTION.question),
        (Asking(answer_after="Result:"), QUESTION.question),
        (Asking(instruction=""), QUESTION.question),
        (Asking(cue="\n</think>\n\nThe answer is", instruction="Think."), "Think."),
    ],
)
def test_the_instruction_asks_for_a_box_only_where_the_cue_does(policy, asking, behind):
    asked = policy("think", asking=asking).render(QUESTION)
    assert asked.partition("<|end|>")[0].endswith(behind)
