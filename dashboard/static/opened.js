// One request in full, in a dialog. The address names it, so that it can be passed on and the way back closes it.

import { byId, element } from "./element.js";

const PREFIX = "#request-";
const dialog = byId("opened");
let changed = null;
let latest = 0;

/** The request that is open; empty for none. */
export const openedId = () => (location.hash.startsWith(PREFIX) ? location.hash.slice(PREFIX.length) : "");

/** Follow the address and the buttons. */
export function start() {
  addEventListener("hashchange", follow);
  byId("close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => {
    if (openedId()) history.replaceState(null, "", location.pathname + location.search);
  });
  byId("requests").addEventListener("click", ({ target }) => {
    const id = target.dataset.id;
    if (id) location.hash = PREFIX + id;
  });
  follow();
}

/** Show the request that is open anew, if more is known of it now. */
export function refresh(row) {
  if (row && row.changed !== changed) {
    changed = row.changed;
    load(row.id);
  }
}

function follow() {
  const id = openedId();
  if (!id) {
    if (dialog.open) dialog.close();
    return;
  }
  changed = null;
  byId("opened-title").textContent = id;
  byId("opened-body").replaceChildren(element("p", { role: "status" }, "Reading"));
  if (!dialog.open) dialog.showModal();
  byId("opened-title").focus();
  load(id);
}

async function load(id) {
  const mine = ++latest;
  const told = await ask(id);
  if (mine !== latest || id !== openedId()) return;
  const parts = told.problem ? [element("p", { role: "alert" }, told.problem)] : told.sections.map((one) => section(id, one));
  byId("opened-body").replaceChildren(...parts);
}

async function ask(id) {
  try {
    const answer = await fetch(`/requests/${encodeURIComponent(id)}`);
    return await answer.json();
  } catch {
    return { problem: "The dashboard does not answer. Close this and open it again when it does." };
  }
}

function section(id, { title, sentences, tables, charts }) {
  const made = element("section", {}, element("h3", {}, title));
  if (sentences.length === 1) made.append(element("p", {}, sentences[0]));
  else if (sentences.length) made.append(element("ul", {}, ...sentences.map((sentence) => element("li", {}, sentence))));
  made.append(...charts.map((chart) => picture(id, chart)), ...tables.map(table));
  return made;
}

function picture(id, { name, title, alt }) {
  const source = (theme) => `/requests/${encodeURIComponent(id)}/charts/${name}.svg?theme=${theme}`;
  return element("figure", {},
    element("picture", {},
      element("source", { srcset: source("dark"), media: "(prefers-color-scheme: dark)" }),
      element("img", { src: source("light"), alt })),
    element("figcaption", {}, title));
}

function table({ caption, columns, rows }) {
  const kind = (i) => (columns[i].right ? "n" : null);
  const head = columns.map(({ name }, i) => element("th", { scope: "col", class: kind(i) }, name));
  const lines = rows.map(({ cells, strong }) =>
    element("tr", { class: strong ? "strong" : null }, ...cells.map((cell, i) => element("td", { class: kind(i) }, cell))));
  // Wide tables scroll by themselves; who has no mouse reaches them with the keyboard.
  return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    element("table", {},
      element("caption", {}, caption),
      element("thead", {}, element("tr", {}, ...head)),
      element("tbody", {}, ...lines)));
}
