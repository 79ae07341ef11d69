"""Whether an observation says that its Action Unit is not there.

A negation word alone denies nothing: `without a doubt the lip corners are pulled up`, `the teeth
are not visible, but the lips are apart`. What counts is what is negated: a movement (`not pulled
up`, `no lowering`), or that something is seen, present or active. The observation is read clause
by clause; one that denies has such a clause, and none that affirms a movement.
"""

import re
from enum import Enum
from typing import Final

_SEEN: Final = (
    "visible|seen|see|observed?|present|evident|apparent|detect(?:ed|able)?|found|notice(?:d|able)?|"
    "identified|discern(?:ed|ible)?|shown?|recogni[sz]ed|perceived|confirmed|there|here|"
    "occurr?(?:ed|ing)?|happen(?:ed|ing)?|exist|appear|engaged|activat(?:ed|ing)|active"
)
_GONE: Final = (
    "absent|absence|missing|lack(?:s|ed|ing)?|inactive|inactivity|invisible|impossible|motionless|"
    "fail(?:s|ed|ing)?|ruled out|excluded|"
    "un(?:activated|detected|observed|engaged|seen|moved|changed|raised|furrowed|wrinkled|affected|"
    "altered|stretched|parted|tightened|lifted|lowered)"
)
_NEGATED: Final = rf"\b(?:not|no|none|never|nothing|nowhere|without|neither|nor|{_GONE})\b"
_AT_REST: Final = r"\b(?:relaxed|neutral|at rest|resting|motionless)\b"
_MOVED: Final = (
    r"\b(?!\w+(?:er|or)s?\b)(?:rais|lift|elevat|ris(?:e|es|en|ing)\b|rose\b|lower(?:s|ed|ing)\b|pull|"
    r"draw|tight|tens|press|stretch|part(?:s|ed|ing)?\b|apart\b|separat|wrinkl|crinkl|furrow|creas|"
    r"knit|dimpl|depress|drop|droop|sag|hang|widen|wide\b|narrow|squint|push|pucker|funnel|purs|"
    r"protrud|deepen|arch|curv|curl|contract|compress|bunch|turn(?:s|ed|ing)?\b|thrust|scrunch|"
    r"flatten|clench|activat|active\b|engaged|open|shut\b|frown|bulg|gather|converg)"
)
_MOVEMENT = re.compile(
    rf"{_MOVED}|\b(?:clos(?:ed|ing|ure)|movement|motion|activity|sign|evidence|indication|trace|raiser|lowerer|"
    r"puller|tightener|wrinkler|stretcher|deepener|dimpler|funneler|depressor|pressor)\b"
)
_AFFIRMED = re.compile(_MOVED)
_OTHER_STATE = re.compile(
    r"\beyes? (?:is|are|remain|stay)s? open\b|\b(?:mouth|jaw|lips?) (?:is|are) shut\b"
)
NEGATION = re.compile(_NEGATED)
NEGATION_OR_REST = re.compile(rf"{_NEGATED}|{_AT_REST}|n['’]t\b|\bcannot\b")
_REST = re.compile(_AT_REST)
_NOT_SEEN = re.compile(
    rf"\b(?:{_GONE}|none)\b|\b(?:not|never|nowhere)\b(?:\s\w+){{0,3}}\s(?:{_SEEN}|activat\w+|active)\b"
)
_UNSEEN_ITSELF = re.compile(
    rf"\A\W*(?:not|no|none|never|nothing|without|neither)\b|\b(?:{_GONE})\b"
    rf"|\b(?:not|never|nowhere|no)\b(?:\s\w+){{0,3}}\s(?:{_SEEN})\b"
)
_SOMETHING_ELSE = re.compile(
    r"\b(?:teeth|tooth|gums?|iris(?:es)?|pupils?|sclera|whites?|tongue|gaps?|red|vermilion|lashes|"
    r"lids|eyelids|hair|other|else)\b"
)
IDIOMS = re.compile(
    r"\b(?:without (?:a |any )?(?:doubt|question)|"
    r"no (?:doubt|question|less|wonder|mistak\w+|ambiguity)|"
    r"not (?:only|just|merely|simply|solely|unlike|quite|fully|completely|entirely|very|too|so|as|"
    r"especially|particularly|equally|necessarily|perfectly|subtle|ambiguous|in doubt|"
    r"hard to|difficult to)|nothing (?:but|less than|short of)|never mind|if not|"
    r"can ?not be (?:denied|missed|overlooked|ignored|mistaken|doubted)|"
    r"neither (?:subtle|weak|slight|ambiguous|faint)(?: nor \w+)?)\b"
)
_CLAUSE_ENDS = re.compile(
    r"[,;.!?()—–]|\s-\s|\b(?:but|although|though|while|whereas|yet|however|because|since|which|"
    r"even if|so(?: \w+)? that|so|with)\b|(?=\bwithout\b)"
    r"|\b(?:and|as) (?=(?:the|there|it|its|they|this|that|no|not|nothing|neither|do|does|did|is|"
    r"are)\b)"
)


class _Clause(Enum):
    AFFIRMS = 1
    DENIES = 2
    NEITHER = 3


def denies_itself(observation: str) -> bool:
    """Whether an observation says that its Action Unit is not there.

    >>> denies_itself("not visible"), denies_itself("the brows are drawn together")
    (True, False)
    >>> denies_itself("no doubt about it, the corners of the mouth are lifted")
    False
    """
    text = observation.casefold()
    if not NEGATION_OR_REST.search(text):
        return False
    text = re.sub(r"n['’]t\b", " not", text.replace("cannot", "can not"))
    clauses = {_read(clause) for clause in _CLAUSE_ENDS.split(IDIOMS.sub(" ", text)) if clause}
    return _Clause.DENIES in clauses and _Clause.AFFIRMS not in clauses


def _read(clause: str) -> _Clause:
    negation = NEGATION.search(clause)
    if negation is None:
        return _without_negation(clause)
    movement = _MOVEMENT.search(clause)
    if movement is None:
        return _nothing_moved(clause)
    if negation.start() < movement.start() or _NOT_SEEN.search(clause, movement.end()):
        return _Clause.DENIES
    return _Clause.AFFIRMS if _AFFIRMED.search(clause) else _Clause.NEITHER


def _without_negation(clause: str) -> _Clause:
    if _AFFIRMED.search(clause) and not _OTHER_STATE.search(clause):
        return _Clause.AFFIRMS
    return _Clause.DENIES if _REST.search(clause) else _Clause.NEITHER


def _nothing_moved(clause: str) -> _Clause:
    """A clause that negates, but no movement: perhaps that something can be seen."""
    denied = _UNSEEN_ITSELF.search(clause) and not _SOMETHING_ELSE.search(clause)
    return _Clause.DENIES if denied else _Clause.NEITHER
