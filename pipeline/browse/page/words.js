// The words of the page in Korean and English.

const WORDS = {
  en: {
    rows: "Rows", source: "Source", flag: "Flag", reason: "Reason", verdict: "Verdict", text: "Search", where: "Condition",
    find: "Find", clear: "Clear", more: "More rows", nothing: "Choose a row. Press ? for the keys.",
    all: "all", any: "any flag", kept: "kept", rejected: "rejected",
    "judged-": "all", "judged-yes": "has a verdict", "judged-no": "no verdict yet",
    keep: "Keep", drop: "Drop", fix: "Fix", back: "Take back", note: "Note", save: "Save", cancel: "Cancel",
    matching: (n, total) => `${n} of ${total} ${total === "1" ? "row" : "rows"}`, atLeast: (n, total) => `at least ${n} of ${total} rows`,
    every: n => (n === "1" ? "1 row" : `${n} rows`), searched: (n, total) => `searched ${n} of ${total} rows`, noRows: "No row matches.",
    conversation: "Conversation", tokens: "Tokens", about: "Details",
    system: "system", user: "user", assistant: "assistant", tool: "tool", tools: "tools", thought: "thought",
    call: "call", chosen: "better answer", worse: "worse answer", raw: "record that could not be read",
    "not-learned": "not learned", goodAnswer: "good answer", badAnswer: "bad answer",
    learned: (n, all) => `${all} tokens, ${n} learned`, sequence: n => `sequence ${n}`, legend: "Learned tokens are green, special tokens purple.",
    rejectedBy: "Rejected", was: { keep: "kept", drop: "dropped", fix: "fixed" },
    now: "Verdict", earlier: "Verdict on other texts of this record", done: "Saved: ", taken: "Taken back",
    cannot: "can do nothing to this row", unsaved: "Change a text first.",
    keys: "Keys", saved: "Verdicts are saved in", named: "The next build obeys them if a source names the file:",
    close: "Close", given: n => (n === "1" ? "1 verdict" : `${n} verdicts`), switch: "한국어", theme: "Dark or light", help: "Keys",
    gone: "The program has ended: start ko-instruct browse again.", token: "Open the address that ko-instruct browse has printed.",
    list: "Back to the rows",
    keyList: [["j / k", "next, previous row"], ["a", "keep"], ["d", "drop"], ["f", "fix"], ["u", "take the verdict back"],
      ["n", "note"], ["t", "tokens or conversation"], ["/", "search"], ["c", "condition"], ["Esc", "leave a field"], ["?", "these keys"]],
  },
  ko: {
    rows: "행", source: "출처", flag: "플래그", reason: "이유", verdict: "판정", text: "검색", where: "조건식",
    find: "찾기", clear: "초기화", more: "더 보기", nothing: "행을 고르세요. ? 키를 누르면 단축키가 나옵니다.",
    all: "전체", any: "플래그 있음", kept: "남은 행", rejected: "제외된 행",
    "judged-": "전체", "judged-yes": "판정함", "judged-no": "아직 판정 안 함",
    keep: "유지", drop: "제외", fix: "수정", back: "취소", note: "메모", save: "저장", cancel: "닫기",
    matching: (n, total) => `${total}행 중 ${n}행`, atLeast: (n, total) => `${total}행 중 ${n}행 이상`,
    every: n => `${n}행`, searched: (n, total) => `${total}행 중 ${n}행을 찾아봄`, noRows: "맞는 행이 없습니다.",
    conversation: "대화", tokens: "토큰", about: "자세히",
    system: "시스템", user: "사용자", assistant: "어시스턴트", tool: "도구", tools: "도구 목록", thought: "생각",
    call: "호출", chosen: "더 나은 답", worse: "더 나쁜 답", raw: "읽지 못한 레코드",
    "not-learned": "학습 안 함", goodAnswer: "좋은 답", badAnswer: "나쁜 답",
    learned: (n, all) => `토큰 ${all}개, 학습 ${n}개`, sequence: n => `시퀀스 ${n}`, legend: "학습하는 토큰은 초록색, 특수 토큰은 보라색입니다.",
    rejectedBy: "제외됨", was: { keep: "유지", drop: "제외", fix: "수정" },
    now: "판정", earlier: "이 레코드의 다른 텍스트에 대한 판정", done: "저장했습니다: ", taken: "판정을 취소했습니다",
    cannot: "이 행에는 쓸 수 없습니다", unsaved: "먼저 텍스트를 고치세요.",
    keys: "단축키", saved: "판정이 저장되는 파일", named: "출처에 이 파일을 적어 두면 다음 빌드에 반영됩니다.",
    close: "닫기", given: n => `판정 ${n}건`, switch: "English", theme: "어둡게/밝게", help: "단축키",
    gone: "프로그램이 끝났습니다. ko-instruct browse를 다시 실행하세요.", token: "ko-instruct browse가 출력한 주소로 여세요.",
    list: "목록으로",
    keyList: [["j / k", "다음, 이전 행"], ["a", "유지"], ["d", "제외"], ["f", "수정"], ["u", "판정 취소"],
      ["n", "메모"], ["t", "토큰/대화 전환"], ["/", "검색"], ["c", "조건식"], ["Esc", "입력란에서 나가기"], ["?", "이 도움말"]],
  },
};

let language = localStorage.getItem("language") || (navigator.language.startsWith("ko") ? "ko" : "en");

export const word = name => WORDS[language][name] ?? name;
export const languageNow = () => language;
export const number = value => value.toLocaleString(language);

export function switchLanguage() {
  language = language === "ko" ? "en" : "ko";
  localStorage.setItem("language", language);
}

export function writeWords() {
  document.documentElement.lang = language;
  for (const place of document.querySelectorAll("[data-word]")) place.textContent = word(place.dataset.word);
}
