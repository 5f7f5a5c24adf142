/* The table of results: sorted by any column, with the columns that are wanted. */
const results = one(".results"), heads = all("th[data-key]", results);
const cells = (row, key) => one(`[data-key="${key}"]`, row);

/* Numbers by size, texts by letters; what has no value comes last, whichever way. */
function compared(a, b, down) {
  if (a === "" || b === "") return (a === "") - (b === "");
  const numbers = [Number(a), Number(b)];
  const order = numbers.some(Number.isNaN) ? a.localeCompare(b, "en", { numeric: true }) : numbers[0] - numbers[1];
  return down ? -order : order;
}
heads.forEach((head) => one("button", head).addEventListener("click", () => {
  const down = head.getAttribute("aria-sort") === "ascending", body = results.tBodies[0];
  const value = (row) => cells(row, head.dataset.key).dataset.value;
  const rows = [...body.rows].sort((a, b) => compared(value(a), value(b), down) || a.dataset.strategy - b.dataset.strategy);
  body.append(...rows);
  heads.forEach((other) => other.setAttribute("aria-sort", other === head ? (down ? "descending" : "ascending") : "none"));
}));

const choices = all("[data-column]");
function choose() {
  choices.forEach(({ dataset, checked }) => all(`[data-key="${dataset.column}"]`, results).forEach((cell) => { cell.hidden = !checked; }));
  all("th[data-group]", results).forEach((group) => {
    const count = choices.filter((c) => c.dataset.of === group.dataset.group && c.checked).length;
    group.hidden = !count;
    group.colSpan = count || 1;
  });
}
choices.forEach((choice) => choice.addEventListener("change", choose));
choose(); // a browser that goes back keeps what was chosen

/* The list of columns closes as lists do: with Escape, and with a click beside it. */
const list = one(".columns"), close = () => { list.open = false; };
list.addEventListener("keydown", ({ key }) => {
  if (key !== "Escape") return;
  close();
  one("summary", list).focus();
});
document.addEventListener("click", ({ target }) => { if (!list.contains(target)) close(); });
