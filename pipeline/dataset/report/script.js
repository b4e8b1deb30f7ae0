"use strict";
// The switches of language and light, and the search in the sampled rows. Texts of rows become text nodes, never markup.
(() => {
  const root = document.documentElement;
  const asked = new URLSearchParams(location.search);
  const PAGE = 20;
  const GROUPS = ["everything", "all_kept", "all_rejected"];
  const FACETS = [...document.getElementById("facet-names")?.content.children ?? []].map((one) => one.dataset.facet);

  const element = (name, text, kind) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (kind) made.className = kind;
    return made;
  };

  // --- language and light ---
  const keep = (name, value) => {
    asked.set(name, value);
    try {
      history.replaceState(null, "", `?${asked}${location.hash}`);
    } catch {
      // a file from disk may not change its address
    }
  };
  const speak = (language) => {
    root.dataset.lang = root.lang = language;
  };
  const lang = asked.get("lang");
  speak(["ko", "en"].includes(lang) ? lang : navigator.language.startsWith("ko") ? "ko" : "en");
  if (["light", "dark"].includes(asked.get("theme"))) root.dataset.theme = asked.get("theme");

  const onSwitch = (id, change) => document.getElementById(id).addEventListener("click", change);
  onSwitch("theme", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    keep("theme", root.dataset.theme);
  });
  onSwitch("language", () => {
    speak(root.dataset.lang === "ko" ? "en" : "ko");
    keep("lang", root.dataset.lang);
    if (data) show();
  });

  // --- the rows ---
  const holder = document.getElementById("data");
  const data = holder && JSON.parse(holder.textContent);
  if (!data) return;
  const [form, query, facet, list, found, more] = ["search", "query", "facet", "rows", "found", "more"].map((id) =>
    document.getElementById(id),
  );
  const names = document.getElementById("facet-names").content;
  let shown = PAGE;

  const say = (key, ...values) => {
    let at = 0;
    const [english, korean] = data.texts[key] ?? [key, key];
    return (root.lang === "ko" ? korean : english).replace(/\{\}/g, () => values[at++]);
  };
  const facetName = (name) => names.querySelector(`[data-facet="${name}"] .t:lang(${root.lang})`).textContent;
  const number = (value) => value.toLocaleString("en-US");
  const key = (name, value) => `${name}/${value}`;

  for (const row of data.rows) {
    row.keys = new Set(row.k.map(([name, value]) => key(name, value)));
    row.all = [row.o, row.why, row.d, ...row.k.flat(), ...row.x.map((part) => part[1])].join("\n").toLowerCase();
  }

  const choices = () => {
    const counted = new Map();
    for (const row of data.rows) {
      for (const [name, value] of row.k) {
        const of = counted.get(name) ?? counted.set(name, new Map()).get(name);
        of.set(value, (of.get(value) ?? 0) + 1);
      }
    }
    const chosen = facet.value;
    facet.replaceChildren();
    for (const name of GROUPS) {
      const option = element("option", facetName(name));
      option.value = name;
      facet.append(option);
    }
    for (const name of FACETS) {
      if (!counted.has(name)) continue;
      const group = element("optgroup");
      group.label = facetName(name);
      for (const [value, count] of [...counted.get(name)].sort(([a], [b]) => (a < b ? -1 : 1))) {
        const option = element("option", `${value} (${count})`);
        option.value = key(name, value);
        group.append(option);
      }
      facet.append(group);
    }
    if (chosen) facet.value = chosen;
    if (facet.selectedIndex < 0) facet.value = "everything";
  };

  const fits = (row, words) => {
    const chosen = facet.value;
    const wanted =
      chosen === "everything" ||
      (chosen === "all_kept" ? row.g === "kept" : chosen === "all_rejected" ? row.g === "rejected" : row.keys.has(chosen));
    return wanted && words.every((word) => row.all.includes(word));
  };

  // The text with the searched words marked, as nodes.
  const marked = (text, words) => {
    const small = text.toLowerCase();
    const parts = document.createDocumentFragment();
    if (small.length !== text.length) words = []; // some letters have a small form of another length
    for (let at = 0; at < text.length; ) {
      const next = words
        .map((word) => [small.indexOf(word, at), word.length])
        .filter(([place]) => place >= 0)
        .sort(([a, long], [b, longer]) => a - b || longer - long)[0];
      if (!next) {
        parts.append(text.slice(at));
        break;
      }
      parts.append(text.slice(at, next[0]), element("mark", text.slice(next[0], next[0] + next[1])));
      at = next[0] + next[1];
    }
    return parts;
  };

  const text = ([role, content, left], words) => {
    const line = element("p", undefined, "text");
    line.dir = "auto";
    line.append(element("b", say(role === "tool_calls" ? "calls" : role)), " ", marked(content, words));
    if (left) line.append(element("span", ` ${say("cut_text", number(left))}`, "less"));
    return line;
  };

  const card = (row, words) => {
    const box = element("article", undefined, "row");
    const head = element("h3");
    const state = row.g === "kept" ? say("kept") : say("rejected_row");
    head.append(element("span", state, row.g === "kept" ? "" : "rejected-row"), " · ", element("bdi", row.o));
    if (row.s) head.append(` · ${row.s}`);
    if (row.n) head.append(` · ${say("tokens", ...row.n.map(number))}`);
    box.append(head);
    if (row.why) box.append(element("p", row.why, "why"));
    for (const part of row.x) box.append(text(part, words));
    for (const [flag, field, detail] of row.e ?? []) box.append(element("p", `${flag} · ${field}: ${detail}`, "less"));
    if (row.d) {
      const repeated = element("details");
      repeated.append(element("summary", `${say("repeats")}: ${row.d}`), ...(row.y ?? []).map((part) => text(part, [])));
      box.append(repeated);
    }
    const list = element("ul", undefined, "names");
    for (const [name, value] of row.k) {
      const button = element("button", `${facetName(name)}: ${value}`);
      button.type = "button";
      button.addEventListener("click", () => choose(key(name, value)));
      const item = element("li");
      item.append(button);
      list.append(item);
    }
    box.append(list);
    return box;
  };

  const show = () => {
    choices();
    const words = query.value.toLowerCase().split(/\s+/).filter(Boolean);
    const fitting = data.rows.filter((row) => fits(row, words));
    found.textContent = fitting.length ? say("found", number(fitting.length)) : say("none");
    list.replaceChildren(...fitting.slice(0, shown).map((row) => card(row, words)));
    more.hidden = fitting.length <= shown;
  };

  const choose = (chosen, words = "") => {
    query.value = words;
    facet.value = chosen;
    shown = PAGE;
    show();
    document.getElementById("sample").scrollIntoView();
  };

  // #rows/flag/refusal: the rows of a number. #rows?words: the rows with these words.
  const follow = () => {
    const parts = location.hash.match(/^#rows(?:\/([^/]*)\/(.*)|\?(.*))$/);
    if (!parts) return;
    try {
      if (parts[3] !== undefined) choose("everything", decodeURIComponent(parts[3]));
      else choose(key(decodeURIComponent(parts[1]), decodeURIComponent(parts[2])));
    } catch {
      // an address that somebody broke
    }
  };

  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(() => choose("everything")));
  const again = () => {
    shown = PAGE;
    show();
  };
  query.addEventListener("input", again);
  facet.addEventListener("change", again);
  more.addEventListener("click", () => {
    const before = shown;
    shown += PAGE;
    show();
    list.children[before]?.querySelector("button, summary")?.focus();
  });
  addEventListener("hashchange", follow);
  show();
  follow();
})();
