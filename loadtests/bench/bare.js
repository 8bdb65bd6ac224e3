// The benchmark's clicks against a server that does nothing with them: what the load generator and HTTP alone cost here.
//
// ROW, PACE and PACE_SECONDS as in ../benchmark.js.

import { sleep } from 'k6';
import exec from 'k6/execution';

import { ClickSource, newRun } from '../lib/click.js';
import { addSpan } from '../lib/ledger.js';
import { LEAN, noCounts, sendClick } from '../lib/send.js';
import { oneOf, requireGoodSettings, resultPath, whole } from '../lib/settings.js';

const ROW = whole('ROW', 300, 1, 2000);
const PACE = oneOf('PACE', ['fast', 'paced'], 'fast');
const PACE_SECONDS = whole('PACE_SECONDS', 50, 1, 3600);
requireGoodSettings();

const GAP_MS = PACE === 'paced' ? (PACE_SECONDS * 1000) / ROW : 0;

export const options = {
  ...LEAN,
  scenarios: {
    clicks: { executor: 'per-vu-iterations', vus: ROW, iterations: 1, exec: 'clicks', maxDuration: `${PACE_SECONDS + 600}s` },
  },
  thresholds: { 'http_req_duration{scenario:clicks}': [] },
};

export function setup() {
  return { run: newRun(), start: Date.now() };
}

export function clicks(setupData) {
  const source = new ClickSource(setupData.run, exec.vu.idInTest);
  const counts = noCounts();
  const begun = setupData.start + (GAP_MS * exec.scenario.iterationInTest) / ROW;
  const first = Date.now() - setupData.start;
  for (let index = 0; index < ROW; index++) {
    const early = (begun + index * GAP_MS - Date.now()) / 1000;
    if (GAP_MS > 0 && early > 0) sleep(early);
    sendClick(source.next(Date.now()), counts);
  }
  addSpan(first, Date.now() - setupData.start);
}

export function handleSummary({ metrics }) {
  const latency = metrics['http_req_duration{scenario:clicks}'].values;
  const result = {
    seconds: (metrics.last_answered_ms.values.max - metrics.first_sent_ms.values.min) / 1000,
    p50_ms: latency.med,
    p99_ms: latency['p(99)'],
  };
  return { [`${resultPath('bare')}.json`]: JSON.stringify(result) };
}
