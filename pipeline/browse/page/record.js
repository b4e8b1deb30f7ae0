// The record that is shown: its conversation, its tokens, its details.

import { badge, block, element, text } from "/dom.js";
import { number, word } from "/words.js";

export function conversation(row, wanted) {
  const made = [];
  if (row.raw) made.push(message("raw", row.raw, wanted));
  if (row.tools) made.push(element("div", { class: "message tool" }, folded(word("tools"), block(pretty(row.tools), wanted, "code"))));
  const paired = row.rejected !== null && row.rejected !== undefined;
  row.messages.forEach((one, at) => {
    if (!(paired && at === row.messages.length - 1)) made.push(turn(one, wanted));
  });
  if (paired) {
    const better = turn(row.messages[row.messages.length - 1], wanted, word("chosen"));
    made.push(element("div", { class: "pair" }, better, message("assistant", row.rejected, wanted, word("worse"), "worse")));
  }
  if (row.about.label !== undefined) made.push(element("p", {}, badge(word(row.about.label ? "goodAnswer" : "badAnswer"))));
  return made;
}

function turn(one, wanted, title) {
  const unlearned = one.weight === 0 ? [" ", badge(word("not-learned"))] : [];
  return element("article", { class: `message ${one.role}` },
    element("h3", {}, title || word(one.role), one.name ? text(` · ${one.name}`) : "", ...unlearned),
    one.reasoning_content ? folded(word("thought"), block(one.reasoning_content, wanted, "thought")) : null,
    one.content ? block(one.content, wanted) : null,
    ...one.tool_calls.map(call => element("div", {}, element("h4", {}, word("call")), block(call, wanted, "code"))));
}

function message(role, value, wanted, title = word(role), kind = role) {
  return element("article", { class: `message ${kind}` }, element("h3", {}, title), block(value, wanted));
}

const folded = (title, inside) => element("details", { open: true }, element("summary", {}, title), inside);

export function tokens(data) {
  const made = [element("p", { class: "quiet" }, word("legend"))];
  for (const one of data.sequences) {
    const title = [one.title, word("learned")(number(one.learned), number(one.tokens))].filter(Boolean).join(": ");
    const pieces = one.pieces.map(([piece, learned, special]) =>
      element("span", { class: `token${learned ? " learned" : ""}${special ? " special" : ""}` }, text(piece)));
    made.push(element("h3", {}, text(title)), element("div", { class: "text tokens", dir: "auto" }, ...pieces));
  }
  return made;
}

export function details(row) {
  const list = element("dl", { class: "details" });
  const add = (name, ...value) => list.append(element("dt", {}, name), element("dd", {}, ...value));
  for (const [name, value] of Object.entries({ ...row.marks, ...row.about })) {
    if (name === "evidence") add(name, ...value.map(one => block([one.flag, one.field, one.detail].filter(Boolean).join(" · "))));
    else add(name, text(Array.isArray(value) ? value.join(", ") : String(value)));
  }
  if (row.meta) add("meta", block(pretty(row.meta), "", "code"));
  return [list];
}

function pretty(json) {
  try {
    return JSON.stringify(JSON.parse(json), null, 1);
  } catch {
    return json;
  }
}

export function head(row) {
  const marks = [];
  if (row.marks.reject_stage) marks.push(badge(`${row.marks.reject_stage}: ${row.marks.reject_reason}`, "bad"));
  for (const flag of row.about.flags || []) marks.push(badge(flag, "flag"));
  for (const fix of row.about.fixes || []) marks.push(badge(fix));
  return element("div", { class: "head" },
    element("h2", { id: "origin" }, text(row.origin), " ", element("span", { class: "quiet" }, `${word(row.part)} ${number(row.row)}`)),
    element("p", {}, ...marks),
    row.marks.reject_detail ? element("p", {}, `${word("rejectedBy")}: `, text(row.marks.reject_detail)) : null);
}
