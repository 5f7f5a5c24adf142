/* Which strategies are shown: a button for each, one for all, and a search in names and expressions. */
const buttons = all(".legend [data-strategy]"), everyone = one("#everyone"), search = one("#search"), count = one("#count");
buttons.forEach((button, i) => button.addEventListener("click", () => { on[i] = !on[i]; changed(); }));
everyone.addEventListener("click", () => {
  const show = !on.some((yes, i) => yes && found[i]);
  on.forEach((_, i) => { if (found[i]) on[i] = show; });
  changed();
});
function seek() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  strategies.forEach(({ name, text }, i) => { found[i] = words.every((word) => `${name} ${text}`.toLowerCase().includes(word)); });
  changed();
}
search.addEventListener("input", seek);
follow(() => {
  buttons.forEach((button, i) => { button.setAttribute("aria-pressed", String(on[i])); button.hidden = !found[i]; });
  all(".results tbody tr, article").forEach((part) => { part.hidden = !shown(Number(part.dataset.strategy)); });
  everyone.textContent = on.some((yes, i) => yes && found[i]) ? say("Hide all") : say("Show all");
  const number = strategies.filter((_, i) => shown(i)).length;
  count.textContent = number === strategies.length ? "" : say("{number} of {all} shown", { number, all: strategies.length });
});
