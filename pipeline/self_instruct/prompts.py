"""The prompts, in Korean. They end where the answer begins, so that a model that only continues text follows them too.

After Self-Instruct (Wang et al. 2022, arXiv 2212.10560, appendix A) and Evol-Instruct (Xu et al. 2023, arXiv
2304.12244, appendix A to E); the wording is this project's own.
"""

from collections.abc import Callable, Sequence

from schemas.self_instruct import Instance, Task

TASK, EXAMPLE, INPUT, OUTPUT = "과제", "예시", "입력", "출력"
GIVEN, EVOLVED, CREATED = "주어진 지시문", "고친 지시문", "새 지시문"


def flat(text: str) -> str:
    """A text on one line."""
    return " ".join(text.split())


# --- Self-Instruct ---------------------------------------------------------------------------------------------------


def new_tasks(instructions: Sequence[str], count: int) -> str:
    """Go on with a numbered list of instructions."""
    first = len(instructions) + 1
    last = first + count - 1
    numbers = f"{first}번부터 {last}번까지" if count > 1 else f"{first}번에"
    listed = "".join(f"{number}. {flat(text)}\n" for number, text in enumerate(instructions, 1))
    return (
        f"언어 모델을 가르칠 과제를 모으고 있습니다. 아래 목록에 이어 {numbers} 새로운 과제를 한국어로 쓰세요.\n"
        "- 질문, 글쓰기, 고쳐 쓰기, 요약, 분류, 추론, 계산, 코드 등 과제의 종류와 소재를 다양하게 하고, "
        "목록에 있는 과제를 되풀이하지 마세요.\n"
        "- 글만 읽고 쓸 수 있는 모델이 해낼 수 있는 과제여야 합니다.\n"
        "- 한 줄에 하나씩, 번호와 과제만 쓰세요.\n\n"
        f"과제 목록:\n{listed}{first}."
    )


def is_classification(instruction: str, examples: Sequence[Task]) -> str:
    """Is the output of this task one of a few labels?"""
    shown = "".join(
        f"{TASK}: {flat(task.instruction)}\n분류 과제인가요? {'예' if task.is_classification else '아니요'}\n\n"
        for task in examples
    )
    return (
        "다음 과제가 분류 과제인지 판단하세요. 분류 과제는 미리 정해진 몇 가지 답 가운데 하나를 고르는 과제입니다. "
        "‘예’ 또는 ‘아니요’로만 답하세요.\n\n"
        f"{shown}{TASK}: {flat(instruction)}\n분류 과제인가요?"
    )


def instances(instruction: str, examples: Sequence[Task], count: int) -> str:
    """Input first, then its output: for tasks that ask to write something. Without an input where none is needed."""
    shown = "".join(f"{TASK}: {flat(task.instruction)}\n{_examples(task, input_first)}\n" for task in examples)
    return (
        f"마지막 과제의 예시를 앞의 과제들과 같은 형식으로 {count}개까지 쓰세요. 예시마다 다른 입력을 쓰고, 입력에는 "
        "‘여기에 글 넣기’ 같은 빈자리가 아니라 실제 내용을 적으세요. 입력이 필요 없는 과제는 예시를 하나만 만들어 "
        "출력만 쓰세요. 출력은 빠짐없이 끝까지 쓰세요.\n\n"
        f"{shown}{TASK}: {flat(instruction)}\n{EXAMPLE} 1\n"
    )


def labelled_instances(instruction: str, examples: Sequence[Task], count: int) -> str:
    """Output first, then an input that fits it: else a model writes inputs for one label only."""
    shown = "".join(f"{TASK}: {flat(task.instruction)}\n{_examples(task, output_first)}\n" for task in examples)
    return (
        f"마지막 과제의 예시를 앞의 과제들과 같은 형식으로 {count}개까지 쓰세요. 먼저 가능한 답 하나를 출력에 적고, "
        "그 답이 나올 만한 입력을 지어 쓰세요. 예시마다 되도록 다른 답을 고르세요.\n\n"
        f"{shown}{TASK}: {flat(instruction)}\n{EXAMPLE} 1\n"
    )


