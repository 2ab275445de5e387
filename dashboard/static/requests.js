// The requests that the page knows, and the few of them that it shows. No elements here.

const PAGE = 50;

/** What the server told last of each request, bounded as the server's own picture is. */
export class Requests {
  rows = new Map();

  /** Take in what has changed; with reset, forget the rest. */
  apply({ reset, rows, summary }) {
    if (reset) this.rows.clear();
    for (const row of rows) {
      this.rows.delete(row.id); // so that the map is in the order of the last change
      this.rows.set(row.id, row);
    }
    this.#forget(this.rows.size - summary.kept);
  }

  /** Forget so many of those that changed least lately; those that are finished first. */
  #forget(excess) {
    for (const finished of [true, false]) {
      for (const [id, row] of this.rows) {
        if (excess <= 0) return;
        if ((row.state !== "working") !== finished) continue;
        this.rows.delete(id);
        excess -= 1;
      }
    }
  }

  /** The page of requests that match, the newest first, and how many there are. */
  page(number, { state, find }) {
    const wanted = find.trim().toLowerCase();
    const matching = [...this.rows.values()].filter((row) => isOf(row, state) && has(row, wanted));
    matching.sort((a, b) => b.began - a.began);
    const last = Math.max(0, Math.ceil(matching.length / PAGE) - 1);
    const first = Math.min(number, last) * PAGE;
    return { rows: matching.slice(first, first + PAGE), first, of: matching.length, number: Math.min(number, last), last };
  }
}

function isOf(row, state) {
  if (state === "failed") return row.state === "failed" || row.state === "rejected";
  return !state || row.state === state;
}

function has(row, wanted) {
  return !wanted || row.id.toLowerCase().includes(wanted) || row.customer.toLowerCase().includes(wanted);
}
