"""Reports about models from elsewhere say nothing that is false there: words only, one step, few items, no arithmetic."""

import html
import re
from string import ascii_lowercase

import pytest

from mechcot.compare.run import run
from mechcot.compare.settings import Study
from tests.compare.tiny_models import byte_tokenizer, save_tiny, write_rows

CHAINS = {
    "one step": "The fox is red.",
    "words only": "The fox is red. So the dog is blue. Wait, let me check. The cat is therefore green.",
    "numbered": "Step 1: The fox is red.\nStep 2: So the dog is blue.\nStep 3: So the cat is green.\n",
}


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    root, tokenizer = tmp_path_factory.mktemp("pair"), byte_tokenizer(merges=40)
    return tuple(save_tiny(root / str(i), tokenizer, seed=i, context=512) for i in range(2))


def report(pair, folder, chain, *, n: int = 3) -> str:
    rows = [
        {
            "id": f"c-{i}",
            "question": f"Which colour is the cat of house {ascii_lowercase[i]}?",
            "answer": "green",
            "chain": chain,
            "answer_text": "\nThe answer is green",
        }
        for i in range(n)
    ]
    measures = ("gates", "suppression", "step_attention", "step_patching", "adding_mistakes")
    traces = write_rows(folder / "chains.jsonl", rows)
    run(Study(models=pair, out=folder / "out", traces=traces, measures=measures))
    page = (folder / "out" / "report.html").read_text()
    page = re.sub(r"<(script|style)[^>]*>.*?</\1>", "", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def test_the_step_of_chains_of_one_step_is_the_whole_chain(pair, tmp_path):
    text = report(pair, tmp_path, CHAINS["one step"], n=20)
    assert "every chain is one step" in text or "any single step" in text
    assert "are needed to say which steps carry the answer" not in text


@pytest.mark.parametrize("name", CHAINS)
def test_a_report_about_foreign_chains_is_true(pair, tmp_path, name):
    text = report(pair, tmp_path, CHAINS[name])
    assert "the chain states no value as a result or an operand" in text
    reason = "3 items were read by both models; 20 are needed"
    assert text.count(reason) == 1, "a shared reason stands once in a report"
    assert "as said above" in text
    patched = re.search(r"logits × 1.5 Step patching .*? within ±0.15 (\S+)", text)
    assert patched.group(1) == "–", "what was not measured did not hold"
    assert "single items" not in text
    few = "has values of 3 items; 20 are needed to say which steps carry the answer"
    assert few in text and "every chain is one step" not in text and "any single step" not in text
    assert ("One trace, as an example" in text) == (name != "one step")
    assert "stands at 100 % of the chain" not in text or name != "one step"
