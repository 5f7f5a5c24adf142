/* The runs of the page and the lines of its charts; which are shown: those of runs that are on, whose part is on. */
const given = JSON.parse(document.getElementById("data").textContent);
const { panels, live } = given;
const strategies = [], off = { runs: new Set(), parts: new Set() };
let { runs } = given, whole = given, finer = null; // `finer` has more of the updates between its ends
const several = () => runs.length > 1;
const part = (s) => `${s.panel}/${s.part}`;
const shown = (i) => !off.runs.has(runs[strategies[i].run]?.name) && !off.parts.has(part(strategies[i]));
const isSmoothed = (name) => name === "loss";
const panelLines = (panel) => strategies.map((s, i) => i).filter((i) => strategies[i].panel === panel);

/* The lines as charts draw them: between the ends of what was asked for once more, as that has them. */
function lay() {
  const found = new Map((finer?.lines ?? []).map((line) => [`${line.run}/${line.panel}/${line.name}`, line]));
  strategies.splice(0, strategies.length, ...whole.lines.map((line) => {
    const more = found.get(`${line.run}/${line.panel}/${line.name}`), steps = whole.tables[line.table];
    const label = line.label ?? line.name, name = several() ? `${runs[line.run].name} · ${label}` : label;
    return { ...line, name, label, part: line.name, ...(more ? spliced(steps, line.values, finer.tables[more.table], more.values) : { steps }) };
  }));
}
function spliced(steps, values, inner, more) {
  if (!inner.length) return { steps, values };
  const before = steps.findIndex((t) => t >= inner[0]), after = steps.findIndex((t) => t > inner.at(-1));
  const [a, b] = [before < 0 ? steps.length : before, after < 0 ? steps.length : after];
  return { steps: [...steps.slice(0, a), ...inner, ...steps.slice(b)], values: [...values.slice(0, a), ...more, ...values.slice(b)] };
}
lay();
