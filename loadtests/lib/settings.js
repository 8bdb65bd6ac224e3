// What the scripts are told by their environment (k6 run -e NAME=value …). All wrong settings are reported at once.

const problems = [];

export const BASE_URL = url('BASE_URL', 'http://localhost:8080');
// In a cluster without an ingress the two services have two addresses.
export const INGEST_URL = url('INGEST_URL', BASE_URL);
export const ANALYTICS_URL = url('ANALYTICS_URL', BASE_URL);

// How long after the last answer the clicks may take to be queryable before they count as lost.
export const SETTLE_SECONDS = whole('SETTLE_SECONDS', 60, 1, 3600);

// import.meta.resolve gives a URL, in which a space is %20.
const RESULTS = __ENV.RESULTS || decodeURIComponent(import.meta.resolve('../results').replace('file://', ''));
requireFolder(RESULTS);

// The path of a file of results without its ending. k6 makes no folders: RESULTS has to exist.
export function resultPath(name) {
  return `${RESULTS}/${name}`;
}

export function whole(name, byDefault, low, high) {
  const text = __ENV[name] || String(byDefault);
  if (!/^[0-9]{1,9}$/.test(text) || Number(text) < low || Number(text) > high) {
    problems.push(`${name} must be a whole number from ${low} to ${high}, not "${text}"`);
  }
  return Number(text);
}

export function oneOf(name, choices, byDefault) {
  const text = __ENV[name] || byDefault;
  if (!choices.includes(text)) problems.push(`${name} must be one of ${choices.join(', ')}, not "${text}"`);
  return text;
}

// Call it once, after the last setting was read.
export function requireGoodSettings() {
  if (problems.length > 0) throw new Error(problems.join('\n'));
}

// k6 logs a result that it can't write, and ends with 0 all the same. Nothing here can ask for a folder but open(), whose
// error tells a folder from a path with nothing there.
function requireFolder(path) {
  try {
    // Of a relative path, open() would look from this file, and the result be written from where k6 was started.
    if (path.startsWith('/')) open(path);
  } catch (error) {
    if (String(error).includes("can't be used with directories")) return;
  }
  problems.push(`RESULTS must be the absolute path of a folder that exists, not "${path}"`);
}

function url(name, byDefault) {
  const text = (__ENV[name] || byDefault).replace(/\/+$/, '');
  if (!/^https?:\/\/[^/]+/.test(text)) problems.push(`${name} must be a URL such as http://localhost:8080, not "${text}"`);
  return text;
}
