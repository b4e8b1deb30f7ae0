"""A model for tests: what it writes, sound and unsound, follows from the prompt and the seed of the request."""

from collections.abc import Iterator, Sequence
from random import Random

from schemas.self_instruct import Answer, Instance, Request, Sampling, Task

TOPICS = (
    "김장",
    "전세",
    "계약",
    "지하철",
    "예절",
    "등산",
    "준비물",
    "추석",
    "인사",
    "택배",
    "반품",
    "면접",
    "수면",
    "습관",
    "독서",
    "모임",
    "산책",
)
ACTIONS = (
    "처음 배우는 사람에게 쉽게 설명하는 글을 쓰세요.",
    "주의할 점을 세 가지 알려 주세요.",
    "재미있는 표어를 하나 지어 보세요.",
    "쓴 문장이 긍정인지 부정인지 분류하세요.",
    "장단점을 비교해서 정리해 줘.",
    "알맞은 인사말을 공손하게 써 주세요.",
)
BAD = (
    "그림을 그려 주세요",
    "짧다",
    "- 목록처럼 시작하는 지시문입니다.",
    "Write a long poem about the sea, please.",
    "두 수의 평균을 구하는 프로그램을 작성하세요.",
)
SEEDS = [
    Task(
        id=f"seed_task_{number:03}",
        instruction=instruction,
        instances=(Instance(input=given, output=output),),
        is_classification=is_classification,
    )
    for number, (instruction, given, output, is_classification) in enumerate(
        [
            (
                "다음 글을 한 문장으로 요약하세요.",
                "어제 서울에 첫눈이 내렸다. 길이 많이 막혔다.",
                "첫눈으로 서울 길이 막혔다.",
                False,
            ),
            ("영화평이 긍정인지 부정인지 고르세요.", "배우들의 연기가 훌륭하다.", "긍정", True),
            ("봄을 주제로 짧은 시를 지어 줘.", "", "꽃잎 하나 바람에 앉아\n봄이 왔다고 속삭인다", False),
            ("문장을 높임말로 바꿔 쓰세요.", "밥 먹었어?", "진지 드셨어요?", False),
            ("주어진 낱말의 뜻을 풀이하세요.", "새침데기", "쌀쌀맞게 시치미를 떼는 사람", False),
            ("질문이 어느 과목에 속하는지 답하세요.", "피타고라스 정리는 무엇인가요?", "수학", True),
            ("냉장고 속 재료로 만들 요리를 추천해 주세요.", "두부, 대파, 김치", "두부김치찌개를 추천합니다.", False),
            ("회의 날짜를 옮기자는 전자우편을 쓰세요.", "", "안녕하세요. 회의를 하루 미뤄도 될까요?", False),
        ]
    )
]
SENTENCES = "주말마다 한강에서 자전거를 탄다.\n\n할머니의 된장찌개가 그립다.\n회사까지 한 시간 반이 걸린다.\n"


class Model:
    """A generator that counts what it is asked. As padding does, a batch leaves its trace in each of its answers."""

    def __init__(self, batch: int = 1) -> None:
        self.name = "scripted"
        self.batch = batch
        self.asked = 0

    def answers(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[Answer]:
        for start in range(0, len(requests), self.batch):
            group = requests[start : start + self.batch]
            self.asked += len(group)
            padded = max(len(request.prompt) for request in group)
            yield from [answer(request).model_copy(update={"prompt_tokens": padded}) for request in group]


def answer(request: Request) -> Answer:
    random = Random(request.seed)
    text = write(request.prompt, random)
    finish = "length" if random.random() < 0.1 else "stop"
    return Answer(text=text, finish=finish, prompt_tokens=len(request.prompt), completion_tokens=len(text))


def write(prompt: str, random: Random) -> str:
    if prompt.startswith("언어 모델을 가르칠"):
        items = [random.choice(BAD) if random.random() < 0.2 else instruction(random) for _ in range(8)]
        return " " + "\n".join([items[0], *(f"{number}. {item}" for number, item in enumerate(items[1:], 10))])
    if prompt.startswith("다음 과제가 분류"):
        return " 예" if "분류하세요" in prompt.rsplit("과제:", 1)[1] else " 아니요"
    if prompt.startswith("마지막 과제의 예시"):
        return examples(prompt, random)
    if prompt.startswith("아래의 주어진 지시문"):
        given = prompt.split("주어진 지시문:\n")[1].rsplit("\n\n", 1)[0]
        extra = instruction(random)
        harder = [f"{given} {extra}"] * 4
        return random.choice([*harder, given, f"{instruction(random)} 그리고 {extra}", f"고친 지시문: {extra}"])
    if prompt.startswith("두 지시문이"):
        return random.choice(["다름", "다름", "다름", "같음"])
    if prompt.startswith("다음 문장을"):
        sentence = prompt.split("문장: ")[1].split("\n")[0]
        return random.choice([instruction(random), "“" + instruction(random) + "”", "음", sentence])
    return random.choice(
        ["죄송하지만 저는 도와드릴 수 없습니다.", "", *[f"차근차근 답해 보겠습니다. {random.random()}"] * 8]
    )


def instruction(random: Random) -> str:
    """Two topics, a name of random syllables, something to do: often new, and sometimes like another."""
    name = "".join(chr(random.randrange(0xAC00, 0xD7A4)) for _ in range(random.choice([2, 8])))
    return f"{random.choice(TOPICS)}와 {name} {random.choice(TOPICS)}에 대해 {random.choice(ACTIONS)}"


def examples(prompt: str, random: Random) -> str:
    output_first = "먼저 가능한 답" in prompt
    parts = []
    for number in range(1, random.randint(1, 4)):
        given, output = f"입력: 글 {random.randint(1, 4)}\n", f"출력: {random.choice(['긍정', '부정', ''])}\n"
        head = "" if number == 1 else f"예시 {number}\n"
        parts.append(head + (output + given if output_first else given + output))
    return "".join(parts) or "글쎄요, 어떻게 할까요?"
