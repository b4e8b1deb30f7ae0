// Requests to the server, with the token of the address, which is then removed from it.

import { word } from "/words.js";

if (location.hash.length > 1) {
  sessionStorage.setItem("token", location.hash.slice(1));
  history.replaceState(null, "", location.pathname);
}
const headers = () => ({ "X-Browse-Token": sessionStorage.getItem("token") || "" });

async function answer(request) {
  let response;
  try {
    response = await request;
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error(word("gone"));
  }
  if (response.status === 401) throw new Error(word("token"));
  const data = await response.json();
  if (!response.ok) throw new Error(data.error);
  return data;
}

export const ask = (path, asked = {}, signal = undefined) =>
  answer(fetch(`/api/${path}?${new URLSearchParams(asked)}`, { headers: headers(), signal }));

export const send = verdict =>
  answer(fetch("/api/verdict", {
    method: "POST", headers: { ...headers(), "Content-Type": "application/json" }, body: JSON.stringify(verdict),
  }));
