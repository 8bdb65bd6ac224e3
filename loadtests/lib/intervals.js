// A run cut into intervals, so that the summary can show what happened when. k6 adds up the samples of a metric only by tags
// that a threshold names: each interval is the tag `t`, and gets a threshold that asks for nothing.

import exec from 'k6/execution';

const INTERVALS = 60;
export const CLICK_LATENCY = 'http_req_duration{scenario:clicks';
const OVER_TIME = [CLICK_LATENCY, 'queryable_now', 'kafka_lag'];

// `seconds`: how long the run is expected to take; what comes later falls into the last interval.
export function intervalMs(seconds) {
  return Math.max(500, Math.ceil((seconds * 1000) / INTERVALS / 500) * 500);
}

// Thresholds for each interval of the trends that a summary shows over time.
export function intervalThresholds() {
  const thresholds = { [`${CLICK_LATENCY}}`]: [] };
  for (const name of OVER_TIME) {
    for (let interval = 0; interval < INTERVALS; interval++) thresholds[intervalName(name, interval)] = [];
  }
  return thresholds;
}

// [{at: seconds since the start, values}] of the intervals that have samples.
export function intervalsOf(metrics, name, lengthMs) {
  const found = [];
  for (let interval = 0; interval < INTERVALS; interval++) {
    const metric = metrics[intervalName(name, interval)];
    if (metric && metric.values && metric.values.count > 0) {
      found.push({ at: (interval * lengthMs) / 1000, values: metric.values });
    }
  }
  return found;
}

// Tags a VU's samples with the interval that it is in. Cheap where the interval stays the same.
export class IntervalClock {
  constructor(start, lengthMs) {
    this.start = start;
    this.lengthMs = lengthMs;
    this.next = -1;
  }

  tick(now) {
    if (now < this.next) return;
    const interval = Math.max(0, Math.min(INTERVALS - 1, Math.floor((now - this.start) / this.lengthMs)));
    this.next = interval === INTERVALS - 1 ? Infinity : this.start + (interval + 1) * this.lengthMs;
    exec.vu.metrics.tags.t = String(interval);
  }
}

function intervalName(name, interval) {
  return name.includes('{') ? `${name},t:${interval}}` : `${name}{t:${interval}}`;
}
