"use strict";
(() => {
  const { lines, charts } = JSON.parse(document.getElementById("data").textContent);
  const shown = lines.map(() => true);
  const plots = [];
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const brief = (v) => (v == null ? "" : v === 0 ? "0" : Math.abs(v) >= 1e4 || Math.abs(v) < 1e-3 ? v.toExponential(0) : String(+v.toPrecision(3)));
  const axis = (extra) => ({
    stroke: () => css("--soft"),
    grid: { stroke: () => css("--line"), width: 1 },
    ticks: { stroke: () => css("--line"), width: 1 },
    font: "12px system-ui, sans-serif",
    labelFont: "12px system-ui, sans-serif",
    ...extra,
  });
  const decades = (u, splits) => splits.map((v) => (v > 0 && Math.abs(Math.log10(v) - Math.round(Math.log10(v))) < 1e-9 ? brief(v) : ""));
  const few = (u, splits) => { // on a log axis of less than two decades, label every split
    const range = Math.log10(u.scales.y.max / u.scales.y.min);
    return range < 1.2 ? splits.map(brief) : decades(u, splits);
  };

  function series(chart) {
    const list = [{}], data = [chart.x], bands = [], owner = [-1];
    lines.forEach((line, i) => {
      const add = (values, style) => {
        data.push(values); owner.push(i);
        list.push({ label: line.name, stroke: line.colour, spanGaps: false, ...style });
        return list.length - 1;
      };
      add(chart.y[i], { width: 1.8, dash: line.dash, spanGaps: Boolean(chart.gaps), points: { show: Boolean(chart.gaps), size: 5 } });
      if (chart.low) {
        const low = add(chart.low[i], { width: 0, points: { show: false } });
        const high = add(chart.high[i], { width: 0, points: { show: false } });
        bands.push({ series: [high, low], fill: line.colour + "22" });
      }
      if (chart.inside) add(chart.inside[i], { width: 6, stroke: line.colour + "77", points: { size: 9, fill: line.colour } });
    });
    return { list, data, bands, owner };
  }

  function draw(chart, figure) {
    const { list, data, bands, owner } = series(chart);
    const read = figure.querySelector(".read");
    const plot = new uPlot({
      width: figure.clientWidth, height: 320, legend: { show: false }, series: list, bands,
      cursor: { sync: chart.log_x ? undefined : { key: "updates" }, points: { show: false }, y: false },
      scales: { x: { time: false, distr: chart.log_x ? 3 : 1 }, y: { distr: 3 } },
      axes: [
        axis({ label: chart.x_label, values: chart.log_x ? decades : (u, s) => s.map(brief) }),
        axis({ size: 62, values: few }),
      ],
      hooks: {
        setCursor: [(u) => {
          const at = u.cursor.idx;
          if (at == null) { read.textContent = ""; return; }
          const parts = lines.map((line, i) => (shown[i] && chart.y[i][at] != null ? `${line.name} ${chart.y[i][at].toPrecision(3)}` : null));
          read.textContent = `${chart.x_label} ${brief(chart.x[at])}: ` + parts.filter(Boolean).join(" · ");
        }],
      },
    }, data, figure.querySelector(".chart"));
    plots.push({ plot, figure, owner });
  }

  const legend = document.querySelector(".legend");
  lines.forEach((line, i) => {
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("aria-pressed", "true");
    button.innerHTML = `<svg width="26" height="8" aria-hidden="true"><line x1="0" y1="4" x2="26" y2="4" stroke="${line.colour}" stroke-width="2.5" stroke-dasharray="${line.dash.join(" ")}"/></svg>`;
    button.append(line.name);
    button.addEventListener("click", () => {
      shown[i] = !shown[i];
      button.setAttribute("aria-pressed", String(shown[i]));
      plots.forEach(({ plot, owner }) => owner.forEach((o, s) => { if (o === i) plot.setSeries(s, { show: shown[i] }); }));
    });
    legend.append(button);
  });
  document.querySelectorAll(".charts figure").forEach((figure, i) => draw(charts[i], figure));
  new ResizeObserver(() => plots.forEach(({ plot, figure }) => {
    if (figure.clientWidth !== plot.width) plot.setSize({ width: figure.clientWidth, height: 320 });
  })).observe(document.body);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => plots.forEach(({ plot }) => plot.redraw()));
})();
