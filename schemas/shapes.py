"""The shapes of source records: how a record's fields become system, history, instruction, input and output.

A field is named by its key, or by a dotted path into nested objects and lists: `body.messages`, `answers.text.0`.
Where a field may be absent, None and "" both mean that there is none (toml has no null).
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

#: Who speaks. tool: a result of a tool. call: the assistant, where its message is a call of a tool.
Role = Literal["system", "user", "assistant", "context", "tool", "call"]


#: Fields of a message that say whether an answer is to be learned.
#: (Of a record, `loss` and `training` are measures and notes more often.)
RECORD_LEARN = (
    *("learn", "weight", "train", "trainable", "loss_weight", "do_train", "train_on_turn", "loss_mask"),
    *("mask", "masked", "ignore", "ignored", "do_not_train"),
)
LEARN = (*RECORD_LEARN, "training", "loss")
#: Of these the fields in which a yes means that the answer is not learned.
NOT_LEARNED = {"mask", "masked", "ignore", "ignored", "do_not_train"}
#: Fields that hold the thought that leads to an answer.
REASONING = (
    *("reasoning_content", "reasoning", "reasoning_details", "thinking", "thought", "thoughts", "cot"),
    *(
        "think",
        "thinking_content",
        "thought_process",
        "chain_of_thought",
        "사고과정",
        "사고 과정",
        "추론과정",
        "추론 과정",
    ),
)


#: One field, several that are joined, each under its name, or none. A list in a field becomes a numbered list.
Fields = str | tuple[str, ...] | None

#: Where weights between 0 and 1 are given: the least weight of an answer that is learned.
LearnFrom = float | None


class Mapping(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _is_written(text: str) -> str:
    if text.strip() == "…":
        what = "what is to be done, what a label means or what is answered"
        raise ValueError(f"write in words of your own {what}, in place of …")
    return text


#: A text that people wrote.
Written = Annotated[str, AfterValidator(_is_written)]


class Columns(Mapping):
    """Each text is a field of its own. Instruction and output may also be lists of messages (TRL)."""

    kind: Literal["columns"] = "columns"
    instruction: str = "instruction"
    #: None: the records are prompts alone, to which a model writes the answers.
    output: str | None = "output"
    input: Fields = "input"
    system: str | None = None
    #: Earlier turns: a list of exchanges ([user, assistant] and so on) or of messages with a role.
    history: str | None = None
    #: Role names in `history` that are not among the known ones.
    roles: dict[str, Role] = {}
    #: The tools that may be called, and the calls that are the answer: a list, or a JSON text.
    tools: str | None = "tools"
    tool_calls: str | None = "tool_calls"
    #: Fields that hold the thought that leads to the answer.
    reasoning: tuple[str, ...] = REASONING
    #: Whether the answer is a good one: true or false, 1 or 0, chosen or rejected.
    label: str | None = None
    #: Fields that say whether the answer is learned (1, true) or not (0, false).
    learn: tuple[str, ...] = RECORD_LEARN
    learn_from: LearnFrom = None
    #: The answer to a question that a record marks as one without an answer. None: the record is rejected.
    no_answer: Written | None = None


class Conversation(Mapping):
    """A list of turns, each with a role and a text (sharegpt's from and value, OpenAI's role and content).

    The list may also be a JSON text, a Python literal, or an object of lists. `role` and `text` may be paths into the
    objects of a turn: `speaker.id`.
    """

    kind: Literal["conversation"] = "conversation"
    turns: str = "conversations"
    role: str = "from"
    text: str = "value"
    #: A field beside the turns that holds the system prompt.
    system: str | None = None
    #: Fields beside the turns that the first question is about.
    input: Fields = None
    #: A field beside the turns that holds the tools that may be called, as a list or as a JSON text.
    tools: str | None = "tools"
    #: Role names of this set that are not among the known ones.
    roles: dict[str, Role] = {}
    #: named: a name says who speaks. in-order: the names are those of people; who speaks first is the user, the other
    #: the assistant.
    speakers: Literal["named", "in-order"] = "named"
    #: A field of a turn that counts the turns: a conversation in which it goes back is rejected.
    order: str | None = None
    #: Fields of a turn that hold the thought that leads to its answer.
    reasoning: tuple[str, ...] = REASONING
    #: Fields of a turn, or of the record, that say whether an answer is learned (1, true) or not (0, false).
    learn: tuple[str, ...] = LEARN
    learn_from: LearnFrom = None
    #: Whether the answer is a good one: a field beside the turns.
    label: str | None = None
    #: A field beside the turns that holds the answer to the last question: a text, a message or a list of messages.
    answer: str | None = None


class Exchanges(Mapping):
    """A list of exchanges, each with a question and its answer: [{"input", "output"}, …] or [[question, answer], …].

    `user` and `assistant` are keys of an object, or places in a list: "0" and "1".
    """

    kind: Literal["exchanges"] = "exchanges"
    turns: str = "conversation"
    user: str = "input"
    assistant: str = "output"
    system: str | None = None
    #: Fields beside the exchanges that the first question is about.
    input: Fields = None
    tools: str | None = "tools"
    learn: tuple[str, ...] = RECORD_LEARN
    learn_from: LearnFrom = None
    label: str | None = None


class TurnRecords(Mapping):
    """Each record is one turn: records that follow one another with the same value in `group` are a conversation."""

    kind: Literal["turn-records"] = "turn-records"
    group: str = "conversation_id"
    role: str = "role"
    #: The field of the text; of several, the first with a text counts.
    text: str | tuple[str, ...] = "text"
    #: A field that counts the turns of a conversation: one in which it goes back is rejected.
    order: str | None = None
    #: Role names of this set that are not among the known ones.
    roles: dict[str, Role] = {}
    #: As in the shape `conversation`.
    speakers: Literal["named", "in-order"] = "named"
    reasoning: tuple[str, ...] = REASONING
    learn: tuple[str, ...] = LEARN
    learn_from: LearnFrom = None


class TurnFields(Mapping):
    """Each turn is a field of its own: the user's first, then the assistant's, and so on. Empty fields give no turn."""

    kind: Literal["turn-fields"] = "turn-fields"
    turns: tuple[str, ...]
    system: str | None = None
    #: Fields beside the turns that the first question is about.
    input: Fields = None


class Tree(Mapping):
    """A prompt with its replies, the replies to those, and so on (OpenAssistant): each way down is a conversation."""

    kind: Literal["tree"] = "tree"
    root: str = "prompt"
    role: str = "role"
    text: str = "text"
    replies: str = "replies"
    #: all: a row for each way to a last reply, in which an answer is learned once. best: one row, the replies ranked
    #: first; the others go to meta.
    paths: Literal["all", "best"] = "all"
    rank: str = "rank"
    reasoning: tuple[str, ...] = REASONING
    learn: tuple[str, ...] = LEARN
    learn_from: LearnFrom = None
    roles: dict[str, Role] = {}


class TreeRecords(Mapping):
    """Each record is one message of a tree and names the message that it answers, which comes before it in the file."""

    kind: Literal["tree-records"] = "tree-records"
    id: str = "message_id"
    #: The field of the message that is answered: empty where a tree begins.
    parent: str = "parent_id"
    role: str = "role"
    text: str = "text"
    #: As in the shape `tree`.
    paths: Literal["all", "best"] = "all"
    rank: str = "rank"
    reasoning: tuple[str, ...] = REASONING
    learn: tuple[str, ...] = LEARN
    learn_from: LearnFrom = None
    roles: dict[str, Role] = {}


class Nodes(Mapping):
    """An object of nodes, each with a message and the id of the node before it (an export of ChatGPT).

    Each way down is a conversation, and an answer is learned once.
    """

    kind: Literal["nodes"] = "nodes"
    nodes: str = "mapping"


class Delimited(Mapping):
    """A transcript in one text: `### Human:`, `<usr>`, ChatML, Alpaca's `### Instruction:` and so on."""

    kind: Literal["delimited"] = "delimited"
    text: str = "text"
    system: str | None = None
    #: Fields beside the transcript that the first question is about.
    input: Fields = None
    tools: str | None = "tools"
    learn: tuple[str, ...] = RECORD_LEARN
    learn_from: LearnFrom = None
    label: str | None = None
    #: Role names of this set that are not among the known ones. Behind ### and before a colon they are marks, too.
    roles: dict[str, Role] = {}
    #: Marks of this set and the role of the text after each: marks = { "[손님]" = "user", "[점원]" = "assistant" }.
    marks: dict[str, Role] = {}
    #: Marks of this set at the end of a turn, which belong to no turn.
    ends: tuple[str, ...] = ()


