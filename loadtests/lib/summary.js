// A run's result as text, JSON and a page to look at.

import { CLICK_LATENCY, intervalsOf } from './intervals.js';
import { page } from './page.js';
import { resultPath } from './settings.js';

// For handleSummary(). `name`: of the files; `about`: {title, intervalMs, clicksPerAnswer (1), rows: what makes the
// script's own [[what, value, unit]] of the metrics}.
export function summarize(name, data, about) {
  const result = resultOf(name, data, about);
  const path = resultPath(name);
  return {
    stdout: text(result, path),
    [`${path}.txt`]: text(result, path),
    [`${path}.json`]: JSON.stringify(result, null, 1),
    [`${path}.html`]: page(result),
  };
}

function resultOf(name, data, about) {
  const metrics = data.metrics;
  const ledger = ledgerOf(metrics);
  const begun = value(metrics, 'first_sent_ms', 'min') || 0;
  const answered = secondsSince(begun, value(metrics, 'last_answered_ms', 'max'));
  return {
    name,
    title: about.title,
    finished_at: new Date().toISOString(),
    passed: failures(metrics).length === 0,
    failures: failures(metrics),
    ledger,
    seconds: {
      answered,
      queryable: secondsSince(begun, value(metrics, 'all_queryable_ms', 'value')),
      settled_after_end: value(metrics, 'seconds_until_settled', 'value'),
    },
    answers_per_second: answered ? ledger.acknowledged / answered : null,
    latency_ms: trend(metrics, `${CLICK_LATENCY}}`),
    visible_after_ms: trend(metrics, 'visible_after_ms'),
    read_latency_ms: trend(metrics, 'http_req_duration{scenario:reads}'),
    own: about.rows ? about.rows(metrics) : [],
    over_time: overTime(metrics, about.intervalMs, about.clicksPerAnswer || 1),
  };
}

function ledgerOf(metrics) {
  const count = (name) => value(metrics, name, 'count') || 0;
  const [sent, acknowledged, queryable] = ['clicks_sent', 'clicks_acknowledged', 'clicks_queryable'].map(count);
  return {
    sent,
    acknowledged,
    refused: count('clicks_refused'),
    retried: count('clicks_retried'),
    queryable,
    // Where it is known what each ad must have, one ad's loss can't hide behind another's surplus.
    lost: Math.max(count('clicks_lost'), acknowledged - queryable, 0),
    counted_twice: Math.max(count('clicks_counted_twice'), queryable - sent, 0),
    duplicates_in_kafka: value(metrics, 'duplicates_in_kafka', 'value'),
    audit_adds_up: value(metrics, 'audit_adds_up', 'value') === 1,
  };
}

// A row an interval: {at, seconds, answers, p50, p95, p99, acknowledged, queryable, waiting, lag}; null: not known.
function overTime(metrics, intervalMs, clicksPerAnswer) {
  const latencies = byTime(intervalsOf(metrics, CLICK_LATENCY, intervalMs));
  const seen = byTime(intervalsOf(metrics, 'queryable_now', intervalMs));
  const lags = byTime(intervalsOf(metrics, 'kafka_lag', intervalMs));
  const times = [...new Set([latencies, seen, lags].flatMap((map) => [...map.keys()]))].sort((a, b) => a - b);
  let acknowledged = 0;
  return times.map((at) => {
    const latency = latencies.get(at) || { count: 0 };
    const queryable = seen.has(at) ? seen.get(at).max : null;
    acknowledged += latency.count * clicksPerAnswer;
    return {
      at,
      seconds: intervalMs / 1000,
      answers: latency.count * clicksPerAnswer,
      p50: nullable(latency.med),
      p95: nullable(latency['p(95)']),
      p99: nullable(latency['p(99)']),
      acknowledged,
      queryable,
      waiting: queryable === null ? null : Math.max(0, acknowledged - queryable),
      lag: lags.has(at) ? lags.get(at).max : null,
    };
  });
}

function text(result, path) {
  const { ledger, seconds, latency_ms: latency, visible_after_ms: visible } = result;
  const lines = [
    `${result.title}: ${result.passed ? 'PASSED' : 'FAILED'}`,
    ...result.failures.map((failure) => `  failed: ${failure}`),
    row('sent', ledger.sent, 'clicks'),
    row('acknowledged', ledger.acknowledged, `clicks (${ledger.retried} sent again, ${ledger.refused} refused)`),
    row('queryable', ledger.queryable, 'clicks'),
    row('lost', ledger.lost, 'clicks'),
    row('counted twice', ledger.counted_twice, 'clicks'),
    row('duplicates', ledger.duplicates_in_kafka, 'records in Kafka, not counted'),
    row('audit', ledger.audit_adds_up ? 'adds up' : 'DOES NOT ADD UP', ''),
    row('answered', fixed(seconds.answered), `s after the first click (${fixed(result.answers_per_second, 0)}/s)`),
    row('queryable', fixed(seconds.queryable), 's after the first click, all of it'),
    row('settled', fixed(seconds.settled_after_end), 's after the last'),
    latency && row('latency', percentiles(latency), 'ms (p50, p95, p99, max)'),
    visible && row('visible after', percentiles(visible), 'ms (p50, p95, p99, max), of clicks one at a time'),
    ...result.own.map(([what, found, unit]) => row(what, found, unit)),
    `  ${path}.html`,
  ];
  return `\n${lines.filter(Boolean).join('\n')}\n\n`;
}

function row(what, found, unit) {
  return `  ${what.padEnd(15)} ${String(found).padStart(10)} ${unit}`;
}

function percentiles(values) {
  return ['p50', 'p95', 'p99', 'max'].map((name) => fixed(values[name], 1)).join('  ');
}

function failures(metrics) {
  const found = [];
  for (const [name, metric] of Object.entries(metrics)) {
    for (const [rule, outcome] of Object.entries(metric.thresholds || {})) {
      if (!outcome.ok) found.push(`${name}: ${rule}`);
    }
  }
  return found;
}

function trend(metrics, name) {
  const values = metrics[name] && metrics[name].values;
  if (!values || !values.count) return null;
  return { p50: values.med, p95: values['p(95)'], p99: values['p(99)'], max: values.max, count: values.count };
}

export function value(metrics, name, field) {
  return metrics[name] ? nullable(metrics[name].values[field]) : null;
}

function byTime(intervals) {
  return new Map(intervals.map(({ at, values }) => [at, values]));
}

function secondsSince(begun, ms) {
  return ms === null ? null : (ms - begun) / 1000;
}

function nullable(found) {
  return found === undefined ? null : found;
}

function fixed(number, places = 2) {
  return number === null || number === undefined ? '–' : number.toFixed(places);
}
