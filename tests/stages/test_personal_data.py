"""Personal data and secrets: what a case file cannot show, such as tokens, names in JSON and disguised forms."""

import base64
import itertools
import json
import random
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ko_instruct import find_personal_data
from pipeline.stages.screen import key_of, pii, screen
from pipeline.stages.screen.pii import KINDS, find_pii, kinds_of, mask_pii, scan_of, secrets
from schemas.options import ScreenOptions
from tests.support.growth import is_linear
from tests.support.paths import CASES
from tests.support.tables import message, table_of

ALL = tuple(kind.name for kind in KINDS)
DISGUISED = kinds_of(disguised=True)


def values(text: str, name: str, kinds: Any = KINDS) -> list[str]:
    return [text[start:end] for kind, start, end in find_pii(text, kinds) if kind.name == name]


# Tokens are put together here: a search for leaked tokens would stop at whole ones in a file.
BODY = "Q7mZp2Kx9VtRb4LdWn8sYc3JhFg6Tu"
HEADER = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').decode().rstrip("=")
TOKENS = [
    f"ghp_{BODY}{secrets.crc32_base62(BODY)}",
    f"npm_{BODY}{secrets.crc32_base62(BODY)}",
    "github_" + f"pat_{BODY[:22]}_{BODY}{BODY[:29]}",
    "AKIA" + "4RT7Q2ZLP6XW3MJD",
    "hf_" + "QkRzTnWpLdVbXcYmGjHsFaUeIoKqMnBvCx",
    "sk-" + "proj-9dK2mQ7xT4vB1nL8sR3pW6yZ5cF0hJgXaEuIoT3",
    "sk-" + "ant-api03-9dK2mQ7xT4vB1nL8sR3pW6yZ5cF0hJgXaEuIoT3",
    "xoxb" + "-2839104756-3847561029384-Zk4Qm8Tn2Vx7Lb1Rw5Ys9Pd3",
    "glpat-" + "Zk4Qm8Tn2Vx7Lb1Rw5Ys",
    "AIza" + "SyD4mQx2LpVz9RkWn4Yb8DcFj3HsGa6EuBo",
    "sk_live_" + "Zk4Qm8Tn2Vx7Lb1Rw5Ys9Pd3",
    f"{HEADER}.eyJzdWIiOiI0ODIxNzczMCJ9.k3Jx9QmZ7TnLpVb2Rw5Ys8Dd1Gf4Hc6Ua0Ei",
    "-----BEGIN RSA PRIVATE KEY-----\n"
    + "MIIEowIBAAKCAQEAzk3Qm8Tn2Vx7Lb1Rw5Ys9Pd3\n" * 3
    + "-----END RSA PRIVATE KEY-----",
]


@pytest.mark.parametrize("token", TOKENS, ids=lambda token: token[:8])
@pytest.mark.parametrize("text", ["{}", "토큰은 {}입니다.", '{{"a": "{}"}}', "A={} B", "Authorization: Bearer {}"])
def test_tokens(token: str, text: str) -> None:
    text = text.format(token)
    assert values(text, "secret") == [token]
    assert [found.kind for found in find_personal_data(text)] == ["secret"]
    assert pc.match_substring_regex(pa.array([text]), scan_of(KINDS))[0].as_py()
    assert token not in mask_pii(text)


@pytest.mark.parametrize(
    "text",
    [
        f"ghp_{BODY}000000 는 검사 값이 틀린 토큰",
        "ghp_" + "x" * 36,
        "AKIA" + "IOSFODNN7EXAMPLE",
        "sk-" + "1234567890abcdef1234567890abcdef1234",
        f"eyJhbGciO{'i' * 12}.{'a' * 20}.{'b' * 20}",
        "-----BEGIN PUBLIC KEY-----\nMIIEowIBAAKCAQEAzk3Qm8Tn2Vx7Lb1Rw5Ys9Pd3\n-----END PUBLIC KEY-----",
        "postgres://user:password@localhost:5432/app",
        "https://${USER}:${PASS}@a.kr",
        "password = getpass.getpass()",
    ],
)
def test_what_only_looks_like_a_token(text: str) -> None:
    assert values(text, "secret") == []


