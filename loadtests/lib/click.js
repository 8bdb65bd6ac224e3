// Clicks that are unique without any coordination: an id is made of the run, the VU and the VU's own counter.
//
//   click  <scattered counter>-<vu>-4000-8000-<run>     ad  <vu>-0000-4000-8000-<run>
//
// The first part is scattered because ids in order would be kinder to the database's index than real ones are.

import { randomBytes } from 'k6/crypto';

const PROBE = 'ffffffff';

// 12 hexadecimal digits; two runs share them once in 2^48.
export function newRun() {
  return hex(randomBytes(6));
}

// The ad whose clicks a VU sends. `vu`: exec.vu.idInTest.
export function adOf(run, vu) {
  return `${digits(vu, 8)}-0000-4000-8000-${run}`;
}

// The ad of the clicks that measure how long a click takes to become visible.
export function probeAdOf(run) {
  return `${PROBE}-0000-4000-8000-${run}`;
}

export function belongsTo(run, ad) {
  return ad.endsWith(run);
}

// Makes a VU's clicks, as JSON text. It runs once a request beside the service it measures, so it is built to be cheap:
// all that stays is joined beforehand, and the date is formatted once a second.
export class ClickSource {
  constructor(run, vu, ad = adOf(run, vu)) {
    this.salt = (vu & 0xffff) << 16;
    this.count = 0;
    this.second = -1;
    this.date = '';
    this.middle =
      `-${digits(vu & 0xffff, 4)}-4${digits((vu >>> 16) & 0xfff, 3)}-8000-${run}","ad_id":"${ad}",` +
      `"name":"load test","ip":"10.${(vu >>> 16) & 255}.${(vu >>> 8) & 255}.${vu & 255}","timestamp":"`;
  }

  // `now`: milliseconds since 1970.
  next(now) {
    const second = Math.floor(now / 1000);
    if (second !== this.second) {
      this.second = second;
      this.date = new Date(second * 1000).toISOString().slice(0, 20);
    }
    const id = scatter(this.salt + this.count++);
    return `{"clickId":"${id}${this.middle}${this.date}${String(1000 + (now % 1000)).slice(1)}Z"}`;
  }
}

// Each step can be undone, so two counters never meet in one id (the finalizer of Chris Wellons' "lowbias32").
export function scatter(counter) {
  let x = counter ^ (counter >>> 16);
  x = Math.imul(x, 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return digits((x ^ (x >>> 16)) >>> 0, 8);
}

function digits(value, width) {
  return (2 ** (4 * width) + value).toString(16).slice(1);
}

function hex(buffer) {
  return Array.from(new Uint8Array(buffer), (byte) => digits(byte, 2)).join('');
}
