// The page: it hears the stream, and draws at most once a frame what there is to see.

import { byId, count, setText, several, time } from "./element.js";
import * as opened from "./opened.js";
import { Requests } from "./requests.js";
import { showSummary } from "./summary.js";
import { showRows } from "./table.js";

const address = new URLSearchParams(location.search);
const requests = new Requests();
let told = null; // the summary and the status that came last
let number = 0; // the page of the list
let paused = false;
const changed = new Set(); // the requests of which something came while paused
let drawing = false;
let hearing = false;

function hear() {
  const query = new URLSearchParams([...address].filter(([name]) => name === "since" || name === "speed"));
  const source = new EventSource(`/events?${query}`);
  source.onmessage = ({ data }) => {
    const news = JSON.parse(data);
    hearing = true;
    told = news;
    if (paused) for (const { id } of news.rows) changed.add(id);
    requests.apply(news);
    draw();
  };
  source.onerror = () => {
    hearing = false;
    draw();
  };
  source.addEventListener("problem", ({ data }) => {
    source.close();
    byId("problem").hidden = false;
    byId("problem").textContent = JSON.parse(data).problem;
  });
}

function draw() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    showLink();
    showStops();
    if (!told || paused) return;
    showSummary(told.summary, told.status);
    showList();
    opened.refresh(requests.rows.get(opened.openedId()));
  });
}

function showList() {
  const page = requests.page(number, { state: byId("state").value, find: byId("find").value });
  number = page.number;
  showRows(page.rows, pods());
  const { first, of, last } = page;
  byId("empty").hidden = requests.rows.size > 0;
  setText(byId("place"), of ? `${count(first + 1)} to ${count(first + page.rows.length)} of ${count(of)}` : "None");
  byId("newer").disabled = number === 0;
  byId("older").disabled = number === last;
}

/** Queues of others than pods. */
const PROCESSES = new Set(["coordinator", "challenger"]);

/** Pods that have a queue; where that is not known, those that the newest requests ask. */
function pods() {
  const queues = told.status.queues.map((queue) => queue.name).filter((name) => !PROCESSES.has(name));
  if (queues.length || pods.known.length) return (pods.known = queues.length ? queues : pods.known);
  const asked = [...requests.rows.values()].slice(-20).flatMap((row) => row.asked);
  return [...new Set(asked)].sort().slice(0, 8);
}
pods.known = [];

function showLink() {
  const [state, text] = link();
  byId("link").dataset.state = state;
  setText(byId("link"), text);
}

/** Show that advice is stopped, paused or not. */
function showStops() {
  const stops = told?.status.stops ?? [];
  byId("stops").hidden = stops.length === 0;
  setText(byId("stops"), stops.join(". "));
}

function link() {
  if (!hearing) return told ? ["wait", "Reconnecting to the dashboard"] : ["wait", "Connecting"];
  if (!told.status.connected) return ["wait", "Reconnecting to the event stream"];
  if (paused) return ["wait", `Paused, ${several(changed.size, "request")} changed since`];
  if (!address.get("since")) return ["good", "Live"];
  return ["good", told.summary.at ? `Replay, at ${time(told.summary.at)}` : "Replay"];
}

function fillForm() {
  const since = address.get("since") ?? "";
  const isKnown = [...byId("since").options].some((option) => option.value === since);
  byId("since").value = isKnown ? since : "time";
  if (!isKnown && !Number.isNaN(inUtc(since).getTime())) {
    byId("time").value = inUtc(since).toISOString().slice(0, 19);
  }
  byId("speed").value = address.get("speed") ?? "";
  byId("replay").open = Boolean(since);
  byId("time-label").hidden = byId("since").value !== "time";
}

/** A time without a zone is in UTC, as the server reads it. */
const inUtc = (text) => new Date(/(Z|[+-]\d\d:?\d\d)$/i.test(text) ? text : `${text}Z`);

function replay(event) {
  event.preventDefault();
  let since = byId("since").value;
  if (since === "time") {
    const at = inUtc(byId("time").value);
    if (Number.isNaN(at.getTime())) return byId("time").focus();
    since = at.toISOString();
  }
  const query = new URLSearchParams({ ...(since && { since }), ...(since && byId("speed").value && { speed: byId("speed").value }) });
  location.assign(`/?${query}`);
}

function turn(by) {
  number = Math.max(0, number + by);
  showNow();
}

/** Show the list as somebody has just asked for it, paused or not. */
function showNow() {
  if (told) showList();
}

byId("pause").addEventListener("click", () => {
  paused = !paused;
  changed.clear();
  byId("pause").setAttribute("aria-pressed", String(paused));
  draw();
});
byId("newer").addEventListener("click", () => turn(-1));
byId("older").addEventListener("click", () => turn(+1));
byId("state").addEventListener("change", () => turn(-number));
byId("find").addEventListener("input", () => turn(-number));
byId("since").addEventListener("change", () => { byId("time-label").hidden = byId("since").value !== "time"; });
byId("from").addEventListener("submit", replay);
fillForm();
opened.start();
hear();
