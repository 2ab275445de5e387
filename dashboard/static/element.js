// Elements made of text: whatever somebody sent is shown as the letters that it is.

/** Make an element; children are elements or texts. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** Find the page's own element of this id. */
export const byId = (id) => document.getElementById(id);

/** Set a text only if it is another: what stays is not announced again, and keeps its selection. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** A word for those who hear the page, beside a sign for those who see it. */
export function sign(mark, word) {
  return [element("span", { "aria-hidden": "true", class: "sign" }, mark), element("span", { class: "unseen" }, `${word} `)];
}

const numbers = new Intl.NumberFormat("en-AU");
export const count = (number) => numbers.format(number);

/** So many of something: the word with an s unless there is one. */
export const several = (number, word) => `${count(number)} ${word}${number === 1 ? "" : "s"}`;

/** Milliseconds as people say them: to the millisecond below ten seconds, then in seconds. */
export function duration(ms) {
  if (ms === null || ms === undefined) return "";
  return ms < 10_000 ? `${count(Math.round(ms))} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** A time with its date and zone: UTC, as everywhere in Podfolio. The date and the time each stay on one line. */
export function time(iso) {
  return iso ? `${iso.slice(0, 10)} ${iso.slice(11, 19)}\u00a0UTC` : "";
}
