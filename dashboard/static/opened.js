// One request in full, in a dialog. The address names it, so that it can be passed on and the way back closes it.

import { byId, element } from "./element.js";

const PREFIX = "#request-";
const dialog = byId("opened");
let shown = 0; // the message up to which it is shown, or asked for
let latest = 0;
const drawn = new WeakMap(); // what each section on the page tells, as JSON

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
  if (row && row.changed > shown) {
    shown = row.changed;
    load(row.id);
  }
}

function follow() {
  const id = openedId();
  if (!id) {
    if (dialog.open) dialog.close();
    return;
  }
  shown = 0;
  byId("opened-title").textContent = id;
  byId("opened-files").replaceChildren();
  byId("opened-body").replaceChildren(element("p", { role: "status" }, "Reading"));
  if (!dialog.open) dialog.showModal();
  byId("opened-title").focus();
  load(id);
}

async function load(id) {
  const mine = ++latest;
  const told = await ask(id);
  if (mine !== latest || id !== openedId()) return;
  // Drawn once more for nothing, it would throw back whoever has scrolled.
  shown = Math.max(shown, told.changed ?? 0);
  byId("opened-files").replaceChildren(...(told.files ?? []).map((one) => file(id, one)));
  if (told.problem) byId("opened-body").replaceChildren(element("p", { role: "alert" }, told.problem));
  else showSections(id, told.sections);
}

/** Draw the sections that are new or say something else; who reads one of the others is not disturbed. */
function showSections(id, sections) {
  const body = byId("opened-body");
  const shownNow = new Map([...body.children].map((node) => [drawn.get(node), node]));
  const wanted = sections.map((one) => {
    const told = JSON.stringify([id, one]);
    const node = shownNow.get(told) ?? section(id, one);
    drawn.set(node, told);
    return node;
  });
  for (const node of [...body.children]) if (!wanted.includes(node)) node.remove();
  wanted.forEach((node, i) => {
    if (body.children[i] !== node) body.insertBefore(node, body.children[i] ?? null);
  });
}

/** A message as JSON: to be read in a tab of its own, and to be saved under a name of its own. */
function file(id, { of, name }) {
  const href = `/requests/${encodeURIComponent(id)}/messages/${encodeURIComponent(name)}`;
  return element("li", {}, `${of}: `,
    element("a", { href, target: "_blank", "aria-label": `Open the ${of} as JSON` }, "open"), ", ",
    element("a", { href, download: name, "aria-label": `Save the ${of} as ${name}` }, "save"));
}

async function ask(id) {
  try {
    const answer = await fetch(`/requests/${encodeURIComponent(id)}`);
    return await answer.json();
  } catch {
    return { problem: "The dashboard does not answer. Close this and open it again when it does." };
  }
}

function section(id, { title, lead, charts, tables, points }) {
  return element("section", {},
    element("h3", {}, title),
    ...lead.map((sentence) => element("p", {}, sentence)),
    charts.length ? element("div", { class: "charts" }, ...charts.map((chart) => picture(id, chart))) : null,
    tables.length ? element("div", { class: "tables" }, ...tables.map(table)) : null,
    points.length ? element("ul", {}, ...points.map((sentence) => element("li", {}, sentence))) : null);
}

/** A chart; on a phone, the table of its figures instead, if it is wide. */
function picture(id, { name, title, alt, table: instead }) {
  const source = (theme) => `/requests/${encodeURIComponent(id)}/charts/${name}.svg?theme=${theme}`;
  return element("figure", {},
    element("figcaption", {}, title),
    scroll(title,
      element("picture", {},
        element("source", { srcset: source("dark"), media: "(prefers-color-scheme: dark)" }),
        element("img", { src: source("light"), alt }))),
    instead ? element("div", { class: "instead" }, table(instead)) : null);
}

// A text of so many letters needs room to be read, and a table of so many columns the width of the page.
const LONG = 30;
const WIDE = 5;
let tables = 0;

function table({ caption, columns, rows, note }) {
  const name = `table-${(tables += 1)}`;
  const kind = (i, cell = "") => (columns[i].right ? "n" : cell.length > LONG ? "long" : null);
  const head = columns.map((column, i) => element("th", { scope: "col", class: kind(i) }, column.name));
  const lines = rows.map(({ cells, strong }) =>
    element("tr", { class: strong ? "strong" : null }, ...cells.map((cell, i) =>
      element("td", { class: kind(i, cell), "data-column": columns[i].name }, cell))));
  const drawn = element("table", { "aria-labelledby": name },
    element("thead", {}, element("tr", {}, ...head)),
    element("tbody", {}, ...lines));
  return element("div", { class: columns.length > WIDE ? "table full" : "table" },
    element("p", { id: name, class: "quiet" }, caption),
    scroll(caption, drawn),
    note ? element("p", { class: "quiet" }, note) : null);
}

/** What is too wide scrolls by itself and says that it goes on; who has no mouse reaches it with the keyboard. */
function scroll(label, ...children) {
  const box = element("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": label }, ...children);
  const frame = element("div", { class: "wide" },
    element("div", { class: "edges" }, box),
    element("p", { class: "goes-on", "aria-hidden": "true" }, "goes on to the right →"));
  const look = () => {
    frame.dataset.before = box.scrollLeft > 1;
    frame.dataset.after = box.scrollWidth - box.clientWidth - box.scrollLeft > 1;
  };
  box.addEventListener("scroll", look, { passive: true });
  new ResizeObserver(look).observe(box);
  return frame;
}
