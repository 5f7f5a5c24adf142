/* The loss against the base rate: thick where it is good, a dot at the best, a row of crosses for each that diverged. */
const INSIDE = HEIGHT - 56, ROW = 9; // the part of a chart inside its axes, and a row of crosses, in pixels
const failing = () => strategies.map((s, i) => i).filter((i) => shown(i) && strategies[i].diverged.some(Boolean));
function share() {
  const rows = failing().length;
  return rows ? Math.min(0.5, (rows * ROW + 8) / INSIDE) : 0;
}

function crosses(u) {
  const { ctx } = u, ratio = devicePixelRatio, rows = failing(), { left, top, width, height } = u.bbox;
  if (!rows.length) return;
  const row = Math.min(ROW * ratio, (height / 2 - 8 * ratio) / rows.length), bottom = top + rows.length * row + 6 * ratio;
  const arm = Math.min(2.8 * ratio, row / 2);
  ctx.save();
  ctx.beginPath(); ctx.rect(left, top, width, height); ctx.clip();
  ctx.lineWidth = 1.4 * ratio;
  ctx.strokeStyle = line();
  ctx.beginPath(); ctx.moveTo(left, bottom); ctx.lineTo(left + width, bottom); ctx.stroke();
  ctx.fillStyle = ink();
  ctx.font = `${11 * ratio}px ${family}`;
  ctx.textBaseline = "top";
  ctx.textAlign = "left";
  ctx.fillText(say("diverged"), left + 4 * ratio, top + 2 * ratio);
  rows.forEach((i, place) => {
    ctx.strokeStyle = colour(i);
    const y = top + (place + 0.75) * row;
    strategies[i].bases.forEach((base, j) => {
      if (!strategies[i].diverged[j]) return;
      const x = u.valToPos(base, "x", true);
      ctx.beginPath();
      ctx.moveTo(x - arm, y - arm); ctx.lineTo(x + arm, y + arm); ctx.moveTo(x - arm, y + arm); ctx.lineTo(x + arm, y - arm);
      ctx.stroke();
    });
  });
  ctx.restore();
}

function bases() {
  const known = strategies.map((s) => new Map(s.bases.map((b, j) => [b, j])));
  const fill = (log) => {
    const tables = [], series = [], owner = [-1];
    strategies.forEach((s, i) => {
      const values = positive(s.losses, log.y), seen = (keep) => values.map((v, j) => (keep(s.bases[j]) ? v : null));
      tables.push([s.bases, seen((b) => s.basin && b >= s.basin[0] && b <= s.basin[1]), values, seen((b) => b === s.best)]);
      series.push({ stroke: () => colour(i) + "59", width: 7, points: { show: false } }, stroke(i),
        { width: 0, stroke: () => colour(i), points: { show: true, size: 8, width: 1, fill: () => colour(i), stroke: () => colour(i) } });
      owner.push(i, i, i);
    });
    return {
      tables, series, owner, label: say("base rate"), hooks: { draw: [crosses] },
      range: (u, low, high) => padded(low, high, log.y, share()),
      below: (low, high) => high * (low / high) ** share(),
      read: (i, x) => {
        const s = strategies[i], j = known[i].get(x);
        if (j == null) return { text: "" };
        return s.diverged[j] ? { value: Infinity, text: say("diverged {count}/{seeds}", { count: s.diverged[j], seeds: s.seeds }) } : valued(s.losses[j]);
      },
    };
  };
  chart("bases", fill, { x: true, y: true });
}
