/* A file of comma-separated values that is made in the page. */
const quoted = (cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);
const csv = (lines) => lines.map((cells) => cells.map((cell) => quoted(cell == null ? "" : String(cell))).join(",") + "\r\n").join("");

function download(name, text) {
  const link = document.createElement("a"), address = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}
