// The page: filters, the row that is chosen, and keys.

import { ask } from "/api.js";
import { byId, element } from "/dom.js";
import { find, mark, more, rows, writeCount } from "/list.js";
import { conversation, details, head, tokens } from "/record.js";
import { current, give, openFix, panel } from "/verdicts.js";
import { languageNow, number, switchLanguage, word, writeWords } from "/words.js";

let about = null, at = -1, row = null, tab = "conversation";
const form = byId("filters");
const asked = () => Object.fromEntries([...new FormData(form)].filter(([, value]) => value.trim()));

function fault(error) {
  if (error?.name === "AbortError") return;
  byId("fault").textContent = error ? error.message : "";
  byId("fault").hidden = !error;
  form.elements.where.setAttribute("aria-invalid", String(Boolean(error && form.elements.where.value)));
}

const tried = action => async (...given) => {
  try {
    fault(null);
    await action(...given);
  } catch (error) {
    fault(error);
  }
};

const search = tried(async () => {
  at = -1;
  byId("of-reason").hidden = form.elements.part.value !== "rejected";
  try {
    await find(asked(), choose);
  } catch (error) {
    if (error.name !== "AbortError") leave();
    throw error;
  }
  if (rows.length && matchMedia("(min-width: 60rem)").matches) await choose(0, false);
  else leave();
});

function leave() {
  document.body.classList.remove("reading");
  row = null;
  byId("record").replaceChildren(element("p", { class: "quiet" }, word("nothing")));
}

const choose = tried(async (number, focus = true) => {
  if (number < 0) return;
  if (number >= rows.length - 5) more(choose).catch(fault);
  if (number >= rows.length) return;
  byId(`row-${at}`)?.removeAttribute("aria-current");
  at = number;
  const button = byId(`row-${at}`);
  button.setAttribute("aria-current", "true");
  if (focus) {
    button.focus({ preventScroll: true });
    document.body.classList.add("reading");
  }
  button.scrollIntoView({ block: "nearest" });
  const found = await ask("record", { part: rows[number].part, row: rows[number].row });
  if (number === at) {
    row = found;
    await show();
  }
});

async function show() {
  if (!row.has_tokens && tab === "tokens") tab = "conversation";
  const tabs = ["conversation", ...(row.has_tokens ? ["tokens"] : []), "about"].map(name =>
    element("button", { type: "button", "aria-pressed": String(tab === name), onclick: tried(() => { tab = name; return show(); }) }, word(name)));
  const shown = row;
  let inside;
  if (tab === "tokens") inside = tokens(await ask("tokens", { part: row.part, row: row.row }));
  else inside = tab === "about" ? details(row) : conversation(row, form.elements.text.value.trim());
  if (shown !== row) return;
  byId("record").replaceChildren(
    element("button", { type: "button", class: "back", onclick: leave }, `← ${word("list")}`),
    head(row), panel(row, judge), element("div", { class: "bar tabs" }, ...tabs), element("div", { class: "inside" }, ...inside));
  byId("record").scrollTop = 0;
}

const judge = tried(async (verdict, texts = {}, digest = undefined) => {
  if (!row || (verdict !== "none" && !row.can[verdict])) return;
  if (verdict === "none" && !digest && !current(row)) return;
  const before = at;
  row = await give(row, verdict, texts, digest);
  const last = row.verdicts[row.verdicts.length - 1];
  rows[before].verdict = current(row)?.verdict || last?.verdict;
  mark(byId(`row-${before}`).closest("li"), rows[before].verdict);
  about = await ask("about");
  writeAbout();
  byId("status").textContent = verdict === "none" ? word("taken") : word("done") + word("was")[verdict];
  if (verdict === "none" || before !== at || at + 1 >= rows.length) await show();
  else await choose(at + 1);
});

function options(name, pairs) {
  const select = form.elements[name], before = select.value;
  select.replaceChildren(...pairs.map(([value, label]) => element("option", { value }, label)));
  if (pairs.some(([value]) => value === before)) select.value = before;
}

function writeAbout() {
  const { rejected, ...splits } = about.parts;
  const kept = Object.values(splits).reduce((sum, rows) => sum + rows, 0);
  const counted = (name, rows) => `${word(name)} (${number(rows)})`;
  byId("name").textContent = about.title || about.name;
  document.title = `${about.name} · ko-instruct browse`;
  byId("given").textContent = about.verdicts ? word("given")(number(about.verdicts)) : "";
  options("part", [["kept", counted("kept", kept)], ...Object.entries(splits).map(([name, rows]) => [name, counted(name, rows)]), ["rejected", counted("rejected", rejected)]]);
  options("source", [["", word("all")], ...about.sources.map(name => [name, name])]);
  options("flag", [["", word("all")], ["any", word("any")], ...Object.entries(about.flags).map(([name, rows]) => [name, `${name} (${number(rows)})`])]);
  options("reason", [["", word("all")], ...about.reasons.map(name => [name, name.replace("/", ": ")])]);
  options("judged", ["", "yes", "no"].map(name => [name, word(`judged-${name}`)]).concat(["keep", "drop", "fix"].map(name => [name, word("was")[name]])));
  byId("file").textContent = about.verdict_file;
  byId("toml").textContent = about.toml;
  byId("key-list").replaceChildren(...word("keyList").flatMap(([key, does]) => [element("dt", {}, element("kbd", {}, key)), element("dd", {}, does)]));
}

function writePage() {
  writeWords();
  byId("language").textContent = word("switch");
  for (const id of ["theme", "help"]) {
    byId(id).title = word(id);
    byId(id).setAttribute("aria-label", word(id));
  }
  byId("language").lang = languageNow() === "ko" ? "en" : "ko";
  if (about) writeAbout();
}

// By the place of a key, not by its letter: a Korean keyboard writes ㅓ where j is.
const KEYS = {
  KeyJ: () => choose(at + 1), KeyK: () => choose(at - 1), KeyA: () => judge("keep"), KeyD: () => judge("drop"),
  KeyF: () => row && openFix(row, judge), KeyU: () => judge("none"), KeyN: () => byId("note")?.select(),
  KeyT: () => { tab = tab === "tokens" ? "conversation" : "tokens"; if (row) tried(show)(); },
  KeyC: () => form.elements.where.focus(), Slash: event => (event.shiftKey || event.key === "?" ? byId("keys").showModal() : form.elements.text.focus()),
};

document.addEventListener("keydown", event => {
  if (event.key === "Escape" && !byId("keys").open) {
    if (document.activeElement.matches("input, select, textarea")) document.activeElement.blur();
    else leave();
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || byId("keys").open) return;
  if (event.target.matches("input, select, textarea") || !KEYS[event.code]) return;
  event.preventDefault();
  KEYS[event.code](event);
});
form.addEventListener("submit", event => { event.preventDefault(); document.activeElement.blur(); search(); });
form.addEventListener("reset", () => setTimeout(search));
for (const select of form.querySelectorAll("select")) select.addEventListener("change", search);
byId("more").addEventListener("click", tried(() => more(choose)));
byId("help").addEventListener("click", () => byId("keys").showModal());
byId("language").addEventListener("click", tried(async () => { switchLanguage(); writePage(); writeCount(); if (row) await show(); }));
const dark = () => (document.documentElement.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
const paint = theme => { if (theme) document.documentElement.dataset.theme = theme; };
byId("theme").addEventListener("click", () => { const theme = dark() ? "light" : "dark"; localStorage.setItem("theme", theme); paint(theme); });
paint(localStorage.getItem("theme"));
writePage();
tried(async () => { about = await ask("about"); writePage(); await search(); })();
