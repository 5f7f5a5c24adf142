/* Everything is drawn, and drawn again for another width, other colours, or paper. */
const watcher = new ResizeObserver(() => { if (!printing) charts.forEach((c) => c.resize()); });
const settle = ({ box }) => watcher.observe(box);
const recolour = () => charts.forEach(({ plot }) => plot.redraw(false, true));
legends();
arrange();
dark.addEventListener("change", recolour);
addEventListener("beforeprint", () => { printing = true; charts.forEach((c) => c.resize(330)); recolour(); });
addEventListener("afterprint", () => { printing = false; charts.forEach((c) => c.resize()); recolour(); });
