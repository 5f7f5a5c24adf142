/* The numbers that are drawn, as a file: a row for each run and update. */
one("#download").addEventListener("click", () => {
  const names = [...new Set(strategies.map(part))];
  const rows = new Map();
  strategies.forEach((s, i) => {
    if (!shown(i)) return;
    s.steps.forEach((step, j) => {
      const key = `${s.run}/${step}`;
      if (!rows.has(key)) rows.set(key, { run: s.run, step, values: {} });
      rows.get(key).values[part(s)] = s.values[j];
    });
  });
  const ordered = [...rows.values()].sort((a, b) => a.run - b.run || a.step - b.step);
  download("run.csv", csv([["run", "update", ...names], ...ordered.map((r) => [runs[r.run].name, r.step, ...names.map((n) => r.values[n])])]));
});
