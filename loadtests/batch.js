// The batch endpoint: how many clicks a second, when each request brings many?
//
//   k6 run -e BATCH=500 -e USERS=8 -e SECONDS=20 batch.js
//
// BATCH: clicks in a request. USERS: who send them, each as fast as it is answered.

import exec from 'k6/execution';

import { oneBatch } from './lib/arrivals.js';
import { IntervalClock, intervalMs, intervalThresholds } from './lib/intervals.js';
import { BALANCED } from './lib/ledger.js';
import { begin, end } from './lib/run.js';
import { LEAN } from './lib/send.js';
import { requireGoodSettings, whole } from './lib/settings.js';
import { summarize } from './lib/summary.js';
import { watch } from './lib/watch.js';

const BATCH = whole('BATCH', 500, 1, 1000);
const USERS = whole('USERS', 8, 1, 1000);
const SECONDS = whole('SECONDS', 20, 1, 3600);
requireGoodSettings();

const INTERVAL_MS = intervalMs(SECONDS);

export const options = {
  ...LEAN,
  scenarios: {
    clicks: { executor: 'constant-vus', vus: USERS, duration: `${SECONDS}s`, exec: 'clicks' },
    watch: { executor: 'per-vu-iterations', vus: 1, iterations: 1, exec: 'look', maxDuration: `${SECONDS + 60}s` },
  },
  teardownTimeout: '300s',
  thresholds: {
    ...BALANCED,
    ...intervalThresholds(),
    // Senders of batches are servers, with a timeout of seconds: half of the usual 5 s.
    'http_req_duration{scenario:clicks}': ['p(99)<2500'],
  },
};

export const setup = begin;

export function clicks(setupData) {
  oneBatch(setupData, INTERVAL_MS, BATCH);
}

export function look(setupData) {
  const clock = new IntervalClock(setupData.start, INTERVAL_MS);
  watch(setupData, exec.vu.idInTest, clock, (_, now) => now - setupData.start > SECONDS * 1000);
}

export const teardown = (setupData) => end(setupData);

export function handleSummary(data) {
  const title = `Batches of ${BATCH} from ${USERS} senders for ${SECONDS} s`;
  return summarize('batch', data, { title, intervalMs: INTERVAL_MS, clicksPerAnswer: BATCH });
}
