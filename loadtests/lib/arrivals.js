// Clicks that arrive at a rate of their own, whether or not the last ones are answered: as in the world, and unlike users that
// wait for an answer before they click again.

import exec from 'k6/execution';

import { ClickSource } from './click.js';
import { IntervalClock } from './intervals.js';
import { addCounts, addSpan } from './ledger.js';
import { noCounts, sendBatch, sendClick } from './send.js';

// What a VU keeps between its iterations.
let source;
let clock;

// One click. `lengthMs`: of an interval.
export function oneClick(setup, lengthMs) {
  const now = start(setup, lengthMs);
  const counts = noCounts();
  sendClick(source.next(now), counts);
  finish(setup, now, counts);
}

// `size` clicks in one request, a line each.
export function oneBatch(setup, lengthMs, size) {
  const now = start(setup, lengthMs);
  const counts = noCounts();
  const lines = [];
  for (let index = 0; index < size; index++) lines.push(source.next(now));
  sendBatch(lines.join('\n'), size, counts);
  finish(setup, now, counts);
}

function start(setup, lengthMs) {
  if (source === undefined) {
    source = new ClickSource(setup.run, exec.vu.idInTest);
    clock = new IntervalClock(setup.start, lengthMs);
  }
  const now = Date.now();
  clock.tick(now);
  return now;
}

function finish(setup, now, counts) {
  addCounts(counts);
  addSpan(now - setup.start, Date.now() - setup.start);
}
