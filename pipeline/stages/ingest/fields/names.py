"""The names by which public sets call what a field holds, case-folded, the plainest first."""

import functools
import re
from collections.abc import Sequence

from pipeline.stages.ingest.fields.paths import Record
from schemas.shapes import LEARN, REASONING

#: What is to be done, and what is asked. Where a record has one of each, the question is what the instruction is about.
DIRECTIVES = ("instruction", "지시문", "지시", "지시사항", "명령어", "명령", "명령문", "요청", "요청사항", "prompt")
ASKED = (
    *("question", "query", "q", "problem", "질문", "질의", "문제", "문항"),
    *("질문내용", "질문 내용", "문의내용", "문의 내용", "민원내용", "민원 내용", "고객문의"),
)
INSTRUCTION = DIRECTIVES + ASKED
#: What a task is about. The first ones may hold the question itself, where no other field does.
INPUT = ("input", "context", "입력", "문맥", "지문")
CONTEXT = (
    *INPUT,
    *("passage", "paragraph", "document", "article", "story", "background", "contexts", "passages", "documents"),
    *("본문", "맥락", "자료", "제시문", "기사", "문서", "단락", "예문"),
    *("table", "search_results", "search_result", "retrieved_documents", "retrieved_docs", "retrieved_passages"),
    *("retrieved_contexts", "positive_passages", "gold_passages", "ctxs", "표", "표자료", "검색결과", "검색 결과"),
    *("근거문서", "근거 문서", "참고문서", "참고 문서", "참고자료", "참고 자료", "관련문서", "관련 문서"),
)
#: The text of a document, above the questions about it.
BODY = (
    *("content", "text", "body", "contents", "full_text", "passage_text", "article_text", "document_text"),
    *("내용", "원문", "본문내용", "본문 내용", "기사내용", "기사 내용", "글", "전문", "텍스트", "글내용"),
)
#: What a document says of its records as a whole.
DESCRIPTIONS = (
    *("description", "desc", "info", "information", "about", "summary_of_dataset", "comment", "comments", "notice"),
    *("message", "msg", "status", "error", "readme", "usage", "history_of_changes", "changelog", "header"),
    *("설명", "데이터설명", "데이터 설명", "안내", "정보", "데이터정보", "데이터 정보", "변경이력"),
)
#: What people said, where a question is about it.
DIALOGUES = (
    *("dialogue", "dialog", "dialogues", "conversation", "conversations", "utterances", "utterance", "script"),
    *("대화", "대화문", "대화내용", "대화 내용", "발화", "발화목록", "대본", "통화내용"),
)
#: Answers to choose from: in one field, or each in a field of its own.
CHOICES = (
    *("choices", "options", "choice", "option", "endings", "alternatives", "answer_choices"),
    *("보기", "선택지", "선지", "답지"),
)
NUMBERED_CHOICE = re.compile(
    r"(?:choice|option|opt|op|alternative|ending|sol|보기|선택지|선지|답지)[ _#.]?(?:\d|[a-e])|[①-⑤]", re.IGNORECASE
)
#: The number, or the letter, of the right one.
INDEX = re.compile(
    r"(?:correct|answer|gold|right|ans)(?:[ _]?(?:answer|option|choice))?[ _]?(?:index|idx|number|num|no|position)"
    r"|correct(?:[ _]?(?:option|choice))?|gold|cop|정답[ _]?(?:번호|인덱스|순번)",
    re.IGNORECASE,
)
#: Whether an answer, or an answer to choose from, is the right one.
RIGHT = (
    *("is_correct", "iscorrect", "correct", "is_right", "is_answer", "is_true", "correctness", "answer_correct"),
    *("정답여부", "정답 여부", "정오", "정답유무", "정오답"),
)
#: Lists in a document whose records its source took out, or holds for wrong.
TAKEN_OUT = (
    *("deleted", "rejected", "removed", "discarded", "excluded", "invalid", "wrong", "incorrect", "bad", "trash"),
    *("삭제", "삭제됨", "제외", "반려", "폐기", "탈락", "오답", "불합격", "부적합", "삭제목록", "삭제 목록"),
)
LETTERS = ("A", "B", "C", "D", "E")
#: Fields of several texts that a task is about.
LISTS = (
    *("contexts", "passages", "documents", "table", "search_results", "retrieved_documents", "positive_passages"),
    *("ctxs", "표", "검색결과", "근거문서"),
)
OUTPUT = (
    "output",
    "response",
    "answer",
    "completion",
    "a",
    "출력",
    "응답",
    "답변",
    "대답",
    "정답",
    "답변내용",
    "답변 내용",
)
#: Who asks and who answers, where their fields are named so and no other one is a question or an answer.
ASKING = ("user", "human", "usr", "user_message", "user_input", "사용자", "유저", "고객", "질문자")
ANSWERING = (
    *("assistant", "bot", "gpt", "chatgpt", "chatbot", "chip2", "assistant_message", "bot_message"),
    *("챗봇", "어시스턴트", "상담사", "상담원", "답변자"),
)
#: What is asked, where no other field is a question and one is an answer.
INQUIRY = ("문의", "문의사항", "민원", "상담내용")
#: Where no other field is an answer.
ANSWER_KEYS = ("answerkey", "answer_key", "correct_answer", "solution", "회신내용", "상담사답변")
SYSTEM = (
    *("system", "system_prompt", "systeminstruction", "system_instruction", "system_message", "sys_prompt"),
    *("시스템", "시스템_프롬프트", "시스템 프롬프트", "시스템프롬프트", "시스템 메시지", "시스템메시지"),
)
CHOSEN = ("chosen", "preferred_output", "preferred", "chosen_response", "response_chosen")
REJECTED = ("rejected", "non_preferred_output", "dispreferred", "rejected_response", "response_rejected")
#: Two answers by number, and the fields that hold the number of the better one.
TWO_ANSWERS = (("response_0", "response_1"), ("answer_0", "answer_1"), ("output_0", "output_1"))
BETTER = ("better_response_id", "safer_response_id", "preferred_response_id", "better_id", "preferred_id")
#: Other names of a field that says which of several answers people prefer.
JUDGED = ("winner", "preference", "better", "choice", "선호", "선택", "더나은답변")
#: Names of a text that says who speaks, in what situation, and what is to be done.
MORE = r"(?:[_ ]?(?:description|instruction|definition|prompt|text|details?|info|설명|정보))?[ _]?\d*"
PERSONA = re.compile(
    r"(?:.*[_ ])?(?:personas?|personality|characters?|profiles?|roles?|roleplay)"
    + MORE
    + r"|.*(?:페르소나|캐릭터|프로필|성격|역할|배역).*"
)
SITUATION = re.compile(r"(?:.*[_ ])?(?:situations?|scenarios?|scene|setting)" + MORE + r"|.*(?:상황|시나리오).*")
TASK = re.compile(
    r"(?:.*[_ ])?(?:tasks?|guidelines?|constraints?|rules?|requirements?|directives?|conditions?|goals?|instructions?)"
    + MORE
    + r"|.*(?:과제|작업|태스크|지침|조건|규칙|요구사항|유의사항|가이드라인|지시|목표).*"
)
#: Of a person who asks: what it says is no system prompt.
OF_USER = re.compile(r"(?:user|human|speaker|사용자|유저|고객|화자).*|.*\d")
#: Of completions with scores (UltraFeedback): the text and the score of each.
COMPLETIONS = ("completions",)
SCORES = ("overall_score", "score", "fine-grained_score", "rating")
RANKS = ("rank", "ranking", "순위", "등수")
#: What says whether an answer is a good one: in any record (LLaMA-Factory), beside a prompt and its completion (KTO).
TAGS, LABELS = ("kto_tag",), ("label",)
#: Names of what a text is to be sorted into.
CLASSES = (
    *(*LABELS, "gold_label", "labels", "class", "class_label", "sentiment", "emotion"),
    *("감정", "감성", "라벨", "레이블"),
)
#: Texts beside a prompt that are about the record.
ABOUT = ("id", "uuid", "source", "dataset", "category", "split", "url", "license")
#: Where a record comes from. None of this is a part of a task.
ORIGIN = (
    *(*ABOUT, "guid", "idx", "index", "no", "key", "src", "origin", "data_source", "link", "filename", "file", "path"),
    *("author", "publisher", "writer", "date", "time", "created_at", "updated_at", "timestamp", "version"),
    *("model", "model_name", "generator", "annotator", "lang", "language", "metadata", "meta"),
    *(
        "출처",
        "저자",
        "작성자",
        "글쓴이",
        "출판사",
        "날짜",
        "작성일",
        "등록일",
        "번호",
        "링크",
        "언어",
        "파일명",
        "라이선스",
    ),
)
#: What a record is about in a few words. It is a part of a task only where the task cannot be understood without it.
NOTES = (
    *("type", "task", "task_type", "task_name", "domain", "subject", "topic", "title", "tag", "tags", "keyword"),
    *("keywords", "level", "difficulty", "score", "rating", "label", "labels", "name", "template", "note", "genre"),
    *("intent", "intention", "task_category", "other_task_category", "quality_explanation", "의도"),
    *("분류", "범주", "유형", "주제", "제목", "키워드", "난이도", "태그", "과목", "도메인", "분야", "카테고리", "비고"),
)
#: What Magpie says about each question: notes where all of them are there.
MAGPIE = ("intent", "knowledge", "difficulty")
#: Names of measures, counters and ids, which no answer depends on.
MEASURE = re.compile(
    r".*(?:id|idx|index|seq|scores?|rewards?|ranks?|ratings?|len|length|count|num|n_.*|tokens?|votes?|likes?|views?|hits?|prob|loss|time|size)"
    r"|.*(?:번호|순번|점수|횟수|조회수|추천수|길이|개수|시간|일시)"
)
#: Whether the text of a question holds no answer to it, or one.
UNANSWERABLE = ("is_impossible", "unanswerable", "is_unanswerable", "impossible")
ANSWERABLE = ("answerable", "is_answerable", "has_answer")
#: What explains an answer: with it in the input, the answer would be given away.
EXPLANATIONS = (
    *(
        "explanation",
        "rationale",
        "solution",
        "exp",
        "reason",
        "풀이",
        "풀이과정",
        "풀이 과정",
        "해설",
        "해설지",
        "문제풀이",
        "정답해설",
    ),
    *("정답 해설", "답변근거", "근거"),
)
#: What shows that an answer is right: a part of the input, or what leads to the answer.
EVIDENCE = (
    *("facts", "evidence", "evidences", "supporting_facts", "supporting_evidence", "decomposition"),
    *("증거", "근거문장", "근거 문장"),
)
#: In what manner the answer is written: a few words, which the task needs where they differ.
MANNER = (
    *("style", "tone", "register", "formality", "speech_level", "target_style", "politeness"),
    *("target_lang", "tgt_lang", "target_language", "output_language"),
    *("말투", "문체", "어투", "어조", "스타일", "종결어미", "높임법", "목표언어", "목표 언어", "번역언어"),
)
#: What others say of an answer: with it in the input, the answer would be given away.
OPINIONS = (
    *("feedback", "critique", "critic", "judgement", "judgment", "evaluation", "assessment", "review_comment"),
    *("피드백", "첨삭", "첨삭내용", "평가", "평가내용", "평가의견", "총평", "심사평"),
)
#: What people and models remark on a record, and the questions that come after it: no part of a task.
REMARKS = re.compile(
    r"(?:judge|llm|model|quality|reviewer|annotator|worker|expert|score|rating|rejection|label|edit|admin)s?[_ ]?"
    r"(?:explanation|feedback|review|comment|reason|rationale|critique|note|memo|opinion|evaluation|history)s?"
    r"|(?:edit|revision|change)[_ ]?(?:history|log)|reviewer[_ ]?notes?"
    r"|(?:follow[_ ]?up|related|similar|suggested|recommended)[_ ]?(?:questions?|queries|prompts?)|follow[_ ]?ups"
    r"|(?:검수|검토|평가|심사|채점|수정|작업|라벨링|점수|관리자|변경|편집|반려)자?[_ ]?"
    r"(?:의견|코멘트|메모|사유|이유|이력|비고)"
    r"|(?:유사|관련|연관|후속|추천)[_ ]?(?:질문|질의|문의|문항)(?:들|목록|[_ ]목록)?"
)
#: Notes on a conversation as a whole, or on one of its turns.
OF_TALK = re.compile(
    r"(?:.*[_ ])?(?:summary|summaries|abstract|headline|title|comments?|remarks?|memo|notes?|reason)"
    r"|.*(?:요약|요약문|제목|의견|코멘트|메모|사유|이유|특이사항|비고)"
)
#: Names of an answer that is better than the one beside it, or the right one.
CORRECTION = re.compile(
    r"(?:gold(?:en)?|ground_?truth|ideal|references?|correct(?:ed)?|revised|fixed|edited|improved|better|best|expert|"
    r"human|expected|final|target|right)[_ ]?(?:answer|response|output|completion|reply)s?|ground_?truth"
    r"|(?:answer|response|output|completion)[_ ]?(?:corrected|revised|edited|fixed|gold)"
    r"|(?:모범|수정|교정|정정|개선|올바른|최종|정)[_ ]?(?:정?답|답안|답변|응답|대답)(?:문)?"
    r"|(?:답변|응답|대답)[_ ]?(?:수정|교정|수정본|교정본)"
)
#: What a model thought, in a name that says more than that.
THOUGHT = re.compile(r".*(?:reasoning|thinking|thought|추론|사고).*")
#: Fields that are not turns beside a question and its answer.
BESIDE = ("history", "steps", "tools", "tool_calls")
#: A list of turns names the speaker and the text of each by one of these.
ROLE_KEYS = (
    *("from", "role", "speaker", "speaker_id", "speakerid", "participantid", "participant_id"),
    *("speaker_type", "sender", "author", "화자", "발화자", "화자id", "발화자id", "발언자", "역할"),
)
TEXT_KEYS = (
    *("value", "content", "norm_text", "text", "utterance", "utterance_text", "message", "standard_form", "form"),
    *("sentence", "utter", "msg", "발화", "발화문", "발화내용", "대사", "내용", "문장", "메시지", "대화내용", "발언"),
)
SPEAKER = set(ROLE_KEYS)
#: A message of Gemini's has its texts in parts. (A message of ours has text and parts side by side nowhere.)
PARTS = "parts"
TURNS = ("conversations", "messages", "conversation", "dialogue", "dialog", "dialogs", "turns", "chat", "contents")
#: Fields that say to which conversation a turn belongs, and which count its turns.
GROUPS = (
    *("conversation_id", "conversationid", "conv_id", "dialogue_id", "dialog_id", "dialogueid", "dialogid"),
    *("session_id", "sessionid", "chat_id", "thread_id", "대화id", "대화_id", "대화 id", "대화번호", "대화셋일련번호"),
    *("대화일련번호", "세션id", "상담id", "상담번호"),
)
#: Other names of a field that says to which conversation a turn belongs.
GROUP = re.compile(r"(?:.*[_ ])?id|.*(?:dialog|convers|session|대화|세션|상담|통화|회의).*")
COUNTERS = (
    *(
        "turn",
        "turn_id",
        "turnid",
        "turn_index",
        "turn_no",
        "turn_number",
        "utterance_id",
        "utteranceid",
        "seq",
        "order",
    ),
    *("index", "idx", "순번", "순서", "턴", "턴번호", "발화번호", "발화순번", "문장번호"),
)
#: Fields of a message that need no text beside them.
CALLED = ("tool_calls", "function_call", "function_calls")
#: Fields that hold the tools that may be called.
TOOLS = ("tools", "functions", "available_tools")
#: What an instruction is called above its instances, or in the document around its records.
DEFINITIONS = ("definition", "task_definition", "task_instruction", "instructions")
QUESTIONS = ("questions", "instructions", "prompts", "turns")
ANSWERS = ("answers", "outputs", "responses")
#: Fields of several answers to one prompt.
SEVERAL = (
    *(*ANSWERS, *COMPLETIONS, "candidates", "generations", "samples", "replies", "references", "model_outputs"),
    *("reference_answers", "answer_list", "gold_answers", "choices", "답변들", "답변목록", "응답들", "후보답변"),
)
#: Names of an answer, also of one of several.
ANSWER = re.compile(
    r"(?:.*_)?(?:output|answer|response|completion|reply|target|result|feedback|attempt)s?[ _]?(?:\d+|[a-e])?(?:\..*)?"
    r"|.*(?:답변|응답|대답|정답|회신|회답|처리결과)\d*(?:\..*)?",
    re.IGNORECASE,
)
#: Other names that an answer has beside the prompt alone.
ALONE = re.compile(
    r"(?:.*_)?(?:gold|ground_?truth|ideal|reference|generated|generation|generated_text|label|assistant|bot|gpt"
    r"|sql|sql_query|solution|canonical_solution|program)"
    r"|.*(?:답안|모범답|어시스턴트|챗봇)",
    re.IGNORECASE,
)
#: Names of what is made of a text.
MADE = re.compile(r".*(?:summary|abstract|abstractive|translation|headline|title|요약|번역|제목|결과).*", re.IGNORECASE)
#: Fields that may hold a transcript beside other columns.
TRANSCRIPTS = ("text", "conversation", "dialogue", "transcript", "chat")


