// Verdicts on the record that is shown: the buttons, the note, and the texts of a fix.

import { send } from "/api.js";
import { badge, block, byId, element, text } from "/dom.js";
import { word } from "/words.js";

// The verdict on these texts of the record, if there is one.
export const current = row => row.verdicts.find(one => one.digest === row.digest);

export function panel(row, judge) {
  const now = current(row);
  const button = (name, key) => {
    const can = row.can[name];
    return element("button", {
      type: "button", class: name, "aria-pressed": String(now?.verdict === name), "aria-keyshortcuts": key,
      disabled: !can, title: can ? null : word("cannot"), onclick: () => (name === "fix" ? openFix(row, judge) : judge(name)),
    }, word(name), element("kbd", { "aria-hidden": "true" }, key));
  };
  const note = element("input", { id: "note", autocomplete: "off", maxlength: "2000" });
  note.value = now?.note || "";
  return element("div", { class: "verdict" },
    element("div", { class: "bar" }, button("keep", "a"), button("drop", "d"), button("fix", "f"),
      element("button", { type: "button", disabled: !now, "aria-keyshortcuts": "u", onclick: () => judge("none") },
        word("back"), element("kbd", { "aria-hidden": "true" }, "u")),
      element("label", { class: "wide" }, word("note"), note)),
    now ? element("p", { class: "now" }, `${word("now")}: `, badge(word("was")[now.verdict], now.verdict), " ", text(now.note)) : null,
    element("div", { id: "fix" }),
    ...row.verdicts.filter(one => one.digest !== row.digest).map(one => earlier(row, one, judge)));
}

function earlier(row, one, judge) {
  const texts = Object.entries(one.texts).map(([place, value]) => block(`${place}: ${value}`));
  return element("details", { class: "earlier" },
    element("summary", {}, `${word("earlier")}: `, badge(word("was")[one.verdict], one.verdict), " ", text(one.note)),
    ...texts,
    element("button", { type: "button", onclick: () => judge("none", {}, one.digest) }, word("back")));
}

export function openFix(row, judge) {
  if (!row.can.fix) return;
  const before = { ...row.fixable, ...(current(row)?.texts || {}) };
  const fields = Object.entries(before).map(([place, value]) => {
    const field = element("textarea", { rows: String(Math.min(12, 1 + Math.ceil(value.length / 60) + value.split("\n").length)), "data-place": place, dir: "auto", spellcheck: "false" });
    field.value = value;
    return field;
  });
  const save = () => {
    const changed = fields.filter(field => field.value !== row.fixable[field.dataset.place]);
    if (!changed.length) byId("status").textContent = word("unsaved");
    else judge("fix", Object.fromEntries(changed.map(field => [field.dataset.place, field.value])));
  };
  const form = element("form", {
    onsubmit: event => { event.preventDefault(); save(); },
    onkeydown: event => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); save(); } },
  },
    ...fields.map(field => element("label", { class: "stacked" }, field.dataset.place, field)),
    element("div", { class: "bar" },
      element("button", { type: "submit" }, word("save"), element("kbd", { "aria-hidden": "true" }, "Ctrl ⏎")),
      element("button", { type: "button", onclick: () => byId("fix").replaceChildren() }, word("cancel"))));
  byId("fix").replaceChildren(form);
  (fields.find(field => field.dataset.place === "output") || fields[0]).focus();
}

export const give = (row, verdict, texts, digest) => send({
  part: row.part, row: row.row, digest: digest || row.digest, verdict, texts,
  note: verdict === "none" ? "" : byId("note").value.trim(),
});
