"""Every name that a stage writes into a row to explain what it did: reject reasons, flags, and fixes of other stages.

`docs/reference.md` lists them, and a test fails if a stage writes a name that is not here.
"""

#: Stage → reason → meaning. `screen` can reject for each of its findings (FINDINGS) that `[screen] reject` lists.
REASONS: dict[str, dict[str, str]] = {
    "ingest": {
        "ambiguous-shape": "several shapes fit the record: name one in the source",
        "call-without-result": "a conversation goes on after a call of a tool that has no result",
        "damaged": "the rest of a packed file or saved folder cannot be read",
        "different-prompts": "the chosen and the rejected answer of a preference record do not have the same prompt",
        "duplicate-key": "a JSON object has the same key twice, with different values",
        "empty-file": "the file is empty",
        "invalid-csv": "a quote in the CSV row is not closed, or the row breaks the format in another way",
        "invalid-json": "the record is not valid JSON",
        "left-out-split": "the source publishes the record in a split that `splits` of the source leaves out",
        "lone-surrogate": "a text has half of a Unicode surrogate pair: it was cut inside a character",
        "misplaced-context": "a conversation ends with an input that belongs to no question",
        "misplaced-system": "a system prompt comes after the first message of the conversation",
        "missing-field": "a field that the template of the source needs is missing or null",
        "no-answer": "the record has a question, but no answer to it",
        "no-delimiters": "a transcript has no question and answer between known delimiters",
        "no-prompt": "a preference record has no prompt",
        "no-question": "an answer in a conversation has no question before it",
        "no-score": "none of the completions has a number as its score",
        "no-turns": "the list of turns, instances or questions is empty",
        "not-a-call": "what must be a call of a tool has no name, or its arguments are not an object",
        "not-a-list": "a field that must be a list is something else",
        "not-an-object": "the record, or a turn in it, is not an object with named fields",
        "not-data": "a member of an archive is neither JSON nor a table",
        "not-text": "a field that must be a text is something else",
        "rejected-before": "a row of rejects.jsonl: an earlier run rejected it",
        "result-without-call": "a conversation has the result of a tool without a call before it",
        "size-bomb": "a packed file unpacks to an implausible size; reading stopped",
        "too-deep": "the JSON value is nested too deeply",
        "too-long": "the record is longer than `max_record_bytes`",
        "unclear-label": "the label does not say whether the answer is a good one",
        "unclear-learn": "a field such as `weight` is neither 1 nor 0: it does not say whether the answer is learned",
        "undecodable": "the record has bytes that are not text in the encoding of the file",
        "unequal-lists": "the lists of questions and answers have different lengths",
        "unknown-label": "the template of the source has no wording for the value of a label",
        "unknown-role": "a turn has a role that is not known: declare it in `roles` of the shape",
        "unknown-shape": "no known shape fits the record: declare one in the source",
        "wrong-cell-count": "the CSV row has more or fewer cells than the header",
    },
    "validate": {
        "history-model-type": "an earlier turn is null",
        "history-string-type": "an earlier turn lacks the text of one side",
        "instruction-blank": "the instruction has no visible character",
        "instruction-missing": "the instruction is missing or null",
        "output-blank": "the output has no visible character",
        "output-missing": "the output is missing or null",
    },
    "tokenize": {
        "answer-not-in-context": "layout qa: the answer is not in the context",
        "label-unknown": "layout classification: the output is not one of the declared `labels`",
        "not-literal": "layout causal: the chat template of the tokenizer changes the text of this row",
        "nothing-to-learn": "no token of the row would be learned",
        "too-long": "the row does not fit into `max_length`, and `truncation` does not allow to cut it",
    },
    "dedupe": {
        "exact": "same prompt and same output as a kept row, apart from case, spaces and Unicode form",
        "near": "similar to a kept row in every field",
        "conflict": "same prompt as a kept row, but a different output",
        "near-prompt": "similar prompt to a kept row, but a different output",
    },
}

#: What `screen` looks for: finding → meaning. A finding adds the flag of its name; `[screen] reject` makes it a reason.
FINDINGS: dict[str, str] = {
    "pii-email": "e-mail address",
    "pii-resident-number": "Korean resident registration number",
    "pii-foreigner-number": "Korean registration number of a foreigner",
    "pii-card": "payment card number",
    "pii-business-number": "Korean business registration number",
    "pii-corporate-number": "Korean corporate registration number",
    "pii-driver-licence": "Korean driver's licence number",
    "pii-passport": "passport number",
    "pii-phone": "Korean phone number",
    "pii-account": "bank account number",
    "pii-plate": "Korean number plate of a vehicle",
    "pii-ip": "IP address",
    "pii-address": "Korean postal address",
    "not-korean": "less than `min_hangul` of the letters of the row are Hangul",
    "untranslated": "the instruction is Korean, the answer is in Latin script",
    "wrong-language": "the instruction is Korean, the answer is in another script",
    "refusal": "the answer only refuses",
    "disclaimer": "the answer speaks as a language model",
    "no-answer": "the answer is a placeholder such as “N/A” or “없음”",
    "template-residue": "the answer has an unfilled slot, an unresolved particle or a part of a prompt",
    "merged-instruction": "the answer has a second question and answer in it",
    "truncated": "the answer ends in the middle of a sentence or a code block",
    "repetition": "the answer repeats the same text many times in a row",
    "url-only": "the input is only a link: its content is missing",
    "missing-image": "the instruction speaks of an image that the record does not hold",
    "mojibake": "the text has replacement characters (U+FFFD) or C1 controls: it was decoded wrongly",
    "mixed-speech": "the answer mixes polite and plain speech",
    "echo": "the answer is the instruction or the input, letter for letter",
    "contaminated": "the row overlaps with an evaluation set of `[screen] benchmarks`",
}

#: Stage → flag → meaning. A flag marks a row and does not reject it. `screen` writes its FINDINGS.
FLAGS: dict[str, dict[str, str]] = {
    "ingest": {"open-thought": "the answer begins with a thought that has no end: it stays in the answer"},
    "tokenize": {
        "unk": "a part of the text became [UNK]",
        "context-left-out": "the layout has no place for the system prompt or the history of this row",
    },
    "dedupe": {
        "exact": 'same prompt and output as another row (`exact = "flag"`)',
        "near": 'similar to another row in every field (`near = "flag"`)',
        "conflict": "another row has the same prompt and a different output",
        "near-prompt": "another row has a similar prompt and a different output",
        "shared-output": "at least `shared_by` different prompts have this output",
    },
}

#: Stage → name in column `fixes` → meaning. `normalize` writes the names of its fixes (`FIXES`).
FIXES: dict[str, dict[str, str]] = {
    "ingest": {
        "joined-turns": "consecutive turns of one role were joined by a newline",
        "leading-assistant": "the conversation begins with an answer: an empty message of the user was put before it",
        "nan-to-null": "NaN in the record became null",
        "thought": "a thought at the beginning of an answer was moved to `reasoning`",
        "no-input": 'an input that only says that there is none became ""',
    },
    "screen": {"mask": "personal data was replaced with a placeholder"},
}
