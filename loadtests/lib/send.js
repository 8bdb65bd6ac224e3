// Sending clicks as a good client does: what is answered 503 or not at all is sent again, with the same click id.

import http from 'k6/http';
import { sleep } from 'k6';

import { INGEST_URL } from './settings.js';

// With the waits between them about 20 s, longer than a broker's restart.
const TRIES_MAX = 12;
const FIRST_WAIT_SECONDS = 0.1;
const LONGEST_WAIT_SECONDS = 2;

const CLICK_URL = `${INGEST_URL}/ads/click`;
const BATCH_URL = `${INGEST_URL}/ads/clicks`;
const JSON_BODY = { headers: { 'Content-Type': 'application/json' }, timeout: '10s' };
const LINES_BODY = { headers: { 'Content-Type': 'application/x-ndjson' }, timeout: '10s' };

// What every script has in common: few tags and no bodies, because k6 shares the machine with what it measures.
export const LEAN = {
  discardResponseBodies: true,
  systemTags: ['scenario'],
  summaryTrendStats: ['avg', 'min', 'med', 'p(95)', 'p(99)', 'max', 'count'],
};

// k6's own idea of a failed request would cost a sample a request; the ledger knows better.
http.setResponseCallback(null);

// One click; true when it was acknowledged. `counts`: the VU's own.
export function sendClick(body, counts) {
  counts.sent++;
  return send(CLICK_URL, body, JSON_BODY, counts, 1);
}

// Many clicks, a line each.
export function sendBatch(lines, clicks, counts) {
  counts.sent += clicks;
  return send(BATCH_URL, lines, LINES_BODY, counts, clicks);
}

export function noCounts() {
  return { sent: 0, acknowledged: 0, retried: 0, refused: 0 };
}

function send(url, body, params, counts, clicks) {
  for (let attempt = 1; ; attempt++) {
    const status = http.post(url, body, params).status;
    if (status === 202) {
      counts.acknowledged += clicks;
      return true;
    }
    // 4xx is this test's own fault: sending it again would not help.
    if ((status >= 400 && status < 500) || attempt === TRIES_MAX) {
      counts.refused += clicks;
      return false;
    }
    counts.retried += clicks;
    wait(attempt);
  }
}

function wait(attempt) {
  const seconds = Math.min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2 ** (attempt - 1));
  sleep(seconds * (0.5 + Math.random()));
}
