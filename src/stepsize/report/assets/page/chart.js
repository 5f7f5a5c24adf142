/* A chart: it is drawn again when its axes change between log and linear, and it is zoomed by dragging. */
const charts = [], HEIGHT = 300;

const axis = (log, extra) => ({
  stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1, size: 4 },
  font: `12px ${family}`, labelFont: `12px ${family}`, labelSize: 18, gap: 4,
  ...(log ? { splits: (u, a, low, high) => ticks(low, extra.below ? extra.below(low, high) : high, a ? 8 : u.width / 60), filter: (u, splits) => splits } : {}),
  values: (u, splits) => splits.map((v) => (v == null ? "" : brief(v))),
  ...extra,
});

/* `make` gives, for the axes that are log, what is drawn: tables, series, the owner of each, the range of y, what is read.
   `onZoom` is told the ends of x that are shown now, null for all of it, and nothing where only an axis has changed. */
function chart(name, make, log, onZoom = () => {}) {
  const figure = one(`[data-chart=${name}]`);
  if (!figure) return;
  const box = one(".plot", figure), reset = one("[data-reset]", figure);
  const self = { name, box, log, plot: null, zoomed: false, draw, renew, resize, zoomTo, restore, follow: followShown };

  function draw() {
    const { tables, series, owner, label, range, below, read, notes, hooks = {}, bands = [] } = make(self.log);
    const kept = scales();
    self.plot?.destroy();
    self.owner = owner;
    const { ready, setCursor } = tooltip(label, read, notes);
    self.plot = new uPlot({
      width: box.clientWidth, height: HEIGHT, legend: { show: false }, bands, padding: [8, 18, 0, 0],
      series: [{}, ...series.map((s, place) => ({ ...s, show: shown(owner[place + 1]) }))],
      scales: {
        x: { time: false, distr: self.log.x ? 3 : 1, range: self.log.x ? (u, a, b) => padded(a, b, true) : undefined },
        y: { distr: self.log.y ? 3 : 1, range },
      },
      axes: [axis(self.log.x, { size: 30, label }), axis(self.log.y, { size: 62, below })],
      cursor: {
        y: false, drag: { x: true, y: true, uni: 30 }, points: { show: false },
        sync: name === "bases" ? undefined : { key: "steps", filters: { pub: moves, sub: moves } },
      },
      hooks: { ...hooks, ready: [ready], setCursor: [setCursor], setSelect: [selected] },
    }, uPlot.join(tables), box);
    self.plot.over.addEventListener("dblclick", (event) => { event.stopImmediatePropagation(); unzoom(); }, true);
    rescale(kept);
  }
  /* New numbers in the same lines: the plot stays, and with it what the cursor does. */
  function renew() {
    const { tables, owner } = make(self.log);
    if (!self.plot || owner.join() !== self.owner.join()) return draw();
    const kept = scales();
    self.plot.setData(uPlot.join(tables), !self.zoomed);
    rescale(kept);
  }
  const scales = () => (self.zoomed && self.plot ? ["x", "y"].map((key) => [key, self.plot.scales[key].min, self.plot.scales[key].max]) : []);
  const rescale = (kept) => self.plot.batch(() => kept.forEach(([key, min, max]) => self.plot.setScale(key, { min, max })));
  function selected({ select, over }) {
    zoom(select.width > 0 || select.height > 0);
    if (select.width > 0 && select.width < 0.98 * over.clientWidth) onZoom(self, self.plot.posToVal(select.left, "x"), self.plot.posToVal(select.left + select.width, "x"));
  }
  function zoomTo(min, max) {
    zoom(true);
    self.plot.setScale("x", { min, max });
  }
  function zoom(yes) {
    self.zoomed = yes;
    reset.disabled = !yes;
  }
  function restore() {
    zoom(false);
    draw();
  }
  function unzoom() {
    restore();
    onZoom(self, null, null);
  }
  function resize(width = box.clientWidth) {
    if (width && width !== self.plot.width) self.plot.setSize({ width, height: HEIGHT });
  }
  function followShown() {
    self.plot.batch(() => self.owner.forEach((i, place) => {
      if (i >= 0 && self.plot.series[place].show !== shown(i)) self.plot.setSeries(place, { show: shown(i) });
    }));
  }

  all("[data-log]", figure).forEach((button) => button.addEventListener("click", () => {
    const key = button.dataset.log;
    self.log = { ...self.log, [key]: !self.log[key] };
    button.setAttribute("aria-pressed", String(self.log[key]));
    restore();
    onZoom(self);
  }));
  reset.addEventListener("click", unzoom);
  follow(followShown);
  draw();
  charts.push(self);
}
const moves = (type) => type === "mousemove" || type === "mouseleave";
