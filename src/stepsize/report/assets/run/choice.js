/* What is shown: a button for each run, and in a chart of several lines one for each of them. */
const sample = ({ light, dark: night }, dash) => {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg"), line = document.createElementNS(svg.namespaceURI, "line");
  for (const [key, value] of Object.entries({ class: "sample", width: 26, height: 8, viewBox: "0 0 26 8", "aria-hidden": "true" })) svg.setAttribute(key, value);
  for (const [key, value] of Object.entries({ x1: 0, y1: 4, x2: 26, y2: 4, "stroke-dasharray": dash.join(" ") || "none" })) line.setAttribute(key, value);
  line.style.setProperty("--light", light);
  line.style.setProperty("--dark", night);
  svg.append(line);
  return svg;
};
function choiceButton(text, look, dash, set, key) {
  const button = document.createElement("button"), name = document.createElement("span");
  name.textContent = text;
  button.type = "button";
  button.setAttribute("aria-pressed", String(!set.has(key)));
  button.append(sample(look, dash), name);
  button.addEventListener("click", () => {
    if (set.has(key)) set.delete(key); else set.add(key);
    button.setAttribute("aria-pressed", String(!set.has(key)));
    changed();
  });
  return button;
}

/* The legends of what is there now; whether that is something else than before. */
let laid = "";
function legends() {
  const now = JSON.stringify([runs.map(({ name }) => name), strategies.map((s) => [s.name, s.panel])]);
  if (now === laid) return false;
  laid = now;
  one("#runs").replaceChildren(...(several() ? runs.map((run) => choiceButton(run.name, run, [], off.runs, run.name)) : []));
  panels.forEach(({ name }) => {
    const own = new Map(panelLines(name).map((i) => [part(strategies[i]), strategies[i]]));
    const grey = { light: "currentColor", dark: "currentColor" };
    const buttons = [...own].map(([key, s]) => choiceButton(s.label, several() ? grey : s, s.dash, off.parts, key));
    one(`[data-chart=${name}] .legend`).replaceChildren(...(own.size > 1 ? buttons : []));
  });
  return true;
}
follow(() => charts.forEach(({ plot }) => plot.redraw(false)));
document.addEventListener("click", ({ target }) => {
  const step = target.closest("[data-step]")?.dataset.step;
  if (step !== undefined) look(Number(step));
});