class Preference(Mapping):
    """A chosen and a rejected answer to one prompt: the output, and the worse answer in `rejected`.

    Each of them is a text, a transcript, a message or a list of messages.
    """

    kind: Literal["preference"] = "preference"
    #: None: the prompt is what the two transcripts have in common.
    prompt: str | None = "prompt"
    chosen: str = "chosen"
    rejected: str = "rejected"
    #: Turns before the prompt.
    context: str | None = None
    input: Fields = None
    system: str | None = None
    tools: str | None = "tools"
    #: Whether the chosen answer is a good one: a field beside the pair.
    label: str | None = None
    #: Fields that say whether the chosen answer is learned (1, true) or not (0, false).
    learn: tuple[str, ...] = RECORD_LEARN
    learn_from: LearnFrom = None


class Choice(Mapping):
    """Two answers to a prompt, and a field that says which one is better: the other is `rejected`.

    It holds the number of the better one, or the name of its field, or the letter at the end of that name.
    """

    kind: Literal["choice"] = "choice"
    prompt: str = "prompt"
    answers: tuple[str, str] = ("response_0", "response_1")
    better: str = "better_response_id"
    #: The number of the first answer in `better`.
    first: Literal[0, 1] = 0
    input: Fields = None


class Completions(Mapping):
    """A prompt with a list of scored answers (UltraFeedback): the best is the output, the worst is `rejected`.

    Without `text` the answers are texts, and `score` is a list of their scores beside them.
    Of equal scores the first one counts; where all are equal there is no worse answer. The others stay in meta.
    """

    kind: Literal["completions"] = "completions"
    instruction: str = "instruction"
    completions: str = "completions"
    text: str | None = "response"
    score: str = "overall_score"
    #: Which score is the best. None: the highest, where the name of the score is not that of a rank.
    best: Literal["highest", "lowest"] | None = None
    #: Fields that the prompt is about.
    input: Fields = None
    system: str | None = None
    learn: tuple[str, ...] = RECORD_LEARN
    learn_from: LearnFrom = None