def _examples(task: Task, order: Callable[[Instance], str]) -> str:
    return "".join(f"{EXAMPLE} {number}\n{order(instance)}" for number, instance in enumerate(task.instances, 1))


def input_first(instance: Instance) -> str:
    given = f"{INPUT}: {instance.input}\n" if instance.input else ""
    return f"{given}{OUTPUT}: {instance.output}\n"


def output_first(instance: Instance) -> str:
    given = f"{INPUT}: {instance.input}\n" if instance.input else ""
    return f"{OUTPUT}: {instance.output}\n{given}"


# --- Evol-Instruct ---------------------------------------------------------------------------------------------------

#: How an instruction is made harder, by name: in-depth evolving.
DEEPENINGS = {
    "constraints": "지켜야 할 조건이나 요구 사항을 하나 더 넣습니다.",
    "deepen": "어떤 문제를 묻는 지시문이라면, 더 깊고 넓게 묻습니다.",
    "concretise": "일반적인 개념을 더 구체적인 개념으로 바꿉니다.",
    "reasoning": "조금만 생각하면 풀리는 지시문이라면, 여러 단계의 추론을 분명하게 요구합니다.",
    "complicate-input": "표, 코드, JSON, 수식, 긴 글 같은 자료를 지시문 안에 실제로 적어 넣고 그것을 다루게 합니다.",
}
#: In-breadth evolving.
WIDEN = "widen"
EVOLUTIONS = (*DEEPENINGS, WIDEN)


def evolve(instruction: str, how: str) -> str:
    """Make an instruction harder by one of DEEPENINGS, or make a rarer one of the same field (WIDEN)."""
    if how == WIDEN:
        wanted = CREATED
        task = (
            f"아래의 {GIVEN}에서 착상을 얻어 전혀 다른 지시문을 하나 만드세요.\n"
            f"- {GIVEN}과 같은 분야에 속하되, 더 드물게 볼 수 있는 것이어야 합니다.\n"
            f"- 길이와 난도는 {GIVEN}과 비슷해야 합니다.\n"
        )
    else:
        wanted = EVOLVED
        task = (
            f"아래의 {GIVEN}을 언어 모델이 답하기에 조금 더 어려운 지시문으로 고쳐 쓰세요.\n"
            f"- 방법: {DEEPENINGS[how]}\n"
            f"- {GIVEN}에 들어 있는 표, 코드, 입력 자료는 빠뜨리지 마세요.\n"
            "- 장황하게 늘이지 말고 10~20어절만 덧붙이세요. 새로 넣는 자료는 이 길이에 치지 않습니다.\n"
        )
    return (
        f"{task}- 사람이 이해하고 답할 수 있는, 이치에 맞는 지시문이어야 합니다.\n"
        f"- 지시문만 쓰고, ‘{GIVEN}’이나 ‘{wanted}’이라는 말은 넣지 마세요.\n\n"
        f"{GIVEN}:\n{instruction}\n\n{wanted}:\n"
    )


def is_same(instruction: str, other: str) -> str:
    """Do two instructions ask for the same? If so, evolving has gained nothing."""
    return (
        "두 지시문이 같은 것인지 판단하세요. 다음 두 가지가 모두 같을 때만 같은 지시문입니다.\n"
        "1. 지켜야 할 조건과 요구 사항\n2. 묻는 내용의 깊이와 폭\n‘같음’ 또는 ‘다름’으로만 답하세요.\n\n"
        f"첫째 지시문:\n{instruction}\n\n둘째 지시문:\n{other}\n\n판단:"
    )


# --- the short form --------------------------------------------------------------------------------------------------


def from_sentence(sentence: str) -> str:
    """An instruction that has to do with a sentence."""
    return (
        "다음 문장을 소재로 삼아, 언어 모델에게 시킬 만한 지시문을 한국어로 하나 만드세요. 지시문만 읽고도 무엇을 "
        "해야 하는지 알 수 있어야 합니다. 지시문만 한 줄로 쓰세요.\n\n"
        f"문장: {flat(sentence)}\n지시문:"
    )


def answer(instruction: str) -> str:
    """The answer to an instruction."""
    return f"다음 지시에 따라 답하세요.\n\n지시: {instruction}\n\n답:"
