// What visitors experience: how fast pages come up, how steady they are, what fails, how long
// people stay. Sends one beacon when a page is first hidden or left, and another one for what
// happens after that. Keeps no cookie and no name; knows one thing about a visit, in the tab's own
// storage: on which page it began.

import { onCLS, onFCP, onINP, onLCP } from "web-vitals";
import { openVisit } from "./visit.js";
import { View } from "./view.js";

const SETTINGS = "__eventSystemRum";
const MOST_MS = 600_000;
const MOST_SHIFT = 100;

const wantsNone = () =>
  navigator.doNotTrack === "1" || window.doNotTrack === "1" || navigator.globalPrivacyControl === true;

const beaconUrl = () => {
  const script = document.currentScript ?? document.querySelector('script[src$="/rum.js"]');
  return new URL("rum", script?.src ?? location.href).href;
};

const send = (url, beacon) => {
  const body = JSON.stringify(beacon);
  // Plain text needs no preflight, which nobody would wait for when a page goes.
  if (!navigator.sendBeacon?.(url, body)) {
    fetch(url, { method: "POST", body, keepalive: true, mode: "no-cors" }).catch(() => {});
  }
};

const watchVitals = (current) => {
  const set = (name, most) => (metric) => current().set(name, Math.min(metric.value, most));
  const always = { reportAllChanges: true };
  onFCP(set("fcp_ms", MOST_MS), always);
  onLCP(set("lcp_ms", MOST_MS), always);
  onINP(set("inp_ms", MOST_MS), always);
  onCLS(set("cls", MOST_SHIFT), always);
};

// The delay of the first input, which web-vitals tells no more in favour of INP.
const watchFirstInput = (current) => {
  if (!PerformanceObserver.supportedEntryTypes?.includes("first-input")) return;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      current().set("fid_ms", Math.min(Math.max(0, entry.processingStart - entry.startTime), MOST_MS));
    }
  }).observe({ type: "first-input", buffered: true });
};

const watchErrors = (current) => {
  const failed = (event) => {
    const isResource = event.target instanceof Element;
    current().count("errors", isResource ? "resource" : "script");
  };
  addEventListener("error", failed, { capture: true });
  addEventListener("unhandledrejection", () => current().count("errors", "promise"));
};

const loadMs = () => {
  const [navigation] = performance.getEntriesByType("navigation");
  return navigation?.loadEventEnd > 0 ? Math.min(navigation.loadEventEnd, MOST_MS) : undefined;
};

const start = (visit) => {
  const url = beaconUrl();
  let view = new View(location.pathname, visit, 0); // which is when the page was asked for
  const current = () => view;

  const flush = () => {
    if (view.isFirst) view.set("load_ms", loadMs());
    const beacon = view.take(performance.now());
    if (beacon) send(url, beacon);
  };
  const begin = (page) => {
    flush();
    view = new View(page, visit, performance.now(), false);
  };

  watchVitals(current);
  watchFirstInput(current);
  watchErrors(current);
  addEventListener("visibilitychange", () => document.visibilityState === "hidden" && flush(), true);
  addEventListener("pagehide", flush, true);
  addEventListener("pageshow", (event) => event.persisted && begin(location.pathname), true);

  window.eventSystemRum = {
    feature: (name) => view.count("features", String(name)),
    convert: (goal) => view.count("goals", String(goal)),
    view: (page = location.pathname) => begin(String(page)),
  };
};

const nothing = { feature() {}, convert() {}, view() {} };
const visit = wantsNone() ? null : openVisit(window[SETTINGS]?.sample ?? 1);
if (visit) start(visit);
else window.eventSystemRum = nothing;
