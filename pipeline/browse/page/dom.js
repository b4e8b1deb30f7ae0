// Elements from data. A text is only ever a text node: nothing in the data becomes markup.

// A joiner between two pictures makes one emoji of them, and is no hidden character.
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u200b\u200c\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]|(?<![\p{Extended_Pictographic}\p{Emoji_Modifier}]\ufe0f?)\u200d|\u200d(?!\p{Extended_Pictographic})/u;

export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "class") made.className = value;
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== undefined && value !== null) made.setAttribute(name, value);
  }
  made.append(...children.filter(child => child !== null && child !== undefined && child !== false));
  return made;
}

// A text with the places marked where it holds `wanted`, and with characters that nobody sees written as U+200B.
export function text(value, wanted = "") {
  const made = document.createDocumentFragment();
  const at = wanted ? value.toLowerCase() : "";
  const sought = wanted.toLowerCase();
  let from = 0;
  if (sought && at.length === value.length) {
    for (let found = at.indexOf(sought); found >= 0; found = at.indexOf(sought, from)) {
      made.append(plain(value.slice(from, found)), element("mark", {}, plain(value.slice(found, found + sought.length))));
      from = found + sought.length;
    }
  }
  made.append(plain(value.slice(from)));
  return made;
}

function plain(value) {
  if (!HIDDEN.test(value)) return document.createTextNode(value);
  const made = document.createDocumentFragment();
  value.split(new RegExp(`(${HIDDEN.source})`, "u")).forEach((part, at) => {
    const code = at % 2 ? part.codePointAt(0).toString(16).toUpperCase().padStart(4, "0") : "";
    if (part) made.append(code ? element("span", { class: "hidden" }, `U+${code}`) : document.createTextNode(part));
  });
  return made;
}

export const block = (value, wanted, kind = "") => element("div", { class: `text ${kind}`, dir: "auto" }, text(value, wanted));
export const badge = (value, kind = "") => element("span", { class: `badge ${kind}` }, text(String(value)));
export const byId = id => document.getElementById(id);
