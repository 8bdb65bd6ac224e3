// Line charts as SVG: no library, nothing to load, so that a page can be sent around as one file.

const [WIDTH, HEIGHT] = [720, 240];
const EDGE = { left: 64, right: 16, top: 12, bottom: 34 };
const TICKS = 4;

// `series`: [{name, colour, points: [[x, y]]}], y null where there is no value. `unit`: of y; x is in seconds.
export function lineChart(title, unit, series) {
  const points = series.flatMap((one) => one.points).filter(([, y]) => y !== null);
  if (points.length === 0) return '';
  const scale = scaleOf(points);
  return `<figure><figcaption>${escape(title)} <small>${escape(unit)}</small> ${legend(series)}</figcaption>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escape(title)}">
${grid(scale)}
${series.map((one) => line(one, scale, unit)).join('\n')}
</svg></figure>`;
}

function scaleOf(points) {
  const xMax = Math.max(...points.map(([x]) => x)) || 1;
  const step = niceStep(Math.max(...points.map(([, y]) => y)) || 1);
  const yMax = step * TICKS;
  return {
    xMax,
    yMax,
    x: (value) => EDGE.left + (value / xMax) * (WIDTH - EDGE.left - EDGE.right),
    y: (value) => HEIGHT - EDGE.bottom - (value / yMax) * (HEIGHT - EDGE.top - EDGE.bottom),
  };
}

// The smallest of 1, 2, 2.5, 5 × 10^n of which TICKS reach `max`.
function niceStep(max) {
  const power = 10 ** Math.floor(Math.log10(max / TICKS));
  return [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((step) => step * TICKS >= max);
}

function grid({ x, y, xMax, yMax }) {
  const lines = [];
  for (let tick = 0; tick <= TICKS; tick++) {
    const value = (yMax * tick) / TICKS;
    lines.push(`<line class="grid" x1="${EDGE.left}" x2="${WIDTH - EDGE.right}" y1="${at(y(value))}" y2="${at(y(value))}"/>`);
    lines.push(`<text x="${EDGE.left - 8}" y="${at(y(value) + 4)}" text-anchor="end">${short(value)}</text>`);
    const second = (xMax * tick) / TICKS;
    lines.push(`<text x="${at(x(second))}" y="${HEIGHT - 12}" text-anchor="middle">${short(second)} s</text>`);
  }
  return lines.join('\n');
}

function line({ name, colour, points }, { x, y }, unit) {
  const known = points.filter(([, value]) => value !== null);
  const path = known.map(([second, value]) => `${at(x(second))},${at(y(value))}`).join(' ');
  const dots = known.map(
    ([second, value]) =>
      `<circle cx="${at(x(second))}" cy="${at(y(value))}" r="2.5" fill="${colour}">` +
      `<title>${escape(name)}: ${short(value)} ${escape(unit)} at ${short(second)} s</title></circle>`,
  );
  return `<polyline fill="none" stroke="${colour}" stroke-width="2" points="${path}"/>${dots.join('')}`;
}

function legend(series) {
  return series.map(({ name, colour }) => `<span style="color:${colour}">● ${escape(name)}</span>`).join(' ');
}

function short(value) {
  if (value >= 10_000) return `${Number((value / 1000).toFixed(1))}k`;
  return String(Number(value.toFixed(value < 10 ? 2 : 0)));
}

function at(position) {
  return position.toFixed(1);
}

export function escape(text) {
  return String(text).replace(/[&<>"]/g, (sign) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[sign]);
}
