// An ad goes viral: ten times the clicks within a second, and back. Does it hold, and is it as before afterwards?
//
//   k6 run -e RATE=500 spike.js
//
// RATE: clicks a second before and after. FACTOR: how many times that at the top.

import exec from 'k6/execution';

import { oneClick } from './lib/arrivals.js';
import { CLICK_LATENCY, IntervalClock, intervalMs, intervalsOf, intervalThresholds } from './lib/intervals.js';
import { BALANCED } from './lib/ledger.js';
import { begin, end } from './lib/run.js';
import { LEAN } from './lib/send.js';
import { requireGoodSettings, whole } from './lib/settings.js';
import { summarize } from './lib/summary.js';
import { watch } from './lib/watch.js';

const RATE = whole('RATE', 200, 1, 100_000);
const FACTOR = whole('FACTOR', 10, 2, 1000);
requireGoodSettings();

const [CALM, SLOPE, TOP] = [10, 1, 10];
const SECONDS = CALM + SLOPE + TOP + SLOPE + CALM;
const INTERVAL_MS = intervalMs(SECONDS);

export const options = {
  ...LEAN,
  scenarios: {
    clicks: {
      executor: 'ramping-arrival-rate',
      exec: 'clicks',
      startRate: RATE,
      timeUnit: '1s',
      stages: [
        { target: RATE, duration: `${CALM}s` },
        { target: RATE * FACTOR, duration: `${SLOPE}s` },
        { target: RATE * FACTOR, duration: `${TOP}s` },
        { target: RATE, duration: `${SLOPE}s` },
        { target: RATE, duration: `${CALM}s` },
      ],
      preAllocatedVUs: 100,
      maxVUs: 1000,
    },
    watch: { executor: 'per-vu-iterations', vus: 1, iterations: 1, exec: 'look', maxDuration: `${SECONDS + 60}s` },
  },
  teardownTimeout: '300s',
  thresholds: {
    ...BALANCED,
    ...intervalThresholds(),
    // In the spike a click may wait, but no client gives up on it (5 s is a common timeout).
    'http_req_duration{scenario:clicks}': ['p(99)<2000'],
    // What the spike left behind is counted soon after.
    seconds_until_settled: ['value<30'],
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
  const title = `${RATE} clicks a second, ${FACTOR} times that within a second, and back`;
  return summarize('spike', data, { title, intervalMs: INTERVAL_MS, rows: beforeAndAfter });
}

function beforeAndAfter(metrics) {
  const found = intervalsOf(metrics, CLICK_LATENCY, INTERVAL_MS);
  const worst = (from, to) =>
    Math.max(0, ...found.filter(({ at }) => at >= from && at < to).map(({ values }) => values['p(99)'])).toFixed(1);
  const after = CALM + SLOPE + TOP + SLOPE;
  return [
    ['p99 before', worst(2, CALM - 1), 'ms, the worst half second'],
    ['p99 in it', worst(CALM, after), 'ms'],
    ['p99 after', worst(after + 2, SECONDS), 'ms, from two seconds after its end'],
  ];
}
