// The test's own ledger: what was sent, what was acknowledged, and what became of it.

import { Counter, Gauge, Trend } from 'k6/metrics';

const sent = new Counter('clicks_sent');
const acknowledged = new Counter('clicks_acknowledged');
const retried = new Counter('clicks_retried');
const refused = new Counter('clicks_refused');
const queryable = new Counter('clicks_queryable');
const lost = new Counter('clicks_lost');
const twice = new Counter('clicks_counted_twice');
const duplicates = new Gauge('duplicates_in_kafka');
const addsUp = new Gauge('audit_adds_up');
const settleSeconds = new Gauge('seconds_until_settled');
// acknowledged − queryable and sent − queryable: k6 compares a metric with a number only, never with another metric.
const owed = new Counter('clicks_owed');
const spare = new Counter('clicks_spare');
const firstSent = new Trend('first_sent_ms');
const lastAnswered = new Trend('last_answered_ms');

// Adds a VU's counts. `sent` counts clicks, not requests: one that is sent again is the same click.
export function addCounts(counts) {
  sent.add(counts.sent);
  spare.add(counts.sent);
  acknowledged.add(counts.acknowledged);
  owed.add(counts.acknowledged);
  if (counts.retried > 0) retried.add(counts.retried);
  if (counts.refused > 0) refused.add(counts.refused);
}

// When a VU sent its first click and had its last answer; milliseconds since the run's start.
export function addSpan(first, last) {
  firstSent.add(first);
  lastAnswered.add(last);
}

// The verdict at the end. `settled`: see watch.js. `perAd`: how many clicks each ad must have, 0 where only sums are known.
export function close(settled, perAd) {
  queryable.add(settled.clicks);
  owed.add(-settled.clicks);
  spare.add(-settled.clicks);
  duplicates.add(settled.duplicates);
  addsUp.add(settled.addsUp ? 1 : 0);
  settleSeconds.add(settled.seconds);
  if (perAd > 0) {
    lost.add(sum(settled.byAd, (clicks) => Math.max(0, perAd - clicks)) + perAd * settled.missingAds);
    twice.add(sum(settled.byAd, (clicks) => Math.max(0, clicks - perAd)));
  }
}

// Where it is not known how many clicks each ad must have. The answers of a run that was cut short were not all counted.
export const BALANCED = {
  // What Kafka has acknowledged is never lost: an advertiser pays for it.
  clicks_owed: ['count<=0'],
  // No click counts twice, however often it was sent: an advertiser would pay twice.
  clicks_spare: ['count>=0'],
  // The service's own audit: every offset consumed is a click stored, a duplicate or a rejected record.
  audit_adds_up: ['value==1'],
};

// Where it is: `clicks` in all.
export function exactly(clicks) {
  return {
    // Every click is acknowledged in the end: a client that gets 503 sends it again.
    clicks_acknowledged: [`count==${clicks}`],
    // Every one is in GET /ads/analytics. It is added at the very end, so a test that got no verdict fails as well.
    clicks_queryable: [`count==${clicks}`],
    clicks_lost: ['count==0'],
    clicks_counted_twice: ['count==0'],
    audit_adds_up: ['value==1'],
  };
}

function sum(values, of) {
  return Object.values(values).reduce((total, value) => total + of(value), 0);
}
