// What there is in all: counts, times, queues, reasons, and one sentence now and then for those who hear the page.

import { byId, count, duration, element, setText, several, time } from "./element.js";

const SAID_EVERY_MS = 10_000;
let saidAt = 0;

/** Show the counts, and the queues as they were last told. */
export function showSummary(summary, status) {
  const times = summary.times;
  const full = summary.working >= summary.kept;
  const tiles = [
    ["Requests", count(summary.requests)],
    ["In progress", `${count(summary.working)}${full ? " or more" : ""}`],
    ["Portfolios", count(summary.optimised)],
    ["No portfolio", count(summary.failed)],
    ["Rejected", count(summary.rejected)],
    ["Median time", times ? duration(times.median_ms) : "none yet"],
    ["95 % within", times ? duration(times.p95_ms) : "none yet"],
    ["Longest", times ? duration(times.longest_ms) : "none yet"],
  ];
  const list = byId("counts");
  if (!list.children.length) {
    list.append(...tiles.map(([name]) => element("div", { "data-name": name }, element("dt", {}, name), element("dd"))));
  }
  tiles.forEach(([, value], i) => setText(list.children[i].lastElementChild, value));
  list.title = times ? `Times from request to final event, of the last ${count(times.of)} answered` : "";
  setText(byId("counts-title"), summary.since ? `Since ${time(summary.since)}` : "Since the start of the stream");
  showReasons(summary.reasons);
  showQueues(status);
  say(`${several(summary.requests, "request")}, ${count(summary.working)} in progress, ${count(summary.optimised)} with a ` +
    `portfolio, ${count(summary.failed)} without, ${count(summary.rejected)} rejected`);
}

function showReasons(reasons) {
  byId("no-reasons").hidden = reasons.length > 0;
  const items = reasons.map(([reason, number]) => `${reason}: ${count(number)}`);
  const list = byId("reasons");
  if ([...list.children].map((item) => item.textContent).join("\n") === items.join("\n")) return;
  list.replaceChildren(...items.map((item) => element("li", {}, item)));
}

function showQueues({ queues, queues_problem: problem }) {
  const note = byId("queues-problem");
  setText(note, problem || "Not known yet.");
  note.hidden = !problem && queues.length > 0;
  const list = byId("queues");
  const names = queues.map((queue) => queue.name).join();
  if (list.dataset.names !== names) {
    list.dataset.names = names;
    list.replaceChildren(...queues.map((queue) =>
      element("div", { "data-name": queue.name }, element("dt", {}, queue.name), element("dd"), element("dd"), element("dd"))));
  }
  queues.forEach((queue, i) => {
    const [, running, waiting, inHand] = list.children[i].children;
    running.dataset.state = queue.running === 0 ? "bad" : "good";
    setText(running, queue.running === null ? "" : queue.running === 0 ? "none running" : `${count(queue.running)} running`);
    setText(waiting, `${count(queue.waiting)} waiting`);
    setText(inHand, `${count(queue.in_hand)} in hand`);
  });
}

function say(sentence) {
  const now = performance.now();
  if (saidAt && now - saidAt < SAID_EVERY_MS) return;
  saidAt = now;
  setText(byId("said"), sentence);
}
