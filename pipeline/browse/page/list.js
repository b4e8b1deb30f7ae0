// The list of rows that match, and their count, which comes a moment later.

import { ask } from "/api.js";
import { badge, byId, element, text } from "/dom.js";
import { number, word } from "/words.js";

export const rows = [];
let filters = {}, next = 0, total = 0, running = new AbortController(), counted = 0, whole = false;

export async function find(asked, choose) {
  running.abort();
  running = new AbortController();
  filters = asked;
  rows.length = 0;
  next = 0;
  counted = 0;
  whole = false;
  byId("rows").replaceChildren();
  byId("count").textContent = "";
  await more(choose);
  count(running.signal).catch(() => {});
}

// A page of rows: moments of searching until there are enough, or all rows are seen.
export async function more(choose, wanted = 50) {
  const signal = running.signal;
  byId("more").hidden = true;
  const enough = rows.length + wanted;
  while (next !== null && rows.length < enough) {
    const page = await ask("rows", { ...filters, start: next, limit: enough - rows.length }, signal);
    next = page.next;
    total = page.total;
    for (const row of page.rows) {
      rows.push(row);
      byId("rows").append(line(row, rows.length - 1, choose));
    }
    byId("progress").textContent = next === null || rows.length >= enough ? "" : word("searched")(number(next), number(total));
    writeCount();
  }
  byId("more").hidden = next === null;
}

async function count(signal) {
  let start = 0;
  while (start !== null) {
    const found = await ask("count", { ...filters, start }, signal);
    counted += found.matches;
    start = found.next;
    whole = start === null;
    writeCount();
  }
}

export function writeCount() {
  const most = Math.max(counted, rows.length);
  byId("count").textContent = whole && !most ? word("noRows") : whole && most === total ? word("every")(number(total)) : word(whole ? "matching" : "atLeast")(number(most), number(total));
}

function line(row, at, choose) {
  const marks = row.sequence ? [badge(word("sequence")(number(row.sequence + 1)))] : [];
  if (row.reject_reason) marks.push(badge(row.reject_reason, "bad"));
  for (const flag of row.flags || []) marks.push(badge(flag, "flag"));
  const wanted = (filters.text || "").trim();
  const button = element("button", { type: "button", id: `row-${at}`, onclick: () => choose(at) },
    element("span", { class: "line", dir: "auto" }, text(row.instruction || row.raw || "", wanted)),
    element("span", { class: "line quiet", dir: "auto" }, text([row.input, row.output].filter(Boolean).join(" → "), wanted)),
    element("span", { class: "line small" }, element("span", { class: "verdict-mark" }), element("span", { class: "quiet" }, text(row.origin)), " ", ...marks));
  const item = element("li", {}, button);
  mark(item, row.verdict);
  return item;
}

export function mark(item, verdict) {
  const place = item.querySelector(".verdict-mark");
  place.replaceChildren(...(verdict ? [badge(word("was")[verdict], verdict), " "] : []));
}
