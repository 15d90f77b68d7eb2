// A visit: the pages that one tab shows of one site. A tab whose storage is closed to us has views
// but no visits.

const KEY = "event-system-rum";

const read = () => {
  try {
    return JSON.parse(sessionStorage.getItem(KEY));
  } catch {
    return null;
  }
};

const write = (visit) => {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(visit));
    return true;
  } catch {
    return false;
  }
};

class Visit {
  constructor(state, isKept) {
    this.state = state;
    this.isKept = isKept;
  }

  // What a new view tells of the visit: that it begins here, or that it goes on, once, with where
  // it began. Those that never go on have bounced.
  enter(page) {
    if (!this.isKept) return {};
    const { state } = this;
    state.views = (state.views ?? 0) + 1;
    if (state.views === 1) state.entry = page;
    write(state);
    if (state.views === 1) return { entry: true };
    return state.views === 2 ? { continued: state.entry } : {};
  }
}

// The visit of this tab; null where it is not one of those that are looked at.
export const openVisit = (sample) => {
  const known = read();
  const state = known ?? { sampled: Math.random() < sample };
  const isKept = write(state);
  return state.sampled ? new Visit(state, isKept) : null;
};
