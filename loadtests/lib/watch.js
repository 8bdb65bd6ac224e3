// Looking at what is queryable: while clicks are sent, and at the end until all of them are.

import http from 'k6/http';
import { sleep } from 'k6';
import { Gauge, Trend } from 'k6/metrics';

import { belongsTo, probeAdOf, ClickSource } from './click.js';
import { noCounts, sendClick } from './send.js';
import { ANALYTICS_URL, SETTLE_SECONDS } from './settings.js';

const TOTALS_URL = `${ANALYTICS_URL}/ads/analytics`;
const AUDIT_URL = `${ANALYTICS_URL}/audit`;
const TEXT = { responseType: 'text', timeout: '5s' };
const POLL_SECONDS = 0.1;
// Without one more click being counted for so long, it is left to the end to say what is missing.
const PATIENCE_MS = (SETTLE_SECONDS / 3) * 1000;

// Trends, because of a gauge nobody can tell whether it had a sample in an interval.
const queryableNow = new Trend('queryable_now');
const kafkaLag = new Trend('kafka_lag');
const visibleAfter = new Trend('visible_after_ms', true);
const allQueryable = new Gauge('all_queryable_ms');

// What GET /ads/analytics says of this run; null where it does not answer. `probe`: the clicks of the probe's ad.
export function look(run) {
  const document = get(TOTALS_URL);
  if (document === null) return null;
  const seen = { clicks: 0, probe: 0, byAd: {} };
  for (const ad of document.data) {
    if (!belongsTo(run, ad.ad_id)) continue;
    const clicks = Number(ad.total_clicks);
    if (ad.ad_id === probeAdOf(run)) seen.probe = clicks;
    else {
      seen.byAd[ad.ad_id] = clicks;
      seen.clicks += clicks;
    }
  }
  return seen;
}

export function readAudit() {
  const document = get(AUDIT_URL);
  return document === null ? null : document.data;
}

// Looks again and again, and sends clicks of its own: how long does one take from its answer to being visible? Ends when
// `isEnough(clicks, now)`, and then returns true, or when nothing moves any more. `clock`: an IntervalClock; `vu`: this VU's
// number.
export function watch(setup, vu, clock, isEnough) {
  const source = new ClickSource(setup.run, vu, probeAdOf(setup.run));
  let [probes, answeredAt, best, movedAt, auditAt] = [0, 0, -1, Date.now(), 0];
  for (;;) {
    const seen = look(setup.run);
    const now = Date.now();
    clock.tick(now);
    if (seen !== null) {
      queryableNow.add(seen.clicks);
      if (seen.clicks + seen.probe > best) [best, movedAt] = [seen.clicks + seen.probe, now];
      if (answeredAt > 0 && seen.probe >= probes) {
        visibleAfter.add(now - answeredAt);
        answeredAt = 0;
      }
      if (isEnough(seen.clicks, now)) return true;
    }
    if (now - movedAt > PATIENCE_MS) return false;
    if (now >= auditAt) {
      noteLag();
      auditAt = Date.now() + clock.lengthMs;
    }
    if (answeredAt === 0 && sendClick(source.next(now), noCounts())) {
      probes++;
      answeredAt = Date.now();
    }
    sleep(POLL_SECONDS);
  }
}

// From now on all clicks of the run are queryable.
export function noteAllQueryable(setup) {
  allQueryable.add(Date.now() - setup.start);
}

// Waits until the pipeline has taken in all that it got, at most SETTLE_SECONDS. Returns what is queryable then, and what
// the audit says. `ads`: how many ads the run has, `clicks`: how many clicks, 0 where nobody knows beforehand.
export function settle(setup, ads, clicks) {
  const start = Date.now();
  let [seen, audit, before] = [null, null, -1];
  for (;;) {
    seen = look(setup.run);
    audit = readAudit();
    const complete = seen !== null && audit !== null && audit.total.lag === 0 && seen.clicks === before;
    if (complete && seen.clicks >= clicks) break;
    if (Date.now() - start > SETTLE_SECONDS * 1000) break;
    before = seen === null ? -1 : seen.clicks;
    // Longer than the age that analytics allows its totals (250 ms by default).
    sleep(0.4);
  }
  const byAd = seen === null ? {} : seen.byAd;
  return {
    clicks: seen === null ? 0 : seen.clicks,
    byAd,
    missingAds: Math.max(0, ads - Object.keys(byAd).length),
    duplicates: audit === null ? -1 : audit.total.duplicates - setup.duplicates,
    addsUp: audit !== null && audit.addsUp,
    seconds: (Date.now() - start) / 1000,
  };
}

// The audit adds up whole tables, so it is asked once an interval.
function noteLag() {
  const audit = readAudit();
  if (audit !== null && audit.total.lag !== null) kafkaLag.add(audit.total.lag);
}

function get(url) {
  const answer = http.get(url, TEXT);
  if (answer.status !== 200) return null;
  return answer.json();
}