#: Names of fields beside turns that say more than a note about the record.
READ = {
    *(
        *INSTRUCTION,
        *CONTEXT,
        *CHOICES,
        *OUTPUT,
        *ANSWER_KEYS,
        *SYSTEM,
        *CHOSEN,
        *REJECTED,
        *BETTER,
        *COMPLETIONS,
        *TAGS,
        *LABELS,
        *RIGHT,
    ),
    *(*BESIDE, *TURNS, *TOOLS, *DEFINITIONS, *QUESTIONS, *ANSWERS, *TRANSCRIPTS, *LEARN, *REASONING, "split"),
    *(name for names in TWO_ANSWERS for name in names),
    *(letter.casefold() for letter in LETTERS),
}


def is_read(name: str) -> bool:
    """Whether a field of this name beside turns is read as more than a note about the record."""
    plain = name.strip().casefold()
    return plain in READ or NUMBERED_CHOICE.fullmatch(plain) is not None


def leaf(path: str) -> str:
    """The name at the end of a path, as names are compared."""
    return path.rpartition(".")[2].strip().casefold()


def is_index(name: str) -> bool:
    """Whether a field of this name holds the number or the letter of the right choice."""
    return INDEX.fullmatch(name.strip()) is not None


def explains(name: str) -> bool:
    """Whether a field of this name explains the answer, or is the thought that leads to it."""
    plain = name.strip().casefold()
    return plain in EXPLANATIONS or THOUGHT.fullmatch(plain) is not None


