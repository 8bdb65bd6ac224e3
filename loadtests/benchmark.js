// The published benchmark: N users send N clicks each. Is every one of them counted, once, and when can it be queried?
//
//   k6 run benchmark.js                              300 users × 300 clicks, as fast as it goes
//   k6 run -e ROW=100 -e PACE=paced benchmark.js     100 × 100, spread over 50 seconds as in the published result
//
// ROW: users, and clicks of each (100, 200 and 300 are published). PACE: fast or paced. PACE_SECONDS: how long paced takes.
// P99_MS, VISIBLE_MS: the service level, where yours is another one.
// Ends with 0 only if every click was acknowledged, is queryable, and was counted once.

import { sleep } from 'k6';
import exec from 'k6/execution';

import { ClickSource } from './lib/click.js';
import { IntervalClock, intervalMs, intervalThresholds } from './lib/intervals.js';
import { addCounts, addSpan, exactly } from './lib/ledger.js';
import { begin, end } from './lib/run.js';
import { LEAN, noCounts, sendClick } from './lib/send.js';
import { oneOf, requireGoodSettings, whole } from './lib/settings.js';
import { summarize } from './lib/summary.js';
import { noteAllQueryable, watch } from './lib/watch.js';

const ROW = whole('ROW', 300, 1, 2000);
const PACE = oneOf('PACE', ['fast', 'paced'], 'fast');
const PACE_SECONDS = whole('PACE_SECONDS', 50, 1, 3600);
// A browser waits for the answer before it follows the ad: a tenth of a second is what a person does not notice. As fast as
// it goes, every user waits for an answer before the next click, so the answer has the queue of all of them in it: clients
// give up after 5 s, and at less than half of that none does.
const P99_MS = whole('P99_MS', PACE === 'paced' ? 100 : 2000, 1, 60_000);
const VISIBLE_MS = whole('VISIBLE_MS', 1000, 1, 60_000);
requireGoodSettings();

const CLICKS = ROW * ROW;
const GAP_MS = PACE === 'paced' ? (PACE_SECONDS * 1000) / ROW : 0;
// As fast as it goes, 90,000 took 12 s on two cores; a slower machine only loses detail.
const INTERVAL_MS = intervalMs(PACE === 'paced' ? PACE_SECONDS + 10 : CLICKS / 3000);

const SERVICE_LEVEL = {
  paced: {
    'http_req_duration{scenario:clicks}': [`p(99)<${P99_MS}`],
    // A campaign that has spent its budget is stopped by these counts: a second of clicks is what may be given away.
    visible_after_ms: [`p(95)<${VISIBLE_MS}`],
  },
  fast: {
    'http_req_duration{scenario:clicks}': [`p(99)<${P99_MS}`],
    // The backlog that a burst leaves behind is gone about as soon as the burst: not a minute later.
    seconds_until_settled: ['value<30'],
  },
};

export const options = {
  ...LEAN,
  scenarios: {
    clicks: {
      executor: 'per-vu-iterations',
      vus: ROW,
      iterations: 1,
      exec: 'clicks',
      maxDuration: `${PACE_SECONDS + 600}s`,
    },
    watch: { executor: 'per-vu-iterations', vus: 1, iterations: 1, exec: 'look', maxDuration: `${PACE_SECONDS + 660}s` },
  },
  teardownTimeout: '300s',
  thresholds: {
    ...exactly(CLICKS),
    ...intervalThresholds(),
    ...SERVICE_LEVEL[PACE],
  },
};

export const setup = begin;

// One user: all of its clicks. One iteration, because k6's own work between iterations would be measured too.
export function clicks(setupData) {
  const vu = exec.vu.idInTest;
  const source = new ClickSource(setupData.run, vu);
  const clock = new IntervalClock(setupData.start, INTERVAL_MS);
  const counts = noCounts();
  // Users come in evenly, each at its own place in the gap.
  const begun = setupData.start + (GAP_MS * exec.scenario.iterationInTest) / ROW;
  const first = Date.now() - setupData.start;
  for (let index = 0; index < ROW; index++) {
    if (GAP_MS > 0) sleepUntil(begun + index * GAP_MS);
    const now = Date.now();
    clock.tick(now);
    sendClick(source.next(now), counts);
  }
  addCounts(counts);
  addSpan(first, Date.now() - setupData.start);
}

export function look(setupData) {
  const clock = new IntervalClock(setupData.start, INTERVAL_MS);
  if (watch(setupData, exec.vu.idInTest, clock, (seen) => seen >= CLICKS)) noteAllQueryable(setupData);
}

export function teardown(setupData) {
  end(setupData, ROW, ROW);
}

export function handleSummary(data) {
  return summarize(`benchmark-${ROW}x${ROW}-${PACE}`, data, {
    title: `${ROW} users × ${ROW} clicks, ${PACE === 'paced' ? `over ${PACE_SECONDS} s` : 'as fast as it goes'}`,
    intervalMs: INTERVAL_MS,
  });
}

function sleepUntil(instant) {
  const seconds = (instant - Date.now()) / 1000;
  if (seconds > 0) sleep(seconds);
}
