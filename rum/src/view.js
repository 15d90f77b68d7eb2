// One view of a page, until it is first hidden; after that only what is counted goes on.

const MOST_NAMES = 20;
const LONGEST_NAME = 64;
const LONGEST_PAGE = 512;
const LONGEST_DWELL_S = 86_400;
const MOST_TIMES = 1000;

export class View {
  // A view that is no load of a document, as in a single-page application, has no vitals.
  constructor(page, visit, now, isLoad = true) {
    this.page = page.slice(0, LONGEST_PAGE);
    this.isFirst = isLoad;
    this.since = now;
    this.isTold = false;
    this.visit = visit.enter(this.page);
    this.measures = {};
    this.counts = {};
  }

  set(name, value) {
    if (value !== undefined) this.measures[name] = value;
  }

  count(kind, name) {
    const names = (this.counts[kind] ??= {});
    const key = name.slice(0, LONGEST_NAME);
    if (!key || (!(key in names) && Object.keys(names).length >= MOST_NAMES)) return;
    names[key] = Math.min((names[key] ?? 0) + 1, MOST_TIMES);
  }

  // The beacon of what has not been told yet; nothing where there is nothing.
  take(now) {
    const { page, counts } = this;
    this.counts = {};
    if (this.isTold) return Object.keys(counts).length ? { page, ...counts } : null;
    this.isTold = true;
    const dwell_s = Math.min(Math.max(0, now - this.since) / 1000, LONGEST_DWELL_S);
    const measures = this.isFirst ? this.measures : {};
    return { page, view: true, dwell_s, ...this.visit, ...measures, ...counts };
  }
}