def test_a_token_with_a_wrong_sum_counts_where_a_name_says_what_it_is() -> None:
    token = f"ghp_{BODY}000000"
    assert values(f"GITHUB_TOKEN={token}", "secret") == [token]


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("연락은 공일공 일이삼사 오육칠팔로", "pii-phone", "공일공 일이삼사 오육칠팔"),
        ("공일공에 이삼사오에 육칠팔구", "pii-phone", "공일공에 이삼사오에 육칠팔구"),
        ("공일공 다시 4821 다시 7730", "pii-phone", "공일공 다시 4821 다시 7730"),
        ("010-48이일-773공", "pii-phone", "010-48이일-773공"),
        ("메일은 minji.park 골뱅이 naver 닷 com", "pii-email", "minji.park 골뱅이 naver 닷 com"),
        ("minji(at)daum.net으로", "pii-email", "minji(at)daum.net"),
        ("minji at gmail dot com", "pii-email", "minji at gmail dot com"),
        ("minji92 골뱅이 네이버", "pii-email", "minji92 골뱅이 네이버"),
    ],
)
def test_disguised_forms_by_option(text: str, name: str, value: str) -> None:
    assert values(text, name) == []
    assert values(text, name, DISGUISED) == [value]
    row = {"source": "가", "instruction": "물음", "output": text, "reject": None}
    plain, looked = (screen(table_of([row]), ScreenOptions(disguised=on)).to_pylist()[0] for on in (False, True))
    assert name not in plain["flags"]
    assert looked["flags"] == [name]
    masked = screen(table_of([row]), ScreenOptions(disguised=True, mask=(name,))).to_pylist()[0]
    assert masked["fixes"] == ["mask"]
    assert value not in masked["output"]


@pytest.mark.parametrize(
    "text",
    ["공일 이공 삼일", "일이삼사 오육칠팔", "See you at noon.", "골뱅이무침 만드는 법", "meet me at gmail", "a (at) b"],
)
def test_what_only_looks_disguised(text: str) -> None:
    assert find_pii(text, DISGUISED) == []


@pytest.mark.parametrize(
    ("key", "value", "name"),
    [
        ("accountNo", "1002738291045", "pii-account"),
        ("password", "Hn4!kd82mQz", "secret"),
        ("rrn", "910215-1293840", "pii-resident-number"),
        ("사업자번호", "6178239046", "pii-business-number"),
    ],
)
def test_the_name_of_a_value_in_json_says_what_it_is(key: str, value: str, name: str) -> None:
    """In `meta`, in arguments of tools, and in the `raw` of a rejected row."""
    data = json.dumps({"user": {key: value}}, ensure_ascii=False)
    call = json.dumps([{"function": {"name": "f", "arguments": {key: [value]}}}], ensure_ascii=False)
    steps = [message("assistant", content="", tool_calls=call), message("tool", content="네", name="f")]
    row = {"source": "가", "instruction": "물음", "output": "답", "meta": data, "tool_calls": call, "steps": steps}
    rejected = row | {"raw": data, "reject": "invalid-json"}
    table = table_of([row | {"reject": None}, rejected])
    found = screen(table).to_pylist()
    assert found[0]["flags"] == [name]
    masked = screen(table, ScreenOptions(mask=ALL)).to_pylist()
    assert value not in json.dumps(masked, ensure_ascii=False)
    assert [row["fixes"] for row in masked] == [["mask"], ["mask"]]
    assert json.loads(masked[1]["raw"])["user"].keys() == {key}


def test_key_of_a_field() -> None:
    assert key_of("meta.author.tel") == "tel"
    assert key_of("tool_calls[0].function.arguments.to[0][1]") == "to"
    assert key_of("output") == ""


TEXTS = st.lists(
    st.sampled_from([*TOKENS, "암호: ", "010", "-", "４", " ", "가", "서울 강남구 역삼동 ", "12", "형식", "="])
)


@given(TEXTS.map("".join))
@settings(max_examples=100, deadline=None)
def test_stretches_are_apart_and_masks_hold_nothing(text: str) -> None:
    found = find_pii(text, DISGUISED)
    assert all(0 <= start < end <= len(text) for _, start, end in found)
    assert all(end <= start for (_, _, end), (_, start, _) in itertools.pairwise(found))
    assert bool(found) <= pc.match_substring_regex(pa.array([text]), scan_of(DISGUISED))[0].as_py()


