// For how long does it go on? A steady rate, minutes by default, hours by a variable.
//
//   k6 run -e MINUTES=240 -e RATE=1000 soak.js
//
// What to look for in the page: latency and lag that creep up, which a short run can't show.

import exec from 'k6/execution';

import { oneClick } from './lib/arrivals.js';
import { IntervalClock, intervalMs, intervalThresholds } from './lib/intervals.js';
import { BALANCED } from './lib/ledger.js';
import { begin, end } from './lib/run.js';
import { LEAN } from './lib/send.js';
import { requireGoodSettings, whole } from './lib/settings.js';
import { summarize } from './lib/summary.js';
import { watch } from './lib/watch.js';

const MINUTES = whole('MINUTES', 5, 1, 10_000);
const RATE = whole('RATE', 500, 1, 100_000);
requireGoodSettings();

const SECONDS = MINUTES * 60;
const INTERVAL_MS = intervalMs(SECONDS);

export const options = {
  ...LEAN,
  scenarios: {
    clicks: {
      executor: 'constant-arrival-rate',
      exec: 'clicks',
      rate: RATE,
      duration: `${SECONDS}s`,
      preAllocatedVUs: 50,
      maxVUs: 1000,
    },
    watch: { executor: 'per-vu-iterations', vus: 1, iterations: 1, exec: 'look', maxDuration: `${SECONDS + 60}s` },
  },
  teardownTimeout: '300s',
  thresholds: {
    ...BALANCED,
    ...intervalThresholds(),
    // As in the paced benchmark: what a person who clicks does not notice, and what a spent budget may give away.
    'http_req_duration{scenario:clicks}': ['p(99)<100'],
    visible_after_ms: ['p(95)<1000'],
    // Every click that was due was sent: else k6 had no user left for it, because answers took too long.
    dropped_iterations: ['count==0'],
  },
};

export const setup = begin;

export function clicks(setupData) {
  oneClick(setupData, INTERVAL_MS);
}

export function look(setupData) {
  const clock = new IntervalClock(setupData.start, INTERVAL_MS);
  watch(setupData, exec.vu.idInTest, clock, (_, now) => now - setupData.start > SECONDS * 1000);
}

export const teardown = (setupData) => end(setupData);

export function handleSummary(data) {
  return summarize('soak', data, { title: `${RATE} clicks a second for ${MINUTES} minutes`, intervalMs: INTERVAL_MS });
}
