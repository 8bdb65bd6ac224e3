// A run's beginning and end, alike in all scripts.

import { fail } from 'k6';

import { newRun } from './click.js';
import { close } from './ledger.js';
import { ANALYTICS_URL } from './settings.js';
import { readAudit, settle } from './watch.js';

// For setup(): the run's id, what the audit says before, and the time that all others are relative to.
export function begin() {
  const audit = readAudit();
  if (audit === null) {
    fail(`${ANALYTICS_URL}/audit does not answer. Is the pipeline running (make run)? Name another with -e BASE_URL=…`);
  }
  return { run: newRun(), duplicates: audit.total.duplicates, start: Date.now() };
}

// For teardown(): waits for the last click and draws the balance. `ads` ads must have `perAd` clicks each; 0: not known.
export function end(setup, ads = 0, perAd = 0) {
  close(settle(setup, ads, ads * perAd), perAd);
}