UNITS = [
    *(
        "0-",
        "010-",
        "010/1234/",
        "로 1",
        "1동 ",
        "로 1 (",
        "동 1-",
        "길 1길 ",
        "12가 ",
        "|1",
        "\t1",
        "1,",
        "은행 1",
        "계좌 1-",
    ),
    *(
        "password=",
        "비밀번호는 a",
        "://a:b",
        "a_",
        "token=aaaaaaaaaaaaaaaaaaaa",
        "eyJaaaaaaaa.",
        "sk-",
        "AKIA",
        "._-",
        '"a":',
    ),
    *(
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\naaaaaaaaaaaaaaaaaaaaaaaa",
        "카톡 id a.",
        "+1 2",
        "+1",
    ),
    *(
        "공일공 일이",
        "a 골뱅이 ",
        "a(at)b.",
        "https://a/?phone=",
        "?tel=1&",
        "1 형식",
        "a@",
        "a.",
        "Authorization: Bearer ",
    ),
]


@pytest.mark.parametrize("unit", UNITS, ids=repr)
def test_the_work_is_linear(unit: str) -> None:
    assert is_linear(lambda text: find_pii(text, DISGUISED), lambda length: "가" + unit * (length // len(unit)) + "x")


@pytest.mark.parametrize(
    "name",
    ["", "연락처: ", "전화번호 ", "국민은행 계좌 ", "주민등록번호 ", "사업자등록번호: ", "운전면허 ", "카드 ", "tel="],
)
def test_a_bare_number_of_fewer_than_nine_digits_is_of_no_kind(name: str) -> None:
    """What lets `NUMBER_SCAN` pass over ids."""
    for digits in range(1, 9):
        for number in ("0212345678"[:digits], "1588724300"[:digits], "9001011234"[:digits], "1234567890"[:digits]):
            assert find_pii(name + number) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("password=Hunter2Secret!", ["Hunter2Secret!"]),
        ("password=your_password1", []),
        ("password: secret123", []),
        ("값: hf_" + "NqVwYS81VP7Hb1DX8pPd5khxE3pyIgKpaU 입니다", ["hf_" + "NqVwYS81VP7Hb1DX8pPd5khxE3pyIgKpaU"]),
    ],
)
def test_a_secret_may_hold_the_name_of_one(text: str, found: list[str]) -> None:
    assert [text[start:end] for _, start, end in find_pii(text)] == found


@pytest.mark.parametrize("kinds", [KINDS, DISGUISED], ids=["kinds", "disguised"])
def test_a_long_text_is_searched_for_the_kinds_that_it_may_hold_with_the_same_result(
    kinds: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scan that picks the kinds is for long texts; on short ones it is tried here, where each kind is in one."""
    lines = (CASES / "screen_pii.jsonl").read_text("utf-8").splitlines()
    texts = [*TOKENS, *(text for line in lines for text in json.loads(line).values() if isinstance(text, str))]
    monkeypatch.setattr(pii, "LONG", 1 << 30)
    found = [find_pii(text, kinds) for text in texts]
    assert {kind.name for each in found for kind, _, _ in each} >= set(ALL) - {"pii-person-name"}
    monkeypatch.setattr(pii, "LONG", 0)
    assert [find_pii(text, kinds) for text in texts] == found


@pytest.mark.parametrize("seed", range(2))
def test_in_very_long_texts_the_same_is_found(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Far from one another, next to one another, and across the pieces into which such a text is cut."""
    lines = [json.loads(line)["text"] for line in (CASES / "screen_pii.jsonl").read_text("utf-8").splitlines()]
    rng = random.Random(seed)
    fillers = [rng.choice(" \n.") + "가나다 라마바사 " * rng.choice([0, 1, 100, 300, 600]) for _ in range(40)]
    text = "".join(rng.choice(lines) + filler for filler in fillers)
    in_pieces = find_pii(text, DISGUISED)
    monkeypatch.setattr(pii, "VERY_LONG", len(text) + 1)
    assert len(text) > 25_000
    assert in_pieces == find_pii(text, DISGUISED) != []
