/* What happened, on the charts: a line where there is room for one, else a tick at the top; findings by their number. */
const MOST_LINES_OF_A_KIND = 12, TOP = 0.09; // of a chart's height is left free for marks
const flag = () => getComputedStyle(document.documentElement).getPropertyValue("--flag").trim();
const runShown = (n) => !off.runs.has(runs[n].name);
const BADGE = 8; // the radius of a finding's number
const runInk = (n) => (several() ? (isDark() ? runs[n].dark : runs[n].light) : ink());

function drawMarks(u) {
  const { ctx } = u, { left, top, width, height } = u.bbox, ratio = devicePixelRatio;
  ctx.save();
  ctx.beginPath(); ctx.rect(left, top, width, height); ctx.clip();
  ctx.lineWidth = ratio;
  runs.forEach((run, n) => {
    if (!runShown(n)) return;
    ctx.strokeStyle = ctx.fillStyle = runInk(n);
    run.marks.forEach((mark) => drawMark(u, mark, run.marks.filter(({ kind }) => kind === mark.kind).length <= MOST_LINES_OF_A_KIND));
  });
  const put = []; // a number goes below those that it would cover
  runs.forEach((run, n) => {
    if (runShown(n)) run.findings.forEach((one) => drawFinding(u, one, n, put));
  });
  ctx.restore();
}

function drawMark(u, { step, last, kind }, lined) {
  const { ctx } = u, { top, height } = u.bbox, ratio = devicePixelRatio, x = u.valToPos(step, "x", true), end = u.valToPos(last, "x", true);
  if (!isFinite(x)) return;
  ctx.globalAlpha = 0.8;
  if (end > x + ratio) ctx.fillRect(x, top, end - x, 3 * ratio);
  const broken = kind === "not finite" || kind === "skip", arm = 3.5 * ratio, y = top + 5 * ratio;
  ctx.beginPath();
  if (broken) { ctx.moveTo(x - arm, y - arm); ctx.lineTo(x + arm, y + arm); ctx.moveTo(x - arm, y + arm); ctx.lineTo(x + arm, y - arm); ctx.stroke(); }
  else { ctx.moveTo(x - arm, top); ctx.lineTo(x + arm, top); ctx.lineTo(x, top + 8 * ratio); ctx.fill(); }
  if (!lined) return;
  ctx.globalAlpha = 0.45;
  ctx.setLineDash([3 * ratio, 3 * ratio]);
  ctx.beginPath(); ctx.moveTo(x, top + 9 * ratio); ctx.lineTo(x, top + height); ctx.stroke();
  ctx.setLineDash([]);
}

/* How far down a number has to go at x so that it lies on no other; `put` are the places that are taken. */
function free(put, x, wide) {
  let row = 0;
  while (put.some((one) => one.row === row && Math.abs(one.x - x) < wide)) row += 1;
  put.push({ x, row });
  return row;
}

function drawFinding(u, { place, step }, n, put) {
  if (step == null) return;
  const { ctx } = u, { top, height } = u.bbox, ratio = devicePixelRatio, x = u.valToPos(step, "x", true), radius = BADGE * ratio;
  if (!isFinite(x)) return;
  const y = top + 17 * ratio + free(put, x, 2 * radius + ratio) * (2 * radius + ratio);
  ctx.globalAlpha = 1;
  ctx.strokeStyle = flag();
  ctx.beginPath(); ctx.moveTo(x, y + radius); ctx.lineTo(x, top + height); ctx.stroke();
  ctx.fillStyle = flag();
  ctx.beginPath(); ctx.arc(x, y, radius, 0, 2 * Math.PI); ctx.fill();
  ctx.fillStyle = isDark() ? "#15181c" : "#fff";
  ctx.font = `bold ${11 * ratio}px ${family}`;
  ctx.textAlign = "center"; ctx.textBaseline = "middle";
  ctx.fillText(String(place), x, y + 0.5 * ratio);
  ctx.strokeStyle = ctx.fillStyle = runInk(n);
}

/* What the marks near the cursor say. */
const REACH = 6, MOST_NOTES = 4;
function notesAt(u, left) {
  const near = (step) => step != null && Math.abs(u.valToPos(step, "x") - left) < REACH;
  const under = ({ step, last }) => near(step) || (u.valToPos(step, "x") <= left && left <= u.valToPos(last, "x"));
  const said = runs.flatMap((run, n) => (runShown(n) ? [
    ...run.findings.filter(({ step }) => near(step)).map(({ place, illness }) => `${place}. ${illness}`),
    ...run.marks.filter(under).map((mark) => (mark.count > 1 ? manyTimes(mark) : mark.why)),
  ].map((line) => (several() ? say("{name}: {line}", { name: run.name, line }) : line)) : []));
  return said.length > MOST_NOTES ? [...said.slice(0, MOST_NOTES), say("and {count} more", { count: said.length - MOST_NOTES })] : said;
}
const manyTimes = ({ count, step, last, why }) => say("{count} times from {first} to {last}, first: {why}", { count, first: step, last, why });
