// Where is the knee? Single clicks at a rate that grows until the answers no longer keep up.
//
//   k6 run -e RATE_MAX=20000 -e SECONDS=60 ingest.js
//
// RATE_MAX: clicks a second at the end. SECONDS: how long the rate takes to get there. USERS_MAX: connections, at the most.

import exec from 'k6/execution';

import { oneClick } from './lib/arrivals.js';
import { CLICK_LATENCY, IntervalClock, intervalMs, intervalsOf, intervalThresholds } from './lib/intervals.js';
import { BALANCED } from './lib/ledger.js';
import { begin, end } from './lib/run.js';
import { LEAN } from './lib/send.js';
import { requireGoodSettings, whole } from './lib/settings.js';
import { summarize } from './lib/summary.js';
import { watch } from './lib/watch.js';

const RATE_MAX = whole('RATE_MAX', 20_000, 10, 1_000_000);
const SECONDS = whole('SECONDS', 60, 5, 3600);
const USERS_MAX = whole('USERS_MAX', 1000, 1, 10_000);
requireGoodSettings();

const INTERVAL_MS = intervalMs(SECONDS);
// A browser waits for the answer: up to a tenth of a second a person does not notice.
const GOOD_P99_MS = 100;
const GOOD_SHARE = 0.95;

export const options = {
  ...LEAN,
  scenarios: {
    clicks: {
      executor: 'ramping-arrival-rate',
      exec: 'clicks',
      startRate: Math.ceil(RATE_MAX / 20),
      timeUnit: '1s',
      stages: [{ target: RATE_MAX, duration: `${SECONDS}s` }],
      preAllocatedVUs: Math.min(100, USERS_MAX),
      maxVUs: USERS_MAX,
    },
    watch: { executor: 'per-vu-iterations', vus: 1, iterations: 1, exec: 'look', maxDuration: `${SECONDS + 60}s` },
  },
  teardownTimeout: '300s',
  // No threshold on latency: this run means to go beyond what is good. What must hold there too is that nothing is lost.
  thresholds: { ...BALANCED, ...intervalThresholds() },
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
  const about = { title: `Clicks at a rate that grows to ${RATE_MAX}/s`, intervalMs: INTERVAL_MS, rows: knee };
  return summarize('ingest', data, about);
}

// The fastest interval that was good: answers soon enough, and about as many as were asked for.
function knee(metrics) {
  let good = 0;
  for (const { at, values } of intervalsOf(metrics, CLICK_LATENCY, INTERVAL_MS)) {
    const middle = Math.min(1, (at + INTERVAL_MS / 2000) / SECONDS);
    const asked = RATE_MAX * (0.05 + 0.95 * middle) * (INTERVAL_MS / 1000);
    // The last one is cut off by the run's end.
    if (at + INTERVAL_MS / 1000 > SECONDS) break;
    const isGood = values['p(99)'] <= GOOD_P99_MS && values.count >= GOOD_SHARE * asked;
    if (isGood) good = Math.max(good, values.count / (INTERVAL_MS / 1000));
  }
  return [['knee', good.toFixed(0), `answers a second, the most with a p99 of ${GOOD_P99_MS} ms or less`]];
}