def tells_the_task(name: str) -> bool:
    """Whether a field of this name may say what is to be done."""
    plain = name.strip().casefold()
    return TASK.fullmatch(plain) is not None or plain in INSTRUCTION


def sets_the_scene(name: str) -> bool:
    """Whether a field of this name may say who speaks, or in what situation."""
    plain = name.strip().casefold()
    return PERSONA.fullmatch(plain) is not None or SITUATION.fullmatch(plain) is not None


def corrects(name: str) -> bool:
    """Whether a field of this name beside an answer may hold a better one.

    >>> [corrects(name) for name in ("정답", "Gold_Answer", "수정답변", "답변자", "reference")]
    [True, True, True, False, False]
    """
    plain = name.strip().casefold()
    return plain in ("정답", *ANSWER_KEYS) or CORRECTION.fullmatch(plain) is not None


def may_answer(name: str) -> bool:
    """Whether a field of this name may hold the answer to a prompt that has none."""
    return ANSWER.fullmatch(name.strip()) is not None or ALONE.fullmatch(name.strip()) is not None


def named(record: Record, names: Sequence[str]) -> list[str]:
    """The record's keys that are among the names, in the order of the names.

    >>> named({"답변": "네.", "Question": "예?"}, ("question", "질문"))
    ['Question']
    """
    return list(_named(tuple(record), tuple(names)))


def numbered_choices(record: Record) -> tuple[str, ...]:
    """The record's keys that are answers to choose from, each in a field of its own: option1, 보기 2.

    >>> numbered_choices({"보기 1": "서울", "보기 2": "부산", "보기": ""})
    ('보기 1', '보기 2')
    """
    return _numbered_choices(tuple(record))


# Most records of a file have the same keys.
@functools.lru_cache(4096)
def _named(keys: tuple[str, ...], names: tuple[str, ...]) -> tuple[str, ...]:
    folded = {key.strip().casefold(): key for key in reversed(keys)}
    return tuple(folded[name] for name in names if name in folded)


@functools.lru_cache(4096)
def _numbered_choices(keys: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(key for key in keys if NUMBERED_CHOICE.fullmatch(key.strip()))
