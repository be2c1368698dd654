r"""Named cues of a reasoning step: wording, numbers, equations, place in the chain, the step before.

A cue is a name that holds for a step or does not. `WORDING` are patterns (case ignored, curly quotes made
straight); the others are computed in `cues_of`:

    operation, has =, chain of =     an arithmetic operation, an equation, several in one step
    no number, many numbers          none, four or more
    symbols only, few words, many words   at most two words, at most five, twenty or more; commands of LaTeX are no words
    old numbers, old result          every number, or an equation's last number, occurred in an earlier step
    seen whole                       the same equation stood in an earlier step
    ends with :                      announces the next step
    first three, first eight, second half, last part, last two   place (last part: behind 85 % of the steps)
    prev NAME                        the cue of that name holds for the step before

Sources of the wording: the definitions of the eight tags in the labelling prompt of Thought Anchors (Bogdan et al. 2025,
arXiv 2506.19143); the switch words of TIP (Wang et al. 2025, arXiv 2501.18585) and the openers of Venhoff et al. 2025
(arXiv 2506.18167); the rest from reading one half of the problems of the published Thought Anchors traces.
"""

import re
from collections.abc import Mapping, Sequence

_LEAD = r"^\W*"

WORDING: Mapping[str, str] = {
    # the answer
    "boxed": r"\\boxed",
    "final answer": r"\bfinal answer\b",
    "so the answer": r"\b(?:so|therefore|thus|hence)\b[^.]*\bthe answer (?:is|should be|must be)\b",
    "answer is": r"\banswer (?:is|should be|must be)\b",
    # checking
    "check": r"\b(?:double[- ]?check|verif(?:y|ies|ied|ying|ication)|sanity check|re-?check|confirm(?:s|ed|ing)?)\b",
    "let me check": r"\blet(?:'s| me| us) (?:just )?(?:check|verify|test|see if|double|go back|re-?examine|make sure|confirm)\b",
    "seems right": r"\b(?:seems?|looks?|is|that's|it's|are|be) (?:also )?(?:indeed )?(?:correct|right|consistent|accurate|logical|good|fine|reasonable)\b",
    "yes": _LEAD
    + r"(?:(?:so|ok(?:ay)?|hmm),? )?(?:yes|yeah|yep|correct|right|exactly|good|perfect|great)\b",
    "tick": r"[\u2713\u2714]",
    "matches": r"\b(?:match(?:es)?|checks? out|agrees?|consistent|makes sense|same (?:as|result|answer))\b",
    "indeed": r"\bindeed\b",
    # doubt
    "wait": _LEAD + r"(?:but |so |hmm,? |no,? |oh,? )?(?:wait|hold on)\b",
    "hmm": r"\b(?:hmm+|huh|wow)\b",
    "mistake": r"\b(?:mistake|error|wrong|incorrect|off|mis(?:counted|understood|calculated|interpreting|sing|read))\b",
    "not right": r"\b(?:not right|can't be|cannot be|doesn't (?:make sense|work|seem|add up|match)|does not (?:make sense|work)|contradict\w*|not (?:possible|correct|equal))\b",
    "confusing": r"\b(?:confus\w+|complicat\w+|convoluted|unsure|not sure|not certain|strange|weird|odd\b|discrepan\w+|overcomplicat\w+|seems (?:off|too|unlikely|different)|messy|unexpected|unclear|missing)\b",
    "maybe I": r"\b(?:maybe|perhaps) (?:i|i'm|i've|my|the problem|the question|that|this|it's)\b",
    "question": r"\?\W*$",
    "is that": _LEAD
    + r"(?:(?:wait|but|so|hmm),? )*(?:is|are|does|do|did|can|could|would|am) (?:that|this|it|there|the|i|we)\b[^.]*\?",
    "but": _LEAD + r"(?:but|however|although|unless)\b",
    # plans
    "need to": r"\b(?:(?:i|we) (?:just )?(?:need|have|want) to|(?:i|we)'ll (?:need|have) to|need to find|to find)\b",
    "let me": r"\b(?:let me|let's|let us|i'll|i will|we'll)\b",
    "let me try": r"\b(?:let me|let's|i'll|we'll|i can|we can|i could|i should|i might) (?:just |also |now |first |actually )?(?:try|think|start|see how|see|break|consider|use|figure|approach|look|go|do|find|fix|visuali[sz]e|solve|move|apply|parse|proceed|work)\b",
    "compute next": r"\b(?:let me|let's|now,?|we can|i can) (?:now )?(?:compute|calculate|find|plug|solve|substitute|simplify|convert)\b",
    "could": r"\b(?:i|we) (?:can|could|should|might|may)\b",
    "maybe": r"\b(?:maybe|perhaps|alternatively|another (?:way|approach|method|idea|thought)|what if|instead)\b",
    "approach": r"\b(?:approach|strategy|method|way to|step by step|pattern|visuali[sz]e|formula|figure (?:it|this|that)? ?out)\b",
    "next": _LEAD + r"(?:(?:so|okay|alright),? )?(?:first|next|now|then|moving on)\b",
    "if I": r"\b(?:if|suppose|assume|imagine|treat(?:ing)?|let) (?:i|we|that|[a-z]\b)",
    # the problem
    "problem": r"\b(?:problem|question|exercise|task|asks?|asking|asked|given that|i'm given|we're given|we are given|says)\b",
    "have problem": r"\b(?:i(?:'ve| have)? got|i have|i need to|here's) (?:this|a|the|to)\b[^.]*\b(?:problem|question|find|figure|solve)\b",
    "okay so": _LEAD + r"(?:ok(?:ay)?|alright|all right)\b",
    "read again": r"\b(?:read|look(?:ing)? at|restate|think) (?:it|the problem|the question|this|that)? ?(?:again|carefully)\b",
    "let me think": _LEAD
    + r"(?:(?:hmm|wait|so|okay),? )?let me (?:think|see|write|recall|read|parse)[^,]{0,18}$",
    # facts
    "recall": r"\b(?:recall|remember(?:ing|ed)?|i know|we know|known|definition|defined|property|theorem|formula is|formula for|rule|identity|in general|general(?:ly)?|always|each|every|means?|since|because|is (?:equal to|the same as|called)|are (?:equal|identical))\b",
    "since": _LEAD + r"(?:so,? )?(?:since|because|given)\b",
    "there are": r"\b(?:which is|that's|this is|there are|there is|it's|they are|is a|is an|are the|represents?|has|have)\b",
    "looking at": _LEAD
    + r"(?:(?:so|wait|now),? )?(?:looking|starting|the problem|from the|in (?:the|this|a|base|binary))\b",
    "originally": r"\b(?:originally|original|earlier|given|in (?:the )?(?:problem|code))\b",
    # results
    "therefore": _LEAD
    + r"(?:and |wait,? |ok(?:ay)?,? )?(?:therefore|thus|hence|consequently|overall|altogether|in total|in summary|to summari[sz]e|to recap|in conclusion)\b",
    "so": _LEAD + r"(?:and |ok(?:ay)?,? )?so\b",
    "so it is": _LEAD
    + r"(?:so|thus|therefore|hence),? (?:that's |it's )?(?:about |the |each |there (?:are|is) |we have |i have |our )?[^=+*/?]{0,60}(?:is|are|has|=|equals?) [^=+*/?]{0,30}$",
    "conclude": r"\b(?:conclude|in (?:total|all)|total (?:of|is|number)|altogether|just to recap|recap|summar\w+|got it|i(?:'m| am) (?:confident|pretty (?:sure|confident))|i (?:believe|think) (?:that's|the answer|it's))\b",
    "name it": r"\b(?:call (?:this|it|that)|denote|label)\b|\bequation \(?\d\)?[.:]?$|^\W*(?:so )?equations?\b[^=]*$",
    "now have": r"\b(?:now,? (?:i|we) (?:have|know|got)|(?:i|we) now have)\b",
    # computation
    "compute": _LEAD
    + r"(?:(?:so|then|and|now|next|finally|similarly|also),? )?(?:comput\w+|calculat\w+|simplify\w*|subtract\w*|add(?:ing)?|multipl\w+|divid\w+|plug\w*|substitut\w*|convert\w*|expand\w*|factor\w*|combin\w+|bring|replac\w+|left side|right side|for [a-z]\s*=|\d+(?:st|nd|rd|th)? (?:term|position|digit))\b",
    "gives": r"\b(?:gives?|equals?|is equal to|simplif\w+|becomes?|minus|plus|times|multiplied by|divided by|remainder|carry|approximately)\b|[\u2248\u21d2\u2192]",
}
COMPUTED = frozenset({
    "operation", "has =", "chain of =", "no number", "many numbers", "symbols only", "few words", "many words",
    "old numbers", "old result", "seen whole", "ends with :", "first three", "first eight", "second half", "last part",
    "last two",
})  # fmt: skip
_PATTERNS = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in WORDING.items()}
_OPERATION = re.compile(
    r"[=\u2248\u2260<>]|\d\s*[-+*/\u00d7\u00f7^]\s*[\d(]|\\(?:frac|dfrac|times|cdot|binom|dbinom|sqrt|div)"
)
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_LABEL = re.compile(
    r"\A[\s#>*_-]*(?:step\s+\d{1,3}\s*[.:)]*|\(?\d{1,3}[.)](?=\s))[*_\s]*", re.IGNORECASE
)
_COMMAND = re.compile(r"\\[a-z]+")
_WORD = re.compile(r"[A-Za-z']{2,}")
_NOT_EQUATION = re.compile(r"\s|[^\w=+*/^-]")


