"""Who speaks in a conversation: the roles, by the names that public sets give them."""

from collections.abc import Mapping

from pipeline.stages.ingest.faults import Fault
from schemas.shapes import Role

#: The roles, by the names that public sets give them (case-folded).
SPEAKERS: dict[Role, tuple[str, ...]] = {
    "system": ("system", "sys", "developer", "시스템"),
    "user": (
        *("user", "human", "usr", "prompter", "client", "customer", "patient", "person", "caller", "learner", "seeker"),
        *(
            "질문자",
            "사용자",
            "유저",
            "고객",
            "고객님",
            "손님",
            "환자",
            "내담자",
            "의뢰인",
            "민원인",
            "구매자",
            "학습자",
            "이용자",
        ),
    ),
    "assistant": (
        *("assistant", "gpt", "bot", "chatgpt", "bing", "bard", "model", "ai", "chatbot", "gemini", "claude"),
        *("doctor", "therapist", "counselor", "counsellor", "agent", "expert", "operator", "clerk", "staff", "helper"),
        *(
            "답변자",
            "응답자",
            "챗봇",
            "상담사",
            "상담원",
            "상담자",
            "의사",
            "전문가",
            "어시스턴트",
            "직원",
            "점원",
            "판매자",
            "안내원",
            "비서",
        ),
    ),
    "context": ("input", "context", "입력"),
    "tool": (
        *("tool", "function", "observation", "ipython", "environment", "도구"),
        *("tool_response", "tool_result", "tool_results", "tool_output", "tool response", "tool-response"),
        *("function_response", "function_result", "function_output", "function response", "function-response"),
    ),
    "call": ("function_call", "tool_call", "tool_calls", "function-call", "tool-call", "function call"),
}
ROLES: dict[str, Role] = {name: role for role, names in SPEAKERS.items() for name in names}
#: Where the role of an unknown name is declared.
WHERE_ROLES = (
    "name it in `roles` of the shape, as user, assistant, system, context, tool (a result of a tool) or call (a call "
    "of a tool)"
)


def known_role(name: str, roles: Mapping[str, Role]) -> Role | None:
    """The role of a name; None where it is not known."""
    return roles.get(name) or ROLES.get(name.strip().casefold())


def role_of(name: str, number: int, roles: Mapping[str, Role]) -> Role:
    """The role of a name in turn `number`. Raises Fault: unknown-role."""
    role = known_role(name, roles)
    if role is None:
        raise Fault("unknown-role", f"turn {number} has the unknown role {name!r}: {WHERE_ROLES}")
    return role
