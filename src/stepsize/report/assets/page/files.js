/* Files made in the page: the table as it stands, and the curves, of the strategies that are shown; an expression to copy. */
one("#download-table").addEventListener("click", () => {
  const order = [...results.tBodies[0].rows].map((row) => Number(row.dataset.strategy)).filter(shown);
  download("table.csv", csv([table.header, ...order.map((i) => table.rows[i])]));
});
one("#download-curves").addEventListener("click", () => {
  const fields = { training_loss: "train", training_loss_lowest: "low", training_loss_highest: "high", rate: "rates" };
  if (one("[data-chart=validation]")) fields.validation_loss = "validation";
  const head = ["strategy", "step", ...Object.keys(fields)], columns = Object.values(fields);
  const lines = strategies.flatMap((s, i) => (shown(i) ? s.steps.map((t, j) => [s.name, t, ...columns.map((c) => s[c][j])]) : []));
  download("curves.csv", csv([head, ...lines]));
});

/* A page that was opened as a file may have no clipboard: then the text is marked, for the user to copy. */
all("[data-copy]").forEach((button) => button.addEventListener("click", async () => {
  const code = one("code", button.parentElement);
  try {
    await navigator.clipboard.writeText(code.textContent);
    button.textContent = say("copied");
    setTimeout(() => { button.textContent = say("copy"); }, 1500);
  } catch {
    getSelection().selectAllChildren(code);
  }
}));
