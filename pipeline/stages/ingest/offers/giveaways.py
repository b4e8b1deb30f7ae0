"""Fields whose names say that they tell of an answer: with one of them in the input, the answer would be given away."""

import re

from pipeline.stages.ingest.detect.compared_answers import is_worse
from pipeline.stages.ingest.fields.names import CLASSES, OPINIONS, SYSTEM, explains, leaf

#: Names of why an answer is right, or better.
REASON = re.compile(r"exp|.*(?:explanation|rationale|reason|justification|해설|풀이|이유|판단근거).*")
#: Names of what others say of an answer. (A review alone may be the text that is sorted.)
OPINION = re.compile(
    r".*(?:judge|judgment|critique|evaluation|evaluator).*|review(?:er)?_.*|.*feedback|.*(?:평가|심사|총평|첨삭|검수).*"
)
#: Names of the answer that is held for the right one, beside the answer of a model.
TRUTH = re.compile(r"ground[_ ]?truth.*|(?:gold|golden|ideal|reference)[_ ](?:answer|response|output)s?|모범.*답.*")
#: Names of what was asked and answered before the question.
EARLIER = re.compile(r"(?:previous|prev|prior|earlier|last)[_ ].+|(?:이전|직전|지난|앞선).+")
#: Names of a prompt, beside those that say it plainly.
PROMPT = re.compile(r"(?:.*[_ ])?(?:prompt|question|query)|.*(?:프롬프트|질문|질의|문의)", re.IGNORECASE)


def gives_away(name: str, answer: str) -> bool:
    """Whether a field beside an answer names it, explains it or judges it.

    >>> [gives_away(name, "label") for name in ("label_text", "gold_label", "reason", "text")]
    [True, True, True, False]
    """
    word, said = leaf(name), leaf(answer)
    if explains(word) or word in (*CLASSES, *OPINIONS) or is_worse(word):
        return True
    if word.startswith(f"{said}_") or word.endswith(f"_{said}"):
        return not is_earlier(word)
    return any(names.fullmatch(word) for names in (REASON, OPINION, TRUTH))


def judges(name: str) -> bool:
    """Whether a field of this name holds what others say of an answer."""
    return leaf(name) in OPINIONS or OPINION.fullmatch(leaf(name)) is not None


def is_earlier(name: str) -> bool:
    """Whether a field of this name holds what was asked or answered before."""
    return EARLIER.fullmatch(leaf(name)) is not None


def is_truth(name: str) -> bool:
    """Whether a field of this name holds the answer that is held for the right one."""
    return TRUTH.fullmatch(leaf(name)) is not None


def may_ask(name: str) -> bool:
    """Whether a field of this name may be a prompt."""
    word = leaf(name)
    return PROMPT.fullmatch(word) is not None and word not in SYSTEM and not is_earlier(word)
