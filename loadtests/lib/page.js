// The page of a run: its verdict, its ledger, and what happened when. One file that needs nothing else.

import { escape, lineChart } from './chart.js';

const STYLE = `
body{font:15px/1.5 system-ui,sans-serif;max-width:760px;margin:2rem auto;padding:0 1rem;color:#1c2430;background:#fff}
h1{font-size:1.4rem;margin-bottom:0}.when{color:#667085;margin-top:0}
.verdict{display:inline-block;padding:.1rem .7rem;border-radius:1rem;color:#fff;font-weight:600}
.passed{background:#18794e}.failed{background:#b42318}
table{border-collapse:collapse;width:100%;margin:1rem 0}td{padding:.25rem .5rem;border-bottom:1px solid #e4e7ec}
td:nth-child(2){text-align:right;font-variant-numeric:tabular-nums;font-weight:600}td:nth-child(3){color:#667085}
figure{margin:1.5rem 0}figcaption{font-weight:600}figcaption small{color:#667085;font-weight:400}
figcaption span{font-weight:400;font-size:.85rem;margin-left:.7rem}
svg{width:100%;height:auto}svg text{font-size:11px;fill:#667085}.grid{stroke:#e4e7ec}
@media(prefers-color-scheme:dark){body{background:#12161c;color:#e6e9ef}td,.grid{border-color:#2b323c;stroke:#2b323c}}
`;

export function page(result) {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escape(result.title)}</title><style>${STYLE}</style></head><body>
<h1>${escape(result.title)}</h1><p class="when">${escape(result.finished_at)}</p>
<p><span class="verdict ${result.passed ? 'passed' : 'failed'}">${result.passed ? 'passed' : 'failed'}</span></p>
${result.failures.length > 0 ? `<ul>${result.failures.map((rule) => `<li>${escape(rule)}</li>`).join('')}</ul>` : ''}
${table(rows(result))}
${charts(result.over_time)}
</body></html>
`;
}

function rows({ ledger, seconds, latency_ms: latency, visible_after_ms: visible, answers_per_second: rate, own }) {
  return [
    ['sent', ledger.sent, 'clicks'],
    ['acknowledged', ledger.acknowledged, `${ledger.retried} sent again, ${ledger.refused} refused`],
    ['queryable', ledger.queryable, 'clicks, in GET /ads/analytics'],
    ['lost', ledger.lost, 'acknowledged, but not queryable'],
    ['counted twice', ledger.counted_twice, ''],
    ['duplicates', ledger.duplicates_in_kafka, 'records in Kafka that were not counted again'],
    ['audit', ledger.audit_adds_up ? 'adds up' : 'does not add up', 'consumed = stored + duplicates + rejected'],
    ['all answered', number(seconds.answered), `s after the first click; ${number(rate, 0)} a second`],
    ['all queryable', number(seconds.queryable), 's after the first click'],
    latency && ['latency p50', number(latency.p50, 1), 'ms'],
    latency && ['latency p99', number(latency.p99, 1), 'ms'],
    visible && ['visible after, p50', number(visible.p50, 0), 'ms from a click’s answer to its count'],
    visible && ['visible after, p99', number(visible.p99, 0), 'ms'],
    ...own,
  ].filter(Boolean);
}

function charts(rowsOverTime) {
  const line = (name, colour, of) => ({ name, colour, points: rowsOverTime.map((row) => [row.at, of(row)]) });
  return [
    lineChart('Latency', 'ms', [
      line('p50', '#2e90fa', (row) => row.p50),
      line('p95', '#f79009', (row) => row.p95),
      line('p99', '#d92d20', (row) => row.p99),
    ]),
    lineChart('Answers', 'a second', [line('rate', '#2e90fa', (row) => row.answers / row.seconds)]),
    lineChart('What was queryable when', 'clicks', [
      line('acknowledged', '#98a2b3', (row) => row.acknowledged),
      line('queryable', '#12b76a', (row) => row.queryable),
    ]),
    lineChart('Lag', 'clicks', [
      line('acknowledged, not yet queryable', '#7a5af8', (row) => row.waiting),
      line('Kafka’s lag', '#f79009', (row) => row.lag),
    ]),
  ].join('\n');
}

function table(found) {
  const cells = found.map((row) => `<tr>${row.map((cell) => `<td>${escape(cell)}</td>`).join('')}</tr>`);
  return `<table>${cells.join('')}</table>`;
}

function number(value, places = 2) {
  return value === null || value === undefined ? '–' : value.toFixed(places);
}