class Exported(Mapping):
    """A row that this project wrote: JSON Lines of a dataset, or the output of a stage.

    Its columns are read as they are. `origin` and `source`, and columns of your own, go to meta, in `ko_instruct`.
    What every run finds anew is left out: flags and their evidence, clusters, splits, ids and counts of tokens.
    """

    kind: Literal["exported"] = "exported"


class Instances(Mapping):
    """One instruction with a list of inputs and outputs (Self-Instruct)."""

    kind: Literal["instances"] = "instances"
    instruction: str = "instruction"
    instances: str = "instances"
    #: Fields beside the instances that each of them is about.
    input: Fields = None


class Pairs(Mapping):
    """A list of questions and a list of answers of the same length: the turns of one conversation."""

    kind: Literal["pairs"] = "pairs"
    questions: str = "questions"
    answers: str = "outputs"
    #: Whether each question is a task of its own: then each is a row.
    independent: bool = False
    #: Fields that the questions are about: the first one, or each where they are independent.
    input: Fields = None


class Articles(Mapping):
    """Texts with questions about them, as SQuAD and KorQuAD nest them: paragraphs[].context and .qas[]."""

    kind: Literal["articles"] = "articles"
    paragraphs: str = "paragraphs"
    #: The field of the text, beside `qas`. None: `context`, or another known name.
    context: str | None = None
    #: As in the shape `columns`.
    no_answer: Written | None = None


class Questions(Mapping):
    """Questions without answers: an evaluation set. Nothing can be learned from it, so every record is rejected."""

    kind: Literal["questions"] = "questions"
    #: A list of questions: the first one is the prompt.
    questions: str = "turns"
    #: In place of `questions`: fields whose texts are the prompt.
    prompt: tuple[str, ...] = ()
    #: Fields beside the prompt: choices, a passage.
    more: tuple[str, ...] = ()


class MultipleChoice(Mapping):
    """A question with answers to choose from, and a field that says which one is right: the output is its text."""

    kind: Literal["multiple-choice"] = "multiple-choice"
    instruction: str = "question"
    #: One field with all choices, a list or an object of them, or a field for each choice.
    choices: Fields = "choices"
    #: The number or the letter of the right choice; or what marks each choice as right or wrong: choices.*.is_correct.
    answer: str = "answer"
    #: The number of the first choice. None: answers are letters.
    first: Literal[0, 1] | None = None
    #: Fields that the question is about.
    input: Fields = None
    system: str | None = None
    #: Fields that hold the thought that leads to the answer.
    reasoning: tuple[str, ...] = REASONING


class Template(Mapping):
    """A labelled set, made an instruction by a template. `{field}` becomes the text of a field.

    `labels` words the values of a field: labels.label."0" = "부정". A value that it lacks rejects the record.
    `items` words each object of a list, a line for each: items."body.dialogue" = "{speaker}: {utterance}".
    """

    kind: Literal["template"] = "template"
    instruction: Written
    input: str = ""
    output: str
    labels: dict[str, dict[str, Written]] = {}
    items: dict[str, str] = {}


Shape = Annotated[
    Columns
    | Conversation
    | Exchanges
    | TurnRecords
    | TurnFields
    | Tree
    | TreeRecords
    | Nodes
    | Delimited
    | Preference
    | Choice
    | Completions
    | Exported
    | Instances
    | Pairs
    | Articles
    | Questions
    | MultipleChoice
    | Template,
    Field(discriminator="kind"),
]
