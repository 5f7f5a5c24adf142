/* The charts over the updates, one for each panel that has a line. */
let view = null; // the ends of the updates that are zoomed to, in all charts together

function panelChart({ name, log, stepped }) {
  const path = stepped ? uPlot.paths.stepped({ align: 1 }) : undefined;
  const fill = (log) => {
    const tables = [], series = [], owner = [-1];
    panelLines(name).forEach((i) => {
      const s = strategies[i], raw = positive(s.values, log.y), smooth = weight && isSmoothed(name) && !s.looks;
      const add = (values, look) => { tables.push(cut(log.x, s.steps, values)); series.push(look); owner.push(i); };
      if (smooth) add(raw, { stroke: () => colour(i) + "55", width: 1, points: { show: false } });
      add(smooth ? smoothed(raw, weight) : raw, {
        stroke: () => colour(i), width: 1.6, dash: s.dash, paths: path, spanGaps: s.looks,
        points: { show: s.looks || s.steps.length === 1, size: 5, stroke: () => colour(i), fill: () => colour(i) },
      });
    });
    tables.push(cut(log.x, ends())); // so that all charts have one width of updates
    return {
      tables, series, owner, label: say("update⟨of an axis⟩"), hooks: { draw: [drawMarks] }, notes: notesAt, read: (i, x) => read(name, i, x),
      range: (u, low, high) => padded(low, high, log.y, TOP),
    };
  };
  chart(name, fill, { x: false, y: log }, zoomed);
}

/* The value of a line at the update of its own that is nearest to x. */
function read(panel, i, x) {
  const { steps, values, panel: own } = strategies[i];
  if (own !== panel || !steps.length || x < steps[0] || x > steps.at(-1)) return { text: "" };
  let low = 0, high = steps.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (steps[middle] <= x) low = middle; else high = middle;
  }
  return valued(values[x - steps[low] <= steps[high] - x ? low : high]);
}

/* One zoom of the updates for all charts. */
function zoomed(self, min, max) {
  if (min === undefined) { if (view) self.zoomTo(...view); return; }
  view = min === null ? null : [min, max];
  charts.filter((c) => c !== self).forEach((c) => (view ? c.zoomTo(min, max) : c.restore()));
  viewed();
}
function ends() {
  const steps = runs.filter((_, n) => runShown(n)).flatMap(({ span }) => span ?? []);
  return steps.length ? [...new Set([Math.min(...steps), Math.max(...steps)])] : [];
}
function look(step) {
  const [first, last = first] = ends(), room = Math.max(20, (last - first) / 20);
  const [min, max] = [Math.max(first, step - room), Math.min(last, step + room)];
  if (!(max > min) || !charts.length) return;
  charts[0].zoomTo(min, max);
  zoomed(charts[0], min, max);
  one("#charts").scrollIntoView({ behavior: "smooth" });
}

/* A chart for each panel as soon as it has a line; what has none is not there. */
function arrange() {
  panels.forEach((panel) => {
    const figure = one(`[data-chart=${panel.name}]`);
    figure.hidden = !panelLines(panel.name).length;
    if (!figure.hidden && !charts.some(({ name }) => name === panel.name)) { panelChart(panel); settle(charts.at(-1)); }
  });
  one("#nothing").hidden = strategies.length > 0;
}
