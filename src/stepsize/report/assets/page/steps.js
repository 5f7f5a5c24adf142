/* Losses and rates over the steps. */
const FOOT = 1e-300, DEEPEST = 1e-4; // where a log axis puts a rate of 0, and the share of a strategy's highest it shows

const stroke = (i, extra) => ({ stroke: () => colour(i), width: 1.8, dash: strategies[i].dash, points: { show: false }, ...extra });

function losses(field, banded) {
  const top = ceiling[field] ?? Infinity, read = strategies.map(() => new Map());
  const fill = (log) => {
    const tables = [], series = [], owner = [-1], bands = [];
    const add = (i, values, ...lines) => { tables.push(values); series.push(...lines); lines.forEach(() => owner.push(i)); };
    strategies.forEach((s, i) => {
      const raw = positive(s[field], log.y), mean = smoothed(raw, weight);
      if (banded) {
        add(i, cut(log.x, s.steps, positive(s.low, log.y), positive(s.high, log.y)), { width: 0, points: { show: false } }, { width: 0, points: { show: false } });
        bands.push({ series: [series.length, series.length - 1], fill: () => colour(i) + "22" });
      }
      if (weight) add(i, cut(log.x, s.steps, raw), { stroke: () => colour(i) + "55", width: 1, points: { show: false } });
      add(i, cut(log.x, s.steps, mean), stroke(i));
      read[i] = new Map(s.steps.map((t, j) => [t, mean[j]]));
    });
    return {
      tables, series, owner, bands, label: say("step"), read: (i, x) => valued(read[i].get(x)),
      range: (u, low, high) => padded(low == null ? low : Math.min(low, top), high == null ? high : Math.min(high, top), log.y),
    };
  };
  chart(field, fill, { x: false, y: true });
}

function rates() {
  const fill = (log) => {
    const tables = [], series = [], owner = [-1], path = uPlot.paths.stepped({ align: 1 });
    strategies.forEach((s, i) => {
      let [steps, values] = held(s.stairs);
      if (log.x) [steps, values] = [[1, ...steps.filter((t) => t > 1)], [inForce(s.stairs, 1), ...values.filter((_, j) => steps[j] > 1)]];
      tables.push([steps, log.y ? values.map((v) => (v > 0 ? v : FOOT)) : values]);
      series.push(stroke(i, { paths: path }));
      owner.push(i);
    });
    const floor = () => Math.min(...strategies.map((s, i) => (shown(i) ? deepest(s.stairs[1]) : Infinity)));
    return {
      tables, series, owner, label: say("step"), read: (i, x) => valued(inForce(strategies[i].stairs, x)),
      range: (u, low, high) => (log.y ? padded(low && Math.max(low, floor()), high && Math.max(high, floor()), true) : padded(low, high, false)),
    };
  };
  chart("rates", fill, { x: false, y: true });
}

/* A stair lasts until the next one begins, the last one for an update. */
const held = ([steps, values]) => (steps.length ? [[...steps, steps.at(-1) + 1], [...values, values.at(-1)]] : [[], []]);
function inForce([steps, values], x) {
  const after = steps.findIndex((t) => t > x);
  return values.at(after < 0 ? -1 : Math.max(after - 1, 0));
}
function deepest(values) {
  const there = values.filter((v) => v > 0);
  return there.length ? Math.max(Math.min(...there), DEEPEST * Math.max(...there)) : Infinity;
}
