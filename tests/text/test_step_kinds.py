import json

import pytest

from benchmarks.thought_anchor_tags import FunctionClassifier
from mechcot.core.trace import StepKind
from mechcot.text.english_only import is_english
from mechcot.text.learned_step_kinds import learned
from mechcot.text.segment import pieces
from mechcot.text.step_kinds import LEXICON, STATED, Classifier, RuleClassifier


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        ("So g is 9 + 5 = 4.", StepKind.PROGRESSION),
        ("Wait, let me check that.", StepKind.VERIFICATION),
        ("Let me double-check: 3 * 4 = 12.", StepKind.VERIFICATION),
        ("Wait, that’s not right, I made a mistake.", StepKind.BACKTRACKING),
        ("Alternatively, use the other formula.", StepKind.EXPLORATION),
        ("Maybe it is even.", StepKind.EXPLORATION),
        ("To summarise, a = 3 and b = 4.", StepKind.SUMMARY),
        ("The final answer is \\boxed{4}.", StepKind.CONCLUSION),
        ("#### 18", StepKind.CONCLUSION),
        ("---\n", StepKind.OTHER),
    ],
)
def test_rules(step, kind):
    assert RuleClassifier()([step]) == [kind]


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        ("Step 4. Alternatively, we can count them.", StepKind.EXPLORATION),
        ("**Step 2:** Wait, no, that fails.", StepKind.BACKTRACKING),
        ("3) To verify, put 4 back in.", StepKind.VERIFICATION),
        ("Step 9: So the best answer is (B).", StepKind.CONCLUSION),
        ("But wait, is 9 odd?", StepKind.BACKTRACKING),
        ("I must have miscounted the apples.", StepKind.BACKTRACKING),
        ("Yes, that fits.", StepKind.VERIFICATION),
        ("I need to find how many are left.", StepKind.EXPLORATION),
        ("What if the answer is negative?", StepKind.EXPLORATION),
        ("To recap, both are even.", StepKind.SUMMARY),
        ("We made 3 cups of tea.", StepKind.PROGRESSION),
        ("Therefore 3 + 4 = 7.", StepKind.PROGRESSION),
    ],
)
def test_what_is_stated_comes_before_how_a_step_opens(step, kind):
    assert RuleClassifier()([step]) == [kind]


def test_one_kind_per_step_and_no_state():
    steps = ["Wait, what?", "So 3 + 4 = 7."]
    assert len(RuleClassifier()(steps)) == 2
    assert RuleClassifier()(steps) == [RuleClassifier()([step])[0] for step in steps]
    assert RuleClassifier()([]) == []


def test_the_users_own_lexicon_is_taken():
    mine = RuleClassifier({StepKind.SUMMARY: ("zusammen",)}, default=StepKind.OTHER)
    assert mine(["Zusammen also 5", "x"]) == [StepKind.SUMMARY, StepKind.OTHER]
    assert isinstance(mine, Classifier)


def test_lexicon_covers_every_kind_but_the_defaults():
    assert set(LEXICON) == set(STATED) == set(StepKind) - {StepKind.PROGRESSION, StepKind.OTHER}


FOREIGN = {
    "de": "Zuerst addieren wir beide. Moment, ich prüfe das noch einmal. Also ist die Antwort 7.",
    "fr": "On calcule d'abord la somme. Attendez, vérifions cela. La réponse est donc 7.",
    "es": "Primero sumamos los dos. Espera, voy a comprobarlo. La respuesta es 7.",
    "pl": "Najpierw dodajemy. Czekaj, sprawdzę to jeszcze raz. Odpowiedź to 7.",
    "vi": "Đầu tiên cộng hai số. Đợi đã, để tôi kiểm tra. Vậy đáp án là 7.",
    "id": "Pertama kita jumlahkan. Tunggu, saya periksa dulu. Jadi jawabannya 7.",
    "tr": "Önce toplayalım. Bekle, kontrol edeyim. Cevap 7.",
    "ru": "Сначала сложим. Подождите, проверю. Ответ 7.",
    "zh": "首先，$x=3$。等等，让我检查一下。答案是\\boxed{7}。",
    "ja": "まずxを足す。待って、確認しよう。答えは7です。",
    "ar": "أولا نجمع. انتظر، دعني أتحقق. الجواب 7.",
    "hi": "पहले जोड़ते हैं। रुको, मैं जाँचता हूँ। उत्तर 7 है।",
    "th": "เริ่มจากการบวกสามและสี่ ผลรวมคือเจ็ด คำตอบคือ 7",
}


@pytest.mark.parametrize("classifier", [RuleClassifier(), FunctionClassifier(), learned()])
@pytest.mark.parametrize("language", FOREIGN)
def test_a_chain_that_is_not_english_has_no_kinds(classifier, language):
    steps = pieces(FOREIGN[language])
    assert len(steps) > 1
    assert classifier(steps) == [StepKind.OTHER] * len(steps)


@pytest.mark.parametrize("classifier", [RuleClassifier(), FunctionClassifier(), learned()])
@pytest.mark.parametrize(
    "steps",
    [
        ["3 + 4 = 7"],
        ["x = 3. ", "\\frac{x}{2} = 1.5"],
        ["Let α = 3. ", "Then β = 4. "],
        ["So kπ < 3. ", "Δx = 2, πr = 4."],
        ["Joe finished above Dan."],
        ["Total: 12 apples."],
        ["Add 3. ", "Get 7."],
        ["A: orange, B: yellow, C: red"],
        ["gcd(4, 6) = 2. ", "lcm = 12."],
        ["The café of Señor García has 3 tables. ", "So 12 chairs."],
        ["Die Hard was in theatres, so was Das Boot. ", "They were 4 hours."],
    ],
)
def test_a_short_english_chain_or_bare_mathematics_keeps_its_kinds(classifier, steps):
    assert StepKind.OTHER not in classifier(steps)


def test_language_is_a_matter_of_the_chain_and_letters_of_the_step():
    chain = ["We add both numbers. ", "3 + 4 = 7. ", "所以答案是七。", "So the sum is 7."]
    for classifier in (RuleClassifier(), FunctionClassifier(), learned()):
        kinds = classifier(chain)
        assert kinds[1] is StepKind.PROGRESSION
        assert [kind is StepKind.OTHER for kind in kinds] == [False, False, True, False]
    assert RuleClassifier()(["Dann 3 + 4 = 7. ", "Das ist die Summe. "])[0] is StepKind.OTHER


def test_no_chain_of_the_shared_data_is_taken_for_another_language(shared):
    rows = [
        json.loads(line)
        for name in ("big_bench_mistake/sample", "gsm8k/test_first400", "mr_gsm8k/sample")
        for line in (shared / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    chains = [
        row.get("steps") or row.get("model_output_steps") or pieces(row["answer"]) for row in rows
    ]
    assert len(chains) > 500
    assert [chain for chain in chains if not is_english(chain)] == []
