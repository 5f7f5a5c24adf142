/* Everything is drawn, and drawn again for another width, other colours, or paper. */
if (strategies.length) {
  losses("train", true);
  losses("validation", false);
  rates();
  bases();
  if (search.value) seek(); // a browser that goes back keeps what was typed
  const fit = (width) => charts.forEach((c) => c.resize(width));
  const recolour = () => charts.forEach(({ plot }) => plot.redraw(false, true));
  const watcher = new ResizeObserver(() => { if (!printing) fit(); });
  charts.forEach(({ box }) => watcher.observe(box));
  dark.addEventListener("change", recolour);
  addEventListener("beforeprint", () => { printing = true; fit(330); recolour(); });
  addEventListener("afterprint", () => { printing = false; fit(); recolour(); });
}