def unlabelled(step: str) -> str:
    """A step without its label (`Step 3.`, `2)`, `- `), behind which its first word stands."""
    return _LABEL.sub("", step, count=1)


def cues_of(steps: Sequence[str]) -> list[frozenset[str]]:
    """The names of the cues that hold for each step. Linear in the text."""
    cues_by_step: list[set[str]] = []
    numbers_before: set[str] = set()
    equations_before: set[str] = set()
    for index, step in enumerate(steps):
        text = unlabelled(step).replace("\u2019", "'").strip()
        cues = {name for name, pattern in _PATTERNS.items() if pattern.search(text)}
        cues |= _shape(text) | _place(index, len(steps))
        numbers = _NUMBER.findall(text)
        equation = _NOT_EQUATION.sub("", text)
        if numbers and numbers_before.issuperset(numbers):
            cues.add("old numbers")
        if numbers and "=" in text and numbers[-1] in numbers_before:
            cues.add("old result")
        if "=" in text and equation in equations_before:
            cues.add("seen whole")
        numbers_before.update(numbers)
        equations_before.add(equation)
        cues_by_step.append(cues)
    before = [set(), *cues_by_step[:-1]]
    return [
        frozenset(mine | {f"prev {name}" for name in last})
        for mine, last in zip(cues_by_step, before, strict=False)
    ]


def _shape(text: str) -> set[str]:
    """Cues of equations, numbers and length."""
    plain_text = _COMMAND.sub("", text)
    words, numbers = len(_WORD.findall(plain_text)), len(_NUMBER.findall(text))
    equals = text.count("=") + text.count("\u2248")
    holds = {
        "operation": _OPERATION.search(text) is not None,
        "has =": equals > 0,
        "chain of =": equals > 1,
        "no number": numbers == 0,
        "many numbers": numbers >= 4,
        "symbols only": words <= 2,
        "few words": 2 < words <= 5,
        "many words": words >= 20,
        "ends with :": text.endswith(":"),
    }
    return {name for name, true in holds.items() if true}


def _place(index: int, n: int) -> set[str]:
    """Cues of the place in the chain."""
    share = index / max(n - 1, 1)
    holds = {
        "first three": index < 3,
        "first eight": 3 <= index < 8,
        "second half": share > 0.5,
        "last part": share > 0.85,
        "last two": index >= n - 2,
    }
    return {name for name, true in holds.items() if true}
