// Reading: any range of up to a year, of any ad, while clicks go on coming in. Is it fast, and does it add up?
//
//   k6 run -e READS=500 -e WRITES=100 -e SECONDS=30 analytics.js
//
// READS and WRITES: requests a second. DAYS: how far back ranges reach; `make bench ONLY=P5` fills a store with such a history.

import http from 'k6/http';
import { Counter } from 'k6/metrics';
import exec from 'k6/execution';

import { oneClick } from './lib/arrivals.js';
import { intervalMs, intervalThresholds } from './lib/intervals.js';
import { BALANCED } from './lib/ledger.js';
import { begin, end } from './lib/run.js';
import { LEAN } from './lib/send.js';
import { ANALYTICS_URL, requireGoodSettings, whole } from './lib/settings.js';
import { summarize } from './lib/summary.js';

const READS = whole('READS', 500, 1, 100_000);
const WRITES = whole('WRITES', 100, 0, 100_000);
const SECONDS = whole('SECONDS', 30, 1, 3600);
const DAYS = whole('DAYS', 365, 1, 3650);
const P99_MS = whole('P99_MS', 50, 1, 60_000);
requireGoodSettings();

const INTERVAL_MS = intervalMs(SECONDS);
const ADS_MAX = 1000;
const PROOFS = 50;
const DAY_MS = 86_400_000;

const failed = new Counter('reads_failed');
const wrong = new Counter('ranges_wrong');
const proved = new Counter('ranges_proved');

const reads = {
  executor: 'constant-arrival-rate',
  rate: READS,
  duration: `${SECONDS}s`,
  preAllocatedVUs: Math.min(50, READS),
  maxVUs: 500,
  exec: 'read',
};
const clicks = { ...reads, rate: WRITES, preAllocatedVUs: 10, exec: 'click' };

export const options = {
  ...LEAN,
  scenarios: WRITES > 0 ? { reads, clicks } : { reads },
  setupTimeout: '120s',
  teardownTimeout: '300s',
  thresholds: {
    ...BALANCED,
    ...intervalThresholds(),
    // A page of a report asks for a dozen ranges one after the other; half a second for all is what feels immediate.
    'http_req_duration{scenario:reads}': [`p(99)<${P99_MS}`],
    reads_failed: ['count==0'],
    // Two ranges that touch count together what the whole counts: sums and raw clicks agree.
    ranges_wrong: ['count==0'],
    ranges_proved: [`count==${PROOFS}`],
  },
};

export function setup() {
  const data = begin();
  const ads = http.get(`${ANALYTICS_URL}/ads/analytics`, { responseType: 'text' }).json().data;
  return { ...data, ads: ads.slice(0, ADS_MAX).map((ad) => ad.ad_id) };
}

export function read(setupData) {
  const [begun, ended] = instants(setupData.start, 2);
  const answer = http.get(rangeUrl(anyOf(setupData.ads), begun, ended));
  if (answer.status !== 200) failed.add(1);
}

export function click(setupData) {
  oneClick(setupData, INTERVAL_MS);
}

export function teardown(setupData) {
  end(setupData);
  for (let index = 0; index < PROOFS; index++) {
    const ad = anyOf(setupData.ads);
    const [begun, middle, ended] = instants(setupData.start, 3);
    const parts = count(ad, begun, middle) + count(ad, middle, ended);
    if (parts !== count(ad, begun, ended)) wrong.add(1);
    proved.add(1);
  }
}

export function handleSummary(data) {
  const title = `${READS} range queries a second over ${DAYS} days, ${WRITES} clicks a second beside`;
  return summarize('analytics', data, { title, intervalMs: INTERVAL_MS, rows: readRows });
}

function readRows(metrics) {
  const { values } = metrics['http_req_duration{scenario:reads}'];
  return [
    ['reads', values.count, `range queries, ${(values.count / SECONDS).toFixed(0)} a second`],
    ['read p50', values.med.toFixed(2), 'ms'],
    ['read p95', values['p(95)'].toFixed(2), 'ms'],
    ['read p99', values['p(99)'].toFixed(2), 'ms'],
    ['ranges proved', metrics.ranges_proved.values.count, 'two parts count what the whole counts'],
  ];
}

// `many` instants in order, somewhere in the last DAYS, none after the run's start: what they enclose no longer changes.
function instants(start, many) {
  const found = [];
  for (let index = 0; index < many; index++) found.push(start - Math.floor(Math.random() * DAYS * DAY_MS) - index);
  return found.sort((a, b) => a - b).map((ms) => new Date(ms).toISOString());
}

function count(ad, begun, ended) {
  return http.get(rangeUrl(ad, begun, ended), { responseType: 'text' }).json().data.totalclicks;
}

function rangeUrl(ad, begun, ended) {
  return `${ANALYTICS_URL}/ads/${ad}/analytics?start=${begun}&end=${ended}`;
}

function anyOf(ads) {
  if (ads.length === 0) exec.test.abort('there is no ad to ask about');
  return ads[Math.floor(Math.random() * ads.length)];
}
