"use strict";
(() => {
  const { strategies, ceiling } = JSON.parse(document.getElementById("data").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const shown = strategies.map(() => true);
  const plots = [];
  const HEIGHT = 300, INSIDE = HEIGHT - 56, ROW = 9; // a chart, the part inside its axes, and a row of crosses
  let printing = false;

  const colour = (i) => (dark.matches && !printing ? strategies[i].dark : strategies[i].light);
  const ink = () => (dark.matches && !printing ? "#a4abb5" : "#59616b");
  const line = () => (dark.matches && !printing ? "#2a2f36" : "#e6e9ed");
  const family = getComputedStyle(document.body).fontFamily;
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
    const decades = Math.log10(high / low), found = [];
    if (decades < 0.6) {
      const raw = (high - low) / 4, unit = 10 ** Math.floor(Math.log10(raw));
      const step = unit * [1, 2, 5, 10].find((m) => m * unit >= raw * 0.999);
      for (let v = Math.ceil(low / step) * step; v <= high * 1.0001; v += step) found.push(+v.toPrecision(8));
      return found;
    }
    const jump = Math.max(1, Math.ceil(decades / most)), parts = decades < 2.6 ? [1, 2, 5] : [1];
    for (let p = Math.floor(Math.log10(low)); p <= Math.ceil(Math.log10(high)); p++)
      if (p % jump === 0) for (const m of parts) { const v = m * 10 ** p; if (v >= low * 0.9999 && v <= high * 1.0001) found.push(+v.toPrecision(8)); }
    return found;
  }
  function padded(low, high, top = 0) {
    if (low == null || high == null || !(low > 0)) return [0.1, 1];
    const a = Math.log10(low), b = Math.log10(Math.max(high, low)), room = Math.max(b - a, 0.08) * 0.05;
    const span = b - a + 2 * room;
    return [10 ** (a - room), 10 ** (b + room + span * top / (1 - top))];
  }
  const axis = (log, extra) => ({
    stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1, size: 4 },
    font: `12px ${family}`, labelFont: `12px ${family}`, labelSize: 18, gap: 4,
    ...(log ? { splits: (u, a, low, high) => ticks(low, extra.below ? extra.below(low, high) : high, a ? 8 : u.width / 60), filter: (u, splits) => splits } : {}),
    values: (u, splits) => splits.map((v) => (v == null ? "" : brief(v))),
    ...extra,
  });

  function build(figure, { tables, series, bands = [], owner, logX, label, range, below, hooks = {}, read }) {
    const box = figure.querySelector(".plot"), tip = document.createElement("div");
    tip.className = "tip";
    tip.hidden = true;
    const hide = () => { tip.hidden = true; };
    const plot = new uPlot({
      width: box.clientWidth, height: HEIGHT, legend: { show: false }, series: [{}, ...series], bands, padding: [8, 12, 0, 0],
      scales: { x: { time: false, distr: logX ? 3 : 1, range: logX ? (u, a, b) => padded(a, b) : undefined }, y: { distr: 3, range } },
      axes: [axis(logX, { size: 30, label }), axis(true, { size: 56, below })],
      cursor: { y: false, drag: { x: false, y: false }, points: { show: false }, sync: logX ? undefined : { key: "steps" } },
      hooks: {
        ...hooks,
        ready: [(u) => {
          u.over.append(tip);
          u.over.addEventListener("mouseleave", hide);
        }],
        setCursor: [(u) => {
          const at = u.cursor.idx;
          if (at == null || !u.over.matches(":hover")) return hide();
          const lines = strategies.map((s, i) => ({ i, ...read(i, u.data[0][at], at, u) })).filter((one) => shown[one.i] && one.text);
          lines.sort((a, b) => b.value - a.value);
          tip.replaceChildren(document.createTextNode(`${label} ${brief(u.data[0][at])}`), ...lines.map(row));
          tip.hidden = false;
          const right = u.cursor.left < u.over.clientWidth / 2;
          tip.style.left = right ? `${u.cursor.left + 12}px` : "auto";
          tip.style.right = right ? "auto" : `${u.over.clientWidth - u.cursor.left + 12}px`;
        }],
      },
    }, uPlot.join(tables), box);
    plots.push({ plot, box, owner });
  }
  function row({ i, text }) {
    const div = document.createElement("div"), name = document.createElement("span"), number = document.createElement("span");
    name.textContent = strategies[i].name;
    name.style.borderColor = colour(i);
    number.textContent = text;
    div.append(name, number);
    return div;
  }
  const valued = (value) => ({ value, text: value == null ? "" : brief(value) });
  const mean = (i, extra) => ({ stroke: () => colour(i), width: 1.8, dash: strategies[i].dash, points: { show: false }, ...extra });

  function overSteps(field, banded) {
    const tables = [], series = [], owner = [-1], bands = [], means = [];
    strategies.forEach((s, i) => {
      tables.push(banded ? [s.steps, s.low, s.high, s[field]] : [s.steps, s[field]]);
      if (banded) {
        series.push({ width: 0, points: { show: false } }, { width: 0, points: { show: false } });
        bands.push({ series: [series.length, series.length - 1], fill: () => colour(i) + "26" });
        owner.push(i, i);
      }
      series.push(mean(i));
      owner.push(i);
      means.push(series.length);
    });
    const top = ceiling[field] ?? Infinity;
    build(document.querySelector(`[data-chart=${field}]`), {
      tables, series, bands, owner, label: "step",
      range: (u, low, high) => padded(low == null ? low : Math.min(low, top), high == null ? high : Math.min(high, top)),
      read: (i, x, at, u) => valued(u.data[means[i]][at]),
    });
  }

  function overBases() {
    const tables = [], series = [], owner = [-1], known = strategies.map((s) => new Map(s.bases.map((b, j) => [b, j])));
    strategies.forEach((s, i) => {
      const inside = s.bases.map((b, j) => (s.basin && b >= s.basin[0] && b <= s.basin[1] ? s.losses[j] : null));
      const best = s.bases.map((b, j) => (b === s.best ? s.losses[j] : null));
      tables.push([s.bases, inside, s.losses, best]);
      series.push({ stroke: () => colour(i) + "59", width: 7, points: { show: false } }, mean(i),
        { width: 0, stroke: () => colour(i), points: { show: true, size: 8, width: 1, fill: () => colour(i), stroke: () => colour(i) } });
      owner.push(i, i, i);
    });
    const failing = () => strategies.map((s, i) => i).filter((i) => shown[i] && strategies[i].diverged.some(Boolean));
    const share = () => { const rows = failing().length; return rows ? Math.min(0.5, (rows * ROW + 8) / INSIDE) : 0; };
    const crosses = (u) => {
      const { ctx } = u, ratio = devicePixelRatio, rows = failing();
      if (!rows.length) return;
      ctx.save();
      ctx.lineWidth = 1.4 * ratio;
      const bottom = u.bbox.top + (rows.length * ROW + 6) * ratio, arm = 2.8 * ratio;
      ctx.strokeStyle = line();
      ctx.beginPath(); ctx.moveTo(u.bbox.left, bottom); ctx.lineTo(u.bbox.left + u.bbox.width, bottom); ctx.stroke();
      ctx.fillStyle = ink();
      ctx.font = `${11 * ratio}px ${family}`;
      ctx.textBaseline = "top";
      ctx.fillText("diverged", u.bbox.left + 4 * ratio, u.bbox.top + 2 * ratio);
      rows.forEach((i, place) => {
        ctx.strokeStyle = colour(i);
        const y = u.bbox.top + (place + 0.75) * ROW * ratio;
        strategies[i].bases.forEach((base, j) => {
          if (!strategies[i].diverged[j]) return;
          const x = u.valToPos(base, "x", true);
          ctx.beginPath();
          ctx.moveTo(x - arm, y - arm); ctx.lineTo(x + arm, y + arm); ctx.moveTo(x - arm, y + arm); ctx.lineTo(x + arm, y - arm);
          ctx.stroke();
        });
      });
      ctx.restore();
    };
    build(document.querySelector("[data-chart=bases]"), {
      tables, series, owner, logX: true, label: "base rate", hooks: { draw: [crosses] },
      range: (u, low, high) => padded(low, high, share()),
      below: (low, high) => high * (low / high) ** share(),
      read: (i, x) => {
        const s = strategies[i], j = known[i].get(x);
        if (j == null) return { text: "" };
        return s.diverged[j] ? { value: Infinity, text: `diverged ${s.diverged[j]}/${s.seeds}` } : valued(s.losses[j]);
      },
    });
  }

  const buttons = [...document.querySelectorAll(".legend [data-strategy]")], all = document.querySelector(".legend .all");
  function show(i, on) {
    shown[i] = on;
    buttons[i].setAttribute("aria-pressed", String(on));
    plots.forEach(({ plot, owner }) => plot.batch(() => owner.forEach((o, place) => { if (o === i) plot.setSeries(place, { show: on }); })));
    all.textContent = shown.some(Boolean) ? "Hide all" : "Show all";
  }
  buttons.forEach((button, i) => button.addEventListener("click", () => show(i, !shown[i])));
  all.addEventListener("click", () => { const on = !shown.some(Boolean); buttons.forEach((_, i) => show(i, on)); });

  if (!strategies.length) return;
  overSteps("train", true);
  if (document.querySelector("[data-chart=validation]")) overSteps("validation", false);
  overSteps("rates", false);
  overBases();
  const fit = (width) => plots.forEach(({ plot, box }) => {
    const wanted = width ?? box.clientWidth;
    if (wanted && wanted !== plot.width) plot.setSize({ width: wanted, height: HEIGHT });
  });
  const watcher = new ResizeObserver(() => { if (!printing) fit(); });
  plots.forEach(({ box }) => watcher.observe(box));
  const recolour = () => plots.forEach(({ plot }) => plot.redraw(false, true));
  dark.addEventListener("change", recolour);
  addEventListener("beforeprint", () => { printing = true; fit(330); recolour(); });
  addEventListener("afterprint", () => { printing = false; fit(); recolour(); });
})();
