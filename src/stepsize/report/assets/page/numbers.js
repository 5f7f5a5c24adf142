/* Numbers as axes and labels write them, and what an axis shows. */
const powers = (n) => [...String(n)].map((c) => ({ "-": "⁻" })[c] ?? "⁰¹²³⁴⁵⁶⁷⁸⁹"[c]).join("");
function brief(v) {
  if (v === 0) return "0";
  const size = Math.log10(Math.abs(v));
  if (size > -4 && size < 5) return String(+v.toPrecision(3));
  const power = Math.floor(size + 1e-9), digits = +(v / 10 ** power).toPrecision(3);
  return (digits === 1 ? "" : digits + "·") + "10" + powers(power);
}

/* Ticks of a log axis: whole powers over many decades, 1-2-5 over few, even steps within one. */
function ticks(low, high, most) {
  const decades = Math.log10(high / low), places = [];
  if (!(low > 0) || !isFinite(decades)) return places;
  if (decades < 0.6) {
    const raw = (high - low) / 4, unit = 10 ** Math.floor(Math.log10(raw));
    const step = unit * [1, 2, 5, 10].find((m) => m * unit >= raw * 0.999);
    for (let n = Math.ceil(low / step); n * step <= high * 1.0001 && places.length < 20; n++) places.push(+(n * step).toPrecision(8));
    return places;
  }
  const jump = Math.max(1, Math.ceil(decades / most)), parts = decades < 2.6 ? [1, 2, 5] : [1];
  for (let p = Math.floor(Math.log10(low)); p <= Math.ceil(Math.log10(high)); p++) {
    if (p % jump) continue;
    for (const m of parts) {
      const v = m * 10 ** p;
      if (v >= low * 0.9999 && v <= high * 1.0001) places.push(+v.toPrecision(8));
    }
  }
  return places;
}

/* What an axis shows of values from low to high, with a share `top` of it left free above them. */
function padded(low, high, log, top = 0) {
  if (low == null || high == null || (log && !(low > 0))) return log ? [0.1, 1] : [0, 1];
  const a = log ? Math.log10(low) : low, b = log ? Math.log10(Math.max(high, low)) : Math.max(high, low);
  const least = log ? 0.08 : Math.abs(b) * (a === b ? 1 : 1e-3) || 1, room = Math.max(b - a, least) * 0.05, span = b - a + 2 * room;
  const ends = [a - room, b + room + (span * top) / (1 - top)];
  if (log) return ends.map((v) => 10 ** v);
  return [low >= 0 ? Math.max(0, ends[0]) : ends[0], ends[1]];
}

/* What a log axis can show: numbers above 0. */
const positive = (values, log) => (log ? values.map((v) => (v > 0 ? v : null)) : values);

/* Columns over steps, without what a log axis of steps cannot show. */
function cut(log, steps, ...columns) {
  const from = log ? steps.findIndex((t) => t > 0) : 0;
  return [steps, ...columns].map((column) => (from < 0 ? [] : column.slice(from)));
}
