// The table of requests. Rows that stay keep their elements, and with them the focus; only what is shown has any.

import { byId, duration, element, several, sign, time } from "./element.js";

const shown = new Map();
let columns = "";

/** Show these rows, with a column for each of the pods. */
export function showRows(rows, pods) {
  if (columns !== pods.join()) showColumns(pods);
  const body = byId("requests").tBodies[0];
  const wanted = new Map(rows.map((row) => [row.id, row]));
  for (const [id, { line, row }] of shown) {
    if (wanted.has(id)) continue;
    // Who is at a row with the keyboard stays there.
    if (line.contains(document.activeElement)) wanted.set(id, row);
    else drop(id);
  }
  let next = body.firstElementChild;
  for (const row of wanted.values()) {
    const line = lineOf(row, pods);
    if (line === next) next = next.nextElementSibling;
    else body.insertBefore(line, next);
  }
}

function drop(id) {
  shown.get(id).line.remove();
  shown.delete(id);
}

function showColumns(pods) {
  columns = pods.join();
  for (const id of [...shown.keys()]) drop(id);
  const names = ["Asked at", "Request", ...pods, "Coordinator", "Took"];
  const cells = names.map((name) =>
    element("th", { role: "columnheader", scope: "col", class: name === "Took" ? "n" : null }, name));
  byId("requests").tHead.replaceChildren(element("tr", { role: "row" }, ...cells));
}

function lineOf(row, pods) {
  const known = shown.get(row.id);
  if (known && known.row.changed === row.changed) return known.line;
  const line = known ? known.line : newLine(row, pods);
  const [at, what, ...rest] = line.cells;
  at.textContent = time(row.asked_at);
  what.lastElementChild.textContent = [row.customer === row.id ? "" : row.customer, row.what].filter(Boolean).join(", ");
  const told = [...pods.map((pod) => ofPod(row, pod)), ofCoordinator(row), { parts: [duration(row.final?.after_ms)] }];
  rest.forEach((cell, i) => fill(cell, told[i]));
  line.dataset.state = row.state;
  shown.set(row.id, { line, row });
  return line;
}

function newLine(row, pods) {
  const name = element("button", { type: "button", class: "open", "data-id": row.id }, row.id);
  const cell = (label, kind, ...children) => element("td", { role: "cell", "data-label": label, class: kind }, ...children);
  return element("tr", { role: "row" },
    cell("Asked at", "at"),
    cell("Request", "request", name, element("span", { class: "quiet" })),
    ...pods.map((pod) => cell(pod, "pod")),
    cell("Coordinator", "coordinator"),
    cell("Took", "took n"));
}

function fill(cell, { state = "", parts, title = "" }) {
  cell.dataset.state = state;
  cell.title = title;
  cell.replaceChildren(...parts);
}

function ofPod(row, pod) {
  const answer = row.pods[pod];
  if (answer) return { ...told(answer, duration(answer.after_ms)), title: answer.said };
  if (!row.asked.includes(pod)) return { parts: [element("span", { class: "quiet" }, "not asked")] };
  if (row.state === "working") return { state: "wait", parts: [...sign("●", ""), "working"] };
  return { parts: [element("span", { class: "quiet" }, "no answer")] };
}

function ofCoordinator(row) {
  if (row.final) return told(row.final, row.final.said);
  const waiting = row.asked.filter((pod) => !row.pods[pod]).length;
  const doing = waiting ? `waits for ${several(waiting, "pod")}` : "optimises";
  return { state: "wait", parts: [...sign("●", ""), doing] };
}

function told(answer, text) {
  if (answer.good) return { state: "good", parts: [...sign("✓", "done:"), text] };
  const why = answer.reason || answer.said;
  const more = answer.reason && text === answer.said ? element("span", { class: "quiet" }, text) : null;
  return { state: "bad", parts: [...sign("✕", "failed:"), element("span", {}, why), more].filter(Boolean) };
}
